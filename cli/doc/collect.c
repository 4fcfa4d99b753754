// From the tree of a program to what is documented in it.
//
// Documentation stands in (@doc NAME (@desc TEXT) (@params ((@param TEXT)..)) (@return
// TEXT)); a part may also be ((@type T) (@desc TEXT)) in place of its text. Types come from
// (: NAME TYPE), or from the row of a native operation. A comment line `; ---- title ---`
// begins a section.
#include <string.h>

#include "cli/doc/doc.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/modules/module.h"

typedef struct Collect {
  DocModule *m;
  const Tree *t;
} Collect;

// What the buffer holds, to be freed with ambi_text_free; the buffer is dropped.
static char *taken(DocModule *m, Buffer *b) {
  char *text =
      b->failed ? NULL : ambi_text_copy(b->text ? b->text : "", b->len);
  if (!text) m->failed = true;
  ambi_buffer_drop(b);
  return text;
}

static char *line_of(const Collect *c, uint32_t node) {
  Buffer b = {0};
  cli_tree_print(c->t, node, 1000, &b);
  return taken(c->m, &b);
}

static bool has_head(const Tree *t, uint32_t list, const char *head) {
  uint32_t first =
      t->nodes[list].kind == NODE_LIST ? cli_tree_first(t, list) : 0;
  return first && cli_tree_is(t, first, head);
}

// The child list with this head; 0: there is none.
static uint32_t part(const Tree *t, uint32_t list, const char *head) {
  uint32_t i = cli_tree_first(t, list);
  while (i && !has_head(t, i, head))
    i = cli_tree_next(t, i);
  return i;
}

// The text that stands behind the head of the list, also as its (@desc TEXT).
static char *text_of(const Collect *c, uint32_t list) {
  const Tree *t = c->t;
  uint32_t inner = part(t, list, "@desc");
  uint32_t i = cli_tree_first(t, inner ? inner : list);
  i = i ? cli_tree_next(t, i) : 0;
  Buffer b = {0};
  if (i && t->nodes[i].kind == NODE_STRING)
    cli_tree_string(t, i, &b);
  else if (i)
    cli_tree_print(t, i, 1000, &b);
  return taken(c->m, &b);
}

// ---- types ------------------------------------------------------------------------

static const char *type_of_builtin(const char *name) {
  for (int i = 0; i < OP_COUNT; i++)
    if (strcmp(ambi_builtins[i].name, name) == 0)
      return *ambi_builtins[i].type ? ambi_builtins[i].type : NULL;
  return NULL;
}

// All of them, one a line.
static char *types_of(const Collect *c, const char *name) {
  const Tree *t = c->t;
  Buffer b = {0};
  for (uint32_t i = cli_tree_first(t, 0); i; i = cli_tree_next(t, i)) {
    uint32_t colon = has_head(t, i, ":") ? cli_tree_first(t, i) : 0;
    uint32_t subject = colon ? cli_tree_next(t, colon) : 0;
    uint32_t type = subject ? cli_tree_next(t, subject) : 0;
    if (!type || !cli_tree_is(t, subject, name)) continue;
    if (b.len) ambi_buffer_puts(&b, "\n");
    cli_tree_print(t, type, 1000, &b);
  }
  const char *row = b.len ? NULL : type_of_builtin(name);
  if (row) ambi_buffer_puts(&b, row);
  if (b.len || b.failed) return taken(c->m, &b);
  ambi_buffer_drop(&b);
  return NULL;
}

// The types of arguments and result, as the first type of the function says them.
static void add_types(DocModule *m, DocItem *item) {
  Tree t;
  const char *types = item->types;
  if (!types) return;
  if (!cli_tree_read(&t, types, strcspn(types, "\n"))) {
    m->failed = true;
    return;
  }
  Collect c = {m, &t};
  uint32_t arrow =
      t.count > 1 && has_head(&t, 1, "->") ? cli_tree_first(&t, 1) : 0;
  uint32_t i = arrow ? cli_tree_next(&t, arrow) : 0;
  for (size_t n = 0; i; n++, i = cli_tree_next(&t, i)) {
    bool last = !cli_tree_next(&t, i);
    DocPart *p = last                ? &item->result
                 : n < item->nparams ? &item->params[n]
                                     : NULL;
    if (p && p->text && !p->type) p->type = line_of(&c, i);
  }
  cli_tree_free(&t);
}

// ---- items ------------------------------------------------------------------------

static DocPart part_of(const Collect *c, uint32_t list) {
  uint32_t type = part(c->t, list, "@type");
  return (DocPart){.type = type ? text_of(c, type) : NULL,
                   .text = text_of(c, list)};
}

static void add_params(const Collect *c, DocItem *item, uint32_t doc) {
  const Tree *t = c->t;
  uint32_t params = part(t, doc, "@params");
  uint32_t list = params ? cli_tree_next(t, cli_tree_first(t, params)) : 0;
  size_t cap = 0;
  if (!list || t->nodes[list].kind != NODE_LIST) return;
  for (uint32_t i = cli_tree_first(t, list); i; i = cli_tree_next(t, i)) {
    if (!has_head(t, i, "@param")) continue;
    DocPart *p =
        ambi_realloc(item->params, cap * sizeof *p, (cap + 1) * sizeof *p);
    if (!p) {
      c->m->failed = true;
      return;
    }
    item->params = p;
    item->params[cap++] = part_of(c, i);
    item->nparams = cap;
  }
}

static void add_item(const Collect *c, uint32_t doc, char *heading) {
  const Tree *t = c->t;
  DocModule *m = c->m;
  uint32_t name = cli_tree_next(t, cli_tree_first(t, doc));
  if (!name || !ambi_grow((void **)&m->items, &m->cap, m->nitems + 1,
                          sizeof *m->items)) {
    m->failed = m->failed || name;
    ambi_text_free(heading);
    return;
  }
  DocItem item = {.name = line_of(c, name), .heading = heading};
  uint32_t desc = part(t, doc, "@desc"), result = part(t, doc, "@return");
  if (desc) item.text = text_of(c, desc);
  if (result) item.result = part_of(c, result);
  add_params(c, &item, doc);
  if (item.name) item.types = types_of(c, item.name);
  add_types(m, &item);
  m->items[m->nitems++] = item;
}

const DocItem *cli_doc_find(const DocModule *m, const char *name) {
  for (size_t i = 0; i < m->nitems; i++)
    if (m->items[i].name && strcmp(m->items[i].name, name) == 0)
      return &m->items[i];
  return NULL;
}

// ---- the module -------------------------------------------------------------------

// A comment without what begins it.
static const char *words_of(const Tree *t, uint32_t comment, size_t *len) {
  const char *p = t->text + t->nodes[comment].begin;
  const char *end = t->text + t->nodes[comment].end;
  while (p < end && *p == ';')
    p++;
  if (p < end && *p == ' ') p++;
  while (end > p && strchr(" \t\r", end[-1]))
    end--;
  *len = (size_t)(end - p);
  return p;
}

// What `---- title ----` says; NULL: it is none.
static char *heading_of(DocModule *m, const Tree *t, uint32_t comment) {
  size_t len, dashes = 0;
  const char *p = words_of(t, comment, &len);
  while (dashes < len && p[dashes] == '-')
    dashes++;
  if (dashes < 2 || dashes == len || p[dashes] != ' ') return NULL;
  p += dashes + 1;
  len -= dashes + 1;
  while (len && strchr("- ", p[len - 1]))
    len--;
  Buffer b = {0};
  ambi_buffer_put(&b, p, len);
  return taken(m, &b);
}

static bool follows(const Tree *t, uint32_t comment, uint32_t before) {
  Place a = cli_tree_place(t, t->nodes[before].begin);
  return cli_tree_place(t, t->nodes[comment].begin).line == a.line + 1;
}

// The comment at the head of the text.
static void add_opening(const Collect *c) {
  const Tree *t = c->t;
  Buffer b = {0};
  uint32_t last = 0;
  for (uint32_t i = t->nodes[0].child; i && t->nodes[i].kind == NODE_COMMENT;
       last = i, i = t->nodes[i].next) {
    size_t len;
    const char *p = words_of(t, i, &len);
    if (last && !follows(t, i, last)) break;
    if (last) ambi_buffer_puts(&b, "\n");
    ambi_buffer_put(&b, p, len);
  }
  if (last) c->m->text = taken(c->m, &b);
}

static bool is_listed(const char *names, const char *name) {
  size_t len = strlen(name);
  for (const char *p = names; p && (p = strstr(p, name)); p += len)
    if ((p == names || p[-1] == ' ') && (p[len] == ' ' || !p[len])) return true;
  return false;
}

// Names of rules and types that have no documentation; helpers are left out.
static void add_plain(const Collect *c) {
  const Tree *t = c->t;
  Buffer b = {0};
  for (uint32_t i = cli_tree_first(t, 0); i; i = cli_tree_next(t, i)) {
    if (!has_head(t, i, "=") && !has_head(t, i, ":")) continue;
    uint32_t name = cli_tree_next(t, cli_tree_first(t, i));
    if (name && t->nodes[name].kind == NODE_LIST)
      name = cli_tree_first(t, name);
    if (!name || t->nodes[name].kind != NODE_SYMBOL) continue;
    char *text = line_of(c, name);
    if (text && *text != '_' && !cli_doc_find(c->m, text) &&
        !is_listed(b.text, text)) {
      if (b.len) ambi_buffer_puts(&b, " ");
      ambi_buffer_puts(&b, text);
    }
    ambi_text_free(text);
  }
  if (b.len || b.failed) c->m->plain = taken(c->m, &b);
}

void cli_doc_collect(DocModule *m, const char *name, const Tree *t) {
  *m = (DocModule){.name = ambi_text_copy(name, strlen(name))};
  Collect c = {m, t};
  char *heading = NULL;
  add_opening(&c);
  for (uint32_t i = t->nodes[0].child; i; i = t->nodes[i].next) {
    char *title = t->nodes[i].kind == NODE_COMMENT ? heading_of(m, t, i) : NULL;
    if (title) {
      ambi_text_free(heading);
      heading = title;
    } else if (has_head(t, i, "@doc")) {
      add_item(&c, i, heading);
      heading = NULL;
    }
  }
  ambi_text_free(heading);
  add_plain(&c);
  m->failed = m->failed || !m->name;
}

static void drop_part(DocPart *p) {
  ambi_text_free(p->type);
  ambi_text_free(p->text);
}

void cli_doc_drop(DocModule *m) {
  for (size_t i = 0; i < m->nitems; i++) {
    DocItem *item = &m->items[i];
    ambi_text_free(item->name);
    ambi_text_free(item->text);
    ambi_text_free(item->heading);
    ambi_text_free(item->types);
    for (size_t k = 0; k < item->nparams; k++)
      drop_part(&item->params[k]);
    ambi_free(item->params, item->nparams * sizeof *item->params);
    drop_part(&item->result);
  }
  ambi_free(m->items, m->cap * sizeof *m->items);
  ambi_text_free(m->name);
  ambi_text_free(m->text);
  ambi_text_free(m->plain);
  *m = (DocModule){0};
}
