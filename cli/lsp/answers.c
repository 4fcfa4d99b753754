// What an editor asks about a place in a document, answered from the check's model.
#include <string.h>

#include "cli/diagnostic/json.h"
#include "cli/doc/doc.h"
#include "cli/fmt/fmt.h"
#include "cli/lost.h"
#include "cli/lsp/lsp.h"

enum {  // of the protocol
  KIND_FUNCTION = 3,
  KIND_VARIABLE = 6,
  KIND_VALUE = 12,
  SYMBOL_FUNCTION = 12,
  SYMBOL_CONSTANT = 14
};

// ---- places -----------------------------------------------------------------

// The leaf that the position is in or stands right behind; 0: none.
static uint32_t leaf_at(const Document *d, const json_t *params) {
  const CheckFile *f = d->file;
  size_t byte = lsp_byte(d->text, d->len, json_object_get(params, "position"));
  uint32_t node = cli_tree_at(&f->tree, (uint32_t)byte);
  return check_is(f, node, NODE_SYMBOL) || check_is(f, node, NODE_VARIABLE) ||
                 check_is(f, node, NODE_NUMBER)
             ? node
             : 0;
}

static uint32_t top_of(const CheckFile *f, uint32_t node) {
  while (f->tree.nodes[node].parent)
    node = f->tree.nodes[node].parent;
  return node;
}

static bool same_text(const CheckFile *f, uint32_t a, const CheckFile *g,
                      uint32_t b) {
  return check_len(f, a) == check_len(g, b) &&
         memcmp(check_text(f, a), check_text(g, b), check_len(f, a)) == 0;
}

static json_t *location(const Document *d, NodeRef at) {
  DiagnosticPlace place = check_place(at.file, at.node);
  return lsp_location(d, &place);
}

// ---- diagnostics ------------------------------------------------------------

static json_t *diagnostic(const Document *d, const Diagnostic *it) {
  char message[512];
  snprintf(message, sizeof message, "%s%s%s%s%s%s",
           it->message ? it->message : "", it->expected ? "\nexpected: " : "",
           it->expected ? it->expected : "",
           it->nearest ? "\ndid you mean " : "", it->nearest ? it->nearest : "",
           it->nearest ? "?" : "");
  json_t *o = json_object();
  json_object_set_new(o, "range",
                      lsp_range(d->text, d->len, it->at.begin, it->at.end));
  json_object_set_new(o, "severity",
                      json_integer(it->severity == SEVERITY_ERROR ? 1 : 2));
  json_object_set_new(o, "code", json_string(it->code));
  json_object_set_new(o, "source", json_string("ambit"));
  json_object_set_new(o, "message", cli_json_string(message, strlen(message)));
  json_t *related = json_array();
  for (size_t i = 0; i < it->nnotes; i++)
    if (it->notes[i].at.in)
      json_array_append_new(
          related, json_pack("{s:o,s:s}", "location",
                             lsp_location(d, &it->notes[i].at), "message",
                             it->notes[i].message ? it->notes[i].message : ""));
  json_object_set_new(o, "relatedInformation", related);
  if (it->nearest)
    json_object_set_new(o, "data", json_pack("{s:s}", "nearest", it->nearest));
  return o;
}

json_t *lsp_diagnostics(Document *d) {
  const Check *c = lsp_check(d);
  json_t *all = json_array();
  for (size_t i = 0; c && i < c->out.n; i++)
    json_array_append_new(all, diagnostic(d, &c->out.at[i]));
  return all;
}

// The name that may have been meant, in place of what stands there.
json_t *lsp_actions(Document *d, const json_t *params) {
  const json_t *context = json_object_get(params, "context");
  const json_t *all = json_object_get(context, "diagnostics");
  json_t *actions = json_array(), *it;
  size_t i;
  json_array_foreach((json_t *)(uintptr_t)all, i, it) {
    json_t *range = json_object_get(it, "range");
    const char *name = json_string_value(
        json_object_get(json_object_get(it, "data"), "nearest"));
    if (!name || !range) continue;
    Buffer title = {0};
    ambi_buffer_format(&title, "Replace by %s", name);
    json_t *edit = json_pack("{s:O,s:s}", "range", range, "newText", name);
    json_t *changes = json_object();
    json_object_set_new(changes, d->uri, json_pack("[o]", edit));
    json_array_append_new(actions,
                          json_pack("{s:s,s:s,s:[O],s:{s:o}}", "title",
                                    title.text ? title.text : "Replace", "kind",
                                    "quickfix", "diagnostics", it, "edit",
                                    "changes", changes));
    ambi_buffer_drop(&title);
  }
  return actions;
}

// ---- hover ------------------------------------------------------------------

static void put_node(Buffer *b, const CheckFile *f, uint32_t node) {
  ambi_buffer_put(b, check_text(f, node), check_len(f, node));
}

// A string of a documentation, without its quotes.
static void put_string(Buffer *b, const CheckFile *f, uint32_t node) {
  if (check_is(f, node, NODE_STRING) && check_len(f, node) > 1)
    ambi_buffer_put(b, check_text(f, node) + 1, check_len(f, node) - 2);
}

// (@desc "..."), (@params ((@param "...") ...)), (@return "...")
static void put_doc(Buffer *b, const CheckFile *f, uint32_t doc) {
  for (uint32_t at = check_child(f, doc, 2); at;
       at = cli_tree_next(&f->tree, at)) {
    if (check_has_head(f, at, "@desc")) {
      put_string(b, f, check_child(f, at, 1));
      ambi_buffer_puts(b, "\n\n");
    } else if (check_has_head(f, at, "@params")) {
      uint32_t list = check_child(f, at, 1);
      for (uint32_t p = cli_tree_first(&f->tree, list); p;
           p = cli_tree_next(&f->tree, p)) {
        ambi_buffer_puts(b, "* ");
        put_string(b, f, check_child(f, p, 1));
        ambi_buffer_puts(b, "\n");
      }
      ambi_buffer_puts(b, "\n");
    } else if (check_has_head(f, at, "@return")) {
      ambi_buffer_puts(b, "Returns: ");
      put_string(b, f, check_child(f, at, 1));
      ambi_buffer_puts(b, "\n");
    }
  }
}

static void put_example(Buffer *b, const CheckFile *f, const char *name) {
  size_t len;
  const char *text =
      f->library ? ambi_example(f->shown.name, name, &len) : NULL;
  if (!text) return;
  ambi_buffer_puts(b, "\n```metta\n");
  ambi_buffer_put(b, text, len);
  ambi_buffer_puts(b, "\n```\n");
}

static void put_signature(Buffer *b, const Name *n) {
  if (n->type.file) {
    ambi_buffer_puts(b, "(: ");
    ambi_buffer_put(b, n->text, n->len);
    ambi_buffer_puts(b, " ");
    put_node(b, n->type.file, n->type.node);
    ambi_buffer_puts(b, ")\n");
  } else if (n->rule.file) {
    uint32_t head = n->rule.file->tree.nodes[n->rule.node].parent;
    ambi_buffer_puts(b, "(= ");
    put_node(b, n->rule.file, head);
    ambi_buffer_puts(b, " ...)\n");
  }
}

json_t *lsp_hover(Document *d, const json_t *params) {
  Check *c = lsp_check(d);
  uint32_t node = c ? leaf_at(d, params) : 0;
  const Name *n = c ? check_name_at(c, d->file, node) : NULL;
  if (!n || !check_is_known(n)) return NULL;
  Buffer b = {0};
  ambi_buffer_puts(&b, "```metta\n");
  put_signature(&b, n);
  ambi_buffer_puts(&b, "```\n");
  if (n->rules > 1) ambi_buffer_format(&b, "%u rules\n\n", n->rules);
  if (n->doc.file) put_doc(&b, n->doc.file, n->doc.node);
  if (n->doc.file) put_example(&b, n->doc.file, n->text);
  json_t *text = b.failed ? NULL : cli_json_string(b.text, b.len);
  if (b.failed) cli_lost();
  ambi_buffer_drop(&b);
  const Node *at = &d->file->tree.nodes[node];
  return json_pack("{s:{s:s,s:o},s:o}", "contents", "kind", "markdown", "value",
                   text, "range",
                   lsp_range(d->text, d->len, at->begin, at->end));
}

// ---- completion -------------------------------------------------------------

typedef struct Offer {
  const Document *d;
  json_t *all;
  const char *prefix;
  size_t len;
  size_t begin, end;  // what is replaced
} Offer;

static void offer(Offer *o, const char *text, size_t len, int kind,
                  const char *detail, size_t detail_len) {
  if (len < o->len || memcmp(text, o->prefix, o->len) != 0) return;
  json_t *edit = json_pack("{s:o,s:o}", "range",
                           lsp_range(o->d->text, o->d->len, o->begin, o->end),
                           "newText", cli_json_string(text, len));
  json_t *item = json_pack("{s:o,s:i,s:o}", "label", cli_json_string(text, len),
                           "kind", kind, "textEdit", edit);
  if (detail)
    json_object_set_new(item, "detail", cli_json_string(detail, detail_len));
  json_array_append_new(o->all, item);
}

// Variables of the atom at the top that the position is in.
static void offer_variables(Offer *o, uint32_t near) {
  const CheckFile *f = o->d->file;
  const Node *nodes = f->tree.nodes;
  if (!near) return;
  uint32_t top = top_of(f, near);
  for (uint32_t i = top; i < f->tree.count && nodes[i].begin < nodes[top].end;
       i++) {
    bool new = nodes[i].kind == NODE_VARIABLE &&
               !(nodes[i].begin <= o->begin && nodes[i].end >= o->end);
    for (uint32_t k = top; k < i && new; k++)
      new = !(nodes[k].kind == NODE_VARIABLE && same_text(f, k, f, i));
    if (new)
      offer(o, check_text(f, i), check_len(f, i), KIND_VARIABLE, NULL, 0);
  }
}

static void offer_names(Offer *o, const Check *c) {
  for (size_t i = 0; i < c->names_cap; i++) {
    const Name *n = c->names[i];
    if (!n || !check_is_known(n) || (n->library && *n->text == '_')) continue;
    const CheckFile *f = n->type.file;
    offer(o, n->text, n->len,
          n->rules || n->counted ? KIND_FUNCTION : KIND_VALUE,
          f ? check_text(f, n->type.node) : NULL,
          f ? check_len(f, n->type.node) : 0);
  }
}

json_t *lsp_completion(Document *d, const json_t *params) {
  Check *c = lsp_check(d);
  if (!c) return NULL;
  size_t end = lsp_byte(d->text, d->len, json_object_get(params, "position"));
  size_t begin = end;
  while (begin > 0 && !strchr(" \t\r\n()\";", d->text[begin - 1]))
    begin--;
  Offer o = {d, json_array(), d->text + begin, end - begin, begin, end};
  uint32_t near = cli_tree_at(&d->file->tree, (uint32_t)begin);
  if (o.len == 0 || *o.prefix == '$') offer_variables(&o, near);
  if (o.len == 0 || *o.prefix != '$') offer_names(&o, c);
  return json_pack("{s:b,s:o}", "isIncomplete", 0, "items", o.all);
}

// ---- definition, references -------------------------------------------------

json_t *lsp_definition(Document *d, const json_t *params) {
  Check *c = lsp_check(d);
  uint32_t node = c ? leaf_at(d, params) : 0;
  if (check_is(d->file, node, NODE_VARIABLE)) {
    uint32_t at = top_of(d->file, node);
    while (!(check_is(d->file, at, NODE_VARIABLE) &&
             same_text(d->file, at, d->file, node)))
      at++;
    return location(d, (NodeRef){d->file, at});
  }
  const Name *n = c ? check_name_at(c, d->file, node) : NULL;
  if (!n) return NULL;
  NodeRef at = n->rule.file ? n->rule : n->bound.file ? n->bound : n->type;
  return at.file && !at.file->library ? location(d, at) : NULL;
}

// Is the node where the name is defined: in a rule's head or a declaration?
static bool declares(const CheckFile *f, uint32_t node) {
  uint32_t list = f->tree.nodes[node].parent;
  if (list && check_child(f, list, 1) == node)
    return check_has_head(f, list, ":");
  uint32_t rule = list ? f->tree.nodes[list].parent : 0;
  return rule && cli_tree_first(&f->tree, list) == node &&
         check_child(f, rule, 1) == list && check_has_head(f, rule, "=");
}

json_t *lsp_references(Document *d, const json_t *params) {
  Check *c = lsp_check(d);
  uint32_t node = c ? leaf_at(d, params) : 0;
  json_t *all = json_array();
  if (!node) return all;
  const json_t *context = json_object_get(params, "context");
  const json_t *with = json_object_get(context, "includeDeclaration");
  bool variable = check_is(d->file, node, NODE_VARIABLE);
  uint32_t top = top_of(d->file, node);
  for (size_t i = 0; i < c->nfiles; i++) {
    const CheckFile *f = c->files[i];
    if (f->library || (variable && f != d->file)) continue;
    for (uint32_t k = 1; k < f->tree.count; k++) {
      if (f->tree.nodes[k].kind != d->file->tree.nodes[node].kind ||
          !same_text(f, k, d->file, node))
        continue;
      if (variable && top_of(f, k) != top) continue;
      if (json_is_false(with) && !variable && declares(f, k)) continue;
      json_array_append_new(all, location(d, (NodeRef){f, k}));
    }
  }
  return all;
}

json_t *lsp_symbols(Document *d, const json_t *params) {
  (void)params;
  json_t *all = json_array();
  if (!lsp_check(d)) return all;
  const CheckFile *f = d->file;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    bool rule = check_has_head(f, at, "=");
    if (!rule && !check_has_head(f, at, ":")) continue;
    uint32_t name = check_child(f, at, 1);
    if (rule && check_is(f, name, NODE_LIST))
      name = cli_tree_first(&f->tree, name);
    if (!check_is(f, name, NODE_SYMBOL)) continue;
    const Node *n = &f->tree.nodes[at], *s = &f->tree.nodes[name];
    json_array_append_new(
        all, json_pack("{s:o,s:i,s:o,s:o}", "name",
                       cli_json_string(check_text(f, name), check_len(f, name)),
                       "kind", rule ? SYMBOL_FUNCTION : SYMBOL_CONSTANT,
                       "range", lsp_range(d->text, d->len, n->begin, n->end),
                       "selectionRange",
                       lsp_range(d->text, d->len, s->begin, s->end)));
  }
  return all;
}

// ---- formatting -------------------------------------------------------------

json_t *lsp_formatting(Document *d, const json_t *params) {
  (void)params;
  Tree t;
  Buffer b = {0};
  json_t *edits = json_array();
  if (!cli_tree_read(&t, d->text, d->len)) {
    cli_lost();
    return edits;
  }
  // What cannot be read is left as it is.
  bool laid_out = !cli_tree_fault(&t) && cli_format(&t, CLI_FORMAT_WIDTH, &b);
  if (b.failed) cli_lost();
  if (laid_out && !(b.len == d->len && memcmp(b.text, d->text, b.len) == 0))
    json_array_append_new(
        edits,
        json_pack("{s:o,s:o}", "range", lsp_range(d->text, d->len, 0, d->len),
                  "newText", cli_json_string(b.text ? b.text : "", b.len)));
  cli_tree_free(&t);
  ambi_buffer_drop(&b);
  return edits;
}
