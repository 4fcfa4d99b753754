// Images: copies of terms outside of the backtracked heap, and their way back.
//
// Copying is breadth-by-stack, with a work stack and a list of renamed variables
// that the Engine keeps, since most copies are small and there are many.
#include "runtime/machine/image.h"

#include "memory/alloc.h"

static Word *image_more(Image *m, size_t n, size_t *at) {
  if (!ambi_grow((void **)&m->w, &m->cap, m->n + n, sizeof(Word))) return NULL;
  *at = m->n;
  m->n += n;
  return m->w + *at;
}

static Value image_ref(uint32_t tag, Word marks, size_t at) {
  return AMB_V(((Word)tag << 48) | IMAGE_BIT | (at * sizeof(Word)) | marks);
}

// True for a word that is to be kept as a pointer: older, or not of the heap.
static bool stays(const ImageCopy *c, const Word *p) {
  bool heap = ambi_in_heap(c->cx, p);
  if (heap && p >= c->limit) return false;
  if (!c->m->refers && (heap || ambi_adopted_at(c->cx->engine, p)))
    c->m->refers = true;
  return true;
}

// An older expression can stay if what is bound in it stays bound.
static bool expr_stays(const ImageCopy *c, Value v) {
  return stays(c, ambi_ptr(v)) && (!c->resolve || ambi_is_ground_expr(v));
}

static bool copy_var(ImageCopy *c, Value v, Value *out) {
  size_t at;
  if (!ambi_grow((void **)&c->s->renamed, &c->s->renamed_cap, c->nrenamed + 1,
                 sizeof *c->s->renamed))
    return false;
  c->m->has_variables = true;
  Word *w = image_more(c->m, 2, &at);
  if (!w) return false;
  *out = image_ref(TAG_VAR, 0, at);
  w[0] = out->w;
  w[1] = ambi_ptr(v)[1];
  c->s->renamed[c->nrenamed++] = ambi_ptr(v);
  *ambi_ptr(v) = out->w;
  return true;
}

static bool copy_expr(ImageCopy *c, Value v, Value *out) {
  uint32_t n = ambi_expr_size(v);
  size_t at;
  Word *w = image_more(c->m, 1 + (size_t)n, &at);
  if (!w || !ambi_grow((void **)&c->s->work, &c->s->work_cap, c->nwork + 1,
                       sizeof *c->s->work))
    return false;
  w[0] = ambi_header(KIND_FLAT,
                     ambi_is_ground_expr(v) ? (unsigned)FLAG_GROUND : 0, n);
  c->s->work[c->nwork++] = (CopyWork){ambi_expr_items(v), n, at + 1};
  *out = image_ref(TAG_EXPR, v.w & AMB_EXPR_MARKS, at);
  return true;
}

static bool copy_object(ImageCopy *c, Value v, Value *out) {
  Word header = *ambi_ptr(v);
  size_t n = ambi_object_words(header), at;
  Word *w = image_more(c->m, n, &at);
  if (!w) return false;
  memcpy(w, ambi_ptr(v), n * sizeof(Word));
  bool values =
      ambi_hdr_kind(header) == KIND_BIND || ambi_hdr_kind(header) == KIND_VEC;
  if (values && n > 1) {
    if (!ambi_grow((void **)&c->s->work, &c->s->work_cap, c->nwork + 1,
                   sizeof *c->s->work))
      return false;
    c->s->work[c->nwork++] =
        (CopyWork){(const Value *)(ambi_ptr(v) + 1), n - 1, at + 1};
  }
  *out = image_ref(ambi_tag(v), 0, at);
  return true;
}

static bool copy_value(ImageCopy *c, Value v, Value *out) {
  while (ambi_is_var(v) && !(v.w & IMAGE_BIT)) {
    Value next = AMB_V(*ambi_ptr(v));
    if (next.w == v.w) break;
    v = next;
  }
  *out = v;
  switch (ambi_tag(v)) {
  case TAG_VAR:
    if (v.w & IMAGE_BIT) return true;
    return stays(c, ambi_ptr(v)) || copy_var(c, v, out);
  case TAG_EXPR: return expr_stays(c, v) || copy_expr(c, v, out);
  case TAG_BIG:
  case TAG_OBJ: return stays(c, ambi_ptr(v)) || copy_object(c, v, out);
  default: return true;
  }
}

enum { POLL_WORDS = 1 << 16 };

// A term that shares its parts may be far larger as a copy.
bool ambi_copy_all(ImageCopy *c, Value v, Value *out) {
  if (!copy_value(c, v, out)) return false;
  while (c->nwork) {
    if (++c->s->steps % POLL_WORDS == 0 && !ambi_limits_poll(c->cx))
      return false;
    CopyWork *w = &c->s->work[c->nwork - 1];
    const Value *src = w->src++;
    size_t dst = w->dst++;
    if (--w->n == 0) c->nwork--;
    Value x;
    if (!copy_value(c, *src, &x)) return false;
    c->m->w[dst] = x.w;
  }
  return true;
}

void ambi_copy_end(ImageCopy *c) {
  for (size_t i = 0; i < c->nrenamed; i++)
    *c->s->renamed[i] = AMB_TAGGED(TAG_VAR, (uintptr_t)c->s->renamed[i]);
  c->nrenamed = 0;
}

bool ambi_image_copy(Engine *g, Image *m, Value v, const Choice *barrier,
                     Value *out) {
  if (!ambi_is_expr(v) && !ambi_is_var(v) && !ambi_is_obj(v) &&
      !ambi_is_big(v)) {
    *out = v;
    return true;
  }
  ImageCopy c = {.m = m,
                 .s = &g->copy,
                 .limit = barrier->h,
                 .cx = g->cx,
                 .resolve = g->cx->tr > barrier->tr};
  size_t n = m->n;
  bool ok = ambi_copy_all(&c, v, out);
  ambi_copy_end(&c);
  if (ok) return true;
  m->n = n;
  if (g->cx->stop == STOP_NONE) g->cx->stop = STOP_MEMORY;
  return false;
}

void ambi_image_relocate(Word *at, size_t n, size_t from) {
  for (size_t i = 0; i < n;) {
    Word w = at[i];
    if ((w >> 48) == TAG_HDR &&
        (ambi_hdr_kind(w) == KIND_STR || ambi_hdr_kind(w) == KIND_BIG)) {
      i += ambi_object_words(w);
      continue;
    }
    at[i] = ambi_image_value(AMB_V(w), at, from).w;
    i++;
  }
}

Word *ambi_image_thaw(Engine *g, const Image *m, size_t from, size_t to) {
  if (from == to) return g->cx->h;
  Word *at = ambi_heap_alloc(g->cx, to - from);
  if (!at) return NULL;
  memcpy(at, m->w + from, (to - from) * sizeof(Word));
  ambi_image_relocate(at, to - from, from);
  return at;
}
