// Writing a snapshot: terms go through one chunk in memory, tables wait for the end.
//
// A term is copied into the chunk as the store would copy it, with ids of the file for
// symbols. A chunk that is full is written with addresses as they will be where the file
// wants to be mapped. A term for which a whole chunk is too small gets one that is larger.
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/loading/output.h"
#include "runtime/loading/snapshot.h"

typedef struct Named {  // a symbol or an operation that terms hold
  uint32_t id;          // in the file
  uint32_t here;
} Named;

typedef struct NamedVec {
  Named *at;
  size_t n, cap;
} NamedVec;

struct SnapshotWriter {
  Context *cx;
  Output out;
  Space *self;
  uint64_t hash, base;
  // the chunk
  Word *words, *next, *end;
  size_t nwords;        // of it
  uint64_t done;        // words of terms written
  bool full;            // the term did not fit
  size_t filled;        // bytes of a piece behind the terms, in `words`
  const char *refused;  // why the term cannot be saved
  bool told;            // the file cannot be written, which cx says
  // tables
  uint32_t *ids;  // of symbols in the file + 1, by id here
  size_t nids;
  uint32_t next_id;
  NamedVec symbols, ops;
  bool op_seen[OP_COUNT];
  uint32_t *atoms;
  size_t natoms, atoms_cap;
  SnapshotStep *steps;
  size_t nsteps, steps_cap;
};

enum { POLL_ATOMS = 4096 };
#define HOLDS "cannot save an atom that holds "

uint64_t ambi_snapshot_hash(uint64_t hash, const void *bytes, size_t n) {
  return XXH3_64bits_withSeed(bytes, n, hash);
}

static bool no_memory(SnapshotWriter *w) {
  if (w->cx->stop == STOP_NONE) w->cx->stop = STOP_MEMORY;
  return false;
}

static bool wrong(SnapshotWriter *w, const char *why) {
  w->cx->error_reason = AMB_NONE;
  ambi_set_message(w->cx, "%s", why);
  return false;
}

// ---- names ----------------------------------------------------------------------

static bool push_name(NamedVec *v, uint32_t id, uint32_t here) {
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at))
    return false;
  v->at[v->n++] = (Named){id, here};
  return true;
}

// Those that every runtime has keep their ids; others follow as they are met.
static bool symbol_id(SnapshotWriter *w, uint32_t here, uint32_t *id) {
  if (AMB_LIKELY(here < w->nids && w->ids[here])) {
    *id = w->ids[here] - 1;
    return true;
  }
  size_t old = w->nids;
  if (here >= old) {
    if (!ambi_grow((void **)&w->ids, &w->nids, here + (size_t)1,
                   sizeof *w->ids))
      return false;
    memset(w->ids + old, 0, (w->nids - old) * sizeof *w->ids);
  }
  bool own = here < w->cx->rt->own_symbols;
  *id = own ? here : w->next_id;
  if (!push_name(&w->symbols, *id, here)) return false;
  if (!own) w->next_id++;
  w->ids[here] = *id + 1;
  return true;
}

static bool note_op(SnapshotWriter *w, uint32_t op) {
  if (op >= OP_COUNT) {
    w->refused = HOLDS "an operation of the embedding program";
    return false;
  }
  if (w->op_seen[op]) return true;
  w->op_seen[op] = push_name(&w->ops, op, op);
  return w->op_seen[op];
}

// ---- copying a term into the chunk --------------------------------------------------

static Word *take_words(void *arg, size_t n) {
  SnapshotWriter *w = arg;
  if ((size_t)(w->end - w->next) < n) {
    w->full = true;
    return NULL;
  }
  Word *p = w->next;
  w->next += n;
  return p;
}

static enum Leaf copy_object(SnapshotWriter *w, Value *v) {
  const Word *from = ambi_ptr(*v);
  size_t n = ambi_object_words(*from);
  Word *to = take_words(w, n);
  if (!to) return LEAF_FAIL;
  memcpy(to, from, n * sizeof *to);
  *v = ambi_tag_ptr(ambi_tag(*v), to);
  return LEAF_GROUND;
}

static enum Leaf copy_cell(SnapshotWriter *w, Value *v) {
  if (w->self && ambi_same(*v, ambi_space_value(w->self))) {
    *v = SNAPSHOT_SELF;
    return LEAF_GROUND;
  }
  w->refused = ambi_is_space(*v)   ? HOLDS "another space"
               : ambi_is_state(*v) ? HOLDS "a state"
                                   : HOLDS "a file or a generator";
  return LEAF_FAIL;
}

static enum Leaf copy_leaf(void *arg, Value *v) {
  SnapshotWriter *w = arg;
  uint32_t id = 0;
  switch (ambi_tag(*v)) {
  case TAG_SYM:
    if (!symbol_id(w, ambi_sym_of(*v), &id)) return LEAF_FAIL;
    *v = AMB_SYM_ID(id);
    return LEAF_GROUND;
  case TAG_OP: return note_op(w, ambi_op_of(*v)) ? LEAF_GROUND : LEAF_FAIL;
  case TAG_EXPR: return LEAF_NODE;
  case TAG_LVAR: return LEAF_OPEN;
  case TAG_CELL: return copy_cell(w, v);
  case TAG_BIG: return copy_object(w, v);
  case TAG_OBJ:
    if (!ambi_is_bindings(*v)) return copy_object(w, v);
    w->refused = HOLDS "bindings";
    return LEAF_FAIL;
  default: return LEAF_GROUND;
  }
}

// Room before the term for what its expression alone does not say.
static bool put_wrapper(SnapshotWriter *w, const Template *t, Word **wrapper) {
  bool open = t->nvars > 0;
  *wrapper = NULL;
  if (!open && ambi_is_expr(t->atom)) return true;
  size_t n = open ? SNAPSHOT_TEMPLATE + (size_t)t->nvars : 1;
  Word *p = take_words(w, 1 + n);
  if (!p) return false;
  *p = ambi_header(KIND_VEC, 0, (uint32_t)n);
  *wrapper = p;
  for (uint32_t i = 0; open && i < t->nvars; i++) {
    uint32_t name;
    if (!symbol_id(w, ambi_vinfo_name(t->vinfo[i]), &name)) return false;
    p[1 + SNAPSHOT_TEMPLATE + i] = ambi_vinfo(name, ambi_vinfo_id(t->vinfo[i]));
  }
  return true;
}

static bool copy(SnapshotWriter *w, const Template *t) {
  Work work;
  Word *wrapper, *first = w->next;
  w->full = false;
  w->refused = NULL;
  if (!put_wrapper(w, t, &wrapper)) return false;
  ambi_work_open(&work);
  Value v = ambi_build(&work, t->atom, copy_leaf, take_words, w);
  ambi_work_close(&work);
  if (ambi_is_none(v)) return false;
  if (wrapper && t->nvars == 0) {
    wrapper[1] = v.w;
  } else if (wrapper) {
    Template kept = {.atom = v,
                     .nvars = t->nvars,
                     .flags = t->flags,
                     .vinfo = wrapper + 1 + SNAPSHOT_TEMPLATE};
    memcpy(wrapper + 1, &kept, sizeof kept);
  }
  uint64_t at = w->done + (uint64_t)(first - w->words);
  if (at > UINT32_MAX) {
    w->refused = "a snapshot holds at most 32 GiB";
    return false;
  }
  w->atoms[w->natoms++] = (uint32_t)at;
  return true;
}

// ---- chunks -------------------------------------------------------------------------

static void move(Word *word, Word by) {
  uint32_t tag = ambi_tag(AMB_V(*word));
  if (tag == TAG_EXPR || tag == TAG_BIG || tag == TAG_OBJ) *word += by;
}

// Addresses become those of the mapped file.
static void relocate(SnapshotWriter *w) {
  Word by = w->base + w->done * sizeof(Word) - (Word)(uintptr_t)w->words;
  for (Word *p = w->words + STORE_CHUNK_FIRST; p < w->next;
       p += ambi_object_words(*p)) {
    size_t n = ambi_hdr_size(*p);
    enum ObjKind kind = ambi_hdr_kind(*p);
    if (kind != KIND_FLAT && kind != KIND_VEC) continue;
    if (kind == KIND_VEC && n > 1) {
      move(p + 1, by);
      p[SNAPSHOT_TEMPLATE] += by;  // the last word of a Template: its names
      continue;
    }
    for (size_t i = 1; i <= n; i++)
      move(p + i, by);
  }
}

static void begin_chunk(SnapshotWriter *w) {
  memset(w->words, 0, STORE_CHUNK_FIRST * sizeof(Word));
  w->next = w->words + STORE_CHUNK_FIRST;
}

static bool emit(SnapshotWriter *w, const void *bytes, size_t n) {
  w->told = !ambi_output_write(w->cx, &w->out, bytes, n);
  return !w->told;
}

static bool put_piece(SnapshotWriter *w, const void *bytes, size_t n) {
  w->hash = ambi_snapshot_hash(w->hash, bytes, n);
  return emit(w, bytes, n);
}

// The first chunk begins with the head, which is hashed and written in the end.
static bool flush(SnapshotWriter *w, bool last) {
  size_t n = (size_t)(w->next - w->words);
  size_t whole =
      (n + STORE_CHUNK_WORDS - 1) / STORE_CHUNK_WORDS * STORE_CHUNK_WORDS;
  relocate(w);
  if (!last) {
    memset(w->next, 0, (whole - n) * sizeof(Word));
    n = whole;
  }
  for (size_t at = 0; at < n; at += STORE_CHUNK_WORDS) {
    size_t piece = n - at < STORE_CHUNK_WORDS ? n - at : STORE_CHUNK_WORDS;
    bool head = w->done + at == 0;
    if (head && !emit(w, w->words, sizeof(SnapshotHead))) return false;
    size_t skip = head ? STORE_CHUNK_FIRST : 0;
    if (!put_piece(w, w->words + at + skip, (piece - skip) * sizeof(Word)))
      return false;
  }
  w->done += n;
  begin_chunk(w);
  return true;
}

static bool is_fresh(const SnapshotWriter *w) {
  return w->next == w->words + STORE_CHUNK_FIRST;
}

static bool set_room(SnapshotWriter *w, size_t nwords) {
  Word *words =
      ambi_realloc(w->words, w->nwords * sizeof *words, nwords * sizeof *words);
  if (!words) return no_memory(w);
  w->words = words;
  w->nwords = nwords;
  w->end = words + nwords;
  begin_chunk(w);
  return true;
}

// Once more with more room.
static bool copy_large(SnapshotWriter *w, const Template *t) {
  if (!is_fresh(w) && !flush(w, false)) return false;
  while (!copy(w, t)) {
    begin_chunk(w);
    if (!w->full) return false;
    if (!set_room(w, w->nwords * 2)) return false;
  }
  if (w->nwords == STORE_CHUNK_WORDS) return true;
  return flush(w, false) && set_room(w, STORE_CHUNK_WORDS);
}

bool ambi_snapshot_put(SnapshotWriter *w, const Template *t) {
  if (!ambi_grow((void **)&w->atoms, &w->atoms_cap, w->natoms + 1,
                 sizeof *w->atoms))
    return no_memory(w);
  Word *before = w->next;
  bool ok = copy(w, t);
  if (!ok && w->full) {
    w->next = before;
    ok = copy_large(w, t);
  }
  if (!ok && w->told) return false;
  if (!ok) return w->refused ? wrong(w, w->refused) : no_memory(w);
  return w->natoms % POLL_ATOMS != 0 || ambi_limits_poll(w->cx);
}

bool ambi_snapshot_step(SnapshotWriter *w, Position at, bool form) {
  SnapshotStep *last = w->nsteps ? &w->steps[w->nsteps - 1] : NULL;
  if (last && last->natoms && !form && last->natoms < UINT32_MAX) {
    last->natoms++;
    return true;
  }
  if (!ambi_grow((void **)&w->steps, &w->steps_cap, w->nsteps + 1,
                 sizeof *w->steps))
    return no_memory(w);
  w->steps[w->nsteps++] = (SnapshotStep){.offset = at.offset,
                                         .line = at.line,
                                         .column = at.column,
                                         .natoms = form ? 0 : 1};
  return true;
}

uint64_t ambi_snapshot_written(const SnapshotWriter *w) {
  return w->natoms;
}

// ---- the tables -----------------------------------------------------------------------

static int by_id(const void *a, const void *b) {
  const Named *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

static bool flush_piece(SnapshotWriter *w) {
  size_t n = w->filled;
  w->filled = 0;
  return n == 0 || put_piece(w, w->words, n);
}

// Pieces are made where chunks were.
static bool put_bytes(SnapshotWriter *w, const void *bytes, size_t n) {
  const char *from = bytes;
  while (n > 0) {
    size_t room = SNAPSHOT_CHUNK - w->filled, part = n < room ? n : room;
    memcpy((char *)w->words + w->filled, from, part);
    from += part;
    n -= part;
    w->filled += part;
    if (w->filled == SNAPSHOT_CHUNK && !flush_piece(w)) return false;
  }
  return true;
}

// Padded to whole words.
static bool put_table(SnapshotWriter *w, const void *bytes, size_t n) {
  static const char zeros[8];
  return put_bytes(w, bytes, n) &&
         put_bytes(w, zeros, ambi_snapshot_padded(n) - n);
}

static const char *name_of(const SnapshotWriter *w, const NamedVec *v, size_t i,
                           size_t *len) {
  const Runtime *rt = w->cx->rt;
  if (v == &w->ops) {
    const char *name = ambi_builtin(rt, v->at[i].here)->name;
    *len = strlen(name);
    return name;
  }
  const Symbol *s = ambi_symbol(rt->symbols, v->at[i].here);
  *len = s->len;
  return s->text;
}

// The rows of a table of names; their texts go to `texts`.
static bool put_names(SnapshotWriter *w, NamedVec *v, Buffer *texts) {
  if (v->n == 0) return true;
  qsort(v->at, v->n, sizeof *v->at, by_id);
  SnapshotName *rows = ambi_alloc(v->n * sizeof *rows);
  if (!rows) return no_memory(w);
  for (size_t i = 0; i < v->n; i++) {
    size_t len;
    const char *text = name_of(w, v, i, &len);
    rows[i] = (SnapshotName){v->at[i].id, (uint32_t)len};
    ambi_buffer_put(texts, text, len);
  }
  bool ok = put_table(w, rows, v->n * sizeof *rows);
  ambi_free(rows, v->n * sizeof *rows);
  return ok && (!texts->failed || no_memory(w));
}

// Ids of library names that the text mentions, see mention.h. NULL: memory is out.
static uint32_t *take_mentions(SnapshotWriter *w, size_t *n) {
  const Mentions *m = &w->cx->rt->mentions;
  uint32_t *ids = ambi_alloc((m->nsymbols + (size_t)1) * sizeof *ids);
  *n = 0;
  for (uint32_t i = 0; ids && i < m->nsymbols; i++) {
    if (!m->seen[i]) continue;
    uint32_t *id = &ids[(*n)++];
    if (!symbol_id(w, i, id)) {
      ambi_free(ids, (m->nsymbols + (size_t)1) * sizeof *ids);
      return NULL;
    }
    if (m->seen[i] & 2) *id |= MENTIONED_AS_DATA;
  }
  return ids;
}

static bool put_tables(SnapshotWriter *w, const SnapshotSource *source,
                       uint64_t *bytes) {
  Buffer texts = {0};
  Mentions *m = &w->cx->rt->mentions;
  uint64_t fetched = ambi_fetched_effects(w->cx->rt) & E_ALL;
  SnapshotSource none = {"", "", 0, 0};
  size_t nmentions = 0;
  uint32_t *mentions = source ? take_mentions(w, &nmentions) : NULL;
  if (source && !mentions) return no_memory(w);
  SnapshotTail tail = {.nsymbols = w->symbols.n,
                       .nops = w->ops.n,
                       .natoms = w->natoms,
                       .nsteps = w->nsteps,
                       .nmentions = nmentions,
                       .effects = source ? m->effects | fetched << 32 : 0,
                       .kind = source ? SNAPSHOT_PROGRAM : SNAPSHOT_SPACE};
  if (!source) source = &none;
  tail.source_bytes = source->len;
  tail.title_bytes = source->title_len;
  for (size_t i = 0, len; i < w->symbols.n; i++, tail.name_bytes += len)
    name_of(w, &w->symbols, i, &len);
  for (size_t i = 0, len; i < w->ops.n; i++, tail.name_bytes += len)
    name_of(w, &w->ops, i, &len);
  bool ok = put_table(w, &tail, sizeof tail) &&
            put_names(w, &w->symbols, &texts) &&
            put_names(w, &w->ops, &texts) &&
            put_table(w, w->atoms, w->natoms * sizeof *w->atoms) &&
            put_table(w, w->steps, w->nsteps * sizeof *w->steps) &&
            put_table(w, mentions, nmentions * sizeof *mentions) &&
            put_table(w, texts.text, texts.len) &&
            put_table(w, source->text, source->len) &&
            put_table(w, source->title, source->title_len) && flush_piece(w);
  off_t end = lseek(w->out.fd, 0, SEEK_CUR);
  *bytes = (uint64_t)end;
  ambi_buffer_drop(&texts);
  if (mentions)
    ambi_free(mentions, (m->nsymbols + (size_t)1) * sizeof *mentions);
  return ok && end >= 0;
}

bool ambi_snapshot_finish(SnapshotWriter *w, const SnapshotSource *source) {
  SnapshotHead head = {.magic = SNAPSHOT_MAGIC,
                       .version = SNAPSHOT_VERSION,
                       .order = SNAPSHOT_ORDER,
                       .base = w->base};
  bool ok = (w->done > 0 && is_fresh(w)) || flush(w, true);
  head.nwords = w->done;
  ok = ok && put_tables(w, source, &head.bytes);
  if (ok) {
    head.hash = ambi_snapshot_hash(w->hash, &head, sizeof head);
    ok = ambi_output_finish(w->cx, &w->out, &head, sizeof head);
  }
  ambi_snapshot_abandon(w);
  return ok;
}

// ---- life -----------------------------------------------------------------------------

// Files of different names mostly do not get into each other's way, and the same ones
// give the same bytes.
static uint64_t base_of(const char *path) {
  const uint64_t low = (uint64_t)1 << 44, step = (uint64_t)1 << 32;
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  return low + ambi_snapshot_hash(0, name, strlen(name)) % 4096 * step;
}

SnapshotWriter *ambi_snapshot_begin(Context *cx, const char *path,
                                    Space *self) {
  SnapshotWriter *w = ambi_alloc(sizeof *w);
  if (!w) {
    cx->stop = STOP_MEMORY;
    return NULL;
  }
  w->cx = cx;
  w->self = self;
  w->base = base_of(path);
  w->out.fd = -1;
  w->next_id = cx->rt->own_symbols;
  if (set_room(w, STORE_CHUNK_WORDS) && ambi_output_open(cx, &w->out, path))
    return w;
  ambi_snapshot_abandon(w);
  return NULL;
}

void ambi_snapshot_abandon(SnapshotWriter *w) {
  ambi_output_close(&w->out);
  ambi_free(w->words, w->nwords * sizeof *w->words);
  ambi_free(w->ids, w->nids * sizeof *w->ids);
  ambi_free(w->symbols.at, w->symbols.cap * sizeof *w->symbols.at);
  ambi_free(w->ops.at, w->ops.cap * sizeof *w->ops.at);
  ambi_free(w->atoms, w->atoms_cap * sizeof *w->atoms);
  ambi_free(w->steps, w->steps_cap * sizeof *w->steps);
  ambi_free(w, sizeof *w);
}
