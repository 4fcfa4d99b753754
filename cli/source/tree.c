// One pass over the bytes; lists that are still open are found by their nodes' parents.
#include "cli/source/tree.h"

#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"
#include "runtime/atoms/printer.h"
#include "runtime/atoms/utf8.h"

typedef struct Pass {
  Tree *t;
  const unsigned char *p, *end;
  uint32_t list;  // the innermost open one, or the root
  uint32_t last;  // its last child so far, or 0
} Pass;

// ---- characters ---------------------------------------------------------------

// Bytes of the character at p, and what it is. What is no UTF-8 is one byte, noted in
// *fault.
static unsigned character(const Pass *s, uint32_t *c, NodeFault *fault) {
  unsigned n = ambi_utf8_decode(s->p, s->end, c);
  if (n) return n;
  *c = 0xFFFD;
  if (!*fault) *fault = FAULT_UTF8;
  return 1;
}

static bool is_blank(uint32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') ||
         (c >= 0x80 && ambi_is_white_space(c));
}

static bool add_line(Tree *t, uint32_t begin) {
  if (!ambi_grow((void **)&t->lines, &t->line_room, t->line_count + (size_t)1,
                 sizeof *t->lines))
    return false;
  t->lines[t->line_count++] = begin;
  return true;
}

// Every line of the text, those inside of strings as well.
static bool find_lines(Tree *t) {
  if (!add_line(t, 0)) return false;
  const char *end = t->text + t->len;
  for (const char *p = t->text; (p = memchr(p, '\n', (size_t)(end - p)));)
    if (!add_line(t, (uint32_t)(++p - t->text))) return false;
  return true;
}

// ---- nodes --------------------------------------------------------------------

static uint32_t here(const Pass *s) {
  return (uint32_t)(s->p - (const unsigned char *)s->t->text);
}

static Node *add_node(Pass *s, NodeKind kind, uint32_t begin) {
  Tree *t = s->t;
  if (!ambi_grow((void **)&t->nodes, &t->room, t->count + (size_t)1,
                 sizeof *t->nodes))
    return NULL;
  uint32_t i = t->count++;
  t->nodes[i] =
      (Node){.begin = begin, .parent = s->list, .kind = (uint8_t)kind};
  if (i == 0) return t->nodes;
  if (s->last)
    t->nodes[s->last].next = i;
  else
    t->nodes[s->list].child = i;
  s->last = i;
  return &t->nodes[i];
}

static bool add_leaf(Pass *s, NodeKind kind, uint32_t begin, NodeFault fault) {
  Node *node = add_node(s, kind, begin);
  if (!node) return false;
  node->end = here(s);
  node->fault = (uint8_t)fault;
  return true;
}

static bool open_list(Pass *s) {
  if (!add_node(s, NODE_LIST, here(s))) return false;
  s->p++;
  s->list = s->last;
  s->last = 0;
  return true;
}

static bool close_list(Pass *s) {
  uint32_t begin = here(s);
  s->p++;
  if (!s->list) return add_leaf(s, NODE_STRAY, begin, FAULT_STRAY);
  Node *list = &s->t->nodes[s->list];
  list->end = here(s);
  s->last = s->list;
  s->list = list->parent;
  return true;
}

// ---- tokens -------------------------------------------------------------------

static bool read_comment(Pass *s) {
  uint32_t begin = here(s), c;
  NodeFault fault = FAULT_NONE;
  while (s->p < s->end && *s->p != '\n')
    s->p += character(s, &c, &fault);
  return add_leaf(s, NODE_COMMENT, begin, fault);
}

static bool is_hex(unsigned char c) {
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static unsigned hex_value(char c) {
  return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

// The bytes of the escape sequence behind a backslash; 0: it is not valid.
static unsigned escape_length(const unsigned char *p,
                              const unsigned char *end) {
  if (strchr("'\"\\nrt", *p) && *p) return 1;
  if (*p == 'x')
    return end - p > 2 && p[1] >= '0' && p[1] <= '7' && is_hex(p[2]) ? 3 : 0;
  if (*p != 'u' || end - p < 2 || p[1] != '{') return 0;
  uint32_t c = 0;
  unsigned n = 2;
  for (; n < 10 && p + n < end && is_hex(p[n]); n++)
    c = c << 4 | hex_value((char)p[n]);
  bool closed = n > 2 && p + n < end && p[n] == '}';
  return closed && ambi_is_scalar(c) ? n + 1 : 0;
}

static bool read_string(Pass *s) {
  uint32_t begin = here(s), c;
  NodeFault fault = FAULT_NONE;
  s->p++;
  while (s->p < s->end && *s->p != '"') {
    bool escaped = *s->p == '\\';
    s->p += character(s, &c, &fault);
    if (!escaped || s->p == s->end) continue;
    unsigned n = escape_length(s->p, s->end);
    if (!n && !fault) fault = FAULT_ESCAPE;
    s->p += n ? n : character(s, &c, &fault);
  }
  if (s->p < s->end)
    s->p++;
  else if (!fault)
    fault = FAULT_OPEN;
  return add_leaf(s, NODE_STRING, begin, fault);
}

// Asked for words of a large number: that it is one is known by then.
static Word *no_words(void *arg, size_t words) {
  (void)arg;
  (void)words;
  return NULL;
}

static NodeKind kind_of_word(const Pass *s, const char *word, size_t len) {
  if (len == 1 && word[0] == '!' && !s->list) return NODE_BANG;
  size_t sign = len > 1 && (word[0] == '-' || word[0] == '+');
  if (word[sign] < '0' || word[sign] > '9') return NODE_SYMBOL;
  Value v;
  return ambi_num_parse(word, len, &v, no_words, NULL) ? NODE_NUMBER
                                                       : NODE_SYMBOL;
}

// Up to white space or a bracket; a ; ends words only.
static bool read_word(Pass *s) {
  const unsigned char *begin = s->p;
  bool variable = *s->p == '$';
  NodeFault fault = FAULT_NONE;
  while (s->p < s->end) {
    uint32_t c;
    NodeFault wrong = FAULT_NONE;
    unsigned n = character(s, &c, &wrong);
    if (is_blank(c) || c == '(' || c == ')' || (c == ';' && !variable)) break;
    if (c == '#' && variable) wrong = FAULT_HASH;
    if (!fault) fault = wrong;
    s->p += n;
  }
  const char *word = (const char *)begin;
  NodeKind kind =
      variable ? NODE_VARIABLE : kind_of_word(s, word, (size_t)(s->p - begin));
  return add_leaf(s, kind, (uint32_t)(word - s->t->text), fault);
}

static bool read_piece(Pass *s) {
  uint32_t c;
  NodeFault fault = FAULT_NONE;
  unsigned n = character(s, &c, &fault);
  if (is_blank(c)) {
    s->p += n;
    return true;
  }
  switch (c) {
  case '(': return open_list(s);
  case ')': return close_list(s);
  case '"': return read_string(s);
  case ';': return read_comment(s);
  default: return read_word(s);
  }
}

// What is still open ends with the text.
static void end_lists(Pass *s) {
  for (Node *nodes = s->t->nodes; s->list; s->list = nodes[s->list].parent) {
    nodes[s->list].end = here(s);
    nodes[s->list].fault = FAULT_OPEN;
  }
}

// ---- the tree -----------------------------------------------------------------

bool cli_tree_read(Tree *t, const char *text, size_t len) {
  *t = (Tree){.text = text ? text : "", .len = len};
  const unsigned char *begin = (const unsigned char *)t->text;
  Pass s = {.t = t, .p = begin, .end = begin + len};
  bool ok = len < UINT32_MAX && find_lines(t) && add_node(&s, NODE_ROOT, 0);
  while (ok && s.p < s.end)
    ok = t->count < UINT32_MAX && read_piece(&s);
  if (!ok) {
    cli_tree_free(t);
    return false;
  }
  end_lists(&s);
  t->nodes[0].end = (uint32_t)len;
  return true;
}

void cli_tree_free(Tree *t) {
  ambi_free(t->nodes, t->room * sizeof *t->nodes);
  ambi_free(t->lines, t->line_room * sizeof *t->lines);
  *t = (Tree){0};
}

// ---- places -------------------------------------------------------------------

// The last line that does not begin behind the byte, from 0.
static uint32_t line_of(const Tree *t, uint32_t byte) {
  uint32_t low = 0, high = t->line_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (t->lines[middle] <= byte)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static bool begins_character(char c) {
  return ((unsigned char)c & 0xC0) != 0x80;
}

Place cli_tree_place(const Tree *t, uint32_t byte) {
  uint32_t line = line_of(t, byte), column = 1;
  for (uint32_t i = t->lines[line]; i < byte && i < t->len; i++)
    column += begins_character(t->text[i]);
  return (Place){line + 1, column};
}

uint32_t cli_tree_at(const Tree *t, uint32_t byte) {
  uint32_t node = 0, inner = 0;
  for (;;) {
    uint32_t i = t->nodes[inner].child;
    // what begins here comes before what ends here
    for (inner = 0; i && t->nodes[i].begin <= byte; i = t->nodes[i].next)
      if (byte <= t->nodes[i].end) inner = i;
    if (!inner) return node;
    node = inner;
    bool behind = byte == t->nodes[node].end && !t->nodes[node].fault;
    if (t->nodes[node].kind != NODE_LIST || behind) return node;
  }
}

bool cli_tree_is(const Tree *t, uint32_t node, const char *text) {
  const Node *n = &t->nodes[node];
  size_t len = strlen(text);
  return n->end - n->begin == len && memcmp(t->text + n->begin, text, len) == 0;
}

static uint32_t behind_comments(const Tree *t, uint32_t node) {
  while (node && t->nodes[node].kind == NODE_COMMENT)
    node = t->nodes[node].next;
  return node;
}

uint32_t cli_tree_first(const Tree *t, uint32_t node) {
  return behind_comments(t, t->nodes[node].child);
}

uint32_t cli_tree_next(const Tree *t, uint32_t node) {
  return behind_comments(t, t->nodes[node].next);
}

bool cli_tree_is_closed(const Tree *t) {
  for (uint32_t i = 1; i < t->count; i++)
    if (t->nodes[i].fault == FAULT_OPEN) return false;
  return true;
}

void cli_tree_string(const Tree *t, uint32_t node, Buffer *b) {
  static const char plain[] = "nrt", means[] = "\n\r\t";
  const char *p = t->text + t->nodes[node].begin + 1;
  const char *end = t->text + t->nodes[node].end - 1;
  while (p < end) {
    size_t n = strcspn(p, "\\");
    if (n > (size_t)(end - p)) n = (size_t)(end - p);
    ambi_buffer_put(b, p, n);
    p += n;
    if (p == end) break;
    char utf8[4];
    const char *known = strchr(plain, *++p);
    if (*p == 'x' || *p == 'u') {
      uint32_t c = (uint32_t)strtoul(p + 1 + (*p == 'u'), NULL, 16);
      if (*p == 'x') c = (uint32_t)(hex_value(p[1]) << 4 | hex_value(p[2]));
      ambi_buffer_put(b, utf8, ambi_utf8_encode(c, utf8));
    } else {
      ambi_buffer_put(b, known ? means + (known - plain) : p, 1);
    }
    p += escape_length((const unsigned char *)p, (const unsigned char *)end);
  }
}

// Where a cut does not go through a character.
static size_t cut_before(const char *text, size_t len) {
  while (len > 0 && !begins_character(text[len]))
    len--;
  return len;
}

void cli_tree_print(const Tree *t, uint32_t node, size_t most, Buffer *b) {
  size_t begin = b->len;
  uint32_t end = t->nodes[node].end, at = t->nodes[node].begin;
  for (uint32_t i = node; at < end && b->len - begin <= most; at++) {
    while (i + 1 < t->count && t->nodes[i + 1].begin <= at)
      i++;
    const Node *n = &t->nodes[i];
    char c = t->text[at];
    bool token = n->kind != NODE_LIST && n->kind != NODE_ROOT && at < n->end;
    bool opens = token ? at == n->begin : c == '(';
    if (token ? n->kind == NODE_COMMENT : c != '(' && c != ')') continue;
    if (opens && b->len > begin && b->text[b->len - 1] != '(')
      ambi_buffer_puts(b, " ");
    ambi_buffer_put(b, c == '\n' ? " " : &c, 1);
  }
  if (b->failed || b->len - begin <= most) return;
  b->len = begin + cut_before(b->text + begin, most);
  ambi_buffer_puts(b, "...");
}

uint32_t cli_tree_fault(const Tree *t) {
  uint32_t open = 0;  // is told at the end of the text
  for (uint32_t i = 1; i < t->count; i++) {
    if (!t->nodes[i].fault) continue;
    if (t->nodes[i].kind != NODE_LIST) return i;
    open = i;
  }
  return open;
}

// An open string may end in the middle of an escape sequence.
static bool ends_in_escape(const Tree *t, const Node *n) {
  bool in = false;
  for (uint32_t at = n->end; at > n->begin && t->text[at - 1] == '\\'; at--)
    in = !in;
  return in;
}

const char *cli_tree_fault_text(const Tree *t, uint32_t node) {
  const Node *n = &t->nodes[node];
  switch (n->fault) {
  case FAULT_OPEN:
    return n->kind == NODE_LIST   ? "Unexpected end of expression"
           : ends_in_escape(t, n) ? "Escaping sequence is not finished"
                                  : "Unclosed String Literal";
  case FAULT_ESCAPE: return "Invalid escape sequence";
  case FAULT_UTF8: return "Input read error: invalid UTF-8";
  case FAULT_HASH: return "'#' char is reserved for internal usage";
  case FAULT_STRAY: return "Unexpected right bracket";
  default: return "";
  }
}
