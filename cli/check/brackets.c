// Brackets and indentation: what the reader would refuse, and where the lines say
// something else than the brackets.
#include "cli/check/check.h"

#include <string.h>

static uint32_t column(const CheckFile *f, uint32_t node) {
  return cli_tree_place(&f->tree, f->tree.nodes[node].begin).column;
}

static bool begins_line(const CheckFile *f, uint32_t node) {
  uint32_t at = f->tree.nodes[node].begin;
  while (at > 0 &&
         (f->tree.text[at - 1] == ' ' || f->tree.text[at - 1] == '\t'))
    at--;
  return at == 0 || f->tree.text[at - 1] == '\n';
}

static uint32_t line_of(const CheckFile *f, uint32_t byte) {
  return cli_tree_place(&f->tree, byte).line;
}

static bool has_tab(const CheckFile *f, uint32_t node) {
  uint32_t at = f->tree.nodes[node].begin;
  while (at > 0 && f->tree.text[at - 1] != '\n')
    if (f->tree.text[--at] == '\t') return true;
  return false;
}

// ---- what is not closed -------------------------------------------------------

// The first node inside the list that begins a line as far left as the list does.
static uint32_t back_at_left(const CheckFile *f, uint32_t list) {
  const Node *nodes = f->tree.nodes;
  uint32_t left = column(f, list);
  for (uint32_t i = list + 1;
       i < f->tree.count && nodes[i].begin < nodes[list].end; i++)
    if (nodes[i].kind != NODE_COMMENT && begins_line(f, i) &&
        column(f, i) <= left)
      return i;
  return 0;
}

static void tell_unclosed(Check *c, const CheckFile *f, uint32_t list) {
  Diagnostic *d =
      check_tell(c, f, CHECK_UNCLOSED, list, "this ( is not closed");
  uint32_t at = back_at_left(f, list);
  if (at)
    cli_diagnostic_note(d, check_place(f, at),
                        "a ) is missing before this line, as it is indented");
  else
    cli_diagnostic_expect(d, "a ) at the end of the file");
}

// Of lists that are open one inside the other, the one that its lines say is to be
// closed first; all of them: the outermost.
static uint32_t to_be_closed(const CheckFile *f, uint32_t list) {
  const Node *nodes = f->tree.nodes;
  enum { MOST = 100 };  // lists that are looked at
  uint32_t best = list, looked = 0;
  for (uint32_t i = list; i < f->tree.count && looked < MOST; i++)
    if (nodes[i].kind == NODE_LIST && nodes[i].fault == FAULT_OPEN &&
        nodes[i].end == f->tree.len && ++looked && back_at_left(f, i))
      best = i;
  return best;
}

static const struct {
  uint8_t fault;
  CheckCode code;
  const char *message;
} faults[] = {
    {FAULT_ESCAPE, CHECK_ESCAPE,
     "the string has an escape that does not exist"},
    {FAULT_UTF8, CHECK_UTF8, "these bytes are no UTF-8"},
    {FAULT_HASH, CHECK_HASH, "a variable's name must not hold a #"},
};

// The closing bracket before this one that its indentation does not want.
static uint32_t closes_before(const CheckFile *f, uint32_t stray) {
  uint32_t last = 0;
  for (uint32_t at = f->tree.nodes[0].child; at && at < stray;
       at = f->tree.nodes[at].next)
    if (check_kind(f, at) == NODE_LIST) last = at;
  return last;
}

// A string over several lines with a word right behind it: it was to end earlier.
static uint32_t long_string(const CheckFile *f, uint32_t list) {
  const Node *nodes = f->tree.nodes;
  for (uint32_t i = list + 1; i + 1 < f->tree.count; i++)
    if (nodes[i].kind == NODE_STRING && nodes[i + 1].begin == nodes[i].end &&
        memchr(check_text(f, i), '\n', check_len(f, i)))
      return i;
  return 0;
}

static void tell_fault(Check *c, const CheckFile *f, uint32_t node) {
  const Node *n = &f->tree.nodes[node];
  if (n->kind == NODE_STRAY) {
    Diagnostic *d =
        check_tell(c, f, CHECK_STRAY, node, "this ) closes nothing");
    uint32_t before = closes_before(f, node);
    uint32_t end = before ? f->tree.nodes[before].end - 1 : 0;
    if (before && end + 1 < n->begin)
      cli_diagnostic_note(d, (DiagnosticPlace){&f->shown, end, end + 1},
                          "what stands before was closed here");
    return;
  }
  if (n->kind == NODE_STRING && n->fault == FAULT_OPEN) {
    check_tell(c, f, CHECK_STRING, node, "this string is not closed");
    return;
  }
  if (n->kind == NODE_LIST && n->fault == FAULT_OPEN) {
    uint32_t string = long_string(f, node);
    if (string) {
      check_tell(c, f, CHECK_STRING, string, "this string is not closed");
      return;
    }
    tell_unclosed(c, f, to_be_closed(f, node));
    return;
  }
  for (size_t i = 0; n->kind != NODE_LIST && i < sizeof faults / sizeof *faults;
       i++)
    if (n->fault == faults[i].fault) {
      check_tell(c, f, faults[i].code, node, "%s", faults[i].message);
      return;
    }
}

// ---- what the indentation says --------------------------------------------------

static void tell_early(Check *c, const CheckFile *f, uint32_t node,
                       uint32_t before) {
  uint32_t end = f->tree.nodes[before].end;
  Diagnostic *d = check_tell(c, f, CHECK_EARLY, node,
                             "this line is indented as part of the form before "
                             "it, and stands outside");
  cli_diagnostic_note(d, (DiagnosticPlace){&f->shown, end - 1, end},
                      "the form before is closed here");
}

// A line at the top that stands further right than the form before it.
static void check_top(Check *c, const CheckFile *f) {
  uint32_t form = 0, left = 0;
  bool bang = false;
  for (uint32_t at = f->tree.nodes[0].child; at; at = f->tree.nodes[at].next) {
    NodeKind kind = check_kind(f, at);
    if (kind == NODE_COMMENT || kind == NODE_STRAY) continue;
    if (begins_line(f, at) && !bang) {
      uint32_t here = column(f, at);
      if (form && here > left && check_is(f, form, NODE_LIST) &&
          !has_tab(f, at) && kind != NODE_BANG)
        tell_early(c, f, at, form);
      else
        left = here;
    }
    bang = kind == NODE_BANG;
    if (!bang) form = at;
  }
}

// An item that stands further right than the one before, which began a line, too.
static void check_items(Check *c, const CheckFile *f, uint32_t list) {
  uint32_t before = 0;
  for (uint32_t at = cli_tree_first(&f->tree, list); at;
       at = cli_tree_next(&f->tree, at)) {
    if (before && check_is(f, before, NODE_LIST) && begins_line(f, before) &&
        begins_line(f, at) && column(f, at) > column(f, before) &&
        !has_tab(f, at) && !has_tab(f, before))
      tell_early(c, f, at, before);
    before = at;
  }
}

static bool begins_definition(const CheckFile *f, uint32_t node) {
  return check_has_head(f, node, "=") || check_has_head(f, node, ":") ||
         check_has_head(f, node, "@doc");
}

// (= ...) in the first column, with a bracket around it that began on an earlier line.
static bool check_late(Check *c, const CheckFile *f, uint32_t node) {
  uint32_t top = node;
  if (!f->tree.nodes[node].parent || !begins_definition(f, node)) return false;
  while (f->tree.nodes[top].parent)
    top = f->tree.nodes[top].parent;
  uint32_t parent = f->tree.nodes[node].parent;
  if (column(f, node) != 1 || f->tree.nodes[parent].fault == FAULT_OPEN)
    return false;
  if (line_of(f, f->tree.nodes[top].begin) ==
      line_of(f, f->tree.nodes[node].begin))
    return false;
  if (check_reads(f, cli_tree_first(&f->tree, parent), "quote")) return false;
  Diagnostic *d =
      check_tell(c, f, CHECK_LATE, node,
                 "this definition stands inside the form before it");
  cli_diagnostic_note(d, check_place(f, top),
                      "which begins here and lacks a )");
  return true;
}

static bool closes_quote(const CheckFile *f, uint32_t node) {
  const Node *n = &f->tree.nodes[node];
  return n->kind == NODE_SYMBOL && n->end - n->begin > 1 &&
         f->tree.text[n->end - 1] == '\'' && f->tree.text[n->begin] != '\'';
}

static void check_word_shape(Check *c, const CheckFile *f, uint32_t node) {
  const Node *n = &f->tree.nodes[node];
  const char *text = check_text(f, node);
  uint32_t len = check_len(f, node);
  if (!n->parent && len > 1 && text[0] == '!' && text[1] != '=' &&
      text[1] != '!') {
    Diagnostic *d = check_tell(c, f, CHECK_BANG, node,
                               "%s is one word, and is added "
                               "as data",
                               check_show(f, node).text);
    cli_diagnostic_expect(d, "!(%.*s) to call it", (int)(len - 1), text + 1);
  }
  if (text[0] != '\'' || len < 2 || !n->next) return;
  uint32_t at = node;
  while (at && !closes_quote(f, at) && check_kind(f, at) == NODE_SYMBOL)
    at = f->tree.nodes[at].next;
  if (at && closes_quote(f, at)) {
    Diagnostic *d =
        check_tell(c, f, CHECK_QUOTES, node, "single quotes make no string");
    cli_diagnostic_expect(d, "\"...\"");
  }
}

// The first fault; one in a leaf may be why a list around it is open.
static uint32_t first_fault(const CheckFile *f) {
  uint32_t list = 0;
  for (uint32_t i = 1; i < f->tree.count; i++) {
    const Node *n = &f->tree.nodes[i];
    if (n->fault && n->kind != NODE_LIST) return i;
    if (n->fault && !list) list = i;
  }
  return list;
}

void check_brackets(Check *c, const CheckFile *f) {
  uint32_t fault = first_fault(f);
  bool late = false;
  if (fault) {
    tell_fault(c, f, fault);
    return;
  }
  check_top(c, f);
  for (uint32_t i = 1; i < f->tree.count; i++) {
    if (check_kind(f, i) == NODE_LIST) {
      check_items(c, f, i);
      late = late || check_late(c, f, i);
    } else if (check_kind(f, i) == NODE_SYMBOL) {
      check_word_shape(c, f, i);
    }
  }
}
