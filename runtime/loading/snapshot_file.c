// A snapshot's file, as it comes into memory: its head, then all of its bytes, hashed on
// the way.
//
// They are read, not mapped. Names get other ids here than where the file was made, so
// mostly all pages would be written to, and copied one by one; huge pages are filled
// faster. And whatever becomes of the file meanwhile, what was checked stays as it was.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/loading/snapshot.h"

enum {
  SNAPSHOT_LEAST = sizeof(SnapshotHead) + sizeof(SnapshotTail),
  PIECES_A_LOOK = 64  // read between two looks at the limits
};

static bool bad(Snapshot *s, const char *why) {
  s->why = why;
  return false;
}

// Bytes of the file from `at` on; how many there are, or -1.
static ssize_t read_at(Context *cx, int fd, char *to, size_t n, size_t at) {
  size_t got = 0;
  while (got < n) {
    ssize_t part = pread(fd, to + got, n - got, (off_t)(at + got));
    if (part < 0 && errno == EINTR && (!cx || ambi_limits_poll(cx))) continue;
    if (part < 0) return -1;
    if (part == 0) break;
    got += (size_t)part;
  }
  return (ssize_t)got;
}

bool ambi_snapshot_is(const char *path) {
  SnapshotHead head;
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read_at(NULL, fd, (char *)&head, sizeof head, 0);
  close(fd);
  return n >= (ssize_t)sizeof head.magic &&
         memcmp(head.magic, SNAPSHOT_MAGIC, sizeof head.magic) == 0;
}

static bool head_is_right(Snapshot *s, uint64_t bytes) {
  const SnapshotHead *h = &s->head;
  if (memcmp(h->magic, SNAPSHOT_MAGIC, sizeof h->magic) != 0)
    return bad(s, "it is no snapshot");
  if (h->order != SNAPSHOT_ORDER)
    return bad(s, "it was made on a machine with another order of bytes");
  if (h->version != SNAPSHOT_VERSION)
    return bad(s, "it was made by another version of the program");
  if (h->bytes > bytes) return bad(s, "its end is missing");
  if (h->bytes < bytes) return bad(s, "there is something behind its end");
  if (h->bytes < SNAPSHOT_LEAST || h->bytes % 8 || h->nwords > UINT32_MAX ||
      h->nwords < STORE_CHUNK_FIRST ||
      h->nwords > (h->bytes - sizeof(SnapshotTail)) / 8 ||
      h->base % SNAPSHOT_CHUNK || h->base > (uint64_t)1 << 46)
    return bad(s, "its head is damaged");
  return true;
}

// ---- pieces -------------------------------------------------------------------------

// Where the piece that begins at a byte ends.
static size_t piece_end(const SnapshotHead *h, size_t at) {
  size_t terms = (size_t)h->nwords * sizeof(Word),
         all = at < terms ? terms : (size_t)h->bytes, n = SNAPSHOT_CHUNK;
  return all - at < n ? all : at + n;
}

static uint64_t hash_piece(uint64_t hash, const char *bytes, size_t at,
                           size_t end) {
  if (at == 0) at = sizeof(SnapshotHead);
  return ambi_snapshot_hash(hash, bytes + at, end - at);
}

static uint64_t hash_head(uint64_t hash, const SnapshotHead *head) {
  SnapshotHead without = *head;
  without.hash = 0;
  return ambi_snapshot_hash(hash, &without, sizeof without);
}

uint64_t ambi_snapshot_hash_file(const SnapshotHead *head, const char *bytes) {
  uint64_t hash = 0;
  for (size_t at = 0, end; at < head->bytes; at = end) {
    end = piece_end(head, at);
    hash = hash_piece(hash, bytes, at, end);
  }
  return hash_head(hash, head);
}

static bool read_pieces(Context *cx, Snapshot *s, int fd) {
  uint64_t hash = 0;
  size_t pieces = 0;
  for (size_t at = 0, end; at < s->head.bytes; at = end) {
    end = piece_end(&s->head, at);
    ssize_t n = read_at(cx, fd, s->map.base + at, end - at, at);
    if (n < 0) return false;
    if ((size_t)n < end - at) return bad(s, "its end is missing");
    hash = hash_piece(hash, s->map.base, at, end);
    if (++pieces % PIECES_A_LOOK == 0 && !ambi_limits_poll(cx)) return false;
  }
  return hash_head(hash, &s->head) == s->head.hash ||
         bad(s, "its hash is not that of its bytes");
}

static bool read_file(Context *cx, Snapshot *s, int fd) {
  struct stat info;
  if (fstat(fd, &info) < 0) return false;
  if (!S_ISREG(info.st_mode)) return bad(s, "it is no snapshot");
  ssize_t n = read_at(cx, fd, (char *)&s->head, sizeof s->head, 0);
  if (n < 0) return false;
  if (n < (ssize_t)sizeof s->head) return bad(s, "it is no snapshot");
  return head_is_right(s, (uint64_t)info.st_size) &&
         ambi_mapping_open(&s->map, (size_t)s->head.bytes,
                           (uintptr_t)s->head.base, SNAPSHOT_CHUNK) &&
         read_pieces(cx, s, fd);
}

// A file that is none, as a pipe, is not waited for.
bool ambi_snapshot_read(Context *cx, Snapshot *s, int *why) {
  int fd;
  do {
    fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR && ambi_limits_poll(cx));
  *why = errno;
  if (fd < 0) return false;
  bool ok = read_file(cx, s, fd);
  *why = errno;
  close(fd);
  return ok;
}
