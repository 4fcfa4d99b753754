// Generated programs: they depend on their number alone, modes are compared as
// promised, and what differs is shrunk to what matters.
#include <string.h>

#include "tests/gen/gen.h"
#include "tests/unit/unit.h"

// ---- generating -----------------------------------------------------------------------

static Buffer text_of(const Grammar *g, unsigned mix, uint64_t seed,
                      uint64_t number) {
  Arena a;
  Program p;
  Buffer b = {0};
  ambi_arena_open(&a);
  gen_make(g, &a, mix, seed, number, &p);
  gen_put_program(&b, &p);
  ambi_arena_close(&a);
  return b;
}

static bool same_text(Buffer one, Buffer two) {
  bool same = strcmp(one.text, two.text) == 0;
  ambi_buffer_drop(&one);
  ambi_buffer_drop(&two);
  return same;
}

START_TEST(numbers_decide) {
  Grammar *g = gen_grammar_open();
  for (unsigned mix = 0; mix < gen_mix_count(); mix++) {
    ck_assert(same_text(text_of(g, mix, 1, 7), text_of(g, mix, 1, 7)));
    ck_assert(!same_text(text_of(g, mix, 1, 7), text_of(g, mix, 1, 8)));
    ck_assert(!same_text(text_of(g, mix, 1, 7), text_of(g, mix, 2, 7)));
  }
  gen_grammar_close(g);
}
END_TEST

START_TEST(text_is_read_back) {
  Grammar *g = gen_grammar_open();
  for (uint64_t i = 0; i < 200; i++) {
    Buffer one = text_of(g, (unsigned)gen_mix_find("plain"), 3, i), two = {0};
    Arena a;
    Program p;
    ambi_arena_open(&a);
    ck_assert(gen_parse(&a, one.text, one.len, &p));
    gen_put_program(&two, &p);
    ambi_arena_close(&a);
    ck_assert(same_text(one, two));
  }
  gen_grammar_close(g);
}
END_TEST

// ---- comparing ------------------------------------------------------------------------

static enum GenVerdict verdict(const char *one, bool one_cut, const char *two,
                               bool two_cut) {
  Told a = {.text = (char *)one, .len = strlen(one), .cut = one_cut};
  Told b = {.text = (char *)two, .len = strlen(two), .cut = two_cut};
  return gen_compare(&a, &b);
}

START_TEST(lines_are_compared) {
  ck_assert_int_eq(verdict("[1, 2]\n", false, "[1, 2]\n", false), GEN_SAME);
  ck_assert_int_eq(verdict("[1, 2]\n", false, "[2, 1]\n", false),
                   GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[1]\n[2]\n", false, "[1]\n", false), GEN_DIFFERENT);
}
END_TEST

START_TEST(strings_have_numbers_of_their_own) {
  ck_assert_int_eq(verdict("[($x#1 \"$x#1\" $x#1)]\n", false,
                           "[($q#1 \"$x#1\" $q#1)]\n", false),
                   GEN_SAME);
  ck_assert_int_eq(
      verdict("[(\"$x $x\" $x)]\n", false, "[(\"$x $y\" $x)]\n", false),
      GEN_DIFFERENT);
  ck_assert_int_eq(
      verdict("[($x \"\\\"\" $x)]\n", false, "[($x \"\\\"\" $y)]\n", false),
      GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[\"a\"]\n", false, "[\"b\"]\n", false),
                   GEN_DIFFERENT);
}
END_TEST

START_TEST(variables_may_be_renamed) {
  ck_assert_int_eq(
      verdict("[$x, ($y $x)]\n", false, "[$a#1, ($a#2 $a#1)]\n", false),
      GEN_SAME);
  ck_assert_int_eq(verdict("[($x $x)]\n", false, "[($x#1 $x#2)]\n", false),
                   GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[($x $y)]\n", false, "[($x $x)]\n", false),
                   GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[($x b), $x]\n", false, "[($x b), $y]\n", false),
                   GEN_SAME);
  ck_assert_int_eq(verdict("$x, $x\n", false, "$x, $y\n", false),
                   GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[$x]\n[$x]\n", false, "[$y]\n[$z]\n", false),
                   GEN_SAME);
  ck_assert_int_eq(
      verdict("[(S-0x10 S-0x11)]\n", false, "[(S-0x12 S-0x13)]\n", false),
      GEN_SAME);
  ck_assert_int_eq(
      verdict("[(S-0x10 S-0x11)]\n", false, "[(S-0x12 S-0x12)]\n", false),
      GEN_DIFFERENT);
}
END_TEST

START_TEST(cut_programs_are_compared_that_far) {
  ck_assert_int_eq(verdict("[1]\n", true, "[1]\n[2]\n", false), GEN_CUT);
  ck_assert_int_eq(verdict("[1]\n", false, "[1]\n[2]\n", true), GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[3]\n", true, "[1]\n[2]\n", false), GEN_DIFFERENT);
  ck_assert_int_eq(verdict("[1]\n", true, "[1]\n[2]\n", true), GEN_CUT);
}
END_TEST

// ---- shrinking ------------------------------------------------------------------------

// A mode with a fault: results with `planted` in them come out wrong.
static void spoil(Told *t) {
  for (char *at = t->text; t->len >= 7 && at <= t->text + t->len - 7; at++)
    if (memcmp(at, "planted", 7) == 0) *at = 'q';
}

static const GenMode faulty[] = {{.name = "tier1", .tier = 1},
                                 {.name = "faulty", .tier = 1, .spoil = spoil}};

static bool differs(void *arg, const Program *p) {
  (void)arg;
  return gen_check(faulty, 2, p, NULL) == GEN_DIFFERENT;
}

START_TEST(a_planted_difference_is_shrunk) {
  static const char text[] =
      "(= (f a) (P b planted)) (= (f $x) (g $x))\n"
      "(: h (-> Number Number)) (= (h $x) (+ $x 1)) (fact a) (fact b)\n"
      "!(h 1)\n"
      "!(collapse (match &self (fact $x) (P $x (f $x))))\n"
      "!(let $x (superpose (1 2 3)) (h $x))\n";
  Arena a;
  Program p;
  Buffer left = {0}, told = {0};
  ambi_arena_open(&a);
  ck_assert(gen_parse(&a, text, strlen(text), &p));
  ck_assert(differs(NULL, &p));
  ck_assert_uint_lt(gen_shrink(&a, &p, differs, NULL, 10000), 10000);
  gen_put_program(&left, &p);
  ck_assert_str_eq(left.text, "(= (f a) planted)\n!(f a)\n");
  gen_check(faulty, 2, &p, &told);
  ck_assert_ptr_nonnull(strstr(told.text, "[qlanted]"));
  ambi_buffer_drop(&left);
  ambi_buffer_drop(&told);
  ambi_arena_close(&a);
}
END_TEST

// What matters may be far apart and deep inside.
static bool has_two(void *arg, const Program *p) {
  Buffer b = {0};
  (void)arg;
  gen_put_program(&b, p);
  const char *one = strstr(b.text, "(Cons");
  bool both = one && strstr(one, "once");
  ambi_buffer_drop(&b);
  return both;
}

START_TEST(generated_programs_shrink) {
  Grammar *g = gen_grammar_open();
  unsigned shrunk = 0;
  for (uint64_t i = 0; i < 300; i++) {
    Arena a;
    Program p;
    ambi_arena_open(&a);
    gen_make(g, &a, (unsigned)gen_mix_find("deep"), 5, i, &p);
    if (has_two(NULL, &p)) {
      shrunk++;
      gen_shrink(&a, &p, has_two, NULL, 100000);
      ck_assert_uint_le(p.n, 2);
      for (unsigned f = 0; f < p.n; f++)
        ck_assert_uint_le(p.form[f].atom->nodes, 4);
    }
    ambi_arena_close(&a);
  }
  ck_assert_uint_gt(shrunk, 10);
  gen_grammar_close(g);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("generated programs");
  tcase_add_test(tc, numbers_decide);
  tcase_add_test(tc, text_is_read_back);
  tcase_add_test(tc, lines_are_compared);
  tcase_add_test(tc, strings_have_numbers_of_their_own);
  tcase_add_test(tc, variables_may_be_renamed);
  tcase_add_test(tc, cut_programs_are_compared_that_far);
  tcase_add_test(tc, a_planted_difference_is_shrunk);
  tcase_add_test(tc, generated_programs_shrink);
  return unit_run(tc, "gen");
}
