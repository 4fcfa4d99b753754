// A check from its files to what was found.
#include "cli/check/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"

static bool no_output(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
  return true;
}

static void no_note(void *arg, const char *text, size_t len) {
  no_output(arg, text, len);
}

bool check_open(Check *c, bool strict) {
  static const Host host = {.write = no_output, .note = no_note};
  *c = (Check){.strict = strict};
  c->rt = ambi_runtime_open(&host, 0);
  if (!c->rt) return false;
  c->cx = ambi_context_open(c->rt);
  if (!c->cx) {
    ambi_runtime_close(c->rt);
    return false;
  }
  Module *top = ambi_module_top(c->rt);
  c->space = top->space;
  c->cx->space = top->space;
  c->cx->module = top;
  ambi_limits_begin(c->cx);
  if (check_model_open(c)) return true;
  check_close(c);
  return false;
}

static void drop_file(CheckFile *f) {
  if (f->tree.nodes) cli_tree_free(&f->tree);
  ambi_file_drop(&f->loaded);
  ambi_text_free(f->name);
  ambi_free(f, sizeof *f);
}

void check_close(Check *c) {
  cli_diagnostics_drop(&c->out);
  for (size_t i = 0; i < c->nfiles; i++)
    drop_file(c->files[i]);
  ambi_free(c->files, c->files_cap * sizeof *c->files);
  for (size_t i = 0; i < c->names_cap; i++)
    if (c->names[i]) ambi_free(c->names[i], sizeof *c->names[i]);
  ambi_free(c->names, c->names_cap * sizeof *c->names);
  ambi_free(c->unknown, c->unknown_cap * sizeof *c->unknown);
  ambi_context_close(c->cx);
  ambi_runtime_close(c->rt);
}

// ---- files ------------------------------------------------------------------

CheckFile *check_add(Check *c, const char *name, const char *text, size_t len,
                     bool own) {
  CheckFile *f = ambi_grow((void **)&c->files, &c->files_cap, c->nfiles + 1,
                           sizeof *c->files)
                     ? ambi_alloc(sizeof *f)
                     : NULL;
  if (f && !cli_tree_read(&f->tree, text ? text : "", len)) {
    ambi_free(f, sizeof *f);
    f = NULL;
  }
  if (!f) {
    c->failed = true;
    return NULL;
  }
  f->shown =
      (DiagnosticText){.name = name, .text = text ? text : "", .len = len};
  f->own = own;
  return c->files[c->nfiles++] = f;
}

CheckFile *check_load(Check *c, const char *path, bool own) {
  FileText text;
  if (!ambi_file_load(path, 0, c->rt, &text)) return NULL;
  char *name = ambi_text_copy(path, strlen(path));
  CheckFile *f = name ? check_add(c, name, text.text, text.len, own) : NULL;
  if (!f) {
    ambi_text_free(name);
    ambi_file_drop(&text);
    errno = ENOMEM;
    return NULL;
  }
  f->name = name;
  f->loaded = text;
  return f;
}

// ---- telling ----------------------------------------------------------------

DiagnosticPlace check_place(const CheckFile *f, uint32_t node) {
  const Node *n = &f->tree.nodes[node];
  return (DiagnosticPlace){&f->shown, n->begin, n->end};
}

CheckShown check_show(const CheckFile *f, uint32_t node) {
  CheckShown s = {""};
  enum { MOST = sizeof s.text - 4 };
  size_t len = node ? check_len(f, node) : 0, n = 0;
  while (n < len && n < MOST && check_text(f, node)[n] != '\n')
    n++;
  bool cut = n < len;
  while (cut && n > 0 && ((unsigned char)check_text(f, node)[n] & 0xC0) == 0x80)
    n--;
  snprintf(s.text, sizeof s.text, "%.*s%s", (int)n,
           node ? check_text(f, node) : "", cut ? "..." : "");
  return s;
}

Diagnostic *check_tell(Check *c, const CheckFile *f, CheckCode code,
                       uint32_t node, const char *format, ...) {
  const CheckRow *row = &check_rows[code];
  if (!f->own || (row->strict && !c->strict)) return NULL;
  char what[256];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return cli_diagnostics_add(&c->out, row->severity, row->code,
                             check_place(f, node), "%s", what);
}

// ---- all --------------------------------------------------------------------

static bool is_whole(const CheckFile *f) {
  for (uint32_t i = 1; i < f->tree.count; i++)
    if (f->tree.nodes[i].fault) return false;
  return true;
}

void check_all(Check *c) {
  size_t mentioned = c->nfiles;
  for (size_t i = 0; i < mentioned; i++)
    if (!c->files[i]->library) check_model_add(c, c->files[i]);
  for (size_t i = 0; i < c->nfiles; i++)  // which may grow
    check_imports(c, c->files[i]);
  if (!check_types_open(c)) c->failed = true;
  for (size_t i = 0; i < c->nfiles && !c->failed; i++) {
    const CheckFile *f = c->files[i];
    if (!f->own) continue;
    check_brackets(c, f);
    if (!is_whole(f)) continue;
    check_rules(c, f);
    check_calls(c, f);
  }
  check_unknown_calls(c);
  check_unused(c);
  cli_diagnostics_sort(&c->out);
  check_suppress(c);
  cli_diagnostics_group(&c->out);
}
