// The loop's fast halves of decons-atom and cons-atom: lists that hold no variables,
// and for the second are views of a front-growing buffer. What they do not take goes to
// ambi_step_decons and ambi_step_cons; the rules are those of context.c.
#ifndef AMBIT_RUNTIME_LIST_H
#define AMBIT_RUNTIME_LIST_H

#include "runtime/machine/step.h"

enum {
  AMB_VIEW_WORDS = 3,
  AMB_LIST_WORDS = AMB_VIEW_MIN  // room that both want
};
_Static_assert(AMB_LIST_WORDS >= AMB_VIEW_WORDS, "a view has room");

static inline bool ambi_presumable_leaf(Value v) {
  return ambi_is_int(v) || ambi_is_double(v) || ambi_is_bool(v) ||
         ambi_is_unit(v);
}

// The rest of the list, of so many children from `first` on, gets its header and marks.
static inline __attribute__((always_inline)) Value
ambi_list_marked(const Engine *g, Value list, Value first, Word *p,
                 unsigned kind, uint32_t n) {
  Word header = ambi_header(kind, FLAG_GROUND, n);
  if (ambi_presumed(g, list) &&
      (ambi_presumable_leaf(first) || ambi_presumed(g, first)))
    header = ambi_hdr_with_spare(header, AMB_PRESUMED);
  p[0] = header;
  Word rigid = ambi_is_rigid(list) && ambi_rigid_holds_of(g, list) &&
                       g->cx->rt->is_data_head(g->cx, first)
                   ? AMB_EXPR_RIGID
                   : 0;
  return AMB_V(ambi_tag_ptr(TAG_EXPR, p).w | AMB_EXPR_GROUND | rigid);
}

// The same of few children, which are copied. It is rare, and keeps no registers of those
// who ask.
static __attribute__((noinline)) Value ambi_list_few(const Engine *g,
                                                     Value list, Word *p) {
  const Value *items = ambi_expr_items(list);
  uint32_t n = ambi_expr_size(list);
  if (items[0].w == AMB_SYM(ERROR).w) return AMB_NONE;
  if (n == 1) return AMB_UNIT;
  for (uint32_t i = 1; i < n; i++)
    p[i] = items[i].w;
  return ambi_list_marked(g, list, items[1], p, KIND_FLAT, n - 1);
}

// The list without its first child, built at p if there is a rest. AMB_NONE: not one of
// these. As ambi_make_tail: few children are copied, more are a view.
static inline Value ambi_list_rest(const Engine *g, Value list, Word *p) {
  const Word *w = ambi_ptr(list);
  uint32_t n = ambi_hdr_size(w[0]);
  if (!ambi_is_ground_expr(list)) return AMB_NONE;
  if (AMB_UNLIKELY(n <= AMB_VIEW_MIN)) return ambi_list_few(g, list, p);
  bool view = AMB_LIKELY(ambi_hdr_kind(w[0]) == KIND_VIEW);
  const Value *rest =
      view ? (const Value *)(uintptr_t)w[2] + 1 : (const Value *)(w + 2);
  if (rest[-1].w == AMB_SYM(ERROR).w) return AMB_NONE;
  p[1] = view ? w[1] : ambi_unmark(list).w;
  p[2] = (Word)(uintptr_t)rest;
  return ambi_list_marked(g, list, *rest, p, KIND_VIEW, n - 1);
}

// The heap's top behind the rest that was built at p.
static inline Word *ambi_behind_rest(Value rest, Word *p) {
  if (ambi_is_unit(rest)) return p;
  if (AMB_LIKELY(ambi_hdr_kind(p[0]) == KIND_VIEW)) return p + AMB_VIEW_WORDS;
  return p + 1 + ambi_hdr_size(p[0]);
}

// head in front of the list, built at p. AMB_NONE: not one of these.
static inline Value ambi_list_cons(const Engine *g, Value head, Value list,
                                   Word *p) {
  const Context *cx = g->cx;
  if (!ambi_presumable_leaf(head) || !ambi_is_expr(list) ||
      !ambi_is_ground_expr(list))
    return AMB_NONE;
  const Word *view = ambi_ptr(list);
  if (ambi_hdr_kind(view[0]) != KIND_VIEW) return AMB_NONE;
  Word *buf = ambi_ptr(AMB_V(view[1]));
  if (ambi_hdr_kind(buf[0]) != KIND_BUF || !ambi_in_heap(cx, buf))
    return AMB_NONE;
  int64_t first = ambi_int_of(AMB_V(buf[1]));
  if (first == 0 || view[2] != (Word)(uintptr_t)(buf + 2 + first))
    return AMB_NONE;
  buf[1 + first] = head.w;
  buf[1] = ambi_small_int(first - 1).w;
  Word header = ambi_header(KIND_VIEW, FLAG_GROUND, ambi_hdr_size(view[0]) + 1);
  if (ambi_presumed(g, list))
    header = ambi_hdr_with_spare(header, AMB_PRESUMED);
  p[0] = header;
  p[1] = view[1];
  p[2] = (Word)(uintptr_t)(buf + 1 + first);
  return AMB_V(ambi_tag_ptr(TAG_EXPR, p).w | AMB_EXPR_GROUND);
}

#endif
