// Chains of cells with a hole at the end; see chain.h.
#include "runtime/machine/chain.h"

#include "memory/alloc.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/step.h"

// R_STREAM takes the value, an Error is returned in place of the chain.
static Unit *make_chain_unit(void) {
  static const Code code[] = {
      {.op = OP_I_R_STREAM, .a = CHAIN_VALUE, .b = CHAIN_POS},
      {.op = OP_I_CHAINED, .a = CHAIN_VALUE, .b = CHAIN_HEAD},
      {.op = OP_I_RET, .a = CHAIN_VALUE},
  };
  Unit *u = ambi_routine_unit_make(code, 3, CHAIN_SLOTS);
  if (!u) return NULL;
  u->routine = 0;
  u->edges = ambi_alloc(sizeof *u->edges);
  if (u->edges) {
    u->nedges = 1;
    u->edges[0] = (ErrorEdge){.at = 0, .to = 2};
  }
  if (!u->edges || !ambi_unit_liveness(u)) {
    ambi_unit_free(u);
    return NULL;
  }
  return u;
}

static Unit *chain_unit(CodeState *cs) {
  Unit *u = ambi_load_acquire(&cs->x_chain_unit);
  return u ? u
           : ambi_routine_unit_keep(cs, &cs->x_chain_unit, make_chain_unit());
}

// The chain's frame takes the place of the current one, which moves up.
enum Next ambi_chain_begin(Engine *g) {
  Unit *u = chain_unit(g->code);
  if (!u) {
    g->cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  Word *old = g->e, *c = old;
  size_t n = ambi_frame_slots(old);
  Value cell = AMB_V(old[g->pc->a]);
  ambi_step_stamp(g, old);
  if (old - FRAME_HEADER < g->b->top)
    c = ambi_frame_top(old, n, g->b) + FRAME_HEADER;
  Word *e = c + CHAIN_SLOTS + FRAME_HEADER;
  if (!ambi_frame_room(g, e + n)) return NEXT_STOP;
  Word prev = old[FRAME_PREV], ret = old[FRAME_RET];
  memmove(e - FRAME_HEADER, old - FRAME_HEADER,
          (FRAME_HEADER + n) * sizeof(Word));
  e[FRAME_PREV] = (Word)(uintptr_t)c;
  e[FRAME_RET] = (Word)(uintptr_t)u->code;
  c[FRAME_UNIT] = (Word)(uintptr_t)u;
  c[FRAME_PREV] = prev;
  c[FRAME_RET] = ret;
  c[FRAME_MARK] = 0;
  c[CHAIN_POS] = ambi_position(g->b).w;
  c[CHAIN_VALUE] = AMB_UNIT.w;
  c[CHAIN_HEAD] = c[CHAIN_LAST] = cell.w;
  c[CHAIN_COUNT] = 1;
  c[CHAIN_OPEN] = !(cell.w & AMB_EXPR_GROUND);
  c[CHAIN_SOFT] = !(cell.w & AMB_EXPR_RIGID);
  c[CHAIN_LOOSE] = !(cell.w & AMB_EXPR_EVAL);
  c[CHAIN_EPOCH] = (Word)ambi_code_epoch(g->code);
  c[CHAIN_OLD] = 0;
  g->e = e;
  g->pc++;
  return NEXT_PC;
}

static Word *hole_of(Value cell) {
  Word *p = ambi_ptr(cell);
  return p + ambi_hdr_size(p[0]);
}

// A copy of the chain up to its first cell from `newer` on, whose holes stay as
// they are. AMB_NONE: stop.
static Value copied(Engine *g, Value cell, Word count, const Word *newer,
                    Value *last) {
  Value head = AMB_NONE, end = *last;
  Word *hole = NULL;
  for (Word i = 0; i < count; i++) {
    if (hole && ambi_ptr(cell) >= newer) {
      *hole = cell.w;
      *last = end;
      break;
    }
    const Word *from = ambi_ptr(cell);
    size_t n = 1 + (size_t)ambi_hdr_size(from[0]);
    Word *to = ambi_heap_alloc(g->cx, n);
    if (!to) return AMB_NONE;
    memcpy(to, from, n * sizeof *to);
    *last = AMB_V(ambi_tag_ptr(TAG_EXPR, to).w | (cell.w & AMB_EXPR_MARKS));
    if (hole)
      *hole = last->w;
    else
      head = *last;
    hole = to + n - 1;
    cell = AMB_V(*hole);
  }
  return head;
}

// In the middle of a collection cells may have moved.
static Word *cell_at(Value cell) {
  Word *p = ambi_ptr(cell);
  bool moved = (p[0] >> 48) == TAG_FWD;
  return moved ? (Word *)(uintptr_t)(p[0] & AMB_PAYLOAD_MASK) : p;
}

// Takes away the marks that the value, or cells further on, do not let the words
// have that refer to the chain's cells.
static Value corrected(const Word *c, Value head, bool ground, bool rigid,
                       bool own) {
  Word *word = &head.w;
  for (Word i = 1; i <= c[CHAIN_COUNT]; i++) {
    Word *p = cell_at(AMB_V(*word)), w = *word;
    if (!ground || i <= c[CHAIN_OPEN]) {
      w &= ~AMB_EXPR_GROUND;
      p[0] = ambi_header(KIND_FLAT, 0, ambi_hdr_size(p[0]));
    }
    if (!rigid || i <= c[CHAIN_SOFT]) w &= ~AMB_EXPR_RIGID;
    if (!own || i <= c[CHAIN_LOOSE]) w &= ~AMB_EXPR_EVAL;
    *word = w;
    word = p + ambi_hdr_size(p[0]);
  }
  return head;
}

void ambi_chain_correct(Word *c) {
  c[CHAIN_HEAD] = corrected(c, AMB_V(c[CHAIN_HEAD]), true, true, true).w;
}

void ambi_chain_moved(Word *c) {
  Value last = AMB_V(c[CHAIN_HEAD]);
  for (Word i = 1; i < c[CHAIN_COUNT]; i++)
    last = AMB_V(*hole_of(last));
  c[CHAIN_LAST] = last.w;
  c[CHAIN_OLD] = 0;
}

// Has some cell become a call?
static bool all_data(Engine *g, Word count, Value cell) {
  for (Word i = 0; i < count; i++) {
    if (!ambi_is_data(g, cell)) return false;
    cell = AMB_V(*hole_of(cell));
  }
  return true;
}

// The children of what has become a call are values already, and are not evaluated
// once more.
static enum Next evaluate(Engine *g, Word count, Value head) {
  Value cell = head;
  for (Word i = 0; i < count; i++) {
    Word *p = ambi_ptr(cell);
    uint32_t n = ambi_hdr_size(p[0]);
    cell = AMB_V(p[n]);
    for (uint32_t j = 1; j < n + (i + 1 == count); j++)
      p[j] = ambi_mark_eval(AMB_V(p[j])).w;
    if (i + 1 < count) p[n] = ambi_unmark(cell).w;
  }
  return ambi_eval_tail(g, ambi_unmark(head), AMB_SYM(UNDEFINED));
}

enum Next ambi_chain_end(Engine *g) {
  Word *c = g->e;
  Value v = ambi_deref(AMB_V(c[CHAIN_VALUE])), head = AMB_V(c[CHAIN_HEAD]),
        last = AMB_V(c[CHAIN_LAST]);
  if (v.w == AMB_SYM(EMPTY).w) return NEXT_FAIL;
  // Cells that a collection has made older than the newest record must not refer
  // to what is newer, which that record's results do not keep.
  const Word *newer = c[CHAIN_POS] == ambi_position(g->b).w
                          ? g->b->h
                          : (const Word *)UINTPTR_MAX;
  if (ambi_ptr(head) < newer) {
    head = copied(g, head, c[CHAIN_COUNT], newer, &last);
    if (ambi_is_none(head)) return NEXT_STOP;
  }
  *hole_of(last) = v.w;
  bool ground = !ambi_is_var(v) && (!ambi_is_expr(v) || ambi_is_ground_expr(v));
  bool rigid = ambi_is_firm(v),
       own = ground && (rigid || ambi_has_eval(v) || ambi_presumed(g, v));
  if (!ground || !rigid || !own ||
      (c[CHAIN_OPEN] | c[CHAIN_SOFT] | c[CHAIN_LOOSE]))
    head = corrected(c, head, ground, rigid, own);
  if (AMB_UNLIKELY(c[CHAIN_EPOCH] != ambi_code_epoch(g->code)) &&
      !all_data(g, c[CHAIN_COUNT], head))
    return g->cx->stop ? NEXT_STOP : evaluate(g, c[CHAIN_COUNT], head);
  g->rv = head;
  return NEXT_RET;
}
