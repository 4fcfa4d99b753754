// The operating system seam: reserve address space, commit, give back.
//
// A Range is one contiguous reservation that grows upward without moving. It is
// reserved without backing (no commit charge) and becomes usable in steps;
// used by context heaps, engine stacks, trails and choice stacks. One thread
// owns a Range.
#ifndef AMBIT_MEMORY_PAGES_H
#define AMBIT_MEMORY_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Range {
  char *base;        // start, page aligned; NULL when not open
  size_t reserved;   // bytes of address space
  size_t committed;  // bytes from base that may be touched
} Range;

// Reserves `bytes` (rounded up to pages). False when the system refuses.
bool ambi_range_open(Range *r, size_t bytes);
// The same, but where address space is scarce (limits of a process, sanitizers)
// a half, a quarter and so on will do, down to 64 MiB.
bool ambi_range_open_most(Range *r, size_t bytes);
void ambi_range_close(Range *r);
// What lies from `bytes` on (rounded down to pages) becomes a range of its own; nothing
// is committed yet. Addresses of one are below those of the other.
void ambi_range_split(Range *r, size_t bytes, Range *upper);
// Makes at least `bytes` from base usable. False: reservation or system used
// up; the range is unchanged. Commits in steps of at least 256 KiB, but under stress.
bool ambi_range_commit(Range *r, size_t bytes);
// The same for what goes on growing: with some room more, if there is memory for it.
bool ambi_range_more(Range *r, size_t bytes);
// So many bytes, or what makes the last page of a large range a whole one: the system
// gives huge pages only where all of one can be used.
size_t ambi_range_whole(const Range *r, size_t bytes);
// It will not grow: address space beyond what is committed is given back.
void ambi_range_seal(Range *r);
// Takes back everything committed beyond `keep` bytes (rounded up to pages).
// Committed again later, those pages read as zero.
void ambi_range_trim(Range *r, size_t keep);

bool ambi_range_is_valid(const Range *r, const char **why);

// Memory of the machine or of the control group, whichever is smaller, bytes.
uint64_t ambi_system_memory(void);
// What the process takes of it now, bytes; 0: the system does not tell.
uint64_t ambi_resident_memory(void);

#endif
