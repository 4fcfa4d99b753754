// ==, whose two sides are of one type (-> $t $t Bool).
//
// What the first side's rules end in binds the type, and the second is evaluated
// against it. Lowered code evaluates both against nothing, and looks at the types
// when it has two values of different kinds.
#include "runtime/bytecode/lower.h"
#include "runtime/tables/table.h"

// As the static type; what the other side decides is not known.
static Value side_type(Lower *l, Value e) {
  Value t = ambi_is_lvar(e) ? AMB_UNIT : ambi_lower_static_type(l, e);
  if (!ambi_is_expr(e)) return t;
  Head h = ambi_lower_head_of(l, e);
  bool open = h.kind == HEAD_TYPED &&
              ambi_is_var(ambi_deref(
                  ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1)));
  return open || ambi_is_metatype(t) ? AMB_UNIT : t;
}

// What a rule of an untyped function ends in.
enum Ending {
  END_PLAIN = 1,  // a value as it stands: the expected type is asked of it
  END_TYPED =
      2,  // a call with a type of its own, which becomes what is expected
  END_METATYPE = 4,  // one that leaves what comes next unevaluated
  END_FREE = 8,      // a call whose value has any type: nobody asks for another
  END_OTHER = 16
};

enum { MAX_FOLLOWED = 12 };
// Functions whose rules were looked at, each once.
typedef struct Followed {
  const Definition *at[MAX_FOLLOWED];
  unsigned n;
} Followed;

// What all the rules end in.
typedef struct Endings {
  unsigned kinds;
  // The type of those that are END_TYPED, and that of all. AMB_NONE: there are none yet,
  // AMB_UNIT: there are several, or it is not known.
  Value typed, all;
  Followed followed;
} Endings;

static void follow_call(Lower *l, Value call, Endings *e);

// Is the value of this side to have the type of the other one? That of a call
// without a type is; a declared type, %Undefined% included, is not looked at
// again.
bool ambi_lower_untyped_call(Lower *l, Value side) {
  return ambi_is_expr(side) && ambi_is_sym(ambi_expr_at(side, 0)) &&
         ambi_lower_head_of(l, side).kind == HEAD_CALL;
}

static bool was_followed(const Followed *f, const Definition *d) {
  for (unsigned i = 0; i < f->n; i++)
    if (f->at[i] == d) return true;
  return false;
}

// False: they are too many.
static bool follow(Followed *f, const Definition *d) {
  if (f->n == MAX_FOLLOWED) return false;
  f->at[f->n++] = d;
  return true;
}

static void join_type(Value *all, Value type) {
  if (ambi_is_none(*all))
    *all = type;
  else if (all->w != type.w)
    *all = AMB_UNIT;
}

static void ends_in(Endings *e, enum Ending kind, Value type) {
  e->kinds |= kind;
  if (kind == END_TYPED) join_type(&e->typed, type);
  join_type(&e->all, type);
}

static void ends_in_result(Endings *e, Value result) {
  if (!ambi_is_var(result) && ambi_lower_any_type(result))
    ends_in(e, END_FREE, AMB_UNIT);
  else if (!ambi_is_sym(result))
    ends_in(e, END_OTHER, AMB_UNIT);
  else if (ambi_is_metatype(result))
    ends_in(e, END_METATYPE, AMB_UNIT);
  else
    ends_in(e, END_TYPED, result);
}

// The head has several types, or another one for so many arguments.
static void typed_ending(Lower *l, Value head, uint32_t nargs, Endings *e) {
  TypeVec types = {0};
  ends_in(e, END_OTHER, AMB_UNIT);
  if (ambi_head_types(l->cx, l->space, head, nargs, AMB_UNIT, &types))
    for (size_t i = 0; i < types.n; i++) {
      Value t = types.at[i].type;
      if (types.at[i].is_function && !types.at[i].is_error)
        ends_in_result(e, ambi_deref(ambi_expr_at(t, ambi_expr_size(t) - 1)));
    }
  ambi_types_drop(&types);
  if (l->cx->stop) l->failed = true;
}

static void follow_body(Lower *l, Value body, Endings *e) {
  if (!ambi_is_expr(body)) {
    Value t = ambi_lower_static_type(l, body);
    ends_in(e, END_PLAIN, ambi_is_none(t) ? AMB_UNIT : t);
    return;
  }
  Value head = ambi_expr_at(body, 0);
  if (is_sym(head, AMB_SYM(IF).w) && ambi_expr_size(body) == 4) {
    follow_body(l, ambi_expr_at(body, 2), e);
    follow_body(l, ambi_expr_at(body, 3), e);
    return;
  }
  if (is_sym(head, AMB_SYM(FUNCTION).w)) {  // what it returns goes on as a body
    ends_in(e, END_OTHER, AMB_UNIT);
    return;
  }
  Head h = ambi_lower_head_of(l, body);
  if (ambi_is_sym(head) && h.kind == HEAD_DATA)
    ends_in(e, END_PLAIN, AMB_UNIT);
  else if (h.kind == HEAD_CALL)
    follow_call(l, body, e);
  else if (h.kind == HEAD_TYPED)
    ends_in_result(
        e, ambi_deref(ambi_expr_at(h.ftype, ambi_expr_size(h.ftype) - 1)));
  else if (h.kind == HEAD_ODD && ambi_is_sym(head))
    typed_ending(l, head, ambi_expr_size(body) - 1, e);
  else
    ends_in(e, END_OTHER, AMB_UNIT);
}

static void follow_call(Lower *l, Value call, Endings *e) {
  Definition *d =
      ambi_lower_untyped_call(l, call) ? ambi_lower_head_of(l, call).def : NULL;
  if (d && was_followed(&e->followed, d)) return;
  if (!d || !follow(&e->followed, d)) {
    ends_in(e, END_OTHER, AMB_UNIT);
    return;
  }
  if (ambi_tables_declares(l->cx->rt, d->space, d->head)) {
    ends_in(e, END_PLAIN, AMB_UNIT);  // the type is asked of what the table has
    return;
  }
  RecordVec rules = {0};
  if (!ambi_space_rules(d->space, d->head, d->nargs, &rules)) l->failed = true;
  for (size_t i = 0; i < rules.n; i++)
    follow_body(l, ambi_expr_at(ambi_record_atom(rules.at[i]), 2), e);
  ambi_records_drop(&rules);
}

// A variable has a value as it stands.
static Endings endings_of(Lower *l, Value side) {
  Endings e = {.typed = AMB_NONE, .all = AMB_NONE};
  if (ambi_is_lvar(side))
    ends_in(&e, END_PLAIN, AMB_UNIT);
  else
    follow_call(l, side, &e);
  return e;
}

// ---- one result at most ---------------------------------------------------------

static bool is_single_call(Lower *l, Value call, Followed *f);

static bool is_single(Lower *l, Value e, Followed *f) {
  if (ambi_lower_is_det(l, e)) return true;
  if (is_sym(ambi_expr_at(e, 0), AMB_SYM(IF).w) && ambi_expr_size(e) == 4)
    return ambi_lower_is_det(l, ambi_expr_at(e, 1)) &&
           is_single(l, ambi_expr_at(e, 2), f) &&
           is_single(l, ambi_expr_at(e, 3), f);
  return is_single_call(l, e, f);
}

// What a function gives is single if that is so wherever it does not call itself.
static bool is_single_call(Lower *l, Value call, Followed *f) {
  if (!ambi_lower_untyped_call(l, call)) return false;
  for (uint32_t i = 1; i < ambi_expr_size(call); i++)
    if (!is_single(l, ambi_expr_at(call, i), f)) return false;
  Definition *d = ambi_lower_head_of(l, call).def;
  if (was_followed(f, d)) return true;
  RecordVec rules = {0};
  if (!ambi_space_rules(d->space, d->head, d->nargs, &rules)) l->failed = true;
  bool single = rules.n == 1 && follow(f, d) &&
                is_single(l, ambi_expr_at(ambi_record_atom(rules.at[0]), 2), f);
  ambi_records_drop(&rules);
  return single;
}

bool ambi_lower_is_single(Lower *l, Value e) {
  Followed f = {.n = 0};
  return is_single(l, e, &f);
}

bool ambi_lower_states(Lower *l, Value side) {
  return endings_of(l, side).kinds == END_PLAIN;
}

// How two values of different kinds are judged.
enum Look {
  LOOK_NO,      // they differ
  LOOK_FIRST,   // the first is to have the type of the second
  LOOK_SECOND,  // the other way round
  LOOK_WHOLE    // what has run decides: all of it again, by EVAL
};

static bool is_open_side(Lower *l, Value side) {
  return ambi_is_lvar(side) || ambi_lower_untyped_call(l, side);
}

// A variable and a call: the type that some rules end in is asked of the variable before
// anything runs (guard_endings), so that only values as they stand are judged.
static bool asked_before(const Endings *ends) {
  return ambi_is_sym(ends->typed) &&
         !(ends->kinds & ~(unsigned)(END_PLAIN | END_TYPED));
}

static enum Look look_at(Lower *l, Value a, Value b) {
  bool call_a = ambi_lower_untyped_call(l, a),
       call_b = ambi_lower_untyped_call(l, b);
  if ((!call_a && !call_b) || !is_open_side(l, a) || !is_open_side(l, b))
    return LOOK_NO;
  Endings ends_a = endings_of(l, a), ends_b = endings_of(l, b);
  if (ends_a.kinds == END_FREE || ends_b.kinds == END_FREE) return LOOK_NO;
  if (call_a && call_b && ambi_is_sym(ends_a.all) &&
      ends_a.all.w == ends_b.all.w)
    return LOOK_NO;
  if ((ends_a.kinds | ends_b.kinds) != END_PLAIN &&
      (call_a == call_b || !asked_before(call_a ? &ends_a : &ends_b)))
    return LOOK_WHOLE;
  return call_b ? LOOK_SECOND : LOOK_FIRST;
}

static void guard_endings(Lower *l, Value var, Value call, int label) {
  if (!ambi_is_lvar(var) || !ambi_lower_untyped_call(l, call)) return;
  Endings ends = endings_of(l, call);
  if (asked_before(&ends)) ambi_lower_guard(l, var, ends.typed, label);
}

// It cannot be evaluated twice.
static bool writes(Lower *l, Value side) {
  return (ambi_effects_term(l->cs, l->space, side) & E_EFFECTS) != 0;
}

// Some rules ask for a type and some do not, so of several values nobody knows.
static bool gives_any(Lower *l, Value side) {
  if (!ambi_lower_untyped_call(l, side)) return false;
  unsigned ends = endings_of(l, side).kinds;
  return (ends & END_FREE) && ends != END_FREE;
}

// Can it be evaluated once more when its value is there?
static bool repeats(Lower *l, Value side) {
  return ambi_is_lvar(side) || (!writes(l, side) && !gives_any(l, side) &&
                                ambi_lower_is_single(l, side));
}

// What a variable gives, compared with what has one type for certain.
static bool site_with(Value a, Value b) {
  return ambi_lower_is_asked(a) &&
         (ambi_is_number(b) || ambi_is_bool(b) || ambi_is_str(b));
}

// What one side gives may be said to have a metatype, and then decides whether the other
// one is evaluated.
static bool decides_on_evaluation(const Lower *l, Value ta, Value tb, Value e) {
  return ambi_load_relaxed(&l->cs->x_metatypes) && !ambi_is_sym(ta) &&
         !ambi_is_sym(tb) &&
         (ambi_is_expr(ambi_expr_at(e, 1)) || ambi_is_expr(ambi_expr_at(e, 2)));
}

// (== a b): can the code below decide whether the types agree?
bool ambi_lower_simple_types(Lower *l, Value e) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  if (site_with(a, b) || site_with(b, a)) return true;
  Value ta = side_type(l, a), tb = side_type(l, b);
  bool known_a = !ambi_is_unit(ta) || ambi_is_lvar(a),
       known_b = !ambi_is_unit(tb) || ambi_is_lvar(b);
  if (!known_a || !known_b || decides_on_evaluation(l, ta, tb, e)) return false;
  if (ambi_is_none(tb) && ambi_is_expr(b) &&
      (endings_of(l, a).kinds & END_METATYPE))
    return false;  // b stays as it is
  if (ambi_is_lvar(a) && (endings_of(l, b).kinds & END_METATYPE))
    return false;  // what a holds may not have that type
  if (look_at(l, a, b) == LOOK_WHOLE && !(repeats(l, a) && repeats(l, b)))
    return false;
  if (ambi_is_lvar(a) || ambi_is_lvar(b)) return true;
  return ambi_is_none(ta) || ambi_is_none(tb) || ta.w == tb.w;
}

// whole: where == is evaluated again, as long as each side has one value: its
// position in pos is still the present one then. NO_LABEL: it is not.
static void like_edge(Lower *l, Value e, const uint16_t *src,
                      const uint16_t *pos, int whole, int no, ErrTo err) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  size_t at = l->last;
  bool first = ambi_is_lvar(b);
  Stub *s = ambi_lower_stub(l, STUB_LIKE);
  s->no = no;
  s->err = err;
  s->back_to = whole;
  s->own = !ambi_is_lvar(a) && !ambi_is_lvar(b);
  s->list = ambi_lower_new_list(l, 4);
  if (l->failed) return;
  s->list[0] = src[first ? 0 : 1];
  s->list[1] = src[first ? 1 : 0];
  s->nlist = 2;
  for (int i = 0; i < 2 && whole != NO_LABEL; i++)
    if (!ambi_is_lvar(i ? b : a)) s->list[s->nlist++] = pos[i];
  if (whole != NO_LABEL) ambi_lower_use(l, whole);
  ambi_lower_edge_at(l, at, s->entry);
}

void ambi_lower_equality(Lower *l, Value e, int no, int whole, ErrTo err,
                         unsigned rest) {
  Value a = ambi_expr_at(e, 1), b = ambi_expr_at(e, 2);
  Value ta = side_type(l, a), tb = side_type(l, b);
  bool free_a = ambi_is_none(ta), free_b = ambi_is_none(tb);
  bool dynamic = (ambi_is_lvar(a) && !free_b) || (ambi_is_lvar(b) && !free_a);
  if (dynamic && ambi_short_int(b) && ambi_is_lvar(a)) {
    ambi_lower_var(l, ambi_lvar_of(a));
    ambi_lower_jump(l, OP_I_JNEQI, l->vars[ambi_lvar_of(a)].slot,
                    (uint16_t)ambi_int_of(b), no);
    ambi_lower_edge(l, l->bail);
    return;
  }
  uint16_t src[2], pos[2] = {NO_SLOT, NO_SLOT};
  bool tree = ambi_lower_is_tree(l, a) && ambi_lower_is_tree(l, b);
  int back = l->bail;
  if (dynamic && !tree) {  // compared with what a call gives
    ambi_lower_guard(l, a, tb, back);
    ambi_lower_guard(l, b, ta, back);
    dynamic = false;
  }
  guard_endings(l, a, b, back);
  guard_endings(l, b, a, back);
  if (site_with(a, b)) ambi_lower_guard(l, a, tb, back);
  if (site_with(b, a)) ambi_lower_guard(l, b, ta, back);
  if (!tree) ambi_lower_guard_nested(l, e, back);
  for (int i = 0; i < 2; i++) {
    Value side = i ? b : a;
    unsigned then = i ? rest : ambi_lower_effects_from(l, e, 2, rest);
    if (ambi_is_lvar(side) && dynamic) {
      ambi_lower_var(l, ambi_lvar_of(side));
      src[i] = l->vars[ambi_lvar_of(side)].slot;
    } else if (ambi_is_expr(side) && tree) {
      src[i] = ambi_lower_slot(l);
      ambi_lower_expr(l, side, AMB_SYM(UNDEFINED), (Dst){false, src[i]}, err,
                      then);
    } else {
      Value other = i ? ta : tb;  // its type, where that is known
      bool known =
          (ambi_lower_untyped_call(l, side) || ambi_lower_is_asked(side)) &&
          ambi_is_sym(other);
      l->arg_bail = back;
      src[i] = ambi_lower_operand(l, side, known ? other : AMB_SYM(UNDEFINED),
                                  err, then, false);
      l->arg_bail = NO_LABEL;
      pos[i] = l->position;
    }
    if (!ambi_lower_is_tree(l, side)) back = NO_LABEL;
  }
  bool int_b =
      ambi_short_int(b) && src[0] < SRC_CHECK && !free_a && !ambi_is_lvar(a);
  if (int_b)
    ambi_lower_jump(l, OP_I_JNEQI, src[0], (uint16_t)ambi_int_of(b), no);
  else
    ambi_lower_jump(l, dynamic ? OP_I_JNEQT : OP_I_JNEQ, src[0], src[1], no);
  if (int_b || dynamic) {
    if (tree)
      ambi_lower_edge(l, l->bail);
    else {  // a call in the tree gave no number: not equal
      size_t at = l->last;
      ambi_lower_edge_at(l, at, no);
    }
  } else {
    enum Look look = look_at(l, a, b);
    bool again = look == LOOK_WHOLE && (ambi_is_lvar(a) || pos[0] != NO_SLOT) &&
                 (ambi_is_lvar(b) || pos[1] != NO_SLOT);
    if (look != LOOK_NO)
      like_edge(l, e, src, pos, again ? whole : NO_LABEL, no, err);
  }
}
