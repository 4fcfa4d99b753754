// Memory of whole pages that wants to be at an address: what is read into it refers to
// itself by addresses, and need not be changed when it gets the place it wants.
#ifndef AMBIT_MEMORY_MAPPING_H
#define AMBIT_MEMORY_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Mapping {
  char *base;      // NULL when not open
  size_t bytes;    // address space, whole pages
  size_t counted;  // of them, against the memory limit
} Mapping;

// Zeroed memory at `wanted`, if that is free, else at some multiple of `align`, a power
// of two. False with errno; ENOMEM: the limit is reached, too.
bool ambi_mapping_open(Mapping *m, size_t bytes, uintptr_t wanted,
                       size_t align);
void ambi_mapping_close(Mapping *m);
// Gives back what these pages hold; they are zero again.
void ambi_mapping_forget(Mapping *m, char *at, size_t bytes);

#endif
