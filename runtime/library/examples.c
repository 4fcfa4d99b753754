// Forms that show a name of the library, from runtime/library/examples/: files with entries
// that begin with a line `;; NAME NAME ..`. A file is about the module that it imports before
// its first entry, or about the core library.
#define _GNU_SOURCE  // memmem
#include <stdbool.h>
#include <string.h>

#include "runtime/library/examples.h"

static const char entry_begin[] = "\n;; ";
static const char import_begin[] = "\n!(import! &self ";

// Where the text is found in a file, at `from` or behind; its end: nowhere.
static size_t find(const EmbeddedFile *f, size_t from, const char *text) {
  const char *at = memmem(f->text + from, f->len - from, text, strlen(text));
  return at ? (size_t)(at - f->text) : f->len;
}

static bool is_of(const EmbeddedFile *f, const char *module) {
  size_t import = find(f, 0, import_begin);
  if (import > find(f, 0, entry_begin)) return strcmp(module, "corelib") == 0;
  const char *name = f->text + import + strlen(import_begin);
  return strncmp(name, module, strlen(module)) == 0 &&
         name[strlen(module)] == ')';
}

// Is the word one of the line?
static bool has_word(const char *line, size_t len, const char *word) {
  size_t n = strlen(word);
  for (size_t at = 0; at < len;) {
    size_t end = at;
    while (end < len && line[end] != ' ')
      end++;
    if (end - at == n && memcmp(line + at, word, n) == 0) return true;
    at = end + 1;
  }
  return false;
}

// The lines of its entry, without the one that it begins with.
static const char *entry_of(const EmbeddedFile *f, const char *name,
                            size_t *len) {
  for (size_t at = find(f, 0, entry_begin); at < f->len;) {
    const char *line = f->text + at + strlen(entry_begin);
    size_t in_line = strcspn(line, "\n");
    size_t begin = (size_t)(line - f->text) + in_line;
    size_t end = find(f, begin, entry_begin);
    if (has_word(line, in_line, name)) {
      begin++;
      while (end > begin && f->text[end - 1] == '\n')
        end--;
      *len = end - begin;
      return f->text + begin;
    }
    at = end;
  }
  return NULL;
}

const char *ambi_example(const char *module, const char *name, size_t *len) {
  for (const EmbeddedFile *f = ambi_examples; f->name; f++) {
    const char *text = is_of(f, module) ? entry_of(f, name, len) : NULL;
    if (text) return text;
  }
  return NULL;
}

// Does the module say just that of the name: (@doc NAME (@desc "..."?
static bool describes(const EmbeddedFile *f, const char *name,
                      const char *description) {
  static const char doc[] = "\n(@doc ", desc[] = "(@desc ";
  size_t n = strlen(name);
  for (size_t at = find(f, 0, doc); at < f->len; at = find(f, at + 1, doc)) {
    size_t word = at + strlen(doc);
    if (f->len - word <= n || memcmp(f->text + word, name, n) != 0 ||
        !strchr(" \n", f->text[word + n]))
      continue;
    size_t said = find(f, word, desc) + strlen(desc), len = strlen(description);
    if (said + len <= f->len && memcmp(f->text + said, description, len) == 0)
      return true;
  }
  return false;
}

const char *ambi_example_of(const char *name, const char *description,
                            size_t *len) {
  for (const EmbeddedFile *f = ambi_embedded; f->name; f++)
    if (describes(f, name, description))
      return ambi_example(f->name, name, len);
  return NULL;
}
