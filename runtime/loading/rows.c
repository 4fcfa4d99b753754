// Importing a file of rows: the loop over them, and what all formats share.
//
// Nothing reaches the space before the last row was read.
#include "runtime/loading/rows.h"

#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"

enum { POLL_ROWS = 1024 };  // between two looks at the limits

// ---- scratch --------------------------------------------------------------------

Word *ambi_rows_words(void *rows, size_t words) {
  Rows *t = rows;
  if ((size_t)(t->last - t->next) < words)
    return words > PTRDIFF_MAX / sizeof(Word)
               ? NULL
               : ambi_arena_alloc(&t->more, words * sizeof(Word));
  Word *p = t->next;
  t->next += words;
  return p;
}

bool ambi_rows_push(Rows *t, Value v) {
  Value *at = ambi_work_push(&t->values, sizeof v);
  if (at) *at = v;
  return at != NULL;
}

static void begin_row(Rows *t) {
  t->next = t->scratch;
  t->last = t->scratch + ROWS_SCRATCH;
  if (t->more.chunk) ambi_arena_close(&t->more);
  t->values.used = t->open.used = 0;
  t->ncells = 0;
}

// ---- values ---------------------------------------------------------------------

Value ambi_rows_symbol(Rows *t, const char *text, size_t len) {
  Runtime *rt = t->cx->rt;
  uint32_t id;
  if (!ambi_symbol_intern(rt->symbols, text, len, &id)) return AMB_NONE;
  if (id < rt->mentions.nsymbols) ambi_mention_symbol(rt, id, false, true);
  return AMB_SYM_ID(id);
}

char *ambi_rows_string(Rows *t, size_t most) {
  if (most >= UINT32_MAX) return NULL;
  Word *object = ambi_rows_words(t, 2 + most / 8);
  return object ? (char *)(object + 1) : NULL;
}

Value ambi_rows_string_end(char *bytes, size_t len) {
  Word *object = (Word *)(void *)bytes - 1;
  memset(bytes + len, 0, 8 - len % 8);
  *object = ambi_header(KIND_STR, 0, (uint32_t)len);
  return ambi_tag_ptr(TAG_OBJ, object);
}

Value ambi_rows_expr(Rows *t, const Value *items, size_t n) {
  if (n == 0) return AMB_UNIT;
  Word *object = n < UINT32_MAX ? ambi_rows_words(t, 1 + n) : NULL;
  if (!object) return AMB_NONE;
  *object = ambi_header(KIND_FLAT, FLAG_GROUND, (uint32_t)n);
  memcpy(object + 1, items, n * sizeof *items);
  return AMB_V(ambi_tag_ptr(TAG_EXPR, object).w | AMB_EXPR_GROUND);
}

static Value stop(Rows *t) {
  if (t->cx->stop == STOP_NONE) t->cx->stop = STOP_MEMORY;
  return AMB_NONE;
}

// AMB_NONE without a stop: no number.
static Value number(Rows *t, const char *text, size_t len) {
  Value v;
  int made = ambi_num_parse(text, len, &v, ambi_rows_words, t);
  if (made < 0) return stop(t);
  return made ? v : AMB_NONE;
}

static bool may_be_number(const char *text, size_t len) {
  return len &&
         ((*text >= '0' && *text <= '9') || *text == '-' || *text == '+');
}

static Value string(Rows *t, const char *text, size_t len) {
  char *bytes = ambi_rows_string(t, len);
  if (!bytes) return stop(t);
  memcpy(bytes, text, len);
  return ambi_rows_string_end(bytes, len);
}

static Value symbol(Rows *t, const char *text, size_t len) {
  if (len == 0) return AMB_NONE;
  Value v = ambi_rows_symbol(t, text, len);
  return ambi_is_none(v) ? stop(t) : v;
}

Value ambi_rows_value(Rows *t, const char *text, size_t len, bool quoted,
                      enum ColumnType type) {
  switch (type) {
  case COLUMN_NUMBER: return number(t, text, len);
  case COLUMN_STRING: return string(t, text, len);
  case COLUMN_SYMBOL: return symbol(t, text, len);
  case COLUMN_AUTO: break;
  }
  if (!quoted && may_be_number(text, len)) {
    Value v = number(t, text, len);
    if (!ambi_is_none(v) || t->cx->stop) return v;
  }
  return string(t, text, len);
}

// ---- columns --------------------------------------------------------------------

static bool is_text(Value v) {
  return ambi_is_sym(v) || ambi_is_str(v);
}

const char *ambi_rows_text(const Rows *t, Value v, size_t *len) {
  if (ambi_is_str(v)) {
    *len = ambi_str_len(v);
    return ambi_str_bytes(v);
  }
  const Symbol *s = ambi_symbol(t->cx->rt->symbols, ambi_sym_of(v));
  *len = s->len;
  return s->text;
}

static bool find_name(const Cell *names, size_t n, const char *name, size_t len,
                      uint32_t *cell) {
  for (size_t i = 0; i < n; i++) {
    *cell = (uint32_t)i;
    if (names[i].len == len && memcmp(names[i].at, name, len) == 0) return true;
  }
  return false;
}

// The place that an entry of (columns ..) names, among n cells.
static bool place_of(Rows *t, const char *at, Value v, const Cell *names,
                     size_t n, uint32_t *cell) {
  int64_t i;
  if (ambi_is_number(v) && ambi_num_to_int64(v, &i) && i >= 1 &&
      (uint64_t)i <= n) {
    *cell = (uint32_t)(i - 1);
    return true;
  }
  size_t len = 0;
  const char *name = is_text(v) ? ambi_rows_text(t, v, &len) : "";
  if (names && is_text(v) && find_name(names, n, name, len, cell)) return true;
  if (is_text(v))
    return ambi_input_fail(t->cx, &t->in, at,
                           names ? "there is no column %.*s"
                                 : "column %.*s is named, but without (header "
                                   "True) columns have no names",
                           (int)(len > 100 ? 100 : len), name);
  return ambi_input_fail(t->cx, &t->in, at,
                         "(columns ..) names a column beyond the last, which "
                         "is number %zu",
                         n);
}

// The type that (types ..) gives to column i of the fact.
static enum ColumnType type_of(const RowsOptions *o, size_t i) {
  if (o->ntypes == 1) return o->types[0];
  return i < o->ntypes ? o->types[i] : COLUMN_AUTO;
}

bool ambi_rows_add_column(Rows *t, const Column *like) {
  if (t->ncolumns == ROWS_MOST_COLUMNS ||
      !ambi_grow((void **)&t->columns, &t->columns_cap, t->ncolumns + 1,
                 sizeof *t->columns))
    return false;
  Column *c = &t->columns[t->ncolumns];
  *c = *like;
  c->type = type_of(t->o, t->ncolumns);
  if (like->name) {
    char *copy = ambi_arena_alloc(&t->names, like->name_len + 1);
    if (!copy) return false;
    memcpy(copy, like->name, like->name_len);
    c->name = copy;
  }
  t->ncolumns++;
  return true;
}

bool ambi_rows_types_fit(Rows *t, const char *at) {
  uint32_t n = t->o->ntypes;
  return n <= 1 || n == t->ncolumns ||
         ambi_input_fail(t->cx, &t->in, at,
                         "(types ..) has %u types for %zu columns", n,
                         t->ncolumns);
}

bool ambi_rows_columns(Rows *t, const char *at, const Cell *names, size_t n) {
  Value asked = t->o->columns;
  size_t ncolumns = ambi_expr_size(asked) ? ambi_expr_size(asked) : n;
  for (size_t i = 0; i < ncolumns; i++) {
    Column c = {.cell = (uint32_t)i};
    if (ambi_expr_size(asked) &&
        !place_of(t, at, ambi_deref(ambi_expr_at(asked, (uint32_t)i)), names, n,
                  &c.cell))
      return false;
    if (names) {
      c.name = names[c.cell].at;
      c.name_len = names[c.cell].len;
    }
    if (!ambi_rows_add_column(t, &c)) return !ambi_is_none(stop(t));
  }
  return ambi_rows_types_fit(t, at);
}

// ---- the loop over rows -----------------------------------------------------------

static bool add_fact(Rows *t) {
  size_t n = t->values.used / sizeof(Value);
  Value fact = ambi_rows_expr(t, (const Value *)(void *)t->values.at, n);
  Template made;
  if (ambi_is_none(fact) || !ambi_template_make(t->cx->rt->store, fact, &made))
    return !ambi_is_none(stop(t));
  if (ambi_facts_push(&t->facts, &made)) return true;
  ambi_template_discard(t->cx->rt->store, &made);
  return !ambi_is_none(stop(t));
}

static uint32_t count_lines(const char *p, const char *end) {
  uint32_t n = 0;
  while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
    p++;
    n++;
  }
  return n;
}

bool ambi_rows_is_sound(Rows *t, const char *p, const char *end) {
  const char *wrong = ambi_utf8_wrong(p, end);
  return !wrong ||
         ambi_input_fail(t->cx, &t->in, wrong, "these bytes are not UTF-8");
}

enum RowStatus ambi_rows_line(Rows *t, const char *p, const char *end,
                              const char **line_end, const char **next) {
  const char *e = memchr(p, '\n', (size_t)(end - p));
  if (!e && !t->in.whole) return ROW_MORE;
  *next = e ? e + 1 : end;
  if (!e) e = end;
  if (e > p && e[-1] == '\r') e--;
  *line_end = e;
  return ambi_rows_is_sound(t, p, e) ? ROW_FACT : ROW_FAILED;
}

// One row, or more text. False: the import has failed.
static bool step(Rows *t) {
  Input *in = &t->in;
  const char *p = in->text + in->row, *end = in->text + in->n, *next = p;
  begin_row(t);
  switch (p == end ? ROW_MORE : t->row(t, p, end, &next)) {
  case ROW_MORE: return ambi_input_more(t->cx, in);
  case ROW_FAILED: return false;
  case ROW_STOP: return !ambi_is_none(stop(t));
  case ROW_FACT:
    if (!add_fact(t)) return false;
    break;
  case ROW_NONE: break;
  }
  in->line += count_lines(p, next);
  in->row = (size_t)(next - in->text);
  return true;
}

static void tell(const Rows *t, double begun, bool over) {
  const Host *host = &t->cx->rt->host;
  if (!host->progress) return;
  Progress now = {.what = t->in.name,
                  .count = t->facts.records.n,
                  .done = t->in.done + t->in.row,
                  .all = t->in.size,
                  .seconds = ambi_monotonic_seconds() - begun,
                  .over = over};
  host->progress(host->arg, &now);
}

static bool read_rows(Rows *t) {
  double begun = ambi_monotonic_seconds();
  bool ok = true;
  for (unsigned i = 1; ok && !(t->in.whole && t->in.row == t->in.n); i++) {
    ok = step(t);
    if (i % POLL_ROWS != 0) continue;
    tell(t, begun, false);
    ok = ok && ambi_limits_poll(t->cx);
  }
  tell(t, begun, true);
  return ok;
}

static void skip_byte_order_mark(Input *in) {
  if (in->n >= 3 && memcmp(in->text, "\xEF\xBB\xBF", 3) == 0) in->row = 3;
}

static void open_rows(Rows *t, Context *cx, const RowsOptions *o) {
  static RowFn *const rows[] = {
      [ROWS_CSV] = ambi_rows_text_row,
      [ROWS_TSV] = ambi_rows_text_row,
      [ROWS_TRIPLES] = ambi_rows_triples_row,
      [ROWS_JSON] = ambi_rows_json_row,
  };
  *t = (Rows){.cx = cx, .o = o, .row = rows[o->format]};
  ambi_facts_open(&t->facts, cx->rt->store);
  ambi_arena_open(&t->names);
  ambi_arena_open(&t->more);
  ambi_work_open(&t->values);
  ambi_work_open(&t->open);
  t->stops['\n'] = t->stops['\r'] = true;
  t->stops[(unsigned char)o->separator] = true;
  t->stops[o->format == ROWS_TSV ? '\\' : '"'] = true;
}

static void close_rows(Rows *t) {
  ambi_facts_close(&t->facts);
  ambi_input_close(&t->in);
  ambi_arena_close(&t->names);
  ambi_arena_close(&t->more);
  ambi_work_close(&t->values);
  ambi_work_close(&t->open);
  ambi_free(t->columns, t->columns_cap * sizeof *t->columns);
  ambi_free(t->cells, t->cells_cap * sizeof *t->cells);
}

bool ambi_rows_import(Context *cx, Space *s, const char *file,
                      const RowsOptions *o, uint64_t *count) {
  Rows *t = ambi_alloc(sizeof *t);
  if (!t) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  open_rows(t, cx, o);
  bool ok = ambi_input_open(cx, &t->in, file);
  if (ok) skip_byte_order_mark(&t->in);
  ok = ok && read_rows(t);
  *count = t->facts.records.n;
  if (ok && !ambi_facts_add(&t->facts, s)) ok = !ambi_is_none(stop(t));
  close_rows(t);
  ambi_free(t, sizeof *t);
  return ok;
}
