// Each operation of builtins.def takes any arguments: it answers with a value of the
// type it is declared with, with an error that says why, or not at all, leaves its
// arguments as they were, and, if it has no effects, answers the same again.
#include "runtime/spaces/journal.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_ARGS = 7, MAX_DEPTH = 3, ROOM = 4 << 20, SECONDS = 2 };

static Runtime *rt;
static Context *cx;
static unsigned inputs;

static void renew(void) {
  if (rt && inputs++ < 2000) return;
  if (rt) {
    ambi_context_close(cx);
    ambi_runtime_close(rt);
  }
  rt = open_runtime(0);
  cx = open_context(rt);
  inputs = 0;
}

// ---- arguments --------------------------------------------------------------------

static Value number(Bytes *b) {
  uint64_t w;
  double d;
  switch (choose(b, 10)) {
  case 0: return ambi_double(choose(b, 8) * 0.5 - 2);
  case 1:
    w = next_word(b);
    memcpy(&d, &w, sizeof d);
    return ambi_double(d);
  case 2: return ambi_num_from_int64(cx, (int64_t)next_word(b));
  case 3: {
    Value big = ambi_num_from_int64(cx, (int64_t)next_word(b));
    return ambi_num_mul(cx, big, big);
  }
  case 4: return ambi_num_from_int64(cx, (int64_t)1 << (16 + choose(b, 47)));
  default: return ambi_small_int((int)choose(b, 14) - 4);
  }
}

static Value string(Bytes *b) {
  static const char *const texts[] = {
      "",          "a",     "{}",
      "ab {} {}",  " x\t",  "12",
      "-1.5",      "1e400", "\xC3\xA4\xE2\x82\xAC",
      "(f $x)",    "\"",    "%Y %n",
      "{\"a\": 1}"};
  enum { TEXTS = sizeof texts / sizeof *texts };
  uint32_t i = choose(b, TEXTS + 3);
  if (i < TEXTS) return ambi_make_str(cx, texts[i], strlen(texts[i]));
  char own[16];
  size_t n = choose(b, sizeof own);
  for (size_t k = 0; k < n; k++)
    own[k] = (char)(next_byte(b) & 127);
  return ambi_make_str(cx, own, n);
}

static Value symbol(Bytes *b) {
  static const char *const names[] = {
      "a",   "b",     "=",         ":",           "->",         "Error",
      "f",   "Empty", "Number",    "%Undefined%", "Bool",       "all",
      ",",   "quote", "max-steps", "max-time",    "type-check", "auto",
      "nil", "Atom",  "max-memory"};
  const char *name = names[choose(b, sizeof names / sizeof *names)];
  return ambi_make_sym(cx, name, strlen(name));
}

static Value variable(Bytes *b) {
  uint32_t id;
  char name = (char)('x' + choose(b, 3));
  HOLDS(ambi_symbol_intern(rt->symbols, &name, 1, &id), "no symbol");
  return ambi_make_var(cx, id, AMB_VAR_AS_WRITTEN);
}

// A space, a state, or a random generator: one that is there, or a new one.
static Value cell(Bytes *b, enum CellKind kind) {
  unsigned skip = choose(b, 4);
  CellHeader *found = NULL;
  for (CellHeader *c = rt->cells; c; c = c->next) {
    if (c->kind != kind) continue;
    found = c;
    if (skip-- == 0) break;
  }
  return found ? ambi_tag_ptr(TAG_CELL, found) : AMB_UNIT;
}

static Value any(Bytes *b, unsigned depth);

static Value expression(Bytes *b, unsigned depth) {
  Value items[6];
  uint32_t n = depth ? choose(b, 6) : 0;
  for (uint32_t i = 0; i < n; i++)
    items[i] = any(b, depth - 1);
  Value e = ambi_make_expr(cx, items, n);
  if (n > 1 && choose(b, 8) == 0)  // the same children, seen as a tail
    e = ambi_make_tail(cx, ambi_make_cons(cx, AMB_TRUE, e), 1);
  return e;
}

static Value any(Bytes *b, unsigned depth) {
  switch (choose(b, 12)) {
  case 0: return number(b);
  case 1: return string(b);
  case 2: return ambi_bool(choose(b, 2));
  case 3: return cell(b, (enum CellKind)choose(b, 4));
  case 4: return AMB_OP_ID(choose(b, OP_COUNT));
  case 5:
  case 6: return variable(b);
  case 7:
  case 8: return symbol(b);
  default: return expression(b, depth);
  }
}

// The n-th word of a type (-> WORD WORD ...), or of one that is no such arrow
// nothing; an expression counts as a word.
static const char *word_of_type(const char *type, unsigned n, size_t *len) {
  if (strncmp(type, "(->", 3) != 0) return NULL;
  const char *p = type + 3;
  for (;;) {
    p += strspn(p, " ");
    unsigned depth = 0;
    const char *from = p;
    while (*p && (depth || (*p != ' ' && *p != ')'))) {
      depth += *p == '(';
      depth -= *p == ')';
      p++;
    }
    *len = (size_t)(p - from);
    if (*len == 0) return NULL;
    if (n-- == 0) return from;
  }
}

static bool is_word(const char *word, size_t len, const char *text) {
  return word && strlen(text) == len && memcmp(word, text, len) == 0;
}

static Value argument(Bytes *b, const char *type, unsigned i) {
  size_t len = 0;
  const char *word = word_of_type(type, i, &len);
  if (!word || choose(b, 8) == 0) return any(b, MAX_DEPTH);
  if (is_word(word, len, "Number")) return number(b);
  if (is_word(word, len, "String")) return string(b);
  if (is_word(word, len, "Bool")) return ambi_bool(choose(b, 2));
  if (is_word(word, len, "Symbol")) return symbol(b);
  if (is_word(word, len, "Variable")) return variable(b);
  if (is_word(word, len, "SpaceType")) return cell(b, CELL_SPACE);
  if (is_word(word, len, "RandomGenerator")) return cell(b, CELL_RNG);
  if (is_word(word, len, "(StateMonad $t)")) return cell(b, CELL_STATE);
  if (is_word(word, len, "Expression")) return expression(b, MAX_DEPTH);
  return any(b, MAX_DEPTH);
}

// ---- answers ----------------------------------------------------------------------

static Buffer printed(const Value *v, size_t n) {
  Buffer b = {0};
  ambi_print_results(rt, &b, v, n);
  HOLDS(!b.failed && b.text, "does not print");
  return b;
}

static bool is_error(Value v) {
  return ambi_is_expression(v) && ambi_expr_size(v) > 0 &&
         ambi_same(ambi_deref(ambi_expr_at(v, 0)), AMB_SYM(ERROR));
}

static void check_type(const Builtin *op, Value v) {
  size_t len, last = 0;
  const char *word = NULL, *next;
  unsigned n = 0;
  for (; (next = word_of_type(op->type, n, &len)); n++)
    word = next, last = len;
  v = ambi_deref(v);
  if (is_error(v)) return;
  bool ok = true;
  if (is_word(word, last, "Number")) ok = ambi_is_number(v);
  if (is_word(word, last, "Bool"))
    ok = ambi_is_bool(v) || ambi_same(v, AMB_TRUE);
  if (is_word(word, last, "String")) ok = ambi_is_str(v);
  if (is_word(word, last, "Expression")) ok = ambi_is_expression(v);
  if (is_word(word, last, "SpaceType")) ok = ambi_is_space(v);
  if (is_word(word, last, "(->)")) ok = v.w == AMB_UNIT.w;
  Buffer b = printed(&v, 1);
  HOLDS(ok, "%s gives %s, which is no %.*s", op->name, b.text, (int)last, word);
  ambi_buffer_drop(&b);
}

typedef struct Answer {
  enum BuiltinStatus status;
  ValueVec values;
} Answer;

static Answer answer(const Builtin *op, const Value *args, unsigned n) {
  Answer a = {.status = B_OK};
  Value out = AMB_NONE;
  cx->message[0] = 0;
  cx->error_reason = AMB_NONE;
  rt->limits.memory = ambi_alloc_bytes() + ROOM;
  rt->limits.query_seconds = SECONDS;
  ambi_limits_begin(cx);
  a.status = op->fn(cx, args, n, &out);
  ambi_alloc_limit(0);  // what is found is printed
  HOLDS(a.status != B_STOP || cx->stop == STOP_MEMORY || cx->stop == STOP_TIME,
        "%s stops without a reason: %d", op->name, cx->stop);
  HOLDS(a.status == B_STOP || cx->stop == STOP_NONE, "%s goes on after a stop",
        op->name);
  switch (a.status) {
  case B_OK:
    HOLDS(!ambi_is_none(out) && ambi_vec_push(&a.values, out), "%s gives none",
          op->name);
    break;
  case B_MANY:
    for (size_t i = 0; i < cx->many.n; i++)
      HOLDS(ambi_vec_push(&a.values, cx->many.at[i]), "no memory");
    cx->many.n = 0;
    break;
  case B_ERROR:
    HOLDS(cx->message[0] || !ambi_is_none(cx->error_reason),
          "an error of %s untold", op->name);
    break;
  case B_EMPTY:
  case B_NOREDUCE:
  case B_STOP: break;
  }
  for (size_t i = 0; i < a.values.n; i++)
    check_type(op, a.values.at[i]);
  return a;
}

// Spaces that are made anew and NaN differ from themselves, but not in print.
static void same_again(const Builtin *op, const Answer *a, const Value *args,
                       unsigned n) {
  Answer again = answer(op, args, n);
  bool same = again.status == B_STOP ||  // now there is no room for it
              (again.status == a->status && again.values.n == a->values.n);
  for (size_t i = 0; same && i < again.values.n; i++)
    same = ambi_alpha_equal(a->values.at[i], again.values.at[i]);
  Buffer one = printed(a->values.at, a->values.n);
  Buffer two = printed(again.values.at, again.values.n);
  HOLDS(same || strcmp(one.text, two.text) == 0, "%s answers %s, then %s",
        op->name, one.text, two.text);
  ambi_buffer_drop(&one);
  ambi_buffer_drop(&two);
  ambi_vec_drop(&again.values);
}

// ---- calls ------------------------------------------------------------------------

// Those that reach the world have targets and tests of their own.
static bool is_left_out(uint32_t id) {
  switch (id) {
  case OP_IMPORT:
  case OP_INCLUDE:
  case OP_MOD_SPACE:
  case OP_REGISTER_MODULE:
  case OP_GIT_MODULE:
  case OP_EXIT:
  case OP_EXIT_NOW:
  case OP_READLN:
  case OP_READ_ALL:
  case OP_FILE_OPEN: return true;
  default: return !ambi_builtins[id].fn;
  }
}

static void call(Bytes *b) {
  uint32_t id = choose(b, OP_COUNT);
  const Builtin *op = &ambi_builtins[id];
  Value args[MAX_ARGS];
  unsigned n = op->min_args >= 0 ? (unsigned)op->min_args : 0;
  if (op->max_args != op->min_args || choose(b, 16) == 0)
    n = choose(b, MAX_ARGS);
  if (is_left_out(id) || !ambi_builtin_takes(op, n)) return;
  n = ambi_builtin_count(op, n);
  for (unsigned i = 0; i < n; i++)
    args[i] = ambi_deref(argument(b, op->type, i));
  Buffer before = printed(args, n);
  Answer a = answer(op, args, n);
  if (op->effects == E_PURE && a.status != B_STOP) {
    Buffer after = printed(args, n);
    HOLDS(strcmp(before.text, after.text) == 0, "%s turns %s into %s", op->name,
          before.text, after.text);
    ambi_buffer_drop(&after);
    same_again(op, &a, args, n);
  }
  ambi_buffer_drop(&before);
  ambi_vec_drop(&a.values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  renew();
  Bytes b = {data, size};
  while (b.n > 0 && cx->stop == STOP_NONE) {
    rt->limits = (Limits){0};
    ambi_store_release(&rt->x_type_check, false);
    rt->bare_minimal = false;
    call(&b);
  }
  cx->stop = STOP_NONE;
  ambi_isolation_end(cx);  // as at a form's end
  ambi_context_reset(cx);
  return 0;
}
