// A walk over the instructions that control may reach.
#include "runtime/machine/reach.h"

#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

typedef struct Reach {
  CodeState *cs;
  const Unit *u;
  const Code *end;  // nothing behind this counts; or NULL
  bool *seen;       // a mark for each word of code
  uint32_t *todo;
  size_t n;
  unsigned effects;
  unsigned depth;
} Reach;

static void add(Reach *r, int64_t at) {
  if (at < 0 || at >= r->u->ncode || r->seen[at]) return;
  r->seen[at] = true;
  r->todo[r->n++] = (uint32_t)at;
}

static void add_successors(Reach *r, uint32_t at) {
  const Code *pc = r->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  unsigned words = ambi_op_words(pc);
  uint32_t edge = ambi_unit_edge(r->u, at);
  if (pc == r->end) return;
  if (!(op->flags & F_END)) add(r, (int64_t)at + words);
  if (ambi_op_skips(pc)) add(r, (int64_t)at + words + 1);
  if (op->operands[2] == 'L') add(r, (int64_t)at + (int16_t)pc->c);
  if (op->flags & (X_VARL | X_ELSE))
    add(r, (int64_t)at + (int16_t)pc[words - 1].b);
  if (pc->op == OP_I_SWITCH) {
    const Switch *s = &r->u->switches[pc->b];
    add(r, s->other);
    add(r, s->open);
    for (uint32_t i = 0; i < s->n; i++)
      add(r, s->cases[i].to);
  }
  if (edge != UINT32_MAX) add(r, edge);
}

enum { DEEPEST = 4 };  // loops in loops that are looked through

static unsigned reach(CodeState *cs, const Unit *u, const Code *from,
                      const Code *end, unsigned depth);

// A loop's variant has no definition but a unit of its own.
static unsigned effects_of_call(const Reach *r, const Variant *v) {
  if (v->def) return ambi_effects_definition(r->cs, v->def);
  const Unit *u = ambi_load_acquire(&v->x_unit);
  if (u == r->u) return E_PURE;
  if (r->depth == DEEPEST) return E_EVERYTHING;
  return reach(r->cs, u, u->code, NULL, r->depth + 1);
}

static unsigned effects_of(const Reach *r, const Code *pc) {
  CodeState *cs = r->cs;
  switch (pc->op) {
  case OP_I_CALL:
  case OP_I_TAILCALL:
    return effects_of_call(r, (const Variant *)(uintptr_t)r->u->k[pc->c]);
  case OP_I_INLINED: return effects_of_call(r, r->u->bodies[pc->a].variant);
  case OP_I_RETV:
  case OP_I_EVALV:
  case OP_I_EVALT:
  case OP_I_EVALX:
  case OP_I_EVALA:
  case OP_I_EVALXT:
  case OP_I_CALLX:
  case OP_I_CALLOWN:
  case OP_I_CALLV:
  case OP_I_TAILCALLV:
  case OP_I_BODYX:
  case OP_I_BODYT:
  case OP_I_QUERYT:
  case OP_I_EVINSTR: return ambi_effects_fetched(cs) | ambi_effects_unknown(cs);
  case OP_I_BUILTIN: return ambi_builtin(cs->rt, pc->c)->effects;
  case OP_I_GETSTATE: return E_READ_STATE;
  case OP_I_SETSTATE: return E_WRITE_STATE;
  case OP_I_MATCH:
  case OP_I_MATCHF: return E_READ_SPACE;
  case OP_I_TABLE: return E_TABLED;
  default: return E_PURE;
  }
}

static unsigned reach(CodeState *cs, const Unit *u, const Code *from,
                      const Code *end, unsigned depth) {
  Reach r = {.cs = cs, .u = u, .end = end, .depth = depth};
  r.seen = ambi_alloc(u->ncode * sizeof *r.seen);
  r.todo = ambi_alloc(u->ncode * sizeof *r.todo);
  if (!r.seen || !r.todo) {
    r.effects = E_EVERYTHING;
  } else {
    add(&r, from - u->code);
    while (r.n) {
      uint32_t at = r.todo[--r.n];
      r.effects |= effects_of(&r, u->code + at);
      add_successors(&r, at);
    }
  }
  ambi_free(r.seen, u->ncode * sizeof *r.seen);
  ambi_free(r.todo, u->ncode * sizeof *r.todo);
  return r.effects;
}

static bool is_same(const Reached *a, const Reached *b) {
  return a->unit == b->unit && a->epoch == b->epoch && a->from == b->from &&
         a->end == b->end;
}

unsigned ambi_reach_effects(Engine *g, const Unit *u, const Code *from,
                            const Code *end) {
  Reached now = {
      .unit = u->number, .epoch = ambi_code_epoch(g->code), from, end};
  for (size_t i = 0; now.unit && i < AMB_REACHES; i++)
    if (is_same(&g->reached[i], &now)) return g->reached[i].effects;
  now.effects = reach(g->code, u, from, end, 0);
  g->reached[g->nreached++ % AMB_REACHES] = now;
  return now.effects;
}
