// Rows of csv (RFC 4180) and of tsv.
//
// csv: a cell may stand in quotes, and then holds separators, line ends, and quotes
// written twice. tsv: no quotes; \t, \n, \r and \\ stand for what they say. Lines end in
// LF or CR LF. An empty line is passed over, unless rows have one cell. All rows have as
// many cells as the first.
#include "memory/alloc.h"
#include "runtime/loading/rows.h"

// ---- splitting --------------------------------------------------------------------

static Cell *push_cell(Rows *t) {
  if (t->ncells >= ROWS_MOST_COLUMNS ||
      !ambi_grow((void **)&t->cells, &t->cells_cap, t->ncells + 1,
                 sizeof *t->cells))
    return NULL;
  Cell *c = &t->cells[t->ncells++];
  *c = (Cell){0};
  return c;
}

static bool at_line_end(const Rows *t, const char *p, const char *end) {
  return *p == '\n' ||
         (*p == '\r' && (p + 1 < end || t->in.whole) && p[1] == '\n');
}

// The cell behind an opening quote. *behind: the place behind its closing one.
static enum RowStatus quoted_cell(Rows *t, Cell *c, const char *p,
                                  const char *end, const char **behind) {
  const char *opening = p++;
  c->at = p;
  c->quoted = true;
  for (;;) {
    p = memchr(p, '"', (size_t)(end - p));
    if (!p && !t->in.whole) return ROW_MORE;
    if (!p) return AMB_ROW_FAIL(t, opening, "this quote is closed nowhere");
    if (p + 1 == end && !t->in.whole) return ROW_MORE;
    if (p[1] != '"' || p + 1 == end) break;
    c->escaped = true;
    p += 2;
  }
  c->len = (size_t)(p++ - c->at);
  if (*p == '\r' && p + 1 == end && !t->in.whole) return ROW_MORE;
  *behind = p;
  if (*p == t->o->separator || at_line_end(t, p, end)) return ROW_FACT;
  return AMB_ROW_FAIL(t, p,
                      "behind a closing quote a separator or the end of the "
                      "line is expected");
}

static enum RowStatus plain_cell(Rows *t, Cell *c, const char *p,
                                 const char *end, const char **behind) {
  c->at = p;
  for (;;) {
    while (!t->stops[(unsigned char)*p])
      p++;
    if (*p == t->o->separator || at_line_end(t, p, end)) break;
    if (p + 1 >= end && !t->in.whole) return ROW_MORE;
    if (*p == '\r')
      return AMB_ROW_FAIL(t, p, "behind CR the LF of a line end is expected");
    if (*p == '"')
      return AMB_ROW_FAIL(t, p,
                          "a quote within a cell that begins without one");
    c->escaped = true;
    if (p + 1 == end || !p[1] || !strchr("tnr\\", p[1]))
      return AMB_ROW_FAIL(t, p, "behind \\ one of t, n, r and \\ is expected");
    p += 2;
  }
  c->len = (size_t)(p - c->at);
  *behind = p;
  return ROW_FACT;
}

// Cells up to the line end.
static enum RowStatus split(Rows *t, const char *p, const char *end,
                            const char **next) {
  bool quotes = t->o->format == ROWS_CSV;
  for (;; p++) {
    Cell *c = push_cell(t);
    if (!c)
      return t->ncells < ROWS_MOST_COLUMNS
                 ? ROW_STOP
                 : AMB_ROW_FAIL(t, p, "there are more than %d cells",
                                ROWS_MOST_COLUMNS);
    enum RowStatus status = *p == '"' && quotes && p < end
                                ? quoted_cell(t, c, p, end, &p)
                                : plain_cell(t, c, p, end, &p);
    if (status != ROW_FACT) return status;
    if (p == end || *p != t->o->separator) break;
  }
  if (p == end && !t->in.whole) return ROW_MORE;
  if (*p == '\r') p++;
  *next = p < end ? p + 1 : end;
  return ROW_FACT;
}

// ---- cells --------------------------------------------------------------------------

// The text that a cell stands for. False: memory is out.
static bool plain_text(Rows *t, Cell *c) {
  if (!c->escaped) return true;
  char *out = (char *)ambi_rows_words(t, c->len / 8 + 1), *to = out;
  if (!out) return false;
  for (const char *p = c->at, *end = p + c->len; p < end; p++) {
    if (*p == '"' && c->quoted) p++;
    if (*p == '\\' && !c->quoted) {
      p++;
      *to++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : '\\';
    } else {
      *to++ = *p;
    }
  }
  c->at = out;
  c->len = (size_t)(to - out);
  return true;
}

static int shown(size_t len) {
  return (int)(len > 60 ? 60 : len);
}

static enum RowStatus bad_cell(Rows *t, const Column *col, const Cell *c,
                               const char *at) {
  if (t->cx->stop) return ROW_STOP;
  return AMB_ROW_FAIL(
      t, at, "%s is expected in column %u%s%.*s%s, here is %s%.*s%s",
      ambi_rows_type_name(col->type), col->cell + 1, col->name ? " (" : "",
      shown(col->name_len), col->name ? col->name : "", col->name ? ")" : "",
      c->len ? "\"" : "nothing", shown(c->len), c->at, c->len ? "\"" : "");
}

static enum RowStatus take_cell(Rows *t, const Column *col) {
  Cell c = t->cells[col->cell];
  const char *at = c.at - c.quoted;
  if (c.len == 0 && !c.quoted && !ambi_is_none(t->o->empty))
    return ambi_rows_push(t, t->o->empty) ? ROW_FACT : ROW_STOP;
  if (!plain_text(t, &c)) return ROW_STOP;
  Value v = ambi_rows_value(t, c.at, c.len, c.quoted, col->type);
  if (ambi_is_none(v)) return bad_cell(t, col, &c, at);
  return ambi_rows_push(t, v) ? ROW_FACT : ROW_STOP;
}

static enum RowStatus first_row(Rows *t, const char *at) {
  bool header = t->o->header;
  for (size_t i = 0; header && i < t->ncells; i++)
    if (!plain_text(t, &t->cells[i])) return ROW_STOP;
  t->width = (uint32_t)t->ncells;
  if (!ambi_rows_columns(t, at, header ? t->cells : NULL, t->ncells))
    return ROW_FAILED;
  return header ? ROW_NONE : ROW_FACT;
}

enum RowStatus ambi_rows_text_row(Rows *t, const char *p, const char *end,
                                  const char **next) {
  enum RowStatus status = split(t, p, end, next);
  if (status != ROW_FACT) return status;
  if (!ambi_rows_is_sound(t, p, *next)) return ROW_FAILED;
  bool blank = t->ncells == 1 && t->cells[0].len == 0 && !t->cells[0].quoted;
  if (blank && t->width != 1) return ROW_NONE;
  if (t->width == 0) {
    status = first_row(t, p);
    if (status != ROW_FACT) return status;
  }
  if (t->ncells != t->width)
    return AMB_ROW_FAIL(t, p,
                        "%u cell%s expected as in the first row, here %s %zu",
                        t->width, t->width == 1 ? " is" : "s are",
                        t->ncells == 1 ? "is" : "are", t->ncells);
  if (!ambi_rows_push(t, t->o->head)) return ROW_STOP;
  for (size_t i = 0; i < t->ncolumns; i++) {
    status = take_cell(t, &t->columns[i]);
    if (status != ROW_FACT) return status;
  }
  return ROW_FACT;
}
