// Images: copies of terms outside of the backtracked heap, and their way back.
//
// Copying is breadth-by-stack, with a work stack and a list of renamed variables
// that the Engine keeps, since most copies are small and there are many.
#include "runtime/machine/image.h"

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/machine/lend.h"

// ---- where they lie ------------------------------------------------------------
static __attribute__((noinline)) bool grow(Image *m, size_t n) {
  if (!m->range.base)
    return ambi_grow((void **)&m->w, &m->cap, n, sizeof(Word));
  if (!ambi_range_more(&m->range, n * sizeof(Word))) return false;
  m->cap = m->range.committed / sizeof(Word);
  return true;
}

static inline Word *image_more(Image *m, size_t n, size_t *at) {
  if (AMB_UNLIKELY(m->n + n > m->cap) && !grow(m, m->n + n)) return NULL;
  *at = m->n;
  m->n += n;
  return m->w + *at;
}

void ambi_image_drop(Image *m) {
  if (m->range.base)
    ambi_range_close(&m->range);
  else
    ambi_free(m->w, m->cap * sizeof(Word));
  *m = (Image){0};
}

void ambi_image_settle(Image *m, Range range) {
  Word *w = (Word *)(void *)range.base;
  memcpy(w, m->w, m->n * sizeof *w);
  ambi_free(m->w, m->cap * sizeof *w);
  m->w = w;
  m->cap = range.committed / sizeof *w;
  m->range = range;
  m->settled = true;
  ambi_image_relocate(w, m->n, 0);
}

void ambi_image_settle_here(Image *m) {
  if (!m->settled) ambi_image_relocate(m->w, m->n, 0);
  m->settled = true;
}

Value ambi_image_unsettled(const Image *m, Value v) {
  uint32_t t = ambi_tag(v);
  bool ptr = t == TAG_EXPR || t == TAG_VAR || t == TAG_BIG || t == TAG_OBJ;
  if (!ptr || ambi_ptr(v) < m->w || ambi_ptr(v) >= m->w + m->n) return v;
  return AMB_V((v.w - (uintptr_t)m->w) | IMAGE_BIT);
}

void ambi_image_unsettle(Image *m) {
  for (size_t i = 0; i < m->n; i = ambi_image_next(m->w, i))
    m->w[i] = ambi_image_unsettled(m, AMB_V(m->w[i])).w;
  m->settled = false;
}

// ---- one image behind another --------------------------------------------------

// References to the words of one image, and what they differ by from those of the other.
typedef struct Shift {
  Word begin, bytes;
  Word by;
} Shift;

static inline Word behind(Image *m, Shift x, const ValueVec *lent, Word w) {
  uint32_t t = (uint32_t)(w >> 48);
  if (AMB_UNLIKELY(t == TAG_LVAR)) {
    m->refers = m->leaves_open = true;
    return ambi_lend_value(lent, AMB_V(w)).w;
  }
  bool ptr = t == TAG_EXPR || t == TAG_VAR || t == TAG_BIG || t == TAG_OBJ;
  Word offset = (w & (AMB_PAYLOAD_MASK & ~AMB_EXPR_MARKS)) - x.begin;
  return ptr && offset < x.bytes ? w + x.by : w;
}

bool ambi_image_append(Image *m, const Image *from, const ValueVec *lent,
                       Value *values, size_t n) {
  size_t at = m->n;
  if (from->n && !image_more(m, from->n, &at)) return false;
  if (from->n) memcpy(m->w + at, from->w, from->n * sizeof *m->w);
  Word begin = from->settled ? (uintptr_t)from->w : IMAGE_BIT;
  Shift x = {.begin = begin,
             .bytes = from->n * sizeof(Word),
             .by = ambi_image_ref(m, 0, 0, at).w - begin};
  for (size_t i = at; i < m->n; i = ambi_image_next(m->w, i))
    m->w[i] = behind(m, x, lent, m->w[i]);
  for (size_t i = 0; i < n; i++)
    values[i].w = behind(m, x, lent, values[i].w);
  m->has_variables |= from->has_variables;
  return true;
}

// ---- copying -------------------------------------------------------------------

// Does p belong to the Context, wherever?
static bool is_at_home(const ImageCopy *c, const Word *p) {
  const Engine *g = c->cx->engine;
  const Image *handed = &g->handed;
  return ambi_in_heap(c->cx, p) || ambi_adopted_at(g, p) ||
         (p >= handed->w && p < handed->w + handed->n);
}

// True for a word that is to be kept as a pointer: older, or not of the heap. An
// adopted image is as old as the newest it may refer to.
static bool stays(const ImageCopy *c, const Word *p) {
  bool heap = ambi_in_heap(c->cx, p);
  if (AMB_UNLIKELY(c->abroad)) return !is_at_home(c, p);
  if (heap && p >= c->limit) return false;
  const Adopted *a = heap ? NULL : ambi_adopted_at(c->cx->engine, p);
  if (a && !a->pinned && a->top > c->limit) return false;
  if (heap || a) c->m->refers = true;
  return true;
}

// An older expression or bindings object can stay if what is bound in it stays
// bound.
static bool term_stays(const ImageCopy *c, Value v) {
  return stays(c, ambi_ptr(v)) && (!c->resolve || ambi_word_ground(v));
}

// Later results may hold the variable, too, if it is older than what they come
// from: then it is given an identity that outlives copying. One with a name of
// its own has it.
static Word identity(ImageCopy *c, Word *cell) {
  Engine *g = c->cx->engine;
  bool here = !c->abroad || c->lent;
  if (here && ambi_vinfo_id(cell[1]) >= AMB_VAR_ASKED &&
      (cell < g->b->h || c->hands_over)) {
    uint32_t stamp = ambi_stamps_next(g);
    if (stamp) cell[1] = ambi_vinfo_with_stamp(cell[1], stamp);
  }
  return cell[1];
}

// The variable stands for something else until the copy ends.
static bool stand_for(ImageCopy *c, Word *cell, Value v) {
  if (!ambi_grow((void **)&c->s->renamed, &c->s->renamed_cap, c->nrenamed + 1,
                 sizeof *c->s->renamed))
    return false;
  c->s->renamed[c->nrenamed++] = cell;
  *cell = v.w;
  return true;
}

bool ambi_copy_lent(ImageCopy *c) {
  for (size_t i = 0; c->lent && i < c->lent->n; i++) {
    Value v = c->lent->at[i];
    if (ambi_var_unbound(v) &&
        !stand_for(c, ambi_ptr(v), ambi_lvar((uint32_t)i)))
      return false;
  }
  return true;
}

static bool lend(ImageCopy *c, Value v, Value *out) {
  *out = ambi_lvar((uint32_t)c->lent->n);
  return ambi_vec_push(c->lent, v) && stand_for(c, ambi_ptr(v), *out);
}

static bool copy_var(ImageCopy *c, Value v, Value *out) {
  size_t at;
  if (ambi_ptr(v) < c->lends) return lend(c, v, out);
  c->m->has_variables = true;
  Word *w = image_more(c->m, 2, &at);
  if (!w) return false;
  *out = ambi_image_ref(c->m, TAG_VAR, 0, at);
  w[0] = out->w;
  w[1] = identity(c, ambi_ptr(v));
  return stand_for(c, ambi_ptr(v), *out);
}

// A copy longer than all there is to copy repeats parts that are shared. From then
// on an expression says where its copy is, so that the rest is not larger than what
// is copied; where nothing is shared, this never begins.
static size_t plain_words(const Engine *g) {
  size_t n = ambi_heap_words(g->cx);
  for (size_t i = 0; i < g->nadopted; i++)
    n += g->adopted[i].n;
  return n;
}

ImageCopy ambi_copy_begin(Engine *g, Image *m, const Word *limit) {
  return (ImageCopy){.m = m,
                     .s = &g->copy,
                     .limit = limit,
                     .cx = g->cx,
                     .plain = m->n + plain_words(g)};
}

static bool forward(ImageCopy *c, Word *p, size_t at) {
  if (!ambi_grow((void **)&c->s->forwarded, &c->s->forwarded_cap,
                 c->nforwarded + 1, sizeof *c->s->forwarded))
    return false;
  c->s->forwarded[c->nforwarded].at = p;
  c->s->forwarded[c->nforwarded++].header = *p;
  *p = AMB_TAGGED(TAG_FWD, at * sizeof(Word));
  return true;
}

// Has it been copied, and says so?
static inline bool was_copied(ImageCopy *c, Value v, Value *out) {
  Word header = *ambi_ptr(v);
  if (AMB_LIKELY(header >> 48 != TAG_FWD)) return false;
  uint32_t tag = ambi_tag(v);
  *out = ambi_image_ref(c->m, tag, tag == TAG_EXPR ? v.w & AMB_EXPR_MARKS : 0,
                        (header & AMB_PAYLOAD_MASK) / sizeof(Word));
  return true;
}

static bool copy_expr(ImageCopy *c, Value v, Value *out) {
  Word *p = ambi_ptr(v);
  if (was_copied(c, v, out)) return true;
  uint32_t n = ambi_expr_size(v);
  size_t at;
  Word *w = image_more(c->m, 1 + (size_t)n, &at);
  if (!w || !ambi_grow((void **)&c->s->work, &c->s->work_cap, c->nwork + 1,
                       sizeof *c->s->work))
    return false;
  w[0] = ambi_header(KIND_FLAT, 0, n);
  c->s->work[c->nwork++] = (CopyWork){ambi_expr_items(v), n, at + 1};
  if (AMB_UNLIKELY(at > c->plain) && !forward(c, p, at)) return false;
  *out = ambi_image_ref(c->m, TAG_EXPR, v.w & AMB_EXPR_MARKS, at);
  return true;
}

static bool copy_object(ImageCopy *c, Value v, Value *out) {
  if (was_copied(c, v, out)) return true;
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
  *out = ambi_image_ref(c->m, ambi_tag(v), 0, at);
  return true;
}

enum {
  POLL_WORDS = 1 << 16,
  PLAIN_FLAT = TAG_HDR << 4 | KIND_FLAT  // the first bits of its header
};

// A term that shares its parts may be far larger as a copy.
static inline bool walk_on(ImageCopy *c) {
  return ++c->s->steps % POLL_WORDS != 0 ||
         ambi_limits_walked(c->cx, POLL_WORDS);
}

// The object's words as they are; what they refer to is still to be copied.
static inline bool copy_words(ImageCopy *c, Value v, Value *out) {
  Word *p = ambi_ptr(v), header = *p;
  uint32_t tag = ambi_tag(v);
  Word marks = tag == TAG_EXPR ? v.w & AMB_EXPR_MARKS : 0;
  if (was_copied(c, v, out)) return true;
  const Word *from = p + 1;
  size_t n = ambi_object_words(header) - 1, at;
  if (tag == TAG_EXPR) {
    n = ambi_hdr_size(header);
    from = (const Word *)ambi_expr_items(v);
    header = ambi_header(KIND_FLAT, FLAG_GROUND, (uint32_t)n);
  }
  Word *w = image_more(c->m, 1 + n, &at);
  if (!w) return false;
  w[0] = header;
  for (size_t i = 0; i < n; i++)
    w[1 + i] = from[i];
  if (AMB_UNLIKELY(at > c->plain) && !forward(c, p, at)) return false;
  *out = ambi_image_ref(c->m, tag, marks, at);
  return true;
}

static inline bool is_newer(const ImageCopy *c, const Word *p) {
  return p >= c->limit && p < c->cx->h;
}

static inline bool has_object(Value v) {
  uint32_t tag = ambi_tag(v);
  return tag == TAG_EXPR || tag == TAG_OBJ || tag == TAG_BIG;
}

// EXPR, VAR, BIG, CELL and OBJ.
static inline bool may_refer(Word w) {
  return (w >> 48) - TAG_EXPR <= TAG_OBJ - TAG_EXPR;
}

// The children of an expression copied to w, 1 to n: which is the last that is to be
// copied, 0: none. *more: there are others.
static inline uint32_t last_newer(ImageCopy *c, const Word *w, uint32_t n,
                                  bool *more) {
  uint32_t last = 0;
  for (uint32_t i = 1; i <= n; i++) {
    Value v = AMB_V(w[i]);
    if (!has_object(v)) continue;
    if (!is_newer(c, ambi_ptr(v))) {
      if (!stays(c, ambi_ptr(v))) *more = true;
      continue;
    }
    if (last) *more = true;
    last = i;
  }
  return last;
}

// A FLAT while nothing has to say where its copy is.
static bool is_plain(const ImageCopy *c, Value v) {
  Word header = *ambi_ptr(v);
  return c->m->n <= c->plain && header >> 48 == TAG_HDR &&
         ambi_hdr_kind(header) == KIND_FLAT;
}

// Its copy is at *at; *last and *more as last_newer says.
static bool copy_flat(ImageCopy *c, Value v, size_t *at, uint32_t *last,
                      bool *more) {
  const Word *p = ambi_ptr(v);
  uint32_t n = ambi_hdr_size(*p);
  Word *w = image_more(c->m, 1 + (size_t)n, at);
  if (!w) return false;
  w[0] = ambi_header(KIND_FLAT, FLAG_GROUND, n);
  for (uint32_t i = 1; i <= n; i++)
    w[i] = p[i];
  *last = last_newer(c, w, n, more);
  return true;
}

// Where copy_spine is: the term it comes to, and the word that is to refer to its copy.
typedef struct SpineAt {
  Value v;
  size_t slot;  // of the image; SIZE_MAX: *out
  bool done;    // there is no further term
} SpineAt;

// The children of p but for the last go to w, if they are atoms.
static inline bool copy_atoms(const Word *p, Word *w, Word n) {
  if (AMB_LIKELY(n == 3)) {  // a head, an element and the rest
    w[1] = p[1];
    w[2] = p[2];
    return !((int)may_refer(p[1]) | (int)may_refer(p[2]));
  }
  for (Word i = 1; i < n; i++) {
    if (may_refer(p[i])) return false;
    w[i] = p[i];
  }
  return true;
}

// Lists, which most results are: one after the other the terms that are atoms but for
// their last part, as far as the image has room. What is different in any way is left
// as it is, and *at says where.
static void copy_list(ImageCopy *c, SpineAt *at, Value *out) {
  Image *m = c->m;
  size_t words = m->cap <= c->plain ? m->cap : c->plain;
  if (words <= m->n) return;
  size_t room = words - m->n;
  uint32_t turns = POLL_WORDS - 1 - c->s->steps % POLL_WORDS;
  const Word *limit = c->limit, *h = c->cx->h, *known = c->end.p;
  Word *w = m->w + m->n;
  Word *hole = at->slot == SIZE_MAX ? &out->w : m->w + at->slot;
  // What a reference differs by from the address.
  const Word base = ambi_image_ref(m, TAG_EXPR, 0, 0).w - (uintptr_t)m->w;
  size_t left = c->spine ? c->spine->n - c->nspine : 0, begun = left;
  SpineTerm *told = left ? c->spine->at + c->nspine : NULL;
  Value v = at->v;
  for (; turns; turns--) {
    const Word *p = ambi_ptr(v);
    Word header = *p, n = (uint32_t)header;
    if (AMB_UNLIKELY(p == known || header >> 44 != PLAIN_FLAT || n >= room))
      break;
    if (!copy_atoms(p, w, n)) break;
    Word x = p[n];
    bool more = may_refer(x);
    const Word *to = ambi_ptr(AMB_V(x));
    if (more && (x >> 48 != TAG_EXPR || to < limit || to >= h)) break;
    w[0] = ambi_header(KIND_FLAT, FLAG_GROUND, (uint32_t)n);
    w[n] = x;
    *hole = (base + (uintptr_t)w) | (v.w & AMB_EXPR_MARKS);
    if (left) told[begun - left--].at = (size_t)(w - m->w);
    c->s->steps++;
    hole = w + n;
    w += n + 1;
    room -= n + 1;
    at->done = !more;
    if (!more) break;
    v = AMB_V(x);
  }
  c->nspine += begun - left;
  if (w != m->w + m->n) at->slot = (size_t)(hole - m->w);
  at->v = v;
  m->n = (size_t)(w - m->w);
}

// An EXPR without variables, and of its parts the last that is to be copied, and so on:
// a list of atoms is done in one pass. *more: other parts are as they were.
static bool copy_spine(ImageCopy *c, Value v, Value *out, bool *more) {
  Image *m = c->m;
  for (SpineAt s = {.v = v, .slot = SIZE_MAX};;) {
    uint32_t last = 0;
    size_t at = 0;
    Value copy;
    copy_list(c, &s, out);
    if (s.done) return true;
    v = s.v;
    if (!walk_on(c)) return false;
    if (AMB_UNLIKELY(ambi_ptr(v) == c->end.p)) {
      copy = ambi_image_ref(m, TAG_EXPR, v.w & AMB_EXPR_MARKS, c->end.at);
    } else if (is_plain(c, v)) {
      if (!copy_flat(c, v, &at, &last, more)) return false;
      if (c->spine && c->nspine < c->spine->n)
        c->spine->at[c->nspine++].at = at;
      copy = ambi_image_ref(m, TAG_EXPR, v.w & AMB_EXPR_MARKS, at);
    } else {
      *more = true;
      if (!copy_words(c, v, &copy)) return false;
    }
    if (s.slot == SIZE_MAX)
      *out = copy;
    else
      m->w[s.slot] = copy.w;
    if (!last) return true;
    s.slot = at + last;
    s.v = AMB_V(m->w[s.slot]);
  }
}

static bool is_own(const Image *m, Value v) {
  if (!m->settled) return (v.w & IMAGE_BIT) != 0;
  return ambi_ptr(v) >= m->w && ambi_ptr(v) < m->w + m->n;
}

static bool part_stays(ImageCopy *c, Value v) {
  return is_own(c->m, v) ||
         (!is_newer(c, ambi_ptr(v)) && stays(c, ambi_ptr(v)));
}

// ---- what a result has in common with the last one -----------------------------
// Searches that put results together step by step find many with the same end. Of the
// last result it is known where its terms were and where their copies are. What is there
// now is compared with the copy, so it does not matter what was undone or moved since. Where
// results in a row have less than half of it in common, few more are compared.
enum { UNLIKE = 16, TRIED_AGAIN = 1024 };  // so many of as many

static bool spine_grow(struct Spine *s) {
  return ambi_grow((void **)&s->at, &s->cap, s->n + 1, sizeof *s->at);
}

// The terms that copy_spine goes through. False: a limit, or memory is out.
static bool spine_find(ImageCopy *c, Value v, struct Spine *s) {
  for (s->n = 0; is_plain(c, v);) {
    const Word *p = ambi_ptr(v);
    bool more = false;
    if (!walk_on(c) || !spine_grow(s)) return false;
    s->at[s->n++] = (SpineTerm){.p = p};
    uint32_t last = last_newer(c, p, ambi_hdr_size(*p), &more);
    if (!last) return true;
    v = AMB_V(p[last]);
  }
  return true;
}

// Is there a term of atoms in the image, of which `copy` is the reference, like x?
static bool is_small_copy(const ImageCopy *c, Value x, Value copy) {
  const Image *m = c->m;
  if (!ambi_is_expr(x) || !is_plain(c, x) || !ambi_is_expr(copy) ||
      !is_own(m, copy) || ((x.w ^ copy.w) & AMB_EXPR_MARKS))
    return false;
  Word base = m->settled ? (uintptr_t)m->w : IMAGE_BIT;
  size_t at = ((Word)(uintptr_t)ambi_ptr(copy) - base) / sizeof(Word);
  const Word *p = ambi_ptr(x), *w = m->w + at;
  uint32_t n = ambi_hdr_size(*p);
  if (*w != ambi_header(KIND_FLAT, FLAG_GROUND, n)) return false;
  for (uint32_t i = 1; i <= n; i++)
    if (w[i] != p[i]) return false;
  return true;
}

// Is the term at `from` the one whose copy is at `at`? next: so is this part of it.
static bool is_copy(const ImageCopy *c, const Word *p, size_t at,
                    const SpineTerm *next) {
  const Word *w = c->m->w + at;
  uint32_t n = ambi_hdr_size(*p);
  if (*w != ambi_header(KIND_FLAT, FLAG_GROUND, n)) return false;
  for (uint32_t i = 1; i <= n; i++) {
    Value x = AMB_V(p[i]);
    if (w[i] == x.w) continue;
    bool known =
        next && ambi_is_expr(x) && ambi_ptr(x) == next->p &&
        w[i] ==
            ambi_image_ref(c->m, TAG_EXPR, x.w & AMB_EXPR_MARKS, next->at).w;
    if (!known && !is_small_copy(c, x, AMB_V(w[i]))) return false;
  }
  return true;
}

// How many of the last terms of both have one copy.
static size_t in_common(const ImageCopy *c, const struct Spine *new,
                        const struct Spine *old) {
  size_t k = 0;
  while (k < new->n && k < old->n) {
    const Word *p = new->at[new->n - 1 - k].p;
    const SpineTerm *o = &old->at[old->n - 1 - k];
    if (p != o->p || !is_copy(c, p, o->at, k ? o + 1 : NULL)) break;
    k++;
  }
  return k;
}

// copy_spine of a whole result.
static bool copy_result(ImageCopy *c, Value v, Value *out, bool *more) {
  CopyScratch *s = c->s;
  struct Spine *old = &s->spine[0], *new = &s->spine[1];
  if (s->spine_of != c->m || s->spine_end != c->m->n) {
    old->n = 0;
    s->unlike = 0;
  }
  s->spine_of = NULL;
  if (s->unlike >= UNLIKE && s->unlike++ % TRIED_AGAIN >= UNLIKE)
    new->n = 0;
  else if (!spine_find(c, v, new))
    return false;
  size_t k = in_common(c, new, old), first = new->n - k;
  for (size_t i = 0; i < k; i++)
    new->at[first + i].at = old->at[old->n - k + i].at;
  if (k > first)
    s->unlike = 0;
  else if (s->unlike < UNLIKE)
    s->unlike++;
  if (k) c->end = new->at[first];
  c->spine = new;
  bool ok = copy_spine(c, v, out, more);
  if (c->nspine < first) new->n = 0;
  c->spine = NULL;
  c->end = (SpineTerm){0};
  struct Spine swap = *old;
  *old = *new;
  *new = swap;
  s->spine_of = c->m;
  c->compared = true;
  return ok;
}

// What was copied is looked through for what is still to be copied, so that nothing has
// to be remembered.
static bool copy_ground(ImageCopy *c, Value v, Value *out, bool result) {
  size_t i = c->m->n;
  bool more = false;
  *out = v;
  if (part_stays(c, v)) return true;
  if (result ? !copy_result(c, v, out, &more) : !copy_spine(c, v, out, &more))
    return false;
  while (more && i < c->m->n) {
    Value x = AMB_V(c->m->w[i]);
    if (!has_object(x)) {
      i = ambi_image_next(c->m->w, i);
      continue;
    }
    if (!part_stays(c, x)) {
      bool ok = ambi_is_expr(x) ? copy_spine(c, x, &x, &more)
                                : walk_on(c) && copy_words(c, x, &x);
      if (!ok) return false;
      c->m->w[i] = x.w;
    }
    i++;
  }
  return true;
}

// What has variables is not copied.
static bool open_stays(ImageCopy *c) {
  c->m->astray |= c->abroad;
  c->m->leaves_open = true;
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
    if (is_own(c->m, v)) return true;
    if (!stays(c, ambi_ptr(v))) return copy_var(c, v, out);
    return open_stays(c);
  case TAG_EXPR:
    if (ambi_is_ground_expr(v)) return copy_ground(c, v, out, false);
    if (!term_stays(c, v)) return copy_expr(c, v, out);
    return open_stays(c);
  case TAG_BIG:
  case TAG_OBJ:
    if (!term_stays(c, v)) return copy_object(c, v, out);
    return ambi_word_ground(v) || open_stays(c);
  case TAG_LVAR: c->m->has_variables = true; return true;
  default: return true;
  }
}

bool ambi_copy_all(ImageCopy *c, Value v, Value *out) {
  if (!copy_value(c, v, out)) return false;
  while (c->nwork) {
    if (!walk_on(c)) return false;
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
  for (size_t i = 0; i < c->nforwarded; i++)
    *c->s->forwarded[i].at = c->s->forwarded[i].header;
  c->nrenamed = c->nforwarded = 0;
}

bool ambi_image_copy(Engine *g, Image *m, Value v, const Choice *barrier,
                     Value *out) {
  if (!ambi_is_expr(v) && !ambi_is_var(v) && !ambi_is_obj(v) &&
      !ambi_is_big(v)) {
    *out = v;
    return true;
  }
  const Word *all = (const Word *)(const void *)g->cx->heap_low;
  ImageCopy c = ambi_copy_begin(g, m, barrier ? barrier->h : all);
  c.resolve = barrier && g->cx->tr > barrier->tr;
  c.abroad = !barrier;
  c.lent = barrier ? NULL : &g->top_hook->lent;
  size_t n = m->n;
  bool result = ambi_is_ground_expr(v);
  bool ok = result ? copy_ground(&c, v, out, true)
                   : ambi_copy_lent(&c) && ambi_copy_all(&c, v, out);
  ambi_copy_end(&c);
  if (!ok || (!c.compared && m->n != n && c.s->spine_of == m))
    c.s->spine_of = NULL;
  if (c.compared) c.s->spine_end = m->n;
  if (ok) return true;
  m->n = n;
  if (g->cx->stop == STOP_NONE) g->cx->stop = STOP_MEMORY;
  return false;
}

void ambi_image_relocate(Word *at, size_t n, size_t from) {
  for (size_t i = 0, next; i < n; i = next) {
    next = ambi_image_next(at, i);
    at[i] = ambi_image_value(AMB_V(at[i]), at, from).w;
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
