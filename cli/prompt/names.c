// Collecting the names in scope, see names.h.
#include "cli/prompt/names.h"

#include <stdlib.h>

#include "cli/near.h"
#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"

typedef struct Marks {  // a bit for each symbol
  uint64_t *at;
  size_t n;  // symbols
} Marks;

static bool is_helper(const Runtime *rt, uint32_t symbol) {
  return ambi_symbol(rt->symbols, symbol)->text[0] == '_';
}

static void mark(const Marks *m, uint32_t symbol) {
  if (symbol < m->n) m->at[symbol / 64] |= UINT64_C(1) << symbol % 64;
}

static bool is_marked(const Marks *m, uint32_t symbol) {
  return m->at[symbol / 64] >> symbol % 64 & 1;
}

// ---- of spaces --------------------------------------------------------------

// All symbols in an atom.
static bool mark_all(const Marks *m, Value atom, ValueVec *todo) {
  todo->n = 0;
  if (!ambi_vec_push(todo, atom)) return false;
  while (todo->n) {
    Value v = ambi_deref(todo->at[--todo->n]);
    if (ambi_is_sym(v)) mark(m, ambi_sym_of(v));
    for (uint32_t i = 0; i < ambi_expr_size(v); i++)
      if (!ambi_vec_push(todo, ambi_expr_at(v, i))) return false;
  }
  return true;
}

// What (= (name ...) ...), (= name ...) or (: name ...) is about.
static void mark_defined(const Marks *m, const Runtime *rt, Value atom) {
  if (ambi_expr_size(atom) < 2) return;
  Value head = ambi_expr_at(atom, 0), what = ambi_expr_at(atom, 1);
  if (!ambi_same(head, AMB_SYM(EQ)) && !ambi_same(head, AMB_SYM(COLON))) return;
  if (ambi_is_expr(what)) what = ambi_expr_at(what, 0);
  if (ambi_is_sym(what) && !is_helper(rt, ambi_sym_of(what)))
    mark(m, ambi_sym_of(what));
}

static bool mark_space(const Marks *m, Space *s, bool own) {
  RecordVec records = {0};
  ValueVec todo = {0};
  bool ok = ambi_space_atoms(s, &records);
  for (size_t i = 0; i < records.n && ok; i++) {
    Value atom = ambi_record_atom(records.at[i]);
    if (own)
      ok = mark_all(m, atom, &todo);
    else
      mark_defined(m, s->rt, atom);
  }
  ambi_vec_drop(&todo);
  ambi_records_drop(&records);
  return ok;
}

// ---- of words ---------------------------------------------------------------

static void mark_words(const Marks *m, const Module *module) {
  const Runtime *rt = module->space->rt;
  for (uint32_t i = 0; i < m->n; i++)
    if (ambi_words_have(rt->words, i) && !is_helper(rt, i)) mark(m, i);
  for (size_t i = 0; i < ambi_tokens_count(module->tokens); i++) {
    Value stands_for;
    uint32_t symbol = ambi_tokens_symbol(module->tokens, i, &stands_for);
    if (symbol != AMB_NO_SYMBOL && !is_helper(rt, symbol)) mark(m, symbol);
  }
}

// ---- all --------------------------------------------------------------------

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool gather(Names *names, const Marks *m, const Runtime *rt) {
  names->n = 0;
  for (uint32_t i = 0; i < m->n; i++) {
    if (!is_marked(m, i)) continue;
    if (!ambi_grow((void **)&names->at, &names->cap, names->n + 1,
                   sizeof *names->at))
      return false;
    names->at[names->n++] = ambi_symbol(rt->symbols, i)->text;
  }
  qsort(names->at, names->n, sizeof *names->at, by_text);
  return true;
}

static uint64_t stamp_of(const Module *m) {
  return ambi_space_version(m->space, AMB_UNIT, 0) * 31 +
         ambi_tokens_count(m->tokens);
}

bool cli_names_update(Names *names, const Module *m) {
  const Runtime *rt = m->space->rt;
  uint64_t stamp = stamp_of(m);
  if (names->made && names->stamp == stamp) return true;
  Marks marks = {.n = ambi_symbols_count(rt->symbols)};
  size_t bytes = (marks.n / 64 + 1) * sizeof *marks.at;
  marks.at = ambi_alloc(bytes);
  if (!marks.at) return names->made = false;
  memset(marks.at, 0, bytes);
  bool ok = mark_space(&marks, m->space, true);
  for (size_t i = 0; i < ambi_space_ndeps(m->space) && ok; i++)
    ok = mark_space(&marks, ambi_space_dep(m->space, i), false);
  mark_words(&marks, m);
  ok = ok && gather(names, &marks, rt);
  ambi_free(marks.at, bytes);
  if (!ok) names->n = 0;
  names->stamp = stamp;
  return names->made = ok;
}

void cli_names_drop(Names *names) {
  ambi_free(names->at, names->cap * sizeof *names->at);
  *names = (Names){0};
}

// ---- looking ----------------------------------------------------------------

// How the name compares with the start: like strcmp, 0 if it begins so.
static int compare(const char *name, const char *start, size_t len) {
  return strncmp(name, start, len);
}

size_t cli_names_with(const Names *names, const char *start, size_t len,
                      size_t *first) {
  size_t low = 0, high = names->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (compare(names->at[mid], start, len) < 0)
      low = mid + 1;
    else
      high = mid;
  }
  *first = low;
  while (high < names->n && compare(names->at[high], start, len) == 0)
    high++;
  return high - low;
}

bool cli_names_have(const Names *names, const char *text, size_t len) {
  size_t first;
  return cli_names_with(names, text, len, &first) &&
         strlen(names->at[first]) == len;
}

const char *cli_names_near(const Names *names, const char *text, size_t len) {
  Nearest near = cli_nearest(text, len, cli_nearest_usual(len));
  for (size_t i = 0; i < names->n; i++)
    cli_nearest_try(&near, names->at[i], strlen(names->at[i]));
  return near.best;
}
