// Rows of N-Triples: SUBJECT PREDICATE OBJECT . on a line.
//
// An IRI and a blank node become symbols as they are written, <..> and _:name (escapes
// aside). A literal becomes a String; a Number or a Bool where its datatype is one of
// those of XML Schema and its text is one; (lang "text" en) and (typed "text" <iri>)
// otherwise. Comments and empty lines are passed over.
#include "runtime/loading/escape.h"
#include "runtime/loading/line.h"

static void skip_blanks(Line *l) {
  while (l->p < l->end && (*l->p == ' ' || *l->p == '\t'))
    l->p++;
}

// The escape at l->p, behind its backslash; its length in `to`. 0: not one.
static unsigned escape(Line *l, bool letters, char *to) {
  if (l->p == l->end) return 0;
  char c = *l->p++;
  if (letters && (ambi_escape_letter(c) || c == '\'')) {
    *to = c == '\'' ? c : ambi_escape_letter(c);
    return 1;
  }
  int digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
  uint32_t code = digits ? ambi_escape_hex(l->p, l->end, digits) : UINT32_MAX;
  if (!ambi_is_scalar(code)) return 0;
  l->p += digits;
  return ambi_utf8_encode(code, to);
}

// Copies up to and without the closing byte, which is gone behind. False: told why.
static bool copy_until(Line *l, char closing, bool literal, char *to,
                       size_t *len) {
  char *from = to;
  const char *opening = l->p - 1;
  while (l->p < l->end && *l->p != closing) {
    const char *at = l->p;
    unsigned char c = (unsigned char)*l->p++;
    if (c == '\\') {
      unsigned n = escape(l, literal, to);
      if (n == 0) {
        ambi_line_fail(l, at, "this is no escape");
        return false;
      }
      to += n;
      continue;
    }
    if (!literal && (c <= ' ' || strchr("<\"{}|^`", c))) {
      ambi_line_fail(l, at, "an IRI holds no such character");
      return false;
    }
    *to++ = (char)c;
  }
  if (l->p == l->end) {
    ambi_line_fail(l, opening,
                   literal ? "this quote is closed nowhere"
                           : "this < is closed nowhere");
    return false;
  }
  l->p++;
  *len = (size_t)(to - from);
  return true;
}

static Value iri(Line *l) {
  const char *from = l->p++;
  const char *close = memchr(l->p, '>', (size_t)(l->end - l->p));
  bool plain = close != NULL;
  for (const char *p = l->p; plain && p < close; p++)
    plain = (unsigned char)*p > ' ' && *p != '\\' && *p != '<' && *p != '"' &&
            *p != '{' && *p != '}' && *p != '|' && *p != '^' && *p != '`';
  Value v;
  if (plain) {
    l->p = close + 1;
    v = ambi_rows_symbol(l->t, from, (size_t)(l->p - from));
  } else {
    size_t len;
    char *text = (char *)ambi_rows_words(l->t, (size_t)(l->end - from) / 8 + 1);
    if (!text) return ambi_line_stop(l);
    text[0] = '<';
    if (!copy_until(l, '>', false, text + 1, &len)) return AMB_NONE;
    text[len + 1] = '>';
    v = ambi_rows_symbol(l->t, text, len + 2);
  }
  return ambi_is_none(v) ? ambi_line_stop(l) : v;
}

static bool is_label(unsigned char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
         c == '_' || c == '-' || c == '.' || c == ':' || c >= 0x80;
}

static Value blank_node(Line *l) {
  const char *from = l->p;
  if (l->end - l->p < 3 || l->p[1] != ':')
    return ambi_line_fail(l, from, "behind _ a colon and a name are expected");
  l->p += 2;
  while (l->p < l->end && is_label((unsigned char)*l->p))
    l->p++;
  while (l->p[-1] == '.')
    l->p--;
  if (l->p - from < 3)
    return ambi_line_fail(l, from, "behind _ a colon and a name are expected");
  Value v = ambi_rows_symbol(l->t, from, (size_t)(l->p - from));
  return ambi_is_none(v) ? ambi_line_stop(l) : v;
}

// ---- literals ---------------------------------------------------------------------

#define XSD "<http://www.w3.org/2001/XMLSchema#"
enum { XSD_LEN = sizeof XSD - 1 };

static bool is_number_type(const char *name) {
  static const char *const names[] = {"integer>",
                                      "decimal>",
                                      "double>",
                                      "float>",
                                      "long>",
                                      "int>",
                                      "short>",
                                      "byte>",
                                      "nonNegativeInteger>",
                                      "positiveInteger>",
                                      "nonPositiveInteger>",
                                      "negativeInteger>",
                                      "unsignedLong>",
                                      "unsignedInt>",
                                      "unsignedShort>",
                                      "unsignedByte>"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

// (what text of)
static Value pair(Line *l, const char *what, Value text, Value of) {
  Value head = ambi_rows_symbol(l->t, what, strlen(what));
  if (ambi_is_none(head) || ambi_is_none(of)) return ambi_line_stop(l);
  Value v = ambi_rows_expr(l->t, (Value[]){head, text, of}, 3);
  return ambi_is_none(v) ? ambi_line_stop(l) : v;
}

static Value typed(Line *l, Value text, Value type) {
  const Symbol *s = ambi_symbol(l->t->cx->rt->symbols, ambi_sym_of(type));
  const char *bytes = ambi_str_bytes(text);
  if (strncmp(s->text, XSD, XSD_LEN) != 0) return pair(l, "typed", text, type);
  const char *name = s->text + XSD_LEN;
  if (strcmp(name, "string>") == 0) return text;
  if (is_number_type(name)) {
    Value v =
        ambi_rows_value(l->t, bytes, ambi_str_len(text), false, COLUMN_NUMBER);
    if (!ambi_is_none(v)) return v;
    if (l->t->cx->stop) return ambi_line_stop(l);
  }
  if (strcmp(name, "boolean>") == 0) {
    if (!strcmp(bytes, "true") || !strcmp(bytes, "1")) return AMB_TRUE;
    if (!strcmp(bytes, "false") || !strcmp(bytes, "0")) return AMB_FALSE;
  }
  return pair(l, "typed", text, type);
}

static Value language(Line *l, Value text) {
  const char *from = l->p;
  while (l->p < l->end && *l->p != '.' &&
         (is_label((unsigned char)*l->p) && *l->p != ':' && *l->p != '_'))
    l->p++;
  if (l->p == from)
    return ambi_line_fail(l, from, "behind @ a language is expected");
  return pair(l, "lang", text,
              ambi_rows_symbol(l->t, from, (size_t)(l->p - from)));
}

static Value literal(Line *l) {
  l->p++;
  char *bytes = ambi_rows_string(l->t, (size_t)(l->end - l->p));
  size_t len;
  if (!bytes) return ambi_line_stop(l);
  if (!copy_until(l, '"', true, bytes, &len)) return AMB_NONE;
  Value text = ambi_rows_string_end(bytes, len);
  if (l->p < l->end && *l->p == '@') {
    l->p++;
    return language(l, text);
  }
  if (l->end - l->p < 2 || l->p[0] != '^' || l->p[1] != '^') return text;
  l->p += 2;
  if (l->p == l->end || *l->p != '<')
    return ambi_line_fail(l, l->p, "behind ^^ an IRI is expected");
  Value type = iri(l);
  return ambi_is_none(type) ? type : typed(l, text, type);
}

// ---- a line -----------------------------------------------------------------------

// Part 0, 1 or 2 of the triple.
static Value part(Line *l, int which) {
  static const char *const expected[] = {
      "a subject is expected: <IRI> or _:name",
      "a predicate is expected: <IRI>",
      "an object is expected: <IRI>, _:name or \"literal\""};
  skip_blanks(l);
  char c = l->p < l->end ? *l->p : 0;
  if (c == '<') return iri(l);
  if (c == '_' && which != 1) return blank_node(l);
  if (c == '"' && which == 2) return literal(l);
  return ambi_line_fail(l, l->p, expected[which]);
}

enum RowStatus ambi_rows_triples_row(Rows *t, const char *p, const char *end,
                                     const char **next) {
  Line l = {.t = t, .p = p, .status = ROW_FACT};
  enum RowStatus status = ambi_rows_line(t, p, end, &l.end, next);
  if (status != ROW_FACT) return status;
  skip_blanks(&l);
  if (l.p == l.end || *l.p == '#') return ROW_NONE;
  if (!ambi_rows_push(t, t->o->head)) return ROW_STOP;
  for (int i = 0; i < 3; i++) {
    Value v = part(&l, i);
    if (ambi_is_none(v)) return l.status;
    if (!ambi_rows_push(t, v)) return ROW_STOP;
  }
  skip_blanks(&l);
  if (l.p == l.end || *l.p != '.')
    return AMB_ROW_FAIL(t, l.p, "a full stop is expected behind the object");
  l.p++;
  skip_blanks(&l);
  if (l.p < l.end && *l.p != '#')
    return AMB_ROW_FAIL(t, l.p, "the end of the line is expected");
  return ROW_FACT;
}
