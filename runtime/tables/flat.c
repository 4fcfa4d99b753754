// Rows of words: made from heap terms, compared, and made into heap terms again.
#include "runtime/tables/flat.h"

#include "memory/alloc.h"
#include "runtime/atoms/match.h"
#include "runtime/atoms/work.h"

typedef struct Span {  // children still to be copied, and where to
  const Value *src;
  size_t n, dst;
} Span;

static Word *more(Flat *f, size_t n, size_t *at) {
  f->odd |= f->n + n > f->most;
  if (f->odd) return NULL;
  if (!ambi_grow((void **)&f->w, &f->cap, f->n + n, sizeof *f->w)) return NULL;
  *at = f->n;
  f->n += n;
  return f->w + *at;
}

bool ambi_flat_begin(Flat *f, size_t roots, size_t most) {
  size_t at;
  f->most = most;
  f->n = f->vars.n = 0;
  f->odd = false;
  return roots == 0 || more(f, roots, &at);
}

bool ambi_flat_number(Flat *f, Value var) {
  if (!ambi_vec_push(&f->vars, var)) return false;
  *ambi_ptr(var) = ambi_lvar((uint32_t)(f->vars.n - 1)).w;
  return true;
}

void ambi_flat_end(Flat *f) {
  for (size_t i = 0; i < f->vars.n; i++)
    *ambi_ptr(f->vars.at[i]) = f->vars.at[i].w;
}

void ambi_flat_drop(Flat *f) {
  ambi_free(f->w, f->cap * sizeof *f->w);
  ambi_vec_drop(&f->vars);
}

static bool put_expr(Flat *f, Work *work, Value v, Word *out) {
  uint32_t n = ambi_expr_size(v);
  size_t at;
  Word *w = more(f, 1 + (size_t)n, &at);
  Span *s = w ? ambi_work_push(work, sizeof *s) : NULL;
  if (!s) return false;
  bool ground = ambi_is_ground_expr(v);
  w[0] = ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0, n);
  *s = (Span){ambi_expr_items(v), n, at + 1};
  *out = AMB_TAGGED(TAG_EXPR, at * sizeof(Word)) |
         (v.w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND));
  return true;
}

static bool put_object(Flat *f, Value v, Word *out) {
  Word header = *ambi_ptr(v);
  enum ObjKind kind = ambi_hdr_kind(header);
  if (kind != KIND_STR && kind != KIND_BIG) {
    f->odd = true;
    return false;
  }
  size_t n = ambi_object_words(header), at;
  Word *w = more(f, n, &at);
  if (!w) return false;
  memcpy(w, ambi_ptr(v), n * sizeof *w);
  *out = AMB_TAGGED(ambi_tag(v), at * sizeof(Word));
  return true;
}

static bool put_word(Flat *f, Work *work, Value v, Word *out) {
  v = ambi_deref(v);
  *out = v.w;
  switch (ambi_tag(v)) {
  case TAG_VAR:
    *out = ambi_lvar((uint32_t)f->vars.n).w;
    return ambi_flat_number(f, v);
  case TAG_EXPR: return put_expr(f, work, v, out);
  case TAG_BIG:
  case TAG_OBJ: return put_object(f, v, out);
  default: return true;
  }
}

enum { POLL_SPANS = 1 << 14 };

static bool put_all(Context *cx, Flat *f, size_t i, Value v, Work *work) {
  Word w;
  if (!put_word(f, work, v, &w)) return false;
  f->w[i] = w;
  for (size_t steps = 1; work->used; steps++) {
    Span *s = ambi_work_top(work, sizeof *s);
    const Value *src = s->src++;
    size_t dst = s->dst++;
    if (--s->n == 0) work->used -= sizeof *s;
    if (!put_word(f, work, *src, &w)) return false;
    f->w[dst] = w;
    if (steps % POLL_SPANS == 0 && !ambi_limits_walked(cx, POLL_SPANS))
      return false;
  }
  return true;
}

bool ambi_flat_settle(Context *cx, Value *v, bool whole) {
  *v = ambi_deref(*v);
  if (!ambi_is_expr(*v) || ambi_is_ground_expr(*v)) return true;
  bool own = !whole && ambi_has_eval(*v);
  Value now = ambi_resolve(cx, *v);
  if (ambi_is_none(now)) return false;
  *v = own ? ambi_mark_eval(now) : now;
  return true;
}

bool ambi_flat_put(Context *cx, Flat *f, size_t i, Value v) {
  if (!ambi_is_expr(v) && !ambi_is_var(v) && !ambi_is_obj(v) &&
      !ambi_is_big(v)) {
    f->w[i] = v.w;
    return true;
  }
  Work work;
  ambi_work_open(&work);
  bool ok = put_all(cx, f, i, v, &work);
  ambi_work_close(&work);
  return ok;
}

// ---- rows as they stand ---------------------------------------------------------

// Words of a string or a large number behind its header; 0: it is another word.
static size_t raw_words(Word w) {
  if (w >> 48 != TAG_HDR) return 0;
  enum ObjKind kind = ambi_hdr_kind(w);
  return kind == KIND_STR || kind == KIND_BIG ? ambi_object_words(w) - 1 : 0;
}

static Word unmarked(Word w) {
  return w >> 48 == TAG_EXPR ? w & ~AMB_EXPR_EVAL : w;
}

uint64_t ambi_flat_hash(const Word *w, size_t n, bool loose) {
  uint64_t h = n;
  size_t raw = 0;
  for (size_t i = 0; i < n; i++) {
    h = ambi_hash_mix(h, loose && raw == 0 ? unmarked(w[i]) : w[i]);
    raw = raw ? raw - 1 : loose ? raw_words(w[i]) : 0;
  }
  return h;
}

bool ambi_flat_equal_loose(const Word *a, const Word *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (unmarked(a[i]) != unmarked(b[i])) return false;
    size_t raw = raw_words(a[i]);
    if (raw && memcmp(a + i + 1, b + i + 1, raw * sizeof *a) != 0) return false;
    i += raw;
  }
  return true;
}

// ---- the way back ----------------------------------------------------------------

static Word thawed(Word w, const Word *base, const Value *env) {
  uint32_t tag = (uint32_t)(w >> 48);
  if (tag == TAG_LVAR) return env[ambi_lvar_of(AMB_V(w))].w;
  if (tag == TAG_EXPR || tag == TAG_BIG || tag == TAG_OBJ)
    return w + (Word)(uintptr_t)base;
  return w;
}

bool ambi_flat_thaw(Context *cx, const Word *w, size_t roots, size_t n,
                    const Value *env, Value *out) {
  Word *to = n > roots ? ambi_heap_alloc(cx, n - roots) : cx->h;
  if (!to) return false;
  const Word *base = (const Word *)((uintptr_t)to - roots * sizeof(Word));
  for (size_t i = 0; i < roots; i++)
    out[i] = AMB_V(thawed(w[i], base, env));
  for (size_t i = roots; i < n; i++) {
    size_t raw = raw_words(w[i]);
    to[i - roots] = thawed(w[i], base, env);
    if (raw) memcpy(to + (i - roots) + 1, w + i + 1, raw * sizeof *w);
    i += raw;
  }
  return true;
}
