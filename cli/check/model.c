// What the files of a program define, by name: rules, types, documentation, what words
// stand for. The library is read like any other file; its operations come from the
// runtime's table.
#include <string.h>

#include "cli/check/check.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

// ---- nodes ------------------------------------------------------------------

uint32_t check_child(const CheckFile *f, uint32_t node, uint32_t i) {
  uint32_t at = cli_tree_first(&f->tree, node);
  while (at && i--)
    at = cli_tree_next(&f->tree, at);
  return at;
}

uint32_t check_count(const CheckFile *f, uint32_t node) {
  uint32_t n = 0;
  for (uint32_t at = cli_tree_first(&f->tree, node); at;
       at = cli_tree_next(&f->tree, at))
    n++;
  return n;
}

bool check_reads(const CheckFile *f, uint32_t node, const char *text) {
  return node && cli_tree_is(&f->tree, node, text);
}

bool check_has_head(const CheckFile *f, uint32_t node, const char *head) {
  if (!check_is(f, node, NODE_LIST)) return false;
  uint32_t first = cli_tree_first(&f->tree, node);
  return check_is(f, first, NODE_SYMBOL) && check_reads(f, first, head) &&
         cli_tree_next(&f->tree, first);
}

// ---- names ------------------------------------------------------------------

Name *check_name(Check *c, const char *text, size_t len) {
  uint32_t id;
  size_t before = c->names_cap;
  c->failed = c->failed || !ambi_symbol_intern(c->rt->symbols, text, len, &id);
  if (c->failed) return NULL;
  if (id >= before) {
    c->failed = !ambi_grow((void **)&c->names, &c->names_cap, id + (size_t)1,
                           sizeof(Name *));
    if (c->failed) return NULL;
    memset(c->names + before, 0, (c->names_cap - before) * sizeof(Name *));
  }
  Name *n = c->names[id];
  if (!n) c->names[id] = n = ambi_alloc(sizeof *n);
  if (!n) {
    c->failed = true;
    return NULL;
  }
  n->text = ambi_symbol(c->rt->symbols, id)->text;
  n->len = (uint32_t)len;
  return n;
}

Name *check_name_at(Check *c, const CheckFile *f, uint32_t node) {
  return check_is(f, node, NODE_SYMBOL)
             ? check_name(c, check_text(f, node), check_len(f, node))
             : NULL;
}

bool check_is_known(const Name *n) {
  return n->rules || n->types || n->operation || n->bound.file;
}

static void note(NodeRef *at, const CheckFile *f, uint32_t node) {
  if (!at->file) *at = (NodeRef){f, node};
}

static uint32_t bit_of(uint32_t n) {
  return 1u << (n < ARITY_MANY ? n : ARITY_MANY);
}

// ---- what a file says -------------------------------------------------------

bool check_yields(const char *name) {
  for (const char *const *y = ambi_corelib_yields; *y; y++)
    if (strcmp(*y, name) == 0) return true;
  return false;
}

// (= HEAD BODY): the name is in HEAD, maybe as the head of its head.
static void note_rule(Check *c, const CheckFile *f, uint32_t rule) {
  uint32_t head = check_child(f, rule, 1), outer = head;
  if (check_is(f, head, NODE_VARIABLE)) c->open = c->open || f->own;
  if (!check_is(f, head, NODE_LIST)) return;
  bool nested = false;
  while (check_is(f, head, NODE_LIST)) {
    nested = head != outer;
    outer = head;
    head = cli_tree_first(&f->tree, head);
  }
  if (check_is(f, head, NODE_VARIABLE)) c->open = true;
  Name *n = check_name_at(c, f, head);
  if (!n) return;
  if (f->own && n->library && check_yields(n->text)) {
    n->replaced = true;
    n->library = false;
    n->types = n->rules = n->arities = n->type_arities = 0;
    n->rule = n->type = (NodeRef){0};
  }
  note(&n->rule, f, head);
  n->rules++;
  n->library = n->library || f->library;
  if (nested)
    n->curried = true;
  else
    n->arities |= bit_of(check_count(f, outer) - 1);
}

static void note_type_names(Check *c, const CheckFile *f, uint32_t type) {
  const Node *nodes = f->tree.nodes;
  for (uint32_t i = type; i < f->tree.count && nodes[i].begin < nodes[type].end;
       i++) {
    Name *n = check_name_at(c, f, i);
    if (n) n->type_uses++;
  }
}

// Is the atom added to the program's own space: at the top, or by add-atom?
bool check_is_added(const CheckFile *f, uint32_t node) {
  uint32_t parent = f->tree.nodes[node].parent;
  if (parent)
    return check_has_head(f, parent, "add-atom") &&
           check_reads(f, check_child(f, parent, 1), "&self");
  for (uint32_t at = node - 1; at; at--)
    if (!f->tree.nodes[at].parent && check_kind(f, at) != NODE_COMMENT)
      return check_kind(f, at) != NODE_BANG;
  return true;
}

static void note_type(Check *c, const CheckFile *f, uint32_t declaration) {
  uint32_t what = check_child(f, declaration, 1);
  uint32_t type = check_child(f, declaration, 2);
  Name *n = check_name_at(c, f, what);
  if (type && check_is_added(f, declaration)) note_type_names(c, f, type);
  if (!n || !type || !check_is_added(f, declaration)) return;
  note(&n->type, f, type);
  n->types++;
  n->library = n->library || f->library;
  uint32_t count = check_count(f, type);
  if (check_has_head(f, type, "->") && count > 1)
    n->type_arities |= bit_of(count - 2);
  else
    n->plain_type = true;
}

// What add-atom adds may be a rule that is not written anywhere.
static void note_addition(Check *c, const CheckFile *f, uint32_t call) {
  uint32_t what = check_child(f, call, 2);
  if (check_is(f, what, NODE_VARIABLE)) c->open = true;
  if (check_is(f, what, NODE_LIST) &&
      !check_is(f, cli_tree_first(&f->tree, what), NODE_SYMBOL))
    c->open = true;
}

static void note_binding(Check *c, const CheckFile *f, uint32_t call) {
  Name *n = check_name_at(c, f, check_child(f, call, 1));
  if (n) note(&n->bound, f, check_child(f, call, 1));
}

static void note_list(Check *c, const CheckFile *f, uint32_t node) {
  static const char *const opens[] = {
      "add-atoms",     "add-reduct",  "add-reducts",      "load-space!",
      "import-table!", "git-module!", "register-module!", NULL};
  if (check_has_head(f, node, "=")) {
    note_rule(c, f, node);
  } else if (check_has_head(f, node, ":")) {
    note_type(c, f, node);
  } else if (check_has_head(f, node, "@doc")) {
    Name *n = check_name_at(c, f, check_child(f, node, 1));
    if (n) note(&n->doc, f, node);
  } else if (check_has_head(f, node, "bind!") ||
             check_has_head(f, node, "import!")) {
    note_binding(c, f, node);
  } else if (f->own && check_has_head(f, node, "add-atom")) {
    note_addition(c, f, node);
  }
  for (size_t i = 0; f->own && opens[i]; i++)
    if (check_has_head(f, node, opens[i])) c->open = true;
}

// Is the symbol where it is defined: the name in a rule's head, a declaration, a
// documentation?
static bool defines(const CheckFile *f, uint32_t node) {
  const Node *all = f->tree.nodes;
  uint32_t list = all[node].parent;
  if (!list) return false;
  if (check_child(f, list, 1) == node)
    return check_has_head(f, list, ":") || check_has_head(f, list, "@doc") ||
           check_has_head(f, list, "=");
  while (list && cli_tree_first(&f->tree, list) == node) {
    node = list;
    list = all[node].parent;
  }
  return list && check_child(f, list, 1) == node &&
         check_has_head(f, list, "=");
}

void check_model_add(Check *c, CheckFile *f) {
  for (uint32_t i = 1; i < f->tree.count; i++) {
    if (check_kind(f, i) == NODE_LIST) note_list(c, f, i);
    if (f->library || check_kind(f, i) != NODE_SYMBOL) continue;
    Name *n = check_name_at(c, f, i);
    if (n) n->uses += !defines(f, i);
  }
  bool bang = false;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    if (check_kind(f, at) == NODE_COMMENT) continue;
    Name *n = check_is(f, at, NODE_LIST) && !bang && !f->library
                  ? check_name_at(c, f, cli_tree_first(&f->tree, at))
                  : NULL;
    if (n) n->facts++;
    bang = check_kind(f, at) == NODE_BANG;
  }
}

// ---- the library ------------------------------------------------------------

// Declarations of all operations of a module, as text.
static bool add_operations(Check *c, const char *module) {
  Buffer b = {0};
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    const Builtin *row = &ambi_builtins[op];
    if (strcmp(row->module, module) != 0) continue;
    Name *n = check_name(c, row->name, strlen(row->name));
    if (!n) break;
    n->library = n->operation = true;
    n->effects = (row->effects & (E_EFFECTS)) != 0;
    n->counted = true;
    n->min_args = row->min_args;
    n->max_args = row->max_args;
    if (!*row->type) continue;
    ambi_buffer_puts(&b, "(: ");
    ambi_buffer_puts(&b, row->name);
    ambi_buffer_puts(&b, " ");
    ambi_buffer_puts(&b, row->type);
    ambi_buffer_puts(&b, ")\n");
  }
  CheckFile *f = NULL;
  c->failed = c->failed || b.failed;
  if (!b.failed && b.text)
    f = check_add(c, "<operations>", b.text, b.len, false);
  if (f) {
    f->library = true;
    f->loaded = (FileText){b.text, b.len, b.cap};
    check_model_add(c, f);
  } else {
    ambi_buffer_drop(&b);
  }
  return !c->failed;
}

// False: there is no such module.
static bool import_library(Check *c, const char *name) {
  for (const EmbeddedFile *e = ambi_embedded; e->name; e++) {
    if (strcmp(e->name, name) != 0) continue;
    CheckFile *f = check_add(c, e->name, e->text, e->len, false);
    if (!f) return false;
    f->library = true;
    check_model_add(c, f);
    return add_operations(c, strcmp(name, "corelib") == 0 ? "" : name);
  }
  return false;
}

bool check_model_open(Check *c) {
  static const char *const words[] = {
      "True", "False", "PI", "EXP", "&self", "Empty", "NotReducible", "Error"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    Name *n = check_name(c, words[i], strlen(words[i]));
    if (n) n->library = n->operation = true;
    if (n) n->max_args = -1;
  }
  return import_library(c, "corelib");
}

// ---- modules that a file imports --------------------------------------------

static bool is_loaded(const Check *c, const char *name) {
  for (size_t i = 0; i < c->nfiles; i++)
    if (strcmp(c->files[i]->shown.name, name) == 0) return true;
  return false;
}

// Where the runtime would find it, seen from the file.
static bool load_module(Check *c, const CheckFile *f, const char *name) {
  const char *slash = strrchr(f->shown.name, '/');
  size_t len = slash ? (size_t)(slash - f->shown.name) : 0;
  char *dir = slash ? ambi_text_copy(f->shown.name, len ? len : 1) : NULL;
  Module *top = ambi_module_top(c->rt);
  ModuleSource source = {0};
  bool found = false;
  if (ambi_module_set_dir(top, dir)) {
    enum ModuleFound how =
        ambi_module_is_path(name)
            ? ambi_module_find_path(c->cx, top, name, &source)
            : ambi_module_find(c->cx, top, name, &source);
    found = how == MODULE_FOUND;
  }
  if (found && source.file && !is_loaded(c, source.file)) {
    CheckFile *m = check_load(c, source.file, false);
    if (m) check_model_add(c, m);
  }
  if (found) ambi_module_source_drop(&source);
  ambi_text_free(dir);
  return found;
}

static void import_text(Check *c, const CheckFile *f, uint32_t node) {
  char name[128];
  size_t len = check_len(f, node);
  if (len >= sizeof name || !check_is(f, node, NODE_SYMBOL)) {
    c->open = true;
    return;
  }
  memcpy(name, check_text(f, node), len);
  name[len] = 0;
  if (is_loaded(c, name)) return;
  if (import_library(c, name)) {
    check_types_import(c, name);
    return;
  }
  bool found = load_module(c, f, name);
  if (found) return;
  bool simple = strpbrk(name, ":/.") == NULL;
  if (simple && !c->open && f->own)
    check_tell(c, f, CHECK_MODULE, node, "there is no module %s here", name);
  c->open = true;
}

void check_imports(Check *c, const CheckFile *f) {
  for (uint32_t i = 1; i < f->tree.count; i++) {
    bool import = check_has_head(f, i, "import!");
    if (!import && !check_has_head(f, i, "include")) continue;
    uint32_t what = check_child(f, i, import ? 2 : 1);
    if (what) import_text(c, f, what);
  }
}
