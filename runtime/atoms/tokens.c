// Words that stand for something else than a symbol of their name.
//
// Entries are numbered by age. A literal name is found through a hash from its
// symbol id to its newest entry; names that are regular expressions stand in a
// list of their own and are tried from the newest down to the literal's age.
// The language's own words are older than any entry, which therefore hides them;
// all tokenizers of a runtime share them. Nothing is taken back before the
// tokenizer closes: atoms that were read point into the values.
#include "runtime/atoms/tokens_data.h"

#include "memory/alloc.h"

// ---- memory for PCRE2 -------------------------------------------------------

// PCRE2 frees without a size, so it stands in front of each block.
enum { PREFIX = 16 };

static void *pattern_alloc(size_t size, void *arg) {
  (void)arg;
  char *block = ambi_alloc(size + PREFIX);
  if (!block) return NULL;
  memcpy(block, &size, sizeof size);
  return block + PREFIX;
}

static void pattern_free(void *p, void *arg) {
  (void)arg;
  if (!p) return;
  char *block = (char *)p - PREFIX;
  size_t size;
  memcpy(&size, block, sizeof size);
  ambi_free(block, size + PREFIX);
}

// Made when the first regular expression comes, which is never for most.
static bool open_patterns(Tokens *t) {
  if (t->match) return true;
  if (!t->memory)
    t->memory = pcre2_general_context_create(pattern_alloc, pattern_free, NULL);
  if (!t->memory) return false;
  if (!t->flavour) t->flavour = pcre2_compile_context_create(t->memory);
  if (!t->flavour) return false;
  pcre2_set_newline(t->flavour, PCRE2_NEWLINE_LF);
  t->match = pcre2_match_data_create(1, t->memory);
  return t->match != NULL;
}

// ---- the language's own words -----------------------------------------------

static void note_first(const Runtime *rt, uint64_t *set, uint32_t symbol) {
  unsigned char first =
      (unsigned char)ambi_symbol(rt->symbols, symbol)->text[0];
  set[first / 64] |= UINT64_C(1) << first % 64;
}

bool ambi_words_add(Runtime *rt, const char *word, Value v) {
  Words *w = rt->words;
  uint32_t symbol;
  size_t old = w->cap;
  if (!ambi_symbol_intern(rt->symbols, word, strlen(word), &symbol) ||
      !ambi_grow((void **)&w->at, &w->cap, symbol + (size_t)1, sizeof *w->at))
    return false;
  for (size_t i = old; i < w->cap; i++)
    w->at[i] = (Template){.atom = AMB_NONE};
  w->at[symbol] =
      (Template){.atom = v, .flags = ambi_is_double(v) ? TMPL_HAS_FLOAT : 0};
  note_first(rt, w->first, symbol);
  return true;
}

bool ambi_words_open(Runtime *rt) {
  rt->words = ambi_alloc(sizeof *rt->words);
  if (!rt->words) return false;
  for (uint32_t op = 0; op < OP_COUNT; op++)
    if (!ambi_builtins[op].module[0] &&
        !ambi_words_add(rt, ambi_builtins[op].name, AMB_OP_ID(op)))
      return false;
  return ambi_words_add(rt, "True", AMB_TRUE) &&
         ambi_words_add(rt, "False", AMB_FALSE) &&
         ambi_words_add(rt, "PI", ambi_double(3.141592653589793)) &&
         ambi_words_add(rt, "EXP", ambi_double(2.718281828459045));
}

bool ambi_words_know(const Runtime *rt, const char *word) {
  uint32_t symbol;
  return ambi_symbol_find(rt->symbols, word, strlen(word), &symbol) &&
         symbol < rt->words->cap && !ambi_is_none(rt->words->at[symbol].atom);
}

void ambi_words_close(Runtime *rt) {
  Words *w = rt->words;
  if (!w) return;
  ambi_free(w->at, w->cap * sizeof *w->at);
  ambi_free(w, sizeof *w);
  rt->words = NULL;
}

// ---- literal names ----------------------------------------------------------

static bool grow_slots(Tokens *t) {
  size_t nold = t->nslots;
  Slot *old = t->slots;
  size_t n = nold ? nold * 2 : 16;
  Slot *slots = ambi_alloc(n * sizeof *slots);
  if (!slots) return false;
  t->slots = slots;
  t->nslots = n;
  for (size_t i = 0; i < nold; i++)
    if (old[i].entry) *ambi_tokens_slot(t, old[i].symbol) = old[i];
  ambi_free(old, nold * sizeof *old);
  return true;
}

static bool push_entry(Tokens *t, const Entry *e) {
  if (t->n >= UINT32_MAX - 1 ||
      !ambi_grow((void **)&t->at, &t->cap, t->n + 1, sizeof *t->at))
    return false;
  t->at[t->n++] = *e;
  return true;
}

static bool add_literal(Tokens *t, uint32_t symbol, const Template *value,
                        bool owned) {
  Entry e = {.value = *value, .symbol = symbol, .owned = owned};
  if (t->nused * 2 >= t->nslots && !grow_slots(t)) return false;
  if (!push_entry(t, &e)) return false;
  Slot *slot = ambi_tokens_slot(t, symbol);
  if (!slot->entry) t->nused++;
  *slot = (Slot){.symbol = symbol, .entry = (uint32_t)t->n};
  note_first(t->rt, t->first, symbol);
  return true;
}

// ---- life -------------------------------------------------------------------

Tokens *ambi_tokens_open(Runtime *rt) {
  Tokens *t = ambi_alloc(sizeof *t);
  if (!t) return NULL;
  t->rt = rt;
  memcpy(t->first, rt->words->first, sizeof t->first);
  return t;
}

void ambi_tokens_learn(Tokens *t) {
  for (size_t i = 0; i < sizeof t->first / sizeof *t->first; i++)
    t->first[i] |= t->rt->words->first[i];
}

void ambi_tokens_close(Tokens *t) {
  if (!t) return;
  for (size_t i = 0; i < t->n; i++) {
    if (!t->at[i].owned) continue;
    ambi_template_release(t->rt->store, &t->at[i].value);
    pcre2_code_free(t->at[i].code);
  }
  pcre2_match_data_free(t->match);
  pcre2_compile_context_free(t->flavour);
  pcre2_general_context_free(t->memory);
  ambi_free(t->at, t->cap * sizeof *t->at);
  ambi_free(t->slots, t->nslots * sizeof *t->slots);
  ambi_free(t->patterns, t->patterns_cap * sizeof *t->patterns);
  ambi_buffer_drop(&t->error);
  ambi_free(t, sizeof *t);
}

// ---- adding -----------------------------------------------------------------

static bool is_pattern(const char *s, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (s[i] && strchr("\\.+*?()|[]{}^$", s[i])) return true;
  return false;
}

static bool report_bad_pattern(Tokens *t, const char *pattern, size_t len,
                               int code, const char **error) {
  PCRE2_UCHAR reason[160] = "";
  pcre2_get_error_message(code, reason, sizeof reason);
  t->error.len = 0;
  t->error.failed = false;
  ambi_buffer_puts(&t->error, "Could convert token ");
  ambi_buffer_put(&t->error, pattern, len);
  ambi_buffer_puts(&t->error, " into regex: ");
  ambi_buffer_puts(&t->error, (const char *)reason);
  if (!t->error.failed) *error = t->error.text;
  return false;
}

static bool add_compiled(Tokens *t, pcre2_code *code, const Template *value,
                         bool owned) {
  Entry e = {.value = *value, .code = code, .owned = owned};
  if (!ambi_grow((void **)&t->patterns, &t->patterns_cap, t->npatterns + 1,
                 sizeof *t->patterns) ||
      !push_entry(t, &e))
    return false;
  t->patterns[t->npatterns++] = (uint32_t)(t->n - 1);
  return true;
}

static bool add_pattern(Tokens *t, const char *pattern, size_t len,
                        const Template *value, const char **error) {
  if (!open_patterns(t)) return false;
  int code;
  PCRE2_SIZE at;
  pcre2_code *compiled = pcre2_compile(
      (PCRE2_SPTR)pattern, len,
      PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
          PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
      &code, &at, t->flavour);
  if (!compiled)
    return code != PCRE2_ERROR_HEAP_FAILED &&
           report_bad_pattern(t, pattern, len, code, error);
  if (add_compiled(t, compiled, value, true)) return true;
  pcre2_code_free(compiled);
  return false;
}

// Machine-made variables of different values must not become one variable when
// two values meet in one atom, so each gets an id of its own.
static void number_variables(Tokens *t, Template *value) {
  for (uint32_t i = 0; i < value->nvars; i++) {
    Word *info = &value->vinfo[i];
    if (ambi_vinfo_id(*info) == AMB_VAR_AS_WRITTEN) continue;
    t->var_ids = t->var_ids + 1 < AMB_VAR_STAMPED ? t->var_ids + 1 : 1;
    *info = ambi_vinfo(ambi_vinfo_name(*info), t->var_ids);
  }
}

bool ambi_tokens_add(Tokens *t, const char *pattern, size_t len, Value v,
                     const char **error) {
  Template value;
  uint32_t symbol;
  *error = NULL;
  if (!ambi_template_make(t->rt->store, v, &value)) return false;
  number_variables(t, &value);
  bool ok = is_pattern(pattern, len)
                ? add_pattern(t, pattern, len, &value, error)
                : ambi_symbol_intern(t->rt->symbols, pattern, len, &symbol) &&
                      add_literal(t, symbol, &value, true);
  if (!ok) ambi_template_release(t->rt->store, &value);
  return ok;
}

bool ambi_tokens_import(Tokens *t, Tokens *from) {
  if (t == from) return true;
  for (size_t i = 0; i < from->n; i++) {
    const Entry *e = &from->at[i];
    if (e->code
            ? !open_patterns(t) || !add_compiled(t, e->code, &e->value, false)
            : !add_literal(t, e->symbol, &e->value, false))
      return false;
  }
  return true;
}

// ---- finding ----------------------------------------------------------------

// The leftmost-first match decides, as in the reference: `a|ab` matches the
// word `ab` only up to `a` and so does not match it. A pattern that takes
// PCRE2 too long does not match either.
static bool matches(Tokens *t, const pcre2_code *code, const char *word,
                    size_t len) {
  int n = pcre2_match(code, (PCRE2_SPTR)word, len, 0, PCRE2_NO_UTF_CHECK,
                      t->match, NULL);
  if (n < 0) return false;
  const PCRE2_SIZE *at = pcre2_get_ovector_pointer(t->match);
  return at[0] == 0 && at[1] == len;
}

bool ambi_tokens_may_match(const Tokens *t, char first) {
  unsigned char c = (unsigned char)first;
  return t->npatterns > 0 || (t->first[c / 64] >> c % 64 & 1);
}

const Template *ambi_tokens_entry(Tokens *t, const char *word, size_t len,
                                  uint32_t symbol) {
  uint32_t literal = symbol == AMB_NO_SYMBOL || t->nslots == 0
                         ? 0
                         : ambi_tokens_slot(t, symbol)->entry;
  for (size_t i = t->npatterns; i-- > 0 && t->patterns[i] >= literal;) {
    const Entry *e = &t->at[t->patterns[i]];
    if (matches(t, e->code, word, len)) return &e->value;
  }
  if (literal) return &t->at[literal - 1].value;
  const Words *w = t->rt->words;
  bool own = symbol < w->cap && !ambi_is_none(w->at[symbol].atom);
  return own ? &w->at[symbol] : NULL;
}

Value ambi_tokens_find(Tokens *t, const char *word, size_t len) {
  uint32_t symbol;
  if (len == 0 || !ambi_tokens_may_match(t, word[0])) return AMB_NONE;
  if (!ambi_symbol_find(t->rt->symbols, word, len, &symbol))
    symbol = AMB_NO_SYMBOL;
  const Template *value = ambi_tokens_entry(t, word, len, symbol);
  return value ? value->atom : AMB_NONE;
}

// ---- what would be read otherwise -------------------------------------------

size_t ambi_tokens_count(const Tokens *t) {
  return t->n;
}

bool ambi_words_have(const Words *w, uint32_t symbol) {
  return symbol < w->cap && !ambi_is_none(w->at[symbol].atom);
}

uint32_t ambi_tokens_symbol(const Tokens *t, size_t i, Value *stands_for) {
  const Entry *e = &t->at[i];
  *stands_for = e->value.atom;
  if (e->code || ambi_words_have(t->rt->words, e->symbol)) return AMB_NO_SYMBOL;
  const char *text = ambi_symbol(t->rt->symbols, e->symbol)->text;
  bool number_or_string = strchr("0123456789+-\"", *text) != NULL;
  return number_or_string ? AMB_NO_SYMBOL : e->symbol;
}
