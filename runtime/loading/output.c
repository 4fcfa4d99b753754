// open, write, fsync, rename.
#include "runtime/loading/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/alloc.h"

static bool refused(Context *cx, const Output *o) {
  cx->error_reason = AMB_NONE;
  if (cx->stop == STOP_NONE)
    ambi_set_message(cx, "cannot write %s: %s", o->path, strerror(errno));
  return false;
}

// After a call that failed: was it interrupted, and is the form to go on?
static bool again(Context *cx) {
  return errno == EINTR && ambi_limits_poll(cx);
}

// Looks at what is to be replaced. What is no file, as a device or a pipe, shall stay, and
// so shall a file that may not be written. *old: it is a file, and *mode says who may read
// and write it; what was kept from others is kept from them again.
static bool may_replace(Context *cx, const Output *o, bool *old, mode_t *mode) {
  struct stat s;
  *mode = 0666;
  *old = stat(o->path, &s) == 0;
  if (!*old) return true;
  *mode = s.st_mode & 0777;
  if (S_ISREG(s.st_mode)) return access(o->path, W_OK) == 0 || refused(cx, o);
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "cannot write %s: it is not a regular file", o->path);
  return false;
}

bool ambi_output_open(Context *cx, Output *o, const char *path) {
  enum { SUFFIX = 40 };
  mode_t mode;
  bool old;
  *o = (Output){.fd = -1, .path = path, .beside_size = strlen(path) + SUFFIX};
  if (!may_replace(cx, o, &old, &mode)) return false;
  o->beside = ambi_alloc(o->beside_size);
  if (!o->beside) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  for (unsigned i = 0; o->fd < 0; i++) {
    snprintf(o->beside, o->beside_size, "%s.%ld-%u.part", path, (long)getpid(),
             i);
    o->fd = open(o->beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (o->fd < 0 && errno != EEXIST && !again(cx)) break;
  }
  if (o->fd < 0) {
    refused(cx, o);
    ambi_output_close(o);
    return false;
  }
  // What the mask left out; where that cannot be done, fewer may read it.
  if (old) (void)!fchmod(o->fd, mode);
  return true;
}

bool ambi_output_write(Context *cx, Output *o, const void *bytes, size_t n) {
  const char *p = bytes;
  while (n > 0) {
    ssize_t put = write(o->fd, p, n);
    if (put < 0 && again(cx)) continue;
    if (put < 0) return refused(cx, o);
    p += put;
    n -= (size_t)put;
  }
  return true;
}

// The name is on the disk when the folder is. Where that cannot be asked for, the system
// writes it when it likes.
static void settle_folder(const Output *o) {
  char *slash = strrchr(o->beside, '/');
  if (slash) slash[slash == o->beside] = 0;
  int fd = open(slash ? o->beside : ".", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

bool ambi_output_finish(Context *cx, Output *o, const void *head, size_t n) {
  if (lseek(o->fd, 0, SEEK_SET) < 0) return refused(cx, o);
  if (!ambi_output_write(cx, o, head, n)) return false;
  while (fsync(o->fd) < 0)
    if (!again(cx)) return refused(cx, o);
  int fd = o->fd;
  o->fd = -1;
  if (close(fd) < 0 && errno != EINTR) {
    refused(cx, o);
    unlink(o->beside);
    return false;
  }
  if (rename(o->beside, o->path) < 0) {
    refused(cx, o);
    unlink(o->beside);
    return false;
  }
  settle_folder(o);
  return true;
}

void ambi_output_close(Output *o) {
  if (o->fd >= 0) {
    close(o->fd);
    unlink(o->beside);
  }
  ambi_free(o->beside, o->beside_size);
  *o = (Output){.fd = -1};
}
