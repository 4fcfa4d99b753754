// Terms for an embedding program: making them, taking them apart, keeping them.
#include "scheduler/system.h"

#include "memory/alloc.h"
#include "runtime/atoms/match.h"
#include "runtime/atoms/number.h"
#include "runtime/atoms/utf8.h"
#include "runtime/types/types.h"

struct ambit_atom {
  Template kept;
};

// Making a term must not be stopped by what stopped the query whose heap it is made on.
static ambit_term made(ambit_heap *h, Value v) {
  if (ambi_is_none(v)) system_fail(h->a, AMBIT_MEMORY, "out of memory");
  return term_of(v);
}

static ambit_term misused(ambit_heap *h, const char *why) {
  system_fail(h->a, AMBIT_MISUSE, "%s", why);
  return ambit_none();
}

ambit_term ambit_none(void) {
  return term_of(AMB_NONE);
}

bool ambit_is_none_term(ambit_term t) {
  return ambi_is_none(value_of(t));
}

// ---- reading ------------------------------------------------------------------

bool system_read(ambit *a, const char *text, size_t length, bool form,
                 Template *out) {
  Reader r;
  Template more;
  if (!text) {
    system_fail(a, AMBIT_MISUSE, "there is no text to read");
    return false;
  }
  ambi_reader_open(&r, a->rt, ambi_module_top(a->rt)->tokens, text, length);
  r.form = form;
  enum ReadStatus status = ambi_read(&r, out);
  r.form = false;
  if (status == READ_ATOM) {
    Position at = r.pos;
    status = ambi_read(&r, &more);
    if (status == READ_END) return true;
    ambi_template_release(a->rt->store, out);
    if (status == READ_ATOM) {
      ambi_template_release(a->rt->store, &more);
      system_fail(a, AMBIT_SYNTAX,
                  "text:%u:%u: one atom was expected, not more", at.line,
                  at.column);
      return false;
    }
  }
  if (status == READ_MEMORY)
    system_fail(a, AMBIT_MEMORY, "out of memory");
  else if (status == READ_END)
    system_fail(a, AMBIT_SYNTAX, "text:1:1: an atom was expected");
  else
    system_fail(a, AMBIT_SYNTAX, "text:%u:%u: %s", r.error.at.line,
                r.error.at.column, r.error.message);
  return false;
}

// The heap refers to the ground parts of a stored term, which is given up at once: it
// stays as long as the heap, since that is a guest.
static ambit_term instance(ambit_heap *h, Template *t) {
  Value v = ambi_instance(h->cx, t, true);
  ambi_template_release(h->a->rt->store, t);
  return made(h, v);
}

ambit_term ambit_parse(ambit_heap *h, const char *text, size_t length) {
  Template t;
  return system_read(h->a, text, length, false, &t) ? instance(h, &t)
                                                    : ambit_none();
}

// ---- making ---------------------------------------------------------------------

// A name as the reader has it: one word, with `sigil` before it if it has one.
static bool is_name(ambit_heap *h, const char *name, bool variable) {
  Reader r;
  Template t;
  if (!name || !*name) return false;
  size_t length = strlen(name);
  char small[256],
      *text = length + 2 < sizeof small ? small : ambi_alloc(length + 2);
  if (!text) return false;
  text[0] = '$';
  memcpy(text + 1, name, length + 1);
  ambi_reader_open(&r, h->a->rt, NULL, variable ? text : text + 1,
                   length + variable);
  bool ok = ambi_read(&r, &t) == READ_ATOM;
  if (ok) {
    ok = r.next == r.len &&
         (variable ? ambi_is_lvar(t.atom) : ambi_is_sym(t.atom));
    ambi_template_release(h->a->rt->store, &t);
  }
  if (text != small) ambi_free(text, length + 2);
  return ok;
}

ambit_term ambit_make_symbol(ambit_heap *h, const char *name) {
  if (!is_name(h, name, false)) return misused(h, "a symbol's name is a word");
  return made(h, ambi_make_sym(h->cx, name, strlen(name)));
}

ambit_term ambit_make_variable(ambit_heap *h, const char *name) {
  uint32_t id;
  if (!is_name(h, name, true)) return misused(h, "a variable's name is a word");
  if (!ambi_symbol_intern(h->a->rt->symbols, name, strlen(name), &id))
    return made(h, AMB_NONE);
  return made(h, ambi_make_var(h->cx, id, AMB_VAR_AS_WRITTEN));
}

ambit_term ambit_make_string(ambit_heap *h, const char *bytes, size_t length) {
  if ((!bytes && length) || (length && ambi_utf8_wrong(bytes, bytes + length)))
    return misused(h, "a string is UTF-8");
  return made(h, ambi_make_str(h->cx, bytes ? bytes : "", length));
}

ambit_term ambit_make_integer(ambit_heap *h, int64_t value) {
  return made(h, ambi_num_from_int64(h->cx, value));
}

ambit_term ambit_make_float(ambit_heap *h, double value) {
  return term_of(ambi_num_from_double(h->cx, value));
}

ambit_term ambit_make_bool(bool value) {
  return term_of(ambi_bool(value));
}

ambit_term ambit_make_expression(ambit_heap *h, const ambit_term *items,
                                 size_t n) {
  for (size_t i = 0; i < n; i++)
    if (ambit_is_none_term(items[i]))
      return misused(h, "an item of the expression is no term");
  if (n > UINT32_MAX)
    return misused(h, "an expression has less than 2^32 items");
  return made(h, ambi_make_expr(h->cx, (const Value *)(const void *)items, n));
}

ambit_term ambit_make_space(ambit_heap *h) {
  Space *s = ambi_space_open(h->a->rt, NULL, false);
  return made(h, s ? ambi_space_value(s) : AMB_NONE);
}

// ---- taking apart -----------------------------------------------------------------

static ambit_kind cell_kind(Value v) {
  switch ((enum CellKind)ambi_cell(v)->kind) {
  case CELL_SPACE: return AMBIT_SPACE;
  case CELL_STATE: return AMBIT_STATE;
  case CELL_HOST: return AMBIT_OBJECT;
  default: return AMBIT_OTHER;
  }
}

ambit_kind ambit_kind_of(ambit_term t) {
  Value v = ambi_deref(value_of(t));
  int64_t i;
  if (ambi_is_none(v)) return AMBIT_OTHER;
  if (ambi_is_expression(v)) return AMBIT_EXPRESSION;
  if (ambi_is_sym(v)) return AMBIT_SYMBOL;
  if (ambi_is_int(v)) return AMBIT_INTEGER;
  if (ambi_is_double(v)) return AMBIT_FLOAT;
  if (ambi_is_bool(v)) return AMBIT_BOOL;
  if (ambi_is_var(v)) return AMBIT_VARIABLE;
  if (ambi_is_str(v)) return AMBIT_STRING;
  if (ambi_is_op(v)) return AMBIT_OPERATION;
  if (ambi_is_cell(v)) return cell_kind(v);
  if (ambi_is_big(v))
    return ambi_num_to_int64(v, &i) ? AMBIT_INTEGER : AMBIT_BIG;
  return AMBIT_OTHER;
}

bool ambit_get_integer(ambit_term t, int64_t *out) {
  Value v = ambi_deref(value_of(t));
  int64_t i;
  if (ambi_is_double(v) || !ambi_is_number(v) || !ambi_num_to_int64(v, &i))
    return false;
  *out = i;
  return true;
}

bool ambit_get_float(ambit_term t, double *out) {
  Value v = ambi_deref(value_of(t));
  if (!ambi_is_number(v)) return false;
  *out = ambi_num_to_double(v);
  return true;
}

bool ambit_get_bool(ambit_term t, bool *out) {
  Value v = ambi_deref(value_of(t));
  if (!ambi_is_bool(v)) return false;
  *out = ambi_same(v, AMB_TRUE);
  return true;
}

bool ambit_get_string(ambit_term t, const char **bytes, size_t *length) {
  Value v = ambi_deref(value_of(t));
  if (!ambi_is_str(v)) return false;
  *bytes = ambi_str_bytes(v);
  *length = ambi_str_len(v);
  return true;
}

const char *ambit_name(const ambit_heap *h, ambit_term t) {
  Value v = ambi_deref(value_of(t));
  const SymbolTable *symbols = h->a->rt->symbols;
  if (ambi_is_sym(v)) return ambi_symbol(symbols, ambi_sym_of(v))->text;
  if (ambi_is_op(v)) return ambi_builtin(h->a->rt, ambi_op_of(v))->name;
  if (ambi_is_var(v))
    return ambi_symbol(symbols, ambi_vinfo_name(ambi_ptr(v)[1]))->text;
  return NULL;
}

size_t ambit_size(ambit_term t) {
  return ambi_expr_size(ambi_deref(value_of(t)));
}

ambit_term ambit_at(ambit_term t, size_t i) {
  Value v = ambi_deref(value_of(t));
  if (i >= ambi_expr_size(v)) return ambit_none();
  return term_of(ambi_deref(ambi_expr_at(v, (uint32_t)i)));
}

bool ambit_equal(ambit_heap *h, ambit_term a, ambit_term b) {
  (void)h;
  return !ambit_is_none_term(a) && !ambit_is_none_term(b) &&
         ambi_equal(value_of(a), value_of(b));
}

bool ambit_is_error(ambit_term t) {
  return ambi_is_error_atom(ambi_deref(value_of(t)));
}

const char *ambit_text(ambit_heap *h, ambit_term t, size_t *length) {
  Buffer *b = &h->text;
  b->len = 0;
  b->failed = false;
  if (ambit_is_none_term(t)) return NULL;
  ambi_print(h->a->rt, b, ambi_deref(value_of(t)), NULL);
  if (b->failed) return NULL;
  if (length) *length = b->len;
  return b->text;
}

// ---- keeping ------------------------------------------------------------------------

ambit_atom *ambit_keep(ambit_heap *h, ambit_term t) {
  if (ambit_is_none_term(t)) return NULL;
  ambit_atom *atom = ambi_alloc(sizeof *atom);
  if (atom && ambi_template_make(h->a->rt->store, value_of(t), &atom->kept))
    return atom;
  ambi_free(atom, sizeof *atom);
  system_fail(h->a, AMBIT_MEMORY, "out of memory");
  return NULL;
}

ambit_term ambit_term_of(ambit_heap *h, const ambit_atom *atom) {
  return made(h, ambi_instance(h->cx, &atom->kept, true));
}

void ambit_atom_free(ambit *a, ambit_atom *atom) {
  if (!atom) return;
  ambi_template_release(a->rt->store, &atom->kept);
  ambi_free(atom, sizeof *atom);
}
