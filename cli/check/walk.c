// Which parts of a program are evaluated, and which are data: rules' bodies and what
// stands behind ! are, and their parts as the functions around them take them.
//
// On the way each call is looked at, and each variable is noted with what is done with
// it. The order does not matter, so what is still to be walked lies on a stack.
#include "cli/check/check.h"

#include <string.h>

#include "cli/check/calls.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

typedef enum Role {
  ROLE_EVALUATED = 'e',
  ROLE_RESULT = 'r',
  ROLE_DATA = 'd',
  ROLE_PATTERN = 'p',
  ROLE_BINDS = 'v',
  ROLE_LIST = 'l',
  ROLE_PAIRS = 'b',
  ROLE_CASES = 'c'
} Role;

static const struct {
  const char *name, *roles;
} forms[] = {
#define FORM(name, roles) {name, roles},
#include "cli/check/forms.def"
};

typedef struct Todo {
  uint32_t node;
  Role role;
  bool strict;       // a variable there needs a value
  NodeRef expected;  // the type of what it gives
  const char *need;  // the plain type that is needed there, or NULL
  bool direct;       // see CallPlace
  bool body;
} Todo;

typedef struct Walk {
  Check *c;
  const CheckFile *f;
  bool rule;  // not a form behind !
  Todo *at;
  size_t n, cap;
} Walk;

static void push(Walk *w, Todo t) {
  if (!t.node) return;
  if (!ambi_grow((void **)&w->at, &w->cap, w->n + 1, sizeof *w->at)) {
    w->c->failed = true;
    return;
  }
  w->at[w->n++] = t;
}

// ---- variables --------------------------------------------------------------

Var *check_var(Check *c, const CheckFile *f, uint32_t node) {
  Scope *s = c->scope;
  uint32_t len = check_len(f, node);
  for (size_t i = 0; i < s->n; i++)
    if (s->vars[i].len == len &&
        memcmp(s->vars[i].text, check_text(f, node), len) == 0)
      return &s->vars[i];
  if (!ambi_grow((void **)&s->vars, &s->cap, s->n + 1, sizeof *s->vars)) {
    c->failed = true;
    return NULL;
  }
  Var *v = &s->vars[s->n++];
  *v = (Var){.text = check_text(f, node), .len = len, .first = node};
  return v;
}

static void note_var(Walk *w, uint32_t node, enum VarUse use) {
  Var *v = check_var(w->c, w->f, node);
  if (!v) return;
  v->count++;
  // Where it is used is where something is said about it.
  if (!(v->uses & (VAR_STRICT | VAR_LOOSE)) && use != VAR_BINDS)
    v->first = node;
  v->uses |= use;
}

// All variables of a pattern, or of data; names in it are constructors.
static void note_all(Walk *w, uint32_t node, enum VarUse use) {
  const Node *nodes = w->f->tree.nodes;
  for (uint32_t i = node;
       i < w->f->tree.count && nodes[i].begin < nodes[node].end; i++) {
    if (nodes[i].kind == NODE_VARIABLE) note_var(w, i, use);
    Name *n = check_name_at(w->c, w->f, i);
    if (n && n->text) n->facts++;
  }
}

// ---- roles ------------------------------------------------------------------

static const char *form_of(const Walk *w, uint32_t head) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (check_reads(w->f, head, forms[i].name)) return forms[i].roles;
  return NULL;
}

static bool is_one_of(const CheckFile *f, uint32_t node,
                      const char *const *words) {
  for (size_t i = 0; words[i]; i++)
    if (check_reads(f, node, words[i])) return true;
  return false;
}

// How a parameter of that type takes its argument.
static Role role_of(NodeRef type) {
  static const char *const data[] = {"Atom",     "Expression", "Symbol",
                                     "Variable", "Grounded",   NULL};
  return type.file && is_one_of(type.file, type.node, data) ? ROLE_DATA
                                                            : ROLE_EVALUATED;
}

// Of a name with several types: as the first says, and data where it says nothing.
static Role role_of_several(const Name *n, uint32_t i) {
  uint32_t at = check_child(n->type.file, n->type.node, i + 1);
  return at ? role_of((NodeRef){n->type.file, at}) : ROLE_DATA;
}

static const char *need_of(NodeRef type) {
  static const char *const plain[] = {"Number", "Bool", "String", NULL};
  for (size_t i = 0; type.file && plain[i]; i++)
    if (check_reads(type.file, type.node, plain[i])) return plain[i];
  return NULL;
}

// The type of parameter i, where the name has one function type; i == the number of
// parameters: of the result.
static NodeRef parameter(const Name *n, uint32_t i) {
  if (!n || n->types != 1 || n->plain_type) return (NodeRef){0};
  const CheckFile *f = n->type.file;
  uint32_t at = check_child(f, n->type.node, i + 1);
  return at ? (NodeRef){f, at} : (NodeRef){0};
}

static void walk_arguments(Walk *w, uint32_t list, const Name *n,
                           NodeRef expected) {
  uint32_t head = cli_tree_first(&w->f->tree, list);
  const char *roles = form_of(w, head);
  if (roles && n && n->rule.file && !n->library) roles = NULL;
  uint32_t i = 0, nargs = check_count(w->f, list) - 1;
  bool fits = roles && strlen(roles) == nargs;
  for (uint32_t at = cli_tree_next(&w->f->tree, head); at;
       at = cli_tree_next(&w->f->tree, at), i++) {
    NodeRef type = i < nargs ? parameter(n, i) : (NodeRef){0};
    Role role =
        n && n->types > 1 && i < nargs ? role_of_several(n, i) : role_of(type);
    bool form = roles && *roles;
    if (form) role = (Role)*roles++;
    bool pairs = role == ROLE_PAIRS || role == ROLE_CASES;
    if (pairs && !fits) role = ROLE_DATA;
    // Nothing gives it a value there.
    bool bare = role == ROLE_DATA && n && n->library &&
                check_is(w->f, at, NODE_VARIABLE) && type.file &&
                check_reads(type.file, type.node, "Expression");
    if (bare) role = ROLE_EVALUATED;
    bool result = role == ROLE_RESULT || role == ROLE_CASES;
    const char *need = n && n->library ? need_of(type) : NULL;
    push(w, (Todo){at, role == ROLE_RESULT ? ROLE_EVALUATED : role,
                   bare || (n && n->operation && need),
                   result ? expected : (NodeRef){0}, need_of(type),
                   form || need_of(type), false});
  }
}

// ---- pieces of forms --------------------------------------------------------

// What a let gives its variable, as far as types go.
static void note_let_type(Walk *w, uint32_t pattern, uint32_t value) {
  if (!check_is(w->f, pattern, NODE_VARIABLE)) return;
  enum VarType t = check_value_type(w->c, w->f, value);
  Var *v = check_var(w->c, w->f, pattern);  // which others have moved until now
  if (!v) return;
  v->type = v->type == VAR_ANY && !(v->uses & VAR_BINDS) ? t : VAR_MIXED;
}

static void walk_pairs(Walk *w, uint32_t list, bool values, NodeRef expected) {
  const CheckFile *f = w->f;
  if (!check_is(f, list, NODE_LIST)) {
    if (check_is(f, list, NODE_VARIABLE)) note_var(w, list, VAR_LOOSE);
    return;
  }
  for (uint32_t at = cli_tree_first(&f->tree, list); at;
       at = cli_tree_next(&f->tree, at)) {
    if (!check_is(f, at, NODE_LIST) || check_count(f, at) != 2) {
      if (!check_is(f, at, NODE_VARIABLE))
        check_tell(w->c, f, CHECK_SHAPE, at,
                   "%s is no pair of a pattern and %s", check_show(f, at).text,
                   values ? "a value" : "a result");
      note_all(w, at, VAR_LOOSE | VAR_BINDS);
      continue;
    }
    uint32_t pattern = check_child(f, at, 0), value = check_child(f, at, 1);
    note_all(w, pattern, VAR_BINDS);
    push(w, (Todo){value, ROLE_EVALUATED, false, expected, NULL, true, false});
  }
}

static void walk_items(Walk *w, uint32_t list) {
  if (!check_is(w->f, list, NODE_LIST)) {
    push(w, (Todo){list, ROLE_EVALUATED, false, {0}, NULL, false, false});
    return;
  }
  for (uint32_t at = cli_tree_first(&w->f->tree, list); at;
       at = cli_tree_next(&w->f->tree, at))
    push(w, (Todo){at, ROLE_EVALUATED, false, {0}, NULL, false, false});
}

static void note_pair_types(Walk *w, uint32_t list) {
  for (uint32_t at = cli_tree_first(&w->f->tree, list); at;
       at = cli_tree_next(&w->f->tree, at))
    if (check_is(w->f, at, NODE_LIST) && check_count(w->f, at) == 2)
      note_let_type(w, check_child(w->f, at, 0), check_child(w->f, at, 1));
}

// ---- an atom ----------------------------------------------------------------

static void walk_list(Walk *w, const Todo *t) {
  const CheckFile *f = w->f;
  uint32_t head = cli_tree_first(&f->tree, t->node);
  if (!head) return;
  if (check_has_head(f, t->node, "=") && check_count(f, t->node) == 3 &&
      !t->need) {
    check_rule_inside(w->c, f, t->node);
    return;
  }
  Name *n = check_name_at(w->c, f, head);
  check_call(w->c, f, t->node, n,
             &(CallPlace){t->need, t->direct, t->body, w->rule});
  check_types(w->c, f, t->node, t->expected);
  if (check_has_head(f, t->node, "let"))
    note_let_type(w, check_child(f, t->node, 1), check_child(f, t->node, 2));
  if (check_has_head(f, t->node, "let*") &&
      check_is(f, check_child(f, t->node, 1), NODE_LIST))
    note_pair_types(w, check_child(f, t->node, 1));
  if (!n) push(w, (Todo){head, ROLE_EVALUATED, false, {0}, NULL, false, false});
  walk_arguments(w, t->node, n, t->expected);
}

static void walk_one(Walk *w, const Todo *t) {
  const CheckFile *f = w->f;
  switch (t->role) {
  case ROLE_DATA: note_all(w, t->node, VAR_DATA); return;
  case ROLE_PATTERN:
  case ROLE_BINDS: note_all(w, t->node, VAR_BINDS); return;
  case ROLE_LIST: walk_items(w, t->node); return;
  case ROLE_PAIRS: walk_pairs(w, t->node, true, (NodeRef){0}); return;
  case ROLE_CASES:
    check_branches(w->c, f, t->node);
    walk_pairs(w, t->node, false, t->expected);
    return;
  default: break;
  }
  switch (check_kind(f, t->node)) {
  case NODE_VARIABLE:
    note_var(w, t->node, t->strict ? VAR_STRICT : VAR_LOOSE);
    if (t->expected.file) check_types(w->c, f, t->node, t->expected);
    break;
  case NODE_LIST: walk_list(w, t); break;
  case NODE_SYMBOL:
    check_word(w->c, f, t->node, t->need);
    check_types(w->c, f, t->node, t->expected);
    break;
  default: check_types(w->c, f, t->node, t->expected);
  }
}

static void walk(Check *c, const CheckFile *f, uint32_t node, NodeRef expected,
                 bool rule) {
  Walk w = {.c = c, .f = f, .rule = rule};
  push(&w, (Todo){node, ROLE_EVALUATED, false, expected, NULL, true, rule});
  while (w.n) {
    Todo t = w.at[--w.n];
    walk_one(&w, &t);
  }
  ambi_free(w.at, w.cap * sizeof *w.at);
}

// ---- rules ------------------------------------------------------------------

static enum VarType type_named(NodeRef type) {
  static const char *const plain[] = {"Number", "String", "Bool"};
  for (int i = 0; type.file && i < 3; i++)
    if (check_reads(type.file, type.node, plain[i]))
      return (enum VarType)(VAR_NUMBER + i);
  return VAR_ANY;
}

// Variables that are whole parameters have the parameters' types.
static void type_parameters(Check *c, const CheckFile *f, uint32_t head,
                            const Name *n) {
  uint32_t i = 0;
  for (uint32_t at = check_child(f, head, 1); at;
       at = cli_tree_next(&f->tree, at), i++) {
    enum VarType t = type_named(parameter(n, i));
    Var *v = t && check_is(f, at, NODE_VARIABLE) ? check_var(c, f, at) : NULL;
    if (v) v->type = v->type == VAR_ANY || v->type == t ? t : VAR_MIXED;
  }
}

// (= HEAD BODY), of its own or inside something that is evaluated.
static void walk_rule(Check *c, const CheckFile *f, uint32_t rule) {
  uint32_t head = check_child(f, rule, 1), body = check_child(f, rule, 2);
  Walk w = {.c = c, .f = f};
  Name *n = check_is(f, head, NODE_LIST)
                ? check_name_at(c, f, check_child(f, head, 0))
                : NULL;
  NodeRef result = {0};
  if (n) {
    uint32_t facts = n->facts;
    type_parameters(c, f, head, n);
    note_all(&w, head, VAR_BINDS);
    n = check_name_at(c, f, check_child(f, head, 0));
    if (!n) return;  // memory is out
    n->facts = facts;
    uint32_t nargs = check_count(f, head) - 1;
    if (n->type.file && check_count(n->type.file, n->type.node) == nargs + 2)
      result = parameter(n, nargs);
    if (!n->library) check_types(c, f, head, (NodeRef){0});
  } else if (head) {
    note_all(&w, head, VAR_BINDS);
  }
  if (body) walk(c, f, body, result, true);
}

void check_rule_inside(Check *c, const CheckFile *f, uint32_t rule) {
  walk_rule(c, f, rule);
}

// Rules that are added as data, as by add-atom: found wherever they are.
static void walk_inner_rules(Check *c, const CheckFile *f, uint32_t top) {
  const Node *nodes = f->tree.nodes;
  for (uint32_t i = top; i < f->tree.count && nodes[i].begin < nodes[top].end;
       i++)
    if (check_has_head(f, nodes[i].parent, "add-atom") &&
        check_has_head(f, i, "=") && check_count(f, i) == 3)
      walk_rule(c, f, i);
}

void check_calls(Check *c, const CheckFile *f) {
  bool bang = false;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    NodeKind kind = check_kind(f, at);
    if (kind == NODE_COMMENT || kind == NODE_STRAY) continue;
    if (kind == NODE_BANG) {
      bang = true;
      continue;
    }
    Scope scope = {.file = f};
    c->scope = &scope;
    if (bang)
      walk(c, f, at, (NodeRef){0}, false);
    else if (check_has_head(f, at, "="))
      walk_rule(c, f, at);
    if (bang || check_has_head(f, at, "=")) {
      walk_inner_rules(c, f, at);
      check_variables(c, &scope);
    }
    c->scope = NULL;
    ambi_free(scope.vars, scope.cap * sizeof *scope.vars);
    bang = false;
  }
}
