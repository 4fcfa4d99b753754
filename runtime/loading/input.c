// Reading a file through a window that begins at the current row.
#include "runtime/loading/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/alloc.h"

enum { WINDOW = 1 << 18, LEAST = WINDOW / 4 };

static bool no_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

static bool refused(Context *cx, const Input *in) {
  cx->error_reason = AMB_NONE;
  if (cx->stop == STOP_NONE)
    ambi_set_message(cx, "cannot read %s: %s", in->name, strerror(errno));
  return false;
}

// After a call that failed: was it interrupted, and is the form to go on?
static bool again(Context *cx) {
  return errno == EINTR && ambi_limits_poll(cx);
}

bool ambi_input_open(Context *cx, Input *in, const char *name) {
  *in = (Input){.name = name, .line = 1};
  do {
    in->fd = open(name, O_RDONLY | O_CLOEXEC);
  } while (in->fd < 0 && again(cx));
  struct stat info;
  if (in->fd < 0 || fstat(in->fd, &info) < 0) return refused(cx, in);
  if (S_ISREG(info.st_mode)) in->size = (uint64_t)info.st_size;
  return ambi_input_more(cx, in);
}

void ambi_input_close(Input *in) {
  if (in->fd >= 0) close(in->fd);
  ambi_free(in->text, in->cap);
}

bool ambi_input_more(Context *cx, Input *in) {
  in->n -= in->row;
  in->done += in->row;
  if (in->row) memmove(in->text, in->text + in->row, in->n);
  in->row = 0;
  size_t need = in->n + LEAST > WINDOW ? in->n + LEAST : WINDOW;
  if (!ambi_grow((void **)&in->text, &in->cap, need, 1)) return no_memory(cx);
  while (!in->whole && in->n + 1 < in->cap) {
    ssize_t got = read(in->fd, in->text + in->n, in->cap - 1 - in->n);
    if (got < 0 && again(cx)) continue;
    if (got < 0) return refused(cx, in);
    in->whole = got == 0;
    in->n += (size_t)got;
  }
  in->text[in->n] = '\n';
  return true;
}

bool ambi_input_fail(Context *cx, const Input *in, const char *at,
                     const char *format, ...) {
  char what[400];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  uint32_t line = in->line, column = 1;
  for (const char *p = in->text + in->row; p < at; p++) {
    if (*p == '\n') {
      line++;
      column = 1;
    } else if (((unsigned char)*p & 0xC0) != 0x80) {
      column++;
    }
  }
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s:%u:%u: %s", in->name, line, column, what);
  return false;
}
