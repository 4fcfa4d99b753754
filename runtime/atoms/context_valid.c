// A walk over a heap as a collection has left it, and over what lies around it.
//
// Between collections a heap holds what nobody looks at any more, written or not;
// behind one, every word is reachable and whole.
#include "runtime/atoms/context.h"

#include "runtime/atoms/work.h"

static bool around_is_valid(const Context *cx, const char **why) {
  if (!ambi_range_is_valid(&cx->heap, why) ||
      !ambi_range_is_valid(&cx->old, why) ||
      !ambi_range_is_valid(&cx->spare, why) ||
      !ambi_range_is_valid(&cx->trail_range, why))
    return false;
  if ((const char *)cx->old_top < cx->old.base ||
      (const char *)cx->old_top > cx->old.base + cx->old.committed)
    return ambi_invalid(why, "the end of what is old is not in its range");
  const Word *end =
      (const Word *)(const void *)(cx->heap.base + cx->heap.committed);
  if ((const char *)cx->hbase < cx->heap.base || cx->hend != end ||
      cx->h < cx->hbase || cx->h > cx->hend)
    return ambi_invalid(why, "the heap's top is not in the heap");
  size_t room = cx->trail_range.committed / sizeof *cx->trail;
  if (cx->tr > cx->trail_cap || cx->trail_cap != room)
    return ambi_invalid(why, "the trail is longer than its room");
  return true;
}

static bool is_used(const Context *cx, const Word *p) {
  return ((const char *)p >= cx->heap.base && p < cx->h) ||
         ((const char *)p >= cx->old.base && p < cx->old_top);
}

// Entries are variables: of the heap, or of one that a collection leaves. What marks how
// far the trail has been seen is none, and not of the heap.
static bool trail_is_valid(const Context *cx, const char **why) {
  for (size_t i = 0; i < cx->tr; i++) {
    const Word *cell = cx->trail[i];
    if (ambi_in_heap(cx, cell) && !is_used(cx, cell))
      return ambi_invalid(why, "the trail holds a cell that was given back");
    if (ambi_in_heap(cx, cell) && !ambi_trail_is_variable(cell))
      return ambi_invalid(why, "the trail holds what is no variable");
  }
  return true;
}

bool ambi_value_is_valid(const Context *cx, Value v, const char **why) {
  uint32_t tag = ambi_tag(v);
  if (tag == TAG_HDR || tag == TAG_FWD || tag == TAG_VINFO || tag == TAG_LVAR)
    return ambi_invalid(why, "a word that is no value");
  if (tag != TAG_EXPR && tag != TAG_VAR && tag != TAG_BIG && tag != TAG_OBJ)
    return true;
  const Word *p = ambi_ptr(v);
  if (ambi_in_heap(cx, p) && !is_used(cx, p))
    return ambi_invalid(why, "a value points to where nothing is");
  if (tag == TAG_VAR)
    return p[1] >> 48 == TAG_VINFO ||
           ambi_invalid(why, "a variable without a name");
  if (*p >> 48 != TAG_HDR)
    return ambi_invalid(why, "a value points to no object");
  enum ObjKind kind = ambi_hdr_kind(*p);
  bool expr = kind == KIND_FLAT || kind == KIND_VIEW, big = kind == KIND_BIG;
  if (expr != (tag == TAG_EXPR) || big != (tag == TAG_BIG))
    return ambi_invalid(why, "an object of the wrong kind");
  if (!expr) return true;
  if (ambi_hdr_size(*p) == 0) return ambi_invalid(why, "an empty expression");
  if (kind == KIND_FLAT && ambi_has_eval(v) && p[1] == AMB_SYM(ERROR).w)
    return ambi_invalid(why, "an Error with the evaluated mark");
  bool ground = (ambi_hdr_flags(*p) & FLAG_GROUND) != 0;
  return ground == ambi_is_ground_expr(v) ||
         ambi_invalid(why, "a ground mark differs from its object's");
}

// A ground expression has ground children; those of a view lie in its base.
static bool expression_is_valid(const Context *cx, const Word *p,
                                const char **why) {
  const Value *items = (const Value *)(p + 1);
  if (ambi_hdr_kind(*p) == KIND_VIEW) {
    items = (const Value *)(uintptr_t)p[2];
    const Word *base = ambi_ptr(AMB_V(p[1]));
    const Word *end = base + ambi_object_words(*base);
    if ((const Word *)items <= base ||
        (const Word *)items + ambi_hdr_size(*p) > end)
      return ambi_invalid(why, "a view looks beyond its base");
  }
  bool ground = (ambi_hdr_flags(*p) & FLAG_GROUND) != 0;
  for (uint32_t i = 0; i < ambi_hdr_size(*p); i++) {
    if (!ambi_value_is_valid(cx, items[i], why)) return false;
    if (ground && !ambi_word_ground(items[i]))
      return ambi_invalid(why, "a variable in a ground expression");
  }
  return true;
}

static bool object_is_valid(const Context *cx, const Word *p,
                            const char **why) {
  switch (ambi_hdr_kind(*p)) {
  case KIND_FLAT:
  case KIND_VIEW: return expression_is_valid(cx, p, why);
  case KIND_STR:
    return ((const char *)(p + 1))[ambi_hdr_size(*p)] == 0 ||
           ambi_invalid(why, "a string without an end");
  case KIND_BUF:
    return (uint64_t)ambi_int_of(AMB_V(p[1])) <= ambi_hdr_size(*p) ||
           ambi_invalid(why, "a buffer that begins behind its end");
  default: return true;
  }
}

static bool words_are_valid(const Context *cx, const Word *p, const Word *end,
                            const char **why) {
  while (p < end) {
    if (*p >> 48 != TAG_HDR) {  // a variable
      if (p + 1 >= end || p[1] >> 48 != TAG_VINFO)
        return ambi_invalid(why, "a word between objects");
      if (!ambi_value_is_valid(cx, AMB_V(*p), why)) return false;
      p += 2;
      continue;
    }
    size_t words = ambi_object_words(*p);
    if (words > (size_t)(end - p))
      return ambi_invalid(why, "an object ends beyond the heap");
    if (!object_is_valid(cx, p, why)) return false;
    p += words;
  }
  return true;
}

// What is old and has not moved now may be garbage, which refers to what is gone or was
// never written.
static bool heap_is_valid(const Context *cx, const char **why) {
  return words_are_valid(cx, cx->moved_from, cx->old_top, why) &&
         words_are_valid(cx, cx->hbase, cx->h, why);
}

bool ambi_context_is_valid(const Context *cx, const char **why) {
  return around_is_valid(cx, why) && trail_is_valid(cx, why) &&
         heap_is_valid(cx, why);
}
