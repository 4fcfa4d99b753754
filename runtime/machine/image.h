// Copying terms into images and back; see the struct Image in engine.h.
#ifndef AMBIT_RUNTIME_IMAGE_H
#define AMBIT_RUNTIME_IMAGE_H

#include "runtime/machine/engine.h"

// One copy context: variables met twice are one variable in the copy.
typedef struct ImageCopy {
  Image *m;
  CopyScratch *s;
  const Word *limit;  // cells below stay pointers
  Context *cx;
  bool resolve;  // older terms may hold variables bound since
  bool abroad;   // for another Context: nothing of this one stays a pointer
  ValueVec
      *lent;  // who has it shares a search with this one: variables that are
              // older than the search, and go by numbers; or NULL
  const Word *lends;  // others below are lent, too; or NULL
  bool hands_over;    // all variables are to be told apart
  size_t plain;       // length of the image from which on parts are copied once
  size_t nwork, nrenamed, nforwarded;
  struct Spine *
      spine;  // of what is copied: is told where its terms go, from the first on
  size_t nspine;
  SpineTerm end;  // this one has been copied before; NULL: none
  bool compared;  // with the last result
} ImageCopy;
// A context for copying into m what is not older than `limit`.
ImageCopy ambi_copy_begin(Engine *g, Image *m, const Word *limit);
// Variables that were lent stand for their numbers until the end. False: no memory.
bool ambi_copy_lent(ImageCopy *c);
bool ambi_copy_all(ImageCopy *c, Value v, Value *out);
void ambi_copy_end(ImageCopy *c);  // gives back what was changed for the copy

// A copy of v that outlives backtracking to the record. What is older stays a
// pointer, unless variables in it were bound since. NULL: nothing of this Context
// stays one.
bool ambi_image_copy(Engine *g, Image *m, Value v, const Choice *barrier,
                     Value *out);
void ambi_image_drop(Image *m);
// The words of another image go behind those of m, and values that refer to them follow; numbers of lent variables become these.
// False: memory is out.
bool ambi_image_append(Image *m, const Image *from, const ValueVec *lent,
                       Value *values, size_t n);
// Is it worth a place of its own?
bool ambi_image_is_large(const Image *m);
// Takes a large image without variables, whose words have no references but plain
// pointers when somebody looks next, into the memory in use as it stands. False: it
// cannot be, or is not worth it.
bool ambi_image_adopt(Engine *g, Image *m);
// The image moves to the open range, or does not move any more where it is, and has plain
// pointers from then on; and back to how it is while it may move. Values that refer to it
// are to follow: the last gives one.
void ambi_image_settle(Image *m, Range range);
void ambi_image_settle_here(Image *m);
void ambi_image_unsettle(Image *m);
Value ambi_image_unsettled(const Image *m, Value v);
// Moves words of an image to the heap; relocates the value.
Word *ambi_image_thaw(Engine *g, const Image *m, size_t from, size_t to);
static inline Value ambi_image_value(Value v, const Word *at, size_t from) {
  uint32_t t = ambi_tag(v);
  bool ptr = t == TAG_EXPR || t == TAG_VAR || t == TAG_BIG || t == TAG_OBJ;
  if (!ptr || !(v.w & IMAGE_BIT)) return v;
  Word off = v.w & (IMAGE_BIT - 1);
  return AMB_V(((Word)t << 48) |
               ((Word)(uintptr_t)at + off - from * sizeof(Word)));
}
// The word that refers to what is behind `at` words.
static inline Value ambi_image_ref(const Image *m, uint32_t tag, Word marks,
                                   size_t at) {
  Word offset = at * sizeof(Word);
  Word where = m->settled ? (uintptr_t)m->w + offset : IMAGE_BIT | offset;
  return AMB_V(((Word)tag << 48) | where | marks);
}
// Behind the word w[i], or behind the object whose words are no Values; a variable's
// cell is two words.
static inline size_t ambi_image_next(const Word *w, size_t i) {
  if ((w[i] >> 48) != TAG_HDR) return i + 1;
  enum ObjKind k = ambi_hdr_kind(w[i]);
  return k == KIND_STR || k == KIND_BIG ? i + ambi_object_words(w[i]) : i + 1;
}
// Do results refer to terms with variables that may be newer than the collector, which only
// a collection makes as old, or that may have been read under one name?
static inline bool ambi_image_left_open(const Engine *g, const Hook *h) {
  bool moved = h->collections != g->collections && g->copy.stamps > 0;
  return h->image.leaves_open &&
         (moved || ambi_load_relaxed(&g->cx->rt->x_parsed_vars));
}
// merge.c: variables of several results of the collector that are one variable become
// one. Those of a large image move to the heap, and it is settled. False: cx->stop is set.
bool ambi_image_merge(Engine *g, Hook *h);
// Likewise those of a large, settled image that is to be a part of the collector's
// results, and of values that refer to it; numbers of lent variables become these.
bool ambi_image_open(Engine *g, Hook *h, Image *m, Value *values, size_t n);
// Image references in at[0..n), words `from`.. of an image, become pointers.
void ambi_image_relocate(Word *at, size_t n, size_t from);

#endif
