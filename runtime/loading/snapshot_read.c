// Opening a snapshot: its tables, then its terms.
#include <errno.h>

#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"
#include "runtime/config.h"
#include "runtime/loading/snapshot.h"

static bool bad(Snapshot *s, const char *why) {
  s->why = why;
  return false;
}

// ---- tables -------------------------------------------------------------------------

typedef struct Table {
  const void **at;
  uint64_t n;
  size_t item;
} Table;

// Where each table is. False: they do not fill the rest of the file.
static bool place_tables(Snapshot *s) {
  const SnapshotTail *t = &s->tail;
  const Table all[] = {
      {(const void **)&s->symbols, t->nsymbols, sizeof(SnapshotName)},
      {(const void **)&s->ops, t->nops, sizeof(SnapshotName)},
      {(const void **)&s->atoms, t->natoms, sizeof(uint32_t)},
      {(const void **)&s->steps, t->nsteps, sizeof(SnapshotStep)},
      {(const void **)&s->mentions, t->nmentions, sizeof(uint32_t)},
      {(const void **)&s->names, t->name_bytes, 1},
      {(const void **)&s->source, t->source_bytes, 1},
      {(const void **)&s->title, t->title_bytes, 1}};
  size_t at = (size_t)s->head.nwords * 8 + sizeof *t;
  for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) {
    size_t left = (size_t)s->head.bytes - at;
    if (all[i].n > left / all[i].item) return bad(s, "its tables are damaged");
    *all[i].at = s->map.base + at;
    at += ambi_snapshot_padded((size_t)all[i].n * all[i].item);
    if (at > s->head.bytes) return bad(s, "its tables are damaged");
  }
  return at == s->head.bytes || bad(s, "its tables are damaged");
}

// ---- names --------------------------------------------------------------------------

// What a name means here; UINT32_MAX: nothing. False: memory is out.
typedef bool NameFn(Runtime *rt, const char *text, uint32_t len, uint32_t *id);

static bool intern(Runtime *rt, const char *text, uint32_t len, uint32_t *id) {
  return ambi_symbol_intern(rt->symbols, text, len, id);
}

static bool find_op(Runtime *rt, const char *text, uint32_t len, uint32_t *id) {
  (void)rt;
  *id = UINT32_MAX;
  for (uint32_t i = 0; i < OP_COUNT; i++)
    if (strlen(ambi_builtins[i].name) == len &&
        memcmp(ambi_builtins[i].name, text, len) == 0)
      *id = i;
  return true;
}

static bool names_are_right(Snapshot *s, const SnapshotName *rows, uint64_t n,
                            uint64_t *used) {
  for (uint64_t i = 0; i < n; i++) {
    if ((i && rows[i].id <= rows[i - 1].id) || rows[i].id >= AMB_MAX_SYMBOLS ||
        rows[i].len > s->tail.name_bytes - *used)
      return bad(s, "its names are damaged");
    const char *text = s->names + *used;
    if (ambi_utf8_wrong(text, text + rows[i].len))
      return bad(s, "its names are not UTF-8");
    *used += rows[i].len;
  }
  return true;
}

// Ids here of the names, by those in the file. *same: there is no difference.
static bool resolve(Snapshot *s, const SnapshotName *rows, uint64_t n,
                    const char *text, NameFn *mean, uint32_t **ids,
                    size_t *nids, bool *same) {
  *same = true;
  *nids = n ? rows[n - 1].id + (size_t)1 : 0;
  *ids = ambi_alloc(*nids * sizeof **ids);
  if (*nids && !*ids) return false;
  memset(*ids, 0xFF, *nids * sizeof **ids);
  for (uint64_t i = 0; i < n; i++) {
    uint32_t *id = &(*ids)[rows[i].id];
    if (!mean(s->rt, text, rows[i].len, id)) return false;
    if (*id == UINT32_MAX)
      return bad(s, "it needs an operation that is not there");
    *same &= *id == rows[i].id;
    text += rows[i].len;
  }
  return true;
}

static void drop_ids(uint32_t **ids, size_t n) {
  ambi_free(*ids, n * sizeof **ids);
  *ids = NULL;
}

static bool resolve_names(Snapshot *s) {
  const SnapshotTail *t = &s->tail;
  uint64_t of_symbols = 0, all;
  bool same;
  if (!names_are_right(s, s->symbols, t->nsymbols, &of_symbols)) return false;
  ambi_symbols_expect(s->rt->symbols, t->nsymbols);
  all = of_symbols;
  if (!names_are_right(s, s->ops, t->nops, &all)) return false;
  if (all != t->name_bytes) return bad(s, "its names are damaged");
  if (!resolve(s, s->symbols, t->nsymbols, s->names, intern, &s->symbol_ids,
               &s->nids, &same))
    return false;
  if (same) drop_ids(&s->symbol_ids, s->nids);
  return resolve(s, s->ops, t->nops, s->names + of_symbols, find_op, &s->op_ids,
                 &s->nop_ids, &same);
}

// What is read may be used as data from now on.
static bool mention(const Snapshot *s) {
  Runtime *rt = s->rt;
  bool program = s->tail.kind == SNAPSHOT_PROGRAM;
  unsigned effects =
               (unsigned)(s->tail.effects & (E_ALL | E_BROAD | E_SENDS_BACK)),
           fetched = (unsigned)(s->tail.effects >> 32 & E_ALL);
  if (program) ambi_mention_all(rt, effects, fetched);
  for (uint64_t i = 0; !program && i < s->tail.nops; i++)
    ambi_mention_op(rt, AMB_OP_ID(s->op_ids[s->ops[i].id]), true);
  uint64_t n = program ? s->tail.nmentions : s->tail.nsymbols;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t at = program ? s->mentions[i] : s->symbols[i].id;
    bool data = !program || (at & MENTIONED_AS_DATA);
    uint32_t id = program ? at & ~MENTIONED_AS_DATA : at;
    if (id >= s->nids) continue;
    uint32_t symbol = s->symbol_ids ? s->symbol_ids[id] : id;
    ambi_mention_symbol(rt, symbol, false, data);
    if (!program && !ambi_mention_name(rt, symbol, NAMED_DATA)) return false;
  }
  return true;
}

// ---- the whole ------------------------------------------------------------------------

static bool steps_are_right(Snapshot *s) {
  uint64_t atoms = 0, offset = 0;
  for (uint64_t i = 0; i < s->tail.nsteps; i++) {
    const SnapshotStep *step = &s->steps[i];
    atoms += step->natoms ? step->natoms : 1;
    if (step->offset < offset || step->offset > s->tail.source_bytes)
      return bad(s, "its steps are damaged");
    offset = step->offset;
  }
  return s->tail.kind == SNAPSHOT_SPACE
             ? s->tail.nsteps == 0
             : atoms == s->tail.natoms || bad(s, "its steps are damaged");
}

static bool look_in(Snapshot *s, enum SnapshotKind kind, Value self) {
  const SnapshotTail *t = &s->tail;
  memcpy(&s->tail, s->map.base + s->head.nwords * 8, sizeof s->tail);
  if (!place_tables(s)) return false;
  if (s->tail.kind != kind)
    return bad(s, kind == SNAPSHOT_SPACE ? "it is a program and no space"
                                         : "it is a space and no program");
  if (!steps_are_right(s) || !resolve_names(s)) return false;
  s->nchunks =
      ((size_t)s->head.nwords + STORE_CHUNK_WORDS - 1) / STORE_CHUNK_WORDS;
  s->live = ambi_alloc(s->nchunks * sizeof *s->live);
  if (!s->live || !ambi_snapshot_check(s, self)) return false;
  if (kind == SNAPSHOT_SPACE) return true;
  s->live[0]++;  // a program needs its tables as long as it may run
  return (t->title_bytes && !s->title[t->title_bytes - 1]) ||
         bad(s, "its title is damaged");
}

static bool take_over(Snapshot *s) {
  s->adopted = ambi_store_adopt(s->rt->store, &s->map, s->live, s->nchunks);
  return s->adopted;
}

static bool refuse(Context *cx, const Snapshot *s, int why) {
  cx->error_reason = AMB_NONE;
  if (s->why)
    ambi_set_message(cx, "cannot load %s: %s", s->path, s->why);
  else if (cx->stop == STOP_NONE && why && why != ENOMEM)
    ambi_set_message(cx, "cannot load %s: %s", s->path, strerror(why));
  else if (cx->stop == STOP_NONE)
    cx->stop = STOP_MEMORY;
  return false;
}

bool ambi_snapshot_open(Context *cx, Snapshot *s, const char *path,
                        enum SnapshotKind kind, Value self) {
  *s = (Snapshot){.rt = cx->rt, .path = path};
  int why = 0;
  bool whole = ambi_snapshot_read(cx, s, &why);
  if (whole && look_in(s, kind, self) && mention(s) && take_over(s))
    return true;
  refuse(cx, s, whole ? 0 : why);
  ambi_snapshot_close(s);
  return false;
}

void ambi_snapshot_close(Snapshot *s) {
  if (!s->adopted) ambi_mapping_close(&s->map);
  drop_ids(&s->symbol_ids, s->nids);
  drop_ids(&s->op_ids, s->nop_ids);
  ambi_free(s->live, s->nchunks * sizeof *s->live);
  s->live = NULL;
  ambi_free(s->runs, s->runs_cap * sizeof *s->runs);
  s->runs = NULL;
}

static const Word *word_of(const Snapshot *s, size_t i) {
  return (const Word *)(const void *)s->map.base + s->atoms[i];
}

Value ambi_snapshot_expression(const Snapshot *s, size_t i) {
  return AMB_V(ambi_tag_ptr(TAG_EXPR, word_of(s, i)).w | AMB_EXPR_GROUND);
}

Record ambi_snapshot_record(const Snapshot *s, size_t i) {
  const Word *p = word_of(s, i);
  if (ambi_hdr_kind(*p) == KIND_FLAT)
    return (Record){ambi_snapshot_expression(s, i)};
  if (ambi_hdr_size(*p) == 1) return (Record){AMB_V(p[1])};
  return (Record){ambi_tag_ptr(TAG_FWD, p + 1)};
}
