// `ambit disasm FILE [NAME]`: the bytecode of the definitions in a file.
//
// The file's atoms are added to the top module; its `!` forms are passed over.
// With a NAME only definitions of that symbol are shown, those of the library
// included. With --native each is compiled, too (disasm_native.c).
#include <stdlib.h>

#include "cli/cli.h"
#include "memory/alloc.h"
#include "runtime/bytecode/disasm.h"
#include "runtime/bytecode/lambda.h"

enum { CALLS_SEEN = 3 };  // one within another

typedef struct Found {  // a definition and where its first rule stands
  Definition *def;
  size_t order;
} Found;

typedef struct Listing {
  Cli *cli;
  Context *cx;
  const char *name;  // NULL: all of the file
  Found *found;
  size_t n, cap;
} Listing;

// ---- loading ----------------------------------------------------------------

static enum RunStatus load(Listing *l, Source *s) {
  Runtime *rt = l->cli->rt;
  Module *top = ambi_module_top(rt);
  Reader r;
  ambi_reader_open(&r, rt, top->tokens, s->text, s->len);
  for (bool bang = false;;) {
    Template t;
    switch (ambi_read(&r, &t)) {
    case READ_END: return RUN_OK;
    case READ_ERROR:
      cli_report(s, r.error.at, SEVERITY_ERROR, r.error.message);
      return RUN_PARSE;
    case READ_MEMORY: return RUN_LIMIT;
    case READ_ATOM: break;
    }
    bool mark = ambi_same(t.atom, AMB_SYM(BANG));
    bool keep = !mark && !bang;
    bang = mark;
    if (keep && ambi_space_add_template(top->space, &t)) continue;
    ambi_template_release(rt->store, &t);
    if (keep) return RUN_LIMIT;
    if (ambi_load_relaxed(&rt->x_cancel)) return RUN_CANCELLED;
  }
}

// ---- definitions ------------------------------------------------------------

static bool wanted(const Listing *l, Value head) {
  if (!l->name) return true;
  const Symbol *s = ambi_symbol(l->cli->rt->symbols, ambi_sym_of(head));
  return s->len == strlen(l->name) && !memcmp(s->text, l->name, s->len);
}

static bool add_definition(Listing *l, Value head, uint32_t nargs) {
  Definition *d = ambi_definition(l->cli->rt->code, l->cx->space, head, nargs);
  if (!d || !ambi_grow((void **)&l->found, &l->cap, l->n + 1, sizeof *l->found))
    return false;
  l->found[l->n] = (Found){d, l->n};
  l->n++;
  return true;
}

// Heads of the rules of a space. False: memory is out.
static bool collect(Listing *l, Space *s) {
  RecordVec all = {0};
  bool ok = ambi_space_atoms(s, &all);
  for (size_t i = 0; ok && i < all.n; i++) {
    Value rule = ambi_record_atom(all.at[i]);
    if (ambi_expr_size(rule) != 3 ||
        !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
      continue;
    Value lhs = ambi_expr_at(rule, 1);
    if (!ambi_is_expr(lhs) || !ambi_is_sym(ambi_expr_at(lhs, 0))) continue;
    Value head = ambi_expr_at(lhs, 0);
    if (wanted(l, head)) ok = add_definition(l, head, ambi_expr_size(lhs) - 1);
  }
  ambi_records_drop(&all);
  return ok;
}

static int by_definition(const void *a, const void *b) {
  const Found *x = a, *y = b;
  if (x->def != y->def) return (uintptr_t)x->def < (uintptr_t)y->def ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

static int by_order(const void *a, const void *b) {
  const Found *x = a, *y = b;
  return x->order < y->order ? -1 : x->order > y->order;
}

// Each definition once, in the order of their first rules.
static void keep_first(Listing *l) {
  size_t kept = 0;
  if (!l->n) return;
  qsort(l->found, l->n, sizeof *l->found, by_definition);
  for (size_t i = 0; i < l->n; i++)
    if (i == 0 || l->found[i].def != l->found[i - 1].def)
      l->found[kept++] = l->found[i];
  l->n = kept;
  qsort(l->found, l->n, sizeof *l->found, by_order);
}

// ---- printing ---------------------------------------------------------------

static bool print_rules(Listing *l, Buffer *b, const Definition *d) {
  RecordVec rules = {0};
  bool ok = ambi_definition_rules(l->cli->rt->code, d, &rules);
  for (size_t i = 0; ok && i < rules.n; i++) {
    Naming naming = {0};
    Template t = ambi_record_template(rules.at[i]);
    ambi_buffer_puts(b, "; ");
    ambi_print_template(l->cli->rt, b, &t, &naming);
    ambi_buffer_puts(b, "\n");
    ambi_vec_drop(&naming.vars);
  }
  ambi_records_drop(&rules);
  return ok;
}

// What it calls has code, and so on, as in a running program: level 2 wants to know.
static void lower_calls(Listing *l, const Unit *u, unsigned depth) {
  const CodeState *cs = l->cli->rt->code;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    const Code *pc = u->code + at;
    if (pc->op != OP_I_CALL && pc->op != OP_I_TAILCALL) continue;
    Variant *v = (Variant *)(uintptr_t)u->k[pc->c];
    Unit *callee = ambi_is_lowered(cs, v) ? NULL : ambi_variant_unit(l->cx, v);
    if (!callee) continue;
    ambi_store_release(&v->x_unit, callee);
    if (depth) lower_calls(l, callee, depth - 1);
  }
}

static enum RunStatus print_definition(Listing *l, Definition *d) {
  Runtime *rt = l->cli->rt;
  Variant *v = ambi_variant(rt->code, d, AMB_SYM(UNDEFINED));
  Unit *u = v ? ambi_variant_unit(l->cx, v) : NULL;
  if (!u) return RUN_LIMIT;
  Buffer b = {0};
  bool ok = print_rules(l, &b, d);
  ambi_disasm_variant(rt, &b, v);
  ambi_buffer_puts(&b, "\n");
  bool native = l->cli->options.native;
  if (native && l->cli->options.jit.level != 1) {
    ambi_store_release(&v->x_unit, u);
    lower_calls(l, u, CALLS_SEEN);
  }
  DisasmNote *note = native ? cli_note_native : NULL;
  bool sound = ambi_disasm_noted(rt, &b, u, note, l->cli);
  ambi_buffer_puts(&b, "\n");
  ok = ok && !b.failed;
  if (ok) cli_write(l->cli, b.text, b.len);
  ambi_buffer_drop(&b);
  ambi_context_reset(l->cx);
  if (!ok) return RUN_LIMIT;
  return sound ? RUN_OK : RUN_INTERNAL;
}

static enum RunStatus list_all(Listing *l) {
  bool ok = collect(l, l->cx->space);
  if (ok && l->name) ok = collect(l, l->cli->rt->corelib);
  if (!ok) return RUN_LIMIT;
  keep_first(l);
  if (l->name && l->n == 0) {
    cli_complain("there is no definition of %s", l->name);
    return RUN_PARSE;
  }
  enum RunStatus status = RUN_OK;
  for (size_t i = 0; i < l->n && !l->cli->closed; i++) {
    if (ambi_load_relaxed(&l->cli->rt->x_cancel)) return RUN_CANCELLED;
    enum RunStatus one = print_definition(l, l->found[i].def);
    if (one == RUN_LIMIT) return one;
    if (one != RUN_OK) status = one;
  }
  return status;
}

void cli_disasm(Cli *cli, Source *s) {
  const Options *o = &cli->options;
  Listing l = {.cli = cli, .name = o->nargs ? o->args[0] : NULL};
  enum RunStatus status = RUN_LIMIT;
  if (!cli->rt->code) {
    cli_complain("there is no bytecode in tier 0");
    cli->code = EXIT_USAGE;
    cli->over = true;
    return;
  }
  l.cx = ambi_context_open(cli->rt);
  if (l.cx) {
    l.cx->module = ambi_module_top(cli->rt);
    l.cx->space = l.cx->module->space;
    ambi_space_evaluates(l.cx->space);
    status = load(&l, s);
    if (status == RUN_OK) status = list_all(&l);
  }
  if (status == RUN_LIMIT) cli_complain("stopped: out of memory");
  ambi_free(l.found, l.cap * sizeof *l.found);
  ambi_context_close(l.cx);
  if (status != RUN_OK) cli->code = (int)status;
  cli->over = status != RUN_OK;
}
