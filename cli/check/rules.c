// Rules and declarations by their shape: what no call can ever find, what is there twice,
// what never ends.
#include <stdlib.h>
#include <string.h>

#include "cli/check/calls.h"
#include "memory/alloc.h"

// ---- atoms up to the names of their variables ---------------------------------

// The atom's text with one blank between its parts and its variables numbered.
static void normal_text(const CheckFile *f, uint32_t node, Buffer *out) {
  const Node *nodes = f->tree.nodes;
  uint32_t vars[64], nvars = 0, open = 0, ends[256];
  for (uint32_t i = node; i < f->tree.count && nodes[i].begin < nodes[node].end;
       i++) {
    while (open && nodes[i].begin >= ends[open - 1]) {
      ambi_buffer_puts(out, ")");
      open--;
    }
    if (nodes[i].kind == NODE_COMMENT) continue;
    ambi_buffer_puts(out, " ");
    if (nodes[i].kind == NODE_LIST) {
      ambi_buffer_puts(out, "(");
      if (open == 256) out->failed = true;
      if (out->failed) return;
      ends[open++] = nodes[i].end;
    } else if (nodes[i].kind == NODE_VARIABLE) {
      uint32_t k = 0;
      while (k < nvars && !(check_len(f, vars[k]) == check_len(f, i) &&
                            memcmp(check_text(f, vars[k]), check_text(f, i),
                                   check_len(f, i)) == 0))
        k++;
      if (k == nvars && nvars < 64) vars[nvars++] = i;
      ambi_buffer_format(out, "$%u", k);
    } else {
      ambi_buffer_put(out, check_text(f, i), check_len(f, i));
    }
  }
  while (open--)
    ambi_buffer_puts(out, ")");
}

static bool are_alike(const CheckFile *f, uint32_t a, uint32_t b) {
  Buffer x = {0}, y = {0};
  normal_text(f, a, &x);
  normal_text(f, b, &y);
  bool same = !x.failed && !y.failed && x.len == y.len &&
              memcmp(x.text, y.text, x.len) == 0;
  ambi_buffer_drop(&x);
  ambi_buffer_drop(&y);
  return same;
}

// ---- one rule -------------------------------------------------------------------

static void check_shape(Check *c, const CheckFile *f, uint32_t rule) {
  uint32_t count = check_count(f, rule);
  if (count == 3) return;
  Diagnostic *d =
      check_tell(c, f, CHECK_RULE_SHAPE, rule, "%s",
                 count < 3 ? "this rule has no body"
                           : "this rule has more than a head and a body");
  cli_diagnostic_expect(d, "(= HEAD BODY)");
}

static void check_shadow(Check *c, const CheckFile *f, uint32_t rule) {
  uint32_t head = check_child(f, rule, 1);
  uint32_t at = check_is(f, head, NODE_LIST) ? check_child(f, head, 0) : 0;
  const Name *n = check_name_at(c, f, at);
  if (!n || !n->library || check_yields(n->text)) return;
  if (n->operation)
    check_tell(c, f, CHECK_DEAD_RULE, at,
               "%s is an operation, so this rule is never used", n->text);
  else if (n->rule.file && n->rule.file->library)
    check_tell(c, f, CHECK_SHADOW, at,
               "the library has rules for %s, to which this one is added",
               n->text);
}

static void check_loop(Check *c, const CheckFile *f, uint32_t rule) {
  uint32_t head = check_child(f, rule, 1), body = check_child(f, rule, 2);
  if (!check_is(f, head, NODE_LIST) || !check_is(f, body, NODE_LIST)) return;
  Buffer x = {0}, y = {0};
  // The same variables, not just as many.
  ambi_buffer_put(&x, check_text(f, head), check_len(f, head));
  ambi_buffer_put(&y, check_text(f, body), check_len(f, body));
  const Name *n = check_name_at(c, f, check_child(f, head, 0));
  if (n && n->rules == 1 && check_count(f, head) > 0 && x.len == y.len &&
      x.len && memcmp(x.text, y.text, x.len) == 0)
    check_tell(c, f, CHECK_LOOP, body, "%s only calls itself", n->text);
  ambi_buffer_drop(&x);
  ambi_buffer_drop(&y);
}

// ---- declarations -----------------------------------------------------------------

static bool is_meta(const CheckFile *f, uint32_t node) {
  static const char *const meta[] = {
      "Atom",   "Symbol", "Variable",  "Expression", "Grounded", "Number",
      "String", "Bool",   "SpaceType", "Type",       NULL};
  for (size_t i = 0; meta[i]; i++)
    if (check_reads(f, node, meta[i])) return true;
  return false;
}

static void check_declaration(Check *c, const CheckFile *f, uint32_t list) {
  uint32_t count = check_count(f, list);
  if (count == 3) return;
  Diagnostic *d = check_tell(c, f, CHECK_TYPE_SHAPE, list,
                             "a declaration has a name and a type");
  if (count > 3 && is_meta(f, check_child(f, list, 2)))
    cli_diagnostic_expect(d, "(: NAME (-> TYPE ... RESULT)) for a function");
  else
    cli_diagnostic_expect(d, "(: NAME TYPE)");
}

// ---- twice ------------------------------------------------------------------------

typedef struct Normal {
  uint32_t node;
  uint64_t hash;
} Normal;

static uint64_t hash_of(const CheckFile *f, uint32_t node) {
  Buffer b = {0};
  normal_text(f, node, &b);
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < b.len; i++)
    h = (h ^ (unsigned char)b.text[i]) * 1099511628211u;
  bool bad = b.failed;
  ambi_buffer_drop(&b);
  return bad ? node : h;
}

static int by_hash(const void *a, const void *b) {
  const Normal *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

static void check_twice(Check *c, const CheckFile *f) {
  Normal *all = NULL;
  size_t n = 0, cap = 0;
  bool bang = false;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    bool defines =
        !bang && (check_has_head(f, at, "=") || check_has_head(f, at, ":"));
    if (check_kind(f, at) != NODE_COMMENT)
      bang = check_kind(f, at) == NODE_BANG;
    if (!defines) continue;
    if (!ambi_grow((void **)&all, &cap, n + 1, sizeof *all)) break;
    all[n++] = (Normal){at, hash_of(f, at)};
  }
  if (n) qsort(all, n, sizeof *all, by_hash);
  for (size_t i = 1; i < n; i++) {
    uint32_t first = all[i - 1].node, again = all[i].node;
    if (all[i].hash != all[i - 1].hash || !are_alike(f, first, again)) continue;
    bool rule = check_has_head(f, again, "=");
    Diagnostic *d =
        check_tell(c, f, rule ? CHECK_DUPLICATE : CHECK_SAME_TYPE, again,
                   "this %s is there twice", rule ? "rule" : "declaration");
    cli_diagnostic_note(d, check_place(f, first), "the first one");
  }
  ambi_free(all, cap * sizeof *all);
}

// ---- branches -----------------------------------------------------------------------

// The branch that has the same pattern and stands before; 0: none.
static uint32_t same_before(const CheckFile *f, const Normal *all, size_t n,
                            uint32_t pattern) {
  uint64_t hash = hash_of(f, pattern);
  for (size_t i = 0; i < n; i++)
    if (all[i].hash == hash &&
        are_alike(f, check_child(f, all[i].node, 0), pattern))
      return all[i].node;
  return 0;
}

static bool has_branches(const CheckFile *f, uint32_t list) {
  uint32_t head = check_child(f, f->tree.nodes[list].parent, 0);
  return check_is(f, list, NODE_LIST) &&
         (check_reads(f, head, "case") || check_reads(f, head, "switch"));
}

// A variable that nothing can have bound before takes everything.
void check_branches(Check *c, const CheckFile *f, uint32_t list) {
  Normal *all = NULL;
  size_t n = 0, cap = 0;
  uint32_t taken = 0;
  for (uint32_t at = has_branches(f, list) ? cli_tree_first(&f->tree, list) : 0;
       at; at = cli_tree_next(&f->tree, at)) {
    if (!check_is(f, at, NODE_LIST) || check_count(f, at) != 2) continue;
    uint32_t pattern = check_child(f, at, 0);
    bool variable = check_is(f, pattern, NODE_VARIABLE);
    uint32_t earlier = variable ? 0 : same_before(f, all, n, pattern);
    // An atom without values is tried as Empty, which a variable does not take.
    if (taken && !check_reads(f, pattern, "Empty")) earlier = taken;
    if (earlier) {
      Diagnostic *d =
          check_tell(c, f, CHECK_BRANCH, at, "this branch is never reached");
      cli_diagnostic_note(d, check_place(f, earlier),
                          "this one takes all that it would");
    }
    const Var *v = variable ? check_var(c, f, pattern) : NULL;
    if (v && v->count == 0 && !taken) taken = at;
    if (!ambi_grow((void **)&all, &cap, n + 1, sizeof *all)) break;
    all[n++] = (Normal){at, hash_of(f, pattern)};
  }
  ambi_free(all, cap * sizeof *all);
}

void check_branch_condition(Check *c, const CheckFile *f, uint32_t list) {
  uint32_t condition = check_child(f, list, 1);
  if (!check_has_head(f, list, "if")) return;
  if (check_reads(f, condition, "True") || check_reads(f, condition, "False"))
    check_tell(c, f, CHECK_CONSTANT, condition, "this condition is always %s",
               check_show(f, condition).text);
}

// ---- what is not evaluated ------------------------------------------------------------

static bool has_variable(const CheckFile *f, uint32_t node) {
  const Node *nodes = f->tree.nodes;
  for (uint32_t i = node; i < f->tree.count && nodes[i].begin < nodes[node].end;
       i++)
    if (nodes[i].kind == NODE_VARIABLE) return true;
  return false;
}

// Calls with effects mean nothing as data, nor do those of a function of the program
// that is called the same way elsewhere.
static void check_no_bang(Check *c, const CheckFile *f, uint32_t top) {
  uint32_t head =
      check_is(f, top, NODE_LIST) ? cli_tree_first(&f->tree, top) : 0;
  const Name *n = check_name_at(c, f, head);
  if (!n || !check_is_known(n)) return;
  uint32_t nargs = check_count(f, top) - 1;
  bool effects = n->operation && n->effects;
  bool named = n->library && (n->text[n->len - 1] == '!' ||
                              strncmp(n->text, "assert", 6) == 0);
  bool called = !n->library && n->rules && !n->types && !has_variable(f, top) &&
                (n->arities >> (nargs < ARITY_MANY ? nargs : ARITY_MANY) & 1) &&
                n->facts == 1;
  if (!effects && !named && !called) return;
  Diagnostic *d = check_tell(c, f, CHECK_NO_BANG, top,
                             "this is added as data, and not evaluated");
  cli_diagnostic_expect(d, "!%s", check_show(f, top).text);
}

// ---- names of types -------------------------------------------------------------------

static void check_type_names(Check *c, const CheckFile *f, uint32_t type) {
  const Node *nodes = f->tree.nodes;
  for (uint32_t i = type; i < f->tree.count && nodes[i].begin < nodes[type].end;
       i++) {
    Name *n = check_name_at(c, f, i);
    if (!n || check_is_known(n) || n->uses > 1 || n->type_uses > 1 ||
        check_reads(f, i, "->"))
      continue;
    const char *near = check_near_type(c, n);
    if (!near) continue;
    Diagnostic *d =
        check_tell(c, f, CHECK_TYPE_NAME, i, "nothing else is a %s", n->text);
    cli_diagnostic_nearest(d, near, strlen(near));
    n->suspect = true;
  }
}

// The type of a function that has no rule, beside a function that has no type.
static void check_lone_type(Check *c, const CheckFile *f, uint32_t list) {
  uint32_t at = check_child(f, list, 1);
  const Name *n = check_name_at(c, f, at);
  if (!n || n->rules || n->library || n->plain_type || n->uses || n->bound.file)
    return;
  const Name *near = check_near_untyped(c, n);
  if (!near) return;
  Diagnostic *d = check_tell(c, f, CHECK_LONE_TYPE, at,
                             "%s has a type, no rule, and no use", n->text);
  cli_diagnostic_nearest(d, near->text, near->len);
  cli_diagnostic_note(d, check_place(near->rule.file, near->rule.node),
                      "%s has rules and no type", near->text);
}

// ---- all ------------------------------------------------------------------------------

void check_rules(Check *c, const CheckFile *f) {
  bool bang = false;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    NodeKind kind = check_kind(f, at);
    if (kind == NODE_COMMENT) continue;
    bool evaluated = bang;
    bang = kind == NODE_BANG;
    if (bang || evaluated) continue;
    if (check_has_head(f, at, "=")) {
      check_shape(c, f, at);
      check_shadow(c, f, at);
      check_loop(c, f, at);
    } else if (check_has_head(f, at, ":")) {
      check_declaration(c, f, at);
      check_type_names(c, f, check_child(f, at, 2));
      check_lone_type(c, f, at);
    } else {
      check_no_bang(c, f, at);
    }
  }
  check_twice(c, f);
}

void check_unused(Check *c) {
  bool evaluates = false;
  for (size_t i = 0; i < c->nfiles; i++)
    for (uint32_t n = 1; c->files[i]->own && n < c->files[i]->tree.count; n++)
      evaluates = evaluates || check_kind(c->files[i], n) == NODE_BANG;
  for (size_t i = 0; i < c->names_cap && evaluates; i++) {
    const Name *n = c->names[i];
    if (!n || !n->rule.file || !n->rule.file->own || n->uses || n->library)
      continue;
    check_tell(c, n->rule.file, CHECK_UNUSED, n->rule.node, "%s is not used",
               n->text);
  }
}
