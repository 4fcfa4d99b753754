// Labels of the piece of code that is being assembled, and the jumps that go to them.
//
// A label is bound to a place in a section, or to something outside, told as a distance
// from where the piece begins. A jump to what is bound already in its own section knows
// its distance; any other leaves four bytes free (a link), which are filled in when the
// sections are laid out. asmjit's own labels keep lists, and take ten times as long.
// `failed`: memory was out, and nothing is to be done with the labels any more.
#ifndef AMBIT_COMPILER_THREAD_JIT_LABELS_H
#define AMBIT_COMPILER_THREAD_JIT_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "memory/alloc.h"
#ifdef __cplusplus
}
#endif

enum { JIT_UNBOUND = -1 };

typedef struct JitPlace {
  int64_t offset;
  int32_t section;  // or JIT_UNBOUND
} JitPlace;

typedef struct
    JitLink {  // the four bytes at `at`: how far it is from behind them
  uint32_t label, section, at;
} JitLink;

typedef struct JitLabels {
  JitPlace *place;  // by label
  size_t n, cap;
  JitLink *link;
  size_t nlinks, links_cap;
  bool failed;
} JitLabels;

static inline void jit_labels_clear(JitLabels *l) {
  l->n = l->nlinks = 0;
  l->failed = false;
}

static inline void jit_labels_drop(JitLabels *l) {
  ambi_free(l->place, l->cap * sizeof *l->place);
  ambi_free(l->link, l->links_cap * sizeof *l->link);
}

// Label 0 if memory is out, which exists then only if others do.
static inline uint32_t jit_labels_new(JitLabels *l) {
  if (l->n == l->cap &&
      !ambi_grow((void **)&l->place, &l->cap, l->n + 1, sizeof *l->place)) {
    l->failed = true;
    return 0;
  }
  JitPlace nowhere = {0, JIT_UNBOUND};
  l->place[l->n] = nowhere;
  return (uint32_t)l->n++;
}

static inline void jit_labels_bind(JitLabels *l, uint32_t label,
                                   uint32_t section, int64_t offset) {
  if (l->failed) return;
  JitPlace here = {offset, (int32_t)section};
  l->place[label] = here;
}

static inline bool jit_labels_is_bound(const JitLabels *l, uint32_t label) {
  return !l->failed && l->place[label].section != JIT_UNBOUND;
}

static inline void jit_labels_link(JitLabels *l, uint32_t label,
                                   uint32_t section, size_t at) {
  if (l->nlinks == l->links_cap && !ambi_grow((void **)&l->link, &l->links_cap,
                                              l->nlinks + 1, sizeof *l->link)) {
    l->failed = true;
    return;
  }
  JitLink link = {label, section, (uint32_t)at};
  l->link[l->nlinks++] = link;
}

#endif
