// Documentation as text, in the manner of a manual page.
#include <stdio.h>
#include <string.h>

#include "cli/doc/doc.h"

typedef struct Out {
  Buffer *b;
  DocStyle style;
} Out;

static void put_bold(Out *o, const char *text) {
  if (o->style.bold) ambi_buffer_puts(o->b, "\033[1m");
  ambi_buffer_puts(o->b, text);
  if (o->style.bold) ambi_buffer_puts(o->b, "\033[0m");
}

static void put_blanks(Out *o, unsigned n) {
  for (; n; n--)
    ambi_buffer_puts(o->b, " ");
}

static unsigned characters(const char *s, size_t len) {
  unsigned n = 0;
  for (size_t i = 0; i < len; i++)
    n += ((unsigned char)s[i] & 0xC0) != 0x80;
  return n;
}

// One paragraph, its words filled into lines from `at`, the column it begins in; lines
// behind the first one begin in the column `indent`.
static void put_words(Out *o, const char *text, size_t len, unsigned at,
                      unsigned indent) {
  const char *end = text + len;
  bool first = true;
  while (text < end) {
    size_t word = 0;
    while (text + word < end && text[word] != ' ')
      word++;
    unsigned wide = characters(text, word);
    if (!first && at + 1 + wide > o->style.width) {
      ambi_buffer_puts(o->b, "\n");
      put_blanks(o, indent);
      at = indent;
    } else if (!first) {
      ambi_buffer_puts(o->b, " ");
      at++;
    }
    ambi_buffer_put(o->b, text, word);
    at += wide;
    first = false;
    text += word;
    while (text < end && *text == ' ')
      text++;
  }
  ambi_buffer_puts(o->b, "\n");
}

// Lines as they are.
static void put_lines(Out *o, const char *text, size_t size, unsigned indent) {
  const char *end = text + size;
  while (text < end) {
    const char *nl = memchr(text, '\n', (size_t)(end - text));
    size_t len = (size_t)((nl ? nl : end) - text);
    if (len) put_blanks(o, indent);
    ambi_buffer_put(o->b, text, len);
    ambi_buffer_puts(o->b, "\n");
    text += len + (nl != NULL);
  }
}

// A documentation text: each of its lines is a paragraph.
static void put_text(Out *o, const char *text, unsigned indent) {
  while (*text) {
    size_t len = strcspn(text, "\n");
    put_blanks(o, indent);
    put_words(o, text, len, indent, indent);
    text += len + (text[len] == '\n');
  }
}

enum { ITEM = 2, BODY = 6, LABEL = 10, HANGING = 12 };

// LABEL TYPE: TEXT, or LABEL TEXT.
static void put_part(Out *o, const char *label, const DocPart *p) {
  const char *parts[] = {label, p->type ? " " : "", p->type ? p->type : "",
                         p->type ? ": " : " "};
  unsigned at = BODY;
  put_blanks(o, BODY);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    ambi_buffer_puts(o->b, parts[i]);
    at += characters(parts[i], strlen(parts[i]));
  }
  put_words(o, p->text, strlen(p->text), at, LABEL);
}

static void put_item(Out *o, const DocItem *item) {
  put_blanks(o, ITEM);
  put_bold(o, item->name ? item->name : "?");
  ambi_buffer_puts(o->b, "\n");
  if (item->types) put_lines(o, item->types, strlen(item->types), BODY);
  if (item->text) put_text(o, item->text, BODY);
  for (size_t i = 0; i < item->nparams; i++) {
    char label[24];
    snprintf(label, sizeof label, "%zu.", i + 1);
    if (item->params[i].text) put_part(o, label, &item->params[i]);
  }
  if (item->result.text) put_part(o, "gives", &item->result);
}

void cli_doc_item_text(Buffer *b, const DocModule *m, const DocItem *item,
                       DocStyle style) {
  Out o = {b, style};
  put_bold(&o, m->name);
  ambi_buffer_puts(b, "\n\n");
  put_item(&o, item);
  size_t len = 0;
  const char *example =
      item->name ? ambi_example(m->name, item->name, &len) : NULL;
  if (!example) return;
  ambi_buffer_puts(b, "\n");
  put_lines(&o, example, len, BODY);
}

void cli_doc_text(Buffer *b, const DocModule *m, DocStyle style) {
  Out o = {b, style};
  put_bold(&o, m->name);
  ambi_buffer_puts(b, "\n");
  if (m->text) {
    ambi_buffer_puts(b, "\n");
    put_lines(&o, m->text, strlen(m->text), ITEM);
  }
  for (size_t i = 0; i < m->nitems; i++) {
    ambi_buffer_puts(b, "\n");
    if (m->items[i].heading) {
      put_bold(&o, m->items[i].heading);
      ambi_buffer_puts(b, "\n\n");
    }
    put_item(&o, &m->items[i]);
  }
  if (!m->plain) return;
  ambi_buffer_puts(b, "\n");
  put_bold(&o, "not documented");
  ambi_buffer_puts(b, "\n\n");
  put_text(&o, m->plain, ITEM);
}

// The first sentence of a module's text, or its first line.
static size_t first_sentence(const char *text) {
  size_t n = 0;
  while (text[n] && text[n] != '\n' &&
         !(text[n] == '.' && strchr(" \n", text[n + 1])))
    n++;
  return n;
}

void cli_doc_list_text(Buffer *b, const DocModule *m, size_t n,
                       DocStyle style) {
  Out o = {b, style};
  for (size_t i = 0; i < n; i++) {
    unsigned wide = characters(m[i].name, strlen(m[i].name));
    put_bold(&o, m[i].name);
    put_blanks(&o, wide < HANGING ? HANGING - wide : 1);
    const char *text = m[i].text ? m[i].text : "";
    put_words(&o, text, first_sentence(text),
              wide < HANGING ? HANGING : wide + 1, HANGING);
  }
}
