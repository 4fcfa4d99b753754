// Types of atoms, checks before a call, and the assertions on results, on a
// runtime without modules: what a space says is what the test put there.
#include <stdio.h>
#include <string.h>

#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/runtime.h"
#include "runtime/types/types.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Context *cx;
static Tokens *tokens;
static Space *space;

static void open_runtime(void) {
  rt.symbols = ambi_symbols_open();
  rt.store = ambi_store_open();
  ck_assert(ambi_words_open(&rt) && ambi_builtins_open(&rt));
  cx = ambi_context_open(&rt);
  tokens = ambi_tokens_open(&rt);
  space = ambi_space_open(&rt, "test", true);
  ck_assert(cx && tokens && space);
  cx->space = space;
}

static void close_runtime(void) {
  ambi_context_close(cx);
  ambi_tokens_close(tokens);
  while (rt.cells) {
    CellHeader *c = rt.cells;
    rt.cells = c->next;
    ambi_space_free((Space *)c);
  }
  ambi_builtins_close(&rt);
  ambi_words_close(&rt);
  ambi_store_close(rt.store);
  ambi_symbols_close(rt.symbols);
}

// ---- text to atoms and back ---------------------------------------------------

static void add(const char *text) {
  Reader r;
  Template t;
  ambi_reader_open(&r, &rt, tokens, text, strlen(text));
  while (ambi_read(&r, &t) == READ_ATOM)
    ck_assert(ambi_space_add_template(space, &t));
}

// The atoms of the text share their variables: they are read as one.
static Value read_all(const char *text) {
  char whole[2000];
  snprintf(whole, sizeof whole, "(%s)", text);
  Reader r;
  Template t;
  ambi_reader_open(&r, &rt, tokens, whole, strlen(whole));
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  Value env[16];
  for (size_t i = 0; i < 16; i++)
    env[i] = AMB_NONE;
  ck_assert_uint_le(t.nvars, 16);
  Value v = ambi_instantiate(cx, &t, env, true);
  ambi_template_release(rt.store, &t);
  return v;
}

static Value atom(const char *text) {
  return ambi_expr_at(read_all(text), 0);
}

static Buffer shown;

static const char *print(const Value *v, size_t n) {
  ambi_buffer_drop(&shown);
  ambi_print_results(&rt, &shown, v, n);
  ck_assert(!shown.failed);
  return shown.text;
}

#define ck_prints(v, n, expected) ck_assert_str_eq(print((v), (n)), (expected))

// Valid types, then a bar and the errors if there are any.
static void check_types(Value a, const char *expected) {
  TypeVec types = {0};
  ValueVec valid = {0}, errors = {0};
  size_t mark = cx->tr;
  ck_assert(ambi_get_types(cx, space, a, &types));
  ck_assert_uint_eq(cx->tr, mark);
  for (size_t i = 0; i < types.n; i++) {
    const TypeItem *t = &types.at[i];
    ambi_vec_push(t->is_error ? &errors : &valid,
                  t->is_error ? t->error : t->type);
  }
  char text[4000];
  int len = snprintf(text, sizeof text, "%s", print(valid.at, valid.n));
  if (errors.n)
    snprintf(text + len, sizeof text - (size_t)len, " | %s",
             print(errors.at, errors.n));
  ambi_vec_drop(&valid);
  ambi_vec_drop(&errors);
  ambi_types_drop(&types);
  ambi_buffer_drop(&shown);
  ck_assert_str_eq(text, expected);
}

static void types(const char *text, const char *expected) {
  check_types(atom(text), expected);
}

// The check of a call against the first function type of its head: the function
// type as the check left it, or the errors.
static void call(const char *text, const char *expected_type,
                 const char *expected) {
  Value e = atom(text), want = atom(expected_type);
  TypeVec found = {0};
  ValueVec errors = {0};
  size_t mark = cx->tr;
  ck_assert(ambi_get_types(cx, space, ambi_expr_at(e, 0), &found));
  ck_assert_uint_ge(found.n, 1);
  Value f = found.at[0].type;
  bool ok = ambi_check_applicable(cx, space, e, f, want, &errors);
  ck_assert(ok || cx->tr == mark);
  ck_assert(!ok || errors.n == 0);
  if (ok)
    ck_prints(&f, 1, expected);
  else
    ck_prints(errors.at, errors.n, expected);
  ambi_trail_undo(cx, mark);
  ambi_vec_drop(&errors);
  ambi_types_drop(&found);
  ambi_buffer_drop(&shown);
}

static void cast(const char *text, const char *type, const char *expected) {
  ValueVec errors = {0};
  Value a = atom(text);
  if (ambi_type_cast(cx, space, a, atom(type), &errors))
    ck_prints(&a, 1, expected);
  else
    ck_prints(errors.at, errors.n, expected);
  ambi_vec_drop(&errors);
  ambi_buffer_drop(&shown);
}

// ---- types of atoms -------------------------------------------------------------

START_TEST(leaves_have_their_own_types) {
  add("(: a A) (: a B) (: v $t) (: u %Undefined%)");
  types("5", "[Number]");
  types("5.5", "[Number]");
  types("123456789012345678901234567890", "[Number]");
  types("True", "[Bool]");
  types("\"s\"", "[String]");
  types("+", "[(-> Number Number Number)]");
  types("==", "[(-> $t#1 $t#1 Bool)]");
  types("nop", "[]");
  types("$x", "[]");
  types("()", "[]");
  types("a", "[A, B]");
  types("v", "[]");
  types("u", "[]");
  types("nothing", "[]");
  check_types(ambi_space_value(space), "[SpaceType]");
}
END_TEST

START_TEST(states_carry_the_type_of_their_content) {
  State s = {.cell.kind = CELL_STATE};
  ck_assert(ambi_template_make(rt.store, atom("(List $t)"), &s.type));
  check_types(ambi_tag_ptr(TAG_CELL, &s), "[(StateMonad (List $t#1))]");
  ambi_template_release(rt.store, &s.type);
}
END_TEST

START_TEST(applications_have_the_result_type) {
  add("(: Z Nat) (: S (-> Nat Nat)) (: Nil (List $a))"
      "(: Cons (-> $a (List $a) (List $a)))");
  types("(S Z)", "[Nat]");
  types("(S (S Z))", "[Nat]");
  types("(S untyped)", "[Nat]");
  types("(S $x)", "[Nat]");
  types("(S S)", "[] | [(Error (S S) (BadArgType 1 Nat (-> Nat Nat)))]");
  types("(S Z Z)", "[] | [(Error (S Z Z) IncorrectNumberOfArguments)]");
  types("(Cons 1 Nil)", "[(List Number)]");
  types("(Cons 1 (Cons 2 Nil))", "[(List Number)]");
  types("(Cons x Nil)", "[(List $a#1)]");
  types("(Cons 1 (Cons \"a\" Nil))",
        "[] | [(Error (Cons 1 (Cons \"a\" Nil)) (BadArgType 2 (List $a#1) "
        "(List String)))]");
  types("(+ 1 2)", "[Number]");
  types("(+ 1 \"s\")",
        "[] | [(Error (+ 1 \"s\") (BadArgType 2 Number String))]");
  types("(== 1 2)", "[Bool]");
}
END_TEST

START_TEST(metatypes_and_undefined_take_ill_typed_arguments) {
  add("(: at (-> Atom A)) (: ex (-> Expression A)) (: un (-> %Undefined% A))"
      "(: sy (-> Symbol A)) (: g (-> X Atom))");
  types("(at (+ 1 \"s\"))", "[A]");
  types("(ex (+ 1 \"s\"))", "[A]");
  types("(un (+ 1 \"s\"))", "[A]");
  types("(sy b)", "[A]");
  types("(sy (+ 1 2))",
        "[] | [(Error (sy (+ 1 2)) (BadArgType 1 Symbol Number))]");
  types("(+ 1 (g x))", "[] | [(Error (+ 1 (g x)) (BadArgType 2 Number Atom))]");
}
END_TEST

START_TEST(tuples_have_the_product_of_their_types) {
  add("(: a A) (: a AA) (: b B) (: b BB) (: both A)"
      "(: both (-> Number Number)) (: (a b) Pair)");
  types("(a b)", "[(A B), (A BB), (AA B), (AA BB), Pair]");
  types("(b a)", "[(B A), (B AA), (BB A), (BB AA)]");
  types("(a untyped)", "[]");
  types("(untyped a)", "[]");
  types("(a)", "[(A), (AA)]");
  types("((1) \"s\")", "[((Number) String)]");
  types("(both 1)", "[(A Number), Number]");
  // An ill-typed part counts with its function type, as in the reference.
  types("(1 (+ 1 \"s\"))", "[(Number (-> Number Number Number))]");
}
END_TEST

START_TEST(super_types_follow_in_rounds) {
  add("(: tom Cat) (:< Cat Animal) (:< Animal Being) (:< Being Cat)"
      "(:< (Number Number) Point) (:< (List Number) Numbers)"
      "(: l (List $t)) (: (f $x) (Fam $x)) (: (f 1) One)");
  types("tom", "[Cat, Animal, Being]");
  types("(1 2)", "[(Number Number), Point]");
  types("l", "[(List $t#1), Numbers]");
  types("(f $y)", "[(Fam $y), One]");
  types("(f 2)", "[(Fam 2)]");
}
END_TEST

START_TEST(undefined_inside_a_type) {
  add("(: nums (List Number)) (: any (List %Undefined%))"
      "(: fl (-> (List %Undefined%) Number)) (: fn (-> (List Number) A))"
      "(: two (-> (P $t $t) $t)) (: p (P %Undefined% Number))");
  types("(fl nums)", "[Number]");
  types("(fn any)", "[A]");
  types("(two p)", "[%Undefined%]");
  add("(: un (-> A %Undefined%)) (: l (-> $t (L $t)))");
  types("(l (un a))", "[(L %Undefined%)]");
  call("(fl nums)", "%Undefined%",  // before a call it stands for itself
       "[(Error (fl nums) (BadArgType 1 (List %Undefined%) (List Number)))]");
}
END_TEST

START_TEST(several_types_of_arguments_give_several_results) {
  add("(: f (-> $a $b (R $a $b))) (: x A) (: x B) (: y C) (: y D)"
      "(: same (-> $a $a (R $a))) (: z B) (: z E) (: only (-> A B (Q)))");
  types("(f x y)", "[(R A C), (R A D), (R B C), (R B D)]");
  types("(same x z)", "[(R B)] | [(Error (same x z) (BadArgType 2 $a#1 B)), "
                      "(Error (same x z) (BadArgType 2 $a#1 E))]");
  types("(only x z)", "[(Q)]");
}
END_TEST

// ---- before a call --------------------------------------------------------------

START_TEST(calls_report_what_does_not_fit) {
  add("(: S (-> Nat Nat)) (: Z Nat) (: Cons (-> $a (List $a) (List $a)))"
      "(: Nil (List $a)) (: a A) (: a B) (: un (-> %Undefined% A))"
      "(: poly (-> $t $t $t)) (: sy (-> Symbol A)) (: m (-> A Number C))");
  call("(+ 1 2)", "%Undefined%", "[(-> Number Number Number)]");
  call("(+ 1 2)", "Number", "[(-> Number Number Number)]");
  call("(+ 1 2)", "$r", "[(-> Number Number Number)]");
  call("(+ 1 2)", "String", "[(Error (+ 1 2) (BadType String Number))]");
  call("(+ \"a\" 1)", "%Undefined%",
       "[(Error (+ \"a\" 1) (BadArgType 1 Number String))]");
  call("(+ 1)", "%Undefined%", "[(Error (+ 1) IncorrectNumberOfArguments)]");
  call("(S S)", "%Undefined%",
       "[(Error (S S) (BadArgType 1 Nat (-> Nat Nat)))]");
  call("(S (S 1))", "%Undefined%", "[(Error (S 1) (BadArgType 1 Nat Number))]");
  call("(un (S 1))", "%Undefined%",
       "[(Error (S 1) (BadArgType 1 Nat Number))]");
  call("(Cons 1 (Cons 2 Nil))", "%Undefined%",
       "[(-> Number (List Number) (List Number))]");
  call("(Cons 1 (Cons \"a\" Nil))", "%Undefined%",
       "[(Error (Cons 1 (Cons \"a\" Nil)) (BadArgType 2 (List Number) (List "
       "String)))]");
  call("(poly 1 \"s\")", "%Undefined%",
       "[(Error (poly 1 \"s\") (BadArgType 2 Number String))]");
  call("(sy (+ 1 2))", "%Undefined%",
       "[(Error (sy (+ 1 2)) (BadArgType 1 Symbol Number))]");
  call("(poly a b)", "B", "[(-> B B B)]");
  call("(m a 1)", "%Undefined%", "[(-> A Number C)]");
  // One error per way: both types of `a` are tried against the parameter, and
  // only the first leads on to the second argument.
  call("(m a \"s\")", "%Undefined%",
       "[(Error (m a \"s\") (BadArgType 2 Number String)), "
       "(Error (m a \"s\") (BadArgType 1 A B))]");
}
END_TEST

START_TEST(casts_check_atoms) {
  add("(: a A) (: a B)");
  cast("5", "Number", "[5]");
  cast("5", "%Undefined%", "[5]");
  cast("5", "$t", "[5]");
  cast("5", "String", "[(Error 5 (BadType String Number))]");
  cast("untyped", "String", "[untyped]");
  cast("()", "String", "[()]");
  cast("a", "B", "[a]");
  cast("a", "C", "[(Error a (BadType C A)), (Error a (BadType C B))]");
}
END_TEST

START_TEST(matching_undoes_its_bindings) {
  Value v = read_all("(P $x $x $y) (P 1 2 3) (P 1 1 2)");
  size_t mark = cx->tr;
  // An evaluator trails only cells below its newest choice point.
  cx->hb = (Word *)(void *)cx->heap.base;
  ck_assert(!ambi_match_types(cx, ambi_expr_at(v, 0), ambi_expr_at(v, 1)));
  ck_prints(ambi_expr_items(v), 1, "[(P $x $x $y)]");
  ck_assert(ambi_match_types(cx, ambi_expr_at(v, 0), ambi_expr_at(v, 2)));
  ck_prints(ambi_expr_items(v), 1, "[(P 1 1 2)]");
  ck_assert_uint_eq(cx->tr, mark);
  ambi_buffer_drop(&shown);
}
END_TEST

// ---- size -----------------------------------------------------------------------

static Value nest(const char *head, Value inner, size_t depth) {
  Value h = atom(head);
  while (depth--)
    inner = AMB_EXPR(cx, h, inner);
  return inner;
}

START_TEST(deep_atoms_are_typed) {
  add("(: Z Nat) (: S (-> Nat Nat)) (: id (-> $t $t))");
  check_types(nest("S", atom("Z"), 1000000), "[Nat]");
  check_types(nest("id", atom("Z"), 300000), "[Nat]");
  check_types(nest("untyped", atom("Z"), 1000000), "[]");
  Value tuple = nest("1", atom("2"), 300000);
  TypeVec found = {0};
  ck_assert(ambi_get_types(cx, space, tuple, &found));
  ck_assert_uint_eq(found.n, 1);
  ambi_types_drop(&found);
}
END_TEST

START_TEST(every_failing_allocation_stops_cleanly) {
  add("(: f (-> $a $b (R $a $b))) (: x A) (: x B) (:< B C)"
      "(: p (P %Undefined% Number)) (: two (-> (P $t $t) (R $t $t) $t))");
  Value e = atom("(two p (f x (x x)))");
  for (uint64_t n = 1;; n++) {
    TypeVec found = {0};
    ambi_alloc_fail_at(n);
    uint64_t before = ambi_alloc_attempts();
    bool ok = ambi_get_types(cx, space, e, &found);
    bool reached = ambi_alloc_attempts() - before >= n;
    ambi_alloc_fail_at(0);
    ck_assert_int_eq(ok, cx->stop == STOP_NONE);
    ambi_types_drop(&found);
    cx->stop = STOP_NONE;
    if (!reached) break;
    ck_assert_uint_lt(n, 10000);
  }
}
END_TEST

// ---- assertions -------------------------------------------------------------------

static void asserts(BuiltinFn *fn, const char *text, const char *expected) {
  Value args = read_all(text), out = AMB_NONE;
  enum BuiltinStatus status =
      fn(cx, ambi_expr_items(args), ambi_expr_size(args), &out);
  if (status == B_ERROR) {
    ck_assert_str_eq(cx->message, expected);
    return;
  }
  ck_assert_int_eq(status, B_OK);
  ck_prints(&out, 1, expected);
  ambi_buffer_drop(&shown);
}

START_TEST(assertions_compare_multisets) {
  asserts(ambi_b_assert_equal, "(1 2 3) (3 1 2) t", "[()]");
  asserts(ambi_b_assert_equal, "() () t", "[()]");
  asserts(ambi_b_assert_equal, "(1) (1.0) t", "[()]");
  asserts(ambi_b_assert_equal, "($x (f $y)) ((f $y) $x) t", "[()]");
  asserts(ambi_b_assert_equal, "(1 2 2) (1 2) (t)",
          "[(Error (t) \"\\nExpected: [1, 2]\\nGot: [1, 2, 2]\\nExcessive "
          "results: 2\")]");
  asserts(ambi_b_assert_equal, "(3) (4 4) (t)",
          "[(Error (t) \"\\nExpected: [4, 4]\\nGot: [3]\\nMissed results: 4, "
          "4\\nExcessive results: 3\")]");
  asserts(ambi_b_assert_alpha_equal, "((f $x)) ((f $y)) t", "[()]");
  asserts(ambi_b_assert_alpha_equal_msg, "(($x $x)) (($x $y)) (t) \"m\"",
          "[(Error (t) \"m\")]");
  asserts(ambi_b_assert_equal, "($x) ($y) (t)",
          "[(Error (t) \"\\nExpected: [$y]\\nGot: [$x]\\nMissed results: "
          "$y\\nExcessive results: $x\")]");
  asserts(ambi_b_assert_equal_msg, "(1) (2) (t) \"m\"", "[(Error (t) \"m\")]");
  asserts(ambi_b_assert_equal, "(1) a (t)", "Atom is not an ExpressionAtom");
  asserts(ambi_b_assert_equal, "(1)",
          "Pair of evaluation results with bindings is expected as an "
          "argument");
}
END_TEST

START_TEST(long_lists_are_compared_fast) {
  enum { N = 200000 };
  Value *items = ambi_alloc(N * sizeof *items);
  Value args[3] = {AMB_NONE, AMB_NONE, AMB_UNIT}, out;
  for (int i = 0; i < N; i++)
    items[i] = AMB_EXPR(cx, AMB_SYM(X), ambi_small_int(i));
  args[0] = ambi_make_expr(cx, items, N);
  for (int i = 0; i < N / 2; i++) {
    Value swap = items[i];
    items[i] = items[N - 1 - i];
    items[N - 1 - i] = swap;
  }
  args[1] = ambi_make_expr(cx, items, N);
  ck_assert_int_eq(ambi_b_assert_equal(cx, args, 3, &out), B_OK);
  ck_assert(ambi_is_unit(out));
  ck_assert_int_eq(ambi_b_assert_alpha_equal(cx, args, 3, &out), B_OK);
  ck_assert(ambi_is_unit(out));
  ambi_free(items, N * sizeof *items);
}
END_TEST

// ---- builtins ---------------------------------------------------------------------

START_TEST(get_type_delivers_valid_types) {
  add("(: a A) (: a B)");
  Value out = AMB_NONE, arg = atom("a");
  ck_assert_int_eq(ambi_b_get_type(cx, &arg, 1, &out), B_MANY);
  ck_prints(cx->many.at, cx->many.n, "[A, B]");
  cx->many.n = 0;
  arg = atom("5");
  ck_assert_int_eq(ambi_b_get_type(cx, &arg, 1, &out), B_OK);
  ck_prints(&out, 1, "[Number]");
  arg = atom("(untyped)");
  ck_assert_int_eq(ambi_b_get_type(cx, &arg, 1, &out), B_OK);
  ck_prints(&out, 1, "[%Undefined%]");
  arg = atom("(+ a)");
  ck_assert_int_eq(ambi_b_get_type(cx, &arg, 1, &out), B_EMPTY);
  Value two[2] = {AMB_TRUE, arg};
  ck_assert_int_eq(ambi_b_get_type_space(cx, two, 2, &out), B_ERROR);
  ck_assert_str_eq(cx->message,
                   "get-type-space expects a space as the first argument");
  ambi_buffer_drop(&shown);
}
END_TEST

START_TEST(every_operation_has_the_type_it_declares) {
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    const char *text = ambi_builtins[op].type;
    Value type = ambi_builtin_type(cx, op);
    if (!*text) {
      ck_assert(ambi_is_none(type));
      continue;
    }
    ck_assert(ambi_alpha_equal(type, atom(text)));
    if (ambi_is_expr(type) &&
        ambi_builtins[op].max_args == ambi_builtins[op].min_args)
      ck_assert_int_eq((int)ambi_expr_size(type) - 2,
                       ambi_builtins[op].max_args);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("types");
  tcase_add_checked_fixture(tc, open_runtime, close_runtime);
  tcase_add_test(tc, leaves_have_their_own_types);
  tcase_add_test(tc, states_carry_the_type_of_their_content);
  tcase_add_test(tc, applications_have_the_result_type);
  tcase_add_test(tc, metatypes_and_undefined_take_ill_typed_arguments);
  tcase_add_test(tc, tuples_have_the_product_of_their_types);
  tcase_add_test(tc, super_types_follow_in_rounds);
  tcase_add_test(tc, undefined_inside_a_type);
  tcase_add_test(tc, several_types_of_arguments_give_several_results);
  tcase_add_test(tc, calls_report_what_does_not_fit);
  tcase_add_test(tc, casts_check_atoms);
  tcase_add_test(tc, matching_undoes_its_bindings);
  tcase_add_test(tc, deep_atoms_are_typed);
  tcase_add_test(tc, every_failing_allocation_stops_cleanly);
  tcase_add_test(tc, assertions_compare_multisets);
  tcase_add_test(tc, long_lists_are_compared_fast);
  tcase_add_test(tc, get_type_delivers_valid_types);
  tcase_add_test(tc, every_operation_has_the_type_it_declares);
  return unit_run(tc, "types");
}
