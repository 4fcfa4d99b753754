// Printed text of every kind of atom, names of variables, depth, failure.
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"
#include "runtime/runtime.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Context *cx;
static Buffer out;

static void open_printer(void) {
  rt.symbols = ambi_symbols_open();
  rt.store = ambi_store_open();
  cx = ambi_context_open(&rt);
  ck_assert_ptr_nonnull(cx);
}

static void close_printer(void) {
  ambi_context_close(cx);
  ambi_store_close(rt.store);
  ambi_symbols_close(rt.symbols);
  ambi_buffer_drop(&out);
  ck_assert_uint_eq(ambi_alloc_bytes(), 0);
}

static Value sym(const char *text) {
  return ambi_make_sym(cx, text, strlen(text));
}

static Value var(const char *name, uint32_t id) {
  return ambi_make_var(cx, ambi_sym_of(sym(name)), id);
}

static Value str(const char *bytes, size_t len) {
  return ambi_make_str(cx, bytes, len);
}

static const char *printed(Value v) {
  ambi_buffer_drop(&out);
  ambi_print(&rt, &out, v, NULL);
  ck_assert(!out.failed);
  return out.text;
}

static const char *plain(Value v) {
  ambi_buffer_drop(&out);
  ambi_print_plain(&rt, &out, v, NULL);
  return out.text;
}

#define ck_prints(v, text) ck_assert_str_eq(printed(v), (text))

START_TEST(atoms_without_parts) {
  ck_prints(sym("a b"), "a b");
  ck_prints(AMB_UNIT, "()");
  ck_prints(AMB_TRUE, "True");
  ck_prints(AMB_FALSE, "False");
  ck_prints(ambi_small_int(-7), "-7");
  ck_prints(ambi_small_int(AMB_INT_MIN), "-140737488355328");
  ck_prints(ambi_double(3), "3.0");
  ck_prints(ambi_double(-0.0), "-0.0");
  ck_prints(ambi_double(0.1 + 0.2), "0.30000000000000004");
  ck_prints(ambi_double(1e16), "1e16");
  ck_prints(ambi_double(0.00001), "1e-5");
  ck_prints(ambi_num_from_int64(cx, INT64_MIN), "-9223372036854775808");
  ck_prints(AMB_OP_ID(OP_ADD), "+");
  ck_prints(AMB_OP_ID(OP_MATCH), "match");
}
END_TEST

START_TEST(strings_are_escaped) {
  ck_prints(str("", 0), "\"\"");
  ck_prints(str("a'b", 3), "\"a'b\"");
  ck_prints(str("\"\\\n\r\t\0"
                "1",
                7),
            "\"\\\"\\\\\\n\\r\\t\\01\"");
  ck_prints(str("\x1B[0m\x7F", 5), "\"\\u{1b}[0m\\u{7f}\"");
  ck_prints(str("\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80", 9),
            "\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\"");
  // what cannot be seen: NEL, NBSP, SHY, ZWSP, LS, combining acute, BOM
  ck_prints(str("\xC2\x85\xC2\xA0\xC2\xAD", 6), "\"\\u{85}\\u{a0}\\u{ad}\"");
  ck_prints(str("\xE2\x80\x8B\xE2\x80\xA8\xCC\x81\xEF\xBB\xBF", 11),
            "\"\\u{200b}\\u{2028}\\u{301}\\u{feff}\"");
  // bytes that are no text, as a file may hold them, go through
  ck_prints(str("a\xFF\nb", 4), "\"a\xFF\\nb\"");
}
END_TEST

START_TEST(string_view) {
  ck_assert_str_eq(plain(str("a\"\n", 3)), "a\"\n");
  ck_assert_str_eq(plain(AMB_EXPR(cx, sym("a"), str("b", 1))), "(a \"b\")");
  ck_assert_str_eq(plain(sym("a")), "a");
  Value v = var("v", AMB_VAR_AS_WRITTEN);
  ambi_bind(cx, v, str("s", 1));
  ck_assert_str_eq(plain(v), "s");
}
END_TEST

START_TEST(expressions) {
  Value inner = AMB_EXPR(cx, sym("a"), AMB_UNIT, str("s", 1));
  ck_prints(AMB_EXPR(cx, inner, ambi_small_int(1), inner),
            "((a () \"s\") 1 (a () \"s\"))");
  Value list = AMB_EXPR(cx, sym("a"), sym("b"), sym("c"));
  ck_prints(ambi_make_tail(cx, list, 1), "(b c)");
}
END_TEST

START_TEST(names_of_variables) {
  Value x = var("x", AMB_VAR_AS_WRITTEN), f = var("x", AMB_VAR_FRESH),
        g = var("y", AMB_VAR_FRESH), h = var("x", AMB_VAR_FRESH);
  ck_prints(x, "$x");
  ck_prints(var("", AMB_VAR_AS_WRITTEN), "$");
  ck_prints(var("x", 42), "$x#42");
  ck_prints(AMB_EXPR(cx, g, x, f, g, h, f), "($y#1 $x $x#2 $y#1 $x#3 $x#2)");
  Value results[] = {f, AMB_EXPR(cx, h, f), AMB_UNIT};
  ambi_buffer_drop(&out);
  ambi_print_results(&rt, &out, results, 3);
  ck_assert_str_eq(out.text, "[$x#1, ($x#2 $x#1), ()]");
  ambi_buffer_drop(&out);
  ambi_print_results(&rt, &out, NULL, 0);
  ck_assert_str_eq(out.text, "[]");
  ambi_bind(cx, f, AMB_EXPR(cx, x, g));
  ambi_bind(cx, h, f);
  ck_prints(AMB_EXPR(cx, h, g), "(($x $y#1) $y#1)");
}
END_TEST

START_TEST(numbering_of_many_variables) {
  enum { N = 20000 };
  Value *vars = calloc(2 * N, sizeof *vars);
  for (int i = 0; i < N; i++)
    vars[i] = vars[2 * N - 1 - i] = var("v", AMB_VAR_FRESH);
  Buffer expected = {0};
  for (int i = 0; i < 2 * N; i++) {
    char text[32];
    snprintf(text, sizeof text, "%s$v#%d", i ? " " : "(",
             i < N ? i + 1 : 2 * N - i);
    ambi_buffer_puts(&expected, text);
  }
  ambi_buffer_puts(&expected, ")");
  ck_prints(ambi_make_expr(cx, vars, 2 * N), expected.text);
  ambi_buffer_drop(&expected);
  free(vars);
}
END_TEST

START_TEST(bindings) {
  Word *p = ambi_heap_alloc(cx, 1);
  *p = ambi_header(KIND_BIND, 0, 0);
  ck_prints(ambi_tag_ptr(TAG_OBJ, p), "{  }");
  Value x = var("x", AMB_VAR_AS_WRITTEN), y = var("y", AMB_VAR_AS_WRITTEN);
  Value a = AMB_EXPR(cx, sym("a"), y);
  p = ambi_heap_alloc(cx, 7);
  *p = ambi_header(KIND_BIND, 0, 6);
  Value items[] = {x, a, y, sym("b"), var("z", 3), y};
  memcpy(p + 1, items, sizeof items);
  Value b = ambi_tag_ptr(TAG_OBJ, p);
  ck_prints(b, "{ $x <- (a $y), $y <- b, $z#3 = $y }");
  ambi_bind(cx, x, sym("other"));
  ck_prints(AMB_EXPR(cx, b, x), "({ $x <- (a $y), $y <- b, $z#3 = $y } other)");
}
END_TEST

START_TEST(cells) {
  Space space = {.cell = {.kind = CELL_SPACE, .number = 26}, .rt = &rt};
  Value s = ambi_space_value(&space);
  ck_prints(s, "GroundingSpace-0x1a");
  char name[] = "GroundingSpace-top:mod";
  space.name = name;
  ck_prints(s, "GroundingSpace-top:mod");
  space.is_module = true;
  ck_prints(AMB_EXPR(cx, s), "(ModuleSpace(GroundingSpace-top:mod))");
  CellHeader file = {.kind = CELL_FILE, .number = 1},
             rng = {.kind = CELL_RNG, .number = 2};
  ck_prints(ambi_tag_ptr(TAG_CELL, &file), "FileHandle-0x1");
  ck_prints(ambi_tag_ptr(TAG_CELL, &rng), "RandomGenerator-0x2");
}
END_TEST

START_TEST(states_show_their_value) {
  State one = {.cell = {.kind = CELL_STATE}, .x_value = AMB_UNIT.w};
  State two = {.cell = {.kind = CELL_STATE}, .x_value = AMB_UNIT.w};
  Value s1 = ambi_tag_ptr(TAG_CELL, &one), s2 = ambi_tag_ptr(TAG_CELL, &two);
  Value f = var("x", AMB_VAR_FRESH);
  Value v = AMB_EXPR(cx, sym("a"), var("x", AMB_VAR_AS_WRITTEN), f, f);
  ck_assert(ambi_state_change(&rt, &one, v));
  ck_prints(s1, "(State (a $x $x#1 $x#1))");
  ck_assert(ambi_state_change(&rt, &two, AMB_EXPR(cx, s1, s1)));
  ck_prints(s2, "(State ((State (a $x $x#1 $x#1)) (State (a $x $x#1 $x#1))))");
  ck_assert(ambi_state_change(&rt, &one, s2));
  ck_prints(s1, "(State (State ((State ...) (State ...))))");
}
END_TEST

START_TEST(long_chain_of_states) {
  enum { N = 100000 };
  State *states = calloc(N, sizeof *states);
  for (int i = 0; i < N; i++) {
    states[i].cell.kind = CELL_STATE;
    Value in = i ? ambi_tag_ptr(TAG_CELL, &states[i - 1]) : AMB_UNIT;
    ambi_store_release(&states[i].x_value, in.w);
  }
  printed(ambi_tag_ptr(TAG_CELL, &states[N - 1]));
  ck_assert_uint_eq(out.len, N * strlen("(State )") + 2);
  free(states);
}
END_TEST

START_TEST(a_million_levels) {
  enum { N = 1000000 };
  Value v = sym("a");
  for (int i = 0; i < N; i++) {
    v = AMB_EXPR(cx, v);
    ck_assert(!ambi_is_none(v));
  }
  printed(v);
  ck_assert_uint_eq(out.len, 2 * N + 1);
  ck_assert_int_eq(out.text[N - 1], '(');
  ck_assert_int_eq(out.text[N], 'a');
  ck_assert_int_eq(out.text[2 * N], ')');
}
END_TEST

START_TEST(exhausted_memory) {
  Value v = AMB_EXPR(cx, sym("a"), var("x", AMB_VAR_FRESH),
                     ambi_num_from_int64(cx, INT64_MIN));
  for (int i = 0; i < 100; i++)
    v = AMB_EXPR(cx, v, var("x", AMB_VAR_FRESH));
  size_t before = ambi_alloc_bytes();
  for (uint64_t n = 1;; n++) {
    Buffer b = {0};
    ambi_alloc_fail_at(n);
    ambi_print(&rt, &b, v, NULL);
    ambi_alloc_fail_at(0);
    bool failed = b.failed;
    ambi_buffer_drop(&b);
    ck_assert_uint_eq(ambi_alloc_bytes(), before);
    if (failed) continue;
    ck_assert_uint_gt(n, 5);
    break;
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("printer");
  tcase_add_checked_fixture(tc, open_printer, close_printer);
  tcase_add_test(tc, atoms_without_parts);
  tcase_add_test(tc, strings_are_escaped);
  tcase_add_test(tc, string_view);
  tcase_add_test(tc, expressions);
  tcase_add_test(tc, names_of_variables);
  tcase_add_test(tc, numbering_of_many_variables);
  tcase_add_test(tc, bindings);
  tcase_add_test(tc, cells);
  tcase_add_test(tc, states_show_their_value);
  tcase_add_test(tc, long_chain_of_states);
  tcase_add_test(tc, a_million_levels);
  tcase_add_test(tc, exhausted_memory);
  return unit_run(tc, "printer");
}
