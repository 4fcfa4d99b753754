// The boot image: a runtime opened from it is the one that reads the library's
// text, and its units are those that lowering gives, used exactly where it would.
#include "tests/unit/machine.h"

#include "runtime/bytecode/disasm.h"

static Runtime *read_library(int tier) {
  Host host = {.write = drop_output, .note = ignore_note};
  Runtime *text = ambi_runtime_open_from(NULL, &host, tier);
  ck_assert_ptr_nonnull(text);
  return text;
}

static Context *open_context(Runtime *r) {
  Context *c = ambi_context_open(r);
  ck_assert_ptr_nonnull(c);
  c->module = ambi_module_top(r);
  c->space = c->module->space;
  ambi_limits_begin(c);
  return c;
}

static Module *load_module(Context *c, uint32_t i) {
  const char *name = ambi_embedded[i].name;
  Module *m = ambi_module_load(c, ambi_module_top(c->rt), name);
  ck_assert_msg(m != NULL, "%s: %s", name, c->message);
  return m;
}

// ---- what is there after opening ---------------------------------------------

static void print_atoms(Runtime *r, Space *s, Buffer *b) {
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(s, &all));
  for (size_t i = 0; i < all.n; i++) {
    Naming naming = {0};
    Template t = ambi_record_template(all.at[i]);
    ambi_print_template(r, b, &t, &naming);
    ambi_buffer_puts(b, "\n");
    ambi_vec_drop(&naming.vars);
  }
  ambi_records_drop(&all);
}

static void print_types(Runtime *r, Buffer *b) {
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    if (ambi_is_none(r->op_types[op].atom)) continue;
    ambi_print_template(r, b, &r->op_types[op], NULL);
    ambi_buffer_puts(b, "\n");
  }
}

static void same_text(Buffer *a, Buffer *b) {
  ck_assert_uint_gt(a->len, 0);
  ck_assert_str_eq(a->text, b->text);
  ambi_buffer_drop(a);
  ambi_buffer_drop(b);
}

START_TEST(atoms_and_types_are_those_of_the_text) {
  for (int tier = 0; tier < 2; tier++) {
    Host host = {.write = drop_output, .note = ignore_note};
    Runtime *text = read_library(tier), *boot = ambi_runtime_open(&host, tier);
    Buffer a = {0}, b = {0};
    ck_assert_ptr_nonnull(boot);
    print_types(text, &a);
    print_types(boot, &b);
    same_text(&a, &b);
    Context *one = open_context(text), *two = open_context(boot);
    for (uint32_t i = 0; i < boot->boot->nmodules; i++) {
      Space *x = load_module(one, i)->space, *y = load_module(two, i)->space;
      print_atoms(text, x, &a);
      print_atoms(boot, y, &b);
      same_text(&a, &b);
      ck_assert_uint_eq(x->version, y->version);
      ck_assert_uint_eq(ambi_space_ndeps(x), ambi_space_ndeps(y));
    }
    Buffer tree = {0}, other = {0};
    ambi_modules_print(text, &tree);
    ambi_modules_print(boot, &other);
    same_text(&tree, &other);
    ambi_context_close(one);
    ambi_context_close(two);
    ambi_runtime_close(text);
    ambi_runtime_close(boot);
  }
}
END_TEST

START_TEST(symbols_have_the_same_ids) {
  Runtime *text = read_library(1);
  size_t n = ambi_symbols_count(text->symbols);
  ck_assert_uint_eq(n, rt->boot->nnames);
  for (uint32_t id = 0; id < n; id++) {
    const Symbol *a = ambi_symbol(text->symbols, id),
                 *b = ambi_symbol(rt->symbols, id);
    uint32_t found = 0;
    ck_assert_str_eq(a->text, b->text);
    ck_assert(ambi_symbol_find(rt->symbols, a->text, a->len, &found));
    ck_assert_uint_eq(found, id);
  }
  ambi_runtime_close(text);
}
END_TEST

START_TEST(effects_are_those_of_the_text) {
  Runtime *text = read_library(1);
  Context *other = open_context(text);
  unsigned all = 0;
  for (uint32_t i = 0; i <= rt->boot->nmodules; i++) {
    const Mentions *a = &text->mentions, *b = &rt->mentions;
    unsigned read = ambi_mentioned_effects(text),
             known = ambi_mentioned_effects(rt);
    // What the image says of a module counts for who names its functions, what was read
    // for all; names of modules are known before they are loaded by the image alone.
    ck_assert_uint_eq(known & ~read, 0);
    if (i == 0) ck_assert_uint_eq(known, read);
    ck_assert_uint_eq(ambi_fetched_effects(rt), E_PURE);
    ck_assert_uint_le(a->nsymbols, b->nsymbols);
    ck_assert_int_eq(memcmp(a->reach, b->reach, a->nsymbols), 0);
    for (uint32_t id = 0; id < a->nsymbols; id++)
      all |= a->reach[id];
    if (i == rt->boot->nmodules) break;
    load_module(other, i);
    load_module(cx, i);
  }
  ck_assert_uint_ne(all, E_PURE);
  ambi_context_close(other);
  ambi_runtime_close(text);
}
END_TEST

// ---- units -------------------------------------------------------------------

// As if nothing had been lowered, with unknown heads having such effects.
static void forget(Runtime *r, unsigned effects) {
  ambi_code_invalidate(r->code);
  ambi_store_release(&r->code->x_unknown, 0);
  ambi_store_release(&r->code->x_fetched, 0);
  Mentions *m = &r->mentions;
  m->effects = effects;
  memset(m->seen, 0, m->nsymbols);
  if (m->modules) memset(m->modules, 0, m->nsymbols);
  m->called = 0;
}

static Variant *variant_of(Runtime *r, Space *s, uint32_t head, uint32_t nargs,
                           Value type) {
  bool same = nargs & BOOT_SAME;
  Definition *d =
      ambi_definition(r->code, s, AMB_SYM_ID(head), nargs & ~BOOT_SAME);
  ck_assert_ptr_nonnull(d);
  Variant *v = ambi_variant_of(r->code, d, type, same);
  ck_assert_ptr_nonnull(v);
  return v;
}

static void same_listing(Runtime *a, const Unit *x, Runtime *b, const Unit *y,
                         const char *name) {
  Buffer one = {0}, two = {0};
  bool ok = x && y;
  ok = ok && ambi_disasm_unit(a, &one, x);
  ok = ok && ambi_disasm_unit(b, &two, y);
  ck_assert_msg(ok, "%s: %p %p\n%s\n%s", name, (const void *)x, (const void *)y,
                one.text, two.text);
  ck_assert_msg(strcmp(one.text, two.text) == 0, "%s:\n%s\n%s", name, one.text,
                two.text);
  ambi_buffer_drop(&one);
  ambi_buffer_drop(&two);
}

// The space of a module that imports this one.
static Space *open_user(Context *c, uint32_t module) {
  Space *s = ambi_space_open(c->rt, NULL, true),
        *m = load_module(c, module)->space;
  ck_assert(s && ambi_space_add_dep(s, c->rt->corelib) &&
            ambi_space_add_dep(s, m));
  for (size_t i = 0, ndeps = ambi_space_ndeps(m); i < ndeps; i++)
    ck_assert(ambi_space_add_dep(s, ambi_space_dep(m, i)));
  return s;
}

enum { MODULES = 32 };

START_TEST(units_are_what_lowering_gives) {
  Runtime *text = read_library(1);
  Context *other = open_context(text);
  const BootImage *image = rt->boot;
  Space *here[MODULES], *there[MODULES];
  ck_assert_uint_lt(image->nmodules, MODULES);
  for (uint32_t i = 0; i < image->nmodules; i++) {
    here[i] = open_user(cx, i);
    there[i] = open_user(other, i);
  }
  ck_assert_uint_gt(image->nunits, 150);
  for (uint32_t i = 0; i < image->nunits; i++) {
    const BootUnit *row = &image->units[i];
    unsigned effects = (unsigned)__builtin_ctzll(row->bounds);
    const char *name = ambi_symbol(rt->symbols, row->head)->text;
    ck_assert_str_eq(name, ambi_symbol(text->symbols, row->head)->text);
    forget(rt, effects);
    forget(text, effects);
    cx->space = here[row->module];
    other->space = there[row->module];
    ck_assert(!ambi_is_expr(AMB_V(row->type)));  // one word for both runtimes
    Variant *v =
        variant_of(rt, cx->space, row->head, row->nargs, AMB_V(row->type));
    Variant *w =
        variant_of(text, other->space, row->head, row->nargs, AMB_V(row->type));
    Unit *u = ambi_variant_unit(cx, v);
    ck_assert_msg(u && u->block, "%s was lowered", name);
    same_listing(rt, u, rt, ambi_lower_variant(cx, v), name);
    same_listing(rt, u, text, ambi_variant_unit(other, w), name);
  }
  ambi_context_close(other);
  ambi_runtime_close(text);
}
END_TEST

// Of those of a module, how many come from the image. Units that lowering gives
// up stay a question to the space.
static size_t count_units(uint32_t module) {
  RecordVec all = {0};
  size_t found = 0;
  cx->space = open_user(cx, module);
  forget(rt, E_PURE);
  ck_assert(ambi_space_atoms(rt->booted[module].space, &all));
  for (size_t i = 0; i < all.n; i++) {
    Value rule = ambi_record_atom(all.at[i]);
    if (ambi_expr_size(rule) != 3 ||
        !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
      continue;
    Value lhs = ambi_expr_at(rule, 1), head = ambi_expr_at(lhs, 0);
    if (!ambi_is_sym(head)) continue;
    Variant *v = variant_of(rt, cx->space, ambi_sym_of(head),
                            ambi_expr_size(lhs) - 1, AMB_SYM(UNDEFINED));
    Unit *u = ambi_variant_unit(cx, v);
    ck_assert_ptr_nonnull(u);
    ck_assert_msg(u->block || u->code[0].op == OP_I_QUERYT, "%s was lowered",
                  ambi_symbol(rt->symbols, ambi_sym_of(head))->text);
    found += u->block != 0;
  }
  ambi_records_drop(&all);
  return found;
}

START_TEST(all_definitions_have_units) {
  size_t found = 0;
  for (uint32_t i = 0; i < rt->boot->nmodules; i++)
    found += count_units(i);
  ck_assert_uint_gt(found, 120);
}
END_TEST

// ---- where the library is not alone ------------------------------------------

static void run_in(Runtime *r, Module *m, const char *program) {
  Script script = {.rt = r,
                   .module = m,
                   .name = "test",
                   .text = program,
                   .len = strlen(program)};
  ck_assert_int_eq(ambi_run_script(&script), RUN_OK);
  ambi_script_drop(&script);
}

static uint32_t id_of(const char *name) {
  uint32_t id = 0;
  ck_assert(ambi_symbol_find(rt->symbols, name, strlen(name), &id));
  return id;
}

static bool from_image(const char *name, uint32_t nargs) {
  Variant *v =
      variant_of(rt, cx->space, id_of(name), nargs, AMB_SYM(UNDEFINED));
  Unit *u = ambi_variant_unit(cx, v);
  ck_assert_ptr_nonnull(u);
  return u->block != 0;
}

START_TEST(other_definitions_change_nothing) {
  run_in(rt, ambi_module_top(rt),
         "(= (mine $x) $x) (: mine (-> Number Number))"
         "!(mine 1) (= (also) 2)");
  ck_assert(from_image("filter-atom", 3));
  ck_assert(from_image("min", 2));
}
END_TEST

START_TEST(a_rule_or_type_of_the_program_counts) {
  ck_assert(from_image("min", 2));
  run_in(rt, ambi_module_top(rt), "(= (min $x $y) first)");
  ck_assert(!from_image("min", 2));
  ck_assert(from_image("filter-atom", 3));
  ck_assert(from_image("get-doc-function", 3));
  run_in(rt, ambi_module_top(rt), "(: get-doc-params (-> Number))");
  ck_assert(!from_image("get-doc-params", 3));
  ck_assert(!from_image("get-doc-function", 3));  // calls it
}
END_TEST

START_TEST(a_rule_for_any_head_counts) {
  run_in(rt, ambi_module_top(rt), "(= ($f odd) $f)");
  ck_assert(!from_image("min", 2));
}
END_TEST

START_TEST(subtypes_count) {
  run_in(rt, ambi_module_top(rt), "(:< Nat Number)");
  ck_assert(!from_image("min", 2));
}
END_TEST

START_TEST(changes_of_the_library_count) {
  Template t = {.atom = AMB_SYM(X)};
  ck_assert(from_image("min", 2));
  ck_assert(ambi_space_add_template(rt->corelib, &t));
  ck_assert(!from_image("min", 2));
}
END_TEST

START_TEST(spaces_that_are_no_modules_lower) {
  cx->space = ambi_space_open(rt, NULL, false);
  ck_assert(ambi_space_add_dep(cx->space, rt->corelib));
  ck_assert(!from_image("min", 2));
}
END_TEST

// Compares each unit that is used with what lowering gives. Returns how many.
static size_t compare_used(void) {
  const BootImage *image = rt->boot;
  size_t used = 0;
  for (uint32_t i = 0; i < image->nunits; i++) {
    const BootUnit *row = &image->units[i];
    if (row->module != image->core) continue;
    forget(rt, (unsigned)__builtin_ctzll(row->bounds));
    Variant *v =
        variant_of(rt, cx->space, row->head, row->nargs, AMB_V(row->type));
    Unit *u = ambi_variant_unit(cx, v);
    ck_assert_ptr_nonnull(u);
    if (!u->block) continue;
    const char *name = ambi_symbol(rt->symbols, row->head)->text;
    same_listing(rt, u, rt, ambi_lower_variant(cx, v), name);
    ambi_context_reset(cx);
    used++;
  }
  forget(rt, E_PURE);
  ambi_code_quiesce(rt->code);
  return used;
}

// On the heap. AMB_NONE: that is no text of one atom with three children.
static Value say(const char *format, const char *name) {
  char text[200];
  Reader r;
  Template t;
  Value env[4] = {AMB_NONE, AMB_NONE, AMB_NONE, AMB_NONE};
  snprintf(text, sizeof text, format, name);
  ambi_reader_open(&r, rt, NULL, text, strlen(text));
  if (ambi_read(&r, &t) != READ_ATOM) return AMB_NONE;
  Value said = t.nvars > 4 ? AMB_NONE : ambi_instantiate(cx, &t, env, true);
  ambi_template_release(rt->store, &t);
  return ambi_expr_size(said) == 3 ? said : AMB_NONE;
}

enum { STRIDE = 17 };  // symbols of the library that are tried: one in so many

// Whatever a program says about a symbol, the units used then are right.
START_TEST(units_are_right_beside_any_definition) {
  static const char *const said[] = {"(: %s Number)", "(: %s (-> Number Atom))",
                                     "(= (%s $x) $x)", "(= (%s $x $y) $y)"};
  size_t all = compare_used(), used = 0, fewer = 0;
  ck_assert_uint_gt(all, 90);
  for (uint32_t id = 1; id < rt->boot->nnames; id += STRIDE) {
    Symbol *symbol = ambi_symbol(rt->symbols, id);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
      Value atom = say(said[i], symbol->text);
      if (ambi_is_none(atom)) continue;
      ck_assert(ambi_space_add(cx->space, atom));
      size_t now = compare_used();
      used += now;
      fewer += now < all;
      bool found = false;
      atom = say(said[i], symbol->text);
      ck_assert(ambi_space_remove(cx->space, atom, &found) && found);
      ambi_spaces_quiesce(rt);
      symbol->changes = 0;
    }
  }
  ck_assert_uint_gt(fewer, 10);
  ck_assert(!ambi_load_relaxed(&rt->code->x_broad_rules));
  ck_assert_uint_gt(used, 1000);
}
END_TEST

// ---- results -----------------------------------------------------------------

static bool note_results(void *arg, const FormReport *r) {
  Buffer *b = arg;
  ambi_print_results(r->cx->rt, b, r->results, r->n);
  ambi_buffer_puts(b, "\n");
  return true;
}

static void results_of(Runtime *r, const char *program, Buffer *b) {
  Script script = {.rt = r,
                   .module = ambi_module_top(r),
                   .name = "test",
                   .text = program,
                   .len = strlen(program),
                   .on_form = note_results,
                   .arg = b};
  ambi_run_script(&script);
  ambi_script_drop(&script);
}

static const char *const programs[] = {
    "!(map-atom (1 2 3) $x (+ $x 1)) !(foldl-atom (1 2 3) 0 $a $b (+ $a $b))"
    "!(filter-atom (1 2 3 4) $x (> $x 2)) !(min 1 2) !(get-doc if)"
    "!(map-atom (1 2) repr) !(car-atom ()) !(nth 1)",
    "!(min 1 2) (= (min $x $y) mine) !(min 1 2)",
    "(: if (-> Atom Atom Atom Atom)) (= (if yes $x $y) $x) !(if yes 1 2)"
    "!(if True 1 2) !(filter-atom (1 2 3 4) $x (> $x 2))",
    "(= ($f odd) ($f even)) !(min odd) !(get-type if)",
    "!(assertEqual (+ 1 2) 3) !(assertEqualToResult (superpose (1 2)) (1 2))"
    "!(get-type (map-atom (1) $x $x)) !(collapse (superpose (1 2)))",
    "(= (p) (println! x)) !(let $f p (map-atom (1 2) $f))"
    "!(map-atom (1 2) println!) !(foldl-atom (1 2 3) 0 +)",
    "!(import! &self lists) !(import! &self petta) !(append (1) (2))"
    "!(help! if) !((|-> ($x) (+ $x 1)) 2) !(help! nothing-such)",
    "!(include stdlib) !(min 1 2) !(get-metatype if)",
    "!(add-atom (mod-space! stdlib) (= (min $x $y) other)) !(min 1 2)",
};

START_TEST(programs_give_the_same_results) {
  for (int tier = 0; tier < 2; tier++) {
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
      Host host = {.write = drop_output, .note = ignore_note};
      Runtime *text = read_library(tier),
              *boot = ambi_runtime_open(&host, tier);
      ck_assert_ptr_nonnull(boot);
      Buffer a = {0}, b = {0};
      results_of(text, programs[i], &a);
      results_of(boot, programs[i], &b);
      ck_assert_uint_gt(a.len, 0);
      ck_assert_msg(strcmp(a.text, b.text) == 0, "%s\n%s\n%s", programs[i],
                    a.text, b.text);
      ambi_buffer_drop(&a);
      ambi_buffer_drop(&b);
      ambi_runtime_close(text);
      ambi_runtime_close(boot);
    }
  }
}
END_TEST

START_TEST(runtimes_share_the_image_only) {
  Host host = {.write = drop_output, .note = ignore_note};
  Runtime *first = ambi_runtime_open(&host, 1);
  Runtime *second = ambi_runtime_open(&host, 1);
  static const char use[] = "!(min 1 2) !(filter-atom (1 2) $x (> $x 1))";
  Buffer a = {0}, b = {0}, c = {0};
  results_of(first, use, &a);
  results_of(first, "(= (min $x $y) mine)", &a);
  results_of(second, use, &b);
  ambi_runtime_close(first);
  results_of(second, use, &c);
  ck_assert_str_eq(a.text, b.text);
  ck_assert_str_eq(b.text, c.text);
  ambi_buffer_drop(&a);
  ambi_buffer_drop(&b);
  ambi_buffer_drop(&c);
  ambi_runtime_close(second);
}
END_TEST

// ---- memory runs out ---------------------------------------------------------

START_TEST(opening_survives_any_failure) {
  Host host = {.write = drop_output, .note = ignore_note};
  size_t before = ambi_alloc_bytes();
  Runtime *opened = NULL;
  for (uint64_t n = 1; !opened; n++) {
    ambi_alloc_fail_at(n);
    opened = ambi_runtime_open(&host, 1);
    ambi_alloc_fail_at(0);
    ck_assert_msg(opened || ambi_alloc_bytes() == before, "%llu: a leak",
                  (unsigned long long)n);
  }
  Buffer b = {0};
  results_of(opened, "!(min 1 2)", &b);
  ck_assert_str_eq(b.text, "[1]\n");
  ambi_buffer_drop(&b);
  ambi_runtime_close(opened);
}
END_TEST

START_TEST(loading_units_survives_any_failure) {
  const BootImage *image = rt->boot;
  for (uint32_t i = 0; i < image->nunits; i++) {
    const BootUnit *row = &image->units[i];
    if (row->module != image->core) continue;
    Unit *u = NULL;
    for (uint64_t n = 1; !u; n++) {
      forget(rt, (unsigned)__builtin_ctzll(row->bounds));
      Variant *v =
          variant_of(rt, cx->space, row->head, row->nargs, AMB_V(row->type));
      ambi_alloc_fail_at(n);
      u = ambi_variant_unit(cx, v);
      ambi_alloc_fail_at(0);
      ck_assert(u ? u->block != 0 : cx->stop == STOP_MEMORY);
      cx->stop = STOP_NONE;
    }
  }
}
END_TEST

// What was loaded before memory ran out is not loaded again.
START_TEST(loading_modules_survives_any_failure) {
  Host host = {.write = drop_output, .note = ignore_note};
  for (uint32_t i = 0; i < rt->boot->nmodules; i++) {
    Module *m = NULL;
    Runtime *text = read_library(1), *boot = ambi_runtime_open(&host, 1);
    Context *one = open_context(text), *two = open_context(boot);
    Buffer a = {0}, b = {0};
    for (uint64_t n = 1; !m; n++) {
      ambi_alloc_fail_at(n);
      m = ambi_module_load(two, ambi_module_top(boot), ambi_embedded[i].name);
      ambi_alloc_fail_at(0);
      two->stop = STOP_NONE;
    }
    print_atoms(text, load_module(one, i)->space, &a);
    print_atoms(boot, m->space, &b);
    same_text(&a, &b);
    ambi_context_close(one);
    ambi_context_close(two);
    ambi_runtime_close(text);
    ambi_runtime_close(boot);
  }
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("boot");
  tcase_add_checked_fixture(tc, open_machine, close_machine);
  tcase_add_test(tc, atoms_and_types_are_those_of_the_text);
  tcase_add_test(tc, symbols_have_the_same_ids);
  tcase_add_test(tc, effects_are_those_of_the_text);
  tcase_add_test(tc, units_are_what_lowering_gives);
  tcase_add_test(tc, all_definitions_have_units);
  tcase_add_test(tc, other_definitions_change_nothing);
  tcase_add_test(tc, a_rule_or_type_of_the_program_counts);
  tcase_add_test(tc, a_rule_for_any_head_counts);
  tcase_add_test(tc, subtypes_count);
  tcase_add_test(tc, changes_of_the_library_count);
  tcase_add_test(tc, spaces_that_are_no_modules_lower);
  tcase_add_test(tc, units_are_right_beside_any_definition);
  tcase_add_test(tc, programs_give_the_same_results);
  tcase_add_test(tc, runtimes_share_the_image_only);
  tcase_add_test(tc, opening_survives_any_failure);
  tcase_add_test(tc, loading_units_survives_any_failure);
  tcase_add_test(tc, loading_modules_survives_any_failure);
  return unit_run(tc, "boot");
}
