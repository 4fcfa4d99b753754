// Makes reads and writes behave as badly as they may: preloaded, it shortens each to
// SHORT_IO bytes at most and interrupts every SHORT_IO_EINTR-th.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static size_t setting(const char *name, size_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoul(text, NULL, 10) : otherwise;
}

// Sets errno to EINTR when it is time.
static int interrupted(void) {
  static unsigned long calls;
  size_t every = setting("SHORT_IO_EINTR", 3);
  if (every == 0 || __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % every)
    return 0;
  errno = EINTR;
  return 1;
}

static size_t shortened(size_t n) {
  size_t most = setting("SHORT_IO", 1);
  return most && n > most ? most : n;
}

ssize_t read(int fd, void *to, size_t n) {
  ssize_t (*next)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
  return interrupted() ? -1 : next(fd, to, shortened(n));
}

ssize_t write(int fd, const void *from, size_t n) {
  ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  return interrupted() ? -1 : next(fd, from, shortened(n));
}
