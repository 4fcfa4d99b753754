// perf-PID.map and jit-PID.dump, see profile.h.
//
// The format of the second is in the kernel's tools/perf/Documentation/
// jitdump-specification.txt. perf finds the file by a page of it that is mapped to be
// executed; nothing is ever run there.
#define _GNU_SOURCE  // gettid
#include "compiler_thread/profile.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "memory/alloc.h"

enum { DUMP_MAGIC = 0x4A695444, DUMP_VERSION = 1, DUMP_LOAD = 0 };

struct Profile {
  enum JitProfile kind;
  int file;
  void *marker;  // the page that perf sees
  size_t page;
  uint64_t added;
};

typedef struct DumpHeader {
  uint32_t magic, version, size, machine, reserved, pid;
  uint64_t time, flags;
} DumpHeader;

typedef struct DumpLoad {
  uint32_t kind, size;
  uint64_t time;
  uint32_t pid, tid;
  uint64_t mapped, at, bytes, index;
} DumpLoad;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// A profile that cannot be written is no reason to stop.
static void put(const Profile *p, struct iovec *parts, int n) {
  ssize_t written = writev(p->file, parts, n);
  (void)written;
}

static bool begin_dump(Profile *p) {
  DumpHeader h = {.magic = DUMP_MAGIC,
                  .version = DUMP_VERSION,
                  .size = sizeof h,
                  .machine = EM_X86_64,
                  .pid = (uint32_t)getpid(),
                  .time = now_ns()};
  struct iovec part = {&h, sizeof h};
  put(p, &part, 1);
  p->page = (size_t)sysconf(_SC_PAGESIZE);
  p->marker =
      mmap(NULL, p->page, PROT_READ | PROT_EXEC, MAP_PRIVATE, p->file, 0);
  return p->marker != MAP_FAILED;
}

Profile *ambi_profile_open(enum JitProfile kind, const char **why) {
  char path[64];
  *why = "out of memory";
  Profile *p = ambi_alloc(sizeof *p);
  if (!p) return NULL;
  snprintf(path, sizeof path,
           kind == PROFILE_MAP ? "/tmp/perf-%ld.map" : "jit-%ld.dump",
           (long)getpid());
  p->kind = kind;
  p->marker = MAP_FAILED;
  p->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                 S_IRUSR | S_IWUSR);
  *why = "the file for perf cannot be written";
  if (p->file >= 0 && (kind == PROFILE_MAP || begin_dump(p))) return p;
  ambi_profile_close(p);
  return NULL;
}

void ambi_profile_close(Profile *p) {
  if (!p) return;
  if (p->marker != MAP_FAILED) munmap(p->marker, p->page);
  if (p->file >= 0) close(p->file);
  ambi_free(p, sizeof *p);
}

static void add_line(const Profile *p, const void *code, size_t bytes,
                     const char *name) {
  char numbers[48];
  int n = snprintf(numbers, sizeof numbers, "%lx %zx ",
                   (unsigned long)(uintptr_t)code, bytes);
  struct iovec parts[] = {{numbers, (size_t)n},
                          {(char *)(uintptr_t)name, strlen(name)},
                          {(char[]){'\n'}, 1}};
  put(p, parts, 3);
}

void ambi_profile_add(Profile *p, const void *code, size_t bytes,
                      const char *name) {
  if (p->kind == PROFILE_MAP) {
    add_line(p, code, bytes, name);
    return;
  }
  size_t length = strlen(name) + 1;
  DumpLoad load = {.kind = DUMP_LOAD,
                   .size = (uint32_t)(sizeof load + length + bytes),
                   .time = now_ns(),
                   .pid = (uint32_t)getpid(),
                   .tid = (uint32_t)gettid(),
                   .mapped = (uint64_t)(uintptr_t)code,
                   .at = (uint64_t)(uintptr_t)code,
                   .bytes = bytes,
                   .index = p->added++};
  struct iovec parts[] = {{&load, sizeof load},
                          {(char *)(uintptr_t)name, length},
                          {(void *)(uintptr_t)code, bytes}};
  put(p, parts, 3);
}
