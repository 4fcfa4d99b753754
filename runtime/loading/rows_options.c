// What a program says about a file of rows: (NAME VALUE ..) for each option.
#include "memory/alloc.h"
#include "runtime/loading/rows.h"

static bool wrong(Context *cx, const char *expected) {
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "import-table!: %s", expected);
  return false;
}

// ---- names ----------------------------------------------------------------------

static bool is_symbol(const Context *cx, Value v, const char *text) {
  if (!ambi_is_sym(v)) return false;
  const Symbol *s = ambi_symbol(cx->rt->symbols, ambi_sym_of(v));
  return s->len == strlen(text) && memcmp(s->text, text, s->len) == 0;
}

// Which of the names, the last of which is NULL, the symbol is; -1: none.
static int index_of(const Context *cx, Value v, const char *const *names) {
  for (int i = 0; names[i]; i++)
    if (is_symbol(cx, v, names[i])) return i;
  return -1;
}

static bool ends_in(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

static const struct {
  const char *ending;
  enum RowsFormat format;
} endings[] = {{".csv", ROWS_CSV},
               {".tsv", ROWS_TSV},
               {".nt", ROWS_TRIPLES},
               {".ndjson", ROWS_JSON},
               {".jsonl", ROWS_JSON}};

static const char *const formats[] = {"csv", "tsv", "ntriples", "ndjson", NULL};
static const char *const types[] = {"auto", "Number", "String", "Symbol", NULL};

const char *ambi_rows_type_name(enum ColumnType type) {
  static const char *const names[] = {"a value", "a Number", "a String",
                                      "a Symbol"};
  return names[type];
}

// ---- options --------------------------------------------------------------------

typedef struct Settings {
  Context *cx;
  RowsOptions *o;
  bool has_format, has_head;
} Settings;

static bool set_format(Settings *s, Value v) {
  int i = index_of(s->cx, v, formats);
  if (i < 0)
    return wrong(s->cx, "(format F) expects csv, tsv, ntriples or ndjson");
  s->o->format = (enum RowsFormat)i;
  s->has_format = true;
  return true;
}

static bool set_head(Settings *s, Value v) {
  if (!ambi_is_sym(v)) return wrong(s->cx, "(head H) expects a symbol");
  s->o->head = v;
  s->has_head = true;
  return true;
}

static bool set_header(Settings *s, Value v) {
  if (!ambi_is_bool(v)) return wrong(s->cx, "(header B) expects True or False");
  s->o->header = ambi_same(v, AMB_TRUE);
  return true;
}

static bool set_separator(Settings *s, Value v) {
  const char *c =
      ambi_is_str(v) && ambi_str_len(v) == 1 ? ambi_str_bytes(v) : "";
  if (*c <= 0 || *c == '"' || *c == '\n' || *c == '\r')
    return wrong(s->cx, "(separator S) expects a String of one ASCII character "
                        "that is no quote and no line end");
  s->o->separator = *c;
  return true;
}

static bool set_empty(Settings *s, Value v) {
  if (ambi_is_var(v) || ambi_is_expr(v))
    return wrong(s->cx, "(empty E) expects a symbol or a value");
  s->o->empty = v;
  return true;
}

static bool set_columns(Settings *s, Value v) {
  if (!ambi_is_expr(v))
    return wrong(s->cx, "(columns C ..) expects names or numbers from 1");
  for (uint32_t i = 0; i < ambi_expr_size(v); i++) {
    Value c = ambi_deref(ambi_expr_at(v, i));
    if (!ambi_is_sym(c) && !ambi_is_str(c) && !ambi_is_int(c))
      return wrong(s->cx, "(columns C ..) expects names or numbers from 1");
  }
  s->o->columns = v;
  return true;
}

static bool set_types(Settings *s, Value v) {
  RowsOptions *o = s->o;
  uint32_t n = ambi_expr_size(v);
  ambi_rows_options_drop(o);
  if (n) o->types = ambi_alloc(n * sizeof *o->types);
  if (n && !o->types) {
    s->cx->stop = STOP_MEMORY;
    return false;
  }
  o->ntypes = n;
  for (uint32_t i = 0; i < n; i++) {
    int type = index_of(s->cx, ambi_deref(ambi_expr_at(v, i)), types);
    if (type < 0)
      return wrong(s->cx,
                   "(types T ..) expects auto, Number, String or Symbol");
    o->types[i] = (enum ColumnType)type;
  }
  return true;
}

// An option of one value; those of several get them as one expression.
static bool set(Settings *s, const char *name, Value v) {
  static const struct {
    const char *name;
    bool (*set)(Settings *s, Value v);
    bool several;
  } all[] = {{"format", set_format, false}, {"head", set_head, false},
             {"header", set_header, false}, {"separator", set_separator, false},
             {"empty", set_empty, false},   {"columns", set_columns, true},
             {"types", set_types, true}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strcmp(name, all[i].name) != 0) continue;
    if (!all[i].several && ambi_expr_size(v) != 1)
      return wrong(s->cx, "an option of one value has none or several");
    return all[i].set(s, all[i].several ? v : ambi_deref(ambi_expr_at(v, 0)));
  }
  return wrong(s->cx, "the options are format, head, header, separator, empty, "
                      "columns and types");
}

static bool settle(Settings *s, const char *file) {
  for (size_t i = 0; !s->has_format && i < sizeof endings / sizeof *endings;
       i++) {
    s->has_format = ends_in(file, endings[i].ending);
    s->o->format = endings[i].format;
  }
  if (!s->has_format)
    return wrong(s->cx, "the name of the file does not tell its format: give "
                        "(format csv), tsv, ntriples or ndjson");
  if (s->o->format == ROWS_TSV) s->o->separator = '\t';
  uint32_t id = 0;
  const char *usual = s->o->format == ROWS_TRIPLES ? "triple" : "row";
  if (s->has_head) return true;
  if (!ambi_symbol_intern(s->cx->rt->symbols, usual, strlen(usual), &id)) {
    s->cx->stop = STOP_MEMORY;
    return false;
  }
  s->o->head = AMB_SYM_ID(id);
  return true;
}

bool ambi_rows_options(Context *cx, const char *file, Value options,
                       RowsOptions *o) {
  *o = (RowsOptions){.separator = ',', .empty = AMB_NONE, .columns = AMB_UNIT};
  Settings s = {.cx = cx, .o = o};
  for (uint32_t i = 0; i < ambi_expr_size(options); i++) {
    Value option = ambi_deref(ambi_expr_at(options, i));
    Value name =
        ambi_expr_size(option) ? ambi_deref(ambi_expr_at(option, 0)) : AMB_UNIT;
    if (!ambi_is_sym(name))
      return wrong(cx, "an option is an expression (NAME VALUE ..)");
    Value values = ambi_make_tail(cx, option, 1);
    if (ambi_is_none(values)) return false;
    const char *text = ambi_symbol(cx->rt->symbols, ambi_sym_of(name))->text;
    if (!set(&s, text, values)) return false;
  }
  return settle(&s, file);
}

void ambi_rows_options_drop(RowsOptions *o) {
  ambi_free(o->types, o->ntypes * sizeof *o->types);
  o->types = NULL;
  o->ntypes = 0;
}
