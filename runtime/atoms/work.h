// Work stack of a walk over a term: depth comes from data, so not the C stack.
//
// Items of one fixed size per walk lie behind each other, the first few inside
// the struct itself. Growing moves them: take the top again after each push.
#ifndef AMBIT_RUNTIME_WORK_H
#define AMBIT_RUNTIME_WORK_H

#include "memory/alloc.h"
#include "runtime/atoms/value.h"

typedef struct Work {
  char *at;
  size_t used, cap;  // bytes
  Word room[100];
} Work;

static inline void ambi_work_open(Work *w) {
  w->at = (char *)w->room;
  w->used = 0;
  w->cap = sizeof w->room;
}
static inline void ambi_work_close(Work *w) {
  if (w->at != (char *)w->room) ambi_free(w->at, w->cap);
}
bool ambi_work_grow(Work *w, size_t size);
// Room for one more item, or NULL when memory is out.
static inline void *ambi_work_push(Work *w, size_t size) {
  if (AMB_UNLIKELY(w->cap - w->used < size) && !ambi_work_grow(w, size))
    return NULL;
  void *p = w->at + w->used;
  w->used += size;
  return p;
}
static inline void *ambi_work_top(Work *w, size_t size) {
  return w->at + w->used - size;
}

// ---- building a term from another one ---------------------------------------
enum Leaf {
  LEAF_FAIL,    // memory is out
  LEAF_GROUND,  // *v is the word to store; no variable inside
  LEAF_OPEN,    // *v is the word to store; may hold variables
  LEAF_NODE     // *v is an expression or bindings object to be rebuilt
};
typedef enum Leaf LeafFn(void *arg, Value *v);
typedef Word *WordsFn(void *arg, size_t words);

typedef struct BuildFrame {
  const Value *src;
  Word *dst;  // header of the new object
  uint32_t n, i;
  bool ground, bindings;
} BuildFrame;

// No variable inside, as far as the word and the object's header tell.
static inline bool ambi_word_ground(Value v) {
  switch (ambi_tag(v)) {
  case TAG_EXPR: return ambi_is_ground_expr(v);
  case TAG_VAR:
  case TAG_LVAR: return false;
  case TAG_OBJ: {
    Word h = *ambi_ptr(v);
    return ambi_hdr_kind(h) != KIND_BIND || (ambi_hdr_flags(h) & FLAG_GROUND);
  }
  default: return true;
  }
}

static inline bool ambi_build_enter(Work *w, Value node, WordsFn *words,
                                    void *arg) {
  uint32_t n = ambi_hdr_size(*ambi_ptr(node));
  Word *dst = words(arg, 1 + (size_t)n);
  BuildFrame *f = dst ? ambi_work_push(w, sizeof *f) : NULL;
  if (!f) return false;
  *f = (BuildFrame){ambi_expr_items(node), dst, n, 0, true, ambi_is_obj(node)};
  return true;
}

// Writes the finished object's header; the word that refers to it.
static inline Value ambi_build_leave(const BuildFrame *f) {
  *f->dst = ambi_header(f->bindings ? KIND_BIND : KIND_FLAT,
                        f->ground ? FLAG_GROUND : 0, f->n);
  if (f->bindings) return ambi_tag_ptr(TAG_OBJ, f->dst);
  Value v = ambi_tag_ptr(TAG_EXPR, f->dst);
  return f->ground ? AMB_V(v.w | AMB_EXPR_GROUND) : v;
}

// Rebuilds a term parent first; `leaf` says what each word becomes. Inlined
// into its few users, so that leaf and words are direct calls there.
// AMB_NONE: memory is out.
static inline __attribute__((always_inline)) Value
ambi_build(Work *w, Value root, LeafFn *leaf, WordsFn *words, void *arg) {
  size_t base = w->used;
  switch (leaf(arg, &root)) {
  case LEAF_FAIL: return AMB_NONE;
  case LEAF_NODE: break;
  default: return root;
  }
  if (!ambi_build_enter(w, root, words, arg)) return AMB_NONE;
  for (;;) {
    BuildFrame *f = ambi_work_top(w, sizeof *f);
    bool ground;
    Value v;
    if (f->i == f->n) {
      v = ambi_build_leave(f);
      ground = f->ground;
      w->used -= sizeof *f;
      if (w->used == base) return v;
      f = ambi_work_top(w, sizeof *f);
    } else {
      v = f->src[f->i];
      enum Leaf what = leaf(arg, &v);
      if (what == LEAF_FAIL) return AMB_NONE;
      if (what == LEAF_NODE) {
        if (!ambi_build_enter(w, v, words, arg)) return AMB_NONE;
        continue;
      }
      ground = what == LEAF_GROUND;
    }
    f->dst[++f->i] = v.w;
    f->ground &= ground;
  }
}

#endif
