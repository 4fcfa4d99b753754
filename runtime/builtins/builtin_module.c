// Operations on modules, tokens and settings.
//
// They act on the module whose text is being run (cx->module). Failures of
// loading arrive in cx->message or cx->error_reason already.
#include <limits.h>

#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/guard.h"
#include "runtime/modules/module.h"
#include "runtime/tables/table.h"

static enum BuiltinStatus fail(Context *cx, const char *message) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s", message);
  return B_ERROR;
}

static enum BuiltinStatus no_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return B_STOP;
}

// After a call that failed with a message, a reason or a stop.
static enum BuiltinStatus failed(const Context *cx) {
  return cx->stop == STOP_NONE ? B_ERROR : B_STOP;
}

static enum BuiltinStatus unit(Value *out) {
  *out = AMB_UNIT;
  return B_OK;
}

// The name in (library NAME), the way programs for PeTTa write it.
static Value library_name(Value v) {
  if (!ambi_is_expr(v) || ambi_expr_size(v) != 2) return v;
  return ambi_same(ambi_deref(ambi_expr_at(v, 0)), AMB_SYM(LIBRARY))
             ? ambi_deref(ambi_expr_at(v, 1))
             : v;
}

// The text of a name: a symbol, a String without quotes, any other grounded
// atom as printed. NULL: neither (or memory is out, cx->stop). Freed by
// ambi_buffer_drop.
static const char *name_text(Context *cx, Value v, Buffer *b) {
  v = library_name(v);
  if (ambi_is_var(v) || ambi_is_expression(v)) return NULL;
  Naming naming = {0};
  ambi_print_plain(cx->rt, b, v, &naming);
  ambi_vec_drop(&naming.vars);
  if (!b->text && !b->failed) ambi_buffer_put(b, "", 0);
  if (b->failed || !b->text) {
    no_memory(cx);
    return NULL;
  }
  // A NUL would cut the name short without a word.
  return strlen(b->text) == b->len ? b->text : NULL;
}

// ---- import!, mod-space!, include -------------------------------------------

static enum BuiltinStatus bad_destination(Context *cx, Value dest) {
  Buffer b = {0};
  Naming naming = {0};
  bool braces = ambi_is_grounded(dest);
  ambi_buffer_puts(&b, "import! destination argument must be a symbol atom "
                       "naming a new space, or &self.  Found: ");
  if (braces) ambi_buffer_puts(&b, "{");
  ambi_print(cx->rt, &b, dest, &naming);
  if (braces) ambi_buffer_puts(&b, "}");
  enum BuiltinStatus status = b.failed ? no_memory(cx) : fail(cx, b.text);
  ambi_vec_drop(&naming.vars);
  ambi_buffer_drop(&b);
  return status;
}

// Makes `&name` stand for the module's space.
static enum BuiltinStatus name_space(Context *cx, Value symbol,
                                     const Module *m) {
  const Symbol *s = ambi_symbol(cx->rt->symbols, ambi_sym_of(symbol));
  Buffer b = {0};
  if (s->text[0] != '&') ambi_buffer_puts(&b, "&");
  ambi_buffer_put(&b, s->text, s->len);
  const char *error = NULL;
  bool ok = !b.failed && ambi_tokens_add(cx->module->tokens, b.text, b.len,
                                         ambi_space_value(m->space), &error);
  ambi_buffer_drop(&b);
  if (ok) return B_OK;
  return error ? fail(cx, error) : no_memory(cx);
}

static enum BuiltinStatus import_to(Context *cx, Value dest, Module *m) {
  if (ambi_is_sym(dest)) return name_space(cx, dest, m);
  return ambi_module_import(cx->module, m) ? B_OK : no_memory(cx);
}

static enum BuiltinStatus import_module(Context *cx, const Value *args,
                                        unsigned n, Value *out) {
  if (n < 2)
    return fail(cx, "import! expects a destination &space and a module name "
                    "argument");
  Buffer b = {0};
  const char *name = name_text(cx, args[1], &b);
  bool into_self = ambi_same(args[0], ambi_space_value(cx->module->space));
  enum BuiltinStatus status;
  if (!name) {
    status = cx->stop != STOP_NONE
                 ? B_STOP
                 : fail(cx, "import! expects a destination &space and a module "
                            "name argument");
  } else if (!into_self && !ambi_is_sym(args[0])) {
    status = bad_destination(cx, args[0]);
  } else {
    Module *m = ambi_module_load(cx, cx->module, name);
    status = m ? import_to(cx, args[0], m) : failed(cx);
  }
  ambi_buffer_drop(&b);
  return status == B_OK ? unit(out) : status;
}

static enum BuiltinStatus mod_space(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  if (n < 1) return fail(cx, "mod-space! expects a module name argument");
  Buffer b = {0};
  const char *name = name_text(cx, args[0], &b);
  enum BuiltinStatus status;
  if (name) {
    Module *m = ambi_module_load(cx, cx->module, name);
    if (m) *out = ambi_space_value(m->space);
    status = m ? B_OK : failed(cx);
  } else {
    status = cx->stop != STOP_NONE
                 ? B_STOP
                 : fail(cx, "mod-space! expects a module name argument");
  }
  ambi_buffer_drop(&b);
  return status;
}

static enum BuiltinStatus include_module(Context *cx, const Value *args,
                                         unsigned n, Value *out) {
  (void)out;
  if (n < 1) return fail(cx, "include expects a module name argument");
  Buffer b = {0};
  const char *name = name_text(cx, args[0], &b);
  enum BuiltinStatus status;
  if (!name && cx->stop == STOP_NONE)
    status = fail(cx, "include expects a module name argument");
  else if (!name || !ambi_module_include(cx, cx->module, name))
    status = failed(cx);
  else
    status = cx->many.n ? B_MANY : B_EMPTY;
  ambi_buffer_drop(&b);
  return status;
}

// ---- the module tree --------------------------------------------------------

static enum BuiltinStatus print_mods(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  (void)args;
  (void)n;
  Buffer b = {0};
  Host *host = &cx->rt->host;
  ambi_modules_print(cx->rt, &b);
  bool complete = !b.failed;
  ambi_output_take(cx->rt);
  if (complete && host->write) host->write(host->arg, b.text, b.len);
  ambi_output_give(cx->rt);
  ambi_buffer_drop(&b);
  return complete ? unit(out) : no_memory(cx);
}

static enum BuiltinStatus register_module(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  if (n < 1)
    return fail(cx, "register-module! expects a file system path; use quotes "
                    "if needed");
  Buffer b = {0};
  const char *path = name_text(cx, args[0], &b);
  enum BuiltinStatus status;
  if (!path && cx->stop == STOP_NONE)
    status = fail(cx, "register-module! expects a file system path; use quotes "
                      "if needed");
  else if (!path || !ambi_module_load_path(cx, cx->module, path))
    status = failed(cx);
  else
    status = unit(out);
  ambi_buffer_drop(&b);
  return status;
}

enum BuiltinStatus ambi_b_git_module(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  (void)args;
  (void)n;
  (void)out;
  return fail(cx, "git modules are not supported; clone the repository and use "
                  "register-module! with its path");
}

enum BuiltinStatus ambi_b_no_python(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  (void)args, (void)n, (void)out;
  return fail(cx, "there is no Python here; operations can be written in C");
}

// ---- bind! ------------------------------------------------------------------

static enum BuiltinStatus bind(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  if (n < 2) return fail(cx, "bind! expects two arguments: token and atom");
  if (!ambi_is_sym(args[0]))
    return fail(cx, "bind! expects symbol atom as a token");
  const Symbol *s = ambi_symbol(cx->rt->symbols, ambi_sym_of(args[0]));
  const char *error = NULL;
  if (ambi_tokens_add(cx->module->tokens, s->text, s->len, args[1], &error))
    return unit(out);
  return error ? fail(cx, error) : no_memory(cx);
}

// ---- pragma! ----------------------------------------------------------------

static bool is_symbol_named(const Context *cx, Value v, const char *text) {
  return ambi_is_sym(v) &&
         strcmp(ambi_symbol(cx->rt->symbols, ambi_sym_of(v))->text, text) == 0;
}

static bool unsigned_of(Value v, uint64_t *out) {
  int64_t i;
  if (!ambi_is_int(v) && !ambi_is_big(v)) return false;
  if (!ambi_num_to_int64(v, &i) || i < 0) return false;
  *out = (uint64_t)i;
  return true;
}

static bool size_of(const Context *cx, Value v, uint64_t *out) {
  if (ambi_is_str(v)) return ambi_size_parse(ambi_str_bytes(v), out);
  if (!ambi_is_sym(v)) return unsigned_of(v, out);
  const Symbol *s = ambi_symbol(cx->rt->symbols, ambi_sym_of(v));
  return ambi_size_parse(s->text, out);
}

static uint64_t within(uint64_t want, uint64_t ceiling) {
  return ceiling && (!want || want > ceiling) ? ceiling : want;
}

// What was set from outside when the first pragma came: a program may narrow
// its limits and widen them again, but not beyond.
static const Limits *ceiling_of(Runtime *rt) {
  Modules *ms = rt->modules;
  if (!ms->has_ceiling) ms->ceiling = rt->limits;
  ms->has_ceiling = true;
  return &ms->ceiling;
}

typedef const char *PragmaFn(Context *cx, Value v);  // NULL, or what is wrong

static const char *set_stack_depth(Context *cx, Value v) {
  if (!unsigned_of(v, &cx->rt->limits.max_stack_depth))
    return "UnsignedIntegerIsExpected";
  return NULL;
}

static const char *set_steps(Context *cx, Value v) {
  uint64_t steps;
  if (!unsigned_of(v, &steps)) return "UnsignedIntegerIsExpected";
  cx->rt->limits.steps = within(steps, ceiling_of(cx->rt)->steps);
  return NULL;
}

static const char *set_time(Context *cx, Value v) {
  double seconds = ambi_is_number(v) ? ambi_num_to_double(v) : -1;
  if (!(seconds >= 0)) return "max-time expects a number of seconds";
  double most = ceiling_of(cx->rt)->query_seconds;
  if (most > 0 && (seconds <= 0 || seconds > most)) seconds = most;
  cx->rt->limits.query_seconds = seconds;
  return NULL;
}

static const char *set_memory(Context *cx, Value v) {
  uint64_t bytes;
  if (!size_of(cx, v, &bytes))
    return "max-memory expects a number of bytes, such as 64M";
  cx->rt->limits.memory = within(bytes, ceiling_of(cx->rt)->memory);
  return NULL;
}

static const char *set_type_check(Context *cx, Value v) {
  ambi_store_release(&cx->rt->x_type_check, is_symbol_named(cx, v, "auto"));
  return NULL;
}

static const char *set_interpreter(Context *cx, Value v) {
  cx->rt->bare_minimal = is_symbol_named(cx, v, "bare-minimal");
  return NULL;
}

static const char *set_tabling(Context *cx, Value v) {
  Runtime *rt = cx->rt;
  bool on = is_symbol_named(cx, v, "auto");
  if (!on && !is_symbol_named(cx, v, "off"))
    return "tabling expects auto or off";
  if (on && !ambi_tables_may_begin(cx)) return AMB_NO_TABLES_NOW;
  if (on != rt->tabling && rt->calls_changed) rt->calls_changed(rt);
  rt->tabling = on;
  return NULL;
}

static const struct {
  const char *key;
  PragmaFn *set;
} pragmas[] = {{"max-stack-depth", set_stack_depth},
               {"max-steps", set_steps},
               {"max-time", set_time},
               {"max-memory", set_memory},
               {"type-check", set_type_check},
               {"interpreter", set_interpreter},
               {"tabling", set_tabling}};

// Settings hold from the next form on. Unknown keys are accepted silently.
static enum BuiltinStatus set_pragma(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n == 0) return fail(cx, "pragma! expects key and value as arguments");
  if (!ambi_is_sym(args[0]))
    return fail(cx, "pragma! expects symbol atom as a key");
  if (n < 2) return fail(cx, "pragma! expects key and value as arguments");
  for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
    if (!is_symbol_named(cx, args[0], pragmas[i].key)) continue;
    const char *wrong = pragmas[i].set(cx, args[1]);
    return wrong ? fail(cx, wrong) : unit(out);
  }
  return unit(out);
}

// ---- with several evaluators --------------------------------------------------

// Modules, words and switches belong to who has the guard.
typedef enum BuiltinStatus Operation(Context *cx, const Value *args, unsigned n,
                                     Value *out);
static enum BuiltinStatus guarded(Operation *f, Context *cx, const Value *args,
                                  unsigned n, Value *out) {
  ambi_guard(cx->rt);
  enum BuiltinStatus status = f(cx, args, n, out);
  ambi_unguard(cx->rt);
  return status;
}

#define GUARDED(name, f)                                                       \
  enum BuiltinStatus ambi_b_##name(Context *cx, const Value *args, unsigned n, \
                                   Value *out) {                               \
    return guarded(f, cx, args, n, out);                                       \
  }
GUARDED(import, import_module)
GUARDED(mod_space, mod_space)
GUARDED(include, include_module)
GUARDED(print_mods, print_mods)
GUARDED(register_module, register_module)
GUARDED(bind, bind)
GUARDED(pragma, set_pragma)
