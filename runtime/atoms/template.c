// Terms are copied into the store, and given up.
//
// A copy goes behind the end of a desk's current chunk, and into a chunk with room
// enough if it does not fit. While it runs, the cells of variables hold their numbers.
#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/store_data.h"
#include "runtime/atoms/work.h"

// ---- copying a term in ------------------------------------------------------------
typedef struct Copy {
  Word *from;        // where the copy begins
  Word *next, *end;  // room in the chunk chosen
  uint32_t flags;
  bool full;   // it did not fit
  Work cells;  // Word *: cells of the variables met, now holding LVAR words
  Work work;
} Copy;

static Word **cells_of(Copy *c) {
  return (Word **)(void *)c->cells.at;
}
static uint32_t count_cells(const Copy *c) {
  return (uint32_t)(c->cells.used / sizeof(Word *));
}

static Word *take_words(void *arg, size_t words) {
  Copy *c = arg;
  if ((size_t)(c->end - c->next) < words) {
    c->full = true;
    return NULL;
  }
  Word *p = c->next;
  c->next += words;
  return p;
}

static enum Leaf copy_object(Copy *c, Value *v) {
  const Word *from = ambi_ptr(*v);
  size_t words = ambi_object_words(*from);
  Word *to = take_words(c, words);
  if (!to) return LEAF_FAIL;
  memcpy(to, from, words * sizeof(Word));
  *v = ambi_tag_ptr(ambi_tag(*v), to);
  return LEAF_GROUND;
}

// A variable's cell holds its number while the copy runs: dereferencing then
// leads to the LVAR word by itself. unmark_cells undoes it.
static enum Leaf copy_leaf(void *arg, Value *v) {
  Copy *c = arg;
  *v = ambi_deref(*v);
  switch (ambi_tag(*v)) {
  case TAG_INT:
  case TAG_SYM:
  case TAG_IMM:
  case TAG_OP: return LEAF_GROUND;
  case TAG_EXPR: return LEAF_NODE;
  case TAG_LVAR: return LEAF_OPEN;
  case TAG_VAR: {
    Word *cell = ambi_ptr(*v);
    uint32_t number = count_cells(c);
    Word **slot = ambi_work_push(&c->cells, sizeof *slot);
    if (!slot) return LEAF_FAIL;
    *slot = cell;
    *v = ambi_lvar(number);
    *cell = v->w;
    return LEAF_OPEN;
  }
  case TAG_CELL: c->flags |= TMPL_HAS_CELL; return LEAF_GROUND;
  case TAG_BIG: c->flags |= TMPL_HAS_FLOAT; return copy_object(c, v);
  case TAG_OBJ: return ambi_is_bindings(*v) ? LEAF_NODE : copy_object(c, v);
  default:
    AMB_ASSERT(ambi_is_double(*v));
    c->flags |= TMPL_HAS_FLOAT;
    return LEAF_GROUND;
  }
}

static void unmark_cells(Copy *c) {
  Word **cells = cells_of(c);
  for (uint32_t i = 0, n = count_cells(c); i < n; i++)
    *cells[i] = AMB_TAGGED(TAG_VAR, (uintptr_t)cells[i]);
  c->cells.used = 0;
}

// ---- names of stored variables --------------------------------------------------
// (name, id) pairs in use; the entry (name, FRESH) holds where to go on looking
// for a free id of that name.
typedef struct IdSlot {
  Word key;
  uint32_t next;
} IdSlot;

static IdSlot *find_id(IdSlot *table, size_t cap, Word key, bool *found) {
  size_t i = (size_t)((key * 0x9E3779B97F4A7C15ull) >> 32) & (cap - 1);
  while (table[i].key && table[i].key != key)
    i = (i + 1) & (cap - 1);
  *found = table[i].key != 0;
  table[i].key = key;
  return &table[i];
}

static Word free_id(IdSlot *table, size_t cap, uint32_t name) {
  bool found;
  IdSlot *hint = find_id(table, cap, ambi_vinfo(name, AMB_VAR_FRESH), &found);
  uint32_t id = found ? hint->next : 1;
  while (id < AMB_VAR_STAMPED - 1) {
    find_id(table, cap, ambi_vinfo(name, id), &found);
    if (!found) break;
    id++;
  }
  hint->next = id < AMB_VAR_STAMPED - 1 ? id + 1 : id;
  return ambi_vinfo(name, id);
}

// Ids as they are where that is unambiguous, the next free ones elsewhere.
static bool name_vars(Word **cells, uint32_t n, Word *out) {
  if (n == 1) {
    Word info = cells[0][1];
    bool fresh = ambi_vinfo_is_fresh(info);
    out[0] = fresh ? ambi_vinfo(ambi_vinfo_name(info), 1) : info;
    return true;
  }
  IdSlot few[64];
  size_t cap = 64;
  while (cap < (size_t)n * 3)
    cap *= 2;
  IdSlot *table = cap == 64 ? few : ambi_alloc(cap * sizeof *table);
  if (!table) return false;
  if (table == few) memset(few, 0, sizeof few);
  for (uint32_t i = 0; i < n; i++) {
    bool taken = ambi_vinfo_is_fresh(cells[i][1]);
    if (!taken) find_id(table, cap, cells[i][1], &taken);
    out[i] = taken ? 0 : cells[i][1];
  }
  for (uint32_t i = 0; i < n; i++)
    if (!out[i]) out[i] = free_id(table, cap, ambi_vinfo_name(cells[i][1]));
  if (table != few) ambi_free(table, cap * sizeof *table);
  return true;
}

// ---- making templates -------------------------------------------------------------
// Upper bound of the words a copy takes, 0 when memory is out, or not enough for it.
static size_t measure(Work *w, Value term) {
  const size_t most = ambi_alloc_room() / sizeof(Word);
  typedef struct Span {
    const Value *at;
    size_t n;
  } Span;
  size_t words = 1;
  Span now = {&term, 1};
  for (;;) {
    if (now.n == 0) {
      if (w->used == 0) return words;
      now = *(Span *)ambi_work_top(w, sizeof now);
      w->used -= sizeof now;
      continue;
    }
    Value v = ambi_deref(*now.at++);
    now.n--;
    if (ambi_is_var(v)) words++;
    if (ambi_is_big(v) || (ambi_is_obj(v) && !ambi_is_bindings(v)))
      words += ambi_object_words(*ambi_ptr(v));
    if (!ambi_is_expr(v) && !ambi_is_bindings(v)) continue;
    if (now.n > 0) {
      Span *rest = ambi_work_push(w, sizeof *rest);
      if (!rest) return 0;
      *rest = now;
    }
    now = (Span){ambi_expr_items(v), ambi_hdr_size(*ambi_ptr(v))};
    words += 1 + now.n;
    if (words > most) return 0;
  }
}

static bool copy_in(Copy *c, Value term, Template *out) {
  c->from = c->next;
  c->full = false;
  c->flags = 0;
  c->work.used = 0;
  Value atom = ambi_build(&c->work, term, copy_leaf, take_words, c);
  bool ok = !ambi_is_none(atom);
  uint32_t n = count_cells(c);
  Word *vinfo = NULL;
  if (ok && n > 0) {
    vinfo = take_words(c, n);
    ok = vinfo && name_vars(cells_of(c), n, vinfo);
  }
  unmark_cells(c);
  if (ok) *out = (Template){atom, n, c->flags, vinfo};
  return ok;
}

// Second try, in a chunk with room enough for sure.
static StoreChunk *copy_measured(Store *s, Desk *d, Copy *c, Value term,
                                 Template *out) {
  c->work.used = 0;
  size_t words = measure(&c->work, term);
  if (words == 0) return NULL;
  if (words <= LARGE_WORDS) {
    if (!ambi_desk_next(s, d)) return NULL;
    c->next = d->next;
    c->end = d->end;
    if (!copy_in(c, term, out)) return NULL;
    d->next = c->next;
    return d->current;
  }
  StoreChunk *chunk = ambi_store_add_large(s, words);
  if (!chunk) return NULL;
  c->next = (Word *)(chunk + 1);
  c->end = c->next + words;
  if (copy_in(c, term, out)) return chunk;
  ambi_store_drop_large(s, chunk);
  return NULL;
}

// What is one word takes no room.
static bool copy_leaf_alone(Value term, Template *out) {
  term = ambi_deref(term);
  bool real = ambi_is_double(term);
  uint32_t tag = ambi_tag(term);
  if (!real && tag != TAG_INT && tag != TAG_SYM && tag != TAG_IMM) return false;
  *out = (Template){term, 0, real ? (uint32_t)TMPL_HAS_FLOAT : 0, NULL};
  return true;
}

// Most terms are a few words that refer to nothing.
static bool copy_flat(const Store *s, Desk *d, Value term, Template *out) {
  enum { FEW = 16 };
  term = ambi_deref(term);
  uint32_t n = ambi_expr_size(term), flags = 0;
  if (n == 0 || n > FEW || (size_t)(d->end - d->next) < 1 + n) return false;
  const Value *items = ambi_expr_items(term);
  Word *to = d->next;
  for (uint32_t i = 0; i < n; i++) {
    Value v = ambi_deref(items[i]);
    if (ambi_is_double(v))
      flags |= TMPL_HAS_FLOAT;
    else if (!ambi_is_int(v) && !ambi_is_sym(v))
      return false;
    to[1 + i] = v.w;
  }
  to[0] = ambi_header(KIND_FLAT, FLAG_GROUND, n);
  d->next += 1 + n;
  ambi_chunk_use(s, d->current);
  Value atom = ambi_tag_ptr(TAG_EXPR, to);
  *out = (Template){AMB_V(atom.w | AMB_EXPR_GROUND), 0, flags, NULL};
  return true;
}

static void give_up(Store *s, const void *block) {
  StoreChunk *c = ambi_chunk_at(block);
  if (AMB_UNLIKELY(s->together)) {
    ambi_add_relaxed(&c->x_live, -(size_t)1);
    return;
  }
  size_t live = ambi_chunk_live(c);
  AMB_ENSURE(live > 0);
  ambi_store_release(&c->x_live, live - 1);
  if (live == 1 && c != s->desks[0].current) ambi_store_doom(s, c);
}

// False: memory is out.
static bool use_cells(Store *s, const Copy *c, const Template *t) {
  const Word *block = ambi_template_block(t);
  if (!block) {
    ambi_store_use_cell(ambi_cell(t->atom));
    return true;
  }
  ambi_store_relaxed(&ambi_chunk_at(block)->x_noted, true);
  return ambi_store_note_cells(s, block, c->from, c->next);
}

static bool copy_any(Store *s, Desk *d, Value term, Template *out) {
  Copy c;
  ambi_work_open(&c.cells);
  ambi_work_open(&c.work);
  c.next = d->next;
  c.end = d->end;
  StoreChunk *chunk = NULL;
  bool ok = copy_in(&c, term, out);
  if (ok) {
    chunk = d->current;
    if (c.next != d->next) d->next = c.next;
  } else if (c.full) {
    chunk = copy_measured(s, d, &c, term, out);
    ok = chunk != NULL;
  }
  const Word *block = ok ? ambi_template_block(out) : NULL;
  if (block) ambi_chunk_use(s, chunk);
  if (ok && out->flags & TMPL_HAS_CELL && !use_cells(s, &c, out)) {
    give_up(s, block);
    ok = false;
  }
  ambi_work_close(&c.cells);
  ambi_work_close(&c.work);
  return ok;
}

// ---- desks ------------------------------------------------------------------------
// The one this thread usually has, else another that is free.
static Desk *sit_together(Store *s) {
  uint64_t self = (uint64_t)(uintptr_t)pthread_self();
  size_t first = (size_t)((self >> 12) * 0x9E3779B97F4A7C15ull >> 32);
  for (size_t i = 0; i < DESKS; i++) {
    Desk *d = &s->desks[(first + i) % DESKS];
    if (pthread_mutex_trylock(&d->lock) == 0) return d;
  }
  Desk *d = &s->desks[first % DESKS];
  pthread_mutex_lock(&d->lock);
  return d;
}
static inline Desk *sit(Store *s) {
  return AMB_LIKELY(!s->together) ? &s->desks[0] : sit_together(s);
}
// newest: what nobody else has seen yet.
static void rise_together(Desk *d, const Word *newest) {
  d->newest = newest;
  pthread_mutex_unlock(&d->lock);
}

bool ambi_template_make(Store *s, Value term, Template *out) {
  if (copy_leaf_alone(term, out)) return true;
  Desk *d = sit(s);
  bool ok = copy_flat(s, d, term, out) || copy_any(s, d, term, out);
  if (AMB_UNLIKELY(s->together))
    rise_together(d, ok ? ambi_template_block(out) : NULL);
  return ok;
}

const Word *ambi_template_block(const Template *t) {
  switch (ambi_tag(t->atom)) {
  case TAG_EXPR:
  case TAG_BIG:
  case TAG_OBJ: return ambi_ptr(t->atom);
  default: return t->vinfo;
  }
}

Template ambi_template_of_image(const Store *s, Word *base,
                                const TemplateImage *t) {
  Template out = {.atom = AMB_V(ambi_image_word(base, t->atom)),
                  .nvars = t->nvars,
                  .flags = t->flags,
                  .vinfo = t->nvars ? base + t->vinfo : NULL};
  const Word *block = ambi_template_block(&out);
  if (block) ambi_chunk_use(s, ambi_chunk_at(block));
  return out;
}

void ambi_template_release(Store *s, Template *t) {
  const Word *block = ambi_template_block(t);
  if (AMB_UNLIKELY(ambi_is_cell(t->atom)))
    ambi_store_leave_cell(s, ambi_cell(t->atom));
  *t = (Template){.atom = AMB_UNIT};
  if (!block) return;
  if (AMB_UNLIKELY(ambi_load_relaxed(&ambi_chunk_at(block)->x_noted)))
    ambi_store_give_note(s, block);
  give_up(s, block);
}

const Template *ambi_template_keep(Store *s, const Template *t) {
  enum { WORDS = sizeof *t / sizeof(Word) };
  Desk *d = sit(s);
  Template *kept = NULL;
  if (d->end - d->next >= WORDS || ambi_desk_next(s, d)) {
    kept = (Template *)(void *)d->next;
    d->next += WORDS;
    ambi_chunk_use(s, d->current);
    *kept = *t;
  }
  if (AMB_UNLIKELY(s->together)) rise_together(d, NULL);
  return kept;
}

void ambi_template_give_up(Store *s, const Template *kept) {
  give_up(s, kept);
}

// Only where no other term has been made at the desk since.
static void take_back_together(Store *s, const Word *block) {
  Desk *d = sit_together(s);
  if (block == d->newest && ambi_chunk_at(block) == d->current)
    d->next = (Word *)(uintptr_t)block;
  rise_together(d, NULL);
}

void ambi_template_discard(Store *s, Template *t) {
  const Word *block = ambi_template_block(t);
  Desk *d = &s->desks[0];
  bool small = block && !s->together && d->current == ambi_chunk_at(block);
  ambi_template_release(s, t);
  if (small) d->next = (Word *)(uintptr_t)block;
  if (AMB_UNLIKELY(s->together) && block) take_back_together(s, block);
}
