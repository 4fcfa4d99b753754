// Makes the boot image: reads the core library as text, types and lowers it, and
// writes what there is then as C: ambit_boot OUT.
//
// See boot.h for what the image holds. Nothing in it depends on addresses or on
// the time, so equal sources give equal bytes.
#include <stdio.h>
#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/library/make/make.h"
#include "runtime/modules/module.h"

void make_fail(const char *why) {
  fprintf(stderr, "ambit_boot: %s\n", why);
  exit(1);
}

void make_push(WordVec *v, Word w) {
  make_check(ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at),
             "out of memory");
  v->at[v->n++] = w;
}

void make_drop(WordVec *v) {
  ambi_free(v->at, v->cap * sizeof *v->at);
  *v = (WordVec){0};
}

// ---- writing --------------------------------------------------------------------

static void put_words(FILE *out, const char *name, const Word *at, size_t n) {
  fprintf(out, "static const Word %s[] = {", name);
  for (size_t i = 0; i < n; i++)
    fprintf(out, "%s0x%llx,", i % 8 ? "" : "\n", (unsigned long long)at[i]);
  fprintf(out, "0};\n");
}

static void put_numbers(FILE *out, const char *name, const Word *at, size_t n) {
  fprintf(out, "static const uint32_t %s[] = {", name);
  for (size_t i = 0; i < n; i++)
    fprintf(out, "%s%lu,", i % 16 ? "" : "\n", (unsigned long)at[i]);
  fprintf(out, "0};\n");
}

static void put_template(FILE *out, const TemplateImage *t) {
  fprintf(out, "{0x%llx,%u,%u,%u},\n", (unsigned long long)t->atom, t->nvars,
          t->flags, t->vinfo);
}

// ---- the parts ------------------------------------------------------------------

// Returns the number of words.
static size_t put_symbols(FILE *out, const SymbolTable *table) {
  WordVec words = {0}, at = {0};
  for (uint32_t id = 0; id < ambi_symbols_count(table); id++) {
    const Symbol *s = ambi_symbol(table, id);
    Symbol head = {.len = s->len, .hash = s->hash};
    size_t bytes = sizeof head + s->len + 1, n = (bytes + 7) / 8;
    make_push(&at, words.n);
    for (size_t i = 0; i < n; i++)
      make_push(&words, 0);
    Word *to = words.at + words.n - n;
    memcpy(to, &head, sizeof head);
    memcpy((char *)to + sizeof head, s->text, s->len);
  }
  size_t n = words.n;
  put_words(out, "symbol_words", words.at, n);
  put_numbers(out, "symbol_at", at.at, at.n);
  make_drop(&words);
  make_drop(&at);
  return n;
}

static void put_op_types(FILE *out, Terms *t, const Runtime *rt) {
  fprintf(out, "static const TemplateImage op_types[] = {\n");
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    TemplateImage im = {.atom = AMB_NONE.w};
    if (!ambi_is_none(rt->op_types[op].atom))
      im = make_terms_template(t, &rt->op_types[op]);
    put_template(out, &im);
  }
  fprintf(out, "};\n");
}

static size_t put_atoms(FILE *out, Terms *t, const Runtime *rt) {
  RecordVec all = {0};
  make_check(ambi_space_atoms(rt->corelib, &all), "out of memory");
  fprintf(out, "static const TemplateImage atoms[] = {\n");
  for (size_t i = 0; i < all.n; i++) {
    TemplateImage im = make_terms_template(t, &all.at[i]->tmpl);
    put_template(out, &im);
  }
  fprintf(out, "};\n");
  size_t n = all.n;
  ambi_records_drop(&all);
  return n;
}

static void put_reach(FILE *out, Runtime *rt) {
  ambi_mentioned_effects(rt);
  const Mentions *m = &rt->mentions;
  make_check(m->reach && m->nsymbols == ambi_symbols_count(rt->symbols),
             "effects of the library are not known");
  fprintf(out, "static const uint8_t reach[] = {");
  for (uint32_t id = 0; id < m->nsymbols; id++)
    fprintf(out, "%s%u,", id % 32 ? "" : "\n", m->reach[id]);
  fprintf(out, "};\n");
}

static void put_units(FILE *out, const Units *u) {
  fprintf(out, "static const BootUnit units[] = {\n");
  for (size_t i = 0; i < u->n; i++) {
    const BootUnit *r = &u->rows[i];
    fprintf(out, "{%u,%u,0x%llx,0x%llx,%u},\n", r->head, r->nargs,
            (unsigned long long)r->type, (unsigned long long)r->bounds, r->at);
  }
  fprintf(out, "};\n");
  put_words(out, "code", u->code.at, u->code.n);
}

// Returns the number of chunks.
static uint32_t put_terms(FILE *out, const Terms *t) {
  WordVec words = {0}, sizes = {0};
  for (uint32_t at = 0; at < t->next; at += STORE_CHUNK_WORDS) {
    uint32_t end = at + STORE_CHUNK_WORDS;
    if (end > t->next) end = t->next;
    for (uint32_t i = at + STORE_CHUNK_FIRST; i < end; i++)
      make_push(&words, t->out[i]);
    make_push(&sizes, end - at - STORE_CHUNK_FIRST);
  }
  put_words(out, "term_words", words.at, words.n);
  put_numbers(out, "term_sizes", sizes.at, sizes.n);
  put_numbers(out, "term_pointers", t->pointers.at, t->pointers.n);
  uint32_t n = (uint32_t)sizes.n;
  make_drop(&words);
  make_drop(&sizes);
  return n;
}

// ---- the whole ------------------------------------------------------------------

static void put_image(FILE *out, Context *cx) {
  Runtime *rt = cx->rt;
  Terms t;
  make_terms_open(&t);
  fprintf(out, "// Made by ambit_boot from the core library.\n"
               "#include \"runtime/bytecode/code.h\"\n");
  // What the numbers below mean must be what the program means by them.
  fprintf(out,
          "_Static_assert(OP_I_COUNT == %d && OP_COUNT == %d && "
          "AMB_S_COUNT == %d, \"made for another program\");\n",
          OP_I_COUNT, OP_COUNT, AMB_S_COUNT);
  put_op_types(out, &t, rt);
  size_t natoms = put_atoms(out, &t, rt);
  put_reach(out, rt);
  Units u = {.cx = cx, .terms = &t};
  make_units(&u);
  put_units(out, &u);
  size_t nwords = put_symbols(out, rt->symbols);
  uint32_t nchunks = put_terms(out, &t);
  fprintf(out,
          "const BootImage ambi_boot_image = {\n"
          "{symbol_words, symbol_at, %zu, %zu},\n"
          "{term_words, term_sizes, %u, term_pointers, %zu},\n"
          "op_types, atoms, %zu, reach, units, %zu, code};\n",
          ambi_symbols_count(rt->symbols), nwords, nchunks, t.pointers.n,
          natoms, u.n);
  make_units_close(&u);
  make_terms_close(&t);
}

static bool no_output(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len == 0;
}

static void show_note(void *arg, const char *text, size_t len) {
  (void)arg;
  fwrite(text, 1, len, stderr);
}

int main(int argc, char **argv) {
  Host host = {.write = no_output, .note = show_note};
  make_check(argc == 2, "usage: ambit_boot OUT");
  Runtime *rt = ambi_runtime_open_from(NULL, &host, 1);
  make_check(rt != NULL, "the runtime cannot start");
  make_check(!rt->code->odd_rules, "a rule of the library is for any head");
  Context *cx = ambi_context_open(rt);
  make_check(cx != NULL, "out of memory");
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
  FILE *out = fopen(argv[1], "w");
  make_check(out != NULL, "the output cannot be opened");
  put_image(out, cx);
  make_check(!ferror(out) && fclose(out) == 0, "the output cannot be written");
  ambi_context_close(cx);
  ambi_runtime_close(rt);
  return 0;
}
