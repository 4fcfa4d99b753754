// The parts of the prompt that need no terminal: when input is whole, where answers go on
// a screen, which names are in scope and what they complete to, what a history file keeps.
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/prompt/collect.h"
#include "cli/prompt/complete.h"
#include "cli/prompt/flow.h"
#include "cli/prompt/history.h"
#include "cli/source/tree.h"
#include "memory/alloc.h"
#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

// ---- whole input ------------------------------------------------------------

static enum CollectState state_of(const char *text) {
  Collector c = {0};
  const char *end;
  for (; *text; text = end) {
    end = strchr(text, '\n');
    end = end ? end + 1 : text + strlen(text);
    ck_assert(cli_collect_add(&c, text, (size_t)(end - text)));
  }
  enum CollectState state = cli_collect_state(&c);
  cli_collect_drop(&c);
  return state;
}

START_TEST(input_is_whole_when_all_is_closed) {
  static const struct {
    const char *text;
    enum CollectState state;
  } cases[] = {
      {"", COLLECT_EMPTY},          {"\n  \n", COLLECT_EMPTY},
      {"; (", COLLECT_EMPTY},       {"a", COLLECT_WHOLE},
      {"(", COLLECT_OPEN},          {"(a\n(b)\n)", COLLECT_WHOLE},
      {"(a ; )", COLLECT_OPEN},     {"(a ; )\n)", COLLECT_WHOLE},
      {"\"a", COLLECT_OPEN},        {"\"a\n(\"", COLLECT_WHOLE},
      {"\"a\\\"", COLLECT_OPEN},    {"\"\\\\\"", COLLECT_WHOLE},
      {"(a \")\" b", COLLECT_OPEN}, {"a\"(", COLLECT_OPEN},
      {"a\"b", COLLECT_WHOLE},      {"!", COLLECT_OPEN},
      {"! ; what", COLLECT_OPEN},   {"!\n(f)", COLLECT_WHOLE},
      {"!a", COLLECT_WHOLE},        {"!!", COLLECT_WHOLE},
      {"(a) !", COLLECT_OPEN},      {"(!)", COLLECT_WHOLE},
      {"$x;(", COLLECT_OPEN},       {"x;(", COLLECT_WHOLE},
      {")", COLLECT_WHOLE},         {"(a))(", COLLECT_WHOLE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    ck_assert_msg(state_of(cases[i].text) == cases[i].state, "case %zu: %s", i,
                  cases[i].text);
}
END_TEST

// Of a string the tree tells the first fault only.
static bool has_bad_escape(const Tree *t) {
  for (uint32_t i = 0; i < t->count; i++)
    if (t->nodes[i].fault == FAULT_ESCAPE) return true;
  return false;
}

// Texts of any bytes that matter, against the tree of the same text.
START_TEST(input_is_whole_when_the_tree_is) {
  static const char *const pieces[] = {"(", ")",  "\"", "\\", ";", "\n",
                                       " ", "$v", "a",  "!",  "b"};
  enum { PIECES = sizeof pieces / sizeof *pieces };
  unsigned seed = 20261122;
  for (int round = 0; round < 200000; round++) {
    char text[64] = "";
    Scan scan = {0};
    for (int i = 0; i < 12; i++) {
      seed = seed * 1103515245 + 12345;
      strcat(text, pieces[(seed >> 16) % PIECES]);
    }
    Collector c = {.scan = scan};
    Tree t;
    ck_assert(cli_collect_add(&c, text, strlen(text)));
    ck_assert(cli_tree_read(&t, c.text, c.len));
    bool closed = cli_tree_is_closed(&t);
    // The last atom may be a `!`, of which the tree says nothing.
    bool open = cli_collect_state(&c) == COLLECT_OPEN && !c.scan.bang;
    if (!c.scan.stray && !has_bad_escape(&t))
      ck_assert_msg(closed == !open, "%s: tree %d", text, closed);
    cli_tree_free(&t);
    cli_collect_drop(&c);
  }
}
END_TEST

// ---- the screen -------------------------------------------------------------

// The list as it would stand there.
static const char *listed(Flow *f, const char *const *answers, size_t n,
                          char *out) {
  *out = 0;
  for (size_t i = 0; i < n; i++) {
    const char *lead = cli_flow_lead(f, answers[i], strlen(answers[i]));
    cli_flow_wrote(f, lead, strlen(lead));
    cli_flow_wrote(f, answers[i], strlen(answers[i]));
    strcat(strcat(out, lead), answers[i]);
  }
  return strcat(out, cli_flow_end(f));
}

START_TEST(answers_break_where_a_line_is_full) {
  static const char *const answers[] = {"(a b)", "(c d)", "(e f)"};
  Flow f;
  char out[100];
  cli_flow_begin(&f, 80, 24);
  ck_assert_str_eq(listed(&f, answers, 3, out), "[(a b), (c d), (e f)]");
  cli_flow_begin(&f, 16, 24);
  ck_assert_str_eq(listed(&f, answers, 3, out), "[(a b), (c d),\n (e f)]");
  ck_assert_uint_eq(f.rows, 1);
  cli_flow_begin(&f, 0, 0);
  ck_assert_str_eq(listed(&f, answers, 3, out), "[(a b), (c d), (e f)]");
  cli_flow_begin(&f, 80, 24);
  ck_assert_str_eq(listed(&f, answers, 0, out), "[]");
}
END_TEST

START_TEST(rows_are_counted_as_a_terminal_has_them) {
  Flow f;
  cli_flow_begin(&f, 10, 6);
  cli_flow_wrote(&f, "0123456789", 10);
  ck_assert_uint_eq(f.rows, 0);
  cli_flow_wrote(&f, "0", 1);
  ck_assert_uint_eq(f.rows, 1);
  ck_assert_uint_eq(f.column, 1);
  cli_flow_wrote(&f, "\n\xE6\x97\xA5\n", 5);
  ck_assert_uint_eq(f.rows, 3);
}
END_TEST

// Of six rows five are for answers; the next one may stand in the last of them.
START_TEST(a_page_leaves_a_row_for_the_question) {
  Flow f;
  cli_flow_begin(&f, 10, 6);
  ck_assert_str_eq(cli_flow_lead(&f, "a", 1), "[");
  cli_flow_wrote(&f, "[a\n\n\n\n", 6);
  ck_assert(!cli_flow_is_full(&f, "b", 1));
  cli_flow_wrote(&f, "123456", 6);
  ck_assert(!cli_flow_is_full(&f, "b", 1));
  ck_assert(cli_flow_is_full(&f, "bb", 2));
  ck_assert(cli_flow_is_full(&f, "\n", 1));
  cli_flow_turn(&f, 0);
  ck_assert_uint_eq(f.rows, 0);
  ck_assert(!cli_flow_is_full(&f, "bb", 2));
  cli_flow_turn(&f, 1);
  const char *part = cli_flow_part(&f);
  f.column = 0;
  ck_assert_str_eq(part, ",\n");
  ck_assert(!cli_flow_is_full(&f, "bb", 2));
  ck_assert_str_eq(cli_flow_lead(&f, "bb", 2), " ");
  cli_flow_wrote(&f, " bb345678", 9);
  ck_assert(cli_flow_is_full(&f, "c", 1));
  cli_flow_wrote(&f, "\n", 1);
  ck_assert(cli_flow_is_full(&f, "c", 1));
  cli_flow_begin(&f, 10, 0);
  cli_flow_wrote(&f, "\n\n\n\n\n\n\n\n", 8);
  ck_assert(!cli_flow_is_full(&f, "c", 1));
}
END_TEST

START_TEST(a_list_goes_on_behind_a_pause) {
  Flow f;
  cli_flow_begin(&f, 80, 24);
  ck_assert_str_eq(cli_flow_part(&f), "");
  ck_assert_str_eq(cli_flow_lead(&f, "a", 1), "[");
  ck_assert_str_eq(cli_flow_part(&f), ",\n");
  ck_assert_str_eq(cli_flow_lead(&f, "b", 1), " ");
  ck_assert_str_eq(cli_flow_lead(&f, "c", 1), ", ");
  ck_assert_uint_eq(f.answers, 3);
}
END_TEST

// ---- names ------------------------------------------------------------------

static Runtime *rt;
static Names names;

static bool write_nothing(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
  return true;
}

static void note_nothing(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  (void)len;
}

static void run(const char *text) {
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = text,
              .len = strlen(text)};
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ambi_script_drop(&s);
  ck_assert(cli_names_update(&names, ambi_module_top(rt)));
}

static bool have(const char *name) {
  return cli_names_have(&names, name, strlen(name));
}

static void open_names(void) {
  Host host = {.write = write_nothing, .note = note_nothing};
  rt = ambi_runtime_open(&host, 1);
  ck_assert_ptr_nonnull(rt);
  run("(= (fact $n) 1) (: colour Type) (parent Tom (child Bob))"
      "!(bind! &kb (new-space))");
}

static void close_names(void) {
  cli_names_drop(&names);
  ambi_runtime_close(rt);
  ck_assert_uint_eq(ambi_alloc_bytes(), 0);
}

START_TEST(names_of_rules_facts_words_and_the_library) {
  ck_assert(have("fact") && have("colour") && have("Bob") && have("&kb"));
  ck_assert(have("+") && have("True") && have("map-atom") && have("car-atom"));
  ck_assert(!have("fac") && !have("_deepen") && !have("nothing-so-called"));
  run("(= (nothing-so-called) 1)");
  ck_assert(have("nothing-so-called"));
  run("!(remove-atom &self (= (nothing-so-called) 1))");
  ck_assert(!have("nothing-so-called"));
}
END_TEST

START_TEST(the_nearest_name) {
  ck_assert_str_eq(cli_names_near(&names, "fatc", 4), "fact");
  ck_assert_str_eq(cli_names_near(&names, "carr-atom", 9), "car-atom");
  ck_assert_str_eq(cli_names_near(&names, "collour", 7), "colour");
  ck_assert_ptr_null(cli_names_near(&names, "zzzzzzz", 7));
  ck_assert_ptr_null(cli_names_near(&names, "xy", 2));
}
END_TEST

static bool takes_file(const char *name, size_t len) {
  return len == 4 && memcmp(name, "load", 4) == 0;
}

// "WORD: CANDIDATE CANDIDATE ..."
static const char *completed(const char *text) {
  static const char *const all[] = {"help", "limit", "load"};
  static char out[1000];
  const CompletionCommands commands = {all, 3, takes_file};
  Completion c;
  ck_assert(cli_complete(&c, (Typed){text, strlen(text)}, &names, &commands));
  int at =
      snprintf(out, sizeof out, "%zu+%zu:", c.word, cli_complete_common(&c));
  for (size_t i = 0; i < c.n && at < (int)sizeof out; i++)
    at += snprintf(out + at, sizeof out - (size_t)at, " %s",
                   cli_candidate(&c, i));
  cli_completion_drop(&c);
  return out;
}

START_TEST(words_are_completed) {
  ck_assert_str_eq(completed("!(fac"), "3+4: fact");
  ck_assert_str_eq(completed("fact"), "4+4: fact");
  ck_assert_str_eq(completed("!(map-"), "4+8: map-atom");
  ck_assert_str_eq(completed("(f $number $nil $n"), "2+2: $nil $number");
  ck_assert_str_eq(completed("(f \"fac"), "0+0:");
  ck_assert_str_eq(completed("; fac"), "0+0:");
  ck_assert_str_eq(completed(""), "0+0:");
  ck_assert_str_eq(completed("(match &k"), "2+3: &kb");
  run("(gr\xC3\xBC\xC3\x9F"
      "e gr\xC3\xB6\xC3\x9F"
      "e)");
  ck_assert_str_eq(completed("(gr"), "2+2: gr\xC3\xB6\xC3\x9F"
                                     "e gr\xC3\xBC\xC3\x9F"
                                     "e");
}
END_TEST

START_TEST(commands_and_files_are_completed) {
  ck_assert_str_eq(completed(":"), "0+0: help limit load");
  ck_assert_str_eq(completed(":l"), "1+1: limit load");
  ck_assert_str_eq(completed(":doc fac"), "3+4: fact");
  char folder[] = "/tmp/ambit-prompt-XXXXXX", line[100], want[100];
  ck_assert_ptr_nonnull(mkdtemp(folder));
  ck_assert_int_eq(chdir(folder), 0);
  ck_assert_int_eq(mkdir("some", 0700), 0);
  fclose(fopen("some/one.metta", "w"));
  fclose(fopen("some/.hidden", "w"));
  ck_assert_str_eq(completed(":load so"), "2+5: some/");
  snprintf(line, sizeof line, ":load  %s/some/", folder);
  size_t len = strlen(folder) + 6;
  snprintf(want, sizeof want, "%zu+%zu: %s/some/one.metta", len, len + 9,
           folder);
  ck_assert_str_eq(completed(line), want);
  unlink("some/one.metta");
  unlink("some/.hidden");
  rmdir("some");
  rmdir(folder);
}
END_TEST

// ---- history ----------------------------------------------------------------

typedef struct Entries {
  char last[100];
  size_t n;
} Entries;

static void count_entry(void *arg, const char *text) {
  Entries *e = arg;
  e->n++;
  snprintf(e->last, sizeof e->last, "%s", text);
}

static char state[] = "/tmp/ambit-state-XXXXXX";

static char *history_path(void) {
  strcpy(strstr(state, "state-") + 6, "XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(state));
  setenv("XDG_STATE_HOME", state, 1);
  char *path = cli_history_path();
  ck_assert_ptr_nonnull(path);
  return path;
}

static void remove_history(char *path) {
  char folder[100];
  unlink(path);
  snprintf(folder, sizeof folder, "%s/ambit", state);
  rmdir(folder);
  ck_assert_int_eq(rmdir(state), 0);
  ambi_text_free(path);
}

START_TEST(a_history_keeps_what_was_typed) {
  char *path = history_path();
  Entries e = {0};
  ck_assert(cli_history_load(path, count_entry, &e));
  ck_assert_uint_eq(e.n, 0);
  ck_assert(cli_history_add(path, "(a\n \"b\\n\" \\c)"));
  ck_assert(cli_history_load(path, count_entry, &e));
  ck_assert_uint_eq(e.n, 1);
  ck_assert_str_eq(e.last, "(a\n \"b\\n\" \\c)");
  struct stat s;
  ck_assert_int_eq(stat(path, &s), 0);
  ck_assert_uint_eq(s.st_mode & 0777, 0600);
  remove_history(path);
}
END_TEST

START_TEST(a_history_does_not_grow_without_end) {
  char *path = history_path(), text[20];
  for (int i = 1; i <= 2 * HISTORY_MOST + 1; i++) {
    snprintf(text, sizeof text, "(entry %d)", i);
    Entries none = {0};
    if (i == 1) ck_assert(cli_history_load(path, count_entry, &none));
    ck_assert(cli_history_add(path, text));
  }
  Entries e = {0}, again = {0};
  ck_assert(cli_history_load(path, count_entry, &e));
  ck_assert_uint_eq(e.n, HISTORY_MOST);
  ck_assert_str_eq(e.last, text);
  struct stat s;
  ck_assert_int_eq(stat(path, &s), 0);
  ck_assert_uint_lt((size_t)s.st_size, (size_t)HISTORY_MOST * sizeof text);
  ck_assert(cli_history_load(path, count_entry, &again));
  ck_assert_uint_eq(again.n, HISTORY_MOST);
  remove_history(path);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("prompt");
  tcase_add_test(tc, input_is_whole_when_all_is_closed);
  tcase_add_test(tc, input_is_whole_when_the_tree_is);
  tcase_add_test(tc, answers_break_where_a_line_is_full);
  tcase_add_test(tc, rows_are_counted_as_a_terminal_has_them);
  tcase_add_test(tc, a_page_leaves_a_row_for_the_question);
  tcase_add_test(tc, a_list_goes_on_behind_a_pause);
  tcase_add_test(tc, a_history_keeps_what_was_typed);
  tcase_add_test(tc, a_history_does_not_grow_without_end);
  tcase_add_checked_fixture(tc, open_names, close_names);
  tcase_add_test(tc, names_of_rules_facts_words_and_the_library);
  tcase_add_test(tc, the_nearest_name);
  tcase_add_test(tc, words_are_completed);
  tcase_add_test(tc, commands_and_files_are_completed);
  return unit_run(tc, "prompt");
}
