// Rows of newline-delimited JSON: an object or an array on each line.
//
// The columns are the keys of the first object, or those asked for; other objects may
// have them in any order. A String, Number, True, False and the symbol null stand for
// what JSON says; an array within is an expression, an object within an expression of
// (KEY VALUE) pairs with Strings as keys. Brackets that are open wait on a stack.
#include "memory/alloc.h"
#include "runtime/loading/escape.h"
#include "runtime/loading/line.h"

typedef struct Bracket {
  size_t first;  // the first of its values on the stack
  char closing;
  bool after_value;  // a comma or the end comes next
} Bracket;

static char peek(Line *l) {
  while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
    l->p++;
  return l->p < l->end ? *l->p : 0;
}

// ---- values without parts -----------------------------------------------------------

// The code behind \u, and its second half. UINT32_MAX: not one.
static uint32_t unicode(Line *l) {
  uint32_t c = ambi_escape_hex(l->p, l->end, 4);
  if (c == UINT32_MAX) return c;
  l->p += 4;
  if (c < 0xD800 || c > 0xDFFF) return c;
  uint32_t low = l->end - l->p >= 6 && l->p[0] == '\\' && l->p[1] == 'u'
                     ? ambi_escape_hex(l->p + 2, l->end, 4)
                     : 0;
  if (c > 0xDBFF || low < 0xDC00 || low > 0xDFFF) return UINT32_MAX;
  l->p += 6;
  return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

// The escape at l->p, behind its backslash; its length in `to`. 0: not one.
static unsigned escape(Line *l, char *to) {
  if (l->p == l->end) return 0;
  char c = *l->p++;
  if (c == '/' || ambi_escape_letter(c)) {
    *to = c == '/' ? c : ambi_escape_letter(c);
    return 1;
  }
  uint32_t code = c == 'u' ? unicode(l) : UINT32_MAX;
  return code == UINT32_MAX ? 0 : ambi_utf8_encode(code, to);
}

// The text in the quotes at l->p. *out points into the file, or into `room`, which is
// made when it is needed. False: told why.
static bool text(Line *l, const char **out, size_t *len) {
  const char *opening = l->p++, *p = l->p;
  while (p < l->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
    p++;
  *out = l->p;
  *len = (size_t)(p - l->p);
  if (p < l->end && *p == '"') {
    l->p = p + 1;
    return true;
  }
  char *room = (char *)ambi_rows_words(l->t, (size_t)(l->end - l->p) / 8 + 1);
  char *to = room;
  if (!room) return !ambi_is_none(ambi_line_stop(l));
  while (l->p < l->end && *l->p != '"') {
    const char *at = l->p;
    unsigned char c = (unsigned char)*l->p++;
    unsigned n = 1;
    if (c == '\\')
      n = escape(l, to);
    else
      *to = (char)c;
    if (n == 0)
      return !ambi_is_none(ambi_line_fail(l, at, "this is no escape"));
    if (c < 0x20)
      return !ambi_is_none(ambi_line_fail(
          l, at, "a control character within a string is written \\u00.."));
    to += n;
  }
  if (l->p == l->end)
    return !ambi_is_none(
        ambi_line_fail(l, opening, "this quote is closed nowhere"));
  l->p++;
  *out = room;
  *len = (size_t)(to - room);
  return true;
}

static Value number(Line *l, enum ColumnType type) {
  const char *from = l->p;
  while (l->p < l->end &&
         ((*l->p && strchr("+-.eE", *l->p)) || (*l->p >= '0' && *l->p <= '9')))
    l->p++;
  size_t len = (size_t)(l->p - from);
  const char *digits = from + (*from == '-');
  Value v = AMB_NONE;
  bool zeros = digits + 1 < l->p && *digits == '0' && digits[1] >= '0' &&
               digits[1] <= '9';
  if (!zeros && *from != '+') {
    // Read in any case, so that only a number passes.
    v = ambi_rows_value(l->t, from, len, false, COLUMN_NUMBER);
    if (!ambi_is_none(v) && type > COLUMN_NUMBER)
      v = ambi_rows_value(l->t, from, len, false, type);
  }
  if (!ambi_is_none(v)) return v;
  return l->t->cx->stop ? ambi_line_stop(l)
                        : ambi_line_fail(l, from, "this is no number");
}

static Value word(Line *l) {
  static const struct {
    const char *text;
    Value v;
  } words[] = {{"true", AMB_TRUE}, {"false", AMB_FALSE}, {"null", AMB_NONE}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t n = strlen(words[i].text);
    if ((size_t)(l->end - l->p) < n || memcmp(l->p, words[i].text, n) != 0)
      continue;
    l->p += n;
    return i == 2 ? AMB_SYM(NULL_) : words[i].v;
  }
  return ambi_line_fail(l, l->p, "a value is expected");
}

static Value string(Line *l, enum ColumnType type) {
  const char *at = l->p, *bytes;
  size_t len;
  if (!text(l, &bytes, &len)) return AMB_NONE;
  Value v = ambi_rows_value(l->t, bytes, len, true, type);
  if (!ambi_is_none(v)) return v;
  if (l->t->cx->stop) return ambi_line_stop(l);
  return ambi_line_fail(l, at,
                        type == COLUMN_NUMBER
                            ? "a Number is expected in this column"
                            : "a Symbol is expected in this column, not "
                              "an empty text");
}

// ---- arrays and objects within a row ------------------------------------------------

static bool open_bracket(Line *l) {
  Bracket *b = ambi_work_push(&l->t->open, sizeof *b);
  if (!b) return false;
  *b = (Bracket){.first = l->t->values.used / sizeof(Value),
                 .closing = *l->p == '{' ? '}' : ']'};
  l->p++;
  return true;
}

// The values of the innermost bracket as one.
static Value close_bracket(Line *l) {
  Rows *t = l->t;
  Bracket *b = ambi_work_top(&t->open, sizeof *b);
  size_t n = t->values.used / sizeof(Value) - b->first;
  t->values.used = b->first * sizeof(Value);
  t->open.used -= sizeof *b;
  l->p++;
  Value v = ambi_rows_expr(
      t, (const Value *)(void *)t->values.at + t->values.used / sizeof(Value),
      n);
  return ambi_is_none(v) ? ambi_line_stop(l) : v;
}

// The key of the next pair, and its colon. AMB_NONE: told why.
static Value key(Line *l) {
  if (peek(l) != '"')
    return ambi_line_fail(l, l->p, "a key in quotes is expected");
  Value v = string(l, COLUMN_STRING);
  if (ambi_is_none(v)) return v;
  if (peek(l) != ':')
    return ambi_line_fail(l, l->p, "a colon is expected behind a key");
  l->p++;
  return v;
}

// Hands a value to the innermost bracket. In an object its key waits below it.
static Value give(Line *l, Value v) {
  Rows *t = l->t;
  Bracket *b = ambi_work_top(&t->open, sizeof *b);
  b->after_value = true;
  if (b->closing == '}') {
    Value *k = ambi_work_top(&t->values, sizeof *k);
    *k = ambi_rows_expr(t, (Value[]){*k, v}, 2);
    return ambi_is_none(*k) ? ambi_line_stop(l) : v;
  }
  return ambi_rows_push(t, v) ? v : ambi_line_stop(l);
}

// What stands before the next value of the innermost bracket. False: it is closed
// here, or l->status tells why not.
static bool before_value(Line *l) {
  Bracket *b = ambi_work_top(&l->t->open, sizeof *b);
  char c = peek(l);
  if (c == b->closing) return false;
  if (b->after_value) {
    if (c != ',') {
      ambi_line_fail(l, l->p,
                     b->closing == '}' ? "a comma or } is expected"
                                       : "a comma or ] is expected");
      return false;
    }
    l->p++;
  }
  if (b->closing == ']') return true;
  Value k = key(l);
  if (ambi_is_none(k)) return false;
  if (!ambi_rows_push(l->t, k)) ambi_line_stop(l);
  return l->status == ROW_FACT;
}

static Value simple(Line *l, enum ColumnType type) {
  char c = peek(l);
  if (c == '"') return string(l, type);
  if (c == '-' || (c >= '0' && c <= '9')) return number(l, type);
  return word(l);
}

// Any value; `type` says what texts and numbers outside of brackets become.
static Value value(Line *l, enum ColumnType type) {
  size_t base = l->t->open.used;
  for (;;) {
    char c = peek(l);
    Value v = AMB_NONE;
    if (c == '[' || c == '{') {
      if (!open_bracket(l)) return ambi_line_stop(l);
    } else {
      v = simple(l, l->t->open.used > base ? COLUMN_AUTO : type);
      if (ambi_is_none(v)) return v;
      if (l->t->open.used == base) return v;
      if (ambi_is_none(give(l, v))) return AMB_NONE;
    }
    while (!before_value(l)) {
      if (l->status != ROW_FACT) return AMB_NONE;
      v = close_bracket(l);
      if (ambi_is_none(v) || l->t->open.used == base) return v;
      if (ambi_is_none(give(l, v))) return AMB_NONE;
    }
  }
}

// ---- rows -----------------------------------------------------------------------------

// The columns asked for, from what the first row is.
static bool asked_columns(Line *l, bool object) {
  Rows *t = l->t;
  const Value *asked = ambi_expr_items(t->o->columns);
  for (uint32_t i = 0, n = ambi_expr_size(t->o->columns); i < n; i++) {
    Value v = ambi_deref(asked[i]);
    Column c = {0};
    if (ambi_is_int(v) == object || (!object && ambi_int_of(v) < 1)) {
      ambi_line_fail(l, l->p,
                     object ? "the columns of objects have names, not numbers"
                            : "the columns of arrays have numbers from 1");
      return false;
    }
    if (object)
      c.name = ambi_rows_text(t, v, &c.name_len);
    else
      c.cell = (uint32_t)(ambi_int_of(v) - 1);
    if (!ambi_rows_add_column(t, &c)) return !ambi_is_none(ambi_line_stop(l));
  }
  return true;
}

// The column of a part of the row. NULL: it is not wanted, or l->status is set.
static Column *column_of(Line *l, size_t i, const Column *part,
                         const char *at) {
  Rows *t = l->t;
  bool asked = ambi_expr_size(t->o->columns) > 0;
  for (size_t k = 0; k < t->ncolumns; k++) {
    Column *c = &t->columns[(i + k) % t->ncolumns];
    if (part->name ? c->name_len == part->name_len &&
                         memcmp(c->name, part->name, part->name_len) == 0
                   : c->cell == part->cell)
      return c;
  }
  if (asked) return NULL;
  if (t->width)
    ambi_line_fail(l, at, "the first row has no such column");
  else if (!ambi_rows_add_column(t, part) || !ambi_rows_push(t, AMB_NONE))
    ambi_line_stop(l);
  return l->status == ROW_FACT ? &t->columns[t->ncolumns - 1] : NULL;
}

static bool take_part(Line *l, size_t i, bool object) {
  Rows *t = l->t;
  Column part = {.cell = (uint32_t)i};
  peek(l);
  const char *at = l->p;
  if (object) {
    if (peek(l) != '"')
      return !ambi_is_none(
          ambi_line_fail(l, l->p, "a key in quotes is expected"));
    if (!text(l, &part.name, &part.name_len)) return false;
    if (peek(l) != ':')
      return !ambi_is_none(
          ambi_line_fail(l, l->p, "a colon is expected behind a key"));
    l->p++;
  }
  const Column *c = column_of(l, i, &part, at);
  if (l->status != ROW_FACT) return false;
  size_t slot = c ? 1 + (size_t)(c - t->columns) : 0;
  Value *values = (Value *)(void *)t->values.at;
  if (slot && !ambi_is_none(values[slot]))
    return !ambi_is_none(
        ambi_line_fail(l, at, "this key has stood in the row before"));
  Value v = value(l, c ? c->type : COLUMN_AUTO);
  if (ambi_is_none(v)) return false;
  values = (Value *)(void *)t->values.at;
  if (slot) values[slot] = v;
  return true;
}

// What the row does not say.
static bool fill_in(Line *l, const char *row) {
  Rows *t = l->t;
  Value *values = (Value *)(void *)t->values.at;
  for (size_t i = 0; i < t->ncolumns; i++) {
    if (!ambi_is_none(values[1 + i])) continue;
    const Column *c = &t->columns[i];
    values[1 + i] = t->o->empty;
    if (!ambi_is_none(t->o->empty)) continue;
    l->status = c->name
                    ? AMB_ROW_FAIL(t, row, "column %.*s is missing",
                                   (int)(c->name_len > 100 ? 100 : c->name_len),
                                   c->name)
                    : AMB_ROW_FAIL(t, row, "column %u is missing", c->cell + 1);
    return false;
  }
  return true;
}

static bool take_row(Line *l, bool object) {
  Rows *t = l->t;
  const char *row = l->p++;
  char closing = object ? '}' : ']';
  uint32_t kind = object ? 1 : 2;  // what `width` is for JSON
  if (t->width && t->width != kind)
    return !ambi_is_none(
        ambi_line_fail(l, row,
                       object ? "an array is expected as in the first row"
                              : "an object is expected as in the first row"));
  if (!t->width && ambi_expr_size(t->o->columns) && !asked_columns(l, object))
    return false;
  for (size_t i = 0; i < t->ncolumns; i++)
    if (!ambi_rows_push(t, AMB_NONE)) return !ambi_is_none(ambi_line_stop(l));
  for (size_t i = 0; peek(l) != closing; i++) {
    if (i && peek(l) != ',')
      return !ambi_is_none(ambi_line_fail(l, l->p,
                                          object ? "a comma or } is expected"
                                                 : "a comma or ] is expected"));
    if (i) l->p++;
    if (!take_part(l, i, object)) return false;
  }
  l->p++;
  if (t->width == 0 && !ambi_rows_types_fit(t, row)) {
    l->status = ROW_FAILED;
    return false;
  }
  t->width = kind;
  return fill_in(l, row);
}

enum RowStatus ambi_rows_json_row(Rows *t, const char *p, const char *end,
                                  const char **next) {
  Line l = {.t = t, .p = p, .status = ROW_FACT};
  enum RowStatus status = ambi_rows_line(t, p, end, &l.end, next);
  if (status != ROW_FACT) return status;
  char c = peek(&l);
  if (l.p == l.end) return ROW_NONE;
  if (c != '{' && c != '[')
    return AMB_ROW_FAIL(t, l.p, "an object or an array is expected");
  if (!ambi_rows_push(t, t->o->head)) return ROW_STOP;
  if (!take_row(&l, c == '{')) return l.status;
  if (peek(&l), l.p < l.end)
    return AMB_ROW_FAIL(t, l.p, "the end of the line is expected");
  return ROW_FACT;
}
