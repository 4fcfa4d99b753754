// A file seen as memory: private pages, read when they are touched.
//
// What is written there stays in this process. The file itself must not be written over
// in place while it is mapped; one that is replaced by renaming stays as it was.
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

// Maps the file's first bytes at `wanted`, if that is free, else at some multiple of
// `align`, a power of two. False with errno; ENOMEM: the limit is reached, too.
bool ambi_mapping_open(Mapping *m, int fd, size_t bytes, uintptr_t wanted,
                       size_t align);
void ambi_mapping_close(Mapping *m);
// Gives back what these pages hold; they read as the file again.
void ambi_mapping_forget(Mapping *m, char *at, size_t bytes);

#endif
