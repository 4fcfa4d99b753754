// Files that the program writes about its run: complete, or as they were before.
//
// What is written goes to a new file beside the one that is meant, which takes its place at
// the end. What is no file, as a terminal or a pipe, is written where it is.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

static bool fail(CliFile *f) {
  cli_complain("cannot write %s: %s", f->path, strerror(errno));
  ambi_text_free(f->beside);
  f->beside = NULL;
  return false;
}

static bool is_special(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && !S_ISREG(s.st_mode);
}

// The mode of the file whose place is taken, or the one that a new file would get.
static mode_t mode_of(const char *path) {
  struct stat s;
  if (stat(path, &s) == 0) return s.st_mode & 0777;
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// A name that nothing has.
static int open_beside(CliFile *f) {
  size_t len = strlen(f->path);
  char *name = ambi_alloc(len + sizeof ".XXXXXX");
  if (!name) {
    errno = ENOMEM;
    return -1;
  }
  memcpy(name, f->path, len);
  memcpy(name + len, ".XXXXXX", sizeof ".XXXXXX");
  f->beside = name;
  int fd = mkstemp(name);
  if (fd >= 0) fchmod(fd, mode_of(f->path));
  return fd;
}

bool cli_file_begin(CliFile *f, const char *path) {
  *f = (CliFile){.path = path};
  int fd = is_special(path) ? open(path, O_WRONLY | O_CLOEXEC) : open_beside(f);
  if (fd < 0) return fail(f);
  f->out = fdopen(fd, "w");
  if (f->out) return true;
  int why = errno;
  close(fd);
  if (f->beside) unlink(f->beside);
  errno = why;
  return fail(f);
}

bool cli_file_may(const char *path) {
  CliFile f;
  if (is_special(path)) return true;
  if (!cli_file_begin(&f, path)) return false;
  fclose(f.out);
  unlink(f.beside);
  ambi_text_free(f.beside);
  return true;
}

bool cli_file_end(CliFile *f) {
  bool ok = !ferror(f->out);
  ok = fclose(f->out) == 0 && ok;
  if (ok && f->beside) ok = rename(f->beside, f->path) == 0;
  if (!ok) {
    int why = errno;
    if (f->beside) unlink(f->beside);
    errno = why;
    return fail(f);
  }
  ambi_text_free(f->beside);
  return true;
}

void cli_json_text(FILE *out, const char *text) {
  fputc('"', out);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(out, "\\%c", *c);
    else if (*c < 0x20 || *c == 0x7F)
      fprintf(out, "\\u%04x", *c);
    else
      fputc(*c, out);
  }
  fputc('"', out);
}
