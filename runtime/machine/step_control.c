// Slow halves of instructions that steer: error edges, polls and limits, the
// first call of a variant, the ends of case, once and collectors.
#include "runtime/machine/step.h"

#include "memory/stress.h"
#include "runtime/bytecode/sampler.h"
#include "runtime/config.h"
#include "runtime/crew.h"
#include "runtime/eval.h"
#include "runtime/guard.h"
#include "runtime/machine/handover.h"
#include "runtime/machine/lend.h"

bool ambi_step_edge(Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  uint32_t to = ambi_unit_edge(u, (uint32_t)(g->pc - u->code));
  if (to == UINT32_MAX) {
    g->cx->stop = STOP_INTERNAL;
    return false;
  }
  ambi_unit_note_rare(u, to);
  g->pc = u->code + to;
  return true;
}

// More frames on the way to the form's than allowed? Walked only when the stack
// is large enough for that.
static bool too_deep(const Engine *g) {
  uint64_t n = 0;
  if ((uint64_t)(g->e - g->stack) / FRAME_HEADER < g->cx->limits.depth)
    return false;
  for (const Word *e = g->e; n <= g->cx->limits.depth; n++) {
    const Word *prev = (const Word *)(uintptr_t)e[FRAME_PREV];
    if (prev == e) return false;
    e = prev;
  }
  return true;
}

// Steps to the next look. It is never the same number for long: looks count the unit
// that is being called, and turns of a program take the same steps each time, so that
// looks at an even distance would see one unit of a turn and no other.
static uint64_t distance(Engine *g, uint64_t every) {
  enum { SPREAD = 64 };
  if (every < 2 * SPREAD) return every - 1;
  uint32_t mixed = ++g->looks * 2654435761u;  // the golden ratio's
  return every - 1 - mixed / (UINT32_MAX / SPREAD + 1);
}

// The form goes on where it is; a frame that is just beginning, with its first
// instruction, which pc does not name yet.
static bool yield(Engine *g, size_t args) {
  if (!g->cx->sliced && !ambi_stress(STRESS_YIELD)) return false;
  g->entry_args = args;
  g->cx->stop = STOP_YIELD;
  return true;
}

static void begin_epoch(CodeState *cs) {
  ambi_guard(cs->rt);
  ambi_code_invalidate(cs);
  ambi_unguard(cs->rt);
}

// At the unit being called, and at the one that it returns to: a body that is begun once and
// returned to often counts, too. Forms are not called again.
static void look(Engine *g) {
  const Word *caller = (const Word *)(uintptr_t)g->e[FRAME_PREV];
  Unit *back = (Unit *)(uintptr_t)caller[FRAME_UNIT];
  ambi_unit_look(g->code, (Unit *)(uintptr_t)g->e[FRAME_UNIT]);
  if (!back->form) ambi_unit_look(g->code, back);
}

// Looks at limits and collects when wanted. The frame at e has `args` live
// slots. False: stop.
bool ambi_step_poll(Engine *g, size_t args) {
  Context *cx = g->cx;
  const NativeHost *host = &g->code->native;
  ambi_engine_count(g);
  if (AMB_UNLIKELY(g->code->sampler != NULL))
    ambi_sampler_drain(g->code->sampler);
  if (args != SIZE_MAX) g->rv = AMB_UNIT;  // dead there, and perhaps stale
  if (!ambi_limits_poll(cx)) return false;
  if (cx->limits.depth && too_deep(g)) {
    cx->stop = STOP_DEPTH;
    return false;
  }
  if (cx->rt->crew && cx->rt->crew->wants(cx)) ambi_handover_offer(g, g->b);
  bool often = ambi_stress(STRESS_COLLECT | STRESS_RELOWER | STRESS_YIELD |
                           STRESS_HANDOVER);
  uint64_t every = host->looks ? host->look_every : AMB_POLL_STEPS;
  uint64_t grant = often ? 0 : distance(g, every);  // then a step looks again
  uint64_t left = cx->limits.steps - cx->limits.steps_used;
  if (cx->limits.steps && left < grant) grant = left;
  g->granted = g->budget = (int64_t)grant;
  if (ambi_stress(STRESS_RELOWER) && ambi_pace(&g->epochs, 64))
    begin_epoch(g->code);
  if (host->looks && args != SIZE_MAX) look(g);
  if (ambi_collect_due(g) && !ambi_collect(g, args)) return false;
  if (!yield(g, args)) return true;
  if (args == SIZE_MAX) g->budget++;  // the same step begins again
  return false;
}

// The landing for alternatives of the fork at this offset, wherever it began.
static const Code *fork_landing(const Native *n, ptrdiff_t at) {
  for (uint32_t i = n->nlandings; i-- > 0;) {
    const Code *l = (const Code *)(const void *)&n->landings[i];
    if (l->c && l->b == at) return l;
  }
  return NULL;
}

// Alternatives that are still to come of forks that began in code of level 1 run that of
// level 2.
static void change_over(Engine *g) {
  enum { MOST = 64 };
  Choice *last = g->b - g->choices > MOST ? g->b - MOST : g->choices;
  for (Choice *c = g->b; c > last; c--) {
    const Unit *u = (const Unit *)(uintptr_t)c->e[FRAME_UNIT];
    const Code *origin = ambi_code_origin(c->resume);
    if (origin->op != OP_I_FORK_NEXT || origin->c) continue;  // or divided
    const Native *n = ambi_load_acquire(&u->native);
    const Landing *at = (const Landing *)(const void *)c->resume;
    if (!n || n->level < 2 || c->next < u->code ||
        c->next >= u->code + u->ncode ||
        (at >= n->landings && at < n->landings + n->nlandings))
      continue;
    const Code *to = fork_landing(n, c->next - u->code);
    if (!to) continue;
    c->resume = to;
    ambi_count(&g->code->native.changed_over);
  }
}

// Alternatives may be a great many without a call among them. They count as steps, and
// what does nothing but fork gets hot, too.
bool ambi_step_failed_often(Engine *g) {
  ambi_engine_count(g);
  g->cx->limits.steps_used += FAILURES_POLL;
  if (g->cx->given_back == 0) g->cx->moved++;
  if (g->code->native.looks && g->b > g->choices) {
    ambi_unit_look(g->code, (Unit *)(uintptr_t)g->e[FRAME_UNIT]);
    change_over(g);
  }
  if (!ambi_limits_poll(g->cx)) return false;
  const Crew *crew = g->cx->rt->crew;
  if (crew && crew->wants(g->cx))
    ambi_handover_offer(g, g->b - 1);  // the newest is being resumed
  return !yield(g, SIZE_MAX);
}

bool ambi_stack_more(Engine *g, Word *need) {
  size_t room = ambi_stress(STRESS_MINIMAL) ? 1 << 12 : 1 << 16;
  size_t bytes = (size_t)((char *)need - g->stack_range.base) + room;
  if (!ambi_range_more(&g->stack_range, bytes)) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  g->stack_end =
      (Word *)(void *)(g->stack_range.base + g->stack_range.committed) - 256;
  return true;
}

// Under stress a unit serves the call it was lowered for and no other.
static void forget_unit(CodeState *cs, Variant *v, Unit *u) {
  Unit **link = &cs->units;
  while (*link && *link != u)
    link = &(*link)->next;
  if (!*link) return;
  *link = u->next;
  u->next = cs->retired;
  cs->retired = u;
  ambi_store_release(&v->x_unit, cs->lower_unit);
}

// Under the guard. Under stress the rules are lowered, whatever the boot image has.
static Unit *make_unit(Engine *g, Variant *v) {
  Unit *u = ambi_stress(STRESS_RELOWER) ? ambi_lower_variant(g->cx, v)
                                        : ambi_variant_unit(g->cx, v);
  if (!u) return NULL;
  ambi_store_release(&v->x_unit, u);
  if (ambi_stress(STRESS_RELOWER) && ambi_pace(&g->lowerings, 256))
    forget_unit(g->code, v, u);
  return u;
}

// Of several evaluators that meet LOWER at once the first one makes the unit.
static Unit *first_unit(Engine *g, Variant *v) {
  ambi_guard(g->cx->rt);
  Unit *u = ambi_unit_of(v);
  if (u == g->code->lower_unit) u = make_unit(g, v);
  ambi_unguard(g->cx->rt);
  return u;
}

enum Next ambi_step_first_call(Engine *g) {
  Variant *v = (Variant *)(uintptr_t)g->e[FRAME_MARK];
  Unit *u = ambi_unit_of(v);
  if (u == g->code->lower_unit) u = first_unit(g, v);
  if (!u) return NEXT_STOP;
  g->e[FRAME_UNIT] = (Word)(uintptr_t)u;
  if (g->e + u->nslots > g->stack_end && !ambi_stack_more(g, g->e + u->nslots))
    return NEXT_STOP;
  g->pc = ambi_load_acquire(&u->entry);
  return NEXT_PC;
}

// The live slots of the body's unit, put where nothing else is. They may lie in the
// frame that goes, so they come down to its place when they are all there.
enum Next ambi_step_split(Engine *g) {
  const Code *pc = g->pc;
  bool tail = pc->op == OP_I_SPLITT;
  Word *E = g->e;
  const Unit *u = (const Unit *)(uintptr_t)E[FRAME_UNIT];
  const Outlet *o = &u->outlets[pc->a];
  const uint16_t *source = ambi_op_list(pc) + 1;
  Word *N = ambi_frame_top(E, u->nslots, g->b) + FRAME_HEADER;
  if (N + o->unit->nslots > g->stack_end &&
      !ambi_stack_more(g, N + o->unit->nslots))
    return NEXT_STOP;
  for (uint32_t i = 0; i < o->unit->nlive; i++)
    for (uint64_t bits = o->live[i]; bits; bits &= bits - 1)
      N[i * 64 + (unsigned)__builtin_ctzll(bits)] = ambi_source(E, *source++).w;
  N[FRAME_PREV] = tail ? E[FRAME_PREV] : (Word)(uintptr_t)E;
  N[FRAME_RET] = tail ? E[FRAME_RET] : (Word)(uintptr_t)(pc + (int16_t)pc->c);
  if (tail && E - FRAME_HEADER >= g->b->top) {
    memmove(E, N, o->unit->nslots * sizeof *N);
    N = E;
  }
  N[FRAME_UNIT] = (Word)(uintptr_t)o->unit;
  N[FRAME_MARK] = 0;
  g->e = N;
  g->pc = o->unit->code + o->at;
  return NEXT_PC;
}

const Code ambi_once_fail[1] = {{.op = OP_I_ONCE_FAIL}};

// Of what others have of it the first result is that of the once.
enum Next ambi_step_once_fail(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  const Code *end = h->once;
  bool again = false;
  if (h->parts && !ambi_handover_join(g, h, r, &again)) return NEXT_STOP;
  if (again) return ambi_handover_again(g);
  Value found = ambi_collector_expr(g, h);
  if (ambi_is_none(found)) return NEXT_STOP;
  if (ambi_is_unit(found)) {
    ambi_choice_cut(g, r);
    return NEXT_FAIL;
  }
  found = ambi_expr_at(found, 0);
  if (h->bound) found = ambi_lend_bind(g, &h->lent, found);
  if (ambi_is_none(found)) return NEXT_STOP;
  ambi_choice_cut(g, r);
  g->e = r->e;
  g->e[end->a] = found.w;
  g->pc = end;
  return NEXT_PC;
}

// Is this where the once or case ends that this part is of?
static bool ends_part(const Engine *g, const Choice *at) {
  return g->is_part && at == g->choices && g->top_hook->once == g->pc;
}

// The end of a once or case that is another's: its result is that of this part.
static enum Next end_of_part(Engine *g, Value v, bool error) {
  Choice *first = g->choices + 1;
  const ValueVec *lent = &g->top_hook->lent;
  if (error)
    g->spoilt |= ambi_lend_has_bound(lent);
  else if (lent->n)
    v = ambi_lend_with_bound(g, lent, v);
  if (!ambi_collector_add(g, g->top_hook, first, v, error)) return NEXT_STOP;
  if (!error && g->pc->op == OP_I_ONCE_END) {
    ambi_choice_cut(g, first + 1);
    ambi_handover_cut(g, g->top_hook);
  }
  return NEXT_FAIL;
}

enum Next ambi_step_once_end(Engine *g) {
  const Code *pc = g->pc;
  Choice *at = ambi_position_choice(AMB_V(g->e[pc->b]));
  bool error = ambi_is_error_value(AMB_V(g->e[pc->a]));
  if (AMB_UNLIKELY(ends_part(g, at)))
    return end_of_part(g, AMB_V(g->e[pc->a]), error);
  bool saved = g->b > at && ambi_results_wait(at + 1);
  if (!error || (g->b <= at + 1 && !saved)) {
    if (g->b > at) ambi_choice_cut(g, at + 1);
    g->pc = pc + 1;
    return NEXT_PC;
  }
  static const Code fail_code[1] = {{.op = OP_I_ONCE_FAIL}};
  if (at[1].resume->op == OP_I_ONCE_FAIL) at[1].resume = fail_code;
  return ambi_position_end(g, pc->b, pc->a, true, true, pc, pc);
}

enum Next ambi_step_case_end(Engine *g) {
  const Code *pc = g->pc;
  Choice *at = ambi_position_choice(AMB_V(g->e[pc->b]));
  bool error = ambi_is_error_value(AMB_V(g->e[pc->a]));
  if (AMB_UNLIKELY(ends_part(g, at)))
    return end_of_part(g, AMB_V(g->e[pc->a]), error);
  if (g->b <= at || (g->b == at + 1 && !ambi_results_wait(at + 1))) {
    if (g->b == at + 1) ambi_choice_cut(g, at + 1);
    g->pc = pc + 1;
    return NEXT_PC;
  }
  return ambi_position_end(g, pc->b, pc->a, false, error, pc + 1, pc + 1);
}

enum Next ambi_step_top_result(Engine *g) {
  Value v = g->rv;
  bool error = !g->bare && ambi_is_error_value(v);
  if (!ambi_collector_add(g, g->top_hook, g->choices, v, error))
    return NEXT_STOP;
  if (g->cx->limits.answers && g->top_hook->nvalues >= g->cx->limits.answers) {
    g->cx->stop = STOP_ANSWERS;
    return NEXT_STOP;
  }
  return NEXT_FAIL;
}

bool ambi_step_collect_begin(Engine *g, const Code *resume) {
  g->e[g->pc->a] = ambi_position(g->b).w;
  Hook *hook = ambi_hook_collector(g, g->pc->b);
  Choice *c = hook ? ambi_choice_push(g, resume) : NULL;
  if (!c) {
    ambi_hook_free(g, hook);
    return false;
  }
  c->hook = hook;
  c->next = g->pc;
  return true;
}

enum Next ambi_step_collect_add(Engine *g) {
  Choice *barrier = ambi_position_choice(AMB_V(g->e[g->pc->b])) + 1;
  Value v = AMB_V(g->e[g->pc->a]);
  Hook *h = barrier->hook;
  while (!ambi_hook_collects(h))
    h = h->old;
  return ambi_collector_add(g, h, barrier, v, ambi_is_error_value(v))
             ? NEXT_FAIL
             : NEXT_STOP;
}

enum Next ambi_step_collect_end(Engine *g) {
  Hook *h = g->b->hook;
  bool again = false;
  if (h->parts && !ambi_handover_join(g, h, g->b, &again)) return NEXT_STOP;
  if (again) return ambi_handover_again(g);
  Value v = ambi_collector_expr(g, h);
  if (ambi_is_none(v)) return NEXT_STOP;
  uint16_t dst = g->pc->a;
  ambi_choice_cut(g, g->b);
  g->e[dst] = v.w;
  g->pc++;
  return NEXT_PC;
}
