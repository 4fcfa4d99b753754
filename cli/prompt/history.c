// The file of what was typed, see history.h.
#include "cli/prompt/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/atoms/printer.h"
#include "runtime/modules/module.h"

enum { FILE_MODE = 0600, FOLDER_MODE = 0700, MOST_BYTES = 16 << 20 };

char *cli_history_path(void) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  Buffer b = {0};
  if (state && *state == '/') {
    ambi_buffer_puts(&b, state);
  } else if (home && *home == '/') {
    ambi_buffer_puts(&b, home);
    ambi_buffer_puts(&b, "/.local/state");
  }
  char *path = NULL;
  if (b.len) ambi_buffer_puts(&b, "/ambit/history");
  if (b.len && !b.failed) path = ambi_text_copy(b.text, b.len);
  ambi_buffer_drop(&b);
  return path;
}

static void make_folders(const char *path) {
  char *copy = ambi_text_copy(path, strlen(path));
  for (char *p = copy ? strchr(copy + 1, '/') : NULL; p;
       p = strchr(p + 1, '/')) {
    *p = 0;
    mkdir(copy, FOLDER_MODE);
    *p = '/';
  }
  ambi_text_free(copy);
}

// A line of the file becomes the entry it was, in place.
static void decode(char *line) {
  char *to = line;
  for (const char *from = line; *from; from++) {
    if (*from != '\\' || !from[1])
      *to++ = *from;
    else
      *to++ = *++from == 'n' ? '\n' : *from;
  }
  *to = 0;
}

static void encode(Buffer *b, const char *text) {
  for (; *text; text++) {
    if (*text == '\n')
      ambi_buffer_puts(b, "\\n");
    else if (*text == '\\')
      ambi_buffer_puts(b, "\\\\");
    else
      ambi_buffer_put(b, text, 1);
  }
  ambi_buffer_put(b, "\n", 1);
}

static bool write_whole(int fd, const char *text, size_t len) {
  ssize_t put;
  do
    put = write(fd, text, len);
  while (put < 0 && errno == EINTR);
  return put == (ssize_t)len;
}

// The newest entries take the place of all.
static void cut(const char *path, const char *newest, size_t len) {
  Buffer beside = {0};
  ambi_buffer_puts(&beside, path);
  ambi_buffer_puts(&beside, ".new");
  if (!beside.failed) {
    int fd =
        open(beside.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    bool ok = fd >= 0 && write_whole(fd, newest, len);
    if (fd >= 0) close(fd);
    if (!ok || rename(beside.text, path) != 0) unlink(beside.text);
  }
  ambi_buffer_drop(&beside);
}

static size_t count_lines(const char *text, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++)
    n += text[i] == '\n';
  return n;
}

bool cli_history_load(const char *path, HistoryEntry *entry, void *arg) {
  FileText file = {0};
  make_folders(path);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
  if (fd < 0) return false;
  fchmod(fd, FILE_MODE);  // whoever made it
  bool ok = ambi_file_read(fd, MOST_BYTES, NULL, &file);
  close(fd);
  if (!ok) return false;
  size_t lines = count_lines(file.text, file.len), at = 0;
  for (size_t skip = lines > HISTORY_MOST ? lines - HISTORY_MOST : 0; skip;
       skip--)
    at = (size_t)((char *)memchr(file.text + at, '\n', file.len - at) -
                  file.text) +
         1;
  if (lines > 2 * (size_t)HISTORY_MOST)
    cut(path, file.text + at, file.len - at);
  while (at < file.len) {
    char *end = memchr(file.text + at, '\n', file.len - at);
    if (!end) break;  // a line that somebody is writing
    *end = 0;
    decode(file.text + at);
    entry(arg, file.text + at);
    at = (size_t)(end - file.text) + 1;
  }
  ambi_file_drop(&file);
  return true;
}

bool cli_history_add(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
  if (fd < 0) return false;
  Buffer b = {0};
  encode(&b, text);
  bool ok = !b.failed && write_whole(fd, b.text, b.len);
  ambi_buffer_drop(&b);
  close(fd);
  return ok;
}
