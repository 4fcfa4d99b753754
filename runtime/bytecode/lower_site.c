// Applications of a variable: what the head is, only running can tell (site.h).
//
// Where the arguments cannot do anything, the site looks at the head and at what the
// arguments hold, all at once: whatever it does not take goes to EVAL as a whole.
// Otherwise the head is looked at before the arguments are evaluated, as the types
// of a function decide how that is done; what is data or has no type then goes on
// here, and members that are values by then go nowhere else but to a call.
#include "runtime/bytecode/lower.h"

typedef struct Site {
  Lower *l;
  Value e, type;
  uint32_t n;         // arguments
  uint16_t shape;     // a constant
  uint16_t head;      // a slot
  uint16_t *src;      // head and arguments of the call
  uint16_t *members;  // ... and as members of an expression
  Dst d;
  ErrTo err;
} Site;

enum { MOST_ARGUMENTS = 60 };

bool ambi_lower_is_site(Value e) {
  return ambi_is_expr(e) && ambi_is_lvar(ambi_expr_at(e, 0)) &&
         ambi_expr_size(e) <= MOST_ARGUMENTS;
}

// ---- arguments that cannot do anything ----------------------------------------

// Numbers of numbers: nothing is evaluated but by its operation.
static bool numeric(Lower *l, Value e) {
  if (!ambi_lower_is_tree(l, e)) return false;
  Head h = ambi_lower_head_of(l, e);
  if (h.kind != HEAD_TYPED || !ambi_lower_arguments_fit(l, e, h.ftype))
    return false;
  for (uint32_t i = 1; i <= ambi_expr_size(e); i++)
    if (ambi_deref(ambi_expr_at(h.ftype, i)).w != AMB_SYM(T_NUMBER).w)
      return false;
  for (uint32_t i = 1; i < ambi_expr_size(e); i++)
    if (ambi_is_expr(ambi_expr_at(e, i)) && !numeric(l, ambi_expr_at(e, i)))
      return false;
  return true;
}

static bool quiet(Lower *l, Value e) {
  for (uint32_t i = 1; i < ambi_expr_size(e); i++) {
    Value c = ambi_expr_at(e, i);
    if (c.w == AMB_SYM(EMPTY).w || (ambi_is_expr(c) && !numeric(l, c)))
      return false;
  }
  return true;
}

// Errors of the arguments, too, are for EVAL to find again.
static void quiet_arguments(Site *s, int bail) {
  Lower *l = s->l;
  int outer = l->bail;
  l->bail = bail;
  for (uint32_t i = 1; i <= s->n && !l->failed; i++) {
    Value c = ambi_expr_at(s->e, i);
    if (ambi_is_lvar(c)) {
      s->src[i] = (uint16_t)(l->vars[ambi_lvar_of(c)].slot | SRC_CHECK);
    } else if (!ambi_is_expr(c)) {
      s->src[i] = ambi_lower_k(l, c);
    } else {
      s->src[i] = ambi_lower_slot(l);
      ambi_lower_expr(l, c, AMB_SYM(T_NUMBER), (Dst){false, s->src[i]},
                      (ErrTo){false, s->src[i], bail}, E_PURE);
    }
  }
  l->bail = outer;
}

// ---- the call, and what it may turn out to be -----------------------------------

static void open_head(Site *s, Lower *l, Value e, Value t, Dst d, ErrTo err) {
  uint32_t n = ambi_expr_size(e) - 1;
  *s = (Site){.l = l, .e = e, .type = t, .n = n, .d = d, .err = err};
  bool same = true;  // nothing is evaluated
  for (uint32_t i = 1; i <= n; i++)
    same = same && !ambi_is_expr(ambi_expr_at(e, i));
  Variant *shape = ambi_shape(l->cs, l->space, n, t, same);
  if (shape && l->counted) shape = ambi_variant_counted(l->cs, shape);
  s->src = ambi_lower_new_list(l, n + 1);
  s->members = ambi_lower_new_list(l, n + 1);
  if (!shape) l->failed = true;
  if (l->failed) return;
  s->shape = ambi_lower_const(l, (Word)(uintptr_t)shape);
  s->head = s->src[0] = l->vars[ambi_lvar_of(ambi_expr_at(e, 0))].slot;
}

static void open_site(Site *s, Lower *l, Value e, Value t, Dst d, ErrTo err) {
  ambi_lower_prepare(l, e);
  open_head(s, l, e, t, d, err);
}

// position: notes the choice stack, or NO_SLOT. edge: what only EVAL can tell.
static void call(Site *s, uint16_t position, int data, int edge) {
  Lower *l = s->l;
  uint16_t *list = ambi_lower_new_list(l, s->n + 2);
  if (l->failed) return;
  list[0] = 0;  // the frame size, filled in at the end
  memcpy(list + 1, s->src, (s->n + 1) * sizeof *list);
  ambi_lower_emit(l, s->d.tail ? OP_I_TAILCALLV : OP_I_CALLV,
                  s->d.tail ? 0 : position, s->n + 1, s->shape);
  ambi_lower_list(l, list, s->n + 2);
  ambi_lower_varl(l, data);
  ambi_lower_edge(l, edge);
}

// The members as data, or for EVAL, behind the main line, which is the call's.
static int later(Site *s, enum StubKind kind, uint16_t slot, int back) {
  Stub *m = ambi_lower_stub(s->l, kind);
  m->term = s->e;
  m->type = s->type;
  m->dst = (Dst){false, slot};
  m->err = s->err;
  m->list = s->members;
  m->nlist = s->n + 1;
  m->back = back;
  return m->entry;
}

// The call, and data in its place. edge: what only EVAL can tell.
static void call_or_data(Site *s, Code position, uint16_t slot, int back,
                         int edge) {
  Lower *l = s->l;
  bool own = position.op != OP_I_R_STORE;
  if (s->d.tail) {
    int data = ambi_lower_label(l);
    call(s, NO_SLOT, data, edge);
    ambi_lower_bind(l, data);
    ambi_lower_members(l, s->e, s->members, slot, s->err);
    ambi_lower_bind(l, back);
    ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
    return;
  }
  call(s, own ? position.b : NO_SLOT, later(s, STUB_DATA, slot, back), edge);
  ambi_lower_emit(l, (enum Opcode)position.op, slot, position.b, 0);
  if (own) ambi_lower_error_edge(l, slot, s->err);
  ambi_lower_bind(l, back);
}

static void quiet_site(Lower *l, Value e, Value t, Dst d, ErrTo err,
                       Code position) {
  Site s;
  open_site(&s, l, e, t, d, err);
  if (l->failed) return;
  int stub = ambi_lower_bail_stub(l, e, t, d, err),
      bail = ambi_lower_stub_at(l, stub)->entry, back = ambi_lower_label(l);
  quiet_arguments(&s, bail);
  uint16_t slot = d.tail ? ambi_lower_slot(l) : d.slot;
  memcpy(s.members, s.src, (s.n + 1) * sizeof *s.src);
  s.members[0] |= SRC_CHECK;
  call_or_data(&s, position, slot, back, bail);
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

// ---- arguments that are evaluated --------------------------------------------------

static void evaluated_site(Site *s, unsigned rest) {
  Lower *l = s->l;
  rest |= ambi_effects_unknown(l->cs);
  for (uint32_t i = 0; i <= s->n && !l->failed && !l->refused; i++)
    s->members[i] =
        ambi_lower_operand(l, ambi_expr_at(s->e, i), AMB_SYM(UNDEFINED), s->err,
                           ambi_lower_effects_from(l, s->e, i + 1, rest), true);
  if (l->failed || l->refused) return;
  uint16_t slot = s->d.tail ? ambi_lower_slot(l) : s->d.slot;
  memcpy(s->src, s->members, (s->n + 1) * sizeof *s->src);
  s->src[0] |= SRC_CHECK;  // only what has no type is called now
  int back = ambi_lower_label(l);
  call_or_data(s, (Code){.op = OP_I_R_STORE}, slot, back,
               later(s, STUB_CALL, slot, back));
}

// Data whose last child is a call is worth a chain; the call, which may come back
// here, stands in the code twice then.
static bool chains(const Site *s) {
  Value last = ambi_expr_at(s->e, s->n);
  return s->d.tail && !s->l->form && ambi_is_expr(last) &&
         ambi_is_sym(ambi_expr_at(last, 0));
}

static void general_site(Lower *l, Value e, Value t, Dst d, ErrTo err,
                         unsigned rest, bool changing) {
  Site s;
  open_site(&s, l, e, t, d, err);
  if (l->failed) return;
  int stub = ambi_lower_bail_stub(l, e, t, d, err),
      bail = ambi_lower_stub_at(l, stub)->entry;
  int function = changing ? bail : ambi_lower_label(l);
  ambi_lower_jump(l, OP_I_CHKHEAD, s.head, s.shape, function);
  ambi_lower_edge(l, bail);
  Var *vars = ambi_lower_save_vars(l);
  if (changing || chains(&s)) ambi_lower_data(l, e, t, d, err, rest);
  if (!changing) {
    if (l->failed) return;
    ambi_lower_restore_vars(l, vars);
    ambi_lower_bind(l, function);
    evaluated_site(&s, rest);
  }
  ambi_lower_bind(l, ambi_lower_stub_at(l, stub)->back);
}

// ---- as an argument ----------------------------------------------------------------

// Numeric arguments are not there yet; any number has their type.
void ambi_lower_guard_site(Lower *l, Value e, Value type, int label) {
  Site s;
  open_site(&s, l, e, type, (Dst){0}, (ErrTo){0});
  if (l->failed) return;
  bool asks = quiet(l, e);
  for (uint32_t i = 1; asks && i <= s.n; i++) {
    Value c = ambi_expr_at(e, i);
    s.src[i] = ambi_is_lvar(c)   ? l->vars[ambi_lvar_of(c)].slot | SRC_CHECK
               : ambi_is_expr(c) ? ambi_lower_k(l, ambi_small_int(0))
                                 : ambi_lower_k(l, c);
  }
  unsigned n = asks ? s.n + 1 : 1;
  ambi_lower_emit(l, OP_I_CHKCALL, 0, n, s.shape);
  ambi_lower_list(l, s.src, n);
  ambi_lower_edge(l, label);
}

void ambi_lower_guard_kind(Lower *l, Value e, int label) {
  Site s;
  ambi_lower_var(l, ambi_lvar_of(ambi_expr_at(e, 0)));
  open_head(&s, l, e, AMB_SYM(UNDEFINED), (Dst){0}, (ErrTo){0});
  if (l->failed) return;
  ambi_lower_emit(l, OP_I_CHKCALL, 1, 1, s.shape);
  ambi_lower_list(l, s.src, 1);
  ambi_lower_edge(l, label);
}

// ---- both ----------------------------------------------------------------------------

bool ambi_lower_site_at(Lower *l, Value e, Value t, uint16_t slot, uint16_t pos,
                        ErrTo err, bool stream) {
  if (ambi_expr_size(e) > MOST_ARGUMENTS || !quiet(l, e)) return false;
  Code position = {.op = stream ? OP_I_R_STREAM : OP_I_R_GATHER};
  position.b = pos;
  quiet_site(l, e, t, (Dst){false, slot}, err, position);
  return true;
}

void ambi_lower_site(Lower *l, Value e, Value t, Dst d, ErrTo err,
                     unsigned rest, bool changing) {
  bool many = ambi_expr_size(e) > MOST_ARGUMENTS;
  if (changing || many || !quiet(l, e)) {
    general_site(l, e, t, d, err, rest, changing || many);
    return;
  }
  quiet_site(l, e, t, d, err, (Code){.op = OP_I_R_STORE});
}
