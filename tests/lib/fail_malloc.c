// Makes memory run out: preloaded, it lets the FAIL_MALLOC-th request for memory fail,
// whichever library makes it; with FAIL_MALLOC_ON all behind it, too. How many requests
// there were is added to the file that FAIL_MALLOC_COUNT names.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static unsigned long requests, failing;
static int on;

// What dlsym itself asks for, while the next malloc is being looked up.
static _Alignas(16) char early[1 << 14];
static size_t early_used;
static int looking;

static void *take_early(size_t n) {
  size_t at =
      __atomic_fetch_add(&early_used, (n + 31) & ~(size_t)15, __ATOMIC_RELAXED);
  if (at + n + 16 > sizeof early) return NULL;
  memcpy(early + at, &n, sizeof n);
  return early + at + 16;
}

static int is_early(const void *p) {
  return (const char *)p >= early && (const char *)p < early + sizeof early;
}

static void *find_next(const char *name) {
  looking = 1;
  void *found = dlsym(RTLD_NEXT, name);
  looking = 0;
  return found;
}
#define NEXT(name)               \
  static __typeof__(&name) next; \
  if (!next) next = (__typeof__(&name))find_next(#name)

__attribute__((constructor)) static void begin(void) {
  const char *n = getenv("FAIL_MALLOC");
  on = getenv("FAIL_MALLOC_ON") != NULL;
  __atomic_store_n(&requests, 0, __ATOMIC_RELAXED);
  failing = n ? strtoul(n, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAIL_MALLOC_COUNT");
  unsigned long n = __atomic_load_n(&requests, __ATOMIC_RELAXED);
  failing = 0;
  FILE *out = path ? fopen(path, "a") : NULL;
  if (!out) return;
  fprintf(out, "%lu\n", n);
  fclose(out);
}

static int fails(void) {
  unsigned long n = __atomic_add_fetch(&requests, 1, __ATOMIC_RELAXED);
  int now = failing && (on ? n >= failing : n == failing);
  if (now) errno = ENOMEM;
  return now;
}

void *malloc(size_t n) {
  if (looking) return take_early(n);
  NEXT(malloc);
  return fails() ? NULL : next(n);
}

void *calloc(size_t count, size_t n) {
  if (looking) return take_early(count * n);
  NEXT(calloc);
  return fails() ? NULL : next(count, n);
}

void *realloc(void *p, size_t n) {
  NEXT(realloc);
  if (!is_early(p)) return fails() ? NULL : next(p, n);
  size_t was;
  memcpy(&was, (char *)p - 16, sizeof was);
  void *to = malloc(n);
  return to ? memcpy(to, p, was < n ? was : n) : NULL;
}

void *reallocarray(void *p, size_t count, size_t n) {
  size_t all;
  if (!__builtin_mul_overflow(count, n, &all)) return realloc(p, all);
  errno = ENOMEM;
  return NULL;
}

void free(void *p) {
  if (is_early(p)) return;
  NEXT(free);
  next(p);
}

int posix_memalign(void **p, size_t align, size_t n) {
  NEXT(posix_memalign);
  return fails() ? ENOMEM : next(p, align, n);
}

void *aligned_alloc(size_t align, size_t n) {
  NEXT(aligned_alloc);
  return fails() ? NULL : next(align, n);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from) {
  NEXT(mmap);
  return fails() ? MAP_FAILED : next(at, n, prot, flags, fd, from);
}

void *mremap(void *at, size_t old, size_t n, int flags, ...) {
  NEXT(mremap);
  va_list more;
  va_start(more, flags);
  void *to = flags & MREMAP_FIXED ? va_arg(more, void *) : NULL;
  va_end(more);
  return fails() ? MAP_FAILED : next(at, old, n, flags, to);
}
