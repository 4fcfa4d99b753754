// Files: the module fileio, and closing and testing for files from io.
//
// A handle is a cell with a descriptor; the system keeps the cursor. What is
// read must be UTF-8, because strings are.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"

typedef struct File {  // CELL_FILE
  CellHeader cell;
  int fd;  // -1: closed
} File;

static void drop_file(CellHeader *c) {
  File *f = (File *)c;
  if (f->fd >= 0) close(f->fd);
  ambi_free(f, sizeof *f);
}

static File *file_of(Value v) {
  return ambi_is_cell_kind(v, CELL_FILE) ? (File *)ambi_cell(v) : NULL;
}

static enum BuiltinStatus failed(Context *cx, const char *what,
                                 const char *why) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s: %s", what, why);
  return B_ERROR;
}

// After a call that failed: was it interrupted, and is the form to go on?
static bool again(Context *cx) {
  return errno == EINTR && ambi_limits_poll(cx);
}

// ---- opening ----------------------------------------------------------------

// A path as the system wants it; NULL for one it could not name.
static const char *path_of(Value v) {
  const char *s = ambi_str_bytes(v);
  return strlen(s) == ambi_str_len(v) ? s : NULL;
}

// r read, w write, a append, c create, t truncate; -1: they do not go together.
static int open_flags(const char *options) {
  bool read = strchr(options, 'r'), write = strchr(options, 'w');
  bool append = strchr(options, 'a');
  bool create = strchr(options, 'c'), truncate = strchr(options, 't');
  if (!read && !write && !append) return -1;
  if ((create && !write && !append) || (truncate && (!write || append)))
    return -1;
  int flags = write || append ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
  return flags | (append ? O_APPEND : 0) | (create ? O_CREAT : 0) |
         (truncate ? O_TRUNC : 0) | O_CLOEXEC;
}

static int open_file(Context *cx, Value path, Value options) {
  const char *name = path_of(path);
  int flags = open_flags(ambi_str_bytes(options));
  if (!name || flags < 0) return -1;
  int fd;
  do {
    fd = open(name, flags, 0666);
  } while (fd < 0 && again(cx));
  return fd;
}

enum BuiltinStatus ambi_b_file_open(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 2 || !ambi_is_str(args[0]) || !ambi_is_str(args[1]))
    return ambi_answer_error(cx, "file-open! expects filepath and options in "
                                 "form of string atoms as an argument");
  File *f = ambi_alloc(sizeof *f);
  if (!f) return ambi_answer_stop(cx);
  f->fd = open_file(cx, args[0], args[1]);
  if (f->fd < 0) {
    ambi_free(f, sizeof *f);
    if (cx->stop) return B_STOP;
    cx->error_reason = AMB_NONE;
    ambi_set_message(cx,
                     "Failed to open file with provided path=%s and options=%s",
                     ambi_str_bytes(args[0]), ambi_str_bytes(args[1]));
    return B_ERROR;
  }
  f->cell.kind = CELL_FILE;
  f->cell.drop = drop_file;
  ambi_runtime_add_cell(cx->rt, &f->cell);
  return ambi_answer(cx, out, ambi_tag_ptr(TAG_CELL, f));
}

enum BuiltinStatus ambi_b_file_close(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  File *f = n < 1 ? NULL : file_of(args[0]);
  if (!f)
    return ambi_answer_error(cx,
                             "file-close! expects filehandle as an argument");
  int fd = f->fd;
  f->fd = -1;  // the system has given it up, whatever close says
  if (fd >= 0 && close(fd) != 0 && errno != EINTR)
    return failed(cx, "Failed to close file", strerror(errno));
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_file_exists(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 1 || !ambi_is_str(args[0]))
    return ambi_answer_error(cx,
                             "file-exists! expects filepath as an argument");
  const char *name = path_of(args[0]);
  return ambi_answer_bool(out, name && access(name, F_OK) == 0);
}

// ---- reading ----------------------------------------------------------------

// Appends up to `limit` bytes. False: the system refuses, see errno, or cx->stop.
static bool read_bytes(Context *cx, int fd, uint64_t limit, Buffer *b) {
  char chunk[1 << 14];
  while (limit > 0 && !b->failed) {
    size_t want = limit < sizeof chunk ? (size_t)limit : sizeof chunk;
    ssize_t got = read(fd, chunk, want);
    if (got < 0 && again(cx)) continue;
    if (got < 0) return false;
    if (got == 0) break;
    ambi_buffer_put(b, chunk, (size_t)got);
    limit -= (uint64_t)got;
  }
  return true;
}

static enum BuiltinStatus read_text(Context *cx, const File *f, uint64_t limit,
                                    const char *failure, Value *out) {
  Buffer b = {0};
  const char *wrong = NULL;
  if (!read_bytes(cx, f->fd, limit, &b))
    wrong = strerror(errno);
  else if (!b.failed && b.len && ambi_utf8_wrong(b.text, b.text + b.len))
    wrong = "the bytes are not valid UTF-8";
  if (!wrong) return ambi_answer_text(cx, out, &b);
  ambi_buffer_drop(&b);
  return cx->stop ? B_STOP : failed(cx, failure, wrong);
}

enum BuiltinStatus ambi_b_file_read_to_string(Context *cx, const Value *args,
                                              unsigned n, Value *out) {
  const File *f = n < 1 ? NULL : file_of(args[0]);
  if (!f)
    return ambi_answer_error(
        cx, "file-read-to-string! expects filehandle as an argument");
  return read_text(cx, f, UINT32_MAX, "Failed to read file contents", out);
}

enum BuiltinStatus ambi_b_file_read_exact(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  const File *f = n < 1 ? NULL : file_of(args[0]);
  int64_t count;
  if (!f || n < 2 || !ambi_num_to_int64(args[1], &count))
    return ambi_answer_error(cx, "file-read-exact! expects filehandle and "
                                 "number of bytes to read (number) as an "
                                 "arguments");
  if (count < 0 || count > UINT32_MAX)
    return ambi_answer_error(cx, "Read exact failed: not a number of bytes");
  return read_text(cx, f, (uint64_t)count, "Read exact failed", out);
}

// ---- writing and moving -----------------------------------------------------

enum BuiltinStatus ambi_b_file_write(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  const File *f = n < 1 ? NULL : file_of(args[0]);
  if (!f || n < 2 || !ambi_is_str(args[1]))
    return ambi_answer_error(cx, "file-write! expects filehandle and content "
                                 "(string atom) as an arguments");
  const char *s = ambi_str_bytes(args[1]);
  size_t left = ambi_str_len(args[1]);
  while (left > 0) {
    ssize_t put = write(f->fd, s, left);
    if (put < 0 && again(cx)) continue;
    if (put < 0)
      return cx->stop ? B_STOP
                      : failed(cx, "Failed to write content to file",
                               strerror(errno));
    s += put;
    left -= (size_t)put;
  }
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_file_seek(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  const File *f = n < 1 ? NULL : file_of(args[0]);
  int64_t place;
  if (!f || n < 2 || !ambi_num_to_int64(args[1], &place))
    return ambi_answer_error(cx, "file-seek! expects filehandle and start byte "
                                 "(number) as an arguments");
  if (lseek(f->fd, (off_t)place, SEEK_SET) < 0)
    return failed(cx, "Seek operation failed", strerror(errno));
  return ambi_answer_unit(out);
}

enum BuiltinStatus ambi_b_file_get_size(Context *cx, const Value *args,
                                        unsigned n, Value *out) {
  const File *f = n < 1 ? NULL : file_of(args[0]);
  if (!f)
    return ambi_answer_error(
        cx, "file-get-size! expects filehandle as an argument");
  struct stat info;
  if (fstat(f->fd, &info) < 0)
    return failed(cx, "Get size failed", strerror(errno));
  return ambi_answer(cx, out, ambi_num_from_int64(cx, info.st_size));
}
