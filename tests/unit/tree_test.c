// The tree of a text: every byte accounted for, faults where they are, and the tokens of
// the reader, for every MeTTa file here and for text made at random.
#include "cli/source/tree.h"

#include <stdio.h>
#include <string.h>

#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Buffer shown;

static void open_tree(void) {
  rt.symbols = ambi_symbols_open();
  rt.store = ambi_store_open();
  ck_assert(ambi_words_open(&rt));
}

static void close_tree(void) {
  ambi_mentions_close(&rt);
  ambi_words_close(&rt);
  ambi_store_close(rt.store);
  ambi_symbols_close(rt.symbols);
  ambi_buffer_drop(&shown);
  ck_assert_uint_eq(ambi_alloc_bytes(), 0);
}

static Tree tree_of(const char *text) {
  Tree t;
  ck_assert(cli_tree_read(&t, text, strlen(text)));
  return t;
}

// ---- what holds of every tree --------------------------------------------------

static bool is_space(const Tree *t, uint32_t from, uint32_t to) {
  Tree gap;
  ck_assert(cli_tree_read(&gap, t->text + from, to - from));
  bool none = gap.count == 1;
  cli_tree_free(&gap);
  return none;
}

// Children lie within their parent, in order, with white space alone between them.
static void check_children(const Tree *t, uint32_t i) {
  const Node *n = &t->nodes[i];
  bool list = n->kind == NODE_LIST;
  if (list) ck_assert(t->text[n->begin] == '(');
  uint32_t at = n->begin + list, end = n->end - (list && !n->fault);
  if (list && !n->fault) ck_assert(t->text[end] == ')');
  for (uint32_t c = n->child; c; c = t->nodes[c].next) {
    ck_assert_uint_gt(c, i);
    ck_assert_uint_eq(t->nodes[c].parent, i);
    ck_assert_uint_gt(t->nodes[c].end, t->nodes[c].begin);
    ck_assert(is_space(t, at, t->nodes[c].begin));
    at = t->nodes[c].end;
  }
  ck_assert(is_space(t, at, end));
}

static void check_tree(const Tree *t) {
  ck_assert_uint_eq(t->nodes[0].kind, NODE_ROOT);
  ck_assert_uint_eq(t->nodes[0].begin, 0);
  ck_assert_uint_eq(t->nodes[0].end, t->len);
  for (uint32_t i = 0; i < t->count; i++) {
    if (t->nodes[i].kind == NODE_LIST || i == 0)
      check_children(t, i);
    else
      ck_assert_uint_eq(t->nodes[i].child, 0);
    if (i) ck_assert_uint_ge(t->nodes[i].begin, t->nodes[i - 1].begin);
  }
}

// ---- beside the reader ---------------------------------------------------------

// Is what stands there, read alone, this one atom?
static bool reads_as(const Tree *t, uint32_t i, const char *text) {
  const Node *n = &t->nodes[i];
  Reader r;
  Template one;
  ambi_reader_open(&r, &rt, NULL, t->text + n->begin, n->end - n->begin);
  if (ambi_read(&r, &one) != READ_ATOM) return false;
  ck_assert(r.next == n->end - n->begin);
  Buffer b = {0};
  ambi_print_template(&rt, &b, &one, NULL);
  bool same = strcmp(b.text, text) == 0;
  ambi_buffer_drop(&b);
  ambi_template_release(rt.store, &one);
  return same;
}

static NodeKind kind_of(Value v) {
  if (ambi_is_expr(v) || ambi_same(v, AMB_UNIT)) return NODE_LIST;
  if (ambi_is_lvar(v)) return NODE_VARIABLE;
  if (ambi_is_sym(v))
    return ambi_same(v, AMB_SYM(BANG)) ? NODE_BANG : NODE_SYMBOL;
  return ambi_is_str(v) ? NODE_STRING : NODE_NUMBER;
}

// The fault is where the reader reports its error, or around it.
static void check_fault(const Tree *t, const ReadError *error) {
  uint32_t i = cli_tree_fault(t);
  const char *text = cli_tree_fault_text(t, i);
  ck_assert_uint_le(t->nodes[i].begin, error->at.offset);
  ck_assert_uint_ge(t->nodes[i].end, error->at.offset);
  if (strcmp(error->message, "Escaping sequence is not finished") == 0) return;
  ck_assert_msg(strncmp(error->message, text, 12) == 0, "%s: %s",
                error->message, text);
}

static uint32_t next_atom(const Tree *t, uint32_t i) {
  i = i ? cli_tree_next(t, i) : cli_tree_first(t, 0);
  return i;
}

// Top-level nodes are the atoms the reader gives, place by place, up to its first
// error, if there is one; the tree has a fault at or behind the last atom then.
static void check_beside_reader(const Tree *t) {
  Reader r;
  Template one;
  ambi_reader_open(&r, &rt, NULL, t->text, t->len);
  enum ReadStatus status;
  uint32_t i = 0, faults = 0;
  while ((status = ambi_read(&r, &one)) == READ_ATOM) {
    i = next_atom(t, i);
    ck_assert_uint_ne(i, 0);
    ck_assert_uint_eq(t->nodes[i].begin, r.start.offset);
    ck_assert_uint_eq(t->nodes[i].end, r.next);
    ck_assert_uint_eq(t->nodes[i].fault, FAULT_NONE);
    ck_assert_uint_eq(t->nodes[i].kind, kind_of(one.atom));
    Place at = cli_tree_place(t, t->nodes[i].begin);
    ck_assert_uint_eq(at.line, r.start.line);
    ck_assert_uint_eq(at.column, r.start.column);
    ambi_buffer_drop(&shown);
    ambi_print_template(&rt, &shown, &one, NULL);
    ck_assert(reads_as(t, i, shown.text));
    ambi_template_release(rt.store, &one);
  }
  for (uint32_t n = 0; n < t->count; n++)
    faults += t->nodes[n].fault != FAULT_NONE;
  if (status == READ_END) {
    ck_assert_uint_eq(next_atom(t, i), 0);
    ck_assert_uint_eq(faults, 0);
  } else {
    ck_assert_int_eq(status, READ_ERROR);
    ck_assert_uint_gt(faults, 0);
    check_fault(t, &r.error);
  }
  ambi_store_quiesce(rt.store);
}

static void check_text(const char *text, size_t len) {
  Tree t;
  ck_assert(cli_tree_read(&t, text, len));
  check_tree(&t);
  check_beside_reader(&t);
  cli_tree_free(&t);
}

// ---- shapes --------------------------------------------------------------------

static void show_node(const Tree *t, uint32_t i) {
  static const char marks[] = " ( v\"#!;)";
  const Node *n = &t->nodes[i];
  char one[2] = {n->kind == NODE_SYMBOL ? 's' : marks[n->kind], 0};
  ambi_buffer_puts(&shown, one);
  if (n->fault) {
    char fault[8];
    snprintf(fault, sizeof fault, "?%u", n->fault);
    ambi_buffer_puts(&shown, fault);
  }
  for (uint32_t c = n->child; c; c = t->nodes[c].next)
    show_node(t, c);
  if (n->kind == NODE_LIST) ambi_buffer_puts(&shown, ".");
}

// Kinds in order, a list with a dot behind its last child, faults as ?NUMBER.
static const char *shape(const char *text) {
  Tree t = tree_of(text);
  check_tree(&t);
  ambi_buffer_drop(&shown);
  ambi_buffer_puts(&shown, "");
  for (uint32_t c = t.nodes[0].child; c; c = t.nodes[c].next)
    show_node(&t, c);
  cli_tree_free(&t);
  return shown.text;
}

#define ck_shape(text, expected) ck_assert_str_eq(shape(text), (expected))

START_TEST(kinds) {
  ck_shape("", "");
  ck_shape(" \t\r\n ", "");
  ck_shape("a $x 5 -5.0 \"s\" ; c", "sv##\";");
  ck_shape("(a (b) () $x)", "(s(s.(.v.");
  ck_shape("!(a !) ! !a", "!(ss.!s");
  ck_shape("a;b\nc", "s;s");
  ck_shape("$a;b c", "vs");
  ck_shape("\"a\"b\"c\"", "\"s");
  ck_shape("- + -a 5. 1e 99999999999999999999", "sssss#");
  ck_shape("\"\\\\\" \"\\\"\" \"\\n\\x41\\u{e9}\"", "\"\"\"");
  ck_shape("a\xC2\xA0"
           "b",
           "ss");
}
END_TEST

START_TEST(faults) {
  ck_shape("(a", "(?1s.");
  ck_shape("(a (b)", "(?1s(s..");
  ck_shape("((", "(?1(?1..");
  ck_shape(") a", ")?5s");
  ck_shape("a))b", "s)?5)?5s");
  ck_shape("\"a", "\"?1");
  ck_shape("\"a\\", "\"?1");
  ck_shape("\"\\q\" b", "\"?2s");
  ck_shape("\"\\x80\" \"\\u{}\" \"\\u{d800}\" \"\\u41\"", "\"?2\"?2\"?2\"?2");
  ck_shape("a\xFF"
           "b c",
           "s?3s");
  ck_shape("; \xFF\nc", ";?3s");
  ck_shape("$x#1 b", "v?4s");
}
END_TEST

START_TEST(places) {
  Tree t = tree_of("a\n\xC3\xA9 (b\n\"x\ny\") c");
  ck_assert_uint_eq(t.line_count, 4);
  const struct {
    uint32_t byte, line, column;
  } all[] = {{0, 1, 1}, {1, 1, 2}, {2, 2, 1},  {4, 2, 2},
             {5, 2, 3}, {8, 3, 1}, {14, 4, 4}, {15, 4, 5}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    Place at = cli_tree_place(&t, all[i].byte);
    ck_assert_uint_eq(at.line, all[i].line);
    ck_assert_uint_eq(at.column, all[i].column);
  }
  cli_tree_free(&t);
}
END_TEST

START_TEST(what_stands_at_a_byte) {
  Tree t = tree_of("(ab (c)d) ; e\n (f");
  //                0123456789
  const char *expected[] = {"(ab (c)d)", "ab", "ab", "ab", "(c)",
                            "c",         "c",  "d",  "d",  "(ab (c)d)"};
  for (uint32_t i = 0; i < 10; i++)
    ck_assert_msg(cli_tree_is(&t, cli_tree_at(&t, i), expected[i]), "byte %u",
                  i);
  ck_assert(cli_tree_is(&t, cli_tree_at(&t, 12), "; e"));
  ck_assert_uint_eq(cli_tree_at(&t, 14), 0);
  ck_assert(cli_tree_is(&t, cli_tree_at(&t, 17), "f"));
  ck_assert(!cli_tree_is_closed(&t));
  cli_tree_free(&t);
  t = tree_of("(a ");
  ck_assert(cli_tree_is(&t, cli_tree_at(&t, 3), "(a "));
  cli_tree_free(&t);
}
END_TEST

static void check_line(const char *text, size_t most, const char *expected) {
  Tree t = tree_of(text);
  Buffer b = {0};
  cli_tree_print(&t, 1, most, &b);
  ck_assert_str_eq(b.text, expected);
  ambi_buffer_drop(&b);
  cli_tree_free(&t);
}

START_TEST(on_one_line) {
  check_line("a b", 9, "a");
  check_line("( a  (b ; c (\n d)(\n)\"x  y\" )z", 99, "(a (b d) () \"x  y\")");
  check_line("(a \"x\ny\" $z", 99, "(a \"x y\" $z");
  check_line("(abc def)", 9, "(abc def)");
  check_line("(abc def)", 8, "(abc def...");
  check_line("(ab\xC3\xA9 c)", 4, "(ab...");
}
END_TEST

START_TEST(what_strings_stand_for) {
  Tree t = tree_of("\"a\\n\\t\\\\\\\"\\'\\x41\\u{e9}\\u{1F600}z \\r\" \"\"");
  Buffer b = {0};
  cli_tree_string(&t, 1, &b);
  ck_assert_str_eq(b.text, "a\n\t\\\"'A\xC3\xA9\xF0\x9F\x98\x80z \r");
  size_t len = b.len;
  cli_tree_string(&t, 2, &b);
  ck_assert_uint_eq(b.len, len);
  ambi_buffer_drop(&b);
  cli_tree_free(&t);
}
END_TEST

// ---- every file, random text, no memory ----------------------------------------

START_TEST(every_file_as_the_reader_reads_it) {
  ck_assert_uint_gt(each_program(check_text), 500);
}
END_TEST

START_TEST(random_text) {
  static const char pieces[][5] = {"(",
                                   "(",
                                   ")",
                                   ")",
                                   " ",
                                   "\n",
                                   "a",
                                   "$",
                                   "$x",
                                   "\"",
                                   "\"",
                                   "\\",
                                   "\\n",
                                   ";",
                                   "#",
                                   "!",
                                   "5",
                                   "-1",
                                   ".5",
                                   "e3",
                                   "\xC3",
                                   "\xA9",
                                   "\xE2\x80\x83",
                                   "u{",
                                   "x41",
                                   "}"};
  enum { PIECES = sizeof pieces / sizeof *pieces };
  uint64_t seed = 1;
  for (int round = 0; round < 20000; round++) {
    char text[200];
    size_t len = 0;
    for (int n = round % 40; n >= 0; n--) {
      seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
      const char *piece = pieces[(seed >> 33) % PIECES];
      memcpy(text + len, piece, strlen(piece));
      len += strlen(piece);
    }
    check_text(text, len);
  }
}
END_TEST

START_TEST(exhausted_memory) {
  const char text[] = "(a (b $c) \"d\") ; e\n!(f)\n";
  Tree t;
  uint64_t n = 1;
  for (bool ok = false; !ok; n++) {
    ambi_alloc_fail_at(n);
    ok = cli_tree_read(&t, text, sizeof text - 1);
    ambi_alloc_fail_at(0);
  }
  ck_assert_uint_gt(n, 3);
  cli_tree_free(&t);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("tree");
  tcase_add_checked_fixture(tc, open_tree, close_tree);
  tcase_add_test(tc, kinds);
  tcase_add_test(tc, faults);
  tcase_add_test(tc, places);
  tcase_add_test(tc, what_stands_at_a_byte);
  tcase_add_test(tc, on_one_line);
  tcase_add_test(tc, what_strings_stand_for);
  tcase_add_test(tc, every_file_as_the_reader_reads_it);
  tcase_add_test(tc, random_text);
  tcase_add_test(tc, exhausted_memory);
  return unit_run(tc, "tree");
}
