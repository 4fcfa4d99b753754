// Makes the boot image: reads the core library as text, types and lowers it, and
// writes what there is then as C: ambit_boot OUT.
//
// See boot.h for what the image holds. Nothing in it depends on addresses or on
// the time, so equal sources give equal bytes.
#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/library/make/make.h"
#include "runtime/modules/module.h"

// ---- writing --------------------------------------------------------------------

static void put_words(FILE *out, const char *name, uint32_t module,
                      const WordVec *v) {
  fprintf(out, "static const Word %s_%u[] = {", name, module);
  for (size_t i = 0; i < v->n; i++)
    fprintf(out, "%s0x%llx,", i % 8 ? "" : "\n", (unsigned long long)v->at[i]);
  fprintf(out, "0};\n");
}

static void put_numbers(FILE *out, const char *name, uint32_t module,
                        const WordVec *v) {
  fprintf(out, "static const uint32_t %s_%u[] = {", name, module);
  for (size_t i = 0; i < v->n; i++)
    fprintf(out, "%s%lu,", i % 16 ? "" : "\n", (unsigned long)v->at[i]);
  fprintf(out, "0};\n");
}

static void put_template(FILE *out, const TemplateImage *t) {
  fprintf(out, "{0x%llx,%u,%u,%u},\n", (unsigned long long)t->atom, t->nvars,
          t->flags, t->vinfo);
}

// ---- what all modules share ------------------------------------------------------

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
  put_words(out, "symbols", 0, &words);
  put_numbers(out, "symbol_at", 0, &at);
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

static void put_reach(FILE *out, Runtime *rt) {
  ambi_mentioned_effects(rt);
  const Mentions *m = &rt->mentions;
  make_check(m->reach, "effects of the library are not known");
  fprintf(out, "static const uint8_t reach[] = {");
  for (uint32_t id = 0; id < m->nsymbols; id++)
    fprintf(out, "%s%u,", id % 32 ? "" : "\n", m->reach[id]);
  fprintf(out, "};\n");
}

static void put_units(FILE *out, const Units *u) {
  fprintf(out, "static const BootUnit units[] = {\n");
  for (size_t i = 0; i < u->n; i++) {
    const BootUnit *r = &u->rows[i];
    fprintf(out, "{%u,%u,%u,0x%llx,0x%llx,%u},\n", r->head, r->nargs, r->module,
            (unsigned long long)r->type, (unsigned long long)r->bounds, r->at);
  }
  fprintf(out, "};\n");
  put_words(out, "code", 0, &u->code);
}

// ---- modules --------------------------------------------------------------------

static void put_atoms(FILE *out, Source *s, uint32_t i) {
  RecordVec all = {0};
  make_check(ambi_space_atoms(s->space, &all), "out of memory");
  fprintf(out, "static const TemplateImage atoms_%u[] = {\n", i);
  for (size_t k = 0; k < all.n; k++) {
    Template t = ambi_record_template(all.at[k]);
    TemplateImage im = make_terms_template(&s->terms, &t);
    put_template(out, &im);
  }
  fprintf(out, "{0}};\n");
  ambi_records_drop(&all);
}

static void put_terms(FILE *out, const Terms *t, uint32_t i) {
  WordVec words = {0}, sizes = {0};
  for (uint32_t at = 0; at < t->next; at += STORE_CHUNK_WORDS) {
    uint32_t end = at + STORE_CHUNK_WORDS;
    if (end > t->next) end = t->next;
    for (uint32_t k = at + STORE_CHUNK_FIRST; k < end; k++)
      make_push(&words, t->out[k]);
    make_push(&sizes, end - at - STORE_CHUNK_FIRST);
  }
  put_words(out, "terms", i, &words);
  put_numbers(out, "term_sizes", i, &sizes);
  put_numbers(out, "term_pointers", i, &t->pointers);
  make_drop(&words);
  make_drop(&sizes);
}

static void put_imports(FILE *out, const Units *u, uint32_t i) {
  const Space *s = u->sources[i].space;
  fprintf(out, "static const char *const imports_%u[] = {", i);
  for (size_t k = 0, ndeps = ambi_space_ndeps(s); k < ndeps; k++)
    for (uint32_t d = 0; d < u->nsources; d++)
      if (d != u->core && u->sources[d].space == ambi_space_dep(s, k))
        fprintf(out, "\"%s\",", ambi_embedded[d].name);
  fprintf(out, "0};\n");
}

static void put_modules(FILE *out, Units *u) {
  for (uint32_t i = 0; i < u->nsources; i++) {
    put_terms(out, &u->sources[i].terms, i);
    put_imports(out, u, i);
    put_numbers(out, "mentions", i, &u->sources[i].mentions);
  }
  fprintf(out, "static const BootModule modules[] = {\n");
  for (uint32_t i = 0; i < u->nsources; i++) {
    const Source *s = &u->sources[i];
    fprintf(out,
            "{{terms_%u, term_sizes_%u, %u, term_pointers_%u, %zu}, atoms_%u, "
            "%zu, imports_%u, %u, %u, mentions_%u, %zu},\n",
            i, i, (s->terms.next - 1) / STORE_CHUNK_WORDS + 1, i,
            s->terms.pointers.n, i, ambi_space_count(s->space), i, s->effects,
            s->fetched, i, s->mentions.n);
  }
  fprintf(out, "};\n");
}

// ---- reading the library --------------------------------------------------------

// The image does not run forms: it knows imports only.
static void check_forms(const EmbeddedFile *e) {
  static const char import[] = "\n!(import! &self ";
  for (const char *at = e->text; (at = strstr(at, "\n!")); at++)
    make_check(strncmp(at, import, sizeof import - 1) == 0,
               "a module of the library has a form that is no import");
}

static Space *open_user(Runtime *rt, Space *module) {
  Space *s = ambi_space_open(rt, NULL, true);
  bool ok =
      s && ambi_space_add_dep(s, rt->corelib) && ambi_space_add_dep(s, module);
  for (size_t i = 0, ndeps = ambi_space_ndeps(module); ok && i < ndeps; i++)
    ok = ambi_space_add_dep(s, ambi_space_dep(module, i));
  make_check(ok, "out of memory");
  return s;
}

// What reading the text noted goes to the module.
static void take_mentions(Source *s, Mentions *m) {
  s->effects = m->effects;
  s->fetched = m->fetched;
  for (uint32_t id = 0; id < m->nsymbols; id++)
    if (m->seen[id])
      make_push(&s->mentions, id | (m->seen[id] & 2 ? MENTIONED_AS_DATA : 0));
  memset(m->seen, 0, m->nsymbols);
  m->effects = m->fetched = E_PURE;
  memset(m->names, 0, m->nnames);
  m->called = 0;
}

static void read_modules(Units *u) {
  Context *cx = u->cx;
  for (uint32_t i = 0; i < u->nsources; i++) {
    const EmbeddedFile *e = &ambi_embedded[i];
    Source *s = &u->sources[i];
    check_forms(e);
    Module *m = ambi_module_load(cx, ambi_module_top(cx->rt), e->name);
    make_check(m && m->embedded == e, "a module cannot be loaded");
    s->space = m->space;
    if (m->space == cx->rt->corelib) u->core = i;
    s->user = open_user(cx->rt, s->space);
    make_terms_open(&s->terms);
    take_mentions(s, &cx->rt->mentions);
  }
}

// ---- the whole ------------------------------------------------------------------

static void put_image(FILE *out, Units *u) {
  Runtime *rt = u->cx->rt;
  fprintf(out, "// Made by ambit_boot from runtime/library.\n"
               "#include \"runtime/bytecode/code.h\"\n");
  // What the numbers below mean must be what the program means by them.
  fprintf(out,
          "_Static_assert(OP_I_COUNT == %d && OP_COUNT == %d && "
          "AMB_S_COUNT == %d, \"made for another program\");\n",
          OP_I_COUNT, OP_COUNT, AMB_S_COUNT);
  put_reach(out, rt);
  put_op_types(out, &u->sources[u->core].terms, rt);
  for (uint32_t i = 0; i < u->nsources; i++)
    put_atoms(out, &u->sources[i], i);
  make_units(u);
  put_units(out, u);
  put_modules(out, u);
  size_t nwords = put_symbols(out, rt->symbols);
  fprintf(out,
          "const BootImage ambi_boot_image = {\n"
          "{symbols_0, symbol_at_0, %zu, %zu},\n"
          "%u, modules, %u, %u, op_types, reach, units, %zu, code_0};\n",
          ambi_symbols_count(rt->symbols), nwords, rt->mentions.nsymbols,
          u->nsources, u->core, u->n);
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

static void write_image(const char *path, Units *u) {
  FILE *out = fopen(path, "w");
  make_check(out != NULL, "the output cannot be opened");
  put_image(out, u);
  make_check(!ferror(out) && fclose(out) == 0, "the output cannot be written");
}

int main(int argc, char **argv) {
  Host host = {.write = no_output, .note = show_note};
  make_check(argc == 2, "usage: ambit_boot OUT");
  Runtime *rt = ambi_runtime_open_from(NULL, &host, 1);
  make_check(rt != NULL, "the runtime cannot start");
  make_check(!ambi_load_relaxed(&rt->code->x_odd_rules),
             "a rule of the library is for any head");
  Context *cx = ambi_context_open(rt);
  make_check(cx != NULL, "out of memory");
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
  Units u = {.cx = cx};
  while (ambi_embedded[u.nsources].name)
    u.nsources++;
  u.sources = ambi_alloc(u.nsources * sizeof *u.sources);
  make_check(u.sources != NULL, "out of memory");
  read_modules(&u);
  write_image(argv[1], &u);
  make_units_close(&u);
  ambi_context_close(cx);
  ambi_runtime_close(rt);
  return 0;
}
