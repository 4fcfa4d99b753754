// Terms of generated programs: making, writing, reading, and changing them.
//
// A word is kept as text, so a term may hold what no reader accepts. Terms are a
// few thousand deep at most (MAX_DEPTH), so the walks here recurse.
#include <stdlib.h>
#include <string.h>

#include "tests/gen/gen.h"

enum { MAX_DEPTH = 4000 };

// A test that has no memory ends.
static void *take(Arena *a, size_t size) {
  void *p = ambi_arena_alloc(a, size);
  if (!p) abort();
  return p;
}

const Node *gen_word(Arena *a, const char *text, size_t len) {
  char *copy = take(a, len + 1);
  memcpy(copy, text, len);
  copy[len] = '\0';
  Node *n = take(a, sizeof *n);
  *n = (Node){.word = copy, .nodes = 1};
  return n;
}

const Node *gen_expr(Arena *a, const Node *const *kids, unsigned n) {
  Node *x = take(a, sizeof *x + n * sizeof *kids);
  *x = (Node){.n = n, .nodes = 1};
  for (unsigned i = 0; i < n; i++) {
    x->kid[i] = kids[i];
    x->nodes += kids[i]->nodes;
  }
  return x;
}

bool gen_is_word(const Node *n, const char *word) {
  return n->word && strcmp(n->word, word) == 0;
}

// ---- text ---------------------------------------------------------------------------

void gen_put_node(Buffer *b, const Node *n) {
  if (n->word) {
    ambi_buffer_puts(b, n->word);
    return;
  }
  ambi_buffer_puts(b, "(");
  for (unsigned i = 0; i < n->n; i++) {
    if (i) ambi_buffer_puts(b, " ");
    gen_put_node(b, n->kid[i]);
  }
  ambi_buffer_puts(b, ")");
}

void gen_put_program(Buffer *b, const Program *p) {
  for (unsigned i = 0; i < p->n; i++) {
    if (p->form[i].run) ambi_buffer_puts(b, p->form[i].atom->word ? "! " : "!");
    gen_put_node(b, p->form[i].atom);
    ambi_buffer_puts(b, "\n");
  }
}

typedef struct Source {
  Arena *arena;
  const char *at, *end;
} Source;

static void skip_blank(Source *s) {
  while (s->at < s->end) {
    if (*s->at == ';')
      while (s->at < s->end && *s->at != '\n')
        s->at++;
    else if (strchr(" \t\r\n", *s->at))
      s->at++;
    else
      return;
  }
}

static const Node *read_word(Source *s) {
  const char *from = s->at;
  if (*s->at == '"') {
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
      if (*s->at == '\\' && s->at + 1 < s->end) s->at++;
    if (s->at < s->end) s->at++;
  } else {
    while (s->at < s->end && !strchr(" \t\r\n();", *s->at))
      s->at++;
    if (s->at == from) s->at++;  // a bracket without its partner
  }
  return gen_word(s->arena, from, (size_t)(s->at - from));
}

static const Node *read_term(Source *s, unsigned depth) {
  if (*s->at != '(' || depth > MAX_DEPTH) return read_word(s);
  const Node *kids[GEN_MAX_KIDS];
  unsigned n = 0;
  s->at++;
  for (skip_blank(s); s->at < s->end && *s->at != ')'; skip_blank(s)) {
    if (n == GEN_MAX_KIDS) return NULL;
    if (!(kids[n++] = read_term(s, depth + 1))) return NULL;
  }
  if (s->at < s->end) s->at++;
  return gen_expr(s->arena, kids, n);
}

bool gen_parse(Arena *a, const char *text, size_t len, Program *out) {
  Source s = {a, text, text + len};
  out->n = 0;
  for (skip_blank(&s); s.at < s.end; skip_blank(&s)) {
    Form f = {.run =
                  *s.at == '!' && s.at + 1 < s.end && strchr(" \n(", s.at[1])};
    s.at += f.run;
    skip_blank(&s);
    if (s.at == s.end) return false;
    f.atom = read_term(&s, 0);
    if (!f.atom || out->n == GEN_MAX_FORMS) return false;
    out->form[out->n++] = f;
  }
  return true;
}

// ---- parts --------------------------------------------------------------------------

const Node *gen_subterm(const Node *n, uint32_t i) {
  while (i > 0) {
    unsigned k = 0;
    for (i--; i >= n->kid[k]->nodes; k++)
      i -= n->kid[k]->nodes;
    n = n->kid[k];
  }
  return n;
}

const Node *gen_replace(Arena *a, const Node *n, uint32_t i, const Node *by) {
  if (i == 0) return by;
  const Node *kids[GEN_MAX_KIDS];
  unsigned m = 0;
  i--;
  for (unsigned k = 0; k < n->n; k++) {
    uint32_t nodes = n->kid[k]->nodes;
    const Node *kid = n->kid[k];
    if (i < nodes) kid = gen_replace(a, kid, i, by);
    i = i < nodes ? UINT32_MAX : i == UINT32_MAX ? i : i - nodes;
    if (kid) kids[m++] = kid;
  }
  return gen_expr(a, kids, m);
}
