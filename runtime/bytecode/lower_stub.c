// Late code: what is rarely run stands behind the rest of the unit.
//
// Errors on their way out, expressions handed to EVAL whole, slower copies of
// instructions that met an operand which is not final, conditions that are no
// truth values. A stub keeps the variables as they were where it was made.
#include "runtime/bytecode/lower.h"

int ambi_lower_bail_stub(Lower *l, Value e, Value t, Dst d, ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_BAIL);
  s->term = e;
  s->body = ambi_is_expr(e) && ambi_is_lvar(ambi_expr_at(e, 0)) &&
            ambi_same(e, l->body);
  s->type = t;
  s->dst = d;
  s->err = err;
  s->no = l->bail;
  if (s->no != NO_LABEL) ambi_lower_use(l, s->no);
  return (int)(s - l->stubs);
}

int ambi_lower_body_stub(Lower *l, uint16_t slot, Value call, Value t, Dst d,
                         ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_BODY);
  s->term = call;
  s->type = t;
  s->from = slot;
  s->dst = d;
  s->err = err;
  return (int)(s - l->stubs);
}

int ambi_lower_clause_stub(Lower *l, uint16_t slot, Value e, uint16_t value,
                           Dst d, ErrTo err) {
  int stub = ambi_lower_body_stub(l, slot, e, AMB_SYM(UNDEFINED), d, err);
  Stub *s = ambi_lower_stub_at(l, stub);
  s->kind = STUB_CLAUSE;
  s->first_value = value;
  return stub;
}

int ambi_lower_step_check(Lower *l, Value e, uint32_t i, uint16_t slot, Value t,
                          Dst d, ErrTo err) {
  Value arg = ambi_expr_at(e, i);
  if (!l->unstable || !(ambi_effects_term(l->cs, l->space, arg) & E_RULES))
    return -1;
  int stub = ambi_lower_body_stub(l, slot, ambi_lower_kept(l, e), t, d, err);
  ambi_lower_stub_at(l, stub)->kind = STUB_STEP;
  ambi_lower_stub_at(l, stub)->index = i;
  ambi_lower_emit(l, OP_I_CHKEPOCH, 0, 0, 0);
  ambi_lower_edge(l, ambi_lower_stub_at(l, stub)->entry);
  return stub;
}

int ambi_lower_space_stub(Lower *l, uint16_t slot, Value term, Dst d,
                          ErrTo err) {
  term = ambi_lower_kept(l, term);
  Stub *s = ambi_lower_stub(l, STUB_SPACE);
  s->term = term;
  s->type = AMB_SYM(UNDEFINED);
  s->from = slot;
  s->dst = d;
  s->err = err;
  return (int)(s - l->stubs);
}

void ambi_lower_checked_stub(Lower *l, size_t at, Code head,
                             const uint16_t *list, unsigned n, ErrTo err) {
  bool any = false;
  for (unsigned i = 0; i < n; i++)
    any |= (list[i] & SRC_CONST) == SRC_CHECK;
  if (!any) return;
  Stub *s = ambi_lower_stub(l, STUB_CHECKED);
  s->head = head;
  s->err = err;
  s->nlist = n;
  s->list = ambi_arena_alloc(&l->arena, (n + 1) * sizeof *s->list);
  if (!s->list) {
    l->failed = true;
    return;
  }
  memcpy(s->list, list, n * sizeof *list);
  ambi_lower_edge_at(l, at, s->entry);
}

int ambi_lower_position_stub(Lower *l, Code ret, ErrTo err) {
  Stub *s = ambi_lower_stub(l, STUB_POSITION);
  s->ret = ret;
  s->err = err;
  return (int)(s - l->stubs);
}

static void end_position(Lower *l, Code ret, ErrTo err, int back) {
  if (ret.op != OP_I_R_STORE) {
    enum Opcode op = ret.op == OP_I_R_STREAM ? OP_I_STREAM : OP_I_GATHER;
    ambi_lower_emit(l, op, ret.a, ret.b, 0);
    ambi_lower_error_edge(l, ret.a, err);
  }
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, back);
}

// Where rules may change, what evaluating has changed a member of is not marked.
static void checked_members(Lower *l, const Stub *s, const uint16_t *was) {
  int changed = -1, end = ambi_lower_label(l);
  for (unsigned i = 0; i < s->nlist && l->unstable && (s->head.c & 1); i++) {
    if (s->list[i] == was[i]) continue;
    if (changed < 0) changed = ambi_lower_label(l);
    ambi_lower_jump(l, OP_I_SAMEV, s->list[i], was[i] & (SRC_CHECK - 1),
                    changed);
    ambi_lower_varl(l, changed);
  }
  ambi_lower_emit(l, OP_I_MKEXPR, s->head.a, s->head.b, s->head.c);
  ambi_lower_list(l, s->list, s->nlist);
  if (changed < 0) return;
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, end);
  ambi_lower_bind(l, changed);
  ambi_lower_emit(l, OP_I_MKEXPR, s->head.a, s->head.b, 0);
  ambi_lower_list(l, s->list, s->nlist);
  ambi_lower_bind(l, end);
}

static void checked_code(Lower *l, Stub *s) {
  // A call that notes the choice stack itself does so before its operands are
  // evaluated here.
  bool early = s->head.op == OP_I_CALL && s->head.a != NO_SLOT;
  ErrTo err = s->err;
  if (s->head.op == OP_I_MKEXPR) {  // what was to be a value is a position now
    uint16_t p = ambi_lower_slot(l);
    s->ret = (Code){.op = (uint16_t)ambi_lower_taken_by(l, s->head.a)};
    s->ret.a = s->head.a;
    s->ret.b = p;
    ambi_lower_emit(l, OP_I_POS, p, 0, 0);
    err = (ErrTo){false, s->head.a, ambi_lower_label(l)};
  }
  if (early) {
    ambi_lower_emit(l, OP_I_POS, s->head.a, 0, 0);
    err = (ErrTo){false, s->ret.a, ambi_lower_label(l)};
    s->head.a = NO_SLOT;
  }
  uint16_t *was = ambi_lower_new_list(l, s->nlist);
  if (l->failed) return;
  memcpy(was, s->list, s->nlist * sizeof *was);
  for (unsigned i = 0; i < s->nlist; i++) {
    if ((s->list[i] & SRC_CONST) != SRC_CHECK) continue;
    uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_EVALT, slot, s->list[i] & (SRC_CHECK - 1), p);
    ambi_lower_error_edge(l, slot, err);
    ambi_lower_emit(l, OP_I_R_GATHER, slot, p, 0);
    ambi_lower_error_edge(l, slot, err);
    s->list[i] = slot;
  }
  if (s->head.op == OP_I_MKEXPR) {
    checked_members(l, s, was);
    ambi_lower_bind(l, err.label);
    end_position(l, s->ret, s->err, s->back);
    return;
  }
  uint16_t *list = ambi_lower_new_list(l, s->nlist + 1);
  if (l->failed) return;
  ambi_lower_emit(l, (enum Opcode)s->head.op, s->head.a, s->head.b, s->head.c);
  list[0] = 0;
  memcpy(list + 1, s->list, s->nlist * sizeof *list);
  ambi_lower_list(l, list, s->nlist + 1);
  if (s->ret.op != OP_I_NOP) {
    ambi_lower_emit(l, (enum Opcode)s->ret.op, s->ret.a, s->ret.b, 0);
    if (s->ret.op != OP_I_R_STORE) ambi_lower_error_edge(l, s->ret.a, s->err);
  }
  if (s->head.op != OP_I_TAILCALL) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
  if (!early) return;
  ambi_lower_bind(l, err.label);
  end_position(l, s->ret, s->err, s->back);
}

// The condition was neither True nor False: build the if with it, and let EVAL
// try the rules of `if` (an unbound variable takes both branches).
static void odd_if(Lower *l, const Stub *s) {
  if (ambi_is_none(s->term)) {  // a truth value was asked for: it is the value
    ambi_lower_give(l, s->from, s->dst);
    if (!s->dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
    return;
  }
  uint16_t list[4];
  list[0] = ambi_lower_k(l, ambi_expr_at(s->term, 0));
  list[1] = s->from;
  list[2] = ambi_lower_term(l, ambi_expr_at(s->term, 2));
  list[3] = ambi_lower_term(l, ambi_expr_at(s->term, 3));
  int data_if = ambi_lower_label(l), open = ambi_lower_label(l);
  uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
  ambi_lower_jump(l, OP_I_TESTK, s->from, ambi_lower_const(l, AMB_TRUE.w),
                  data_if);
  ambi_lower_varl(l, open);
  ambi_lower_bind(l, data_if);  // no rule of `if` is for it
  // its own value, unless it is no more what stood there
  bool own = !ambi_is_expr(ambi_expr_at(s->term, 1));
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 4, own);
  ambi_lower_list(l, list, 4);
  ambi_lower_give(l, slot, s->dst);
  if (!s->dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
  ambi_lower_bind(l, open);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 4, 0);
  ambi_lower_list(l, list, 4);
  uint16_t type = ambi_lower_const(l, s->type.w);
  if (s->dst.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, slot, type);
    return;
  }
  ambi_lower_emit(l, OP_I_EVALX, p, slot, type);
  ambi_lower_take(l, s->dst.slot, p, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// The call with its operands evaluated, for EVAL.
static void rebuilt(Lower *l, const Stub *s) {
  uint16_t slot = ambi_lower_slot(l), p = ambi_lower_slot(l);
  uint16_t type = ambi_lower_const(l, s->type.w);
  ambi_lower_emit(l, OP_I_MKEXPR, slot, s->nlist, 0);
  ambi_lower_list(l, s->list, s->nlist);
  if (s->dst.tail) {
    ambi_lower_emit(l, OP_I_EVALXT, 0, slot, type);
    return;
  }
  ambi_lower_emit(l, OP_I_EVALX, p, slot, type);
  ambi_lower_take(l, s->dst.slot, p, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// change-state! to an evaluated value that is odd. What a form gave is taken as it
// is, and so are expressions that a call gave: only atoms are cast.
static void odd_state(Lower *l, const Stub *s) {
  if (s->back_to != NO_LABEL) {  // did evaluating the variable do nothing?
    int ran = ambi_lower_label(l);
    ambi_lower_jump(l, OP_I_SAMEV, s->from, s->list[2], ran);
    ambi_lower_varl(l, ran);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back_to);
    ambi_lower_bind(l, ran);
  }
  if (s->back_to != NO_LABEL || s->list[2] >= SRC_CHECK) {
    rebuilt(l, s);
    return;
  }
  int cast = ambi_lower_label(l), set = ambi_lower_label(l);
  uint16_t slot = s->dst.tail ? ambi_lower_slot(l) : s->dst.slot;
  if (s->no) {
    ambi_lower_emit(l, OP_I_CHKEXP, s->list[2], 0, 0);
    ambi_lower_edge(l, cast);
  }
  ambi_lower_bind(l, set);
  ambi_lower_emit_builtin(l, OP_CHANGE_STATE, s->list + 1, 2, slot, s->err);
  if (s->dst.tail)
    ambi_lower_emit(l, OP_I_RET, slot, 0, 0);
  else
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
  if (!s->no) return;
  ambi_lower_bind(l, cast);
  uint16_t value = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_CASTSTATE, value, s->list[2], s->list[1]);
  ambi_lower_error_edge(l, value, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, set);
}

static void space_matched(Lower *l, Stub *s) {
  s->nlist = ambi_expr_size(s->term);
  s->list = ambi_lower_new_list(l, s->nlist);
  for (uint32_t i = 0; i < s->nlist && !l->failed; i++)
    s->list[i] =
        i == 1 ? s->from : ambi_lower_term(l, ambi_expr_at(s->term, i));
  if (!l->failed) rebuilt(l, s);
}

static void call_term(Lower *l, const Stub *s, uint16_t slot) {
  if (s->kind == STUB_BODY && s->nlist) {
    ambi_lower_emit(l, OP_I_MKEXPR, slot, s->nlist, s->own);
    ambi_lower_list(l, s->list, s->nlist);
    if (s->stayed) ambi_lower_emit(l, OP_I_OWN, slot, slot, 0);
    return;
  }
  if (s->kind != STUB_CLAUSE || s->first_value == NO_SLOT) {
    ambi_lower_env(l, OP_I_INST, slot, s->term, NO_LABEL);
    return;
  }
  uint16_t list[3] = {ambi_lower_k(l, ambi_expr_at(s->term, 0)), s->first_value,
                      ambi_lower_term(l, ambi_expr_at(s->term, 2))};
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 3, 0);
  ambi_lower_list(l, list, 3);
}

// What case and switch chose goes through if-equal, whose function it is then.
static void asked_of_if_equal(Lower *l, uint16_t slot, uint16_t body) {
  uint16_t list[5] = {ambi_lower_k(l, AMB_OP_ID(OP_IF_EQUAL)), body,
                      ambi_lower_k(l, AMB_SYM(NOT_REDUCIBLE)),
                      ambi_lower_k(l, AMB_SYM(EMPTY)), body};
  ambi_lower_emit(l, OP_I_MKEXPR, slot, 5, 0);
  ambi_lower_list(l, list, 5);
  ambi_lower_emit(l, OP_I_ONESTEP, slot, slot, 0);
}

// Goes on with the body in the slot behind that of the call.
static void go_on_with(Lower *l, const Stub *s, uint16_t call) {
  uint16_t type = ambi_lower_const(l, s->type.w);
  if (s->dst.tail) {
    ambi_lower_emit(l, OP_I_BODYT, call, call + 1u, type);
    return;
  }
  uint16_t p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_BODYX, p, call, type);
  ambi_lower_take(l, s->dst.slot, p, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// Is the call what stood there all the time, so that it is its own value? Others are
// what the library makes of a form before its body.
static bool stood_there(const Stub *s) {
  return s->kind == STUB_BODY && !s->nlist && ambi_is_expr(s->term) &&
         (ambi_expr_at(s->term, 0).w == AMB_OP_ID(OP_SUPERPOSE).w ||
          ambi_expr_at(s->term, 0).w == AMB_OP_ID(OP_ONCE).w);
}

// NotReducible gives the call, a function is run for it.
static void odd_body(Lower *l, const Stub *s) {
  if (s->dst.tail && s->kind == STUB_BODY) {
    uint16_t call = ambi_lower_scratch(l);
    call_term(l, s, call);
    if (stood_there(s)) ambi_lower_emit(l, OP_I_OWN, call, call, 0);
    ambi_lower_emit(l, OP_I_BODYT, call, s->from,
                    ambi_lower_const(l, s->type.w));
    return;
  }
  uint16_t call = ambi_lower_slot(l), body = ambi_lower_slot(l);
  call_term(l, s, call);
  if (stood_there(s)) ambi_lower_emit(l, OP_I_OWN, call, call, 0);
  if (s->kind == STUB_CLAUSE)
    asked_of_if_equal(l, body, s->from);
  else
    ambi_lower_emit(l, OP_I_MOVE, body, s->from, 0);
  go_on_with(l, s, call);
}

// == of two values of different kinds: False, or an Error. What has only one value
// is evaluated again, where that is needed to tell. own: both are values of calls,
// where an expression asks for no type.
static void unlike_values(Lower *l, const Stub *s) {
  uint16_t slot = ambi_lower_slot(l);
  if (s->back_to != NO_LABEL) {
    int several = ambi_lower_label(l);
    ambi_lower_emit(l, OP_I_POS, slot, 0, 0);
    for (unsigned i = 2; i < s->nlist; i++) {
      ambi_lower_jump(l, OP_I_SAMEV, slot, s->list[i], several);
      ambi_lower_varl(l, several);
    }
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back_to);
    ambi_lower_bind(l, several);
    slot = ambi_lower_slot(l);
  }
  if (s->own) {
    int cast = ambi_lower_label(l);
    ambi_lower_emit(l, OP_I_CHKEXP, s->list[1], 0, 0);
    ambi_lower_edge(l, cast);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->no);
    ambi_lower_bind(l, cast);
  }
  ambi_lower_emit(l, OP_I_CHKLIKE, slot, s->list[0], s->list[1]);
  ambi_lower_error_edge(l, slot, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->no);
}

// The members are values: what they are together is a call now.
static void call_members(Lower *l, const Stub *s) {
  uint16_t call = ambi_lower_slot(l), p = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MKEXPR, call, s->nlist, 0);
  ambi_lower_list(l, s->list, s->nlist);
  ambi_lower_emit(l, OP_I_CALLX, p, call, ambi_lower_const(l, s->type.w));
  ambi_lower_take(l, s->dst.slot, p, s->err);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, s->back);
}

// The form with its evaluated argument in place.
static void stepped_form(Lower *l, Stub *s) {
  s->nlist = ambi_expr_size(s->term);
  s->list = ambi_lower_new_list(l, s->nlist);
  for (uint32_t i = 0; i < s->nlist && !l->failed; i++)
    s->list[i] =
        i == s->index ? s->from : ambi_lower_term(l, ambi_expr_at(s->term, i));
}

// A call of what was evaluated, also where it stands for the unit's value.
static void stepped_call(Lower *l, Stub *s) {
  if (!s->dst.tail) {
    call_members(l, s);
    return;
  }
  int back = s->back;
  s->back = ambi_lower_label(l);
  s->dst = (Dst){false, ambi_lower_slot(l)};
  call_members(l, s);
  ambi_lower_bind(l, s->back);
  ambi_lower_emit(l, OP_I_RET, s->dst.slot, 0, 0);
  s->back = back;
}

// Rules have changed while an argument of a form was evaluated. A truth value passes
// the type check of `if` once more, and the frame can go; others were let pass.
static void stepped(Lower *l, Stub *s) {
  Value head = ambi_expr_at(s->term, 0);
  stepped_form(l, s);
  if (l->failed) return;
  if (is_sym(head, AMB_SYM(IF).w)) {
    int odd = ambi_lower_label(l);
    ambi_lower_emit(l, OP_I_CHKTYPE, s->from,
                    ambi_lower_const(l, AMB_SYM(T_BOOL).w), 0);
    ambi_lower_edge(l, odd);
    rebuilt(l, s);
    ambi_lower_bind(l, odd);
    stepped_call(l, s);
  } else if (is_sym(head, AMB_SYM(CASE).w)) {
    uint16_t call = ambi_lower_slot(l), body = ambi_lower_slot(l);
    ambi_lower_env(l, OP_I_INST, call, s->term, NO_LABEL);
    s->list[0] = ambi_lower_k(l, AMB_SYM(SWITCH_MINIMAL));
    ambi_lower_emit(l, OP_I_MKEXPR, body, s->nlist, 0);
    ambi_lower_list(l, s->list, s->nlist);
    ambi_lower_emit(l, OP_I_ONESTEP, body, body, 0);
    go_on_with(l, s, call);
  } else {
    stepped_call(l, s);
  }
}

// What a step gives ends there, if its head turns out to be the symbol Error.
static void error_of_variable(Lower *l, const Stub *s) {
  uint32_t head = ambi_lvar_of(ambi_expr_at(s->term, 0));
  int other = ambi_lower_label(l);
  ambi_lower_var(l, head);
  ambi_lower_jump(l, OP_I_TESTK, l->vars[head].slot,
                  ambi_lower_const(l, AMB_SYM(ERROR).w), other);
  ambi_lower_varl(l, other);
  ambi_lower_raise(l, ambi_lower_term(l, s->term),
                   s->dst.tail ? (ErrTo){.ret = true} : s->err);
  ambi_lower_bind(l, other);
}

// Code of its own makes the variables of a function without a name anew. EVAL may show
// them: then the function is another instance in each step of a loop that applies it.
static bool renewed(Lower *l, Value e) {
  if (l->applied == NO_SLOT || !ambi_is_expr(e) ||
      ambi_expr_at(e, 0).w != ambi_lvar(l->applied).w)
    return false;
  uint16_t own = ambi_lower_slot(l), *slot = &l->vars[l->applied].slot;
  uint16_t src[2] = {ambi_lower_k(l, AMB_UNIT), *slot};
  ambi_lower_emit_builtin(l, OP_SEALED, src, 2, own, (ErrTo){.ret = true});
  *slot = own;
  return true;
}

// The call that is left to EVAL. Where the members are data, and not a call, they stay as
// they are, in the same list.
static void call_of_members(Lower *l, Stub *s) {
  if (renewed(l, s->term)) {
    uint16_t *own = ambi_lower_new_list(l, s->nlist);
    if (l->failed) return;
    memcpy(own, s->list, s->nlist * sizeof *own);
    own[0] = l->vars[l->applied].slot;
    s->list = own;
  }
  call_members(l, s);
}

static void stub_code(Lower *l, Stub s, size_t i) {
  uint16_t slot;
  switch (s.kind) {
  case STUB_ERROR:  // only when all was tried it is known that there is no value
    if (l->counted) ambi_lower_emit(l, OP_I_UNCOUNTED, 0, 0, 0);
    ambi_lower_raise(l, s.from, s.err);
    break;
  case STUB_BAIL:
    if (s.no != NO_LABEL) {
      ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.no);
      break;
    }
    renewed(l, s.term);
    if (s.body) error_of_variable(l, &s);
    if (s.argument)
      ambi_lower_generic_argument(l, s.term, s.type, s.dst, s.err);
    else
      ambi_lower_generic(l, s.term, s.type, s.dst, s.err);
    if (!s.dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_BODY:
  case STUB_CLAUSE: odd_body(l, &s); break;
  case STUB_STEP: stepped(l, &s); break;
  case STUB_COND:  // the stub behind it knows the whole
    if (!ambi_is_none(
            l->stubs[i + 1].term)) {  // the check of `if` looks at it all
      Stub whole = l->stubs[i + 1];
      ambi_lower_generic(l, whole.term, whole.type, whole.dst, whole.err);
      if (!whole.dst.tail) ambi_lower_jump(l, OP_I_JUMP, 0, 0, whole.back);
      break;
    }
    slot = l->stubs[i + 1].from;
    ambi_lower_generic(l, s.term, AMB_SYM(T_BOOL), (Dst){false, slot}, s.err);
    ambi_lower_jump(l, OP_I_BRANCH, slot, slot, s.no);
    ambi_lower_varl(l, l->stubs[i + 1].entry);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_LIKE: unlike_values(l, &s); break;
  case STUB_CHECKED: checked_code(l, &s); break;
  case STUB_POSITION: end_position(l, s.ret, s.err, s.back); break;
  case STUB_CALL: call_of_members(l, &s); break;
  case STUB_DATA:
    ambi_lower_members(l, s.term, s.list, s.dst.slot, s.err);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_APPLY:
    ambi_lower_emit_builtin(l, s.head.c, s.list, s.nlist, s.dst.slot, s.err);
    if (ambi_is_expr(s.term))
      ambi_lower_bind(l, ambi_lower_own_edge(l, s.term, s.dst.slot, s.err));
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_SPACE: space_matched(l, &s); break;
  case STUB_REBUILD: odd_state(l, &s); break;
  case STUB_IF: odd_if(l, &s); break;
  case STUB_CAST:
    slot = ambi_lower_slot(l);
    ambi_lower_emit(l, OP_I_EVALX, slot, s.from, ambi_lower_const(l, s.type.w));
    ambi_lower_emit(l, OP_I_R_GATHER, s.from, slot, 0);
    ambi_lower_error_edge(l, s.from, s.err);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, s.back);
    break;
  case STUB_OWN: ambi_lower_own_code(l, &s); break;
  case STUB_OWN_CALL: ambi_lower_own_call_code(l, &s); break;
  }
}

// The code of a stub that something goes to. False: there is none, as yet.
static bool put_stub(Lower *l, size_t i) {
  Stub s = l->stubs[i];
  if (s.done || !ambi_lower_used(l, s.entry)) return false;
  l->stubs[i].done = true;
  memcpy(l->vars, s.vars, sizeof l->vars);
  if (l->rule != s.rule) l->uses = NULL;
  l->rule = s.rule;
  l->slots = s.slots;
  l->first = s.first;
  l->each = s.each;
  l->rule_number = s.rule_number;
  l->choices = s.choices;
  l->counted = s.counted;
  ambi_lower_bind(l, s.entry);
  stub_code(l, s, i);
  return true;
}

void ambi_lower_stubs(Lower *l) {
  l->bail = NO_LABEL;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < l->nstubs && !l->failed && !l->refused; i++)
      more |= put_stub(l, i);
  }
  if (l->fail != NO_LABEL) {
    ambi_lower_bind(l, l->fail);
    ambi_lower_emit(l, OP_I_FAIL, 0, 0, 0);
  }
}
