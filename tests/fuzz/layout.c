// Any text is a tree whose nodes lie in it as they should; what the reader takes can be
// laid out, is read as the same atoms then, and does not change when laid out once more.
#include "cli/fmt/fmt.h"
#include "tests/fuzz/fuzz.h"

static Runtime *rt;
static unsigned inputs;

static void renew(void) {
  if (rt && inputs++ < INPUTS_PER_RUNTIME) return;
  if (rt) ambi_runtime_close(rt);
  rt = open_runtime(0);
  inputs = 0;
}

// ---- trees --------------------------------------------------------------------

// Children lie in their parent, one behind another, and parents stand before them.
static void check_nodes(const Tree *t) {
  HOLDS(t->count > 0 && t->nodes[0].kind == NODE_ROOT, "no root");
  for (uint32_t i = 1; i < t->count; i++) {
    const Node *n = &t->nodes[i], *up = &t->nodes[n->parent];
    HOLDS(n->begin < n->end && n->end <= t->len, "node %u is nowhere", i);
    HOLDS(n->parent < i, "node %u stands before its parent", i);
    HOLDS(up->kind == NODE_ROOT || up->kind == NODE_LIST,
          "node %u is in a leaf", i);
    HOLDS(n->begin >= up->begin && n->end <= up->end,
          "node %u is not within its parent", i);
    HOLDS(!n->next || (t->nodes[n->next].begin >= n->end &&
                       t->nodes[n->next].parent == n->parent),
          "node %u overlaps the next one", i);
    HOLDS(!n->child || t->nodes[n->child].parent == i,
          "node %u has another's child", i);
  }
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
         c == '\v';
}

// Each byte belongs to a leaf, to a bracket, or is white space.
static void check_bytes(const Tree *t) {
  char *owned = calloc(1, t->len + 1);
  HOLDS(owned, "no memory");
  for (uint32_t i = 1; i < t->count; i++) {
    const Node *n = &t->nodes[i];
    if (n->kind == NODE_LIST) {
      owned[n->begin]++;
      if (n->fault != FAULT_OPEN) owned[n->end - 1]++;
      continue;
    }
    for (uint32_t at = n->begin; at < n->end; at++)
      owned[at]++;
  }
  for (size_t i = 0; i < t->len; i++)
    HOLDS(owned[i] == 1 || (!owned[i] && is_space(t->text[i])) ||
              (unsigned char)t->text[i] >= 0x80,
          "byte %zu belongs to %d nodes", i, owned[i]);
  free(owned);
}

// ---- layout -------------------------------------------------------------------

// All atoms of the text, a line each, as the reader takes them; `error` is what it says.
static void read_all(const char *text, size_t len, Buffer *out,
                     const char **error) {
  Reader r;
  Template atom;
  enum ReadStatus status;
  Tokens *tokens = ambi_tokens_open(rt);
  HOLDS(tokens, "no tokens");
  *error = NULL;
  ambi_reader_open(&r, rt, tokens, text, len);
  while ((status = ambi_read(&r, &atom)) == READ_ATOM) {
    ambi_print_template(rt, out, &atom, NULL);
    ambi_buffer_puts(out, "\n");
    ambi_template_release(rt->store, &atom);
  }
  HOLDS(status != READ_MEMORY, "no memory");
  if (status == READ_ERROR) *error = r.error.message;
  ambi_tokens_close(tokens);
}

static void lay_out(const char *text, size_t len, unsigned width, Buffer *out) {
  Tree t;
  HOLDS(cli_tree_read(&t, text, len), "no memory");
  HOLDS(!cli_tree_fault(&t), "what was laid out has a fault");
  HOLDS(cli_format(&t, width, out), "it cannot be laid out");
  HOLDS(!out->failed, "no memory");
  cli_tree_free(&t);
}

static bool is_same(const Buffer *a, const Buffer *b) {
  return a->len == b->len && (!a->len || !memcmp(a->text, b->text, a->len));
}

static void check_layout(const char *text, size_t len, unsigned width) {
  Buffer once = {0}, twice = {0}, before = {0}, after = {0};
  const char *error;
  read_all(text, len, &before, &error);
  HOLDS(!error, "the reader refuses it: %s", error);
  lay_out(text, len, width, &once);
  const char *laid = once.text ? once.text : "";
  read_all(laid, once.len, &after, &error);
  HOLDS(!error, "laid out, the reader refuses it: %s", error);
  HOLDS(is_same(&before, &after), "it is read as\n%s\nand not as\n%s",
        after.text ? after.text : "", before.text ? before.text : "");
  lay_out(laid, once.len, width, &twice);
  HOLDS(is_same(&once, &twice), "it changes again, from\n%s\nto\n%s", laid,
        twice.text ? twice.text : "");
  ambi_buffer_drop(&once);
  ambi_buffer_drop(&twice);
  ambi_buffer_drop(&before);
  ambi_buffer_drop(&after);
}

// The first byte says how wide a line is, the rest is the text.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  renew();
  unsigned width = 4 + data[0] % 100;
  size_t len = size - 1;
  char *text = malloc(len + 1);
  HOLDS(text, "no memory");
  memcpy(text, data + 1, len);
  text[len] = 0;
  Tree t;
  HOLDS(cli_tree_read(&t, text, len), "no memory");
  check_nodes(&t);
  check_bytes(&t);
  uint32_t fault = cli_tree_fault(&t);
  const char *says = fault ? cli_tree_fault_text(&t, fault) : NULL;
  cli_tree_free(&t);
  if (!says) {
    check_layout(text, len, width);
  } else {
    Buffer none = {0};
    const char *error;
    read_all(text, len, &none, &error);
    HOLDS(error, "the reader takes what has a fault: %s", says);
    // The reader says where bytes are no characters, too.
    enum { ALIKE = 10 };
    HOLDS(!strncmp(error, says, ALIKE), "the reader says %s, and not %s", error,
          says);
    ambi_buffer_drop(&none);
  }
  free(text);
  return 0;
}
