// Looking at every word of a snapshot's terms before any is used.
//
// One pass over the objects, in order. A word that refers to an object refers forward,
// so nothing is circular; that it meets the beginning of one is seen in the end, when
// all beginnings are known: two bits for each word, one set where an object begins, one
// where something refers to. The same pass gives words their meaning here: addresses
// where the file is not where it wanted to be, ids of symbols and operations where they
// differ. Atoms are met on the way, since their objects stand in the order they have.
//
// Most of a large file are facts that are alike, of symbols and small integers. They have
// a loop of their own, which leaves what is anything else to the one for all.
#include <math.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"
#include "runtime/atoms/utf8.h"
#include "runtime/loading/snapshot.h"

typedef struct Check {
  Snapshot *s;
  Word *words;   // of the file
  size_t n, at;  // words; the object looked at
  Word shift;    // of addresses: where it is less where it wanted to be
  uint64_t nsymbols;
  uint64_t *begins, *wanted;  // bits
  uint64_t self;
  size_t farthest;  // object with variables that a word has led to
  size_t reach;     // likewise, any object of the chunk
  uint32_t nvars;   // of the template that the objects belong to
  Word *flags_at;   // ... where it has its flags
  size_t natoms;    // looked at
  size_t run;       // the first of those that are like the last one
  // What the objects of these begin with, 0: they are of another kind; and what stands
  // for that head in the file.
  Word header, head, head_in_file;
} Check;
enum { RUN_LEAST = 64 };  // shorter ones are not worth a row

static bool bad(Check *c, const char *why) {
  c->s->why = why;
  return false;
}

static void set_bit(uint64_t *bits, size_t i) {
  bits[i / 64] |= UINT64_C(1) << i % 64;
}

// ---- words --------------------------------------------------------------------------

// Where a word refers to, checked to be an object of the kind; 0: it is not.
static size_t target(Check *c, Word w, enum ObjKind kind, unsigned flags) {
  uint64_t to = (w & AMB_PAYLOAD_MASK & ~AMB_EXPR_MARKS) - c->s->head.base;
  size_t i = (size_t)(to / sizeof(Word));
  if (to % sizeof(Word) || i <= c->at || i >= c->n) return 0;
  Word h = c->words[i];
  if (h >> 48 != TAG_HDR || ambi_hdr_kind(h) != kind) return 0;
  if (kind == KIND_FLAT && ambi_hdr_flags(h) != flags) return 0;
  set_bit(c->wanted, i);
  if (i > c->reach) c->reach = i;
  return i;
}

static bool reference(Check *c, Word *w, enum ObjKind kind, bool *ground) {
  Word marks = ambi_tag(AMB_V(*w)) == TAG_EXPR ? *w & AMB_EXPR_MARKS : 0;
  if (marks & ~AMB_EXPR_GROUND) return bad(c, "a mark that is not saved");
  bool is_ground = kind != KIND_FLAT || marks;
  size_t to = target(c, *w, kind, is_ground ? FLAG_GROUND : 0);
  if (to == 0) return bad(c, "a word that leads to no object");
  if (!is_ground && to > c->farthest) c->farthest = to;
  *ground &= is_ground;
  if (c->shift) *w += c->shift;
  return true;
}

static inline bool symbol(Check *c, Word *w) {
  uint64_t id = *w & AMB_PAYLOAD_MASK;
  if (id >= c->nsymbols) return bad(c, "a symbol that is not in the table");
  if (!c->s->symbol_ids) return true;
  uint32_t here = c->s->symbol_ids[id];
  if (here == UINT32_MAX) return bad(c, "a symbol that is not in the table");
  *w = AMB_SYM_ID(here).w;
  return true;
}

static bool operation(Check *c, Word *w) {
  uint64_t id = *w & AMB_PAYLOAD_MASK;
  uint32_t here = id < c->s->nop_ids ? c->s->op_ids[id] : UINT32_MAX;
  if (here == UINT32_MAX)
    return bad(c, "an operation that is not in the table");
  if (here != id) *w = AMB_OP_ID(here).w;
  return true;
}

static void note_flag(Check *c, Word flag) {
  if (c->flags_at && !(*c->flags_at >> 32 & flag)) *c->flags_at |= flag << 32;
}

static bool number(Check *c, Word w) {
  if (!ambi_is_double(AMB_V(w)))
    return bad(c, "a word that is no atom of a file");
  if (isnan(ambi_double_of(AMB_V(w))) && w != AMB_CANONICAL_NAN)
    return bad(c, "a NaN that is not the usual one");
  if (w == AMB_CANONICAL_NAN) ambi_num_nan(c->s->rt);
  note_flag(c, TMPL_HAS_FLOAT);
  return true;
}

// One word of a term. *ground becomes false if it has variables.
static bool word(Check *c, Word *w, bool *ground) {
  Value v = AMB_V(*w);
  switch (ambi_tag(v)) {
  case TAG_INT: return true;
  case TAG_SYM: return symbol(c, w);
  case TAG_EXPR: return reference(c, w, KIND_FLAT, ground);
  case TAG_BIG:
    note_flag(c, TMPL_HAS_FLOAT);
    return reference(c, w, KIND_BIG, ground);
  case TAG_OBJ: return reference(c, w, KIND_STR, ground);
  case TAG_OP: return operation(c, w);
  case TAG_IMM:
    return ambi_is_unit(v) || ambi_is_bool(v) ||
           bad(c, "a word that is no atom of a file");
  case TAG_LVAR:
    *ground = false;
    return (*w & AMB_PAYLOAD_MASK) < c->nvars ||
           bad(c, "a variable without a name");
  case TAG_CELL:
    if (*w != SNAPSHOT_SELF.w || !c->self)
      return bad(c, "a cell that is not the saved space");
    *w = c->self;
    ambi_cell_stay(ambi_cell(AMB_V(c->self)));
    note_flag(c, TMPL_HAS_CELL);
    return true;
  default: return number(c, *w);
  }
}

// ---- objects ------------------------------------------------------------------------

static bool expression(Check *c, Word *p, uint32_t n) {
  bool ground = true;
  if (n == 0) return bad(c, "an expression without children");
  for (uint32_t i = 1; i <= n; i++) {
    uint32_t tag = ambi_tag(AMB_V(p[i]));  // of most words one of these two
    if (tag == TAG_INT) continue;
    if (!(tag == TAG_SYM ? symbol(c, p + i) : word(c, p + i, &ground)))
      return false;
  }
  return *p == ambi_header(KIND_FLAT, ground ? FLAG_GROUND : 0, n) ||
         bad(c, "an expression whose header is not right");
}

static bool string(Check *c, const Word *p, uint32_t n) {
  const char *bytes = (const char *)(p + 1);
  if (*p != ambi_header(KIND_STR, 0, n) || bytes[n] != 0)
    return bad(c, "a string whose end is not right");
  return !ambi_utf8_wrong(bytes, bytes + n) ||
         bad(c, "a string that is not UTF-8");
}

static bool integer(Check *c, const Word *p, uint32_t n) {
  unsigned neg = ambi_hdr_flags(*p) & FLAG_NEG;
  bool whole = *p == ambi_header(KIND_BIG, neg, n) && n > 0 && p[n] != 0;
  uint64_t least = (uint64_t)AMB_INT_MAX + (neg ? 2 : 1);
  return (whole && (n > 1 || p[1] >= least)) ||
         bad(c, "an integer that is not as it should be");
}

// The variables of the objects before all lie before it.
static bool template(Check *c, Word *p, uint32_t n) {
  Template t;
  memcpy(&t, p + 1, sizeof t);
  uint64_t names =
      c->s->head.base + (c->at + 1 + SNAPSHOT_TEMPLATE) * sizeof(Word);
  if (t.nvars != n - SNAPSHOT_TEMPLATE || t.nvars == 0 ||
      (uintptr_t)t.vinfo != names ||
      (t.flags & ~(uint32_t)(TMPL_HAS_CELL | TMPL_HAS_FLOAT)))
    return bad(c, "a template that is not whole");
  if (c->shift) p[SNAPSHOT_TEMPLATE] += c->shift;
  for (uint32_t i = 0; i < t.nvars; i++) {
    Word *info = p + 1 + SNAPSHOT_TEMPLATE + i;
    if (*info >> 48 != TAG_VINFO || ambi_vinfo_is_fresh(*info))
      return bad(c, "a variable's name that is none");
    Word name = AMB_SYM_ID(ambi_vinfo_name(*info)).w;
    if (!symbol(c, &name)) return false;
    Word named = ambi_vinfo(ambi_sym_of(AMB_V(name)), ambi_vinfo_id(*info));
    if (named != *info) *info = named;
  }
  c->nvars = t.nvars;
  c->flags_at = p + 2;
  bool ground = true;
  return word(c, p + 1, &ground) &&
         (!ground || bad(c, "a template without variables"));
}

static bool wrapper(Check *c, Word *p, uint32_t n) {
  if (c->farthest >= c->at)
    return bad(c, "a word that leads out of its template");
  c->nvars = 0;
  c->flags_at = NULL;
  if (*p != ambi_header(KIND_VEC, 0, n) || (n != 1 && n <= SNAPSHOT_TEMPLATE))
    return bad(c, "a template that is not whole");
  if (n > 1) return template(c, p, n);
  bool ground = true;
  return (word(c, p + 1, &ground) && ground) ||
         bad(c, "an atom with variables that have no names");
}

static bool object(Check *c, Word *p, uint32_t n) {
  switch (ambi_hdr_kind(*p)) {
  case KIND_FLAT: return expression(c, p, n);
  case KIND_STR: return string(c, p, n);
  case KIND_BIG: return integer(c, p, n);
  case KIND_VEC: return wrapper(c, p, n);
  default: return bad(c, "an object of an unknown kind");
  }
}

// ---- atoms ----------------------------------------------------------------------------

static size_t unit_of(size_t word) {
  return word / STORE_CHUNK_WORDS;
}

// Does the store find the chunk of what an atom's word refers to?
static bool is_near(const Check *c, size_t at, Value v, uint32_t *live) {
  uint32_t tag = ambi_tag(v);
  if (tag != TAG_EXPR && tag != TAG_BIG && tag != TAG_OBJ) return true;
  *live += 1;
  return unit_of((size_t)(ambi_ptr(v) - c->words)) == unit_of(at);
}

// Ends the run of atoms that are alike. False: memory is out.
static bool end_run(Check *c) {
  Snapshot *s = c->s;
  bool alike = c->header && c->natoms - c->run >= RUN_LEAST;
  bool goes_on = !alike && s->nruns && !s->runs[s->nruns - 1].alike;
  if (c->run == c->natoms || goes_on) return true;
  if (!ambi_grow((void **)&s->runs, &s->runs_cap, s->nruns + 1,
                 sizeof *s->runs))
    return false;
  s->runs[s->nruns++] = (SnapshotRun){c->run, alike};
  return true;
}

// The next atom begins at p.
static bool note_run(Check *c, const Word *p) {
  bool named = ambi_hdr_kind(*p) == KIND_FLAT && ambi_is_sym(AMB_V(p[1]));
  Word header = named ? *p : 0, head = named ? p[1] : 0;
  if (AMB_UNLIKELY(header != c->header || head != c->head)) {
    if (!end_run(c)) return false;
    c->run = c->natoms;
    c->header = header;
    c->head = head;
  }
  c->natoms++;
  return true;
}

// Counts the templates of the atom that begins at a word.
static bool atom(Check *c, size_t at) {
  uint32_t *live = &c->s->live[unit_of(at)];
  const Word *p = c->words + at;
  Word h = *p;
  if (!note_run(c, p)) return false;
  if (ambi_hdr_kind(h) == KIND_FLAT) {
    *live += 1;
    return (ambi_hdr_flags(h) & FLAG_GROUND) ||
           bad(c, "an atom with variables that have no names");
  }
  if (ambi_hdr_kind(h) != KIND_VEC) return bad(c, "an atom that is no object");
  bool near = is_near(c, at, AMB_V(p[1]), live);
  if (ambi_hdr_size(h) > 1) {
    *live += ambi_is_lvar(AMB_V(p[1])) ? 2 : 1;
    near &= unit_of(at + 1 + SNAPSHOT_TEMPLATE) == unit_of(at);
  }
  return near || bad(c, "an atom that begins within another");
}

// ---- chunks ---------------------------------------------------------------------------

// Does the chunk at c->at end where an object could begin?
static bool at_end(const Check *c) {
  return c->at >= c->n || c->words[c->at] == 0;
}

// Does an atom begin at a word? Not within another's place.
static inline bool is_next_atom(const Check *c, size_t at, size_t first) {
  return c->natoms < c->s->tail.natoms && c->s->atoms[c->natoms] == at &&
         unit_of(at) == first;
}

static bool next_object(Check *c, size_t first) {
  Word h = c->words[c->at];
  if (h >> 48 != TAG_HDR) return bad(c, "no object where one should begin");
  if (ambi_hdr_kind(h) > KIND_VEC || ambi_object_words(h) > c->n - c->at)
    return bad(c, "an object that does not end");
  size_t words = ambi_object_words(h);
  bool begins = is_next_atom(c, c->at, first);
  Word head = words > 1 ? c->words[c->at + 1] : 0;
  set_bit(c->begins, c->at);
  if (!object(c, c->words + c->at, ambi_hdr_size(h))) return false;
  if (begins && !atom(c, c->at)) return false;
  if (begins) c->head_in_file = head;
  c->at += words;
  return true;
}

// Is the word a small integer, or a symbol of the table?
static inline bool is_plain_word(const Check *c, Word w) {
  uint64_t id = w & AMB_PAYLOAD_MASK;
  if (ambi_tag(AMB_V(w)) == TAG_INT) return true;
  if (ambi_tag(AMB_V(w)) != TAG_SYM || id >= c->nsymbols) return false;
  return !c->s->symbol_ids || c->s->symbol_ids[id] != UINT32_MAX;
}

static inline void translate(const Check *c, Word *w) {
  if (ambi_tag(AMB_V(*w)) == TAG_SYM)
    *w = AMB_SYM_ID(c->s->symbol_ids[*w & AMB_PAYLOAD_MASK]).w;
}

// Passes atoms that are like the last one. Nothing refers to an atom, so where they begin
// is not noted.
static void pass_alike(Check *c, size_t first) {
  Word *p = c->words + c->at;
  uint32_t n = ambi_hdr_size(c->header);
  size_t end = (first + 1) * STORE_CHUNK_WORDS;
  if (end > c->n) end = c->n;
  while (c->at + n < end && *p == c->header && p[1] == c->head_in_file &&
         is_next_atom(c, c->at, first)) {
    for (uint32_t i = 2; i <= n; i++)
      if (!is_plain_word(c, p[i])) return;
    p[1] = c->head;
    for (uint32_t i = 2; c->s->symbol_ids && i <= n; i++)
      translate(c, p + i);
    p += n + 1;
    c->at += n + 1;
    c->natoms++;
    c->s->live[first]++;
  }
}

// All objects of the chunk at c->at, which goes to the next. Objects that reach into
// the next chunk's place make one of it.
static bool chunk(Check *c) {
  size_t first = unit_of(c->at);
  c->at += STORE_CHUNK_FIRST;
  c->nvars = 0;
  c->flags_at = NULL;
  c->farthest = c->reach = 0;
  c->s->live[first] = 0;
  while (!at_end(c)) {
    if (!next_object(c, first)) return false;
    if (c->header) pass_alike(c, first);
  }
  if (c->reach >= c->at) return bad(c, "a word that leads out of its chunk");
  size_t end = (c->at + STORE_CHUNK_WORDS - 1) / STORE_CHUNK_WORDS;
  for (size_t i = first + 1; i < end; i++)
    c->s->live[i] = STORE_CONTINUES;
  c->at = end * STORE_CHUNK_WORDS;
  return true;
}

static bool all_chunks(Check *c) {
  while (c->at < c->n)
    if (!chunk(c)) return false;
  for (size_t i = 0; i <= c->n / 64; i++)
    if (c->wanted[i] & ~c->begins[i])
      return bad(c, "a word that leads to no object");
  if (c->natoms < c->s->tail.natoms)
    return bad(c, "an atom that is no object, or is out of order");
  return end_run(c);
}

bool ambi_snapshot_check(Snapshot *s, Value self) {
  size_t n = (size_t)s->head.nwords, bytes = (n / 64 + 1) * sizeof(uint64_t);
  Check c = {.s = s,
             .words = (Word *)(void *)s->map.base,
             .n = n,
             .shift = (Word)(uintptr_t)s->map.base - s->head.base,
             .nsymbols = s->nids,
             .begins = ambi_alloc(bytes),
             .wanted = ambi_alloc(bytes),
             .self = ambi_is_none(self) ? 0 : self.w};
  bool ok = c.begins && c.wanted && all_chunks(&c);
  ambi_free(c.begins, bytes);
  ambi_free(c.wanted, bytes);
  return ok;
}
