// The four assertions on lists of results: equal as multisets, or a report.
//
// Results are counted in a hash table whose entries keep the order of first
// appearance (actual results, then expected ones), which is the order of the
// report. The hash does not tell variables apart, so it serves equality and
// equality up to renaming alike; NaN, equal to nothing, gets entries of its own.
#include "memory/alloc.h"
#include "runtime/atoms/printer.h"
#include "runtime/builtins/builtin.h"

typedef bool SameFn(Value a, Value b);

typedef struct Entry {
  Value value;
  uint64_t hash;
  size_t actual, expected;
} Entry;

typedef struct Tally {
  Entry *entries;
  size_t n, cap;
  size_t *slots;  // entry number + 1; 0 = free
  size_t nslots;  // a power of two, at least twice the entries
  SameFn *same;
} Tally;

static enum BuiltinStatus fail(Context *cx, const char *message) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "%s", message);
  return B_ERROR;
}

static bool open_tally(Tally *t, size_t max, SameFn *same) {
  *t = (Tally){.cap = max + 1, .nslots = 16, .same = same};
  while (t->nslots < 2 * max)
    t->nslots *= 2;
  t->entries = ambi_alloc(t->cap * sizeof *t->entries);
  t->slots = ambi_alloc(t->nslots * sizeof *t->slots);
  return t->entries && t->slots;
}

static void close_tally(Tally *t) {
  if (t->entries) ambi_free(t->entries, t->cap * sizeof *t->entries);
  if (t->slots) ambi_free(t->slots, t->nslots * sizeof *t->slots);
}

static Entry *find_entry(Tally *t, Value v) {
  uint64_t hash = ambi_hash(v);
  size_t at = hash & (t->nslots - 1);
  for (; t->slots[at]; at = (at + 1) & (t->nslots - 1)) {
    Entry *e = &t->entries[t->slots[at] - 1];
    if (e->hash == hash && t->same(e->value, v)) return e;
  }
  Entry *e = &t->entries[t->n++];
  t->slots[at] = t->n;
  *e = (Entry){.value = v, .hash = hash};
  return e;
}

// False: the form is stopped.
static bool count_all(Context *cx, Tally *t, Value actual, Value expected) {
  uint32_t na = ambi_expr_size(actual), ne = ambi_expr_size(expected);
  for (uint32_t i = 0; i < na; i++) {
    find_entry(t, ambi_deref(ambi_expr_at(actual, i)))->actual++;
    if (i % 1024 == 0 && !ambi_limits_poll(cx)) return false;
  }
  for (uint32_t i = 0; i < ne; i++) {
    find_entry(t, ambi_deref(ambi_expr_at(expected, i)))->expected++;
    if (i % 1024 == 0 && !ambi_limits_poll(cx)) return false;
  }
  return true;
}

static bool all_equal(const Tally *t) {
  for (size_t i = 0; i < t->n; i++)
    if (t->entries[i].actual != t->entries[i].expected) return false;
  return true;
}

// ---- the report ---------------------------------------------------------------

typedef struct Report {
  Runtime *rt;
  Buffer text;
  Naming naming;  // one numbering of variables for all lines
} Report;

static void print_list(Report *r, const char *title, Value list) {
  ambi_buffer_puts(&r->text, title);
  for (uint32_t i = 0; i < ambi_expr_size(list); i++) {
    if (i) ambi_buffer_puts(&r->text, ", ");
    ambi_print(r->rt, &r->text, ambi_expr_at(list, i), &r->naming);
  }
  ambi_buffer_puts(&r->text, "]");
}

// Each result as often as it is missing (or in excess).
static void print_difference(Report *r, const Tally *t, const char *title,
                             bool missed) {
  const char *before = title;
  for (size_t i = 0; i < t->n; i++) {
    const Entry *e = &t->entries[i];
    size_t more = missed ? e->expected : e->actual;
    size_t less = missed ? e->actual : e->expected;
    for (; less < more; less++) {
      ambi_buffer_puts(&r->text, before);
      ambi_print(r->rt, &r->text, e->value, &r->naming);
      before = ", ";
    }
  }
}

static Value make_report(Context *cx, const Tally *t, Value actual,
                         Value expected) {
  Report r = {.rt = cx->rt};
  print_list(&r, "\nExpected: [", expected);
  print_list(&r, "\nGot: [", actual);
  print_difference(&r, t, "\nMissed results: ", true);
  print_difference(&r, t, "\nExcessive results: ", false);
  Value text = AMB_NONE;
  if (r.text.failed)
    cx->stop = STOP_MEMORY;
  else
    text = ambi_make_str(cx, r.text.text, r.text.len);
  ambi_buffer_drop(&r.text);
  ambi_vec_drop(&r.naming.vars);
  return text;
}

// args: actual results, expected results, the assertion, maybe a message.
static enum BuiltinStatus compare(Context *cx, const Value *args, unsigned n,
                                  Value *out, SameFn *same) {
  for (unsigned i = 0; i < 3; i++) {
    if (n <= i)
      return fail(cx, "Pair of evaluation results with bindings is expected "
                      "as an argument");
    if (i < 2 && !ambi_is_expression(args[i]))
      return fail(cx, "Atom is not an ExpressionAtom");
  }
  Tally t;
  bool ok = open_tally(
      &t, (size_t)ambi_expr_size(args[0]) + ambi_expr_size(args[1]), same);
  if (!ok) cx->stop = STOP_MEMORY;
  ok = ok && count_all(cx, &t, args[0], args[1]);
  if (ok && all_equal(&t)) {
    *out = AMB_UNIT;
  } else if (ok) {
    Value why = n > 3 ? args[3] : make_report(cx, &t, args[0], args[1]);
    *out = ambi_is_none(why) ? why : ambi_make_error(cx, args[2], why);
    ok = !ambi_is_none(*out);
  }
  close_tally(&t);
  return ok ? B_OK : B_STOP;
}

enum BuiltinStatus ambi_b_assert_equal(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  return compare(cx, args, n, out, ambi_equal);
}

enum BuiltinStatus ambi_b_assert_alpha_equal(Context *cx, const Value *args,
                                             unsigned n, Value *out) {
  return compare(cx, args, n, out, ambi_alpha_equal);
}

enum BuiltinStatus ambi_b_assert_equal_msg(Context *cx, const Value *args,
                                           unsigned n, Value *out) {
  return compare(cx, args, n, out, ambi_equal);
}

enum BuiltinStatus ambi_b_assert_alpha_equal_msg(Context *cx, const Value *args,
                                                 unsigned n, Value *out) {
  return compare(cx, args, n, out, ambi_alpha_equal);
}
