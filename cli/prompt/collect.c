// Gathering input: see collect.h.
#include "cli/prompt/collect.h"

#include <string.h>

#include "memory/alloc.h"

// ---- the scanner ------------------------------------------------------------

static bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static void close_bracket(Scan *s) {
  if (s->depth)
    s->depth--;
  else
    s->stray = true;
}

// Between two words: what begins here?
static void begin(Scan *s, char c) {
  s->in = SCAN_BETWEEN;
  if (is_blank(c)) return;
  if (c == ';') {
    s->in = SCAN_COMMENT;
    return;
  }
  s->seen = true;
  s->bang = c == '!' && s->depth == 0;
  switch (c) {
  case '(': s->depth++; break;
  case ')': close_bracket(s); break;
  case '"': s->in = SCAN_STRING; break;
  case '$': s->in = SCAN_VARIABLE; break;
  default: s->in = SCAN_WORD;
  }
}

static void in_word(Scan *s, char c) {
  bool ends =
      is_blank(c) || c == '(' || c == ')' || (c == ';' && s->in == SCAN_WORD);
  if (ends)
    begin(s, c);
  else
    s->bang = false;
}

static void scan(Scan *s, char c) {
  switch (s->in) {
  case SCAN_BETWEEN: begin(s, c); break;
  case SCAN_WORD:
  case SCAN_VARIABLE: in_word(s, c); break;
  case SCAN_STRING:
    if (c == '\\') s->in = SCAN_ESCAPE;
    if (c == '"') s->in = SCAN_BETWEEN;
    break;
  case SCAN_ESCAPE: s->in = SCAN_STRING; break;
  case SCAN_COMMENT:
    if (c == '\n') s->in = SCAN_BETWEEN;
    break;
  }
}

// ---- the collector ----------------------------------------------------------

bool cli_collect_add(Collector *c, const char *line, size_t len) {
  while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
    len--;
  if (!ambi_grow((void **)&c->text, &c->cap, c->len + len + 2, 1)) return false;
  memcpy(c->text + c->len, line, len);
  c->text[c->len + len] = '\n';
  c->text[c->len + len + 1] = 0;
  for (size_t i = 0; i <= len; i++)
    scan(&c->scan, c->text[c->len + i]);
  c->len += len + 1;
  return true;
}

enum CollectState cli_collect_state(const Collector *c) {
  const Scan *s = &c->scan;
  if (!s->seen) return COLLECT_EMPTY;
  if (s->stray) return COLLECT_WHOLE;
  bool open =
      s->depth || s->bang || s->in == SCAN_STRING || s->in == SCAN_ESCAPE;
  return open ? COLLECT_OPEN : COLLECT_WHOLE;
}

void cli_collect_clear(Collector *c) {
  c->len = 0;
  c->scan = (Scan){0};
}

void cli_collect_drop(Collector *c) {
  ambi_free(c->text, c->cap);
  *c = (Collector){0};
}
