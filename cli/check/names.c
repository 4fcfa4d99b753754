// Names that are called or used as values, and are not what they seem to be.
#define _GNU_SOURCE  // memmem
#include "cli/check/calls.h"

#include <ctype.h>
#include <string.h>

#include "cli/near.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

// What people bring from other languages, where it is neither a name of ours nor likely
// to be a name for data.
static const struct {
  const char *name, *here;
} habits[] = {
    {"print", "println!"},
    {"println", "println!"},
    {"printf", "println! with format-args"},
    {"display", "println!"},
    {"!=", "not with =="},
    {"<>", "not with =="},
    {"&&", "and"},
    {"||", "or"},
    {"define", "="},
    {"defun", "="},
    {"lambda", "|->"},
    {"car", "car-atom"},
    {"cdr", "cdr-atom"},
    {"null?", "== ()"},
    {"cond", "case"},
    {"mod", "%"},
    {"sqrt", "sqrt-math"},
    {"pow", "pow-math"},
    {"abs", "abs-math"},
    {"floor", "floor-math"},
    {"progn*", "progn"},
    {"setq", "bind!"},
    {"set!", "change-state!"},
    {"print!", "println!, or print! of the module io"},
};

static uint32_t bit_of(uint32_t n) {
  return 1u << (n < ARITY_MANY ? n : ARITY_MANY);
}

// ---- nearest ----------------------------------------------------------------

// Names in a row differ at their ends: x1 and x2, item and items.
static bool are_in_a_row(const char *a, size_t la, const char *b, size_t lb) {
  if (la > lb && memcmp(a, b, lb) == 0 && isalpha((unsigned char)a[la - 1]))
    return true;  // sized beside size
  size_t n = la < lb ? la : lb;
  if (la == lb)
    return memcmp(a, b, n - 1) == 0 && (isdigit((unsigned char)a[n - 1]) ||
                                        isdigit((unsigned char)b[n - 1]) ||
                                        a[n - 1] == '\'' || b[n - 1] == '\'');
  if (memcmp(a, b, n) != 0 || (la > lb ? la - lb : lb - la) != 1) return false;
  char last = la > lb ? a[la - 1] : b[lb - 1];
  return last == 's' || last == '\'' || last == '*' || last == '+' ||
         isdigit((unsigned char)last);
}

// How far a name may be away that is meant: the library's are many, a program's few.
static size_t most_for(const Name *n, size_t len) {
  size_t most = cli_nearest_usual(len);
  if (!n->library) return most;
  if (n->len < len) len = n->len;
  return len < 4 ? 0 : len < 8 ? 1 : most;
}

static bool takes(const Name *n, uint32_t nargs) {
  if (n->curried || (n->arities | n->type_arities) & bit_of(nargs)) return true;
  return n->counted && (int)nargs >= n->min_args &&
         (n->max_args < 0 || (int)nargs <= n->max_args);
}

static const Name *nearest_function(const Check *c, const char *text,
                                    size_t len, uint32_t nargs) {
  Nearest near = cli_nearest(text, len, cli_nearest_usual(len));
  const Name *best = NULL;
  for (size_t i = 0; i < c->names_cap; i++) {
    const Name *n = c->names[i];
    if (!n || (!n->rules && !n->counted && !n->type_arities)) continue;
    if (n->library && *n->text == '_') continue;
    if (!n->library && are_in_a_row(text, len, n->text, n->len)) continue;
    if (!takes(n, nargs)) continue;
    Nearest before = near;
    cli_nearest_try(&near, n->text, n->len);
    if (near.best == before.best) continue;
    if (near.distance > most_for(n, len) && near.distance > 0)
      near = before;
    else
      best = n;
  }
  return best;
}

const char *check_near_type(const Check *c, const Name *n) {
  static const char *const types[] = {"Number",     "String",   "Bool",
                                      "Atom",       "Symbol",   "Variable",
                                      "Expression", "Grounded", "%Undefined%",
                                      "SpaceType",  NULL};
  Nearest near = cli_nearest(n->text, n->len, cli_nearest_usual(n->len));
  for (size_t i = 0; types[i]; i++)
    cli_nearest_try(&near, types[i], strlen(types[i]));
  for (size_t i = 0; i < c->names_cap; i++) {
    const Name *other = c->names[i];
    if (other && other->type_uses > 1 && !other->library &&
        !are_in_a_row(n->text, n->len, other->text, other->len))
      cli_nearest_try(&near, other->text, other->len);
  }
  return near.best;
}

const Name *check_near_untyped(const Check *c, const Name *n) {
  Nearest near = cli_nearest(n->text, n->len, cli_nearest_usual(n->len));
  const Name *best = NULL;
  for (size_t i = 0; i < c->names_cap; i++) {
    const Name *other = c->names[i];
    if (!other || other->library || !other->rules || other->types ||
        !(other->arities & n->type_arities) ||
        are_in_a_row(n->text, n->len, other->text, other->len))
      continue;
    const char *before = near.best;
    cli_nearest_try(&near, other->text, other->len);
    if (near.best != before) best = other;
  }
  return best;
}

// ---- words ------------------------------------------------------------------

void check_word(Check *c, const CheckFile *f, uint32_t node, const char *need) {
  static const char *const wrong[] = {"true", "false", "TRUE", "FALSE", "yes",
                                      "no",   "#t",    "#f",   NULL};
  const Name *n = check_name_at(c, f, node);
  if (!n || !need || check_is_known(n)) return;
  for (size_t i = 0; strcmp(need, "Bool") == 0 && wrong[i]; i++) {
    if (strcmp(n->text, wrong[i]) != 0) continue;
    Diagnostic *d = check_tell(c, f, CHECK_WORD, node,
                               "%s is a symbol, not a Bool", n->text);
    cli_diagnostic_nearest(d, i % 2 ? "False" : "True", i % 2 ? 5 : 4);
    return;
  }
}

static void check_space(Check *c, const CheckFile *f, uint32_t node) {
  const Name *n = check_name_at(c, f, node);
  if (!n || check_is_known(n) || c->open) return;
  Nearest near = cli_nearest(n->text, n->len, 2);
  for (size_t i = 0; i < c->names_cap; i++) {
    const Name *other = c->names[i];
    if (other && (other->bound.file || strcmp(other->text, "&self") == 0))
      cli_nearest_try(&near, other->text, other->len);
  }
  if (n->text[0] != '&' && !near.best) return;
  Diagnostic *d =
      check_tell(c, f, CHECK_SPACE, node, "%s stands for nothing", n->text);
  cli_diagnostic_expect(d, "a space: &self, or a name that bind! made one");
  cli_diagnostic_nearest(d, near.best, near.best_len);
}

// ---- calls ------------------------------------------------------------------

static void check_habit(Check *c, const CheckFile *f, uint32_t head,
                        const Name *n) {
  for (size_t i = 0; i < sizeof habits / sizeof *habits; i++) {
    if (strcmp(habits[i].name, n->text) != 0) continue;
    Diagnostic *d =
        check_tell(c, f, CHECK_HABIT, head, "there is no %s", n->text);
    cli_diagnostic_expect(d, "%s", habits[i].here);
    return;
  }
}

static bool is_habit(const Name *n) {
  for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
    if (strcmp(habits[i].name, n->text) == 0) return true;
  return false;
}

static void keep_unknown(Check *c, const CheckFile *f, uint32_t list,
                         const CallPlace *place) {
  if (!ambi_grow((void **)&c->unknown, &c->unknown_cap, c->nunknown + 1,
                 sizeof *c->unknown)) {
    c->failed = true;
    return;
  }
  c->unknown[c->nunknown++] =
      (UnknownCall){{f, list}, place->need, place->body};
}

static const char *plural(uint32_t n) {
  return n == 1 ? "" : "s";
}

// All rules have other numbers of arguments, and no type says anything.
static void check_rule_arity(Check *c, const CheckFile *f, uint32_t list,
                             const Name *n, const CallPlace *place) {
  uint32_t nargs = check_count(f, list) - 1;
  if (!place->direct || !n->rules || n->types || n->curried || n->operation ||
      c->open)
    return;
  if (n->arities & bit_of(nargs) || n->library || n->facts > n->rules) return;
  Diagnostic *d = check_tell(c, f, CHECK_COUNT, list,
                             "%s is called with %u argument%s, and no "
                             "rule of it takes so many",
                             n->text, nargs, plural(nargs));
  uint32_t wanted = 0;
  while (!(n->arities >> wanted & 1))
    wanted++;
  cli_diagnostic_expect(d, "%u argument%s", wanted, plural(wanted));
  if (n->rule.file)
    cli_diagnostic_note(d, check_place(n->rule.file, n->rule.node),
                        "its rule stands here");
}

// An operation without a type counts for itself.
static void check_operation_arity(Check *c, const CheckFile *f, uint32_t list,
                                  const Name *n) {
  int nargs = (int)check_count(f, list) - 1;
  if (!n->counted || n->types || n->rules) return;
  if (nargs >= n->min_args && (n->max_args < 0 || nargs <= n->max_args)) return;
  check_tell(c, f, CHECK_COUNT, list, "%s is called with %d argument%s",
             n->text, nargs, plural((uint32_t)nargs));
}

void check_call(Check *c, const CheckFile *f, uint32_t list, Name *n,
                const CallPlace *place) {
  static const char *const of_spaces[] = {
      "match",      "add-atom",  "remove-atom", "get-atoms",
      "add-reduct", "add-atoms", NULL};
  if (!n) return;
  uint32_t head = cli_tree_first(&f->tree, list);
  for (size_t i = 0; of_spaces[i]; i++)
    if (strcmp(n->text, of_spaces[i]) == 0 &&
        check_is(f, check_child(f, list, 1), NODE_SYMBOL))
      check_space(c, f, check_child(f, list, 1));
  const char *need = place->need;
  if (strcmp(n->text, "=") == 0 && need && strcmp(need, "Bool") == 0) {
    Diagnostic *d = check_tell(c, f, CHECK_EQUALS, head, "= does not compare");
    cli_diagnostic_nearest(d, "==", 2);
    return;
  }
  if (place->in_rule) check_branch_condition(c, f, list);
  if (check_is_known(n)) {
    check_rule_arity(c, f, list, n, place);
    check_operation_arity(c, f, list, n);
  } else {
    keep_unknown(c, f, list, place);
  }
}

// The module of the runtime that has the function; NULL: none.
static const char *module_of(const Name *n) {
  for (uint32_t op = 0; op < OP_COUNT; op++)
    if (*ambi_builtins[op].module && *n->text != '_' &&
        strcmp(ambi_builtins[op].name, n->text) == 0)
      return ambi_builtins[op].module;
  char rule[80];
  int len = snprintf(rule, sizeof rule, "\n(= (%s ", n->text);
  for (const EmbeddedFile *e = ambi_embedded; e->name; e++)
    if (strcmp(e->name, "corelib") != 0 && len < (int)sizeof rule &&
        memmem(e->text, e->len, rule, (size_t)len))
      return e->name;
  return NULL;
}

static bool check_module(Check *c, const CheckFile *f, uint32_t head,
                         const Name *n) {
  // Short words are likely to be data.
  bool plain = n->len < 6 && !strpbrk(n->text, "-!");
  const char *module = n->facts || plain ? NULL : module_of(n);
  if (!module) return false;
  Diagnostic *d = check_tell(c, f, CHECK_NOT_IMPORTED, head,
                             "%s is in the module %s", n->text, module);
  cli_diagnostic_expect(d, "!(import! &self %s)", module);
  return true;
}

// The same letters in another order are no name that was chosen.
static bool has_letters_of(const Name *a, const Name *b) {
  int more[256] = {0};
  for (size_t i = 0; i < a->len; i++)
    more[(unsigned char)a->text[i]]++;
  for (size_t i = 0; i < b->len; i++)
    if (--more[(unsigned char)b->text[i]] < 0) return false;
  return a->len == b->len;
}

void check_unknown_calls(Check *c) {
  for (size_t i = 0; i < c->nunknown; i++) {
    const CheckFile *f = c->unknown[i].at.file;
    uint32_t list = c->unknown[i].at.node,
             head = cli_tree_first(&f->tree, list);
    const Name *n = check_name_at(c, f, head);
    if (!n) continue;
    const char *need = c->unknown[i].need;
    uint32_t nargs = check_count(f, list) - 1;
    if (is_habit(n) && !n->facts) {
      check_habit(c, f, head, n);
      continue;
    }
    if (check_module(c, f, head, n)) continue;
    const Name *near =
        n->facts ? NULL : nearest_function(c, n->text, n->len, nargs);
    // (= (size $x) (sized $x)): the value has a name like the function's.
    // Unless letters are swapped, it is data.
    if (near && c->unknown[i].body && !near->library &&
        !has_letters_of(n, near))
      near = NULL;
    if (near && c->open && near->library) near = NULL;
    if (near) {
      Diagnostic *d = check_tell(c, f, CHECK_UNKNOWN, head,
                                 "there is no function %s", n->text);
      cli_diagnostic_nearest(d, near->text, near->len);
      if (near->rule.file && near->rule.file->own)
        cli_diagnostic_note(d, check_place(near->rule.file, near->rule.node),
                            "%s is defined here", near->text);
    } else if (need && !c->open && !n->facts) {
      Diagnostic *d =
          check_tell(c, f, CHECK_NO_VALUE, list,
                     "%s has no rules, so this is no %s", n->text, need);
      cli_diagnostic_expect(d, "a %s", need);
    }
  }
}
