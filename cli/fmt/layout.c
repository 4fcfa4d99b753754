// One walk over the nodes, with a stack of the lists that are open.
//
// A list stays on one line if it fits there and nothing in it was broken by the author.
// Else each child is put on the line if it may and fits, or on a line of its own. What
// decides are the author's breaks and the columns of the output alone, and a break that
// was made here counts as the author's the next time: so the layout of a layout is the
// same.
//
// Forms that go on in their last argument, as `(let $x A (let $y B (let $z C ...)))`, are a
// chain. In a long one each link stands below the one before, and not to the right of it.
#define _GNU_SOURCE  // memrchr
#include <string.h>

#include "cli/fmt/fmt.h"
#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"
#include "runtime/atoms/work.h"

enum {
  BROKEN = UINT32_MAX,  // the width of what cannot stand on one line
  SHORT_HEAD = 12,      // arguments are aligned behind heads up to this width,
  FAR_RIGHT = 40,       // and in lists that begin before this column
  SHORT_CHILD = 16,     // lists with no wider children are filled line by line
  LONG_CHAIN = 4,       // links from which on a chain is one
  ALL = UINT32_MAX
};

typedef struct Shape {  // of an expression by its head
  const char *head;
  uint32_t keep;  // so many arguments stand on the head's line
  bool body;      // further ones are two columns right of the bracket
  bool link;      // the last one may be the next link of a chain
} Shape;

static const Shape shapes[] = {
    {"=", 1, .body = false},
    {":", 1, .body = false},
    {"->", ALL, .body = false},
    {"if", 1, .link = true},
    {"let", 2, .body = true, .link = true},
    {"let*", 1, .body = true, .link = true},
    {"chain", 2, .body = true, .link = true},
    {"unify", 2, .body = true, .link = true},
    {"sealed", 1, .body = true, .link = true},
    {"progn", 1, .link = true},
    {"match", 2, .body = true},
    {"case", 1, .body = true},
    {"switch", 1, .body = true},
    {"receive", 1, .body = true},
    {"map-atom", 2, .body = true},
    {"filter-atom", 2, .body = true},
    {"foldl-atom", 4, .body = true},
    {"lambda", 1, .body = true},
    {"\\", 1, .body = true},
    {"|->", 1, .body = true},
    {"function", 0, .body = true},
    {"@doc", 1, .body = true},
};
static const Shape of_call = {"", 1, .body = false};
static const Shape of_data = {"", 0, .body = false};

typedef struct Frame {  // a list that is open
  uint32_t node;
  uint32_t column;  // of its bracket, and of its closing one behind a comment
  uint32_t indent;  // of its children on lines of their own
  uint32_t tail;    // brackets behind its own
  uint32_t index;   // of the next child; comments do not count
  uint32_t keep;
  uint32_t last;  // the child before, or 0
  bool flat;      // all on one line
  bool open;      // not broken by the author: what is not kept is broken
  bool argument;  // its head is a word with an argument behind it,
  bool moved;     // which goes to a line of its own
} Frame;

typedef struct Layout {
  const Tree *t;
  Buffer *out;
  uint32_t width;
  uint32_t *flat;   // by node: its width on one line, or BROKEN
  uint32_t *lead;   // what comes of it before anything in it can be broken
  uint32_t *chain;  // links from it on
  uint32_t
      *later;  // the later link of a long chain that it is or is about, or 0
  uint32_t column;   // of the output, from 0
  uint32_t indent;   // of its last line
  uint32_t comment;  // the column of a comment that just ended, plus 1; or 0
  Work frames;
} Layout;

// ---- the text as it is ----------------------------------------------------------

// Characters of the text up to the end of the line.
static uint32_t characters(const char *s, uint32_t bytes) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < bytes && s[i] != '\n'; i++)
    n += ((unsigned char)s[i] & 0xC0) != 0x80;
  return n;
}

static uint32_t begin_of_gap(const Tree *t, uint32_t node, uint32_t last) {
  if (last) return t->nodes[last].end;
  uint32_t parent = t->nodes[node].parent;
  return t->nodes[parent].begin + (parent != 0);
}

// How often the author breaks the line in front of the node, up to 2.
static unsigned breaks(const Tree *t, uint32_t node, uint32_t last) {
  const char *p = t->text + begin_of_gap(t, node, last);
  const char *end = t->text + t->nodes[node].begin;
  unsigned n = 0;
  while (n < 2 && (p = memchr(p, '\n', (size_t)(end - p)))) {
    n++;
    p++;
  }
  return n;
}

// Does a break there stay? One behind a bracket does in front of a list only.
static bool is_broken(const Tree *t, uint32_t node, uint32_t last) {
  if (!last && t->nodes[node].kind != NODE_LIST) return false;
  return breaks(t, node, last) > 0;
}

static uint32_t source_column(const Tree *t, uint32_t node) {
  return cli_tree_place(t, t->nodes[node].begin).column;
}

static const Shape *shape_of(const Tree *t, uint32_t list) {
  uint32_t head = t->nodes[list].child;
  if (!head || t->nodes[head].kind != NODE_SYMBOL) return &of_data;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (cli_tree_is(t, head, shapes[i].head)) return &shapes[i];
  return &of_call;
}

// The width of a list whose children's widths are known.
static uint32_t list_width(const Layout *l, uint32_t list) {
  const Tree *t = l->t;
  uint64_t width = 2;
  uint32_t last = 0;
  for (uint32_t i = t->nodes[list].child; i; last = i, i = t->nodes[i].next) {
    if (l->flat[i] == BROKEN || is_broken(t, i, last)) return BROKEN;
    width += (last != 0) + (uint64_t)l->flat[i];
  }
  return width < BROKEN ? (uint32_t)width : BROKEN - 1;
}

static uint32_t list_lead(const Layout *l, uint32_t list) {
  const Node *nodes = l->t->nodes;
  uint32_t head = nodes[list].child;
  if (!head) return 2;
  uint64_t lead = 1 + (uint64_t)l->lead[head];
  uint32_t argument = nodes[head].next;
  if (argument && nodes[argument].kind != NODE_COMMENT &&
      shape_of(l->t, list)->keep > 0)
    lead += 1 + (uint64_t)l->lead[argument];
  return lead < BROKEN ? (uint32_t)lead : BROKEN - 1;
}

// Children stand behind their parents.
static void measure(Layout *l) {
  const Tree *t = l->t;
  for (uint32_t i = t->count; --i > 0;) {
    const Node *n = &t->nodes[i];
    uint32_t bytes = n->end - n->begin;
    const char *text = t->text + n->begin;
    l->lead[i] =
        n->kind == NODE_LIST ? list_lead(l, i) : characters(text, bytes);
    if (n->kind == NODE_LIST)
      l->flat[i] = list_width(l, i);
    else if (n->kind == NODE_COMMENT || memchr(text, '\n', bytes))
      l->flat[i] = BROKEN;
    else
      l->flat[i] = characters(text, bytes);
    // it stays with what it evaluates
    if (n->kind == NODE_BANG && n->next && l->flat[n->next] != BROKEN)
      l->flat[i] += l->flat[n->next];
  }
}

// ---- chains -------------------------------------------------------------------------

// The link behind a list that is one; 0: its last argument is none.
static uint32_t next_link(const Layout *l, uint32_t list) {
  const Tree *t = l->t;
  const Shape *shape = shape_of(t, list);
  uint32_t index = 0, last = cli_tree_first(t, list);
  if (!shape->link) return 0;
  for (uint32_t i = last; (i = cli_tree_next(t, i)) != 0; index++)
    last = i;
  return index > shape->keep && t->nodes[last].kind == NODE_LIST &&
                 l->chain[last]
             ? last
             : 0;
}

// Marks every link of a long chain but the first, and the comments in front of it.
static void find_chains(Layout *l) {
  const Node *nodes = l->t->nodes;
  for (uint32_t i = l->t->count; --i > 0;)
    if (nodes[i].kind == NODE_LIST && shape_of(l->t, i)->link)
      l->chain[i] = 1 + l->chain[next_link(l, i)];
  for (uint32_t i = 1; i < l->t->count; i++) {
    if (nodes[i].kind != NODE_LIST || l->chain[i] < LONG_CHAIN) continue;
    uint32_t link = next_link(l, i);
    if (!link) continue;
    l->chain[link] = l->chain[i];
    uint32_t c = nodes[i].child;  // the last one in front of the comments
    for (uint32_t n = c; n != link; n = cli_tree_next(l->t, n))
      c = n;
    while (c != link) {
      c = nodes[c].next;
      l->later[c] = link;
    }
  }
}

// ---- output -----------------------------------------------------------------------

static void put(Layout *l, const char *s, uint32_t bytes) {
  ambi_buffer_put(l->out, s, bytes);
  const char *line = memrchr(s, '\n', bytes);
  uint32_t skip = line ? (uint32_t)(line + 1 - s) : 0;
  l->column = (line ? 0 : l->column) + characters(s + skip, bytes - skip);
  l->comment = 0;
}

static void put_blanks(Layout *l, uint32_t to_column) {
  static const char blanks[] = "                                ";
  while (l->column < to_column) {
    uint32_t n = to_column - l->column;
    if (n > sizeof blanks - 1) n = sizeof blanks - 1;
    ambi_buffer_put(l->out, blanks, n);
    l->column += n;
  }
}

static void put_line(Layout *l, uint32_t indent, bool blank_line) {
  ambi_buffer_puts(l->out, blank_line ? "\n\n" : "\n");
  l->column = 0;
  l->comment = 0;
  put_blanks(l, indent);
  l->indent = indent;
}

// A comment ends with its last character that is seen.
static void put_comment(Layout *l, uint32_t node) {
  const Node *n = &l->t->nodes[node];
  uint32_t end = n->end, column = l->column;
  while (strchr(" \t\r\f\v", l->t->text[end - 1]) && l->t->text[end - 1])
    end--;
  put(l, l->t->text + n->begin, end - n->begin);
  l->comment = column + 1;
}

// ---- lists ------------------------------------------------------------------------

static Frame *innermost(Layout *l) {
  return ambi_work_top(&l->frames, sizeof(Frame));
}

// Closing brackets that follow a child at once.
static uint32_t tail_of(const Layout *l, const Frame *f, uint32_t child) {
  return l->t->nodes[child].next ? 0 : f->tail + (f->node != 0);
}

static bool fits(const Layout *l, const Frame *f, uint32_t child,
                 uint32_t column) {
  uint64_t flat = l->flat[child];
  return flat != BROKEN && column + flat + tail_of(l, f, child) <= l->width;
}

// The column of a child on a line of its own. A link that fits there is as any last
// argument; one that has to be broken stands below the link before it, with its comments.
static uint32_t begin_of(const Layout *l, const Frame *f, uint32_t node) {
  uint32_t link = l->later[node];
  return !link || fits(l, f, link, f->indent) ? f->indent : f->column;
}

// Is there no room for what it begins with, and more to the left?
static bool is_crowded(const Layout *l, const Frame *f, uint32_t child,
                       uint32_t column) {
  return column > f->indent && column + (uint64_t)l->lead[child] > l->width;
}

static bool is_short(const Layout *l, uint32_t list) {
  for (uint32_t i = l->t->nodes[list].child; i; i = l->t->nodes[i].next)
    if (l->flat[i] > SHORT_CHILD) return false;
  return true;
}

// Does the author take it for data, though a word comes first: is what stands on the
// next line aligned with that word?
static bool is_aligned_as_data(const Tree *t, uint32_t list) {
  uint32_t last = 0;
  for (uint32_t i = t->nodes[list].child; i; last = i, i = t->nodes[i].next)
    if (last && breaks(t, i, last))
      return source_column(t, i) == source_column(t, list) + 1;
  return false;
}

// What nests ever deeper is not indented ever further: the text would grow with the square
// of its depth.
static uint32_t most_indent(const Layout *l, uint32_t indent) {
  return indent < 2 * l->width ? indent : 2 * l->width;
}

// Where children on lines of their own begin.
static void set_indent(Layout *l, Frame *f, const Shape *shape) {
  const Tree *t = l->t;
  uint32_t head = t->nodes[f->node].child;
  uint32_t argument = head ? t->nodes[head].next : 0;
  bool data = shape == &of_data ||
              (shape == &of_call && is_aligned_as_data(t, f->node));
  f->indent = most_indent(l, f->column + (data ? 1 : 2));
  if (shape == &of_data || !argument || is_broken(t, argument, head) ||
      t->nodes[argument].kind == NODE_COMMENT)
    return;
  uint32_t behind = f->column + 1 + l->flat[head] + 1;
  f->argument = true;
  bool better = shape == &of_call && l->flat[argument] != BROKEN &&
                !fits(l, f, argument, behind) &&
                fits(l, f, argument, f->indent);
  f->moved = better || is_crowded(l, f, argument, behind);
  bool near = l->flat[head] <= SHORT_HEAD && f->column <= FAR_RIGHT;
  if (!data && !shape->body && !f->moved && near) f->indent = behind;
}

// Its bracket was just put.
static bool enter(Layout *l, uint32_t list, uint32_t tail, bool flat) {
  Frame *f = ambi_work_push(&l->frames, sizeof *f);
  if (!f) return false;
  const Shape *shape = shape_of(l->t, list);
  *f = (Frame){.node = list,
               .column = l->column - 1,
               .tail = tail,
               .keep = shape->keep,
               .flat = flat};
  if (flat) return true;
  f->open = l->flat[list] != BROKEN;
  if (f->open && (shape == &of_call || shape == &of_data) && is_short(l, list))
    f->keep = ALL;
  set_indent(l, f, shape);
  return true;
}

// ---- what stands between tokens -----------------------------------------------------

// Behind an atom on its line. Where the author has aligned it, it stays in its column.
static void before_remark(Layout *l, const Frame *f, uint32_t node) {
  const Node *n = &l->t->nodes[node];
  uint32_t column = l->column + (l->column > 0);
  if (n->begin - begin_of_gap(l->t, node, f->last) > 1) {
    uint32_t was = source_column(l->t, node) - 1;
    if (was > column) column = was;
  }
  put_blanks(l, column);
}

static void before_comment(Layout *l, const Frame *f, uint32_t node) {
  unsigned lines = breaks(l->t, node, f->last);
  if (!f->node && !f->last) return;
  if (!lines) {
    before_remark(l, f, node);
    return;
  }
  bool below = lines == 1 && l->comment &&
               source_column(l->t, node) == source_column(l->t, f->last);
  put_line(l, below ? l->comment - 1 : begin_of(l, f, node),
           lines > 1 && f->last);
}

// Must a child that is not the first go to a line of its own?
static bool goes_down(const Layout *l, const Frame *f, uint32_t node) {
  if (f->index == 1 && f->argument) return f->moved;
  if (is_crowded(l, f, node, l->column + 1)) return true;
  if (begin_of(l, f, node) != f->indent) return true;
  if (l->flat[node] == BROKEN) return false;
  if (f->open && f->index > f->keep) return true;
  if (fits(l, f, node, l->column + 1)) return false;
  return f->index > f->keep || f->keep == ALL || fits(l, f, node, f->indent);
}

static void before_child(Layout *l, Frame *f, uint32_t node) {
  const Node *nodes = l->t->nodes;
  if (f->last && nodes[f->last].kind == NODE_BANG) {
    if (nodes[node].kind != NODE_LIST) put_blanks(l, l->column + 1);
    return;
  }
  if (f->flat) {
    if (f->last) put_blanks(l, l->column + 1);
    return;
  }
  unsigned lines = breaks(l->t, node, f->last);
  if (!f->last) {
    if (!f->node || !is_broken(l->t, node, 0)) return;
    f->column = l->indent;
    f->indent = most_indent(l, l->indent + 2);
    put_line(l, f->indent, false);
  } else if (lines || l->comment || goes_down(l, f, node)) {
    put_line(l, begin_of(l, f, node), lines > 1);
  } else {
    put_blanks(l, l->column + 1);
  }
}

// ---- the walk -------------------------------------------------------------------

// False: memory is out.
static bool put_node(Layout *l, uint32_t node) {
  const Node *n = &l->t->nodes[node];
  Frame *f = innermost(l);
  if (n->kind == NODE_COMMENT) {
    before_comment(l, f, node);
    put_comment(l, node);
    f->last = node;
    return true;
  }
  before_child(l, f, node);
  f->last = node;
  f->index++;
  if (!n->child) {
    if (n->kind == NODE_LIST)
      put(l, "()", 2);
    else
      put(l, l->t->text + n->begin, n->end - n->begin);
    return true;
  }
  bool flat = f->flat || fits(l, f, node, l->column);
  uint32_t tail = tail_of(l, f, node);
  put(l, "(", 1);
  return enter(l, node, tail, flat);
}

// The node that comes next, with the brackets before it.
static uint32_t behind(Layout *l, uint32_t node) {
  const Node *nodes = l->t->nodes;
  if (nodes[node].child) return nodes[node].child;
  while (!nodes[node].next) {
    node = nodes[node].parent;
    if (!node) return 0;
    if (l->comment) put_line(l, innermost(l)->column, false);
    put(l, ")", 1);
    l->frames.used -= sizeof(Frame);
  }
  return nodes[node].next;
}

bool cli_format(const Tree *t, unsigned width, Buffer *out) {
  Layout l = {.t = t, .out = out, .width = width};
  size_t bytes = 4 * t->count * sizeof *l.flat;
  l.flat = ambi_alloc(bytes);
  if (!l.flat) return false;
  l.lead = l.flat + t->count;
  l.chain = l.lead + t->count;
  l.later = l.chain + t->count;
  find_chains(&l);
  measure(&l);
  ambi_work_open(&l.frames);
  Frame *all = ambi_work_push(&l.frames, sizeof *all);
  if (all) *all = (Frame){.keep = 0};
  bool ok = all != NULL;
  for (uint32_t i = t->nodes[0].child; i && ok; i = ok ? behind(&l, i) : 0)
    ok = put_node(&l, i);
  if (ok && t->count > 1) ambi_buffer_puts(out, "\n");
  ambi_work_close(&l.frames);
  ambi_free(l.flat, bytes);
  return ok && !out->failed;
}
