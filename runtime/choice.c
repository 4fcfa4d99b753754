// Choice records and what hangs on them: saved results, collectors, cursors.
//
// The language evaluates a position to all its results before the rest goes on,
// and keeps the non-errors if there is one. Positions here are streamed (the
// choices stay, the rest goes on with the first result) or gathered (results
// are saved first). Saved results hang as a hook on R, the record laid right
// after the one the position's slot names: when everything newer is exhausted,
// `fail` arrives at R and PEND runs what R stood for, then DELIVER hands the
// saved results out. Ordinary records pay nothing for this.
#include "runtime/engine.h"

#include "memory/alloc.h"
#include "runtime/types.h"

static const Code pend_code[1] = {{.op = OP_I_PEND}};
static const Code deliver_code[1] = {{.op = OP_I_DELIVER}};

Choice *ambi_choice_push(Engine *g, const Code *resume) {
  Choice *n = g->b + 1;
  if (AMB_UNLIKELY(n >= g->choices_end)) {
    size_t used = (size_t)((char *)(n + 1) - g->choice_range.base);
    if (!ambi_range_commit(&g->choice_range, used + (1 << 18))) {
      g->cx->stop = STOP_MEMORY;
      return NULL;
    }
    g->choices_end = (Choice *)(void *)g->choice_range.base +
                     g->choice_range.committed / sizeof(Choice) - 1;
  }
  *n = (Choice){.resume = resume,
                .h = g->cx->h,
                .tr = g->cx->tr,
                .top = ambi_frame_top(g->e, ambi_frame_slots(g->e), g->b),
                .e = g->e,
                .s = g->cx->space,
                .aux = AMB_UNIT};
  g->b = n;
  g->cx->hb = n->h;
  return n;
}

Hook *ambi_hook_new(Engine *g, enum HookKind kind) {
  Hook *h = ambi_alloc(sizeof *h);
  if (!h) {
    g->cx->stop = STOP_MEMORY;
    return NULL;
  }
  h->kind = kind;
  h->pattern = h->templ = AMB_UNIT;
  return h;
}

void ambi_hook_free(Hook *h) {
  while (h) {
    Hook *old = h->old;
    ambi_free(h->items, h->items_cap * sizeof *h->items);
    ambi_free(h->binds, h->binds_cap * sizeof *h->binds);
    ambi_free(h->image.w, h->image.cap * sizeof(Word));
    ambi_records_drop(&h->records);
    ambi_vec_drop(&h->values);
    ambi_free(h, sizeof *h);
    h = old;
  }
}

void ambi_choice_cut(Engine *g, Choice *to) {
  for (Choice *c = g->b; c >= to; c--) {
    ambi_hook_free(c->hook);
    c->hook = NULL;
  }
  g->b = to - 1;
  g->cx->hb = g->b->h;
}

// ---- images -----------------------------------------------------------------

typedef struct Work {
  const Value *src;
  size_t n, dst;
} Work;
typedef struct Copy {
  Image *m;
  const Word *limit;
  const Context *cx;
  bool resolve;  // older cells were bound since, and the copy must keep that
  Work *work;
  size_t nwork, work_cap;
  Word **renamed;  // variables bound to their copies for the time being
  size_t nrenamed, renamed_cap;
} Copy;

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
static bool stays(const Copy *c, const Word *p) {
  return p < c->limit || !ambi_in_heap(c->cx, p);
}

// An older expression can stay if what is bound in it stays bound.
static bool expr_stays(const Copy *c, Value v) {
  return stays(c, ambi_ptr(v)) && (!c->resolve || ambi_is_ground_expr(v));
}

static bool copy_var(Copy *c, Value v, Value *out) {
  size_t at;
  if (!ambi_grow((void **)&c->renamed, &c->renamed_cap, c->nrenamed + 1,
                 sizeof *c->renamed))
    return false;
  c->m->has_variables = true;
  Word *w = image_more(c->m, 2, &at);
  if (!w) return false;
  *out = image_ref(TAG_VAR, 0, at);
  w[0] = out->w;
  w[1] = ambi_ptr(v)[1];
  c->renamed[c->nrenamed++] = ambi_ptr(v);
  *ambi_ptr(v) = out->w;
  return true;
}

static bool copy_expr(Copy *c, Value v, Value *out) {
  uint32_t n = ambi_expr_size(v);
  size_t at;
  Word *w = image_more(c->m, 1 + (size_t)n, &at);
  if (!w || !ambi_grow((void **)&c->work, &c->work_cap, c->nwork + 1,
                       sizeof *c->work))
    return false;
  w[0] = ambi_header(KIND_FLAT,
                     ambi_is_ground_expr(v) ? (unsigned)FLAG_GROUND : 0, n);
  c->work[c->nwork++] = (Work){ambi_expr_items(v), n, at + 1};
  *out = image_ref(TAG_EXPR, v.w & AMB_EXPR_MARKS, at);
  return true;
}

static bool copy_object(Copy *c, Value v, Value *out) {
  Word header = *ambi_ptr(v);
  size_t n = ambi_object_words(header), at;
  Word *w = image_more(c->m, n, &at);
  if (!w) return false;
  memcpy(w, ambi_ptr(v), n * sizeof(Word));
  if (ambi_hdr_kind(header) == KIND_BIND || ambi_hdr_kind(header) == KIND_VEC) {
    if (!ambi_grow((void **)&c->work, &c->work_cap, c->nwork + 1,
                   sizeof *c->work))
      return false;
    c->work[c->nwork++] =
        (Work){(const Value *)(ambi_ptr(v) + 1), n - 1, at + 1};
  }
  *out = image_ref(ambi_tag(v), 0, at);
  return true;
}

static bool copy_value(Copy *c, Value v, Value *out) {
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

static bool copy_all(Copy *c, Value v, Value *out) {
  if (!copy_value(c, v, out)) return false;
  while (c->nwork) {
    Work *w = &c->work[c->nwork - 1];
    if (w->n == 0) {
      c->nwork--;
      continue;
    }
    const Value *src = w->src++;
    size_t dst = w->dst++;
    w->n--;
    Value x;
    if (!copy_value(c, *src, &x)) return false;
    c->m->w[dst] = x.w;
  }
  return true;
}

static void copy_close(Copy *c) {
  for (size_t i = 0; i < c->nrenamed; i++)
    *c->renamed[i] = AMB_TAGGED(TAG_VAR, (uintptr_t)c->renamed[i]);
  ambi_free(c->renamed, c->renamed_cap * sizeof *c->renamed);
  ambi_free(c->work, c->work_cap * sizeof *c->work);
}

bool ambi_image_copy(Engine *g, Image *m, Value v, const Choice *barrier,
                     Value *out) {
  if (!ambi_is_expr(v) && !ambi_is_var(v) && !ambi_is_obj(v) &&
      !ambi_is_big(v)) {
    *out = v;
    return true;
  }
  Copy c = {.m = m,
            .limit = barrier->h,
            .cx = g->cx,
            .resolve = g->cx->tr > barrier->tr};
  bool ok = copy_all(&c, v, out);
  copy_close(&c);
  if (!ok) g->cx->stop = STOP_MEMORY;
  return ok;
}

static void relocate(Word *at, size_t n, size_t from) {
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
  relocate(at, to - from, from);
  return at;
}

// ---- saved results -------------------------------------------------------------

// Every binding made since the record that existed before it goes into the item.
static bool save_bindings(Engine *g, Hook *h, Copy *c, size_t tr,
                          const Word *limit) {
  for (size_t i = tr; i < g->cx->tr; i++) {
    Word *cell = g->cx->trail[i];
    if (cell >= limit && ambi_in_heap(g->cx, cell)) continue;
    Value x;
    if (!ambi_grow((void **)&h->binds, &h->binds_cap, h->nbinds + 1,
                   sizeof *h->binds) ||
        !copy_all(c, AMB_V(*cell), &x))
      return false;
    h->binds[h->nbinds].cell = cell;
    h->binds[h->nbinds++].value = x;
  }
  return true;
}

static bool save_item(Engine *g, Hook *h, const Choice *r, Value v,
                      bool error) {
  Item it = {.error = error, .img_from = h->image.n, .bind_from = h->nbinds};
  Copy c = {.m = &h->image, .limit = r->h, .cx = g->cx};
  bool ok = copy_all(&c, v, &it.value) &&
            save_bindings(g, h, &c, r->tr, r->h) &&
            ambi_grow((void **)&h->items, &h->items_cap, h->nitems + 1,
                      sizeof *h->items);
  copy_close(&c);
  if (!ok) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  it.img_to = h->image.n;
  it.bind_to = h->nbinds;
  h->items[h->nitems++] = it;
  if (!error) h->nvalues++;
  return true;
}

// Has the position whose first record is r results on r that wait?
bool ambi_results_wait(const Choice *r) {
  return r->resume->op == OP_I_PEND ||
         (r->resume->op == OP_I_DELIVER && r->hook->cursor == 0);
}

static bool save(Engine *g, Choice *r, uint32_t slot, uint32_t dst, bool stream,
                 bool error, const Code *next, const Code *err) {
  Hook *h = r->hook;
  enum HookKind kind = stream ? HOOK_STREAM : HOOK_GATHER;
  if (!h || h->kind != kind || h->frame != g->e || h->slot != slot) {
    h = ambi_hook_new(g, kind);
    if (!h) return false;
    h->slot = slot;
    h->dst = dst;
    h->frame = g->e;
    h->s = g->cx->space;
    h->next = next;
    h->err = err;
    h->old_resume = r->resume;
    h->old = r->hook;
    r->hook = h;
    r->resume = pend_code;
  }
  return save_item(g, h, r, AMB_V(g->e[dst]), error);
}

enum Next ambi_position_end(Engine *g, uint32_t slot, uint32_t dst, bool stream,
                            bool error, const Code *next, const Code *err) {
  Value p = AMB_V(g->e[slot]);
  Choice *at = ambi_position_choice(p);
  if (stream) {
    if (!error) {
      g->e[slot] |= 1;
      g->pc = next;
      return NEXT_PC;
    }
    if (p.w & 1) return NEXT_FAIL;
  }
  if (at == g->b) {
    g->pc = error ? err : next;
    return NEXT_PC;
  }
  return save(g, at + 1, slot, dst, stream, error, next, err) ? NEXT_FAIL
                                                              : NEXT_STOP;
}

enum Next ambi_pend(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  Choice *copy = ambi_choice_push(g, h->old_resume);
  if (!copy) return NEXT_STOP;
  r = copy - 1;
  copy->h = r->h;
  copy->tr = r->tr;
  copy->top = r->top;
  copy->e = r->e;
  copy->s = r->s;
  copy->aux = r->aux;
  copy->cursor = r->cursor;
  copy->next = r->next;
  copy->hook = h->old;
  h->old = NULL;
  r->resume = deliver_code;
  return NEXT_FAIL;
}

static bool restore_bindings(Engine *g, Hook *h, const Item *it,
                             const Word *at) {
  for (size_t i = it->bind_from; i < it->bind_to; i++) {
    Value var = AMB_V(AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[i].cell));
    Value to = ambi_image_value(h->binds[i].value, at, it->img_from);
    if (!ambi_bind(g->cx, var, to)) return false;
  }
  return true;
}

// Takes items in order; errors only when there is no value.
static const Item *next_item(Hook *h, bool *last) {
  bool errors = h->nvalues == 0;
  const Item *it = NULL;
  *last = true;
  while (h->cursor < h->nitems) {
    const Item *x = &h->items[h->cursor];
    if (x->error == errors) {
      if (it) {
        *last = false;
        return it;
      }
      it = x;
    }
    h->cursor++;
  }
  return it;
}

enum Next ambi_deliver(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  bool last;
  bool dropped = h->kind == HOOK_STREAM && (h->frame[h->slot] & 1);
  const Item *it = dropped ? NULL : next_item(h, &last);
  g->e = h->frame;
  g->cx->space = h->s;
  if (!it) {
    ambi_choice_cut(g, r);
    return NEXT_FAIL;
  }
  if (last) {  // the record goes before the last item runs
    r->hook = NULL;
    ambi_choice_cut(g, r);
  }
  Word *at = ambi_image_thaw(g, &h->image, it->img_from, it->img_to);
  bool ok = at && restore_bindings(g, h, it, at);
  if (ok) g->e[h->dst] = ambi_image_value(it->value, at, it->img_from).w;
  g->pc = it->error ? h->err : h->next;
  if (last) ambi_hook_free(h);
  return ok ? NEXT_PC : NEXT_STOP;
}

// ---- collectors ------------------------------------------------------------------

bool ambi_collector_add(Engine *g, Hook *h, Choice *barrier, Value v,
                        bool error) {
  if (h->with_bindings) return save_item(g, h, barrier, v, false);
  if (error && h->nvalues) return true;
  if (!error && h->nvalues == 0 && h->nitems) {  // errors until now: dropped
    h->nitems = 0;
    h->image.n = 0;
    h->nbinds = 0;
  }
  Item it = {.error = error, .img_from = h->image.n};
  if (!ambi_image_copy(g, &h->image, v, barrier, &it.value)) return false;
  if (!ambi_grow((void **)&h->items, &h->items_cap, h->nitems + 1,
                 sizeof *h->items)) {
    g->cx->stop = STOP_MEMORY;
    return false;
  }
  h->items[h->nitems++] = it;
  if (!error) h->nvalues++;
  return true;
}

enum { ADOPT_WORDS = 1 << 16 };

// Takes a large image without variables over as it stands. NULL: copy it.
static Word *adopt(Engine *g, Image *m) {
  if (m->n < ADOPT_WORDS || m->has_variables ||
      !ambi_grow((void **)&g->adopted, &g->adopted_cap, g->nadopted + 1,
                 sizeof *g->adopted))
    return NULL;
  Word *w = m->w;
  relocate(w, m->n, 0);
  g->adopted[g->nadopted++] = (Adopted){w, m->n, m->cap};
  g->adopted_words += m->n;
  *m = (Image){0};
  return w;
}

static Value bindings_object(Engine *g, Hook *h, const Item *it,
                             const Word *at) {
  size_t n = it->bind_to - it->bind_from;
  Word *w = ambi_heap_alloc(g->cx, 1 + 2 * n);
  if (!w) return AMB_NONE;
  w[0] = ambi_header(KIND_BIND, 0, (uint32_t)(2 * n));
  for (size_t i = 0; i < n; i++) {
    w[1 + 2 * i] =
        AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[it->bind_from + i].cell);
    w[2 + 2 * i] = ambi_image_value(h->binds[it->bind_from + i].value, at, 0).w;
  }
  return ambi_tag_ptr(TAG_OBJ, w);
}

Value ambi_collector_expr(Engine *g, Hook *h) {
  if (h->nitems == 0) return AMB_UNIT;
  Word *at = h->with_bindings ? NULL : adopt(g, &h->image);
  if (!at) at = ambi_image_thaw(g, &h->image, 0, h->image.n);
  Word *w = at ? ambi_heap_alloc(g->cx, 1 + h->nitems) : NULL;
  if (!w) return AMB_NONE;
  bool ground = true;
  for (size_t i = 0; i < h->nitems; i++) {
    Value v = ambi_image_value(h->items[i].value, at, 0);
    if (h->with_bindings) {
      Value b = bindings_object(g, h, &h->items[i], at);
      v = ambi_is_none(b) ? b : AMB_EXPR(g->cx, v, b);
      if (ambi_is_none(v)) return v;
    }
    ground = ground && !ambi_is_var(v) &&
             (!ambi_is_expr(v) || ambi_is_ground_expr(v));
    w[1 + i] = v.w;
  }
  w[0] = ambi_header(KIND_FLAT, ground ? (unsigned)FLAG_GROUND : 0,
                     (uint32_t)h->nitems);
  return AMB_V(ambi_tag_ptr(TAG_EXPR, w).w | (ground ? AMB_EXPR_GROUND : 0));
}
