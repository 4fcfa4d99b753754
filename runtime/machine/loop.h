// Tier 1's instructions: one label each, registers in locals. Included three times: by
// interp.c as the loop, which goes from one to the next, by interp_counted.c as the loop
// for who profiles (LOOP_COUNTED), and by interp_one.c, which comes back after one
// (LOOP_ONE).
//
// E (frame), B (newest choice record), h (heap top) and pc are locals; SAVE
// writes them back before a helper runs, LOAD takes them again. An instruction
// whose fast case does not hold takes its error edge (a table of the unit, so
// the fast path pays nothing) or calls a helper.
#include "runtime/machine/loop_words.h"

// A label's work that takes more than a few lines stands in step.c or
// step_control.c.
#ifdef LOOP_ONE
enum Next ambi_interp_one(Engine *g) {
#elif defined LOOP_COUNTED
enum AmbStop ambi_interp_run_counted(Engine *g) {
#else
enum AmbStop ambi_interp_run(Engine *g) {
#endif
  static const void *const labels[] = {
#define OP(name, operands, flags, text) &&do_##name,
#include "runtime/bytecode/opcodes.def"
  };
  Context *const cx = g->cx;
  Word *E;
  Choice *B;
  Word *h;
  const Code *pc;
  Value rv = AMB_UNIT;
  LOAD();
  DISPATCH();

ret:
  pc = (const Code *)(uintptr_t)E[FRAME_RET];
  E = (Word *)(uintptr_t)E[FRAME_PREV];
  NEXT();

fail:
  ambi_trail_undo(cx, B->tr);
  h = B->h;
  E = B->e;
  cx->space = B->s;
  pc = B->resume;
  if (AMB_UNLIKELY(++cx->given_back % FAILURES_POLL == 0)) {
    SAVE();
    if (!ambi_step_failed_often(g)) goto stopped;
  }
  NEXT();

stop:
  SAVE();
stopped:  // the engine has the registers, newer ones perhaps
#ifdef LOOP_ONE
  if (!cx->stop) cx->stop = STOP_INTERNAL;
  return NEXT_STOP;
done:
  SAVE();
  return NEXT_PC;
#else
  return cx->stop ? cx->stop : STOP_INTERNAL;
#endif

do_NOP:
  STEP(1);
do_MOVE:
  E[pc->a] = SOURCE(pc->b).w;
  STEP(1);
do_FRESH : {
  Word *p;
  ALLOC(p, 2);
  E[pc->a] = p[0] = ambi_tag_ptr(TAG_VAR, p).w;
  p[1] = KONST(pc->b);
  if (pc->c) {
    Word stamp = E[pc->c - 1] & AMB_VAR_FRESH;
    p[1] = AMB_LIKELY(stamp) ? ambi_vinfo_with_stamp(p[1], stamp)
                             : ambi_step_late_name(g, E, p[1]);
  }
  STEP(1);
}
do_INST:
  SAVE();
  if (!ambi_step_instance(g, pc)) goto stop;
  h = cx->h;
  STEP(1 + (pc->b + 3u) / 4);
do_MKEXPR : {
  unsigned n = pc->b;
  Word *p;
  Word ground = AMB_EXPR_GROUND, rigid = (pc->c & 2u) << 1, own = pc->c & 1u;
  ALLOC(p, n + 1);
  for (unsigned i = 0; i < n; i++) {
    uint16_t s = ambi_op_list(pc)[i];
    Value v = SOURCE(s);
    if (AMB_UNLIKELY((s & SRC_CONST) == SRC_CHECK) &&
        !ambi_source_ready(g, &v)) {
      h = p;
      EDGE();
    }
    if (ambi_is_var(v)) {
      v = ambi_deref(v);
    }
    if (ambi_is_var(v) || (ambi_is_expr(v) && !ambi_is_ground_expr(v)) ||
        AMB_UNLIKELY(ambi_is_obj(v) && !ambi_word_ground(v)))
      ground = 0;
    if (!ambi_is_firm(v)) {
      rigid = 0;  // and a value that is not its own leaves no other so
      if (!(v.w & AMB_EXPR_EVAL) && !ambi_presumed(g, v)) own = 0;
    }
    p[1 + i] = v.w;
  }
  if (!ground && (pc->c & 4u)) own = 0;
  p[0] = ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, n);
  E[pc->a] = ambi_tag_ptr(TAG_EXPR, p).w | ground | rigid | own;
  STEP(1 + (n + 3) / 4);
}
do_CHAIN:
  if (ambi_chain_goes_on(g, E, B)) {
    ambi_chain_append((Word *)(uintptr_t)E[FRAME_PREV], AMB_V(E[pc->a]));
    STEP(1);
  }
  AFTER(ambi_chain_begin(g));
do_CHAINED:
  AFTER(ambi_chain_end(g));
do_SETTLE : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  if (AMB_UNLIKELY(!ambi_is_firm(v) ||
                   (ambi_is_rigid(v) && !ambi_rigid_holds_of(g, v)))) {
    SAVE();
    v = ambi_settle(cx, v);
    h = cx->h;
    if (ambi_is_none(v)) goto stop;
  }
  E[pc->a] = v.w;
  STEP(1);
}
do_WHOLE : {
  Value v = AMB_V(E[pc->b]);
  if (pc->c && !ambi_rigid_holds_of(g, v))
    v = ambi_unmark(ambi_deref(v));
  else if (!ambi_is_firm(v) || ambi_is_var(v))
    v = ambi_whole(v);
  E[pc->a] = v.w;
  STEP(1);
}
do_OWN:
  E[pc->a] = ambi_mark_eval(AMB_V(E[pc->b])).w;
  STEP(1);
do_OWNIF:
  AFTER(ambi_step_own_if_same(g));
do_UNMARK:
  E[pc->a] = ambi_unmark(ambi_deref(AMB_V(E[pc->b]))).w;
  STEP(1);
do_GETCH : {
  Value v = AMB_V(E[pc->b]);
  if (AMB_UNLIKELY(ambi_is_var(v))) v = ambi_deref(v);
  Value part = ambi_expr_at(v, pc->c);
  if (ambi_is_var(part))
    part = ambi_deref(part);
  else if (v.w & AMB_EXPR_RIGID)
    part = ambi_part_of_rigid(part, v.w & (AMB_EXPR_RIGID | AMB_EXPR_EVAL));
  E[pc->a] = part.w;
  STEP(1);
}

do_JUMP:
  JUMP(pc->c);
do_FAIL:
  goto fail;
do_RETRV:
  goto ret;
do_RET:
  rv = SOURCE(pc->a);
  goto ret;
do_RETV : {
  Value v = AMB_V(E[pc->a]);
  if (ambi_is_var(v)) v = pc->c == 1 ? ambi_deref(v) : ambi_whole(v);
  if (ambi_rigid_holds_of(g, v)) {
    if (ambi_is_rigid(v)) {
      rv.w = v.w | AMB_EXPR_EVAL;
      goto ret;
    }
  } else if (pc->c == 2) {
    v = ambi_unmark(v);
  }
  Value t = AMB_V(KONST(pc->b));
  if (AMB_LIKELY(ambi_body_value_ready(v, t) || ambi_presumed(g, v) ||
                 (pc->c == 1 && ambi_is_expr(v) && ambi_has_eval(v)))) {
    rv = v;
    goto ret;
  }
  if (AMB_UNLIKELY(ambi_odd_body(v)) &&
      ambi_unit_edge(UNIT(), (uint32_t)(pc - UNIT()->code)) != UINT32_MAX)
    EDGE();
  if (pc->c != 1) v = ambi_whole(v);
  AFTER(ambi_body_tail(g, AMB_UNIT, v, t));
}
do_CALL : {
  unsigned n = pc->b;
  const uint16_t *src = pc[1].half;
  Word *N = E + src[0];
  if (N < B->top) N = B->top;
  N += FRAME_HEADER;
  Variant *v = (Variant *)(uintptr_t)KONST(pc->c);
  const Unit *u = ambi_unit_of(v);
  if (AMB_UNLIKELY(N + n + u->nslots > g->stack_end)) {
    SAVE();
    if (!ambi_stack_more(g, N + n + u->nslots)) goto stop;
  }
  for (unsigned i = 0; i < n; i++) {
    Value x;
    TAKE(x, src[1 + i]);
    N[i] = x.w;
  }
  if (pc->a != NO_SLOT) E[pc->a] = ambi_position(B).w;
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_PREV] = (Word)(uintptr_t)E;
  N[FRAME_RET] = (Word)(uintptr_t)(pc + 1 + (n + 4) / 4);
  N[FRAME_MARK] = (Word)(uintptr_t)v;
  E = N;
  pc = ambi_load_acquire(&u->entry);
  COUNT_STEP(n);
  NEXT();
}
do_TAILCALL : {
  unsigned n = pc->b;
  const uint16_t *src = pc[1].half;
  Variant *v = (Variant *)(uintptr_t)KONST(pc->c);
  const Unit *u = ambi_unit_of(v);
  bool reuse = E - FRAME_HEADER >= B->top;
  Word *N = E;
  if (AMB_LIKELY(reuse && n <= 4)) {  // through registers, over the old slots
    Value a = AMB_UNIT, b = AMB_UNIT, c = AMB_UNIT, d = AMB_UNIT;
    if (n > 0) TAKE(a, src[1]);
    if (n > 1) TAKE(b, src[2]);
    if (n > 2) TAKE(c, src[3]);
    if (n > 3) TAKE(d, src[4]);
    if (AMB_UNLIKELY(N + u->nslots > g->stack_end)) {
      SAVE();
      if (!ambi_stack_more(g, N + u->nslots)) goto stop;
    }
    if (n > 0) N[0] = a.w;
    if (n > 1) N[1] = b.w;
    if (n > 2) N[2] = c.w;
    if (n > 3) N[3] = d.w;
  } else {
    N = E + src[0];
    if (N < B->top) N = B->top;
    N += FRAME_HEADER;
    if (AMB_UNLIKELY(N + n + u->nslots > g->stack_end)) {
      SAVE();
      if (!ambi_stack_more(g, N + n + u->nslots)) goto stop;
    }
    for (unsigned i = 0; i < n; i++) {
      Value x;
      TAKE(x, src[1 + i]);
      N[i] = x.w;
    }
    if (reuse) {  // down to the frame that goes
      memmove(E, N, n * sizeof(Word));
      N = E;
    } else {
      N[FRAME_PREV] = E[FRAME_PREV];
      N[FRAME_RET] = E[FRAME_RET];
    }
  }
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_MARK] = (Word)(uintptr_t)v;
  E = N;
  pc = ambi_load_acquire(&u->entry);
  COUNT_STEP(n);
  NEXT();
}
do_CALLV : {
  unsigned n = pc->b - 1u;
  const uint16_t *src = pc[1].half;
  const Target *t;
  const Unit *u;
  Word *N;
  CALL_TARGET(t, u, N, n, src);
  if (pc->a != NO_SLOT) E[pc->a] = ambi_position(B).w;
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_PREV] = (Word)(uintptr_t)E;
  N[FRAME_RET] = (Word)(uintptr_t)(pc + 2 + (n + 5) / 4);
  N[FRAME_MARK] = (Word)(uintptr_t)t->variant;
  E = N;
  pc = ambi_load_acquire(&u->entry);
  COUNT_STEP(n);
  NEXT();
}
do_TAILCALLV : {
  unsigned n = pc->b - 1u;
  const uint16_t *src = pc[1].half;
  const Target *t;
  const Unit *u;
  Word *N;
  CALL_TARGET(t, u, N, n, src);
  if (AMB_LIKELY(E - FRAME_HEADER >= B->top)) {  // down to the frame that goes
    for (unsigned i = 0; i < n; i++)
      E[i] = N[i];
    N = E;
  } else {
    N[FRAME_PREV] = E[FRAME_PREV];
    N[FRAME_RET] = E[FRAME_RET];
  }
  N[FRAME_UNIT] = (Word)(uintptr_t)u;
  N[FRAME_MARK] = (Word)(uintptr_t)t->variant;
  E = N;
  pc = ambi_load_acquire(&u->entry);
  COUNT_STEP(n);
  NEXT();
}
do_INLINED : {
  const InlinedBody *body = &UNIT()->bodies[pc->a];
  if (AMB_UNLIKELY(ambi_unit_of(body->variant) != body->unit)) JUMP(pc->c);
  STEP(1);
}
do_TAKE : {
  Value v = AMB_V(E[pc->b]);
  if (AMB_UNLIKELY(!ambi_source_ready(g, &v))) EDGE();
  E[pc->a] = v.w;
  STEP(1);
}
do_VALUE : {  // RETV with c = 1
  Value v = AMB_V(E[pc->b]), t = AMB_V(KONST(pc->c));
  if (ambi_is_var(v)) v = ambi_deref(v);
  if (ambi_is_rigid(v) && ambi_rigid_holds_of(g, v))
    v.w |= AMB_EXPR_EVAL;
  else if (!ambi_body_value_ready(v, t) && !ambi_presumed(g, v) &&
           !(ambi_is_expr(v) && ambi_has_eval(v)))
    EDGE();
  E[pc->a] = v.w;
  STEP(1);
}
do_SPLIT:
do_SPLITT:
  AFTER(ambi_step_split(g));
do_R_STORE:
  E[pc->a] = rv.w;
  STEP(1);
do_R_SAME:
  // What is unified with itself is no error and binds nothing. Bodies that give
  // back what they asked for, (let $g (prove $g) $g), return here level after
  // level, so such a run stays in this loop.
  if (ambi_is_rigid(rv)) {
    bool holds = ambi_rigid_holds(g);
    Word here = ambi_position(B).w;
    while (((E[pc[1].b] ^ rv.w) & ~AMB_EXPR_MARKS) == 0) {
      if (E[pc->b] != here) E[pc->b] |= 1;
      pc += 2;
      bool settle = pc->op == OP_I_SETTLE && pc[1].op == OP_I_RETV;
      if ((!settle && pc->op != OP_I_RETV) || !holds) NEXT();
      Value v = ambi_deref(AMB_V(E[settle ? pc->b : pc->a]));
      if (!ambi_is_rigid(v)) NEXT();
      rv.w = v.w | AMB_EXPR_EVAL;
      pc = (const Code *)(uintptr_t)E[FRAME_RET];
      E = (Word *)(uintptr_t)E[FRAME_PREV];
      if (pc->op != OP_I_R_SAME) NEXT();
    }
  }
do_R_STREAM:
  E[pc->a] = rv.w;
do_STREAM : {
  Value v = AMB_V(E[pc->a]);
  Value p = AMB_V(E[pc->b]);
  if (AMB_LIKELY(p.w == ambi_position(B).w)) {
    if (AMB_UNLIKELY(ambi_is_error_value(v))) EDGE();
    STEP(1);
  }
  if (AMB_LIKELY(!ambi_is_error_value(v))) {
    if (!(p.w & 1)) E[pc->b] = p.w | 1;
    STEP(1);
  }
  SAVE();
  const Code *at = pc;
  const Unit *u = UNIT();
  uint32_t to = ambi_unit_edge(u, (uint32_t)(at - u->code));
  if (to == UINT32_MAX) goto stop;
  AFTER(ambi_position_end(g, at->b, at->a, true, true, at + 1, u->code + to));
}
do_R_GATHER:
  E[pc->a] = rv.w;
do_GATHER : {
  Value v = AMB_V(E[pc->a]);
  if (AMB_LIKELY(AMB_V(E[pc->b]).w == ambi_position(B).w)) {
    if (AMB_UNLIKELY(ambi_is_error_value(v))) EDGE();
    STEP(1);
  }
  const Code *at = pc;
  const Unit *u = UNIT();
  uint32_t to = ambi_unit_edge(u, (uint32_t)(at - u->code));
  if (to == UINT32_MAX) goto stop;
  AFTER(ambi_position_end(g, at->b, at->a, false, ambi_is_error_value(v),
                          at + 1, u->code + to));
}
do_POS:
  E[pc->a] = ambi_position(B).w;
  STEP(1);
do_CHKERR:
  if (AMB_UNLIKELY(ambi_is_error_value(AMB_V(E[pc->a])))) EDGE();
  STEP(1);
do_EVALV : {
  Value v = AMB_V(E[pc->b]);
  if (ambi_is_var(v)) v = ambi_deref(v);
  if (AMB_LIKELY(!ambi_is_expr(v) || (v.w & 3) == 3 || ambi_presumed(g, v))) {
    E[pc->a] = v.w;
    STEP(2);
  }
  AFTER(ambi_step_eval_value(g, false));
}
do_EVALT : {
  Value v = AMB_V(E[pc->b]);
  if (AMB_LIKELY(ambi_source_ready(g, &v))) {
    E[pc->a] = v.w;
    STEP(2);
  }
  AFTER(ambi_step_eval_value(g, true));
}
do_EVALX:
  E[pc->a] = ambi_position(B).w;
  AFTER(ambi_eval_push(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c)), pc + 1));
do_EVALA:
  E[pc->a] = ambi_position(B).w;
  AFTER(
      ambi_eval_push_argument(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c)), pc + 1));
do_CALLX:
  E[pc->a] = ambi_position(B).w;
  AFTER(ambi_call_push(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c)), pc + 1));
do_CALLOWN:
  E[pc->a] = ambi_position(B).w;
  AFTER(ambi_call_own_push(g, AMB_V(E[pc->b]), pc + 1));
do_BODYX:
  E[pc->a] = ambi_position(B).w;
  AFTER(ambi_body_push(g, AMB_V(E[pc->b]), AMB_V(E[pc->b + 1]),
                       AMB_V(KONST(pc->c)), pc + 1));
do_ONESTEP:
  AFTER(ambi_step_one_step(g));
do_EVALXT:
  AFTER(ambi_eval_tail(g, AMB_V(E[pc->b]), AMB_V(KONST(pc->c))));
do_EVINSTR:
  AFTER(ambi_instr_tail(g, AMB_V(E[pc->b])));
do_QUERYT:
  AFTER(ambi_query_begin(g, AMB_V(E[pc->a]), AMB_V(KONST(pc->b)), true));
do_BODYT:
  AFTER(
      ambi_body_tail(g, AMB_V(E[pc->a]), AMB_V(E[pc->b]), AMB_V(KONST(pc->c))));

do_TABLE:
  AFTER(ambi_step_table(g));
do_TABLED:
  AFTER(ambi_step_table_result(g));
do_TABLE_END:
  AFTER(ambi_step_table_end(g));
do_TABLE_NEXT:
  AFTER(ambi_step_table_next(g));

do_TRY : {
  Choice *c = B + 1;
  if (AMB_UNLIKELY(c >= g->choices_end)) {
    SAVE();
    if (!ambi_choice_push(g, pc + (int16_t)pc->c)) goto stop;
    LOAD();
    STEP(1);
  }
  Word *top = E + UNIT()->nslots;
  c->resume = pc + (int16_t)pc->c;
  c->h = cx->hb = h;
  c->tr = cx->tr;
  c->top = top < B->top ? B->top : top;
  c->e = E;
  c->s = cx->space;
  c->hook = NULL;
  c->aux = AMB_UNIT;
  B = c;
  STEP(1);
}
do_RETRY:
do_SETALT:
  B->resume = pc + (int16_t)pc->c;
  STEP(1);
do_TRUST:
do_CASE_NONE:
do_POPALT:
  B--;
  cx->hb = B->h;
  STEP(1);
do_FORKV:
  AFTER(ambi_step_fork_begin(g));
do_FORK_NEXT : {
  Choice *c = B;
  uint32_t i = (uint32_t)c->cursor++;
  Value v = ambi_expr_at(c->aux, i);
  uint64_t end = ambi_list_end(c, pc);
  pc = c->next;
  if (i + 1 == end) {
    B--;
    cx->hb = B->h;
  }
  E[pc->a] = ambi_deref(v).w;
  pc++;
#ifndef LOOP_ONE
  // A fork may be all there is to do: its turns count, and its unit's machine code
  // takes over here.
  Unit *u = (Unit *)(uintptr_t)E[FRAME_UNIT];
  if (AMB_UNLIKELY(ambi_unit_counted(&u->heat))) ambi_unit_hot(g->code, u);
  if (AMB_UNLIKELY(ambi_load_relaxed(&u->native) != NULL)) {
    const void *machine = ambi_unit_machine(u, pc);
    if (machine) AFTER((enum Next)g->code->native.enter(g, machine));
  }
#endif
  NEXT();
}
do_MANY_NEXT : {
  Choice *c = B;
  uint32_t i = (uint32_t)c->cursor++;
  rv = ambi_expr_at(c->aux, i);
  uint64_t end = ambi_list_end(c, pc);
  pc = c->next;
  if (i + 1 == end) {
    B--;
    cx->hb = B->h;
  }
  NEXT();
}

do_COLLECT:
  SAVE();
  if (!ambi_step_collect_begin(g, pc + (int16_t)pc->c)) goto stop;
  LOAD();
  STEP(1);
do_COLLECT_ADD:
  AFTER(ambi_step_collect_add(g));
do_COLLECT_END:
  AFTER(ambi_step_collect_end(g));
do_CASE:
  E[pc->a] = ambi_position(B).w;
  SAVE();
  if (!ambi_choice_push(g, pc + (int16_t)pc->c)) goto stop;
  LOAD();
  STEP(1);
do_CASE_END:
  AFTER(ambi_step_case_end(g));
do_ONCE:
  E[pc->a] = ambi_position(B).w;
  SAVE();
  if (!ambi_choice_push(g, ambi_once_fail)) goto stop;
  LOAD();
  B->next = pc;
  STEP(1);
do_ONCE_FAIL:
  if (AMB_UNLIKELY(B->hook != NULL)) AFTER(ambi_step_once_fail(g));
  B--;
  cx->hb = B->h;
  goto fail;
do_ONCE_END:
  AFTER(ambi_step_once_end(g));

do_MADE:
  E[pc->a] = ambi_choices_noted(g, pc->b == 2 ? g->alike > 1 : pc->b).w;
  STEP(1);
do_MADEL : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  E[pc->a] = ambi_choices_noted(g, ambi_expr_size(v) > 1).w;
  STEP(1);
}
do_ALIKE:
  g->alike = pc->a ? g->alike + 1 : 0;
  STEP(1);
do_CHOICE : {
  uint32_t n = (uint32_t)E[pc->a];
  g->made = n / 2 + (n & 1);
  g->taken += n & 1;
  if (AMB_UNLIKELY((n & 1) && (g->made > g->most || g->taken > g->enough)))
    AFTER(ambi_deepen_enough(g));
  STEP(1);
}
do_HOLD:
  E[pc->a] = ambi_choices_noted(g, false).w;
  g->made = AMB_UNCOUNTED;
  STEP(1);
do_UNCOUNTED:
  if (ambi_counts(g)) AFTER(ambi_deepen_plainly(g));
  STEP(1);
do_DEEPEN:
  SAVE();
  if (!ambi_deepen_begin(g, pc + (int16_t)pc->c)) goto stop;
  LOAD();
  NEXT();
do_DEEPEN_ADD:
  AFTER(ambi_deepen_add(g));
do_DEEPEN_END:
  AFTER(ambi_deepen_end(g));
do_DEEPEN_NEXT:
  AFTER(ambi_deepen_next(g));

do_SWITCH : {
  const Switch *s = &UNIT()->switches[pc->b];
  Value v = AMB_V(E[pc->a]);
  const Code *code = UNIT()->code;
  if (ambi_is_var(v)) {
    v = ambi_deref(v);
    if (ambi_is_var(v)) {
      pc = code + s->open;
      NEXT();
    }
  }
  Word key = ambi_switch_key(v);
  const SwitchCase *c = key ? find_case(s, key) : NULL;
  pc = code + (c ? c->to : ambi_head_unbound(v) ? s->open : s->other);
  NEXT();
}
do_TESTK : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  Value k = AMB_V(KONST(pc->b));
  if (v.w == k.w && !ambi_is_double(v)) STEP(2);
  if (!ambi_is_expr(v) && ambi_atomic_equal(v, k)) STEP(2);
  JUMP(pc->c);
}
do_TESTF : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  if (ambi_switch_key(v) == KONST(pc->b)) STEP(2);
  if (AMB_UNLIKELY(ambi_head_unbound(v))) JUMP(pc[1].b);
  JUMP(pc->c);
}
do_TESTN : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_var(v)) JUMP(pc[1].b);
  if (!ambi_is_expr(v) || ambi_expr_size(v) != pc->b) JUMP(pc->c);
  STEP(2);
}
do_SAMEV : {
  Value a = ambi_deref(AMB_V(E[pc->a])), b = ambi_deref(AMB_V(E[pc->b]));
  bool ground = ambi_word_ground(a) && ambi_word_ground(b);
  if ((a.w ^ b.w) <= AMB_EXPR_MARKS &&
      (ambi_is_expr(a) ? !ambi_load_relaxed(&cx->rt->x_nan) : !ground))
    STEP(2);  // one term, or variable
  if (!ground) {
    if (ambi_is_expr(a) && ambi_is_expr(b) && ambi_apart(a, b)) JUMP(pc->c);
    JUMP(pc[1].b);
  }
  if (ambi_equal(a, b)) STEP(2);
  JUMP(pc->c);
}
do_UNIFYT:
  SAVE();
  if (!ambi_step_unify(g, pc, SOURCE(pc->a))) {
    if (cx->stop) goto stop;
    goto fail;
  }
  h = cx->h;
  STEP(1 + (pc->b + 3u) / 4);
do_UNIFYE : {
  SAVE();
  unsigned w = 1 + (pc->b + 3u) / 4;
  if (!ambi_step_unify_else(g, pc, SOURCE(pc->a))) {
    if (cx->stop) goto stop;
    JUMP(pc[w].b);
  }
  h = cx->h;
  STEP(w + 1);
}
do_UNIFYV : {
  Value a = ambi_deref(SOURCE(pc->a)), b = ambi_deref(SOURCE(pc->b));
  if (ambi_is_expr(a) && ambi_unmark(a).w == ambi_unmark(b).w &&
      AMB_LIKELY(!ambi_load_relaxed(&cx->rt->x_nan)))
    STEP(1);
  SAVE();
  if (pc->c) {
    Value v = ambi_settle(cx, AMB_V(E[pc[1].b]));
    if (ambi_is_none(v)) goto stop;
    E[pc[1].a] = v.w;
  }
  if (!ambi_unify(cx, a, b)) {
    if (cx->stop) goto stop;
    if (ambi_asks(a, b) &&
        ambi_unit_edge(UNIT(), (uint32_t)(pc - UNIT()->code)) != UINT32_MAX)
      EDGE();
    goto fail;
  }
  h = cx->h;
  STEP(1 + pc->c);
}
do_MATCH : {
  Value s = ambi_deref(SOURCE(pc->a));
  if (AMB_UNLIKELY(!ambi_is_space(s))) EDGE();
  AFTER(ambi_match_begin(g, s, SOURCE(pc->b), pc + 1));
}
do_MATCHF : {
  Value s = ambi_deref(SOURCE(pc->a));
  if (AMB_UNLIKELY(!ambi_is_space(s))) EDGE();
  AFTER(ambi_match_flat(g, s));
}
do_MATCHF_NEXT:
  AFTER(ambi_match_flat_next(g));
do_MATCH_NEXT:
  AFTER(ambi_match_next(g));

#include "runtime/machine/loop_numbers.h"
do_CHKNUM : {
  Value v = AMB_V(E[pc->a]);
  if (AMB_UNLIKELY(!ambi_is_number(v))) {
    v = ambi_deref(v);
    if (!ambi_is_number(v)) EDGE();
  }
  STEP(1);
}
do_CHKTYPE:
  SAVE();
  if (!ambi_step_check_type(g, AMB_V(E[pc->a]), AMB_V(KONST(pc->b)))) {
    if (cx->stop) goto stop;
    EDGE();
  }
  h = cx->h;
  STEP(1);
do_CHKBOUND:
  if (ambi_is_space(ambi_deref(AMB_V(E[pc->a])))) EDGE();
  STEP(1);
do_CHKEPOCH:
  if (AMB_UNLIKELY(UNIT()->epoch != ambi_code_epoch(g->code))) EDGE();
  STEP(1);
do_CHKBODY : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (AMB_UNLIKELY(ambi_odd_body(v) || v.w == AMB_SYM(EMPTY).w ||
                   ambi_is_error_value(v)))
    EDGE();
  STEP(1);
}
do_CHKHEAD : {
  const Target *t;
  TARGET(t, AMB_V(E[pc->a]), pc->b);
  if (t->kind == TARGET_CALL || t->kind == TARGET_TERM) JUMP(pc->c);
  if (t->kind != TARGET_DATA) EDGE();
  STEP(1);
}
do_CHKCALL : {
  const Target *t;
  TARGET(t, SOURCE(pc[1].half[0]), pc->c);
  if (AMB_UNLIKELY(t->kind != TARGET_CALL)) {
    SAVE();
    if (!ambi_target_passes(g, t)) {
      if (cx->stop) goto stop;
      EDGE();
    }
  }
  STEP(1 + (pc->b + 3u) / 4);
}
do_CHKEXP : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (AMB_UNLIKELY(!ambi_is_expression(v))) EDGE();
  STEP(1);
}
do_CHKLIKE:
  AFTER(ambi_step_check_like(g, SOURCE(pc->b), SOURCE(pc->c)));
do_CASTR : {
  Value v = AMB_V(E[pc->a]), t = AMB_V(KONST(pc->b));
  if (ambi_is_expr(v) || (ambi_is_int(v) && t.w == AMB_SYM(T_NUMBER).w))
    STEP(1);
  AFTER(ambi_step_cast_result(g));
}
do_GETSTATE : {
  Value v = ambi_deref(SOURCE(pc->b));
  if (AMB_UNLIKELY(!ambi_is_state(v) || g->cx->journal)) EDGE();
  const State *s = ambi_state_of(v);
  v = ambi_state_ground(s);
  if (AMB_UNLIKELY(ambi_is_none(v))) EDGE();
  if (AMB_UNLIKELY(ambi_load_acquire(&s->x_cast)))
    AFTER(ambi_step_cast_of_state(g, s, v));
  E[pc->a] = v.w;
  STEP(1);
}
do_CHKSTATE : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (AMB_UNLIKELY(!ambi_is_state(v) ||
                   !ambi_state_is_of(v, AMB_V(KONST(pc->b)), pc->c)))
    EDGE();
  STEP(1);
}
do_CASTSTATE:
  AFTER(ambi_step_cast_for_state(g, SOURCE(pc->b), SOURCE(pc->c)));
do_SETSTATE:
  AFTER(ambi_step_set_state(g, SOURCE(pc->b), SOURCE(pc->c)));
do_BUILTIN:
  AFTER(ambi_step_builtin_call(g));
do_DECONS : {
  Value v = AMB_V(E[pc->c]);
  if (AMB_LIKELY(ambi_is_expr(v) && cx->hend - h >= AMB_LIST_WORDS)) {
    Value rest = ambi_list_rest(g, v, h);
    if (AMB_LIKELY(!ambi_is_none(rest))) {
      h = ambi_behind_rest(rest, h);
      Value first = ambi_expr_at(v, 0);
      if (ambi_is_rigid(v)) first = ambi_part_of_rigid(first, AMB_EXPR_RIGID);
      E[pc->a] = first.w;
      E[pc->b] = rest.w;
      STEP(1);
    }
  }
  AFTER(ambi_step_decons(g));
}
do_CAR : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  if (AMB_UNLIKELY(!ambi_is_expr(v))) EDGE();
  E[pc->a] = ambi_deref(ambi_expr_at(v, 0)).w;
  STEP(1);
}
do_ITEM : {
  Value v = ambi_deref(AMB_V(E[pc->b]));
  int64_t i = ambi_int_of(AMB_V(E[pc->b + 1]));
  if (i >= ambi_expr_size(v)) JUMP(pc->c);
  E[pc->a] = ambi_deref(ambi_expr_at(v, (uint32_t)i)).w;
  STEP(1);
}
do_INDEX : {
  Value v = ambi_deref(SOURCE(pc->b)), i = ambi_deref(SOURCE(pc->c));
  if (!ambi_is_int(i) || (uint64_t)ambi_int_of(i) >= ambi_expr_size(v)) EDGE();
  E[pc->a] = ambi_deref(ambi_expr_at(v, (uint32_t)ambi_int_of(i))).w;
  STEP(1);
}
do_SIZE : {
  Value v = ambi_deref(SOURCE(pc->b));
  if (AMB_UNLIKELY(!ambi_is_expression(v))) EDGE();
  E[pc->a] = ambi_small_int(ambi_expr_size(v)).w;
  STEP(1);
}
do_CHKGROUND : {
  Value v = ambi_deref(AMB_V(E[pc->a]));
  if (ambi_is_lambda_term(v) && !ambi_is_ground_expr(v))
    v = ambi_deref(AMB_V(E[pc->b]));
  if (ambi_is_var(v) || (ambi_is_expr(v) && !ambi_is_ground_expr(v))) EDGE();
  STEP(1);
}
do_OWNVARS:
  AFTER(ambi_step_own_variables(g));
do_CONS : {
  Value head = SOURCE(pc->b), tail = SOURCE(pc->c);
  if (AMB_LIKELY(cx->hend - h >= AMB_LIST_WORDS)) {
    Value v = ambi_list_cons(g, head, tail, h);
    if (AMB_LIKELY(!ambi_is_none(v))) {
      h += AMB_VIEW_WORDS;
      E[pc->a] = v.w;
      STEP(1);
    }
  }
  AFTER(ambi_step_cons(g, head, tail));
}

do_EV_START:
do_EV_ARG:
do_EV_VAL:
do_EV_METTA_VAL:
do_EV_CBIND_END:
do_EV_STEP:
do_EV_BIND_NEXT:
do_EV_ONCE_VAL:
  rv = AMB_UNIT;
do_EV_RET:
do_EV_TMP:
do_EV_CHAIN:
do_EV_FUNCTION:
do_EV_BODY:
do_EV_EVALED:
do_EV_METTA:
do_EV_CBIND:
do_EV_SPACE:
do_EV_ONCE:
  SAVE();
  if (AMB_UNLIKELY(--g->budget < 0)) {
    if (!ambi_step_poll(g, SIZE_MAX)) goto stopped;
    LOAD();
  }
  AFTER(ambi_ev_step(g));
do_EV_QUERY:
  AFTER(ambi_query_next(g));
do_PEND:
  AFTER(ambi_pend(g));
do_DELIVER:
  AFTER(ambi_deliver(g));
do_TOP_RESULT:
  AFTER(ambi_step_top_result(g));
do_TOP_DONE:
#ifdef LOOP_ONE
  goto stop;  // the loop's alone
#else
  SAVE();
  return STOP_NONE;
#endif
do_WARM : {
  Unit *u = (Unit *)(uintptr_t)E[FRAME_UNIT];
  // 0: it is being claimed, or was counted down before its state had come back.
  bool hot = ambi_load_relaxed(&u->heat) == 0 || ambi_unit_counted(&u->heat);
  pc = AMB_UNLIKELY(hot) ? ambi_unit_hot(g->code, u) : u->code;
  NEXT();
}
do_NATIVE:
#ifdef LOOP_ONE
  NEXT();
#else
  AFTER((enum Next)g->code->native.enter(
      g, ((const Landing *)(const void *)pc)->addr));
#endif
do_SEEN:
  pc = ambi_code_origin(pc);
  NEXT();
do_LOWER:
  AFTER(ambi_step_first_call(g));
}
