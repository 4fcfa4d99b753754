// Blocks of machine code in memory that is mapped twice.
//
// Free extents stand in an array by address; first fit keeps the touched part
// small. Room for the extent that a block may become is kept from the moment the
// block is taken, so giving back cannot fail.
#define _GNU_SOURCE  // mremap
#include "compiler_thread/code_memory_data.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "memory/check.h"

enum {
  ALIGNMENT = 16,
  FILLER = 0xCC,    // a trap, on x86
  AHEAD = 1 << 16,  // bytes that the system is asked for at once
  POPULATE = 23     // MADV_POPULATE_WRITE, newer than some systems' headers
};

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

static size_t page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

// ---- the system's part --------------------------------------------------------

static bool membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

// Shared memory without a name, mapped again by mremap: perf looks names of addresses
// up in its map only where no file is mapped.
static const char *map_twice(CodeMemory *m) {
  void *write = mmap(NULL, m->cap, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (write == MAP_FAILED) return "there is no address space for machine code";
  m->write = write;
  void *run = mremap(write, 0, m->cap, MREMAP_MAYMOVE);
  if (run == MAP_FAILED) return "the system maps no memory twice (mremap)";
  m->run = run;
  if (mprotect(run, m->cap, PROT_READ | PROT_EXEC) == 0) return NULL;
  return "the system permits no executable memory";
}

// ---- life ---------------------------------------------------------------------

CodeMemory *ambi_code_memory_open(size_t cap, const char **why) {
  *why = "out of memory";
  if (cap == 0 || cap > PTRDIFF_MAX / 2) cap = page_size();
  CodeMemory *m = ambi_alloc(sizeof *m);
  if (!m) return NULL;
  pthread_mutex_init(&m->lock, NULL);
  m->cap = round_up(cap, page_size());
  m->reuses = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
  if (ambi_grow((void **)&m->extents, &m->extents_cap, 1, sizeof(Extent))) {
    m->extents[m->nextents++] = (Extent){0, m->cap};
    *why = map_twice(m);
    if (!*why) return m;
  }
  ambi_code_memory_close(m);
  return NULL;
}

void ambi_code_memory_close(CodeMemory *m) {
  if (!m) return;
  if (m->write) munmap(m->write, m->cap);
  if (m->run) munmap(m->run, m->cap);
  ambi_alloc_discharge(m->charged);
  pthread_mutex_destroy(&m->lock);
  ambi_free(m->extents, m->extents_cap * sizeof(Extent));
  ambi_free(m, sizeof *m);
}

// ---- extents ------------------------------------------------------------------

static void remove_extent(CodeMemory *m, size_t i) {
  m->nextents--;
  memmove(m->extents + i, m->extents + i + 1,
          (m->nextents - i) * sizeof(Extent));
}

static void insert_extent(CodeMemory *m, size_t i, Extent e) {
  AMB_ASSERT(m->nextents < m->extents_cap);
  memmove(m->extents + i + 1, m->extents + i,
          (m->nextents - i) * sizeof(Extent));
  m->extents[i] = e;
  m->nextents++;
}

// Makes the bytes below `end` count as memory in use. They are asked for all at once:
// to come upon new pages one by one takes as long as to write to them.
static bool charge(CodeMemory *m, size_t end) {
  if (end <= m->charged) return true;
  if (!ambi_alloc_charge(end - m->charged)) return false;
  madvise(m->write + m->charged, end - m->charged, POPULATE);
  m->charged = end;
  return true;
}

// Takes n bytes from extent i.
static bool cut(CodeMemory *m, size_t i, size_t n, size_t *from) {
  Extent *e = &m->extents[i];
  *from = e->from;
  size_t end = round_up(e->from + n, page_size()), more = round_up(end, AHEAD);
  if (more > m->cap) more = m->cap;
  if (!charge(m, more) && !charge(m, end)) return false;
  if (e->from < m->high) m->recycled = true;
  e->from += n;
  e->n -= n;
  if (e->from > m->high) m->high = e->from;
  if (e->n == 0) remove_extent(m, i);
  return true;
}

static bool take(CodeMemory *m, size_t n, size_t *from) {
  if (!ambi_grow((void **)&m->extents, &m->extents_cap, m->nblocks + 2,
                 sizeof(Extent)))
    return false;
  size_t i = 0;
  while (i < m->nextents && m->extents[i].n < n)
    i++;
  if (i == m->nextents || !cut(m, i, n, from)) return false;
  m->nblocks++;
  m->used += n;
  if (m->used > m->peak) m->peak = m->used;
  return true;
}

static void give_back(CodeMemory *m, size_t from, size_t n) {
  size_t i = 0;
  while (i < m->nextents && m->extents[i].from < from)
    i++;
  bool joins_next = i < m->nextents && m->extents[i].from == from + n;
  bool joins_last =
      i > 0 && m->extents[i - 1].from + m->extents[i - 1].n == from;
  AMB_CHECK(i == m->nextents || from + n <= m->extents[i].from);
  AMB_CHECK(i == 0 || m->extents[i - 1].from + m->extents[i - 1].n <= from);
  if (joins_last) {
    m->extents[i - 1].n += n;
    if (!joins_next) return;
    m->extents[i - 1].n += m->extents[i].n;
    remove_extent(m, i);
  } else if (joins_next) {
    m->extents[i].from = from;
    m->extents[i].n += n;
  } else {
    insert_extent(m, i, (Extent){from, n});
  }
}

// ---- looking whether all is well, under the lock ------------------------------

static bool extents_are_valid(const CodeMemory *m, size_t *free,
                              const char **why) {
  size_t end = 0;
  *free = 0;
  for (size_t i = 0; i < m->nextents; i++) {
    Extent e = m->extents[i];
    if (e.n == 0 || e.from > m->cap || e.n > m->cap - e.from)
      return ambi_invalid(why, "free code memory that is not there");
    if (i > 0 && e.from <= end)
      return ambi_invalid(why, "free code memory that is not put together");
    end = e.from + e.n;
    *free += e.n;
  }
  return m->high == m->cap ||
         (end == m->cap && m->extents[m->nextents - 1].from <= m->high) ||
         ambi_invalid(why, "code memory that was never used and is not free");
}

static bool is_valid(const CodeMemory *m, const char **why) {
  size_t free = 0;
  if (m->nextents > m->extents_cap || m->nblocks + 1 > m->extents_cap)
    return ambi_invalid(why, "no room for code memory that comes back");
  if (!extents_are_valid(m, &free, why)) return false;
  if (free + m->used + (m->reuses ? 0 : m->freed) != m->cap)
    return ambi_invalid(why, "code memory is miscounted");
  if (m->high > m->charged || m->charged > m->cap)
    return ambi_invalid(why, "code memory that nobody has counted");
  return ((m->nblocks == 0) == (m->used == 0) && m->used <= m->peak) ||
         ambi_invalid(why, "blocks of code are miscounted");
}

bool ambi_code_memory_is_valid(CodeMemory *m, const char **why) {
  pthread_mutex_lock(&m->lock);
  bool ok = is_valid(m, why);
  pthread_mutex_unlock(&m->lock);
  return ok;
}

static void leave(CodeMemory *m) {
  if (ambi_pace(&m->walked, 64)) AMB_WALK(is_valid(m, &why));
  pthread_mutex_unlock(&m->lock);
}

// ---- blocks -------------------------------------------------------------------

bool ambi_code_take(CodeMemory *m, size_t n, void **run, void **write) {
  if (n == 0 || n > m->cap) return false;
  size_t from;
  pthread_mutex_lock(&m->lock);
  bool taken = take(m, round_up(n, ALIGNMENT), &from);
  leave(m);
  if (!taken) return false;
  *run = m->run + from;
  *write = m->write + from;
  return true;
}

void ambi_code_give_back(CodeMemory *m, void *run, size_t n) {
  size_t from = (size_t)((unsigned char *)run - m->run);
  n = round_up(n, ALIGNMENT);
  AMB_CHECK(from % ALIGNMENT == 0);
  memset(m->write + from, FILLER, n);
  pthread_mutex_lock(&m->lock);
  AMB_CHECK(m->nblocks > 0 && m->used >= n && from + n <= m->high);
  m->nblocks--;
  m->used -= n;
  m->freed += n;
  if (m->reuses) give_back(m, from, n);
  leave(m);
}

void ambi_code_settle(CodeMemory *m) {
  pthread_mutex_lock(&m->lock);
  bool recycled = m->recycled;
  pthread_mutex_unlock(&m->lock);
  if (recycled) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
}

CodeMemoryUse ambi_code_use(const CodeMemory *m) {
  CodeMemory *shared = (CodeMemory *)(uintptr_t)m;  // the lock is not its value
  pthread_mutex_lock(&shared->lock);
  CodeMemoryUse use = {m->cap, m->used, m->peak, m->freed, m->reuses};
  pthread_mutex_unlock(&shared->lock);
  return use;
}

void ambi_code_range(const CodeMemory *m, const void **low, const void **high) {
  *low = m->run;
  *high = m->run + m->cap;
}
