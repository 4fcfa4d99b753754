// Folders are walked by a list of paths that still have to be looked at.
#include "cli/source/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "memory/alloc.h"
#include "runtime/modules/module.h"

bool cli_path_ends(const char *path, const char *end) {
  size_t len = strlen(path), n = strlen(end);
  return len >= n && strcmp(path + len - n, end) == 0;
}

bool cli_is_program(const char *name) {
  return cli_path_ends(name, ".metta");
}

static bool add(Paths *p, char *path) {
  if (path && ambi_grow((void **)&p->at, &p->cap, p->n + 1, sizeof *p->at)) {
    p->at[p->n++] = path;
    return true;
  }
  ambi_text_free(path);
  errno = ENOMEM;
  return false;
}

void cli_paths_drop(Paths *p) {
  for (size_t i = 0; i < p->n; i++)
    ambi_text_free(p->at[i]);
  ambi_free(p->at, p->cap * sizeof *p->at);
  *p = (Paths){0};
}

// FOLDER/NAME, or NAME in the folder we are in. NULL: memory is out.
static char *below(const char *folder, const char *name) {
  if (strcmp(folder, ".") == 0) return ambi_text_copy(name, strlen(name));
  size_t len = strlen(folder), n = strlen(name);
  while (len > 1 && folder[len - 1] == '/')
    len--;
  char *path = ambi_alloc(len + 1 + n + 1);
  if (!path) return NULL;
  memcpy(path, folder, len);
  path[len] = '/';
  memcpy(path + len + 1, name, n + 1);
  return path;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// Files that are wanted, and folders.
static bool list_folder(const char *folder, PathWanted *wanted, Paths *files,
                        Paths *folders) {
  DIR *dir = opendir(folder);
  if (!dir) return false;
  bool ok = true;
  for (const struct dirent *e; ok && (e = readdir(dir));) {
    struct stat s;
    if (e->d_name[0] == '.') continue;
    char *path = below(folder, e->d_name);
    bool is_folder = path && lstat(path, &s) == 0 && S_ISDIR(s.st_mode);
    if (!path || is_folder || wanted(e->d_name))
      ok = add(is_folder ? folders : files, path);
    else
      ambi_text_free(path);
  }
  int why = errno;
  closedir(dir);
  errno = why;
  return ok;
}

static bool find(Paths *found, const char *path, PathWanted *wanted) {
  struct stat s;
  bool folder = stat(path, &s) == 0 && S_ISDIR(s.st_mode);
  Paths folders = {0};
  char *copy = ambi_text_copy(path, strlen(path));
  if (!folder) return add(found, copy);
  bool ok = add(&folders, copy);
  size_t first = found->n;
  for (size_t i = 0; ok && i < folders.n; i++)
    ok = list_folder(folders.at[i], wanted, found, &folders);
  int why = errno;
  if (found->n > first)
    qsort(found->at + first, found->n - first, sizeof *found->at, by_name);
  cli_paths_drop(&folders);
  errno = why;
  return ok;
}

bool cli_find(Paths *found, const char *path, PathWanted *wanted) {
  if (find(found, path, wanted)) return true;
  cli_complain("cannot read %s: %s", path, strerror(errno));
  return false;
}
