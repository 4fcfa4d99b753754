// Terms of a runtime's store copied into the image, equal ones only once.
//
// An object is copied when its children have been: what is in it then decides
// whether the image has it. No object lies across two chunks, whose first words
// belong to the store.
#include "memory/alloc.h"
#include "runtime/library/make/make.h"

enum {
  COPIED_TABLE = 1 << 20,
  KEPT_TABLE = 1 << 16,
  MAX_WORDS = STORE_CHUNK_WORDS - STORE_CHUNK_FIRST,
  ALL_WORDS = STORE_IMAGE_CHUNKS * STORE_CHUNK_WORDS
};

typedef struct Copied {  // an object of the store
  const Word *from;
  uint32_t to;
} Copied;

typedef struct Kept {  // words of the image, not 0 at the beginning
  uint32_t at, n;
} Kept;

void make_terms_open(Terms *t) {
  *t = (Terms){.next = STORE_CHUNK_FIRST};
  t->out = ambi_alloc(ALL_WORDS * sizeof *t->out);
  t->copied = ambi_alloc(COPIED_TABLE * sizeof *t->copied);
  t->kept = ambi_alloc(KEPT_TABLE * sizeof *t->kept);
  make_check(t->out && t->copied && t->kept, "out of memory");
}

void make_terms_close(Terms *t) {
  ambi_free(t->out, ALL_WORDS * sizeof *t->out);
  ambi_free(t->copied, COPIED_TABLE * sizeof *t->copied);
  ambi_free(t->kept, KEPT_TABLE * sizeof *t->kept);
  make_drop(&t->pointers);
  make_drop(&t->room);
}

static bool refers(Word w) {
  uint32_t tag = ambi_tag(AMB_V(w));
  make_check(tag != TAG_VAR && tag != TAG_CELL,
             "a term that lives in a runtime only");
  return tag == TAG_EXPR || tag == TAG_BIG || tag == TAG_OBJ;
}

// ---- words in the image ---------------------------------------------------------

// The distance of room for so many words.
static uint32_t take_words(Terms *t, size_t words) {
  size_t left = STORE_CHUNK_WORDS - t->next % STORE_CHUNK_WORDS;
  make_check(words <= MAX_WORDS, "a term is larger than a chunk");
  if (words > left) t->next += (uint32_t)left + STORE_CHUNK_FIRST;
  uint32_t at = t->next;
  t->next += (uint32_t)words;
  make_check(t->next < ALL_WORDS, "too many terms for the image");
  if (t->next % STORE_CHUNK_WORDS == 0) t->next += STORE_CHUNK_FIRST;
  return at;
}

static Kept *kept_slot(const Terms *t, const Word *words, size_t n) {
  uint64_t h = n;
  for (size_t i = 0; i < n; i++) {
    h = (h ^ words[i]) * 0x9E3779B97F4A7C15ull;
    h ^= h >> 32;
  }
  for (size_t i = h & (KEPT_TABLE - 1);; i = (i + 1) & (KEPT_TABLE - 1)) {
    Kept *k = &t->kept[i];
    if (k->n == 0 ||
        (k->n == n && memcmp(t->out + k->at, words, n * sizeof *words) == 0))
      return k;
  }
}

// Where the image has these words.
static uint32_t keep(Terms *t, const Word *words, size_t n, bool expression) {
  Kept *k = kept_slot(t, words, n);
  if (k->n) return k->at;
  make_check(++t->nkept < KEPT_TABLE / 2, "too many objects for the image");
  *k = (Kept){take_words(t, n), (uint32_t)n};
  memcpy(t->out + k->at, words, n * sizeof *words);
  for (size_t i = 1; expression && i < n; i++)
    if (refers(words[i])) make_push(&t->pointers, k->at + i);
  return k->at;
}

// ---- objects of the store -------------------------------------------------------

static Copied *copied_slot(const Terms *t, const Word *object) {
  size_t i = (size_t)((uintptr_t)object * 0x9E3779B97F4A7C15ull >> 40);
  for (;; i++) {
    Copied *c = &t->copied[i & (COPIED_TABLE - 1)];
    if (!c->from || c->from == object) return c;
  }
}

static Word copied_word(const Terms *t, Word w) {
  if (!refers(w)) return w;
  const Copied *c = copied_slot(t, ambi_ptr(AMB_V(w)));
  return AMB_TAGGED(ambi_tag(AMB_V(w)), (Word)c->to * 8 | (w & AMB_EXPR_MARKS));
}

// The first object below that was not copied yet; NULL: none.
static const Word *child_to_copy(const Terms *t, const Word *object) {
  if (ambi_hdr_kind(*object) != KIND_FLAT) return NULL;
  for (uint32_t i = 1; i <= ambi_hdr_size(*object); i++)
    if (refers(object[i]) && !copied_slot(t, ambi_ptr(AMB_V(object[i])))->from)
      return ambi_ptr(AMB_V(object[i]));
  return NULL;
}

// All below it was copied.
static void copy_object(Terms *t, const Word *object) {
  enum ObjKind kind = ambi_hdr_kind(*object);
  make_check(kind == KIND_FLAT || kind == KIND_BIG || kind == KIND_STR,
             "a stored term of an unknown kind");
  t->room.n = 0;
  for (size_t i = 0; i < ambi_object_words(*object); i++)
    make_push(&t->room,
              i && kind == KIND_FLAT ? copied_word(t, object[i]) : object[i]);
  make_check(++t->ncopied < COPIED_TABLE / 2, "too many objects for the image");
  *copied_slot(t, object) =
      (Copied){object, keep(t, t->room.at, t->room.n, kind == KIND_FLAT)};
}

Word make_terms_word(Terms *t, Value v) {
  WordVec open = {0};  // objects, each below the one before
  if (refers(v.w) && !copied_slot(t, ambi_ptr(v))->from)
    make_push(&open, (Word)(uintptr_t)ambi_ptr(v));
  while (open.n) {
    const Word *object = (const Word *)(uintptr_t)open.at[open.n - 1];
    const Word *child = child_to_copy(t, object);
    if (child) {
      make_push(&open, (Word)(uintptr_t)child);
    } else {
      copy_object(t, object);
      open.n--;
    }
  }
  make_drop(&open);
  return copied_word(t, v.w);
}

TemplateImage make_terms_template(Terms *t, const Template *from) {
  TemplateImage im = {.atom = make_terms_word(t, from->atom),
                      .nvars = from->nvars,
                      .flags = from->flags};
  if (im.nvars) im.vinfo = keep(t, from->vinfo, im.nvars, false);
  return im;
}
