// Documentation as one page of HTML, with an index.
#include <string.h>

#include "cli/doc/doc.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
static const char style[] =
    "</title>\n<style>\n"
    "body { font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto;"
    " padding: 0 1em; }\n"
    "code, h3 { font-family: monospace; }\n"
    "pre { white-space: pre-wrap; font: inherit; }\n"
    "h3 { margin: 1.5em 0 0; font-size: 1.1em; }\n"
    ".type { color: #555; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "body { background: #111; color: #ddd; }\n"
    "a { color: #8bf; }\n.type { color: #aaa; }\n}\n"
    "</style>\n</head>\n<body>\n";

static void put_text(Buffer *b, const char *text) {
  for (; *text; text++) {
    switch (*text) {
    case '<': ambi_buffer_puts(b, "&lt;"); break;
    case '>': ambi_buffer_puts(b, "&gt;"); break;
    case '&': ambi_buffer_puts(b, "&amp;"); break;
    case '"': ambi_buffer_puts(b, "&quot;"); break;
    default: ambi_buffer_put(b, text, 1);
    }
  }
}

static void put_element(Buffer *b, const char *tag, const char *text) {
  ambi_buffer_puts(b, "<");
  ambi_buffer_puts(b, tag);
  ambi_buffer_puts(b, ">");
  put_text(b, text);
  ambi_buffer_puts(b, "</");
  ambi_buffer_put(b, tag, strcspn(tag, " "));
  ambi_buffer_puts(b, ">");
}

// MODULE.NAME, what is no letter or digit as its code.
static void put_anchor(Buffer *b, const DocModule *m, const DocItem *item) {
  const char *parts[] = {m->name, ".", item ? item->name : ""};
  for (size_t i = 0; i < (item ? 3 : 1); i++)
    for (const char *c = parts[i]; *c; c++) {
      bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                   (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '.';
      if (plain)
        ambi_buffer_put(b, c, 1);
      else
        ambi_buffer_format(b, "_%02x", (unsigned char)*c);
    }
}

static void put_part(Buffer *b, const DocPart *p) {
  if (p->type) {
    put_element(b, "code class=\"type\"", p->type);
    ambi_buffer_puts(b, " ");
  }
  put_text(b, p->text);
}

static void put_item(Buffer *b, const DocModule *m, const DocItem *item) {
  if (item->heading) {
    put_element(b, "h2", item->heading);
    ambi_buffer_puts(b, "\n");
  }
  ambi_buffer_puts(b, "<h3 id=\"");
  put_anchor(b, m, item);
  ambi_buffer_puts(b, "\">");
  put_text(b, item->name);
  ambi_buffer_puts(b, "</h3>\n");
  if (item->types) {
    put_element(b, "pre class=\"type\"", item->types);
    ambi_buffer_puts(b, "\n");
  }
  if (item->text) {
    put_element(b, "p", item->text);
    ambi_buffer_puts(b, "\n");
  }
  if (item->nparams) ambi_buffer_puts(b, "<ol>\n");
  for (size_t i = 0; i < item->nparams; i++) {
    if (!item->params[i].text) continue;
    ambi_buffer_puts(b, "<li>");
    put_part(b, &item->params[i]);
    ambi_buffer_puts(b, "</li>\n");
  }
  if (item->nparams) ambi_buffer_puts(b, "</ol>\n");
  if (!item->result.text) return;
  ambi_buffer_puts(b, "<p>gives ");
  put_part(b, &item->result);
  ambi_buffer_puts(b, "</p>\n");
}

static void put_module(Buffer *b, const DocModule *m) {
  ambi_buffer_puts(b, "<h1 id=\"");
  put_anchor(b, m, NULL);
  ambi_buffer_puts(b, "\">");
  put_text(b, m->name);
  ambi_buffer_puts(b, "</h1>\n");
  if (m->text) {
    put_element(b, "pre", m->text);
    ambi_buffer_puts(b, "\n");
  }
  ambi_buffer_puts(b, "<p>");
  for (size_t i = 0; i < m->nitems; i++) {
    ambi_buffer_puts(b, i ? "\n<a href=\"#" : "<a href=\"#");
    put_anchor(b, m, &m->items[i]);
    ambi_buffer_puts(b, "\">");
    put_element(b, "code", m->items[i].name);
    ambi_buffer_puts(b, "</a>");
  }
  ambi_buffer_puts(b, "</p>\n");
  for (size_t i = 0; i < m->nitems; i++)
    put_item(b, m, &m->items[i]);
  if (!m->plain) return;
  ambi_buffer_puts(b, "<h2>not documented</h2>\n");
  put_element(b, "p", m->plain);
  ambi_buffer_puts(b, "\n");
}

void cli_doc_html(Buffer *b, const DocModule *m, size_t n) {
  ambi_buffer_puts(b, head);
  for (size_t i = 0; i < n; i++) {
    if (i) ambi_buffer_puts(b, ", ");
    put_text(b, m[i].name);
  }
  ambi_buffer_puts(b, style);
  for (size_t i = 0; i < n; i++)
    put_module(b, &m[i]);
  ambi_buffer_puts(b, "</body>\n</html>\n");
}
