// Grounded operations called directly: answers, refusals, and what is left
// when memory runs out. A case is the text of the arguments and the text of
// what the operation answers.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/modules/module.h"
#include "runtime/runtime.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *cx;
static char printed[4096];  // by println! and its relatives
static bool output_closed;

static bool write_text(void *arg, const char *text, size_t len) {
  (void)arg;
  strncat(printed, text, len);
  return !output_closed;
}

static void note_text(void *arg, const char *text, size_t len) {
  (void)arg;
  strncat(printed, text, len);
}

static void open_runtime(void) {
  Host host = {.write = write_text, .note = note_text};
  rt = ambi_runtime_open(&host, 0);
  ck_assert_ptr_nonnull(rt);
  cx = ambi_context_open(rt);
  ck_assert_ptr_nonnull(cx);
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  printed[0] = 0;
  output_closed = false;
}

static void close_runtime(void) {
  ambi_context_close(cx);
  ambi_runtime_close(rt);
}

static Value read_atom(const char *text) {
  Reader r;
  Template t;
  ambi_reader_open(&r, rt, cx->module->tokens, text, strlen(text));
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  Value env[16];
  ck_assert_uint_le(t.nvars, 16);
  for (unsigned i = 0; i < 16; i++)
    env[i] = AMB_NONE;
  Value v = ambi_instantiate(cx, &t, env, true);
  ambi_template_release(rt->store, &t);
  return v;
}

static enum BuiltinStatus call(enum OpId op, Value args, Value *out) {
  cx->many.n = 0;
  Value list[8];
  unsigned n = ambi_expr_size(args);
  for (unsigned i = 0; i < n; i++)
    list[i] = ambi_deref(ambi_expr_at(args, i));
  return ambi_builtins[op].fn(cx, list, n, out);
}

// What an operation answered, as text that lives until the next call.
static const char *answer(enum BuiltinStatus status, Value out) {
  static char text[8192];
  Buffer b = {0};
  switch (status) {
  case B_OK: ambi_print(rt, &b, out, NULL); break;
  case B_EMPTY: ambi_buffer_puts(&b, "nothing"); break;
  case B_NOREDUCE: ambi_buffer_puts(&b, "data"); break;
  case B_STOP: ambi_buffer_puts(&b, "stop"); break;
  case B_MANY: ambi_print_results(rt, &b, cx->many.at, cx->many.n); break;
  case B_ERROR:
    ambi_buffer_puts(&b, "error: ");
    if (ambi_is_none(cx->error_reason))
      ambi_buffer_puts(&b, cx->message);
    else
      ambi_print(rt, &b, cx->error_reason, NULL);
  }
  snprintf(text, sizeof text, "%s", b.text);
  ambi_buffer_drop(&b);
  return text;
}

static const char *ask(enum OpId op, const char *args) {
  Value out = AMB_NONE;
  enum BuiltinStatus status = call(op, read_atom(args), &out);
  return answer(status, out);
}

typedef struct Case {
  enum OpId op;
  const char *args, *answer;
} Case;

static void check_cases(const Case *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char *got = ask(cases[i].op, cases[i].args);
    ck_assert_msg(strcmp(got, cases[i].answer) == 0, "(%s %s): %s, not %s",
                  ambi_builtins[cases[i].op].name, cases[i].args, got,
                  cases[i].answer);
  }
}
#define CHECK(cases) check_cases(cases, sizeof cases / sizeof cases[0])

// ---- pure operations --------------------------------------------------------

START_TEST(arithmetic) {
  static const Case cases[] = {
      {OP_ADD, "(1 2)", "3"},
      {OP_ADD, "(9223372036854775807 1)", "9223372036854775808"},
      {OP_ADD, "(1 2.5)", "3.5"},
      {OP_ADD, "(a 1)", "data"},
      {OP_ADD, "(1)", "data"},
      {OP_DIV, "(-5 2)", "-2"},
      {OP_DIV, "(-9223372036854775808 -1)", "9223372036854775808"},
      {OP_DIV, "(5 0)", "error: DivisionByZero"},
      {OP_DIV, "(5.0 0)", "inf"},
      {OP_DIV, "(a 1)",
       "error: Divide expects two numbers: dividend and divisor"},
      {OP_REM, "(-5 3)", "-2"},
      {OP_REM, "(5 0)", "error: DivisionByZero"},
      {OP_REM, "(5.5 2)", "1.5"},
      {OP_REM, "(a 2)", "data"},
      {OP_LE, "(2 2.0)", "True"},
      {OP_GE, "(1 2)", "False"},
      {OP_MIN, "(3 2.5)", "2.5"},
      {OP_MAX, "(3 a)", "data"},
      {OP_AND, "(True False)", "False"},
      {OP_XOR, "(True False)", "True"},
      {OP_NOT, "(a)", "data"},
  };
  CHECK(cases);
  Value nan[2] = {ambi_double(0.0 / 0.0), ambi_small_int(1)}, out;
  ck_assert_int_eq(ambi_b_lt(cx, nan, 2, &out), B_OK);
  ck_assert(ambi_same(out, AMB_FALSE));
  ck_assert_int_eq(ambi_b_ge(cx, nan, 2, &out), B_OK);
  ck_assert(ambi_same(out, AMB_FALSE));
  ck_assert_int_eq(ambi_b_max(cx, nan, 2, &out), B_OK);
  ck_assert(ambi_same(out, nan[1]));
}
END_TEST

START_TEST(math_functions) {
  static const Case cases[] = {
      {OP_POW_MATH, "(2 3)", "8.0"},
      {OP_POW_MATH, "(2 -2)", "0.25"},
      {OP_POW_MATH, "(2 3000000000)",
       "error: power argument is too big, try using float value"},
      {OP_POW_MATH, "(2 100000000000000000000)",
       "error: power argument is too big, try using float value"},
      {OP_SQRT_MATH, "(-1)", "NaN"},
      {OP_SQRT_MATH, "(a)", "error: sqrt-math expects one argument: number"},
      {OP_ABS_MATH, "(-9223372036854775808)", "9223372036854775808"},
      {OP_LOG_MATH, "(2 8)", "3.0"},
      {OP_ROUND_MATH, "(-2.5)", "-3.0"},
      {OP_ROUND_MATH, "(5)", "5"},
      {OP_FLOOR_MATH, "(a)",
       "error: floor-math expects one argument: input number"},
      {OP_ASIN_MATH, "(2)", "NaN"},
      {OP_ISNAN_MATH, "(100000000000000000000)", "False"},
      {OP_ISINF_MATH, "(1e400)", "True"},
      {OP_MIN_ATOM, "((3 1 2))", "1.0"},
      {OP_MAX_ATOM, "(())", "error: Empty expression"},
      {OP_MAX_ATOM, "((a 1))",
       "error: Only numbers are allowed in expression: (a 1)"},
  };
  CHECK(cases);
}
END_TEST

START_TEST(atoms) {
  static const Case cases[] = {
      {OP_EQUAL, "(1 1.0)", "True"},
      {OP_EQUAL, "($x $y)", "False"},
      {OP_ALPHA_EQ, "((a $x) (a $y))", "True"},
      {OP_ALPHA_EQ, "(($x $x) ($a $b))", "False"},
      {OP_IF_EQUAL, "(($x) ($y) yes no)", "yes"},
      {OP_IS_ERROR, "((Error a b))", "True"},
      {OP_IS_ERROR, "((error a b))", "False"},
      {OP_NOP, "(1 2 3)", "()"},
      {OP_SUPERPOSE, "((a b))", "[a, b]"},
      {OP_SUPERPOSE, "((a))", "a"},
      {OP_SUPERPOSE, "(())", "nothing"},
      {OP_SUPERPOSE, "(a)",
       "error: superpose expects single expression as an argument"},
      {OP_SEALED, "(($x) ($x $y $y))", "($x $y#1 $y#1)"},
      {OP_SIZE_ATOM, "((a b c))", "3"},
      {OP_SIZE_ATOM, "(a)", "error: Atom is not an ExpressionAtom"},
      {OP_INDEX_ATOM, "((a b) 1.9)", "b"},
      {OP_INDEX_ATOM, "((a b) -1)", "error: Index is out of bounds"},
      {OP_INDEX_ATOM, "((a b) 1e300)", "error: Index is out of bounds"},
      {OP_REVERSED, "((1 (2 3) $x))", "($x (2 3) 1)"},
      {OP_SLICE, "((a b c d e f g) 1 3)", "(b c d)"},
      {OP_SLICE, "((a b c d e f g) 2 100)", "(c d e f g)"},
      {OP_SLICE, "((a b c) 5 2)", "()"},
      {OP_RANGE, "(0 10 4)", "(0 4 8)"},
      {OP_RANGE, "(3 0 -2)", "(3 1)"},
      {OP_RANGE, "(0 100000000000000 1)", "error: range is too long"},
      {OP_CONTAINS, "(1.0 (a 1))", "True"},
      {OP_WITHOUT, "(a (a b a c))", "(b c)"},
  };
  CHECK(cases);
}
END_TEST

START_TEST(collections) {
  static const Case cases[] = {
      {OP_UNIQUE_ATOM, "((a b a c b))", "(a b c)"},
      {OP_UNIQUE_ATOM, "((($x) ($y) (a $x)))", "(($x) (a $x))"},
      {OP_UNIQUE_ATOM, "((1 1.0 \"1\"))", "(1 \"1\")"},
      {OP_UNION_ATOM, "((a b) (b))", "(a b b)"},
      {OP_INTERSECTION_ATOM, "((a b c c) (b c c c d))", "(b c c)"},
      {OP_INTERSECTION_ATOM, "((1 2.0 (x 2)) (1 2 (x 2.0)))", "(1)"},
      {OP_SUBTRACTION_ATOM, "((a b b c) (b c c d))", "(a b)"},
      {OP_SUBTRACTION_ATOM, "((a) b)", "error: Atom is not an ExpressionAtom"},
      {OP_SORTED, "((b 2 \"s\" 1.5 a (a) -1))", "(-1 1.5 2 \"s\" a b (a))"},
      {OP_SORTED, "((a))", "(a)"},
      {OP_SORT_STRINGS, "((\"b\" \"a\" \"é\" \"ab\"))",
       "(\"a\" \"ab\" \"b\" \"é\")"},
      {OP_SORT_STRINGS, "((b))",
       "error: sort-strings expects expression with strings as a first "
       "argument"},
  };
  CHECK(cases);
}
END_TEST

// A bound variable counts as its value.
START_TEST(collections_see_through_bindings) {
  Value list = read_atom("((f $x) (f 1) (f 2))");
  Value var = ambi_deref(ambi_expr_at(ambi_expr_at(list, 0), 1));
  ck_assert(ambi_bind(cx, var, ambi_small_int(2)));
  Value out;
  ck_assert_int_eq(ambi_b_unique_atom(cx, &list, 1, &out), B_OK);
  ck_assert_str_eq(answer(B_OK, out), "((f 2) (f 1))");
}
END_TEST

START_TEST(templates) {
  static const Case cases[] = {
      {OP_FILLED, "((1 2) $x (f $x a))", "((f 1 a) (f 2 a))"},
      {OP_FILLED, "((1 2) $x (f $x $y))", "((f 1 $y#1) (f 2 $y#2))"},
      {OP_FILLED, "(($y) $x (f $x $y))", "((f $y $y#1))"},
      {OP_FILLED, "((1) x (f x))", "((Error (atom-subst 1 x (f x)) NoReturn))"},
      {OP_HAS_INSTRUCTION, "(((f 1) (eval (g))))", "True"},
      {OP_HAS_INSTRUCTION, "(((f (eval (g)))))", "False"},
      {OP_PICKED, "((a b c) (_tests True False True) call)", "(a c)"},
      {OP_PICKED, "((a b) (_tests True b) call)", "(Error call NoReturn)"},
      {OP_PICKED, "((a) (Error x y) call)", "(Error x y)"},
      {OP_APPLY_LAMBDA, "(($x $y) (f $y $x $z $z) (1 2))", "(f 2 1 $z#1 $z#1)"},
      {OP_APPLY_LAMBDA, "(() body ())", "body"},
      {OP_APPLY_LAMBDA, "(($x) body (1 2))",
       "(Error ((|-> ($x) body) 1 2) IncorrectNumberOfArguments)"},
      {OP_APPLY_LAMBDA, "((($x b)) $x ((a b)))",
       "(unify (($x#1 b)) ((a b)) $x#1 Empty)"},
      {OP_APPLY_LAMBDA, "(($x $x) $x (1 2))",
       "(unify ($x#1 $x#1) (1 2) $x#1 Empty)"},
      {OP_MINIMAL_FOLDL, "(() 7 $a $b (+ $a $b) s)", "(return 7)"},
      {OP_MINIMAL_FOLDL, "((1 2) 0 $a $b (+ $a $b $c) s)",
       "(chain (metta (+ 0 1 $c#1) %Undefined% s) $x#2 (eval "
       "(_minimal-foldl-atom (2) $x#2 $a $b (+ $a $b $c) s)))"},
      {OP_MINIMAL_FOLDL, "((1) 0 a $b (+ $a $b) s)",
       "error: Variable is expected as a third argument"},
      {OP_COLLAPSE_ADD, "(() b)",
       "error: (Atom Bindings) pair is expected as a second argument"},
  };
  CHECK(cases);
}
END_TEST

// Bindings of a result apply to it for the time of the call only.
START_TEST(collapsed_results) {
  Value parts = read_atom("((f $x $y) $x)");
  Value atom = ambi_expr_at(parts, 0), x = ambi_expr_at(parts, 1);
  Word *w = ambi_heap_alloc(cx, 3);
  w[0] = ambi_header(KIND_BIND, 0, 2);
  w[1] = ambi_deref(x).w;
  w[2] = ambi_small_int(5).w;
  Value bindings = ambi_tag_ptr(TAG_OBJ, w);
  Value pair = AMB_EXPR(cx, atom, bindings), out;
  Value pairs = AMB_EXPR(cx, pair);
  ck_assert_int_eq(ambi_b_collapsed(cx, &pairs, 1, &out), B_OK);
  ck_assert_str_eq(answer(B_OK, out), "((f 5 $y))");
  ck_assert_str_eq(answer(B_OK, atom), "(f $x $y)");
  ck_assert_uint_eq(cx->tr, 0);
  Value args[2] = {read_atom("(a)"), pair};
  ck_assert_int_eq(ambi_b_collapse_add(cx, args, 2, &out), B_OK);
  ck_assert_str_eq(answer(B_OK, out), "(a (f 5 $y))");
}
END_TEST

START_TEST(texts) {
  static const Case cases[] = {
      {OP_FORMAT_ARGS, "(\"{} and {}\" (a \"b\"))", "\"a and b\""},
      {OP_FORMAT_ARGS, "(\"{}{}|{{}}|{0}\" (a))", "\"a|{}|{0}\""},
      {OP_FORMAT_ARGS, "(\"{\" (a))", "\"{\""},
      {OP_FORMAT_ARGS, "(\"x\" a)", "error: Atom is not an ExpressionAtom"},
      {OP_REPR, "((a \"b\" $c))", "\"(a \\\"b\\\" $c)\""},
      {OP_PARSE, "(\"(a $b) rest\")", "(a $b)"},
      {OP_PARSE, "(\"(a\")", "data"},
      {OP_PARSE, "(\" ; none\")",
       "(Error (parse \" ; none\") parse found no atom)"},
      {OP_TEXT_CHARS, "(\"hé!\")", "(\"h\" \"é\" \"!\")"},
      {OP_TEXT_JOINED, "((a \"b\" (\"c\")) \", \")", "\"a, b, (\\\"c\\\")\""},
      {OP_TEXT_SYMBOL, "(\"a b\")", "a b"},
      {OP_STRING_LENGTH, "(\"héllo\")", "5"},
      {OP_SUBSTRING, "(\"héllo\" 1 3)", "\"él\""},
      {OP_SUBSTRING, "(\"héllo\" -5 100)", "\"héllo\""},
      {OP_SUBSTRING, "(\"héllo\" 3 1)", "\"\""},
      {OP_STRING_FIND, "(\"héllo\" \"lo\")", "3"},
      {OP_STRING_FIND, "(\"héllo\" \"x\")", "-1"},
      {OP_STRING_SPLIT, "(\",a,,\" \",\")", "(\"\" \"a\" \"\" \"\")"},
      {OP_STRING_SPLIT, "(\"a\" \"\")",
       "error: string-split expects a text to split at"},
      {OP_STRING_REPLACE, "(\"aXbX\" \"X\" \"YX\")", "\"aYXbYX\""},
      {OP_STRING_UPPER, "(\"aé[z\")", "\"Aé[Z\""},
      {OP_STRING_LOWER, "(\"A@Z\")", "\"a@z\""},
      {OP_STRING_TRIM, "(\" \\t a b \\n\")", "\"a b\""},
      {OP_STRING_TRIM, "(\"  \")", "\"\""},
      {OP_STRING_COMPARE, "(\"a\" \"ab\")", "-1"},
      {OP_STRING_TO_NUMBER, "(\" -123456789012345678901 \")",
       "-123456789012345678901"},
      {OP_STRING_TO_NUMBER, "(\"1x\")", "error: the text is not a number"},
      {OP_CONCAT, "(\"a\" b 1)", "\"ab1\""},
      {OP_CONCAT, "()", "\"\""},
  };
  CHECK(cases);
}
END_TEST

START_TEST(printing) {
  ck_assert_str_eq(ask(OP_PRINTLN, "(\"a\\n\")"), "()");
  ck_assert_str_eq(ask(OP_PRINT, "((\"b\"))"), "()");
  ck_assert_str_eq(ask(OP_PRINT_ALTERNATIVES, "(\"t\" (1 \"x\"))"), "()");
  ck_assert_str_eq(ask(OP_TRACE, "(\"note\" back)"), "back");
  ck_assert_str_eq(printed, "a\n\n(\"b\")2 t:\n    1\n    x\n\"note\"\n");
  output_closed = true;
  ck_assert_str_eq(ask(OP_PRINTLN, "(a)"), "stop");
  ck_assert_int_eq(cx->stop, STOP_EXIT);
  ck_assert_int_eq(cx->exit_code, 0);
}
END_TEST

START_TEST(json) {
  static const Case cases[] = {
      {OP_JSON_ENCODE, "((1 2.5 \"a\\\"\\n\\x01\" True null s $v ()))",
       "\"[1, 2.5, \\\"a\\\\\\\"\\\\n\\\\u0001\\\", true, null, "
       "\\\"sym!:s\\\", \\\"var!:v\\\", []]\""},
      {OP_JSON_ENCODE, "(1e400)", "\"null\""},
      {OP_JSON_ENCODE, "((1 +))",
       "error: json-encode cannot write an atom of this type"},
      {OP_JSON_DECODE,
       "(\"[1, -2.5e3, true, null, \\\"sym!:s\\\", \\\"q\\\", [[]]]\")",
       "(1 -2500.0 True null s \"q\" (()))"},
      {OP_JSON_DECODE, "(\"[-123456789012345678901, 9223372036854775808]\")",
       "(-123456789012345678901 9223372036854775808)"},
      {OP_JSON_DECODE, "(\"1.0000000000000000000001\")", "1.0"},
      {OP_JSON_DECODE, "(\"\\\"\\\\u0000123456789012345678901\\\"\")",
       "\"\\0123456789012345678901\""},
      {OP_JSON_DECODE, "(\"[1,\")",
       "error: Failed to decode string. Reason: ']' expected near end of "
       "file"},
  };
  CHECK(cases);
  Value out, text = read_atom("(\"{\\\"a\\\": [1], \\\"b\\\": {}}\")");
  ck_assert_int_eq(call(OP_JSON_DECODE, text, &out), B_OK);
  ck_assert(ambi_is_space(out));
  ck_assert_uint_eq(ambi_space_count(ambi_space_of(out)), 2);
  ck_assert_int_eq(ambi_b_json_encode(cx, &out, 1, &out), B_OK);
  ck_assert_str_eq(answer(B_OK, out), "\"{\\\"a\\\":[1], \\\"b\\\":{}}\"");
}
END_TEST

// ---- operations with a memory -----------------------------------------------

START_TEST(spaces) {
  Value space, out;
  ck_assert_int_eq(ambi_b_new_space(cx, NULL, 0, &space), B_OK);
  ck_assert_int_eq(ambi_b_get_atoms(cx, &space, 1, &out), B_EMPTY);
  const char *added[] = {"(a $x $x)", "b", "(a $x $x)"};
  for (unsigned i = 0; i < 3; i++) {
    Value args[2] = {space, read_atom(added[i])};
    ck_assert_int_eq(ambi_b_add_atom(cx, args, 2, &out), B_OK);
    ck_assert(ambi_is_unit(out));
  }
  enum BuiltinStatus status = ambi_b_get_atoms(cx, &space, 1, &out);
  ck_assert_str_eq(answer(status, out), "[(a $x#1 $x#1), b, (a $x#2 $x#2)]");
  cx->many.n = 0;
  Value args[2] = {space, read_atom("b")};
  ck_assert_int_eq(ambi_b_remove_atom(cx, args, 2, &out), B_OK);
  ck_assert_int_eq(ambi_b_remove_atom(cx, args, 2, &out), B_OK);
  ck_assert_uint_eq(ambi_space_count(ambi_space_of(space)), 2);
  ck_assert_str_eq(ask(OP_ADD_ATOM, "(foo a)"),
                   "error: add-atom expects a space as the first argument");
  ck_assert_str_eq(ask(OP_GET_ATOMS, "(foo)"),
                   "error: get-atoms expects a space as its argument");
}
END_TEST

START_TEST(own_atoms_of_a_module) {
  Value self = ambi_space_value(cx->space), own, out;
  Value args[2] = {self, read_atom("(fact $x)")};
  ck_assert_int_eq(ambi_b_add_atom(cx, args, 2, &out), B_OK);
  ck_assert_int_eq(ambi_b_module_space_no_deps(cx, &self, 1, &own), B_OK);
  ck_assert_str_eq(answer(B_OK, own), "GroundingSpace-top");
  enum BuiltinStatus status = ambi_b_get_atoms(cx, &own, 1, &out);
  ck_assert_str_eq(answer(status, out), "(fact $x#1)");
}
END_TEST

START_TEST(states) {
  Value state, out, args[2] = {read_atom("(a b)"), read_atom("(T U)")};
  ck_assert_int_eq(ambi_b_new_state(cx, args, 2, &state), B_OK);
  ck_assert_str_eq(answer(B_OK, state), "(State (a b))");
  args[0] = state;
  args[1] = read_atom("(f $x $x)");
  ck_assert_int_eq(ambi_b_change_state(cx, args, 2, &out), B_OK);
  ck_assert(ambi_same(out, state));
  ambi_context_reset(cx);  // contents do not live on the heap
  ck_assert_int_eq(ambi_b_get_state(cx, &state, 1, &out), B_OK);
  ck_assert_str_eq(answer(B_OK, out), "(f $x#1 $x#1)");
  ck_assert_str_eq(ask(OP_NEW_STATE_OP, "(1 ())"),
                   "error: new-state expects atom as a first argument and "
                   "non-empty list of types as a second argument");
  ck_assert_str_eq(ask(OP_CHANGE_STATE, "(5 1)"),
                   "error: change-state! expects a state as the first "
                   "argument");
}
END_TEST

START_TEST(random_numbers) {
  Value seed = ambi_small_int(42), a, b, out;
  ck_assert_int_eq(ambi_b_new_random_generator(cx, &seed, 1, &a), B_OK);
  ck_assert_int_eq(ambi_b_new_random_generator(cx, &seed, 1, &b), B_OK);
  unsigned seen[10] = {0};
  for (int i = 0; i < 1000; i++) {
    Value x, y, args[3] = {a, ambi_small_int(-5), ambi_small_int(5)};
    ck_assert_int_eq(ambi_b_random_int(cx, args, 3, &x), B_OK);
    args[0] = b;
    ck_assert_int_eq(ambi_b_random_int(cx, args, 3, &y), B_OK);
    ck_assert(ambi_same(x, y));
    int64_t i5 = ambi_int_of(x) + 5;
    ck_assert(i5 >= 0 && i5 < 10);
    seen[i5]++;
    ck_assert_int_eq(ambi_b_random_float(cx, args, 3, &x), B_OK);
    double d = ambi_double_of(x);
    ck_assert(d >= -5 && d < 5);
    args[0] = a;
    ck_assert_int_eq(ambi_b_random_float(cx, args, 3, &x), B_OK);
  }
  for (unsigned i = 0; i < 10; i++)
    ck_assert_uint_ge(seen[i], 50);
  Value whole[3] = {a, read_atom("-9223372036854775808"),
                    read_atom("9223372036854775807")};
  ck_assert_int_eq(ambi_b_random_int(cx, whole, 3, &out), B_OK);
  Value none[3] = {a, ambi_small_int(5), ambi_small_int(5)};
  ck_assert_str_eq(answer(ambi_b_random_int(cx, none, 3, &out), out),
                   "error: RangeIsEmpty");
  Value wrong[3] = {seed, ambi_small_int(5), ambi_small_int(6)};
  ck_assert_int_eq(ambi_b_random_int(cx, wrong, 3, &out), B_ERROR);
  wrong[0] = AMB_OP_ID(OP_RNG);
  ck_assert_int_eq(ambi_b_random_int(cx, wrong, 3, &out), B_OK);
}
END_TEST

static Value open_file(const char *path, const char *options) {
  Value args[2] = {ambi_make_str(cx, path, strlen(path)),
                   ambi_make_str(cx, options, strlen(options))};
  Value out = AMB_NONE;
  return ambi_b_file_open(cx, args, 2, &out) == B_OK ? out : AMB_NONE;
}

START_TEST(files) {
  char path[] = P_tmpdir "/ambit_builtin_test_XXXXXX";
  int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  close(fd);
  Value out, f = open_file(path, "rwct");
  ck_assert(ambi_is_cell_kind(f, CELL_FILE));
  Value args[2] = {f, ambi_make_str(cx, "héllo", 6)};
  ck_assert_int_eq(ambi_b_file_write(cx, args, 2, &out), B_OK);
  args[1] = ambi_small_int(0);
  ck_assert_int_eq(ambi_b_file_seek(cx, args, 2, &out), B_OK);
  args[1] = ambi_small_int(2);
  ck_assert_str_eq(answer(ambi_b_file_read_exact(cx, args, 2, &out), out),
                   "error: Read exact failed: the bytes are not valid UTF-8");
  args[1] = ambi_small_int(1);
  ck_assert_int_eq(ambi_b_file_seek(cx, args, 2, &out), B_OK);
  args[1] = ambi_small_int(100);
  ck_assert_str_eq(answer(ambi_b_file_read_exact(cx, args, 2, &out), out),
                   "\"éllo\"");
  ck_assert_str_eq(answer(ambi_b_file_get_size(cx, &f, 1, &out), out), "6");
  ck_assert_int_eq(ambi_b_file_close(cx, &f, 1, &out), B_OK);
  ck_assert_int_eq(ambi_b_file_get_size(cx, &f, 1, &out), B_ERROR);
  static const char *const refused[] = {"", "zz", "rc", "rt", "at", "rtc"};
  for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
    ck_assert_msg(ambi_is_none(open_file(path, refused[i])), "%s", refused[i]);
  f = open_file(path, "ra");
  args[0] = f;
  args[1] = ambi_make_str(cx, "!", 1);
  ck_assert_int_eq(ambi_b_file_write(cx, args, 2, &out), B_OK);
  ck_assert_str_eq(answer(ambi_b_file_get_size(cx, &f, 1, &out), out), "7");
  unlink(path);
  ck_assert(ambi_is_none(open_file(path, "r")));
}
END_TEST

START_TEST(exits) {
  ck_assert_str_eq(ask(OP_EXIT, "(300)"),
                   "error: exit! expects a number from 0 to 255");
  ck_assert_str_eq(ask(OP_EXIT, "(7)"), "stop");
  ck_assert_int_eq(cx->stop, STOP_EXIT);
  ck_assert_int_eq(cx->exit_code, 7);
}
END_TEST

// ---- the table --------------------------------------------------------------

START_TEST(rows_are_complete) {
  for (unsigned i = 0; i < OP_COUNT; i++) {
    const Builtin *b = &ambi_builtins[i];
    ck_assert_msg((b->fn == NULL) == ((b->flags & F_ENGINE) != 0), "%s",
                  b->name);
    ck_assert_msg(b->max_args == -1 || b->max_args >= b->min_args, "%s",
                  b->name);
    for (unsigned k = 0; k < i; k++)
      ck_assert_msg(strcmp(b->name, ambi_builtins[k].name) != 0, "%s", b->name);
  }
}
END_TEST

// `eval` calls an operation with whatever arguments there are. (Operations that
// act on modules and tokens need a running program and are tested there.)
START_TEST(missing_arguments) {
  for (unsigned i = 0; i < OP_COUNT; i++) {
    const Builtin *b = &ambi_builtins[i];
    bool reads_input = i == OP_READLN || i == OP_READ_ALL;
    bool on_modules = (b->effects & E_RULES) && !(b->effects & E_WRITE_SPACE);
    if (!b->fn || reads_input || on_modules || b->effects == E_ALL) continue;
    cx->many.n = 0;
    cx->stop = STOP_NONE;
    Value *none = malloc(1), out = AMB_NONE;
    b->fn(cx, none, 0, &out);
    free(none);
  }
}
END_TEST

// A failed allocation stops the form and leaves nothing behind that a second
// try would trip over.
START_TEST(memory_runs_out) {
  static const Case cases[] = {
      {OP_UNIQUE_ATOM, "((a b (c $x) a))", "(a b (c $x))"},
      {OP_UNION_ATOM, "((a b) (c))", "(a b c)"},
      {OP_INTERSECTION_ATOM, "((a (b c)) ((b c)))", "((b c))"},
      {OP_SORTED, "((b a 2 1))", "(1 2 a b)"},
      {OP_SORT_STRINGS, "((\"b\" \"a\"))", "(\"a\" \"b\")"},
      {OP_SUPERPOSE, "((a b c))", "[a, b, c]"},
      {OP_SEALED, "(($x) ($x (g $y)))", "($x (g $y#1))"},
      {OP_FILLED, "((1 2) $x (f $x $y))", "((f 1 $y#1) (f 2 $y#2))"},
      {OP_APPLY_LAMBDA, "(($x) (f $x $y) (1))", "(f 1 $y#1)"},
      {OP_FORMAT_ARGS, "(\"a{}b\" (1))", "\"a1b\""},
      {OP_TEXT_CHARS, "(\"ab\")", "(\"a\" \"b\")"},
      {OP_STRING_SPLIT, "(\"a,b\" \",\")", "(\"a\" \"b\")"},
      {OP_PARSE, "(\"(f $x unheard-of)\")", "(f $x unheard-of)"},
      {OP_JSON_ENCODE, "((1 (2)))", "\"[1, [2]]\""},
      {OP_JSON_DECODE, "(\"[1, [2, \\\"s\\\"]]\")", "(1 (2 \"s\"))"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    Value args = read_atom(cases[i].args), out = AMB_NONE;
    enum BuiltinStatus status = B_STOP;
    for (unsigned k = 1; status == B_STOP; k++) {
      ck_assert_uint_lt(k, 200);
      cx->stop = STOP_NONE;
      ambi_alloc_fail_at(k);
      status = call(cases[i].op, args, &out);
      ambi_alloc_fail_at(0);
      if (status == B_STOP) ck_assert_int_eq(cx->stop, STOP_MEMORY);
    }
    ck_assert_str_eq(answer(status, out), cases[i].answer);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("builtin");
  tcase_add_checked_fixture(tc, open_runtime, close_runtime);
  tcase_add_test(tc, arithmetic);
  tcase_add_test(tc, math_functions);
  tcase_add_test(tc, atoms);
  tcase_add_test(tc, collections);
  tcase_add_test(tc, collections_see_through_bindings);
  tcase_add_test(tc, templates);
  tcase_add_test(tc, collapsed_results);
  tcase_add_test(tc, texts);
  tcase_add_test(tc, printing);
  tcase_add_test(tc, json);
  tcase_add_test(tc, spaces);
  tcase_add_test(tc, own_atoms_of_a_module);
  tcase_add_test(tc, states);
  tcase_add_test(tc, random_numbers);
  tcase_add_test(tc, files);
  tcase_add_test(tc, exits);
  tcase_add_test(tc, rows_are_complete);
  tcase_add_test(tc, missing_arguments);
  tcase_add_test(tc, memory_runs_out);
  return unit_run(tc, "builtin");
}
