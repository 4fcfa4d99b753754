// The log of questions to spaces.
#include "runtime/spaces/reads.h"

#include "memory/alloc.h"
#include "runtime/spaces/twin.h"

// The newest entries are looked through for one that says the same.
enum { LOOKED_THROUGH = 8 };

static bool same_question(const Read *a, const Read *b) {
  return a->space == b->space && a->n == b->n && ambi_same(a->head, b->head);
}

static bool known(const ReadLog *log, const Read *r) {
  for (size_t i = log->n, seen = 0; i > log->from && seen < LOOKED_THROUGH;
       seen++) {
    const Read *x = &log->at[--i];
    if (same_question(x, r) && x->version == r->version) return true;
  }
  return false;
}

// A long row of questions is tidied again when it has doubled.
enum { UNTIDY = 256 };

static void add(ReadLog *log, const Read *r) {
  if (known(log, r)) return;
  if (log->n - log->from >= log->untidy) {
    if (!ambi_reads_tidy(log, log->from)) log->failed = true;
    log->untidy = 2 * (log->n - log->from) + UNTIDY;
  }
  if (!ambi_grow((void **)&log->at, &log->cap, log->n + 1, sizeof *log->at)) {
    log->failed = true;
    return;
  }
  log->at[log->n++] = *r;
}

void ambi_reads_note(Space *s, Value head, uint32_t n) {
  s = ambi_space_face(s);
  if (!ambi_is_none(head)) head = ambi_deref(head);
  if (!ambi_is_sym(head)) {
    head = AMB_NONE;
    n = 0;
  }
  Read r = {s, head, n, ambi_space_version(s, head, n)};
  add(&s->rt->reads, &r);
}

bool ambi_reads_add(ReadLog *log, const Read *reads, size_t n) {
  for (size_t i = 0; log->open && i < n; i++)
    add(log, &reads[i]);
  return !log->failed;
}

bool ambi_reads_tidy(ReadLog *log, size_t from) {
  size_t kept = from;
  for (size_t i = from; i < log->n; i++) {
    size_t j = from;
    while (j < kept && !same_question(&log->at[j], &log->at[i]))
      j++;
    if (j < kept && log->at[j].version != log->at[i].version) return false;
    if (j == kept) log->at[kept++] = log->at[i];
  }
  log->n = kept;
  return kept == from || ambi_reads_hold(log->at + from, kept - from);
}

bool ambi_reads_hold(const Read *reads, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (ambi_space_version(reads[i].space, reads[i].head, reads[i].n) !=
        reads[i].version)
      return false;
  return true;
}

void ambi_reads_drop(ReadLog *log) {
  ambi_free(log->at, log->cap * sizeof *log->at);
  *log = (ReadLog){0};
}
