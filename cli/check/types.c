// Calls against declared types, by the runtime's own checker.
//
// All declarations of the program are in a space. A call is read as the atom it is, with
// variables whose type is sure replaced by a value of that type, and the checker is asked
// what evaluating it would ask. What it answers about a part is told at that part.
#include <string.h>

#include "cli/check/calls.h"
#include "runtime/guard.h"
#include "runtime/modules/runner.h"

enum { MOST_BYTES = 4000 };  // of a call that is looked at

static void forget(Check *c) {
  if (c->cx->stop == STOP_MEMORY) c->failed = true;
  ambi_context_reset(c->cx);
  ambi_limits_begin(c->cx);
}

static bool read_atom(Check *c, const char *text, size_t len, Template *t) {
  Reader r;
  ambi_guard(c->rt);
  ambi_reader_open(&r, c->rt, ambi_module_top(c->rt)->tokens, text, len);
  r.form = true;
  enum ReadStatus status = ambi_read(&r, t);
  ambi_unguard(c->rt);
  if (status == READ_MEMORY) c->failed = true;
  if (status != READ_ATOM) t->atom = AMB_NONE;  // there is nothing to give up
  return status == READ_ATOM;
}

bool check_types_open(Check *c) {
  for (size_t i = 0; i < c->nfiles; i++) {
    const CheckFile *f = c->files[i];
    for (uint32_t n = 1; !f->library && n < f->tree.count; n++) {
      bool type = check_has_head(f, n, ":") || check_has_head(f, n, ":<");
      Template t;
      if (!type || f->tree.nodes[n].fault || !check_is_added(f, n) ||
          check_is(f, check_child(f, n, 1), NODE_VARIABLE) ||
          !read_atom(c, check_text(f, n), check_len(f, n), &t))
        continue;
      if (!ambi_space_add_template(c->space, &t)) return false;
    }
  }
  forget(c);
  return true;
}

void check_types_import(Check *c, const char *module) {
  Module *m = ambi_module_load(c->cx, ambi_module_top(c->rt), module);
  if (m) ambi_module_import(ambi_module_top(c->rt), m);
  forget(c);
}

// ---- atoms ------------------------------------------------------------------

static const char *value_of(enum VarType t) {
  switch (t) {
  case VAR_NUMBER: return "0";
  case VAR_STRING: return "\"\"";
  case VAR_BOOL: return "True";
  default: return NULL;
  }
}

// The node's text, with a value for each variable whose type is sure.
static void put_text(Check *c, const CheckFile *f, uint32_t node, Buffer *b) {
  const Node *nodes = f->tree.nodes;
  uint32_t done = nodes[node].begin;
  for (uint32_t i = node; i < f->tree.count && nodes[i].begin < nodes[node].end;
       i++) {
    // What a call through a variable gives is not known.
    if (nodes[i].kind == NODE_LIST && i != node && nodes[i].begin >= done &&
        check_is(f, cli_tree_first(&f->tree, i), NODE_VARIABLE)) {
      ambi_buffer_put(b, f->tree.text + done, nodes[i].begin - done);
      ambi_buffer_format(b, "$_%u", i);
      done = nodes[i].end;
      continue;
    }
    if (nodes[i].kind != NODE_VARIABLE || !c->scope || nodes[i].begin < done)
      continue;
    const Var *v = check_var(c, f, i);
    const char *value = v ? value_of(v->type) : NULL;
    if (!value) continue;
    ambi_buffer_put(b, f->tree.text + done, nodes[i].begin - done);
    ambi_buffer_puts(b, value);
    done = nodes[i].end;
  }
  ambi_buffer_put(b, f->tree.text + done, nodes[node].end - done);
}

static Value atom_at(Check *c, const CheckFile *f, uint32_t node, Template *t) {
  *t = (Template){.atom = AMB_NONE};
  if (f->tree.nodes[node].fault || check_len(f, node) > MOST_BYTES)
    return AMB_NONE;
  Buffer b = {0};
  put_text(c, f, node, &b);
  if (b.failed) c->failed = true;
  bool read = !b.failed && read_atom(c, b.text, b.len, t);
  ambi_buffer_drop(&b);
  return read ? ambi_instance(c->cx, t, true) : AMB_NONE;
}

static void give_up(Check *c, Template *t) {
  if (!ambi_is_none(t->atom)) ambi_template_release(c->rt->store, t);
}

// ---- errors -----------------------------------------------------------------

typedef struct Shown {
  char text[96];
} Shown;

static Shown show(Check *c, Value v) {
  Shown s;
  Buffer b = {0};
  Naming naming = {0};
  ambi_print(c->rt, &b, v, &naming);
  size_t n = 0;
  for (size_t i = 0; i < b.len && n < sizeof s.text - 1; i++) {
    if (b.text[i] == '#')  // the numbers of variables say nothing here
      while (i + 1 < b.len && b.text[i + 1] >= '0' && b.text[i + 1] <= '9')
        i++;
    else
      s.text[n++] = b.text[i];
  }
  s.text[n] = 0;
  if (b.failed) c->failed = true;
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
  return s;
}

static Value part(Value v, uint32_t i) {
  return ambi_is_expr(v) && i < ambi_expr_size(v)
             ? ambi_deref(ambi_expr_at(v, i))
             : AMB_NONE;
}

// A type that was told to be misspelt explains what follows from it.
static bool is_suspect(Check *c, Value type) {
  Shown s = show(c, type);
  const Name *n = check_name(c, s.text, strlen(s.text));
  return !n || n->suspect;
}

static void note_declaration(Check *c, Diagnostic *d, const CheckFile *f,
                             uint32_t list) {
  const Name *n = check_name_at(c, f, check_child(f, list, 0));
  if (n && n->type.file && n->type.file->own)
    cli_diagnostic_note(d, check_place(n->type.file, n->type.node),
                        "%s is declared here", n->text);
}

static void tell_argument(Check *c, const CheckFile *f, uint32_t list,
                          Value reason) {
  int64_t at = ambi_is_int(part(reason, 1)) ? ambi_int_of(part(reason, 1)) : 0;
  uint32_t node = at > 0 ? check_child(f, list, (uint32_t)at) : 0;
  Value want = part(reason, 2), got = part(reason, 3);
  if (!node || ambi_is_none(got) || is_suspect(c, want)) return;
  Diagnostic *d = check_tell(
      c, f, CHECK_ARGUMENT, node, "argument %d of %s has the type %s", (int)at,
      check_show(f, check_child(f, list, 0)).text, show(c, got).text);
  cli_diagnostic_expect(d, "%s", show(c, want).text);
  note_declaration(c, d, f, list);
}

static void tell_count(Check *c, const CheckFile *f, uint32_t list) {
  const Name *n = check_name_at(c, f, check_child(f, list, 0));
  uint32_t nargs = check_count(f, list) - 1;
  Diagnostic *d =
      check_tell(c, f, CHECK_COUNT, list, "%s is called with %u argument%s",
                 check_show(f, check_child(f, list, 0)).text, nargs,
                 nargs == 1 ? "" : "s");
  uint32_t wanted = 0;
  while (n && n->type_arities && !(n->type_arities >> wanted & 1))
    wanted++;
  if (n && n->type_arities)
    cli_diagnostic_expect(d, "%u argument%s", wanted, wanted == 1 ? "" : "s");
  note_declaration(c, d, f, list);
}

static void tell_result(Check *c, const CheckFile *f, uint32_t node,
                        Value reason, NodeRef expected) {
  Value want = part(reason, 1), got = part(reason, 2);
  if (strcmp(show(c, got).text, "ErrorType") == 0) return;  // as is usual
  if (is_suspect(c, want)) return;
  Diagnostic *d = check_tell(c, f, CHECK_RESULT, node, "this gives the type %s",
                             show(c, got).text);
  cli_diagnostic_expect(d, "%s, as declared", show(c, want).text);
  if (expected.file->own)
    cli_diagnostic_note(d, check_place(expected.file, expected.node),
                        "the declaration");
}

// The first Error that is about the atom itself: (Error ATOM REASON).
static void tell_error(Check *c, const CheckFile *f, uint32_t node, Value atom,
                       const ValueVec *errors, NodeRef expected) {
  for (size_t i = 0; i < errors->n; i++) {
    Value error = ambi_deref(errors->at[i]);
    Value reason = part(error, 2);
    if (!ambi_alpha_equal(part(error, 1), atom)) continue;
    Value head = part(reason, 0);
    if (ambi_same(reason, AMB_SYM(INCORRECT_ARITY)))
      tell_count(c, f, node);
    else if (ambi_same(head, AMB_SYM(BAD_ARG_TYPE)))
      tell_argument(c, f, node, reason);
    else if (ambi_same(head, AMB_SYM(BAD_TYPE)) && expected.file)
      tell_result(c, f, node, reason, expected);
    return;
  }
}

// ---- checks -----------------------------------------------------------------

// The types of the head: is it a function, and nothing else?
static bool is_function(const TypeVec *types) {
  bool all = types->n > 0;
  for (size_t i = 0; i < types->n; i++)
    all = all && types->at[i].is_function && !types->at[i].is_error;
  return all;
}

static Value expected_type(Check *c, NodeRef expected, Template *t) {
  *t = (Template){.atom = AMB_NONE};
  if (!expected.file) return AMB_SYM(UNDEFINED);
  // Types with variables are what the arguments make them.
  const Node *nodes = expected.file->tree.nodes;
  for (uint32_t i = expected.node; i < expected.file->tree.count &&
                                   nodes[i].begin < nodes[expected.node].end;
       i++)
    if (nodes[i].kind == NODE_VARIABLE) return AMB_SYM(UNDEFINED);
  static const char *const any[] = {"Atom",     "Expression", "Symbol",
                                    "Variable", "Grounded",   NULL};
  for (size_t i = 0; any[i]; i++)
    if (check_reads(expected.file, expected.node, any[i]))
      return AMB_SYM(UNDEFINED);
  Value v = atom_at(c, expected.file, expected.node, t);
  return ambi_is_none(v) ? AMB_SYM(UNDEFINED) : v;
}

static void check_application(Check *c, const CheckFile *f, uint32_t node,
                              Value atom, Value want, NodeRef expected) {
  TypeVec types = {0};
  ValueVec errors = {0};
  uint32_t nargs = ambi_expr_size(atom) - 1;
  Value last = nargs ? ambi_deref(ambi_expr_at(atom, nargs)) : AMB_UNIT;
  Value head = ambi_deref(ambi_expr_at(atom, 0));
  bool ok = !ambi_head_types(c->cx, c->space, head, nargs, last, &types) ||
            !is_function(&types);
  for (size_t i = 0; i < types.n && !ok; i++)
    ok = ambi_check_applicable(c->cx, c->space, atom, types.at[i].type, want,
                               &errors);
  if (!ok && c->cx->stop == STOP_NONE)
    tell_error(c, f, node, atom, &errors, expected);
  ambi_types_drop(&types);
  ambi_vec_drop(&errors);
}

void check_types(Check *c, const CheckFile *f, uint32_t node,
                 NodeRef expected) {
  bool list = check_is(f, node, NODE_LIST);
  bool variable = check_is(f, node, NODE_VARIABLE);
  if (!list && !expected.file) return;
  const Var *v = variable ? check_var(c, f, node) : NULL;
  if (variable && (!v || !value_of(v->type))) return;
  if (list && check_is(f, check_child(f, node, 0), NODE_VARIABLE)) return;
  const Name *n = list ? check_name_at(c, f, check_child(f, node, 0)) : NULL;
  if (n && n->replaced) return;  // its types are the library's
  Template t, want_t;
  Value atom = atom_at(c, f, node, &t);
  if (!ambi_is_none(atom)) {
    Value want = expected_type(c, expected, &want_t);
    if (ambi_is_expr(atom) && ambi_expr_size(atom) > 0) {
      check_application(c, f, node, atom, want, expected);
    } else if (expected.file) {
      ValueVec errors = {0};
      if (!ambi_type_cast(c->cx, c->space, atom, want, &errors))
        tell_error(c, f, node, atom, &errors, expected);
      ambi_vec_drop(&errors);
    }
    give_up(c, &want_t);
  }
  give_up(c, &t);
  forget(c);
}

enum VarType check_value_type(Check *c, const CheckFile *f, uint32_t node) {
  static const char *const plain[] = {"Number", "String", "Bool"};
  TypeVec types = {0};
  Template t;
  enum VarType found = VAR_ANY;
  Value atom = node ? atom_at(c, f, node, &t) : AMB_NONE;
  if (!ambi_is_none(atom) && !ambi_is_var(atom) &&
      ambi_get_types(c->cx, c->space, atom, &types) && types.n == 1 &&
      !types.at[0].is_error) {
    Shown s = show(c, types.at[0].type);
    for (int i = 0; i < 3; i++)
      if (strcmp(s.text, plain[i]) == 0) found = (enum VarType)(VAR_NUMBER + i);
  }
  ambi_types_drop(&types);
  if (node) give_up(c, &t);
  forget(c);
  return found;
}
