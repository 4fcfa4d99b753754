// Text to atoms and back: every case of the lexical syntax, positions, tokens,
// depth, exhausted memory, and random text that must neither crash nor hang.
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/runtime.h"
#include "tests/unit/unit.h"

static Runtime rt;
static Tokens *tokens;
static Buffer shown;
static ReadError last_error;

static void open_reader(void) {
  rt.symbols = ambi_symbols_open();
  rt.store = ambi_store_open();
  ck_assert(ambi_words_open(&rt));
  tokens = ambi_tokens_open(&rt);
  ck_assert_ptr_nonnull(tokens);
}

static void close_reader(void) {
  ambi_mentions_close(&rt);
  ambi_tokens_close(tokens);
  ambi_words_close(&rt);
  ambi_store_close(rt.store);
  ambi_symbols_close(rt.symbols);
  ambi_buffer_drop(&shown);
  ck_assert_uint_eq(ambi_alloc_bytes(), 0);
}

// Well-formed as stored: marks, headers and numbers of variables agree.
static void check_term(Value v, const Template *t, bool *ground) {
  *ground = !ambi_is_lvar(v);
  if (ambi_is_lvar(v)) ck_assert_uint_lt(ambi_lvar_of(v), t->nvars);
  if (!ambi_is_expr(v)) return;
  ck_assert_uint_gt(ambi_expr_size(v), 0);
  for (uint32_t i = 0; i < ambi_expr_size(v); i++) {
    bool one;
    check_term(ambi_expr_at(v, i), t, &one);
    *ground = *ground && one;
  }
  ck_assert(ambi_is_ground_expr(v) == *ground);
  bool in_header = (ambi_hdr_flags(*ambi_ptr(v)) & FLAG_GROUND) != 0;
  ck_assert(in_header == *ground);
}

// Everything in the text, printed, separated by ` | `; an error ends it as
// `message @line:column+offset`.
static const char *read_bytes(const char *text, size_t len) {
  Reader r;
  ambi_buffer_drop(&shown);
  ambi_buffer_puts(&shown, "");
  // a copy without a NUL behind it, so that reading too far is seen
  char *copy = malloc(len ? len : 1);
  memcpy(copy, text, len);
  ambi_reader_open(&r, &rt, tokens, copy, len);
  for (;;) {
    Template t;
    enum ReadStatus status = ambi_read(&r, &t);
    if (status == READ_END) break;
    if (shown.len) ambi_buffer_puts(&shown, " | ");
    if (status == READ_ATOM) {
      bool ground;
      check_term(t.atom, &t, &ground);
      ck_assert(ground == (t.nvars == 0));
      ambi_print_template(&rt, &shown, &t, NULL);
      ambi_template_release(rt.store, &t);
      continue;
    }
    ck_assert_int_eq(status, READ_ERROR);
    char at[64];
    last_error = r.error;
    snprintf(at, sizeof at, " @%u:%u+%zu", r.error.at.line, r.error.at.column,
             r.error.at.offset);
    ambi_buffer_puts(&shown, r.error.message);
    ambi_buffer_puts(&shown, at);
  }
  free(copy);
  ck_assert_uint_eq(r.next, len);
  ck_assert_uint_eq(r.pos.offset, len);
  ambi_store_quiesce(rt.store);
  ck_assert(!shown.failed);
  return shown.text;
}

static const char *read_text(const char *text) {
  return read_bytes(text, strlen(text));
}

// The one atom of the text; to be released.
static Template one(const char *text) {
  Reader r;
  Template t;
  ambi_reader_open(&r, &rt, tokens, text, strlen(text));
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  return t;
}

static Value leaf(const char *text) {
  Template t = one(text);
  Value v = t.atom;
  ck_assert(!ambi_is_expr(v));
  return v;
}

#define ck_reads(text, expected) ck_assert_str_eq(read_text(text), (expected))

START_TEST(words_and_separators) {
  ck_reads("", "");
  ck_reads(" \t\r\n\v\f ", "");
  ck_reads("a", "a");
  ck_reads("a b", "a | b");
  ck_reads("(a b)(c)d", "(a b) | (c) | d");
  ck_reads("()", "()");
  ck_reads("( ( ) a(b))", "(() a (b))");
  ck_reads("a\"b", "a\"b");
  ck_reads("\"a\"b", "\"a\" | b");
  ck_reads("\"a\"\"b\"", "\"a\" | \"b\"");
  ck_reads("a$b", "a$b");
  ck_reads("a#b", "a#b");
  ck_reads("! (a)", "! | (a)");
  ck_reads("!(a)", "! | (a)");
  ck_reads("!a !$x !5 !!", "!a | !$x | !5 | !!");
  ck_reads("(! a)", "(! a)");
  ck_reads("5. .5 1_000 0x10 1e 'a' a.b -> = : , + -",
           "5. | .5 | 1_000 | 0x10 | 1e | 'a' | a.b | -> | = | : | , | + | -");
}
END_TEST

START_TEST(comments) {
  ck_reads("; only", "");
  ck_reads(";", "");
  ck_reads("a;b", "a");
  ck_reads("a;b\nc", "a | c");
  ck_reads("(a ; (\n b ;;\n)", "(a b)");
  ck_reads("; \xC3\xA9\n\n;\na", "a");
  ck_reads("\";a\"", "\";a\"");
}
END_TEST

START_TEST(variables) {
  ck_reads("$x", "$x");
  ck_reads("$", "$");
  ck_reads("$a;b c", "$a;b | c");
  ck_reads("$a\"b", "$a\"b");
  ck_reads("($a)$b", "($a) | $b");
  ck_reads("$$x", "$$x");
  ck_reads("$\xC3\xA9", "$\xC3\xA9");
  ck_reads("a $x#1 b", "a | '#' char is reserved for internal usage @1:5+4");
  ck_reads("(a $#", "'#' char is reserved for internal usage @1:5+4");
  Template t = one("($y (a $x) $y (b $x $z))");
  ck_assert_uint_eq(t.nvars, 3);
  ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(t.atom, 0)), 0);
  ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(ambi_expr_at(t.atom, 1), 1)), 1);
  ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(t.atom, 2)), 0);
  ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(ambi_expr_at(t.atom, 3), 2)), 2);
  ck_assert_uint_eq(ambi_vinfo_id(t.vinfo[2]), AMB_VAR_AS_WRITTEN);
  ck_assert_str_eq(ambi_symbol(rt.symbols, ambi_vinfo_name(t.vinfo[2]))->text,
                   "z");
}
END_TEST

START_TEST(many_variables_in_one_atom) {
  enum { N = 3000 };
  Buffer text = {0};
  ambi_buffer_puts(&text, "(");
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < N; i++) {
      char name[16];
      snprintf(name, sizeof name, "$v%d ", i);
      ambi_buffer_puts(&text, name);
    }
  ambi_buffer_puts(&text, ")");
  Template t = one(text.text);
  ck_assert_uint_eq(t.nvars, N);
  for (uint32_t i = 0; i < 2 * N; i++)
    ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(t.atom, i)), i % N);
  ambi_template_release(rt.store, &t);
  ambi_buffer_drop(&text);
}
END_TEST

START_TEST(kinds_of_words) {
  ck_assert_int_eq(ambi_int_of(leaf("007")), 7);
  ck_assert_int_eq(ambi_int_of(leaf("+5")), 5);
  ck_assert_int_eq(ambi_int_of(leaf("-0")), 0);
  ck_assert(ambi_double_of(leaf("1e3")) == 1000);
  ck_assert(ambi_same(leaf("True"), AMB_TRUE));
  ck_assert(ambi_same(leaf("False"), AMB_FALSE));
  ck_assert(ambi_is_sym(leaf("true")));
  ck_assert(ambi_is_double(leaf("PI")));
  ck_assert(ambi_same(leaf("+"), AMB_OP_ID(OP_ADD)));
  ck_assert(ambi_same(leaf("match"), AMB_OP_ID(OP_MATCH)));
  ck_assert(ambi_is_sym(leaf("random-int")));
  ck_assert(ambi_is_sym(leaf("&self")));
  ck_assert(ambi_same(leaf("!"), AMB_SYM(BANG)));
  ck_assert(ambi_same(leaf("Error"), AMB_SYM(ERROR)));
  ck_assert(ambi_is_sym(leaf("-a")));
  ck_reads("(1 -2 +3 1.50 -0.0 1e400 EXP)",
           "(1 -2 3 1.5 -0.0 inf 2.718281828459045)");
  ck_reads("(140737488355328 -9223372036854775809)",
           "(140737488355328 -9223372036854775809)");
  ck_reads("123456789012345678901234567890123456789012345678901234567890",
           "123456789012345678901234567890123456789012345678901234567890");
  Template t = one("(a 1.5)");
  ck_assert_uint_eq(t.flags & TMPL_HAS_FLOAT, TMPL_HAS_FLOAT);
  t = one("(a 1 \"s\")");
  ck_assert_uint_eq(t.flags, 0);
}
END_TEST

START_TEST(strings) {
  ck_reads("\"\"", "\"\"");
  ck_reads("\"a b(c);d\"", "\"a b(c);d\"");
  ck_reads("\"a\nb\"", "\"a\\nb\"");
  ck_reads("\"\\'\\\"\\\\\\n\\r\\t\"", "\"'\\\"\\\\\\n\\r\\t\"");
  ck_reads("\"\\x41\\x7a\\x00\\x1B\"", "\"Az\\0\\u{1b}\"");
  ck_reads("\"\\u{e9}\\u{1F600}\\u{00000041}\"", "\"\xC3\xA9\xF0\x9F\x98\x80"
                                                 "A\"");
  ck_reads("\"\xE4\xB8\xAD\" x", "\"\xE4\xB8\xAD\" | x");
  Value v = leaf("\"12345678\"");
  ck_assert_uint_eq(ambi_str_len(v), 8);
  ck_assert_str_eq(ambi_str_bytes(v), "12345678");
  v = leaf("\"a\\x00b\"");
  ck_assert_uint_eq(ambi_str_len(v), 3);
  ck_assert_mem_eq(ambi_str_bytes(v), "a\0b\0\0\0\0", 8);
}
END_TEST

START_TEST(bad_escapes) {
  static const char *const bad[] = {
      "\\a",    "\\xFF",          "\\x80",  "\\x4",      "\\xg1",
      "\\u41",  "\\u{}",          "\\u{g}", "\\u{d800}", "\\u{110000}",
      "\\u{41", "\\u{123456789}", "\\0",    "\\\n",      "\\\xC3\xA9"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "(a \"b%s\" c)", bad[i]);
    ck_reads(text, "Invalid escape sequence @1:6+5");
  }
  ck_reads("\"ab\\", "Escaping sequence is not finished @1:4+3");
  ck_reads("\"ab", "Unclosed String Literal @1:1+0");
  ck_reads("(a\n \"b\n c", "Unclosed String Literal @2:2+4");
  ck_reads("\"", "Unclosed String Literal @1:1+0");
  ck_reads("\"\\\"", "Unclosed String Literal @1:1+0");
}
END_TEST

START_TEST(brackets_that_do_not_match) {
  ck_reads(")", "Unexpected right bracket @1:1+0");
  ck_reads("a) b", "a | Unexpected right bracket @1:2+1");
  ck_reads("(a)\n\n  ) b", "(a) | Unexpected right bracket @3:3+7");
  ck_reads("(", "Unexpected end of expression @1:1+0");
  ck_reads("a (b\n (c d", "a | Unexpected end of expression @2:2+6");
  ck_reads("a\n(b (c) ; )", "a | Unexpected end of expression @2:1+2");
}
END_TEST

START_TEST(unicode_white_space) {
  ck_reads("a\xC2\x85"
           "b\xC2\xA0"
           "c\xE1\x9A\x80"
           "d\xE2\x80\x80"
           "e\xE2\x80\x8A"
           "f\xE2\x80\xA8g\xE2\x80\xA9h\xE2\x80\xAFi\xE2\x81\x9Fj\xE3\x80\x80k",
           "a | b | c | d | e | f | g | h | i | j | k");
  ck_reads("$a\xE3\x80\x80"
           "b",
           "$a | b");
  // zero width space and byte order mark are no white space
  ck_reads("a\xE2\x80\x8B"
           "b",
           "a\xE2\x80\x8B"
           "b");
  ck_reads("\xEF\xBB\xBF"
           "a",
           "\xEF\xBB\xBF"
           "a");
  // nor are the ASCII separators
  ck_reads("a\x1C"
           "b",
           "a\x1C"
           "b");
  ck_reads("\xC3\xA9\xC3\xA9 \xC3\xA9 )",
           "\xC3\xA9\xC3\xA9 | \xC3\xA9 | Unexpected right bracket @1:6+8");
  ck_reads("\xE3\x80\x80 )", "Unexpected right bracket @1:3+4");
}
END_TEST

START_TEST(input_that_is_not_utf8) {
  static const char *const bad[] = {"\x80",
                                    "\xC3",
                                    "\xC3(",
                                    "\xC0\x80",
                                    "\xC1\xBF",
                                    "\xE0\x80\x80",
                                    "\xE2\x82",
                                    "\xED\xA0\x80",
                                    "\xF0\x8F\xBF\xBF",
                                    "\xF4\x90\x80\x80",
                                    "\xF5\x80\x80\x80",
                                    "\xFF"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    static const char *const around[][2] = {{"ok\n", ""},     {"ok\nx", " y"},
                                            {"ok\n\"", "\""}, {"ok\n$", ""},
                                            {"ok\n;", "\n"},  {"ok\n(", ")"}};
    for (size_t k = 0; k < sizeof around / sizeof around[0]; k++) {
      char text[64], expected[128];
      size_t at = strlen(around[k][0]);
      snprintf(text, sizeof text, "%s%s%s", around[k][0], bad[i], around[k][1]);
      snprintf(
          expected, sizeof expected,
          "ok | Input read error at position %zu: invalid UTF-8 @2:%zu+%zu", at,
          at - 2, at);
      ck_reads(text, expected);
    }
  }
}
END_TEST

START_TEST(nul_is_an_ordinary_character) {
  read_bytes("a\0b c", 5);
  ck_assert_uint_eq(shown.len, 7);
  ck_assert_mem_eq(shown.text, "a\0b | c", 7);
}
END_TEST

static void ck_position(Position at, uint32_t line, uint32_t column,
                        size_t offset) {
  ck_assert_uint_eq(at.line, line);
  ck_assert_uint_eq(at.column, column);
  ck_assert_uint_eq(at.offset, offset);
}

START_TEST(positions) {
  static const char text[] = " a\n\xC3\xA9 (b\n\"\xC3\xA9\n\" ; \xC3\xA9\n) $c";
  Reader r;
  Template t;
  ambi_reader_open(&r, &rt, tokens, text, sizeof text - 1);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_position(r.start, 1, 2, 1);
  ck_position(r.pos, 1, 3, 2);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_position(r.start, 2, 1, 3);
  ck_position(r.pos, 2, 2, 5);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_position(r.start, 2, 3, 6);
  ck_position(r.pos, 5, 2, 21);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_position(r.start, 5, 3, 22);
  ck_position(r.pos, 5, 5, 24);
  ck_assert_int_eq(ambi_read(&r, &t), READ_END);
  ck_position(r.pos, 5, 5, 24);
  ck_assert_int_eq(ambi_read(&r, &t), READ_END);
}
END_TEST

START_TEST(spans_in_preorder) {
  static const char text[] = "(a (\xC3\xA9 $x)\n &p \"s\" ())";
  static const Position expected[] = {
      {1, 1, 0},  {1, 2, 1},  {1, 4, 3},  {1, 5, 4},  {1, 7, 7},
      {2, 2, 12}, {2, 2, 12}, {2, 2, 12}, {2, 5, 15}, {2, 9, 19}};
  const char *error;
  Template pair = one("(1 2)");
  ck_assert(ambi_tokens_add(tokens, "&p", 2, pair.atom, &error));
  ambi_template_release(rt.store, &pair);
  SpanVec spans = {0};
  Reader r;
  Template t;
  ambi_reader_open(&r, &rt, tokens, text, sizeof text - 1);
  r.spans = &spans;
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_assert_uint_eq(spans.n, sizeof expected / sizeof expected[0]);
  for (size_t i = 0; i < spans.n; i++)
    ck_position(spans.at[i], expected[i].line, expected[i].column,
                expected[i].offset);
  ambi_template_release(rt.store, &t);
  ck_assert_int_eq(ambi_read(&r, &t), READ_END);
  ck_assert_uint_eq(spans.n, 0);
  ambi_free(spans.at, spans.cap * sizeof *spans.at);
}
END_TEST

static void add_token(const char *name, const char *text) {
  const char *error;
  Template t = one(text);
  ck_assert_uint_eq(t.nvars, 0);
  ck_assert(ambi_tokens_add(tokens, name, strlen(name), t.atom, &error));
  ambi_template_release(rt.store, &t);
  ambi_store_quiesce(rt.store);
}

START_TEST(tokens_newest_first) {
  add_token("&kb", "(one)");
  ck_reads("&kb (&kb &kb2)", "(one) | ((one) &kb2)");
  add_token("&kb", "two");
  ck_reads("&kb", "two");
  add_token("&k.", "three");
  ck_reads("&kb &kc &kbb", "three | three | &kbb");
  add_token("&kb", "four");
  ck_reads("&kb &kc", "four | three");
  add_token("True", "no");
  add_token("my-token!", "\"s\"");
  ck_reads("(True my-token! $my-token!)", "(no \"s\" $my-token!)");
  ck_assert(ambi_same(ambi_tokens_find(tokens, "+", 1), AMB_OP_ID(OP_ADD)));
  ck_assert(ambi_is_none(ambi_tokens_find(tokens, "nothing", 7)));
  ck_assert(ambi_is_none(ambi_tokens_find(tokens, "", 0)));
}
END_TEST

START_TEST(tokens_as_regular_expressions) {
  add_token("a*", "5");
  ck_reads("a aa ab", "5 | 5 | ab");
  add_token("x|xy", "6");  // the first alternative decides
  ck_reads("x xy", "6 | xy");
  add_token("[0-9]+", "7");
  ck_reads("1 12 1.5 -1 1a", "7 | 7 | 1.5 | -1 | 1a");
  add_token("\"q.*\"", "quoted");
  ck_reads("\"q\" \"\\x71x\" \"p\"", "quoted | quoted | \"p\"");
  add_token("\\d", "eight");
  ck_reads("1 \xD9\xA1 12", "eight | eight | 7");  // digits of any script
  add_token(".\xC3\xA9.", "nine");
  ck_reads("\xC3\xA0\xC3\xA9\xC3\xA8", "nine");
}
END_TEST

START_TEST(bad_patterns) {
  const char *error = NULL;
  ck_assert(!ambi_tokens_add(tokens, "*a", 2, AMB_TRUE, &error));
  ck_assert_ptr_nonnull(error);
  ck_assert_ptr_eq(strstr(error, "Could convert token *a into regex: "), error);
  ck_assert(!ambi_tokens_add(tokens, "a(", 2, AMB_TRUE, &error));
  ck_assert_ptr_eq(strstr(error, "Could convert token a( into regex: "), error);
  ck_assert(!ambi_tokens_add(tokens, "(a)\\1", 5, AMB_TRUE, &error));
  ck_reads("*a a(", "*a | a | Unexpected end of expression @1:5+4");
}
END_TEST

// A value with variables: written ones are the variables of the text, others
// stay what they are, one and the same wherever the token stands.
START_TEST(tokens_with_variables) {
  Context *cx = ambi_context_open(&rt);
  uint32_t x, f;
  const char *error;
  ck_assert(ambi_symbol_intern(rt.symbols, "x", 1, &x));
  ck_assert(ambi_symbol_intern(rt.symbols, "f", 1, &f));
  Value written = ambi_make_var(cx, x, AMB_VAR_AS_WRITTEN);
  Value fresh = ambi_make_var(cx, x, AMB_VAR_FRESH);
  Value v = AMB_EXPR(cx, AMB_SYM_ID(f), written, AMB_EXPR(cx, fresh, written));
  ck_assert(ambi_tokens_add(tokens, "&v", 2, v, &error));
  ck_assert(ambi_tokens_add(tokens, "&w", 2, fresh, &error));
  ambi_context_close(cx);
  ck_reads("&v", "(f $x ($x#1 $x))");
  ck_reads("(&w $x)", "($x#1 $x)");
  Template t = one("($x &v &v $y &w)");
  ck_assert_uint_eq(t.nvars, 4);
  Value first = ambi_expr_at(t.atom, 1), second = ambi_expr_at(t.atom, 2);
  ck_assert_uint_eq(ambi_lvar_of(ambi_expr_at(first, 1)), 0);
  ck_assert(ambi_same(ambi_expr_at(ambi_expr_at(first, 2), 0),
                      ambi_expr_at(ambi_expr_at(second, 2), 0)));
  ambi_template_release(rt.store, &t);
}
END_TEST

START_TEST(tokens_imported) {
  Tokens *from = ambi_tokens_open(&rt);
  Tokens *own = tokens;
  tokens = from;
  add_token("&a", "theirs");
  add_token("b+", "pattern");
  tokens = own;
  add_token("&a", "ours");
  add_token("True", "no");
  ck_assert(ambi_tokens_import(tokens, from));
  ck_reads("&a bb True", "theirs | pattern | no");
  add_token("&a", "again");
  ck_reads("&a", "again");
  ambi_mentions_close(&rt);
  ambi_tokens_close(tokens);
  tokens = from;
  ck_reads("&a bb", "theirs | pattern");
}
END_TEST

START_TEST(tokens_change_between_atoms) {
  Reader r;
  Template t;
  const char *error;
  ambi_reader_open(&r, &rt, tokens, "a b a", 5);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_assert(ambi_is_sym(t.atom));
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_assert(ambi_tokens_add(tokens, "a", 1, ambi_small_int(5), &error));
  ck_assert_int_eq(ambi_read(&r, &t), READ_ATOM);
  ck_assert_int_eq(ambi_int_of(t.atom), 5);
}
END_TEST

START_TEST(without_a_tokenizer) {
  Tokens *kept = tokens;
  tokens = NULL;
  ck_reads("(+ True 5 1.5 \"s\" $x a)", "(+ True 5 1.5 \"s\" $x a)");
  ck_assert(ambi_is_sym(leaf("+")));
  tokens = kept;
}
END_TEST

START_TEST(a_million_brackets) {
  enum { N = 1000000 };
  char *text = malloc(2 * N + 2);
  memset(text, '(', N);
  text[N] = 'a';
  memset(text + N + 1, ')', N);
  text[2 * N + 1] = 0;
  Template t = one(text);
  Buffer b = {0};
  ambi_print_template(&rt, &b, &t, NULL);
  ck_assert_uint_eq(b.len, 2 * N + 1);
  ck_assert_mem_eq(b.text, text, b.len);
  ambi_template_release(rt.store, &t);
  ambi_store_quiesce(rt.store);
  text[N] = '$';
  t = one(text);
  ck_assert_uint_eq(t.nvars, 1);
  ambi_template_release(rt.store, &t);
  ambi_buffer_drop(&b);
  memset(text + N, '(', N);
  Reader r;
  ambi_reader_open(&r, &rt, tokens, text, 2 * N);
  ck_assert_int_eq(ambi_read(&r, &t), READ_ERROR);
  ck_assert_uint_eq(r.error.at.offset, 2 * N - 1);
  free(text);
}
END_TEST

START_TEST(long_flat_atoms) {
  enum { N = 200000 };
  Buffer text = {0};
  ambi_buffer_puts(&text, "(");
  for (int i = 0; i < N; i++)
    ambi_buffer_puts(&text, i % 2 ? "(b \"s\") " : "a ");
  text.text[text.len - 1] = ')';
  Template t = one(text.text);
  ck_assert_uint_eq(ambi_expr_size(t.atom), N);
  Buffer b = {0};
  ambi_print_template(&rt, &b, &t, NULL);
  ck_assert_str_eq(b.text, text.text);
  ambi_template_release(rt.store, &t);
  ambi_buffer_drop(&b);
  ambi_buffer_drop(&text);
}
END_TEST

static uint64_t seed = 88172645463325252u;
static uint32_t random_below(uint32_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 32) % n;
}

// Pieces that meet the odd corners far more often than random bytes would.
static void random_text(Buffer *b) {
  static const char *const pieces[] = {"(",        "(",
                                       "(",        ")",
                                       ")",        ")",
                                       " ",        " ",
                                       "\n",       ";",
                                       "\"",       "\"a\"",
                                       "\\",       "$",
                                       "$x",       "$y",
                                       "#",        "!",
                                       "a",        "foo",
                                       "+",        "True",
                                       "1",        "-2",
                                       "1.5",      "1e9",
                                       "\\n",      "\\x41",
                                       "\\u{41}",  "{",
                                       "}",        "\xC3",
                                       "\xA9",     "\xFF",
                                       "\xC3\xA9", "\xE3\x80\x80",
                                       "&kb",      "99999999999999999999",
                                       "()",       "'"};
  b->len = 0;
  ambi_buffer_puts(b, "");
  for (uint32_t n = random_below(40); n > 0; n--)
    ambi_buffer_puts(b, pieces[random_below(sizeof pieces / sizeof pieces[0])]);
}

START_TEST(random_text_is_read_or_refused) {
  Buffer text = {0}, once = {0};
  int refused = 0, accepted = 0;
  add_token("&kb", "(kb)");
  for (int i = 0; i < 20000; i++) {
    random_text(&text);
    last_error.message = NULL;
    read_bytes(text.text, text.len);
    if (last_error.message) {
      ck_assert_uint_le(last_error.at.offset, text.len);
      refused++;
      continue;
    }
    accepted++;
    // what was printed reads as the same again
    for (char *bar = strstr(shown.text, " | "); bar; bar = strstr(bar, " | "))
      bar[1] = ' ';
    once.len = 0;
    ambi_buffer_puts(&once, shown.text);
    read_text(once.text);
    for (char *bar = strstr(shown.text, " | "); bar; bar = strstr(bar, " | "))
      bar[1] = ' ';
    ck_assert_str_eq(shown.text, once.text);
  }
  ck_assert_int_gt(refused, 1000);
  ck_assert_int_gt(accepted, 1000);
  ambi_buffer_drop(&text);
  ambi_buffer_drop(&once);
}
END_TEST

// Each allocation fails once; nothing leaks, and a second try reads the atom.
START_TEST(exhausted_memory) {
  Buffer text = {0};
  ambi_buffer_puts(&text, "(");
  for (int i = 0; i < 40; i++)
    ambi_buffer_puts(&text, "(((($a$b $x1 \"text\" 12345678901234567890 ");
  for (int i = 0; i < 30; i++) {
    char name[16];
    snprintf(name, sizeof name, " $n%d", i);
    ambi_buffer_puts(&text, name);
  }
  for (int i = 0; i < 161; i++)
    ambi_buffer_puts(&text, ")");
  Template t = one(text.text);  // makes all symbols
  ambi_template_release(rt.store, &t);
  for (uint64_t n = 1;; n++) {
    Reader r;
    SpanVec spans = {0};
    ambi_reader_open(&r, &rt, tokens, text.text, text.len);
    r.spans = &spans;
    ambi_store_quiesce(rt.store);
    ambi_alloc_fail_at(n);
    enum ReadStatus status = ambi_read(&r, &t);
    ambi_alloc_fail_at(0);
    bool failed = status == READ_MEMORY;
    if (failed) {
      ck_assert_uint_eq(r.next, 0);
      status = ambi_read(&r, &t);
    }
    ck_assert_int_eq(status, READ_ATOM);
    ambi_template_release(rt.store, &t);
    ambi_free(spans.at, spans.cap * sizeof *spans.at);
    if (!failed) {
      ck_assert_uint_gt(n, 5);
      break;
    }
  }
  ambi_buffer_drop(&text);
}
END_TEST

START_TEST(exhausted_memory_in_a_tokenizer) {
  for (uint64_t n = 1;; n++) {
    const char *error = "";
    ambi_alloc_fail_at(n);
    Tokens *t = ambi_tokens_open(&rt);
    bool literal = t && ambi_tokens_add(t, "&a", 2, AMB_TRUE, &error);
    bool pattern = literal && ambi_tokens_add(t, "a*", 2, AMB_TRUE, &error);
    ambi_alloc_fail_at(0);
    if (t && !pattern) ck_assert_ptr_null(error);
    ambi_tokens_close(t);
    if (!pattern) continue;
    ck_assert_uint_gt(n, 5);
    break;
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("reader");
  tcase_add_checked_fixture(tc, open_reader, close_reader);
  tcase_add_test(tc, words_and_separators);
  tcase_add_test(tc, comments);
  tcase_add_test(tc, variables);
  tcase_add_test(tc, many_variables_in_one_atom);
  tcase_add_test(tc, kinds_of_words);
  tcase_add_test(tc, strings);
  tcase_add_test(tc, bad_escapes);
  tcase_add_test(tc, brackets_that_do_not_match);
  tcase_add_test(tc, unicode_white_space);
  tcase_add_test(tc, input_that_is_not_utf8);
  tcase_add_test(tc, nul_is_an_ordinary_character);
  tcase_add_test(tc, positions);
  tcase_add_test(tc, spans_in_preorder);
  tcase_add_test(tc, tokens_newest_first);
  tcase_add_test(tc, tokens_as_regular_expressions);
  tcase_add_test(tc, bad_patterns);
  tcase_add_test(tc, tokens_with_variables);
  tcase_add_test(tc, tokens_imported);
  tcase_add_test(tc, tokens_change_between_atoms);
  tcase_add_test(tc, without_a_tokenizer);
  tcase_add_test(tc, a_million_brackets);
  tcase_add_test(tc, long_flat_atoms);
  tcase_add_test(tc, random_text_is_read_or_refused);
  tcase_add_test(tc, exhausted_memory);
  tcase_add_test(tc, exhausted_memory_in_a_tokenizer);
  return unit_run(tc, "reader");
}
