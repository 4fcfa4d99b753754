// The slow path of work stacks.
#include "runtime/atoms/work.h"

bool ambi_work_grow(Work *w, size_t size) {
  size_t cap = w->cap * 2 + size;
  bool inside = w->at == (char *)w->room;
  char *p = inside ? ambi_alloc(cap) : ambi_realloc(w->at, w->cap, cap);
  if (!p) return false;
  if (inside) memcpy(p, w->room, w->used);
  w->at = p;
  w->cap = cap;
  return true;
}
