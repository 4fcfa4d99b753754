// The layout of programs: what it looks like, that it stays when it is made again, and
// that the tokens are those of before, for every MeTTa file here, for programs made at
// random and for narrow lines.
#include "cli/fmt/fmt.h"

#include <stdio.h>
#include <string.h>

#include "memory/alloc.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const unsigned widths[] = {80, 40, 10};
enum { WIDTHS = sizeof widths / sizeof *widths };

static Buffer format(const char *text, size_t len, unsigned width) {
  Tree t;
  Buffer b = {0};
  ambi_buffer_puts(&b, "");
  ck_assert(cli_tree_read(&t, text, len));
  ck_assert_uint_eq(cli_tree_fault(&t), 0);
  ck_assert(cli_format(&t, width, &b));
  cli_tree_free(&t);
  return b;
}

// Bytes of the node that mean something: a comment's without the white space behind.
static size_t bytes_of(const Tree *t, uint32_t i) {
  uint32_t end = t->nodes[i].end;
  if (t->nodes[i].kind == NODE_COMMENT)
    while (memchr(" \t\r\f\v", t->text[end - 1], 5))
      end--;
  return end - t->nodes[i].begin;
}

static void check_same_tokens(const Tree *a, const Tree *b) {
  ck_assert_uint_eq(a->count, b->count);
  for (uint32_t i = 0; i < a->count; i++) {
    const Node *x = &a->nodes[i], *y = &b->nodes[i];
    ck_assert_uint_eq(x->kind, y->kind);
    ck_assert_uint_eq(x->parent, y->parent);
    ck_assert_uint_eq(x->next, y->next);
    if (i == 0 || x->kind == NODE_LIST) continue;
    ck_assert_uint_eq(bytes_of(a, i), bytes_of(b, i));
    ck_assert(!memcmp(a->text + x->begin, b->text + y->begin, bytes_of(a, i)));
  }
}

static void check_text(const char *text, size_t len) {
  Tree before, after;
  ck_assert(cli_tree_read(&before, text, len));
  bool whole = !cli_tree_fault(&before);
  for (int i = 0; i < WIDTHS && whole; i++) {
    Buffer once = format(text, len, widths[i]);
    Buffer twice = format(once.text, once.len, widths[i]);
    ck_assert_msg(once.len == twice.len &&
                      !memcmp(once.text, twice.text, once.len),
                  "width %u:\n%.900s", widths[i], text);
    ck_assert(cli_tree_read(&after, once.text, once.len));
    check_same_tokens(&before, &after);
    cli_tree_free(&after);
    ambi_buffer_drop(&once);
    ambi_buffer_drop(&twice);
  }
  cli_tree_free(&before);
}

static void check_looks(const char *text, const char *expected) {
  Buffer b = format(text, strlen(text), 40);
  ck_assert_str_eq(b.text, expected);
  ambi_buffer_drop(&b);
}

START_TEST(blanks_and_lines) {
  check_looks("", "");
  check_looks(" \n\n", "");
  check_looks("\n\na  b\n\n\n\nc\n", "a b\n\nc\n");
  check_looks("( a(b  c)\"d\"\"e\" )", "(a (b c) \"d\" \"e\")\n");
  check_looks("!  ( f )", "!(f)\n");
  check_looks("!\n(f)", "!(f)\n");
  check_looks("! f", "! f\n");
  check_looks("(a\n)", "(a)\n");
  check_looks("(\na b\n)\r\n(c)", "(a b)\n(c)\n");
  check_looks("\"a  \n  b\"", "\"a  \n  b\"\n");
}
END_TEST

START_TEST(indents) {
  check_looks("(= (f $x)\n(g $x))", "(= (f $x)\n   (g $x))\n");
  check_looks("(if a\nb\n c)", "(if a\n    b\n    c)\n");
  check_looks("(let $x 1\n(g $x))", "(let $x 1\n  (g $x))\n");
  check_looks("(let* (($x 1)\n($y 2))\n(g $x))",
              "(let* (($x 1)\n       ($y 2))\n  (g $x))\n");
  check_looks("((a 1)\n(b 2))", "((a 1)\n (b 2))\n");
  check_looks("(a b\n c d)", "(a b\n c d)\n");
  check_looks("(assert (f)\n  (a))", "(assert (f)\n        (a))\n");
  check_looks("(assertEqualToResult (f)\n (a)\n )",
              "(assertEqualToResult (f)\n (a))\n");
  check_looks("(assertEqualToResult (f)\n    (a))",
              "(assertEqualToResult (f)\n  (a))\n");
  check_looks("(add-atoms &kb (\n(a)\n(b)\n))",
              "(add-atoms &kb (\n  (a)\n  (b)))\n");
  check_looks("(f a\n\n\n    b)", "(f a\n\n   b)\n");
}
END_TEST

START_TEST(long_lines) {
  check_looks("(= (long-name $x $y) (other-long-name $x $y $z))",
              "(= (long-name $x $y)\n   (other-long-name $x $y $z))\n");
  check_looks("(= (f $x) (if (> $x 0) (f (- $x 1) 0 0 0) (g $x 0)))",
              "(= (f $x)\n   (if (> $x 0)\n       (f (- $x 1) 0 0 0)\n       "
              "(g $x 0)))\n");
  check_looks("(aaaaaaaa bbbbbbbb cccccccc dddddddd eeeeeeee)",
              "(aaaaaaaa bbbbbbbb cccccccc dddddddd\n          eeeeeeee)\n");
  check_looks("((a 11111111) (b 22222222) (c 333333333))",
              "((a 11111111) (b 22222222)\n (c 333333333))\n");
  check_looks("(a) (b) (cccccccccccccccccccccccccccccccccc)",
              "(a) (b)\n(cccccccccccccccccccccccccccccccccc)\n");
  check_looks("(f \"this text is longer than any line may be here\")",
              "(f\n  \"this text is longer than any line may be here\")\n");
  check_looks("(a) !(bbbbbbbbbbbbbbbbbbbb cccccccccccccccccc)",
              "(a)\n!(bbbbbbbbbbbbbbbbbbbb\n   cccccccccccccccccc)\n");
}
END_TEST

START_TEST(comments) {
  check_looks("; a  \n\n\n;b\n(c);d\n", "; a\n\n;b\n(c) ;d\n");
  check_looks("(a)     ; x\n(bb)    ; y\n", "(a)     ; x\n(bb)    ; y\n");
  check_looks("(a)  ; x\n     ; y\n; z", "(a)  ; x\n     ; y\n; z\n");
  check_looks("(f ; x\na)", "(f ; x\n  a)\n");
  check_looks("(f a ; x\n)", "(f a ; x\n)\n");
  check_looks("(= (f)\n; why\n(g))", "(= (f)\n   ; why\n   (g))\n");
  check_looks("(a (\n (b)\n ; c\n))", "(a (\n  (b)\n  ; c\n))\n");
  check_looks("! ; c\n(f)", "! ; c\n(f)\n");
}
END_TEST

// At width 40.
START_TEST(chains) {
  // three links are indented, as anything is
  check_looks("(let $x (aaaaaaaaaaaa 1) (let $y (bbbbbbbbbbbb 2) "
              "(let $z (cccccccccc 3) (gggggg $x $y $z))))",
              "(let $x (aaaaaaaaaaaa 1)\n"
              "  (let $y (bbbbbbbbbbbb 2)\n"
              "    (let $z (cccccccccc 3)\n"
              "      (gggggg $x $y $z))))\n");
  check_looks("(let $x (aaaaaaaaaaaa 1) (let $y (bbbbbbbbbbbb 2) "
              "(let $z (cccccccccc 3) (let $u (dddddddddddd 4) (gggggg $x $y "
              "$z)))))",
              "(let $x (aaaaaaaaaaaa 1)\n"
              "(let $y (bbbbbbbbbbbb 2)\n"
              "(let $z (cccccccccc 3)\n"
              "(let $u (dddddddddddd 4)\n"
              "  (gggggg $x $y $z)))))\n");
  // the last one fits where it is indented
  check_looks("(= (f $a) (chain (eval (aaaaaaaaa $a)) $x (chain (eval "
              "(bbbbbbbbb $x)) $y (chain (c $y) $z (let $u $z (return $u))))))",
              "(= (f $a)\n"
              "   (chain (eval (aaaaaaaaa $a)) $x\n"
              "   (chain (eval (bbbbbbbbb $x)) $y\n"
              "   (chain (c $y) $z\n"
              "     (let $u $z (return $u))))))\n");
  check_looks("(if (< $n 1) small (if (< $n 10) middle (if (< $n 100) large "
              "(if (< $n 1000) huge enormous-and-more))))",
              "(if (< $n 1)\n"
              "    small\n"
              "(if (< $n 10)\n"
              "    middle\n"
              "(if (< $n 100)\n"
              "    large\n"
              "(if (< $n 1000)\n"
              "    huge\n"
              "    enormous-and-more))))\n");
  // mixed, with comments
  check_looks("(progn (print start)\n; why\n; not\n(let* (($x 1)\n($y 2))\n"
              "(if (== $x $y) no ; it is\n(unify $x (a $b)\n$b\n\n; else\n"
              "$x))))",
              "(progn (print start)\n"
              "; why\n"
              "; not\n"
              "(let* (($x 1)\n"
              "       ($y 2))\n"
              "(if (== $x $y) no ; it is\n"
              "(unify $x (a $b)\n"
              "  $b\n"
              "\n"
              "  ; else\n"
              "  $x))))\n");
  // what fits stays on its line
  check_looks("(let $x 1 (let $y 2 (let $z 3 ($x))))",
              "(let $x 1 (let $y 2 (let $z 3 ($x))))\n");
  // no links: too few arguments
  check_looks("(let (let (let $x\n1)))",
              "(let (let (let $x\n            1)))\n");
}
END_TEST

// Lines that begin ever further to the right would make text grow with the square of
// the number of links.
START_TEST(a_long_chain_stays_left) {
  enum { LINKS = 2000 };
  Buffer b = {0};
  for (int i = 0; i < LINKS; i++)
    ambi_buffer_format(&b, "(chain (eval (f%d $x)) $x ", i);
  ambi_buffer_puts(&b, "($x)");
  for (int i = 0; i < LINKS; i++)
    ambi_buffer_puts(&b, ")");
  Buffer out = format(b.text, b.len, 80);
  ck_assert_uint_eq(out.len, b.len + strlen("  \n"));
  check_text(b.text, b.len);
  ambi_buffer_drop(&b);
  ambi_buffer_drop(&out);
}
END_TEST

START_TEST(every_file) {
  ck_assert_uint_gt(each_program(check_text), 500);
}
END_TEST

START_TEST(programs_at_random) {
  static const char *const pieces[] = {"(",           "(",
                                       "(",           "(",
                                       ")",           ")",
                                       ")",           ")",
                                       "\n",          "\n",
                                       "\n\n",        " ",
                                       "  ",          "   ",
                                       "; c\n",       "  ; d\n",
                                       "\n; e\n",     "=",
                                       "let",         "if",
                                       "f",           "case",
                                       "match",       "let*",
                                       "$x",          "!",
                                       "1",           "\"s\"",
                                       "\"s\nt\"",    "a-long-word-of-ours",
                                       "->",          "\n ",
                                       "\n  ",        "\n    ",
                                       "(if a b",     "(let $x (f)",
                                       "(chain a $x", "(let* (($x 1))",
                                       "(progn (a)"};
  enum { PIECES = sizeof pieces / sizeof *pieces };
  uint64_t seed = 7;
  for (int round = 0; round < 12000; round++) {
    char text[1200];
    size_t len = 0;
    int depth = 0;
    for (int n = round % 60; n >= 0 || depth > 0; n--) {
      seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
      const char *piece = n < 0 ? ")" : pieces[(seed >> 33) % PIECES];
      if (*piece == ')' && !depth) continue;
      depth += *piece == '(' ? 1 : *piece == ')' ? -1 : 0;
      len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", piece,
                              seed >> 62 ? " " : "");
    }
    check_text(text, len);
  }
}
END_TEST

START_TEST(deep_lists) {
  enum { DEPTH = 100000 };
  static const char *const opens[] = {"(", "(f ", "(\n(", "(a (b c) "};
  for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
    Buffer text = {0};
    for (int n = 0; n < DEPTH; n++)
      ambi_buffer_puts(&text, opens[i]);
    for (int n = 0; n < (i == 2 ? 2 : 1) * DEPTH; n++)
      ambi_buffer_puts(&text, ")");
    Buffer once = format(text.text, text.len, 80);
    Buffer twice = format(once.text, once.len, 80);
    ck_assert_str_eq(once.text, twice.text);
    ck_assert_uint_lt(once.len, DEPTH * 1000);
    ambi_buffer_drop(&text);
    ambi_buffer_drop(&once);
    ambi_buffer_drop(&twice);
  }
}
END_TEST

START_TEST(exhausted_memory) {
  const char text[] = "(= (f (a (b (c (d (e (f (g $x)))))))) ; c\n(h))";
  Tree t;
  ck_assert(cli_tree_read(&t, text, sizeof text - 1));
  uint64_t n = 1;
  for (bool ok = false; !ok; n++) {
    Buffer b = {0};
    ambi_alloc_fail_at(n);
    ok = cli_format(&t, 10, &b);
    ambi_alloc_fail_at(0);
    ambi_buffer_drop(&b);
  }
  ck_assert_uint_gt(n, 3);
  cli_tree_free(&t);
  ck_assert_uint_eq(ambi_alloc_bytes(), 0);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("fmt");
  tcase_add_test(tc, blanks_and_lines);
  tcase_add_test(tc, indents);
  tcase_add_test(tc, long_lines);
  tcase_add_test(tc, comments);
  tcase_add_test(tc, chains);
  tcase_add_test(tc, a_long_chain_stays_left);
  tcase_add_test(tc, every_file);
  tcase_add_test(tc, programs_at_random);
  tcase_add_test(tc, deep_lists);
  tcase_add_test(tc, exhausted_memory);
  return unit_run(tc, "fmt");
}
