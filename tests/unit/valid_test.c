// The walks over structures: each says that a sound one is sound, and names what is
// wrong with one that is broken here on purpose.
#include "memory/arena.h"
#include "memory/latency.h"
#include "memory/stress.h"
#include "runtime/atoms/store_data.h"
#include "runtime/atoms/tokens_data.h"
#include "runtime/bytecode/coverage_data.h"
#include "runtime/bytecode/sampler_data.h"
#include "runtime/spaces/journal_data.h"
#include "runtime/spaces/space_data.h"
#include "runtime/tables/table_data.h"
#include "tests/unit/broken.h"
#include "tests/unit/machine.h"

START_TEST(test_memory) {
  Range r;
  ck_assert(ambi_range_open(&r, 1 << 20) && ambi_range_commit(&r, 1));
  BROKEN(r.committed, r.reserved * 2, ambi_range_is_valid(&r, &why),
         "more is committed than reserved");
  BROKEN(r.committed, r.committed - 1, ambi_range_is_valid(&r, &why),
         "a range ends within a page");
  ambi_range_close(&r);
  SOUND(ambi_range_is_valid(&r, &why));
  BROKEN(r.reserved, 1, ambi_range_is_valid(&r, &why),
         "a closed range has a size");
  Arena a;
  ambi_arena_open(&a);
  SOUND(ambi_arena_is_valid(&a, &why));
  for (int i = 0; i < 1000; i++)
    ck_assert_ptr_nonnull(ambi_arena_alloc(&a, 40));
  ck_assert_ptr_nonnull(ambi_arena_alloc(&a, 1 << 20));
  BROKEN(a.total, a.total + 1, ambi_arena_is_valid(&a, &why),
         "the chunks of an arena are not its total");
  BROKEN(a.next, a.end + 1, ambi_arena_is_valid(&a, &why),
         "an arena is overfull");
  BROKEN(a.end, a.end + 8, ambi_arena_is_valid(&a, &why),
         "an arena's room is not in its newest chunk");
  ambi_arena_close(&a);
}
END_TEST

START_TEST(test_latency) {
  static Latency l;
#define LATENCY ambi_latency_is_valid(&l, &why)
  SOUND(LATENCY);
  ambi_latency_add(&l, 5);
  ambi_latency_add(&l, 1000);
  ambi_latency_add(&l, 1000000);
  SOUND(LATENCY);
  BROKEN(l.n, 2, LATENCY, "times are miscounted");
  BROKEN(l.counts[5], 2, LATENCY, "times are miscounted");
  BROKEN(l.most, 1000, LATENCY, "the longest time is not that of the counts");
  BROKEN(l.most, 2000000, LATENCY,
         "the longest time is not that of the counts");
  BROKEN(l.sum, 999999, LATENCY, "a sum that its times do not give");
  BROKEN(l.sum, 3000001, LATENCY, "a sum that its times do not give");
}
END_TEST

static uint32_t symbol(const char *text) {
  uint32_t id;
  ck_assert(ambi_symbol_intern(rt->symbols, text, strlen(text), &id));
  return id;
}
static Value sym(const char *text) {
  return AMB_SYM_ID(symbol(text));
}

START_TEST(test_symbols) {
  Symbol *s = ambi_symbol(rt->symbols, symbol("hello"));
  BROKEN(s->text[0], 'j', ambi_symbols_is_valid(rt->symbols, &why),
         "a symbol's text is not what was hashed");
  BROKEN(s->hash, s->hash ^ 1, ambi_symbols_is_valid(rt->symbols, &why),
         "a symbol's text is not what was hashed");
}
END_TEST

START_TEST(test_store) {
  Template t;
  Value big = ambi_make_str(cx, "0123456789", 10);
  Value v = AMB_EXPR(cx, sym("f"), ambi_make_var(cx, symbol("x"), 0),
                     AMB_EXPR(cx, sym("g"), big));
  ck_assert(ambi_template_make(rt->store, v, &t));
  StoreChunk *c = ambi_chunk_at(ambi_template_block(&t));
  Store *s = rt->store;
  BROKEN(s->x_bytes, s->x_bytes + 8, ambi_store_is_valid(s, &why),
         "the store's bytes are miscounted");
  BROKEN(c->x_live, CHUNK_BYTES + 1, ambi_store_is_valid(s, &why),
         "a chunk has more terms than room");
  BROKEN(c->doomed, true, ambi_store_is_valid(s, &why),
         "a doomed chunk is not among those to be freed");
  BROKEN(c->segment, NULL, ambi_store_is_valid(s, &why),
         "a chunk does not know its segment");
  BROKEN(s->desks[0].next, s->desks[0].end + 1, ambi_store_is_valid(s, &why),
         "the room is not in the chunk in use");
  Word *p = ambi_ptr(t.atom);
#define TERM ambi_template_is_valid(s, &t, &why)
  BROKEN(p[2], ambi_lvar(1).w, TERM, "a stored variable has no name");
  BROKEN(p[2], AMB_SYM(EQ).w, TERM,
         "a ground mark is not that of the children");
  BROKEN(p[2], v.w, TERM, "a stored term points out of its chunk");
  BROKEN(p[2], ambi_make_var(cx, symbol("x"), 0).w, TERM,
         "a stored term holds a word of a heap");
  BROKEN(p[3], p[3] & ~AMB_EXPR_GROUND, TERM,
         "a ground mark differs from its object's");
  BROKEN(p[3], p[3] + 8, TERM, "a stored term points to no object");
  BROKEN(p[3], ambi_tag_ptr(TAG_BIG, ambi_ptr(AMB_V(p[3]))).w, TERM,
         "a stored object is of the wrong kind");
  BROKEN(t.vinfo[0], 0, TERM, "a stored variable's name is none");
  ambi_template_release(s, &t);
}
END_TEST

// A size with which the relation would stand somewhere else in the table.
static uint32_t size_elsewhere(const Space *s, Relation *rel) {
  uint32_t was = rel->size, other = was;
  bool found = true;
  while (found) {
    rel->size = ++other;
    found = ambi_space_relation(s, rel->kind, rel->head, other) == rel;
  }
  rel->size = was;
  return other;
}

START_TEST(test_space) {
  Space *s = ambi_space_open(rt, NULL, false);
  for (int i = 0; i < 40; i++)
    ck_assert(ambi_space_add(s, AMB_EXPR(cx, sym("edge"), ambi_small_int(i),
                                         ambi_small_int(i % 7))));
  ck_assert(ambi_space_add(
      s, AMB_EXPR(cx, AMB_SYM(COLON), sym("edge"), sym("Fact"))));
  RecordVec found = {0};
  ck_assert(ambi_space_query(
      cx, s, AMB_EXPR(cx, sym("edge"), ambi_small_int(3), ambi_small_int(3)),
      &found));
  ck_assert(ambi_space_query(cx, s,
                             AMB_EXPR(cx, sym("edge"),
                                      ambi_make_var(cx, symbol("x"), 0),
                                      ambi_small_int(3)),
                             &found));
  ambi_records_drop(&found);
  Relation *rel = ambi_space_relation(s, REL_SYMBOL, symbol("edge"), 3);
  SpaceData *d = ambi_load_relaxed(&s->x_data);
  ck_assert(rel && rel->nindexes > 0);
#define SPACE ambi_space_is_valid(s, &why)
  uint32_t *ordinal = ambi_load_relaxed(&rel->x_ordinal);
  Record *at = ambi_load_relaxed(&rel->x_at);
  BROKEN(ordinal[5], 0, SPACE, "records out of order");
  BROKEN(ordinal[39], 1000, SPACE, "a record of a time to come");
  BROKEN(at[5].held, AMB_NONE, SPACE, "removed or open records are miscounted");
  BROKEN(rel->dead, 1, SPACE, "removed or open records are miscounted");
  BROKEN(rel->x_nopen, 1, SPACE, "removed or open records are miscounted");
  BROKEN(s->writer->x_count, 40, SPACE, "relations do not hold all records");
  BROKEN(d->x_ntable, 0, SPACE, "relations do not hold all records");
  BROKEN(rel->size, size_elsewhere(s, rel), SPACE, "a relation is not found");
  Word *p = ambi_ptr(at[5].held);
  BROKEN(p[2], ambi_small_int(99).w, SPACE,
         "a record that an index does not find");
  Index *x = ambi_load_relaxed(&rel->x_index);
  BROKEN(x->x_used, x->x_used + 1, SPACE, "an index's keys are miscounted");
  BROKEN(x->x_upto, 41, SPACE, "an index has more records than there are");
  BROKEN(x->x_nopen, 9, SPACE, "an index longer than its room");
  SlotTable *t = ambi_load_relaxed(&x->x_table);
  size_t one = 0, list = 0;
  while (t->x_slot[one] == 0)
    one++;
  BROKEN(t->x_slot[one], t->x_slot[one] ^ (SlotWord)1 << 31, SPACE,
         "a key of an index is not found");
  x = ambi_load_relaxed(&x->x_next);
  t = ambi_load_relaxed(&x->x_table);
  while (!(t->x_slot[list] >> 63))
    list++;
  SlotWord nowhere = (uint32_t)t->x_slot[list] | (SlotWord)1 << 63;
  BROKEN(t->x_slot[list], nowhere, SPACE,
         "a list of positions that is not there");
  uint32_t *block =
      ambi_load_relaxed(&x->x_lists) + ((t->x_slot[list] >> 32) & ~SLOT_LIST);
  BROKEN(block[0], 1000, SPACE, "a list of positions longer than its room");
  BROKEN(block[2], 40, SPACE, "an index names a record that is not there");
  BROKEN(block[2], block[3], SPACE, "a list of positions out of order");
  DefCount *def = ambi_load_relaxed(&s->writer->x_defs)->at;
  while (!def->x_symbol)
    def++;
  BROKEN(def->x_count, 2, SPACE, "rules and types are miscounted");
  BROKEN(def->x_count, 0, SPACE, "a rule or type nobody has counted");
}
END_TEST

START_TEST(test_heap) {
  ambi_context_reset(cx);
  Value x = ambi_make_var(cx, symbol("x"), 0);
  Value open = AMB_EXPR(cx, sym("f"), x);
  Value list[] = {sym("a"), sym("b"), sym("c"), sym("d"), sym("e"), sym("f")};
  Value ground = ambi_make_expr(cx, list, 6);
  Value view = ambi_make_tail(cx, ground, 1);
  Value text = ambi_make_str(cx, "abcdefg", 7);
  ck_assert(!ambi_is_none(view) && !ambi_is_none(text));
#define HEAP ambi_context_is_valid(cx, &why)
  BROKEN(ambi_ptr(ground)[2], x.w, HEAP, "a variable in a ground expression");
  BROKEN(ambi_ptr(open)[2], open.w | AMB_EXPR_GROUND, HEAP,
         "a ground mark differs from its object's");
  BROKEN(ambi_ptr(open)[2], ambi_tag_ptr(TAG_EXPR, cx->h).w, HEAP,
         "a value points to where nothing is");
  BROKEN(ambi_ptr(open)[2], ambi_lvar(0).w, HEAP, "a word that is no value");
  BROKEN(ambi_ptr(open)[2], ambi_tag_ptr(TAG_EXPR, ambi_ptr(text)).w, HEAP,
         "an object of the wrong kind");
  BROKEN(ambi_ptr(open)[2], ambi_tag_ptr(TAG_VAR, ambi_ptr(open)).w, HEAP,
         "a variable without a name");
  BROKEN(ambi_ptr(x)[1], AMB_UNIT.w, HEAP, "a word between objects");
  BROKEN(ambi_ptr(view)[2], ambi_ptr(view)[2] + 16, HEAP,
         "a view looks beyond its base");
  BROKEN(((char *)(ambi_ptr(text) + 1))[7], 'h', HEAP,
         "a string without an end");
  BROKEN(ambi_ptr(text)[0], ambi_header(KIND_STR, 0, 4000), HEAP,
         "an object ends beyond the heap");
  BROKEN(cx->h, cx->hend + 1, HEAP, "the heap's top is not in the heap");
  cx->trail[0] = ambi_ptr(ground);
  BROKEN(cx->tr, 1, HEAP, "the trail holds what is no variable");
  cx->trail[0] = cx->h;
  BROKEN(cx->tr, 1, HEAP, "the trail holds a cell that was given back");
  BROKEN(cx->tr, cx->trail_cap + 1, HEAP, "the trail is longer than its room");
}
END_TEST

// A unit that has run has left the engine as before a form.
static Unit *settle(void) {
  Asm a = {.nslots = 2};
  op(&a, OP_I_RET, integer(&a, 1), 0, 0);
  Unit *u = sound(&a);
  expect_results(u, "[1]");
  ambi_context_reset(cx);
  g->b = g->choices;
  g->b->h = cx->hb = cx->h;
  g->rv = AMB_UNIT;
  return u;
}

START_TEST(test_engine) {
  Unit *u = settle();
#define ENGINE ambi_engine_is_valid(g, &why)
  SOUND(ENGINE);
  Choice *r = ambi_choice_push(g, u->code);
  ck_assert_ptr_nonnull(r);
  BROKEN(r->resume, NULL, ENGINE, "a record resumes nowhere");
  BROKEN(r->h, cx->h + 1, ENGINE, "a record goes back to what was given back");
  BROKEN(r->tr, 1, ENGINE, "a record goes back to what was given back");
  BROKEN(r->top, g->stack - 1, ENGINE,
         "a record goes back further than the one before");
  BROKEN(r->top, g->stack, ENGINE, "a record does not protect its own frame");
  BROKEN(r->e, g->stack, ENGINE, "a frame that is not on the stack");
  BROKEN(r->aux, ambi_lvar(0), ENGINE, "a word that is no value");
  BROKEN(g->choices->resume, u->code, ENGINE,
         "the choice stack has lost its ends");
  BROKEN(cx->hb, NULL, ENGINE,
         "bindings are not noted as the newest record needs");
  BROKEN(g->e[FRAME_UNIT], 0, ENGINE, "a frame of no unit");
  BROKEN(g->e[FRAME_RET], 0, ENGINE, "a frame returns to no instruction");
  BROKEN(g->e[FRAME_PREV], (Word)(uintptr_t)(g->e + 1), ENGINE,
         "a frame's caller stands above it");
  r->hook = ambi_hook_new(g, HOOK_GATHER);
  ck_assert_ptr_nonnull(r->hook);
  SEES(ENGINE, "saved results go nowhere");
  r->hook->kind = HOOK_ROUNDS;
  SEES(ENGINE, "a search that gets no further");
  r->hook->kind = HOOK_COLLECT;
  SOUND(ENGINE);
  BROKEN(r->hook->nitems, 1, ENGINE, "saved results are more than their room");
  Item item = {.img_from = 1, .img_to = 0};
  r->hook->items = &item;
  r->hook->items_cap = 1;
  BROKEN(r->hook->nitems, 1, ENGINE, "a saved result lies outside its image");
  r->hook->items = NULL;
  r->hook->items_cap = 0;
  ambi_choice_cut(g, r);
  ambi_unit_free(u);
}
END_TEST

START_TEST(test_code) {
  CodeState *cs = rt->code;
  Definition *d = ambi_definition(cs, cx->space, sym("car-atom"), 1);
  Variant *v = ambi_variant(cs, d, AMB_SYM(UNDEFINED));
  Unit *u = ambi_lower_variant(cx, v);
  ambi_store_release(&v->x_unit, u);
  ck_assert_ptr_nonnull(u);
#define CODE ambi_code_is_valid(cs, &why)
  SOUND(CODE);
  SOUND(ambi_code_verifies(cs, &why));
  BROKEN(v->def, NULL, CODE, "a variant of another definition");
  BROKEN(u->variant, NULL, CODE, "a unit of another variant");
  Unit other = *u;
  BROKEN(v->x_unit, &other, CODE, "a variant runs a unit that was thrown away");
  BROKEN(d->space, NULL, CODE, "a definition of nothing");
  BROKEN(cs->count, 0, CODE, "definitions are miscounted");
  BROKEN(cs->x_met[ambi_definition_place(d->head, 2)], d, CODE,
         "a definition is remembered under another key");
  BROKEN(u->epoch, ambi_code_epoch(cs) + 1, CODE,
         "a unit without code, or of a time to come");
  Code *first = u->code;
  BROKEN(first->op, OP_I_COUNT, CODE, "a unit holds what is no instruction");
  BROKEN(first->op, OP_I_R_STORE, ambi_code_verifies(cs, &why),
         "the unit begins with a return point");
  SOUND(ambi_runtime_is_valid(rt, &why));
}
END_TEST

static void nothing(void *arg) {
  (void)arg;
}

static const Unit *lowered(const char *name) {
  Definition *d = ambi_definition(rt->code, cx->space, sym(name), 1);
  Variant *v = ambi_variant(rt->code, d, AMB_SYM(UNDEFINED));
  Unit *u = ambi_lower_variant(cx, v);
  ck_assert_ptr_nonnull(u);
  ambi_store_release(&v->x_unit, u);
  return u;
}

// Stacks as a signal's handler notes them: two functions alone, and one in the other.
static void note_samples(Sampler *p, const Unit *a, const Unit *b) {
  Word one = (Word)(uintptr_t)a, two = (Word)(uintptr_t)b;
  Word samples[] = {1, one, 1, two, 2, two, one};
  ambi_sampler_enter(p, g);
  memcpy(p->threads->at, samples, sizeof samples);
  ambi_store_relaxed(&p->threads->x_n, sizeof samples / sizeof *samples);
  ambi_sampler_leave(p, NULL);
}

START_TEST(test_sampler) {
  Sampler *p = ambi_sampler_start(rt->code, nothing, NULL);
  const Unit *a = lowered("car-atom"), *b = lowered("cdr-atom");
  note_samples(p, a, b);
#define SAMPLER ambi_sampler_is_valid(p, &why)
  SOUND(SAMPLER);
  ck_assert_uint_eq(p->nfunctions, 2);
  ck_assert_uint_eq(p->nnodes, 4);
  FunctionCounts *f = p->functions;
  BROKEN(f->number, 5, SAMPLER, "functions of a profile are miscounted");
  BROKEN(f->next, NULL, SAMPLER, "functions of a profile are miscounted");
  BROKEN(p->nfunctions, 3, SAMPLER, "functions of a profile are miscounted");
  BROKEN(f->name, NULL, SAMPLER, "a function without a name");
  FunctionCounts other = *f;
  UnitName *at = ambi_sampler_place(p, a);
  BROKEN(at->f, &other, SAMPLER, "a unit of no function of the profile");
  BROKEN(at->unit, NULL, SAMPLER, "units of a profile are miscounted");
  BROKEN(at->unit, b, SAMPLER, "a unit that is not found in a profile");
  BROKEN(p->units_cap, 255, SAMPLER, "a table of units of no possible size");
  BROKEN(p->nunits, 3, SAMPLER, "units of a profile are miscounted");
  BROKEN(p->nodes[1].f, &other, SAMPLER, "a stack of what is no function");
  BROKEN(p->nodes[1].next, 2, SAMPLER, "a tree of stacks out of order");
  BROKEN(p->nodes[2].next, 0, SAMPLER, "a stack that nothing leads to");
  BROKEN(p->nnodes, 0, SAMPLER, "a tree of stacks without a root");
  ambi_sampler_end(rt->code);
}
END_TEST

// (= (f $x) $x) stands twice, (= (g $x) $x) once.
static void count_rules(CodeState *cs) {
  Value x = ambi_make_var(cx, symbol("x"), 0);
  Value f = AMB_EXPR(cx, AMB_SYM(EQ), AMB_EXPR(cx, sym("f"), x), x),
        h = AMB_EXPR(cx, AMB_SYM(EQ), AMB_EXPR(cx, sym("g"), x), x);
  Template t[2];
  CoverMark *marks = ambi_alloc(2 * sizeof *marks);
  ck_assert(ambi_template_make(rt->store, f, &t[0]) &&
            ambi_template_make(rt->store, h, &t[1]) &&
            ambi_coverage_start(cs) && marks);
  ambi_coverage_atom(cs, "a.metta", 1, &t[0]);
  ambi_coverage_atom(cs, "a.metta", 2, &t[1]);
  ambi_coverage_atom(cs, "a.metta", 3, &t[0]);
  marks[0] = (CoverMark){.at = 0, .rule = 0, .kind = COVER_TRIED};
  marks[1] = (CoverMark){.at = 4, .rule = 1, .kind = COVER_TAKEN};
  ck_assert_ptr_nonnull(ambi_coverage_unit(cs, marks, 2, 5));
  ambi_template_release(rt->store, &t[0]);
  ambi_template_release(rt->store, &t[1]);
}

START_TEST(test_coverage) {
  CodeState *cs = rt->code;
  count_rules(cs);
  Coverage *c = cs->coverage;
#define COVERAGE ambi_coverage_is_valid(c, &why)
  SOUND(COVERAGE);
  ck_assert_uint_eq(c->nrules, 3);
  ck_assert_uint_eq(c->rules[2].same, 0);
  BROKEN(c->rules[2].same, 2, COVERAGE, "a rule among those of another text");
  BROKEN(c->rules[2].text, c->rules[0].text, COVERAGE,
         "a rule that goes by the text of none");
  BROKEN(c->rules[2].same, 1, COVERAGE, "a rule among those of another text");
  BROKEN(c->rules[1].text, NULL, COVERAGE,
         "a rule that goes by the text of none");
  BROKEN(c->rules[1].file, NULL, COVERAGE, "a rule of no place");
  BROKEN(c->rules[0].next, 1, COVERAGE, "a rule among those of another text");
  BROKEN(c->rules[0].next, 0, COVERAGE,
         "a rule that its text does not lead to");
  BROKEN(c->rules[2].next, 2, COVERAGE, "a rule among those of another text");
  BROKEN(c->nplaces, 2, COVERAGE, "a table of rules of no possible size");
  uint32_t *f = ambi_coverage_place(c, c->rules[0].text);
  BROKEN(*f, 0, COVERAGE, "a rule that is not found");
  size_t free_place = 0;
  while (c->places[free_place])
    free_place++;
  BROKEN(c->places[free_place], 1, COVERAGE, "places of rules are miscounted");
  CoverMark *mark = &c->units->marks[1];
  BROKEN(mark->at, 5, COVERAGE, "a mark outside of its unit, or of no rule");
  BROKEN(mark->rule, 3, COVERAGE, "a mark outside of its unit, or of no rule");
  SOUND(ambi_code_is_valid(cs, &why));
  ambi_coverage_end(cs);
}
END_TEST

// (f 1 (S $x)) gives 2 with $x = (g), and then a text.
static Table *make_table(void) {
  Value x = ambi_make_var(cx, symbol("x"), AMB_VAR_FRESH);
  Value args[] = {ambi_small_int(1), AMB_EXPR(cx, sym("S"), x)};
  TableAsk ask = {.kind = TABLE_AUTO, .owner = 8, .args = args, .n = 2};
  TableCall call;
  ck_assert_int_eq(ambi_table_call(cx, &ask, &call), TABLE_MAKE);
  ck_assert_uint_eq(call.vars->n, 1);
  size_t making = call.making, mark = cx->tr;
  ck_assert(ambi_bind(cx, x, AMB_EXPR(cx, sym("g"))));
  ck_assert(ambi_table_result(cx, making, ambi_small_int(2), &x, 1));
  ambi_trail_undo(cx, mark);
  ck_assert(ambi_table_result(cx, making, ambi_make_str(cx, "text", 4), &x, 1));
  ck_assert_int_eq(ambi_table_call(cx, &ask, &call), TABLE_PLAIN);
  ck_assert_int_eq(ambi_table_end(cx, making, &call), TABLE_GIVE);
  ck_assert_int_eq(ambi_table_call(cx, &ask, &call), TABLE_GIVE);
  ck_assert_uint_eq(call.to, 2);
  Value first = ambi_table_answer(cx, call.table, 0, &x, 1);
  ck_assert(ambi_same(ambi_expr_at(first, 0), ambi_small_int(2)));
  ck_assert(ambi_equal(ambi_expr_at(first, 1), AMB_EXPR(cx, sym("g"))));
  Value second = ambi_table_answer(cx, call.table, 1, &x, 1);
  ck_assert(ambi_is_str(ambi_expr_at(second, 0)));
  ck_assert(ambi_same(ambi_expr_at(second, 1), x));
  return call.table;
}

START_TEST(test_tables) {
#define TABLES ambi_tables_is_valid(rt, &why)
  Table *t = make_table();
  SOUND(TABLES);
  BROKEN(t->answers[1].n, 99, TABLES, "an answer outside of its words");
  BROKEN(t->key[1], AMB_UNIT.w, TABLES, "a key that does not lead to its hash");
  BROKEN(rt->tables->count, 2, TABLES, "tables are miscounted");
  BROKEN(rt->tables->newest, NULL, TABLES, "tables are miscounted");
  BROKEN(rt->tables->bytes, 1, TABLES, "the bytes of tables are miscounted");
  TableStats s = ambi_tables_stats(rt);
  ck_assert(s.made == 1 && s.hits == 1 && s.misses == 1 && s.kept == 1);
  ck_assert(ambi_tables_give_back(rt, 1));
  ck_assert(!ambi_tables_give_back(rt, 1));
  SOUND(TABLES);
  ck_assert_uint_eq(ambi_tables_stats(rt).bytes, 0);
}
END_TEST

START_TEST(test_words) {
  Tokens *t = ambi_tokens_open(rt);
  const char *error;
  ck_assert_ptr_nonnull(t);
#define WORDS ambi_tokens_is_valid(t, &why)
  SOUND(WORDS);
  const char *const words[] = {"qq", "w", "[0-9]+z", "w", "b|c"};
  for (unsigned i = 0; i < 5; i++)
    ck_assert(ambi_tokens_add(t, words[i], strlen(words[i]), ambi_small_int(1),
                              &error));
  SOUND(WORDS);
  Slot *slot = ambi_tokens_slot(t, symbol("w"));
  BROKEN(slot->entry, 2, WORDS, "a word whose newest value is not the last");
  BROKEN(slot->symbol, symbol("qq"), WORDS,
         "a word whose newest value is not the last");
  BROKEN(t->at[3].symbol, symbol("qq"), WORDS,
         "a word whose newest value is not the last");
  BROKEN(t->patterns[1], 2, WORDS, "patterns out of order, or not all there");
  BROKEN(t->npatterns, 1, WORDS, "patterns out of order, or not all there");
  BROKEN(t->nused, 3, WORDS, "words are miscounted");
  BROKEN(t->first['q' / 64], t->rt->words->first['q' / 64], WORDS,
         "a word that begins as none does");
  uint32_t none = 6;
  Slot *free_slot = ambi_tokens_slot(t, symbol("hello"));
  ck_assert_uint_eq(free_slot->entry, 0);
  BROKEN(free_slot->entry, none, WORDS, "a word that leads to another's value");
  ambi_tokens_close(t);
}
END_TEST

START_TEST(test_modules) {
  Modules *ms = rt->modules;
#define MODULES ambi_modules_is_valid(ms, &why)
  SOUND(MODULES);
  ck_assert(ms->n > 3 && ms->nnames > 3);
  Module *m = ms->all[2];
  BROKEN(m->id, 3, MODULES, "a module under another's number");
  BROKEN(m->space, NULL, MODULES, "a module that is not whole");
  BROKEN(m->tokens, NULL, MODULES, "a module that is not whole");
  BROKEN(ms->all[0]->loading, true, MODULES,
         "a module that is loaded and being loaded");
  Module other = *m;
  BROKEN(ms->corelib, &other, MODULES, "a core library that is no module");
  BROKEN(ms->names[2].module, &other, MODULES, "a name of no module");
  BROKEN(ms->names[2].path, ms->names[1].path, MODULES,
         "a name that stands for two modules");
  char alone[] = "top:a:b", apart[] = "other";
  BROKEN(ms->names[2].path, alone, MODULES,
         "a name in front of its parent, or without one");
  BROKEN(ms->names[2].path, apart, MODULES,
         "a name in front of its parent, or without one");
  BROKEN(ms->names[0].path, apart, MODULES,
         "a name in front of its parent, or without one");
  Tokens *t = ms->all[0]->tokens;
  BROKEN(t->nused, t->nused + 1, MODULES, "words are miscounted");
  SOUND(ambi_runtime_is_valid(rt, &why));
}
END_TEST

// (was 1) goes, (new 2) comes, (new 3) comes and goes; a state changes.
static void write_journal(Space *s) {
  Value was = AMB_EXPR(cx, sym("was"), ambi_small_int(1)),
        more[] = {AMB_EXPR(cx, sym("new"), ambi_small_int(2)),
                  AMB_EXPR(cx, sym("new"), ambi_small_int(3))};
  State *state = ambi_state_open(rt, ambi_small_int(5), AMB_SYM(UNDEFINED));
  ck_assert(state && ambi_space_add(s, was));
  ck_assert(ambi_journal_enter(cx, LEVEL_TRANSACTION, 0));
  ck_assert(ambi_journal_remove(cx, s, was));
  ck_assert(ambi_journal_add(cx, s, more[0]));
  ck_assert(ambi_journal_enter(cx, LEVEL_BRANCH, 0));
  ck_assert(ambi_journal_add(cx, s, more[1]));
  ck_assert(ambi_journal_remove(cx, s, more[1]));
  ck_assert(ambi_journal_change_state(cx, state, ambi_small_int(6)));
}

START_TEST(test_journal) {
  Space *s = ambi_space_open(rt, NULL, false);
  write_journal(s);
  Journal *j = cx->journal;
#define JOURNAL ambi_journal_is_valid(j, &why)
  Shade *shade = j->shades[0];
  Change *log = j->log.at;
  BROKEN(j->places.n, 3, JOURNAL, "places of a journal are miscounted");
  BROKEN(shade->space, NULL, JOURNAL, "a place of a journal that is another's");
  BROKEN(shade->nread, SHADE_READS + 1, JOURNAL,
         "a shade has more than its room");
  BROKEN(shade->hidden[0], shade->hidden[1], JOURNAL,
         "hidden records out of order, or not there");
  BROKEN(shade->hidden[1], shade->first + 2, JOURNAL,
         "hidden records out of order, or not there");
  BROKEN(shade->own->next_ordinal, shade->first + 3, JOURNAL,
         "an addition that the journal has not counted");
  BROKEN(j->levels[0].mark, 4, JOURNAL, "levels of a journal out of order");
  BROKEN(log[0].space, NULL, JOURNAL,
         "a change of a space nobody has looked at");
  BROKEN(log[0].ordinal, shade->first, JOURNAL,
         "what was removed is not hidden");
  BROKEN(j->log_at[0], 2, JOURNAL, "an addition that is not found in the log");
  BROKEN(log[1].gone, true, JOURNAL, "what was removed again is not hidden");
  BROKEN(j->states[0].changed, false, JOURNAL,
         "a state holds something else than the log tells");
  BROKEN(j->states[0].now, j->states[0].read, JOURNAL,
         "a state holds something else than the log tells");
  ambi_journal_undo(cx);
  SOUND(JOURNAL);
  ambi_isolation_end(cx);
}
END_TEST

// Switches are there in debug builds, and nowhere else.
START_TEST(test_switches) {
#ifdef AMB_DEBUG
  ck_assert(ambi_stress_choose("minimal,walk"));
  ck_assert(ambi_stress(STRESS_MINIMAL) && ambi_stress(STRESS_WALK));
  ck_assert(!ambi_stress(STRESS_COLLECT));
  ck_assert(!ambi_stress_choose("minimal,every"));
  ck_assert(ambi_stress(STRESS_WALK));
#else
  ck_assert(!ambi_stress_choose("walk"));
  ck_assert(!ambi_stress(STRESS_WALK));
#endif
  ck_assert(ambi_stress_choose(""));
  Pace p = {0};
  unsigned often = 0;
  for (int i = 0; i < 100; i++)
    often += ambi_pace(&p, 100);
  ck_assert_uint_eq(often, 100);
  for (int i = 0; i < 900; i++)
    often += ambi_pace(&p, 100);
  ck_assert(often > 200 && often < 500);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("valid");
  tcase_add_checked_fixture(tc, open_machine, close_machine);
  tcase_add_test(tc, test_memory);
  tcase_add_test(tc, test_latency);
  tcase_add_test(tc, test_symbols);
  tcase_add_test(tc, test_store);
  tcase_add_test(tc, test_space);
  tcase_add_test(tc, test_heap);
  tcase_add_test(tc, test_engine);
  tcase_add_test(tc, test_code);
  tcase_add_test(tc, test_sampler);
  tcase_add_test(tc, test_coverage);
  tcase_add_test(tc, test_tables);
  tcase_add_test(tc, test_words);
  tcase_add_test(tc, test_modules);
  tcase_add_test(tc, test_journal);
  tcase_add_test(tc, test_switches);
  return unit_run(tc, "valid");
}
