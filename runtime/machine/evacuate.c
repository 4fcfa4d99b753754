// Moving terms, Cheney's way: copies stand behind one another, and what they refer to
// is moved as they are gone through.
#include "runtime/cells.h"
#include "runtime/machine/collect.h"

static inline bool is_within(const Word *p, const Word *from, const Word *end) {
  return p >= from && p < end;
}

static bool old_leaves(const Collector *c, const Word *p) {
  if (is_within(p, c->old, c->old_end)) return true;
  if (c->g->nadopted == 0) return false;
  Adopted *a = ambi_adopted_at(c->g, p);
  if (a && a->pinned) a->hit = true;
  return a && !a->pinned;
}

static inline bool leaves(const Collector *c, const Word *p) {
  if (is_within(p, c->young, c->young_end)) return true;
  return c->major && old_leaves(c, p);
}

bool ambi_evacuate_leaves(const Collector *c, const Word *p) {
  return leaves(c, p);
}

// A minor collection has come to an adopted image, which is looked at later.
static void meet_adopted(const Collector *c, const Word *p) {
  Adopted *a = ambi_adopted_at(c->g, p);
  if (a && !a->pinned) a->hit = true;
}

// Most objects are small, and a call would take as long as all the rest.
static inline Word *copy_words(Collector *c, Word *from, size_t n) {
  Word *to = c->top;
  switch (n) {
  case 2: memcpy(to, from, 2 * sizeof *to); break;
  case 3: memcpy(to, from, 3 * sizeof *to); break;
  case 4: memcpy(to, from, 4 * sizeof *to); break;
  case 5: memcpy(to, from, 5 * sizeof *to); break;
  default: memcpy(to, from, n * sizeof *to);
  }
  c->top += n;
  from[0] = AMB_TAGGED(TAG_FWD, (uintptr_t)to);
  return to;
}

// No child of a buffer counts until a view of it is scanned.
static inline Word *copy_object(Collector *c, Word *p) {
  Word header = p[0];
  Word *to = copy_words(c, p, ambi_object_words(header));
  if (ambi_hdr_kind(header) == KIND_BUF)
    to[1] = ambi_small_int(ambi_hdr_size(header)).w;
  return to;
}

// Where the object at p is now.
static inline Word *moved(Collector *c, Word *p, bool variable) {
  if ((p[0] >> 48) == TAG_FWD)
    return (Word *)(uintptr_t)(p[0] & AMB_PAYLOAD_MASK);
  if (!variable) return copy_object(c, p);
  bool unbound = p[0] == AMB_TAGGED(TAG_VAR, (uintptr_t)p);
  Word *to = copy_words(c, p, 2);
  if (unbound) *to = AMB_TAGGED(TAG_VAR, (uintptr_t)to);
  return to;
}

// The word of a reference.
static inline Word follow(Collector *c, Word w) {
  uint32_t tag = (uint32_t)(w >> 48);
  Word *p = ambi_ptr(AMB_V(w));
  if (!leaves(c, p)) {
    if (AMB_UNLIKELY(c->adopted)) meet_adopted(c, p);
    if (c->store && tag != TAG_CELL) ambi_store_touch(c->store, p);
    if (c->cells && tag == TAG_CELL)
      ambi_cell_met(c->g->cx->rt, ambi_cell(AMB_V(w)));
    return w;
  }
  Word marks = tag == TAG_EXPR ? w & AMB_EXPR_MARKS : 0;
  return AMB_TAGGED(tag, (uintptr_t)moved(c, p, tag == TAG_VAR)) | marks;
}

Word ambi_evacuate(Collector *c, Word w) {
  return ambi_evacuate_refers((uint32_t)(w >> 48)) ? follow(c, w) : w;
}

// A view keeps its place in the buffer it looks into. Children of a buffer that
// no view sees any more are garbage, and perhaps point to where nothing is.
static void scan_view(Collector *c, Word *p) {
  Word *old = ambi_ptr(AMB_V(p[1]));
  p[1] = ambi_evacuate(c, p[1]);
  Word *base = ambi_ptr(AMB_V(p[1]));
  p[2] =
      (Word)(uintptr_t)((char *)(uintptr_t)p[2] + ((char *)base - (char *)old));
  if (ambi_hdr_kind(base[0]) != KIND_BUF) return;
  Word *from = (Word *)(uintptr_t)p[2];
  Word *seen = base + 2 + ambi_int_of(AMB_V(base[1]));
  for (Word *child = from; child < seen; child++)
    *child = ambi_evacuate(c, *child);
  if (from < seen) base[1] = ambi_small_int(from - (base + 2)).w;
}

void ambi_evacuate_all(Collector *c) {
  while (c->scan < c->top) {
    Word w = *c->scan;
    if (AMB_LIKELY((w >> 48) != TAG_HDR)) {
      if (ambi_evacuate_refers((uint32_t)(w >> 48))) *c->scan = follow(c, w);
      c->scan++;
      continue;
    }
    switch (ambi_hdr_kind(w)) {
    case KIND_STR:
    case KIND_BIG:
    case KIND_BUF: c->scan += ambi_object_words(w); break;
    case KIND_VIEW:
      scan_view(c, c->scan);
      c->scan += 3;
      break;
    default: c->scan++; break;
    }
  }
}

void ambi_evacuate_image(Collector *c, Word *at, size_t n) {
  for (size_t i = 0; i < n;) {
    Word w = at[i];
    if ((w >> 48) == TAG_HDR &&
        (ambi_hdr_kind(w) == KIND_STR || ambi_hdr_kind(w) == KIND_BIG)) {
      i += ambi_object_words(w);
      continue;
    }
    at[i++] = ambi_evacuate(c, w);
  }
}
