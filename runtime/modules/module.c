// Loading modules: each is a space of its own, filled by running its text once.
//
// Names form a tree; a file reached under a second name becomes an alias. What
// is being loaded is in the tree already, so that its children find it; if
// loading fails, its name and those below it go again.
#include "runtime/modules/module.h"

#include <errno.h>

#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/modules/runner.h"
#include "runtime/types/types.h"

static bool no_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

// ---- the tree of names ------------------------------------------------------

static Module *lookup(const Modules *ms, const char *path, size_t len) {
  for (size_t i = 0; i < ms->nnames; i++) {
    const char *p = ms->names[i].path;
    if (strlen(p) == len && memcmp(p, path, len) == 0)
      return ms->names[i].module;
  }
  return NULL;
}

static bool add_name(Modules *ms, const char *path, Module *m) {
  if (lookup(ms, path, strlen(path))) return true;
  if (!ambi_grow((void **)&ms->names, &ms->names_cap, ms->nnames + 1,
                 sizeof *ms->names))
    return false;
  char *copy = ambi_text_copy(path, strlen(path));
  if (!copy) return false;
  ms->names[ms->nnames++] = (ModuleName){copy, m};
  return true;
}

static bool is_below(const char *path, const char *root) {
  size_t n = strlen(root);
  return strncmp(path, root, n) == 0 && (path[n] == ':' || path[n] == 0);
}

static void remove_names(Modules *ms, const char *root) {
  size_t kept = 0;
  for (size_t i = 0; i < ms->nnames; i++) {
    if (is_below(ms->names[i].path, root))
      ambi_text_free(ms->names[i].path);
    else
      ms->names[kept++] = ms->names[i];
  }
  ms->nnames = kept;
}

static bool is_child(const char *path, const char *parent) {
  size_t n = strlen(parent);
  return strncmp(path, parent, n) == 0 && path[n] == ':' &&
         !strchr(path + n + 1, ':');
}

// The first child of name `parent` at or after row `from`; nnames: none.
static size_t next_child(const Modules *ms, size_t parent, size_t from) {
  const char *root = ms->names[parent].path;
  while (from < ms->nnames && !is_child(ms->names[from].path, root))
    from++;
  return from;
}

static void print_name(const Modules *ms, Buffer *b, size_t row) {
  char id[24];
  snprintf(id, sizeof id, " = %u\n", ms->names[row].module->id);
  ambi_buffer_puts(b, ambi_module_last_name(ms->names[row].path));
  ambi_buffer_puts(b, id);
}

// Walks the tree with the open rows on a stack: `open[i]` is the row at depth
// i, `next[i]` where to look for its next child.
static void print_tree(const Modules *ms, Buffer *b, size_t *open,
                       size_t *next) {
  size_t depth = 0;
  open[0] = 0;
  next[0] = 0;
  print_name(ms, b, 0);
  for (;;) {
    size_t child = next_child(ms, open[depth], next[depth]);
    if (child == ms->nnames) {
      if (depth-- == 0) return;
      continue;
    }
    next[depth] = next_child(ms, open[depth], child + 1);
    for (size_t i = 0; i < depth; i++)
      ambi_buffer_puts(b, next[i] < ms->nnames ? " │ " : "   ");
    ambi_buffer_puts(b, next[depth] < ms->nnames ? " ├─" : " └─");
    print_name(ms, b, child);
    open[++depth] = child;
    next[depth] = 0;
  }
}

void ambi_modules_print(Runtime *rt, Buffer *b) {
  const Modules *ms = rt->modules;
  size_t bytes = 2 * ms->nnames * sizeof(size_t);
  size_t *stack = ambi_alloc(bytes);
  if (!stack) {
    b->failed = true;
    return;
  }
  print_tree(ms, b, stack, stack + ms->nnames);
  ambi_free(stack, bytes);
}

// ---- making modules ---------------------------------------------------------

static void free_module(Module *m) {
  ambi_text_free(m->path);
  ambi_text_free(m->dir);
  ambi_text_free(m->file);
  ambi_pkg_close(m->pkg);
  if (m->tokens) ambi_tokens_close(m->tokens);
  if (m->exported) ambi_tokens_close(m->exported);
  ambi_free(m, sizeof *m);
}

static Space *open_space(Runtime *rt, const char *path) {
  static const char prefix[] = "GroundingSpace-";
  size_t len = strlen(path), size = sizeof prefix + len;
  char *name = ambi_alloc(size);
  if (!name) return NULL;
  memcpy(name, prefix, sizeof prefix - 1);
  memcpy(name + sizeof prefix - 1, path, len);
  Space *s = ambi_space_open(rt, name, true);
  ambi_free(name, size);
  return s;
}

static Module *make_module(Runtime *rt, const char *path) {
  Modules *ms = rt->modules;
  Module *m = ambi_alloc(sizeof *m);
  if (!m) return NULL;
  m->id = (uint32_t)ms->n;
  m->path = ambi_text_copy(path, strlen(path));
  m->space = m->path ? open_space(rt, path) : NULL;
  m->tokens = m->space ? ambi_tokens_open(rt) : NULL;
  const char *error;
  if (!m->tokens ||
      !ambi_tokens_add(m->tokens, "&self", 5, ambi_space_value(m->space),
                       &error) ||
      (ms->corelib && !ambi_module_import(m, ms->corelib)) ||
      !ambi_grow((void **)&ms->all, &ms->cap, ms->n + 1, sizeof *ms->all) ||
      !add_name(ms, path, m)) {
    free_module(m);
    return NULL;
  }
  ms->all[ms->n++] = m;
  return m;
}

bool ambi_module_import(Module *into, Module *m) {
  Space *s = into->space;
  if (into == m || ambi_space_has_dep(s, m->space)) return true;
  ambi_runtime_rules_changed(s->rt);
  if (s->rt->rules_changed) s->rt->rules_changed(s->rt, s, AMB_NONE);
  if (!ambi_space_add_dep(s, m->space)) return false;
  for (size_t i = 0, ndeps = ambi_space_ndeps(m->space); i < ndeps; i++)
    if (ambi_space_dep(m->space, i) != s &&
        !ambi_space_add_dep(s, ambi_space_dep(m->space, i)))
      return false;
  return !m->exported || ambi_tokens_import(into->tokens, m->exported);
}

Module *ambi_module_top(Runtime *rt) {
  return rt->modules->all[0];
}

bool ambi_module_set_dir(Module *m, const char *dir) {
  char *copy = dir ? ambi_text_copy(dir, strlen(dir)) : NULL;
  if (dir && !copy) return false;
  ambi_text_free(m->dir);
  m->dir = copy;
  return true;
}

// ---- running a module's text ------------------------------------------------

typedef struct Load {
  Context *cx;
  const Module *m;  // the module being loaded, NULL for an include
  const char *name;
} Load;

// Tells on the diagnostic channel which form made loading fail; the program
// itself sees only the reason, as an Error of the import.
static bool note_failure(void *arg, const FormReport *r) {
  const Load *load = arg;
  if (!r->is_error || !load->m) return true;
  Host *host = &load->cx->rt->host;
  if (!host->note) return true;
  Buffer b = {0};
  Naming naming = {0};
  char at[48];
  snprintf(at, sizeof at, ":%u:%u: ", r->at.line, r->at.column);
  ambi_buffer_puts(&b, load->name);
  ambi_buffer_puts(&b, at);
  ambi_buffer_puts(&b, "error: module ");
  ambi_buffer_puts(&b, load->m->path);
  ambi_buffer_puts(&b, " was not loaded: ");
  for (size_t i = 0; i < r->n; i++) {
    Value v = ambi_deref(r->results[i]);
    if (!ambi_is_error_atom(v)) continue;
    ambi_print(load->cx->rt, &b, v, &naming);
    break;
  }
  ambi_buffer_puts(&b, "\n");
  if (b.len) host->note(host->arg, b.text, b.len);
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
  return true;
}

// The reason of the first Error among the results becomes cx's.
static void take_reason(Context *cx, const Script *s) {
  for (size_t i = 0; i < s->nlast; i++) {
    if (!ambi_is_error_atom(s->last[i].atom)) continue;
    Value error = ambi_instance(cx, &s->last[i], false);
    if (ambi_is_none(error)) return;
    uint32_t n = ambi_expr_size(error);
    cx->error_reason = ambi_deref(ambi_expr_at(error, n - 1));
    return;
  }
}

static bool take_results(Context *cx, const Script *s) {
  cx->many.n = 0;
  for (size_t i = 0; i < s->nlast; i++) {
    Value v = ambi_instance(cx, &s->last[i], false);
    if (ambi_is_none(v)) return false;
    if (!ambi_vec_push(&cx->many, v)) return no_memory(cx);
  }
  return true;
}

// What a nested script's end means for the form that caused it.
static bool finish_script(Context *cx, Script *s, enum RunStatus status,
                          bool including) {
  switch (status) {
  case RUN_OK: return !including || take_results(cx, s);
  case RUN_ERROR_RESULT:
    if (including) return take_results(cx, s);
    take_reason(cx, s);
    return false;
  case RUN_PARSE:
    ambi_set_message(cx, "%s:%u:%u: %s", s->name, s->error.at.line,
                     s->error.at.column, s->error.message);
    return false;
  default:
    if (cx->stop == STOP_NONE) cx->stop = s->stop;
    return false;
  }
}

static bool may_nest(Context *cx) {
  if (cx->rt->modules->nesting < AMB_MAX_MODULE_NESTING) return true;
  ambi_set_message(cx, "modules load one another more than %d deep",
                   AMB_MAX_MODULE_NESTING);
  return false;
}

// Runs a text in module `m`; including: for its results.
static bool run_text(Context *cx, Module *m, const char *name, const char *text,
                     size_t len, const Snapshot *compiled, bool including) {
  if (!may_nest(cx)) return false;
  Load load = {cx, including ? NULL : m, name};
  Script s = {.rt = cx->rt,
              .module = m,
              .name = name,
              .text = text,
              .len = len,
              .compiled = compiled,
              .on_form = note_failure,
              .arg = &load,
              .parent = cx,
              .keep_last = true};
  enum RunStatus status = ambi_run_script(&s);
  bool ok = finish_script(cx, &s, status, including);
  ambi_script_drop(&s);
  return ok;
}

static bool run_compiled(Context *cx, Module *m, const char *file,
                         bool including) {
  Snapshot s;
  if (!ambi_snapshot_open(cx, &s, file, SNAPSHOT_PROGRAM,
                          ambi_space_value(m->space)))
    return false;
  bool ok = run_text(cx, m, s.title, s.source, (size_t)s.tail.source_bytes, &s,
                     including);
  ambi_snapshot_close(&s);
  return ok;
}

static bool run_file(Context *cx, Module *m, const char *file, bool including) {
  if (ambi_snapshot_is(file)) return run_compiled(cx, m, file, including);
  FileText f;
  if (!ambi_file_load(file, cx->rt->limits.memory, cx->rt, &f)) {
    if (errno == ENOMEM) return no_memory(cx);
    ambi_set_message(cx, "cannot read %s: %s", file, strerror(errno));
    return false;
  }
  bool ok = run_text(cx, m, file, f.text, f.len, NULL, including);
  ambi_file_drop(&f);
  return ok;
}

// ---- loading ----------------------------------------------------------------

// The operations a built-in module brings along. Those of the core library are
// the language's own words and part of every tokenizer.
static bool export_operations(Runtime *rt, Module *m) {
  if (m == rt->modules->corelib || m->exported) return true;
  m->exported = ambi_tokens_open(rt);
  if (!m->exported) return false;
  const char *error;
  for (uint32_t i = 0; i < OP_COUNT; i++) {
    const Builtin *b = &ambi_builtins[i];
    if (strcmp(b->module, m->embedded->name) == 0 &&
        !ambi_tokens_add(m->exported, b->name, strlen(b->name), AMB_OP_ID(i),
                         &error))
      return false;
  }
  return ambi_tokens_import(m->tokens, m->exported);
}

// The modules a module of the image imports, at the head of its text.
static bool import_all(Context *cx, Module *m, const char *const *names) {
  for (; *names; names++) {
    Module *from = ambi_module_load(cx, m, *names);
    if (!from) return false;
    if (!ambi_module_import(m, from)) return no_memory(cx);
  }
  return true;
}

// Does what running the module's text did when the image was made. Goes on where
// it stopped, if memory was out.
static bool load_image(Context *cx, Module *m) {
  Runtime *rt = cx->rt;
  size_t at = (size_t)(m->embedded - ambi_embedded);
  const BootModule *image = &rt->boot->modules[at];
  BootLoaded *b = &rt->booted[at];
  if (!may_nest(cx) || !import_all(cx, m, image->imports)) return false;
  if (!b->terms) b->terms = ambi_store_load(rt->store, &image->terms);
  if (!b->terms) return no_memory(cx);
  ambi_space_evaluates(m->space);
  for (; b->natoms < image->natoms; b->natoms++) {
    Template t =
        ambi_template_of_image(rt->store, b->terms, &image->atoms[b->natoms]);
    if (ambi_space_add_template(m->space, &t)) continue;
    ambi_template_release(rt->store, &t);
    return no_memory(cx);
  }
  ambi_mention_module(rt, m->space, image);
  b->space = m->space;
  b->version = m->space->version;
  return true;
}

// Code that a text of the library holds as data, its own operations evaluate; nobody
// else comes to it.
static bool run_embedded(Context *cx, Module *m) {
  const EmbeddedFile *e = m->embedded;
  unsigned fetched = cx->rt->mentions.fetched;
  bool ok = run_text(cx, m, e->name, e->text, e->len, NULL, false);
  cx->rt->mentions.fetched = fetched;
  return ok;
}

// Fills a module that is in the tree but not loaded.
static bool fill_module(Context *cx, Module *m) {
  m->loading = true;
  bool ok = true;
  const EmbeddedFile *e = m->embedded;
  if (e && !export_operations(cx->rt, m))
    ok = no_memory(cx);
  else if (e)
    ok = cx->rt->boot ? load_image(cx, m) : run_embedded(cx, m);
  else if (m->file)
    ok = run_file(cx, m, m->file, false);
  m->loading = false;
  m->loaded = ok;
  return ok;
}

// A module found in the tree, ready for use by `from`.
static Module *ready(Context *cx, const Module *from, Module *m) {
  if (m->loaded || m == from) return m;
  if (m->loading) {
    ambi_set_message(cx,
                     "module %s is still being loaded (it imports itself "
                     "through another module)",
                     m->path);
    return NULL;
  }
  return fill_module(cx, m) ? m : NULL;
}

static Module *loaded_from(const Modules *ms, const ModuleSource *source) {
  const char *key = source->file ? source->file : source->dir;
  for (size_t i = 0; i < ms->n; i++) {
    Module *m = ms->all[i];
    const char *have = m->file ? m->file : m->dir;
    if ((m->loaded || m->loading) && i > 0 && have && strcmp(have, key) == 0)
      return m;
  }
  return NULL;
}

// Gives the name `path` to the module at `source`, loading it if it is new.
// Takes the source over.
static Module *load_source(Context *cx, const Module *from, const char *path,
                           ModuleSource *source) {
  Runtime *rt = cx->rt;
  Module *m = loaded_from(rt->modules, source);
  if (m) {
    ambi_module_source_drop(source);
    m = ready(cx, from, m);
    if (m && !add_name(rt->modules, path, m)) no_memory(cx);
    return cx->stop == STOP_NONE ? m : NULL;
  }
  m = make_module(rt, path);
  if (!m) {
    ambi_module_source_drop(source);
    no_memory(cx);
    return NULL;
  }
  m->file = source->file;
  m->dir = source->dir;
  m->pkg = source->pkg;
  *source = (ModuleSource){0};
  if (fill_module(cx, m)) return m;
  remove_names(rt->modules, path);
  return NULL;
}

// A module compiled into the program, whatever module asks for it.
static Module *built_in(const Modules *ms, const char *name) {
  for (size_t i = 0; i < ms->nnames; i++)
    if (ms->names[i].module->embedded && is_child(ms->names[i].path, "top") &&
        strcmp(ambi_module_last_name(ms->names[i].path), name) == 0)
      return ms->names[i].module;
  return NULL;
}

// The module called `path`, a child of `parent`.
static Module *load_child(Context *cx, const Module *from, Module *parent,
                          const char *path) {
  const char *name = ambi_module_last_name(path);
  Module *m = built_in(cx->rt->modules, name);
  if (m) {
    m = ready(cx, from, m);
    if (m && !add_name(cx->rt->modules, path, m)) no_memory(cx);
    return cx->stop == STOP_NONE ? m : NULL;
  }
  ModuleSource source;
  switch (ambi_module_find(cx, parent, name, &source)) {
  case MODULE_FOUND: return load_source(cx, from, path, &source);
  case MODULE_NOT_FOUND:
    ambi_set_message(cx, "Failed to resolve module %s", path);
    return NULL;
  default: return NULL;
  }
}

// Walks down an absolute name path, loading parents before children.
static Module *load_absolute(Context *cx, const Module *from, char *path) {
  Modules *ms = cx->rt->modules;
  Module *m = ms->all[0];
  char *colon = strchr(path, ':');
  while (m && colon) {
    Module *parent = m;
    colon = strchr(colon + 1, ':');
    if (colon) *colon = 0;
    m = lookup(ms, path, strlen(path));
    if (!m)
      m = load_child(cx, from, parent, path);
    else if (!colon)
      m = ready(cx, from, m);
    if (colon) *colon = ':';
  }
  return m;
}

// "parent:stem" for a module loaded by its file name; characters that names
// may not have become underscores.
static void put_file_path(Buffer *b, const char *parent,
                          const ModuleSource *source) {
  const char *key = source->file ? source->file : source->dir;
  const char *slash = strrchr(key, '/');
  if (strcmp(slash, "/module.metta") == 0) slash = strrchr(source->dir, '/');
  ambi_buffer_puts(b, parent);
  ambi_buffer_puts(b, ":");
  size_t len = strcspn(slash + 1, "/");
  if (ambi_module_is_file_name(slash + 1)) len -= 6;
  for (size_t i = 1; i <= len; i++) {
    char c = slash[i] == ':' || slash[i] == ' ' ? '_' : slash[i];
    ambi_buffer_put(b, &c, 1);
  }
}

static Module *load_file_name(Context *cx, Module *from, const char *parent,
                              const char *file) {
  ModuleSource source;
  switch (ambi_module_find_path(cx, from, file, &source)) {
  case MODULE_FOUND: break;
  case MODULE_NOT_FOUND:
    ambi_set_message(cx, "Failed to resolve module at path: %s", file);
    return NULL;
  default: return NULL;
  }
  Modules *ms = cx->rt->modules;
  Buffer path = {0};
  put_file_path(&path, parent, &source);
  Module *m = NULL;
  const Module *old = path.failed ? NULL : lookup(ms, path.text, path.len);
  if (path.failed)
    no_memory(cx);
  else if (old && old != loaded_from(ms, &source))
    ambi_set_message(cx, "another module is called %s already", path.text);
  else
    m = load_source(cx, from, path.text, &source);
  ambi_module_source_drop(&source);
  ambi_buffer_drop(&path);
  return m;
}

Module *ambi_module_load(Context *cx, Module *from, const char *name) {
  ambi_set_message(cx, "%s", "");
  cx->error_reason = AMB_NONE;
  if (ambi_module_is_path(name))
    return load_file_name(cx, from, from->path, name);
  char *path = ambi_module_absolute(cx, from, name);
  if (!path) return NULL;
  Module *m = load_absolute(cx, from, path);
  ambi_text_free(path);
  return m;
}

Module *ambi_module_load_path(Context *cx, Module *from, const char *path) {
  ambi_set_message(cx, "%s", "");
  cx->error_reason = AMB_NONE;
  return load_file_name(cx, from, "top", path);
}

// ---- include ----------------------------------------------------------------

static bool include_loaded(Context *cx, Module *into, const Module *m,
                           const char *name) {
  const EmbeddedFile *e = m->embedded;
  if (e) return run_text(cx, into, e->name, e->text, e->len, NULL, true);
  if (m->file) return run_file(cx, into, m->file, true);
  ambi_set_message(cx, "module %s has no text to include", name);
  return false;
}

static bool include_source(Context *cx, Module *into, const char *name,
                           enum ModuleFound found, ModuleSource *source) {
  if (found == MODULE_NOT_FOUND)
    ambi_set_message(cx, "Failed to resolve module %s", name);
  if (found != MODULE_FOUND) return false;
  bool ok = false;
  if (source->file)
    ok = run_file(cx, into, source->file, true);
  else
    ambi_set_message(cx, "module %s has no text to include", name);
  ambi_module_source_drop(source);
  return ok;
}

// Looks for the text of an absolute path; its parents are loaded.
static bool include_absolute(Context *cx, Module *into, const char *name,
                             char *path) {
  Modules *ms = cx->rt->modules;
  const Module *m = lookup(ms, path, strlen(path));
  char *colon = strrchr(path, ':');
  if (!m && colon) m = built_in(ms, colon + 1);
  if (m) return include_loaded(cx, into, m, name);
  ModuleSource source;
  Module *parent = ms->all[0];
  if (colon) {
    *colon = 0;
    parent = load_absolute(cx, into, path);
    *colon = ':';
  }
  if (!parent) return false;
  enum ModuleFound found =
      ambi_module_find(cx, parent, ambi_module_last_name(path), &source);
  return include_source(cx, into, name, found, &source);
}

bool ambi_module_include(Context *cx, Module *into, const char *name) {
  ambi_set_message(cx, "%s", "");
  cx->error_reason = AMB_NONE;
  ModuleSource source;
  if (ambi_module_is_path(name)) {
    enum ModuleFound found = ambi_module_find_path(cx, into, name, &source);
    return include_source(cx, into, name, found, &source);
  }
  char *path = ambi_module_absolute(cx, into, name);
  if (!path) return false;
  bool ok = include_absolute(cx, into, name, path);
  ambi_text_free(path);
  return ok;
}

// ---- the runtime's own modules ----------------------------------------------

static Module *make_built_in(Runtime *rt, const EmbeddedFile *file) {
  char path[64];
  snprintf(path, sizeof path, "top:%s", file->name);
  Module *m = make_module(rt, path);
  if (m) m->embedded = file;
  return m;
}

// Names of the core library that a program's own definitions replace.
static bool register_yields(Runtime *rt) {
  for (const char *const *name = ambi_corelib_yields; *name; name++) {
    uint32_t symbol;
    if (!ambi_symbol_intern(rt->symbols, *name, strlen(*name), &symbol) ||
        !ambi_space_yield(rt->corelib, symbol))
      return false;
  }
  return true;
}

static bool open_corelib(Context *cx, const EmbeddedFile *file) {
  Runtime *rt = cx->rt;
  Module *m = make_built_in(rt, file);
  if (!m) return false;
  rt->corelib = m->space;
  rt->modules->corelib = m;
  if (!fill_module(cx, m) || !register_yields(rt) ||
      !add_name(rt->modules, "top:stdlib", m))
    return false;
  if (rt->boot) rt->booted[rt->boot->core].version = m->space->version;
  return true;
}

static const EmbeddedFile *find_embedded(const char *name) {
  const EmbeddedFile *f = ambi_embedded;
  while (f->name && strcmp(f->name, name) != 0)
    f++;
  return f->name ? f : NULL;
}

static bool open_all(Context *cx) {
  Runtime *rt = cx->rt;
  Module *top = make_module(rt, "top");
  const EmbeddedFile *core = find_embedded("corelib");
  if (!top || !core || !open_corelib(cx, core)) return false;
  top->loaded = true;
  if (!ambi_module_import(top, rt->modules->corelib)) return false;
  for (const EmbeddedFile *f = ambi_embedded; f->name; f++) {
    if (f != core && !make_built_in(rt, f)) return false;
  }
  return true;
}

bool ambi_modules_open(Runtime *rt) {
  rt->modules = ambi_alloc(sizeof *rt->modules);
  if (!rt->modules) return false;
  Context *cx = ambi_context_open(rt);
  bool ok = cx && open_all(cx) && ambi_mentions_open(rt);
  if (cx && !ok && rt->host.note && cx->message[0]) {
    rt->host.note(rt->host.arg, cx->message, strlen(cx->message));
    rt->host.note(rt->host.arg, "\n", 1);
  }
  ambi_context_close(cx);
  return ok;
}

void ambi_modules_close(Runtime *rt) {
  Modules *ms = rt->modules;
  if (!ms) return;
  for (size_t i = 0; i < ms->n; i++)
    free_module(ms->all[i]);
  for (size_t i = 0; i < ms->nnames; i++)
    ambi_text_free(ms->names[i].path);
  ambi_free(ms->all, ms->cap * sizeof *ms->all);
  ambi_free(ms->names, ms->names_cap * sizeof *ms->names);
  ambi_free(ms, sizeof *ms);
  rt->modules = NULL;
}
