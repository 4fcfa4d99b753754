// Finding candidates, see complete.h.
#define _GNU_SOURCE  // qsort_r
#include "cli/prompt/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/source/tree.h"
#include "memory/alloc.h"

static bool add(Completion *c, const char *text, size_t len) {
  if (!ambi_grow((void **)&c->at, &c->cap, c->n + 1, sizeof *c->at))
    return false;
  size_t at = c->texts.len;
  ambi_buffer_put(&c->texts, text, len);
  ambi_buffer_put(&c->texts, "", 1);
  if (c->texts.failed) return false;
  c->at[c->n++] = at;
  return true;
}

static bool starts(const char *text, const char *start, size_t len) {
  return strncmp(text, start, len) == 0;
}

// ---- commands ---------------------------------------------------------------

static bool add_commands(Completion *c, const char *start, size_t len,
                         const CompletionCommands *commands) {
  for (size_t i = 0; i < commands->n; i++)
    if (starts(commands->names[i], start, len) &&
        !add(c, commands->names[i], strlen(commands->names[i])))
      return false;
  return true;
}

// ---- files ------------------------------------------------------------------

static bool is_folder(const char *folder, size_t folder_len, const char *name) {
  Buffer path = {0};
  struct stat s;
  ambi_buffer_put(&path, folder, folder_len);
  ambi_buffer_puts(&path, name);
  bool is = !path.failed && stat(path.text, &s) == 0 && S_ISDIR(s.st_mode);
  ambi_buffer_drop(&path);
  return is;
}

static bool add_file(Completion *c, const char *folder, size_t folder_len,
                     const char *name) {
  Buffer whole = {0};
  ambi_buffer_put(&whole, folder, folder_len);
  ambi_buffer_puts(&whole, name);
  if (is_folder(folder, folder_len, name)) ambi_buffer_puts(&whole, "/");
  bool ok = !whole.failed && add(c, whole.text, whole.len);
  ambi_buffer_drop(&whole);
  return ok;
}

static bool add_files(Completion *c, const char *start, size_t len) {
  size_t folder = len;
  while (folder && start[folder - 1] != '/')
    folder--;
  char *path = folder ? ambi_text_copy(start, folder) : ambi_text_copy(".", 1);
  DIR *dir = path ? opendir(path) : NULL;
  ambi_text_free(path);
  bool ok = true;
  for (struct dirent *e; dir && ok && (e = readdir(dir));) {
    bool hidden = e->d_name[0] == '.' && len == folder;
    if (!hidden && strcmp(e->d_name, ".") != 0 &&
        strcmp(e->d_name, "..") != 0 &&
        starts(e->d_name, start + folder, len - folder))
      ok = add_file(c, start, folder, e->d_name);
  }
  if (dir) closedir(dir);
  return ok;
}

// ---- words of programs ------------------------------------------------------

static bool have(const Completion *c, const char *text, size_t len) {
  for (size_t i = 0; i < c->n; i++)
    if (strlen(cli_candidate(c, i)) == len &&
        starts(text, cli_candidate(c, i), len))
      return true;
  return false;
}

static bool add_variables(Completion *c, const Tree *t, uint32_t but,
                          const char *start, size_t len) {
  for (uint32_t i = 1; i < t->count; i++) {
    const Node *n = &t->nodes[i];
    size_t size = n->end - n->begin;
    const char *text = t->text + n->begin;
    if (n->kind == NODE_VARIABLE && i != but && size > len &&
        starts(text, start, len) && !have(c, text, size) && !add(c, text, size))
      return false;
  }
  return true;
}

static bool add_names(Completion *c, const Names *names, const char *start,
                      size_t len) {
  size_t first, n = cli_names_with(names, start, len, &first);
  for (size_t i = 0; i < n; i++)
    if (!add(c, names->at[first + i], strlen(names->at[first + i])))
      return false;
  return true;
}

// The word that the text ends with, if it does so in a place where words can stand.
static bool add_words(Completion *c, Typed typed, const Names *names) {
  Tree t;
  if (!cli_tree_read(&t, typed.text, typed.len)) return false;
  bool ok = true;
  const Node *last = &t.nodes[t.count - 1];
  bool touches = t.count > 1 && last->end == typed.len;
  const char *word = typed.text + last->begin;
  size_t len = last->end - last->begin;
  if (touches && last->kind == NODE_VARIABLE) {
    c->word = len;
    ok = add_variables(c, &t, t.count - 1, word, len);
  } else if (touches && last->kind == NODE_SYMBOL) {
    c->word = len;
    ok = add_names(c, names, word, len);
  }
  cli_tree_free(&t);
  return ok;
}

// ---- all --------------------------------------------------------------------

static int by_text(const void *a, const void *b, void *texts) {
  const char *all = texts;
  return strcmp(all + *(const size_t *)a, all + *(const size_t *)b);
}

static bool candidates(Completion *c, Typed typed, const Names *names,
                       const CompletionCommands *commands) {
  if (!typed.len || typed.text[0] != ':') return add_words(c, typed, names);
  const char *name = typed.text + 1;
  size_t len = strcspn(name, " \t\n"), rest = typed.len - 1;
  if (len >= rest) {
    c->word = rest;
    return add_commands(c, name, rest, commands);
  }
  Typed behind = {name + len + 1, rest - len - 1};
  while (behind.len && *behind.text == ' ') {
    behind.text++;
    behind.len--;
  }
  if (!commands->takes_file(name, len)) return add_words(c, behind, names);
  c->word = behind.len;
  return add_files(c, behind.text, behind.len);
}

bool cli_complete(Completion *c, Typed typed, const Names *names,
                  const CompletionCommands *commands) {
  *c = (Completion){0};
  if (!candidates(c, typed, names, commands)) {
    cli_completion_drop(c);
    return false;
  }
  if (c->n) qsort_r(c->at, c->n, sizeof *c->at, by_text, c->texts.text);
  return true;
}

size_t cli_complete_common(const Completion *c) {
  if (!c->n) return 0;
  const char *first = cli_candidate(c, 0), *last = cli_candidate(c, c->n - 1);
  size_t n = 0;
  while (first[n] && first[n] == last[n])
    n++;
  while (n && ((unsigned char)first[n] & 0xC0) == 0x80)
    n--;
  return n;
}

void cli_completion_drop(Completion *c) {
  ambi_free(c->at, c->cap * sizeof *c->at);
  ambi_buffer_drop(&c->texts);
  *c = (Completion){0};
}
