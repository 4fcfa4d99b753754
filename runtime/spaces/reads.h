// What was asked of spaces while a table was made, and in which version.
//
// Whoever makes tables opens the log; queries then note the pattern they ask for by
// its head and size. A result that was kept holds as long as all that was noted for it
// is in the version it was.
#ifndef AMBIT_RUNTIME_READS_H
#define AMBIT_RUNTIME_READS_H

#include "runtime/runtime.h"

typedef struct Read {
  Space *space;
  Value head;  // AMB_NONE: any
  uint32_t n;
  uint64_t version;
} Read;

// Notes a question in an open log.
void ambi_reads_note(Space *s, Value head, uint32_t n);
static inline void ambi_space_asked(Space *s, Value head, uint32_t n) {
  if (AMB_UNLIKELY(s->rt->reads.open)) ambi_reads_note(s, head, n);
}
// Drops what stands twice behind `from`. False: what was read has changed meanwhile.
bool ambi_reads_tidy(ReadLog *log, size_t from);
bool ambi_reads_hold(const Read *reads, size_t n);
// Notes all of them once more. False: memory is out.
bool ambi_reads_add(ReadLog *log, const Read *reads, size_t n);
void ambi_reads_drop(ReadLog *log);

#endif
