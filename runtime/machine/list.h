// The loop's fast halves of decons-atom and cons-atom: lists that are views of a
// front-growing buffer and hold no variables. What they do not take goes to
// ambi_step_decons and ambi_step_cons; the rules are those of context.c.
#ifndef AMBIT_RUNTIME_LIST_H
#define AMBIT_RUNTIME_LIST_H

#include "runtime/machine/step.h"

enum { AMB_LIST_WORDS = 3 };  // room that both want at p

static inline bool ambi_presumable_leaf(Value v) {
  return ambi_is_int(v) || ambi_is_double(v) || ambi_is_bool(v) ||
         ambi_is_unit(v);
}

// The list without its first child, built at p. AMB_NONE: not one of these.
static inline Value ambi_list_rest(const Engine *g, Value list, Word *p) {
  const Word *view = ambi_ptr(list);
  uint32_t n = ambi_hdr_size(view[0]);
  if (ambi_hdr_kind(view[0]) != KIND_VIEW || n <= AMB_VIEW_MIN ||
      !ambi_is_ground_expr(list) || ambi_expr_at(list, 0).w == AMB_SYM(ERROR).w)
    return AMB_NONE;
  const Value *rest = (const Value *)(uintptr_t)view[2] + 1;
  Word header = ambi_header(KIND_VIEW, FLAG_GROUND, n - 1);
  if (ambi_presumed(g, list) &&
      (ambi_presumable_leaf(*rest) || ambi_presumed(g, *rest)))
    header = ambi_hdr_with_spare(header, AMB_PRESUMED);
  p[0] = header;
  p[1] = view[1];
  p[2] = (Word)(uintptr_t)rest;
  Word rigid = ambi_is_rigid(list) && ambi_rigid_holds(g) &&
                       g->cx->rt->is_data_head(g->cx, *rest)
                   ? AMB_EXPR_RIGID
                   : 0;
  return AMB_V(ambi_tag_ptr(TAG_EXPR, p).w | AMB_EXPR_GROUND | rigid);
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
