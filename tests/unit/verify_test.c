// The verifier has to refuse every way of breaking a unit, made by hand or from
// those of real programs, and to accept these.
#include "tests/unit/machine.h"

// ---- the verifier: flow ----------------------------------------------------------

static void refused_unit(const Unit *u, const char *reason) {
  const char *why = NULL;
  uint32_t at = 0;
  ck_assert_msg(!ambi_unit_verify(u, &why, &at), "accepted; wanted: %s",
                reason);
  ck_assert_ptr_nonnull(why);
  ck_assert_msg(strstr(why, reason) != NULL, "%s; wanted: %s", why, reason);
}

static void refused(const Asm *a, const char *reason) {
  Unit *u = assemble(a);
  refused_unit(u, reason);
  ambi_unit_free(u);
}

START_TEST(reads_come_after_writes) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
  Asm one_path = {.nslots = 2, .nargs = 1};
  uint32_t test = op(&one_path, OP_I_JNEQ, 0, integer(&one_path, 1), 0);
  op(&one_path, OP_I_MOVE, 1, 0, 0);
  here(&one_path, test);
  op(&one_path, OP_I_RET, 1, 0, 0);
  refused(&one_path, "may not have been written");
  Asm edge_path = {.nslots = 2, .nargs = 1};
  uint32_t add = op(&edge_path, OP_I_ADDI, 1, 0, 1);
  op(&edge_path, OP_I_RET, 1, 0, 0);
  edge(&edge_path, add, op(&edge_path, OP_I_RET, 1, 0, 0));
  refused(&edge_path, "may not have been written");
  Asm only_edge = {.nslots = 2, .nargs = 1};
  uint32_t like = op(&only_edge, OP_I_CHKLIKE, 1, 0, integer(&only_edge, 1));
  op(&only_edge, OP_I_RET, 1, 0, 0);
  edge(&only_edge, like, op(&only_edge, OP_I_RET, 1, 0, 0));
  refused(&only_edge, "may not have been written");
}
END_TEST

// What was written after the record was made is gone when it resumes.
START_TEST(alternatives_see_older_slots_only) {
  Asm a = {.nslots = 1};
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 1), 0);
  uint32_t other = op(&a, OP_I_SETALT, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  here(&a, first);
  here(&a, other);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
}
END_TEST

// So is what was there before and has been written over.
START_TEST(alternatives_do_not_see_what_was_written_over) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_MOVE, 0, integer(&a, 1), 0);
  uint32_t first = op(&a, OP_I_TRY, 0, 0, 0);
  op(&a, OP_I_MOVE, 0, integer(&a, 2), 0);
  uint32_t other = op(&a, OP_I_SETALT, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  here(&a, first);
  here(&a, other);
  op(&a, OP_I_TRUST, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
  Asm cast = {.nslots = 1};
  op(&cast, OP_I_MOVE, 0, integer(&cast, 1), 0);
  first = op(&cast, OP_I_TRY, 0, 0, 0);
  uint32_t changes =
      op(&cast, OP_I_CASTR, 0, konst(&cast, AMB_SYM(T_BOOL).w), 0);
  other = op(&cast, OP_I_SETALT, 0, 0, 0);
  op(&cast, OP_I_RET, 0, 0, 0);
  edge(&cast, changes, op(&cast, OP_I_FAIL, 0, 0, 0));
  here(&cast, first);
  here(&cast, other);
  op(&cast, OP_I_TRUST, 0, 0, 0);
  op(&cast, OP_I_RET, 0, 0, 0);
  refused(&cast, "may not have been written");
}
END_TEST

START_TEST(records_are_its_own) {
  static const enum Opcode ops[] = {OP_I_RETRY, OP_I_TRUST, OP_I_POPALT,
                                    OP_I_SETALT};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    Asm a = {.nslots = 0};
    uint32_t at = op(&a, ops[i], 0, 0, 0);
    if (ambi_ops[ops[i]].operands[2] == 'L') to(&a, at, 1);
    op(&a, OP_I_TRUST, 0, 0, 0);
    op(&a, OP_I_FAIL, 0, 0, 0);
    refused(&a, "need not be its own");
  }
  Asm collector = {.nslots = 1};
  uint32_t begin = op(&collector, OP_I_COLLECT, 0, 0, 0);
  op(&collector, OP_I_FAIL, 0, 0, 0);
  here(&collector, begin);
  op(&collector, OP_I_TRUST, 0, 0, 0);
  op(&collector, OP_I_FAIL, 0, 0, 0);
  refused(&collector, "choice record");
}
END_TEST

// Where paths meet, what only one of them has is not there: values and positions (beside
// reads_come_after_writes), slots as a record keeps them, and the record itself.
START_TEST(paths_meet_in_what_all_have) {
  Asm position = {.nslots = 2, .nargs = 1};
  uint32_t other = op(&position, OP_I_JNEQ, 0, integer(&position, 1), 0);
  op(&position, OP_I_POS, 1, 0, 0);
  here(&position, other);
  op(&position, OP_I_ONCE_END, 0, 1, 0);
  op(&position, OP_I_RET, 0, 0, 0);
  refused(&position, "may not have been written");

  Asm kept = {.nslots = 2, .nargs = 1};
  other = op(&kept, OP_I_JNEQ, 0, integer(&kept, 1), 0);
  op(&kept, OP_I_MOVE, 1, 0, 0);
  uint32_t first = op(&kept, OP_I_TRY, 0, 0, 0);
  uint32_t met = op(&kept, OP_I_JUMP, 0, 0, 0);
  here(&kept, other);
  uint32_t second = op(&kept, OP_I_TRY, 0, 0, 0);
  here(&kept, met);
  uint32_t changed = op(&kept, OP_I_SETALT, 0, 0, 0);
  op(&kept, OP_I_RET, 0, 0, 0);
  here(&kept, first);
  here(&kept, second);
  op(&kept, OP_I_TRUST, 0, 0, 0);
  op(&kept, OP_I_RET, 0, 0, 0);
  here(&kept, changed);
  op(&kept, OP_I_TRUST, 0, 0, 0);
  op(&kept, OP_I_RET, 1, 0, 0);
  refused(&kept, "may not have been written");

  Asm record = {.nslots = 1, .nargs = 1};
  other = op(&record, OP_I_JNEQ, 0, integer(&record, 1), 0);
  first = op(&record, OP_I_TRY, 0, 0, 0);
  met = op(&record, OP_I_POPALT, 0, 0, 0);
  op(&record, OP_I_RET, 0, 0, 0);
  here(&record, other);
  to(&record, op(&record, OP_I_JUMP, 0, 0, 0), met);
  here(&record, first);
  op(&record, OP_I_TRUST, 0, 0, 0);
  op(&record, OP_I_RET, 0, 0, 0);
  refused(&record, "need not be its own");
}
END_TEST

// Else failing would come back there for ever.
START_TEST(alternatives_move_or_drop_the_record) {
  static const enum Opcode ops[] = {OP_I_TRY, OP_I_CASE, OP_I_COLLECT};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    Asm a = {.nslots = 1};
    uint32_t first = op(&a, ops[i], 0, 0, 0);
    op(&a, OP_I_FAIL, 0, 0, 0);
    here(&a, first);
    op(&a, OP_I_FAIL, 0, 0, 0);
    refused(&a, "leaves its choice record as it is");
  }
}
END_TEST

START_TEST(positions_are_no_values) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_POS, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "may not have been written");
  Asm b = {.nslots = 2};
  op(&b, OP_I_MOVE, 0, integer(&b, 1), 0);
  op(&b, OP_I_ONCE_END, 0, 0, 0);
  op(&b, OP_I_RET, 0, 0, 0);
  refused(&b, "may not have been written");
}
END_TEST

START_TEST(return_points_are_returned_to) {
  Asm a = {.nslots = 1};
  op(&a, OP_I_NOP, 0, 0, 0);
  op(&a, OP_I_R_STORE, 0, 0, 0);
  op(&a, OP_I_RET, 0, 0, 0);
  refused(&a, "return point");
  Asm b = {.nslots = 1};
  op(&b, OP_I_R_STORE, 0, 0, 0);
  op(&b, OP_I_RET, 0, 0, 0);
  refused(&b, "return point");
}
END_TEST

// ---- the verifier: units of real programs ----------------------------------------

static const char program[] =
    "(: num (-> Number Number))"
    "(= (fib $n) (if (< $n 2) $n (+ (fib (- $n 1)) (fib (- $n 2)))))"
    "(= (num $n) (let $x (* $n 2) (- $x 1)))"
    "(= (app () $y) $y)"
    "(= (app (Cons $h $t) $y) (Cons $h (app $t $y)))"
    "(= (kind a) 1) (= (kind b) 2) (= (kind 3) 3) (= (kind (f $x)) $x)"
    "(= (kind (g $x $x)) same)"
    "(= (pick) (collapse (superpose (1 2 3))))"
    "(= (find $k) (match &self (fact $k $v) ($k $v)))"
    "(= (sw $x) (case $x ((1 one) ((p $y) $y) ($else none))))"
    "(= (sum $l) (foldl-atom $l 0 $a $b (+ $a $b)))"
    "(= (twice $l) (map-atom $l $x (app $x $x)))"
    "(= (first) (once (superpose ((num 1) (num 2)))))"
    "(= (un $x) (unify $x (h $y $z) ($z $y) no))"
    "(fact a 1) (fact b 2)"
    "!(fib 5) !(app (Cons 1 ()) ()) !(kind (g 1 1)) !(pick) !(find $k)"
    "!(sw (p 1)) !(sum (1 2)) !(twice ((Cons 1 ()))) !(first)"
    "!(un (h 1 2)) !(kind $q)";

static void run_program(void) {
  Script script = {.rt = rt,
                   .module = ambi_module_top(rt),
                   .name = "test",
                   .text = program,
                   .len = strlen(program)};
  ck_assert_int_eq(ambi_run_script(&script), RUN_OK);
  ambi_script_drop(&script);
}

// Lowers every definition of the library.
static void lower_library(void) {
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(rt->corelib, &all));
  for (size_t i = 0; i < all.n; i++) {
    Value rule = ambi_record_atom(all.at[i]);
    if (ambi_expr_size(rule) != 3 ||
        !ambi_same(ambi_expr_at(rule, 0), AMB_SYM(EQ)))
      continue;
    Value lhs = ambi_expr_at(rule, 1);
    if (!ambi_is_expr(lhs) || !ambi_is_sym(ambi_expr_at(lhs, 0))) continue;
    Definition *d = ambi_definition(rt->code, cx->space, ambi_expr_at(lhs, 0),
                                    ambi_expr_size(lhs) - 1);
    Variant *v = ambi_variant(rt->code, d, AMB_SYM(UNDEFINED));
    ck_assert_ptr_nonnull(ambi_lower_variant(cx, v));
  }
  ambi_records_drop(&all);
}

static void each_unit(void (*fn)(Unit *)) {
  run_program();
  lower_library();
  size_t n = 0;
  for (Unit *u = rt->code->units; u; u = u->next, n++)
    fn(u);
  ck_assert(n > 50);
}

static void accept(Unit *u) {
  const char *why = "";
  uint32_t at = 0;
  ck_assert_msg(ambi_unit_verify(u, &why, &at), "at %u: %s", at, why);
}

START_TEST(real_units_pass) {
  each_unit(accept);
}
END_TEST

// A copy to be broken; templates and variants stay the original's.
static Unit *copy_unit(const Unit *u) {
  Unit *c = copied(u, sizeof *u);
  c->code = copied(u->code, u->ncode * sizeof *u->code);
  c->k = copied(u->k, u->nk * sizeof *u->k);
  c->edges = copied(u->edges, u->nedges * sizeof *u->edges);
  c->live = copied(u->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
  c->live_at = copied(u->live_at, u->nrows * sizeof *u->live_at);
  c->switches = copied(u->switches, u->nswitches * sizeof *u->switches);
  for (uint32_t i = 0; i < u->nswitches; i++)
    c->switches[i].cases =
        copied(u->switches[i].cases, u->switches[i].n * sizeof(SwitchCase));
  c->templates = copied(u->templates, u->ntemplates * sizeof *u->templates);
  c->local = NULL;
  return c;
}

static void free_copy(Unit *c, const Unit *u) {
  c->ncode = u->ncode;
  c->nedges = u->nedges;
  c->nk = u->nk;
  c->nrows = u->nrows;
  ambi_free(c->templates, u->ntemplates * sizeof *u->templates);
  c->templates = NULL;
  c->ntemplates = 0;
  ambi_unit_free(c);
}

static void broken(Unit *c, const Unit *u, uint32_t at) {
  const char *why;
  uint32_t where;
  ck_assert_msg(!ambi_unit_verify(c, &why, &where), "%s at %u of %u accepted",
                ambi_ops[u->code[at].op].name, at, u->ncode);
  ck_assert_ptr_nonnull(why);
  memcpy(c->code, u->code, u->ncode * sizeof *u->code);
}

static void break_operands(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  for (unsigned i = 0; i < 3; i++) {
    uint16_t bad = 0;
    switch (ambi_operand_kind(pc->op, i)) {
    case 'W':
    case 'R':
    case 'U':
    case 'Q':
    case 'I':
    case 'P': bad = (uint16_t)u->nslots; break;
    case 'S': bad = 0x8000; break;
    case 'L': bad = (uint16_t)(u->ncode - at); break;
    case 'K':
    case 'T':
    case 'C':
    case 'V':
    case 'H': bad = (uint16_t)u->nk; break;
    case 'O': bad = OP_COUNT; break;
    case 'X': bad = (uint16_t)u->nswitches; break;
    default: continue;
    }
    if (pc->half[i + 1] == NO_SLOT) continue;
    pc->half[i + 1] = bad;
    broken(c, u, at);
  }
}

static void break_words(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  unsigned f = ambi_ops[pc->op].flags, n = ambi_op_words(pc);
  pc->op = OP_I_COUNT;
  broken(c, u, at);
  if (f & (X_VARL | X_ELSE)) {
    pc[n - 1].b = (uint16_t)(u->ncode - at);
    broken(c, u, at);
  }
  if (f & X_CALL) {
    pc[1].half[0]++;
    broken(c, u, at);
  }
  if ((f & (X_LIST | X_CALL)) && pc->b) {
    pc[1].half[f & X_CALL ? 1 : 0] = (uint16_t)(SRC_CONST + u->nk);
    broken(c, u, at);
  }
  if ((f & X_ENV) && pc->b) {
    pc[1].half[0] = (uint16_t)u->nslots;
    broken(c, u, at);
  }
  bool returned_to =
      (f & X_PUSH) || pc->op == OP_I_BUILTIN || ((f & X_CALL) && !(f & F_END));
  if (returned_to) {
    pc[n].op = OP_I_NOP;
    broken(c, u, at);
  }
}

static void break_sorts(Unit *c, const Unit *u, uint32_t at) {
  Code *pc = c->code + at;
  for (unsigned i = 0; i < 3; i++) {
    char kind = ambi_operand_kind(pc->op, i);
    Word w = kind == 'K' ? (u->ntemplates ? (Word)(uintptr_t)u->templates[0]
                                          : AMB_NONE.w)
                         : ambi_small_int(1).w;
    if (kind != 'K' && kind != 'T' && kind != 'C' && kind != 'V' && kind != 'H')
      continue;
    uint16_t k = pc->half[i + 1];
    c->k[k] = w;
    broken(c, u, at);
    c->k[k] = u->k[k];
  }
}

static void break_instructions(Unit *u) {
  Unit *c = copy_unit(u);
  accept(c);
  uint32_t last = 0;
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    break_operands(c, u, at);
    break_words(c, u, at);
    break_sorts(c, u, at);
    last = at;
  }
  c->code[last] = (Code){.op = OP_I_NOP};
  broken(c, u, last);
  free_copy(c, u);
}

START_TEST(broken_instructions_are_refused) {
  each_unit(break_instructions);
}
END_TEST

static void break_tables(Unit *u) {
  Unit *c = copy_unit(u);
  for (uint32_t i = 0; i < u->nedges; i++) {
    c->edges[i].to = u->ncode;
    broken(c, u, u->edges[i].at);
    c->edges[i] = u->edges[i];
    c->edges[i].at = u->ncode;
    broken(c, u, u->edges[i].at);
    c->edges[i] = u->edges[i];
  }
  if (u->nedges > 1) {
    c->edges[0] = u->edges[1];
    broken(c, u, u->edges[0].at);
    c->edges[0] = u->edges[0];
  }
  for (uint32_t i = 0; i < u->nswitches; i++) {
    c->switches[i].other = u->ncode;
    broken(c, u, 0);
    c->switches[i].other = u->switches[i].other;
    c->switches[i].open = u->ncode;
    broken(c, u, 0);
    c->switches[i].open = u->switches[i].open;
    if (!u->switches[i].n) continue;
    c->switches[i].cases[0].to = u->ncode;
    broken(c, u, 0);
    c->switches[i].cases[0] = u->switches[i].cases[0];
    c->switches[i].cases[0].key = AMB_NONE.w;
    broken(c, u, 0);
    c->switches[i].cases[0] = u->switches[i].cases[0];
  }
  c->nargs = u->nslots + 1;
  broken(c, u, 0);
  c->nargs = u->nargs;
  c->nslots = MAX_SLOTS + 1;
  broken(c, u, 0);
  c->nslots = u->nslots;
  accept(c);
  free_copy(c, u);
}

START_TEST(broken_tables_are_refused) {
  each_unit(break_tables);
}
END_TEST

// Bits of the collector's rows where nothing is written yet; rows at return
// points that are missing or empty.
static void break_rows(Unit *u) {
  Unit *c = copy_unit(u);
  if (u->nslots > u->nargs) {  // no slot but the arguments at the start
    uint32_t slot = u->nslots - 1;
    c->live[slot / 64] |= (uint64_t)1 << (slot % 64);
    broken(c, u, 0);
    c->live[slot / 64] = u->live[slot / 64];
  }
  for (uint32_t i = 0; i < u->nrows; i++) {
    uint64_t *row = c->live + (size_t)i * u->nlive;
    uint64_t was = row[0];
    bool used = ambi_ops[u->code[u->live_at[i]].op].operands[0] == 'R';
    row[0] = 0;
    if (was && used && i == 0) broken(c, u, u->live_at[i]);
    row[0] = was;
  }
  if (u->nrows > 1) {
    c->live_at[0] = u->live_at[1];
    broken(c, u, 0);
    c->live_at[0] = u->live_at[0];
  }
  for (uint32_t at = 0; at < u->ncode; at += ambi_op_words(u->code + at))
    if (u->code[at].op == OP_I_R_GATHER) {
      c->nrows = 0;
      broken(c, u, at);
      c->nrows = u->nrows;
      break;
    }
  accept(c);
  free_copy(c, u);
}

START_TEST(broken_rows_are_refused) {
  each_unit(break_rows);
}
END_TEST

// ---- the verifier: anything at all --------------------------------------------------

static uint64_t random_state = 1;
static uint32_t below(uint32_t n) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % n;
}

static void flip(void *at, size_t size) {
  if (!size) return;
  size_t bit = below((uint32_t)size * 8);
  ((unsigned char *)at)[bit / 8] ^= (unsigned char)(1u << (bit % 8));
}

// Any answer is right as long as there is one.
static void flip_bits(Unit *u) {
  for (unsigned round = 0; round < 40; round++) {
    Unit *c = copy_unit(u);
    for (uint32_t flips = 1 + below(4); flips > 0; flips--) {
      switch (below(8)) {
      case 0: flip(c->edges, u->nedges * sizeof *u->edges); break;
      case 1: flip(c->k, u->nk * sizeof *u->k); break;
      case 2:
        flip(c->live, (size_t)u->nrows * u->nlive * sizeof *u->live);
        break;
      case 3: flip(c->live_at, u->nrows * sizeof *u->live_at); break;
      case 4:
        if (u->nswitches) {
          Switch *s = &c->switches[below(u->nswitches)];
          flip(s->cases, s->n * sizeof *s->cases);
          flip(below(2) ? &s->other : &s->open, sizeof s->open);
        }
        break;
      default: flip(c->code, u->ncode * sizeof *u->code); break;
      }
    }
    const char *why;
    uint32_t at;
    bool ok = ambi_unit_verify(c, &why, &at);
    ck_assert(ok || why != NULL);
    free_copy(c, u);
  }
}

START_TEST(random_flips_do_no_harm) {
  each_unit(flip_bits);
}
END_TEST

START_TEST(no_memory_is_no_answer) {
  Asm a = {.nslots = 0};
  op(&a, OP_I_FAIL, 0, 0, 0);
  Unit *u = sound(&a);
  const char *why = "";
  uint32_t at;
  for (unsigned i = 1; i <= 2; i++) {
    ambi_alloc_fail_at(i);
    ck_assert(!ambi_unit_verify(u, &why, &at));
    ck_assert_ptr_null(why);
  }
  ambi_alloc_fail_at(0);
  ambi_unit_free(u);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("verify");
  tcase_add_checked_fixture(tc, open_machine, close_machine);
  tcase_add_test(tc, reads_come_after_writes);
  tcase_add_test(tc, alternatives_see_older_slots_only);
  tcase_add_test(tc, alternatives_do_not_see_what_was_written_over);
  tcase_add_test(tc, records_are_its_own);
  tcase_add_test(tc, paths_meet_in_what_all_have);
  tcase_add_test(tc, alternatives_move_or_drop_the_record);
  tcase_add_test(tc, positions_are_no_values);
  tcase_add_test(tc, return_points_are_returned_to);
  tcase_add_test(tc, real_units_pass);
  tcase_add_test(tc, broken_instructions_are_refused);
  tcase_add_test(tc, broken_tables_are_refused);
  tcase_add_test(tc, broken_rows_are_refused);
  tcase_add_test(tc, random_flips_do_no_harm);
  tcase_add_test(tc, no_memory_is_no_answer);
  return unit_run(tc, "verify");
}
