// Compiled programs: the atoms of a text, and when each is added or evaluated.
//
// What a form does may change how the rest of a text is read: a word that is bound
// stands for something else from then on. So the text is in the file as well, and the
// atoms of a step in which such a word stands are read from it.
#include "memory/alloc.h"
#include "runtime/loading/snapshot.h"

// ---- compiling ----------------------------------------------------------------------

static bool put_atom(SnapshotWriter *w, Reader *r, Template *t, Position *bang,
                     bool *form) {
  if (ambi_same(t->atom, AMB_SYM(BANG))) {
    *form = r->form = true;
    *bang = r->start;
    return true;
  }
  bool ok = ambi_snapshot_put(w, t) &&
            ambi_snapshot_step(w, *form ? *bang : r->start, *form);
  *form = r->form = false;
  return ok;
}

static bool put_all(Context *cx, SnapshotWriter *w, Reader *r,
                    ReadError *error) {
  Position bang = {0};
  bool form = false;
  for (;;) {
    Template t;
    switch (ambi_read(r, &t)) {
    case READ_END: return true;
    case READ_ERROR: *error = r->error; return false;
    case READ_MEMORY: cx->stop = STOP_MEMORY; return false;
    case READ_ATOM: break;
    }
    bool ok = put_atom(w, r, &t, &bang, &form);
    ambi_template_discard(cx->rt->store, &t);
    ambi_store_quiesce(cx->rt->store);
    if (!ok) return false;
  }
}

bool ambi_program_compile(Context *cx, Tokens *tokens, Space *self,
                          const SnapshotSource *source, const char *path,
                          ReadError *error) {
  SnapshotWriter *w = ambi_snapshot_begin(cx, path, self);
  if (!w) return false;
  Reader r;
  ambi_reader_open(&r, cx->rt, tokens, source->text, source->len);
  if (put_all(cx, w, &r, error)) return ambi_snapshot_finish(w, source);
  ambi_snapshot_abandon(w);
  return false;
}

// ---- running ------------------------------------------------------------------------

void ambi_program_open(CompiledRun *p, const Snapshot *s) {
  *p = (CompiledRun){.s = s};
}

void ambi_program_close(CompiledRun *p) {
  ambi_free(p->special, p->nspecial);
}

static void make_special(CompiledRun *p, uint32_t symbol) {
  size_t old = p->nspecial;
  if (symbol >= old) {
    if (!ambi_grow((void **)&p->special, &p->nspecial, symbol + (size_t)1, 1)) {
      p->any = true;  // which is right as well
      return;
    }
    memset(p->special + old, 0, p->nspecial - old);
  }
  p->special[symbol] = 1;
}

// Words of this runtime that the file knows as symbols.
static void look_at_words(CompiledRun *p) {
  const Snapshot *s = p->s;
  for (uint64_t i = 0; i < s->tail.nsymbols; i++) {
    uint32_t id = s->symbols[i].id;
    if (s->symbol_ids) id = s->symbol_ids[id];
    if (ambi_words_have(s->rt->words, id)) make_special(p, id);
  }
}

// Entries since the last time. &self is what it was when the text was read.
static void look_at_tokens(CompiledRun *p, Tokens *tokens, Value self) {
  if (p->ntokens == 0) look_at_words(p);
  for (; p->ntokens < ambi_tokens_count(tokens); p->ntokens++) {
    Value stands_for;
    uint32_t symbol = ambi_tokens_symbol(tokens, p->ntokens, &stands_for);
    const Symbol *s =
        symbol == AMB_NO_SYMBOL ? NULL : ambi_symbol(p->s->rt->symbols, symbol);
    bool is_self = s && s->len == 5 && memcmp(s->text, "&self", 5) == 0;
    if (is_self && ambi_same(stands_for, self)) continue;
    if (!s || is_self)
      p->any = true;
    else
      make_special(p, symbol);
  }
}

static size_t count_atoms(const CompiledRun *p) {
  uint32_t n = p->s->steps[p->step].natoms;
  return n ? n : 1;
}

// A word of a string may look like a symbol; then the atom is read again in vain.
static bool has_special(const CompiledRun *p) {
  const Snapshot *s = p->s;
  const Word *words = (const Word *)(const void *)s->map.base;
  size_t end = p->atom + count_atoms(p), to = (size_t)s->head.nwords;
  if (end < s->tail.natoms && s->atoms[end] > s->atoms[p->atom])
    to = s->atoms[end];
  for (size_t i = s->atoms[p->atom]; i < to; i++) {
    Value v = AMB_V(words[i]);
    if (ambi_is_sym(v) && ambi_sym_of(v) < p->nspecial &&
        p->special[ambi_sym_of(v)])
      return true;
  }
  return false;
}

bool ambi_program_is_stale(CompiledRun *p, Tokens *tokens, Value self) {
  if (p->step == p->s->tail.nsteps) return false;
  if (p->ntokens < ambi_tokens_count(tokens)) look_at_tokens(p, tokens, self);
  return p->any || (p->nspecial && has_special(p));
}

const SnapshotStep *ambi_program_next(CompiledRun *p, size_t *atom,
                                      size_t *natoms) {
  if (p->step == p->s->tail.nsteps) return NULL;
  *atom = p->atom;
  *natoms = count_atoms(p);
  p->atom += *natoms;
  return &p->s->steps[p->step++];
}

size_t ambi_program_end(const CompiledRun *p) {
  const Snapshot *s = p->s;
  return p->step < s->tail.nsteps ? (size_t)s->steps[p->step].offset
                                  : (size_t)s->tail.source_bytes;
}
