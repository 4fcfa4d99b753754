// Bytecode is refused by the verifier, or runs to an end or a limit.
//
// Units are written at random from instructions that look at what they are given, and
// run, collecting at every call. Now and then one reads any slot there is, loses a write,
// or has fewer rows for the collector: whatever the verifier lets pass runs on a stack of
// words that nobody may follow, so a slot that nobody wrote is seen as soon as it is used.
// Units of a program are changed
// anywhere; those the verifier only has to judge, because it does not follow what is known
// of a value: that GETCH is given an expression with so many children, lowering alone sees
// to.
#include "runtime/bytecode/disasm.h"
#include "runtime/bytecode/verify.h"
#include "runtime/machine/engine.h"
#include "runtime/modules/runner.h"
#include "tests/fuzz/fuzz.h"

static Runtime *rt;
static Context *cx;
static Engine *g;

// ---- writing a unit ---------------------------------------------------------------

enum { MAX_CODE = 60, KINDS = 4, FIRST_VALUES = 4, CALLED = 4 };
enum {  // constants: values, two types among them, then the other sorts
  A_TYPE = 4,
  NUMBER_TYPE,
  A_SPACE,
  A_STATE,
  NVALUES,
  A_NAME = NVALUES,
  A_HEAD,
  A_TEMPLATE,
  A_VARIANT,
  NK = A_VARIANT + CALLED
};

// No instruction jumps backward: only calls count steps.
static const uint8_t safe[] = {
    OP_I_MOVE,     OP_I_MKEXPR,    OP_I_JUMP,    OP_I_FAIL,
    OP_I_RET,      OP_I_POS,       OP_I_STREAM,  OP_I_GATHER,
    OP_I_EVALV,    OP_I_EVALT,     OP_I_EVALX,   OP_I_EVALXT,
    OP_I_TRY,      OP_I_RETRY,     OP_I_TRUST,   OP_I_SETALT,
    OP_I_POPALT,   OP_I_FORKV,     OP_I_COLLECT, OP_I_COLLECT_ADD,
    OP_I_ONCE,     OP_I_CASE,      OP_I_TESTK,   OP_I_COLLECT_END,
    OP_I_ONCE_END, OP_I_TESTF,     OP_I_TESTN,   OP_I_SAMEV,
    OP_I_UNIFYV,   OP_I_CASE_END,  OP_I_ADD,     OP_I_SUB,
    OP_I_MUL,      OP_I_ADDI,      OP_I_SUBI,    OP_I_JNLT,
    OP_I_JNGT,     OP_I_JNLE,      OP_I_JNGE,    OP_I_JNEQ,
    OP_I_JNEQT,    OP_I_JNEQI,     OP_I_JNLTI,   OP_I_JNGTI,
    OP_I_BRANCH,   OP_I_CHKNUM,    OP_I_CHKTYPE, OP_I_CHKBODY,
    OP_I_CHKHEAD,  OP_I_CHKEXP,    OP_I_FRESH,   OP_I_CAR,
    OP_I_CONS,     OP_I_CHKGROUND, OP_I_DECONS,  OP_I_R_STORE,
    OP_I_R_STREAM, OP_I_R_GATHER,  OP_I_NOP,     OP_I_CHKERR,
    OP_I_CHKBOUND, OP_I_CHKEPOCH,  OP_I_CHKLIKE, OP_I_CASTR,
    OP_I_GETSTATE, OP_I_SETSTATE,  OP_I_INST,    OP_I_UNIFYT,
    OP_I_UNIFYE,   OP_I_MATCH,     OP_I_MATCHF,  OP_I_BUILTIN,
    OP_I_CALL,     OP_I_TAILCALL,  OP_I_EVALA};

typedef struct Open {
  uint16_t slot;
  uint32_t nvalues;  // when it began
} Open;

typedef struct Writer {
  Bytes *in;
  Code code[MAX_CODE + 8];
  uint32_t n;
  uint32_t starts[MAX_CODE];
  uint32_t nstarts;
  uint32_t nslots;
  uint16_t values[4 * MAX_CODE];  // slots written with values
  uint32_t nvalues;
  Open open[KINDS]
           [2 * MAX_CODE];  // positions that have not ended, of each kind
  uint32_t nopen[KINDS];
} Writer;

static Template list, *shape;  // shape: (link $x $y)
static Word constants[NK];
static uint32_t arguments[CALLED];  // of the variants among the constants

// One time in 256 any slot at all: of a value, of a position, or never written.
static uint16_t value_slot(Writer *w) {
  uint32_t i = next_byte(w->in);
  if (i == 255) return (uint16_t)choose(w->in, w->nslots);
  return w->values[i % w->nvalues];
}
// Slots are written once, but for what changes the newest: what may come back finds
// them as they were, which the verifier cannot see in full.
static uint16_t new_slot(Writer *w) {
  return w->values[w->nvalues++] = (uint16_t)w->nslots++;
}

static unsigned kind_of_position(unsigned op) {
  switch (op) {
  case OP_I_COLLECT:
  case OP_I_COLLECT_ADD: return 0;
  case OP_I_ONCE:
  case OP_I_ONCE_END: return 1;
  case OP_I_CASE:
  case OP_I_CASE_END: return 2;
  default: return 3;
  }
}

static uint16_t begin_position(Writer *w, unsigned kind) {
  uint16_t slot = (uint16_t)w->nslots++;
  w->open[kind][w->nopen[kind]++] = (Open){slot, w->nvalues};
  return slot;
}

static uint16_t newest_position(const Writer *w, unsigned kind) {
  return w->nopen[kind] ? w->open[kind][w->nopen[kind] - 1].slot : 0;
}

// A position ends once, and those that began within it with it, which the verifier does
// not see. Results that were saved find the slots as they were when it began.
static void end_position(Writer *w, const Code *pc) {
  unsigned kind = kind_of_position(pc->op);
  if (ambi_ops[pc->op].operands[1] != 'Q' || !w->nopen[kind]) return;
  const Open *o = &w->open[kind][--w->nopen[kind]];
  for (unsigned k = 0; k < KINDS; k++)
    while (w->nopen[k] && w->open[k][w->nopen[k] - 1].slot > o->slot)
      w->nopen[k]--;
  if (pc->op == OP_I_STREAM || pc->op == OP_I_R_STREAM) return;
  if (o->nvalues < w->nvalues) w->nvalues = o->nvalues;
  w->values[w->nvalues++] = pc->a;
}

static bool takes_type(unsigned op) {
  return op == OP_I_EVALX || op == OP_I_EVALA || op == OP_I_EVALXT ||
         op == OP_I_CHKTYPE || op == OP_I_CASTR;
}

static uint16_t source(Writer *w) {
  if (choose(w->in, 2)) return value_slot(w);
  return (uint16_t)(SRC_CONST + choose(w->in, NVALUES));
}

static uint16_t operand(Writer *w, unsigned op, unsigned i) {
  switch (ambi_operand_kind(op, i)) {
  case 'W': return new_slot(w);
  case 'R': return value_slot(w);
  case 'U': return w->values[w->nvalues - 1];
  case 'P': return begin_position(w, kind_of_position(op));
  case 'Q': return newest_position(w, kind_of_position(op));
  case 'S':
    if (op == OP_I_MATCHF || (op == OP_I_MATCH && i == 0))
      return SRC_CONST + A_SPACE;
    return source(w);
  case 'K':
    return (uint16_t)(takes_type(op) ? A_TYPE + choose(w->in, 2)
                                     : choose(w->in, NVALUES));
  case 'T': return A_TEMPLATE;
  case 'C': return (uint16_t)(A_VARIANT + choose(w->in, CALLED));
  case 'V': return A_NAME;
  case 'H': return A_HEAD;
  case 'N':
  case 'Z': return (uint16_t)choose(w->in, 4);
  case 'L': return (uint16_t)(1 + choose(w->in, 16));  // instructions on
  default: return 0;
  }
}

static uint16_t some_operation(Writer *w) {
  uint32_t id = choose(w->in, OP_COUNT);
  const Builtin *op = &ambi_builtins[id];
  bool plain = op->fn && op->effects == E_PURE && op->min_args >= 0;
  return (uint16_t)(plain ? id : OP_ADD);
}

// The sources, slots or arguments that stand behind an instruction.
static void write_list(Writer *w, Code *pc) {
  uint16_t *behind = &pc[1].half[0];
  switch (pc->op) {
  case OP_I_MKEXPR:
    pc->b = (uint16_t)(1 + pc->c);
    pc->c = 0;
    break;
  case OP_I_BUILTIN:
    pc->c = some_operation(w);
    pc->b = (uint16_t)ambi_builtins[pc->c].min_args;
    break;
  case OP_I_CALL:
  case OP_I_TAILCALL:
    pc->b = (uint16_t)arguments[pc->c - A_VARIANT];
    behind++;  // the size of the frame is known in the end
    break;
  case OP_I_INST:
  case OP_I_UNIFYT:
  case OP_I_UNIFYE:
  case OP_I_MATCHF:
    pc->b = (uint16_t)shape->nvars;
    for (unsigned i = 0; i < pc->b; i++)
      behind[i] =
          (uint16_t)(choose(w->in, 2) ? ENV_NEW | w->nslots++ : value_slot(w));
    for (unsigned i = 0; i < pc->b; i++)
      if (behind[i] & ENV_NEW)
        w->values[w->nvalues++] = behind[i] & (ENV_NEW - 1);
    return;
  default: return;
  }
  for (unsigned i = 0; i < pc->b; i++)
    behind[i] = source(w);
}

static void write_instruction(Writer *w) {
  unsigned op = safe[choose(w->in, sizeof safe)];
  Code *pc = &w->code[w->n];
  w->starts[w->nstarts++] = w->n;
  *pc = (Code){.op = (uint16_t)op};
  for (unsigned i = 0; i < 3; i++)
    pc->half[i + 1] = operand(w, op, i);
  if (op == OP_I_R_STREAM || op == OP_I_R_GATHER) pc->c = 0;
  write_list(w, pc);
  end_position(w, pc);
  unsigned words = ambi_op_words(pc);
  if (ambi_ops[op].flags & (X_VARL | X_ELSE))
    pc[words - 1].w = 0, pc[words - 1].b = (uint16_t)(1 + choose(w->in, 16));
  w->n += words;
  bool returns =
      (ambi_ops[op].flags & X_PUSH) || op == OP_I_BUILTIN || op == OP_I_CALL;
  if (returns && w->nstarts < MAX_CODE) {
    w->starts[w->nstarts++] = w->n;
    w->code[w->n++] = (Code){.op = OP_I_R_STORE, .a = new_slot(w)};
  }
}

// Labels that count instructions become distances in words, and calls get the size
// of the frame.
static void place_labels(Writer *w) {
  for (uint32_t i = 0; i < w->nstarts; i++) {
    Code *pc = &w->code[w->starts[i]];
    const OpInfo *op = &ambi_ops[pc->op];
    if (op->flags & X_CALL) pc[1].half[0] = (uint16_t)w->nslots;
    unsigned last = ambi_op_words(pc) - 1;
    uint16_t *labels[] = {op->operands[2] == 'L' ? &pc->c : NULL,
                          op->flags & (X_VARL | X_ELSE) ? &pc[last].b : NULL};
    for (unsigned j = 0; j < 2; j++) {
      if (!labels[j]) continue;
      uint32_t to = i + *labels[j];
      if (to >= w->nstarts) to = w->nstarts - 1;
      *labels[j] = (uint16_t)(w->starts[to] - w->starts[i]);
    }
  }
}

// What the instruction would have written is not written.
static void drop_instruction(Writer *w, uint32_t i) {
  uint32_t end = w->starts[i] + ambi_op_words(w->code + w->starts[i]);
  for (uint32_t at = w->starts[i]; at < end; at++)
    w->code[at] = (Code){.op = OP_I_NOP};
}

// Rows stand where control may come back to, and everywhere else, too; those are what the
// verifier compares its two flows by. Without them each has to hold by itself.
static void drop_rows(Unit *u, uint32_t n) {
  if (n > u->nrows) n = u->nrows;
  uint32_t left = u->nrows - n;
  memmove(u->live, u->live + (size_t)n * u->nlive,
          (size_t)left * u->nlive * sizeof *u->live);
  memmove(u->live_at, u->live_at + n, left * sizeof *u->live_at);
  u->live = ambi_realloc(u->live, (size_t)u->nrows * u->nlive * sizeof *u->live,
                         (size_t)left * u->nlive * sizeof *u->live);
  u->live_at = ambi_realloc(u->live_at, u->nrows * sizeof *u->live_at,
                            left * sizeof *u->live_at);
  u->nrows = left;
}

static void *copied(const void *from, size_t size) {
  if (!size) return NULL;
  void *p = ambi_alloc(size);
  HOLDS(p, "no memory");
  return memcpy(p, from, size);
}

// Every instruction has an error edge: the last one, which fails. The first rows are left
// out, so many.
static Unit *written(const Writer *w, uint32_t without) {
  Unit *u = ambi_alloc(sizeof *u);
  u->code = copied(w->code, w->n * sizeof *w->code);
  u->ncode = w->n;
  u->nslots = w->nslots;
  u->k = copied(constants, sizeof constants);
  u->nk = NK;
  u->templates = &shape;
  u->ntemplates = 1;
  u->edges = ambi_alloc(w->nstarts * sizeof *u->edges);
  for (uint32_t i = 0; i + 1 < w->nstarts; i++)
    u->edges[u->nedges++] = (ErrorEdge){w->starts[i], w->n - 1};
  u->edges = ambi_realloc(u->edges, w->nstarts * sizeof *u->edges,
                          u->nedges * sizeof *u->edges);
  HOLDS(ambi_unit_liveness(u), "no liveness");
  drop_rows(u, without);
  ambi_unit_ready(rt->code, u);
  return u;
}

static bool accepted(const Unit *u) {
  const char *why = NULL;
  uint32_t at = 0;
  bool ok = ambi_unit_verify(u, &why, &at);
  HOLDS(ok || why, "refused without a reason");
  return ok;
}

// To see what an input is: SHOW=1 build/fuzz/fuzz_bytecode FILE
static void show(const Unit *u) {
  Buffer b = {0};
  if (!getenv("SHOW")) return;
  ambi_disasm_unit(rt, &b, u);
  fputs(b.text, stderr);
  ambi_buffer_drop(&b);
}

// An expression that stands nowhere.
static void fill_stack(void) {
  Word unwritten = AMB_TAGGED(TAG_EXPR, 16);
  for (Word *at = g->stack; at < g->stack_end; at++)
    *at = unwritten;
}

static void check_written(Bytes *b) {
  Writer w = {.in = b, .nslots = 1};  // slot 0: never written
  uint32_t dropped = next_byte(b);    // this instruction, if there are so many
  uint32_t rows = next_byte(b);       // without so many of the first ones
  for (unsigned i = 0; i < FIRST_VALUES; i++) {
    w.starts[w.nstarts++] = w.n;
    w.code[w.n++] = (Code){.op = OP_I_MOVE,
                           .a = new_slot(&w),
                           .b = (uint16_t)(SRC_CONST + choose(b, NVALUES))};
  }
  while (b->n > 0 && w.n + 8 < MAX_CODE && w.nstarts + 4 < MAX_CODE)
    write_instruction(&w);
  w.starts[w.nstarts++] = w.n;
  w.code[w.n++] = (Code){.op = OP_I_FAIL};
  place_labels(&w);
  if (dropped + 1 < w.nstarts) drop_instruction(&w, dropped);
  Unit *u = written(&w, rows < 128 ? rows : 0);
  show(u);
  if (accepted(u)) {
    ValueVec out = {0};
    fill_stack();
    ambi_limits_begin(cx);
    enum AmbStop stop = ambi_engine_run_unit(g, u, &out);
    HOLDS(stop != STOP_INTERNAL, "internal error: %s", cx->message);
    Buffer text = {0};
    ambi_print_results(rt, &text, out.at, out.n);
    ambi_buffer_drop(&text);
    ambi_vec_drop(&out);
  }
  u->templates = NULL;
  u->ntemplates = 0;
  ambi_unit_free(u);
}

// ---- changing a unit ----------------------------------------------------------------

static const char program[] =
    "(: num (-> Number Number))"
    "(= (fact $n) (if (> $n 1) (* $n (fact (- $n 1))) 1))"
    "(= (num $n) (let $x (* $n 2) (- $x 1)))"
    "(= (join () $y) $y)"
    "(= (join (C $h $t) $y) (C $h (join $t $y)))"
    "(= (kind a) 1) (= (kind (f $x)) $x) (= (kind (g $x $x)) same)"
    "(= (all) (collapse (superpose (1 2 3))))"
    "(= (find $k) (match &self (link $k $v) ($k $v)))"
    "(= (arms $x) (case $x ((1 one) ((p $y) $y) ($else none))))"
    "(= (sum $l) (foldl-atom $l 0 $a $b (+ $a $b)))"
    "(= (each $l) (map-atom $l $x (join $x $x)))"
    "(= (one) (once (superpose ((num 1) (num 2)))))"
    "(= (part $x) (unify $x (h $y $z) ($z $y) no))"
    "(link a 1) (link b 2)"
    "!(fact 3) !(join (C 1 ()) ()) !(kind (g 1 1)) !(all) !(find $k)"
    "!(arms (p 1)) !(sum (1 2)) !(each ((C 1 ()))) !(one)"
    "!(part (h 1 2)) !(kind $q)";

enum { MAX_UNITS = 64 };
static const Unit *units[MAX_UNITS];
static uint32_t nunits;

static void change(Bytes *b, void *at, size_t size) {
  if (size < 2) return;
  size_t i = (next_byte(b) << 8 | next_byte(b)) % (size / 2);
  uint16_t value = (uint16_t)(next_byte(b) << 8 | next_byte(b));
  if (choose(b, 2)) value &= 15;
  memcpy((char *)at + 2 * i, &value, sizeof value);
}

static void change_switch(Bytes *b, Unit *u) {
  if (!u->nswitches) return;
  Switch *s = &u->switches[choose(b, u->nswitches > 255 ? 255 : u->nswitches)];
  switch (choose(b, 3)) {
  case 0: change(b, s->cases, s->n * sizeof *s->cases); break;
  case 1: change(b, &s->other, sizeof s->other); break;
  default: change(b, &s->open, sizeof s->open);
  }
}

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
  c->local = NULL;
  return c;
}

static void free_copy(Unit *c) {
  c->templates = NULL;
  c->ntemplates = 0;
  ambi_unit_free(c);
}

static void check_changed(Bytes *b) {
  const Unit *u = units[choose(b, nunits)];
  Unit *c = copy_unit(u);
  HOLDS(accepted(c), "a unit of the program is refused");
  while (b->n > 0) {
    switch (choose(b, 8)) {
    case 0: change(b, c->k, c->nk * sizeof *c->k); break;
    case 1: change(b, c->edges, c->nedges * sizeof *c->edges); break;
    case 2: change(b, c->live, (size_t)c->nrows * c->nlive * 8); break;
    case 3: change(b, c->live_at, c->nrows * sizeof *c->live_at); break;
    case 4: change_switch(b, c); break;
    default: change(b, c->code, c->ncode * sizeof *c->code);
    }
  }
  bool ok = accepted(c);
  HOLDS(accepted(c) == ok, "two answers");
  free_copy(c);
}

// ---- life ---------------------------------------------------------------------------

static void open_units(void) {
  Script script = {.rt = rt,
                   .module = ambi_module_top(rt),
                   .name = "fuzz",
                   .text = program,
                   .len = strlen(program)};
  HOLDS(ambi_run_script(&script) == RUN_OK, "the program fails");
  ambi_script_drop(&script);
  for (Unit *u = rt->code->units; u && nunits < MAX_UNITS; u = u->next)
    if (!u->routine) units[nunits++] = u;
  HOLDS(nunits > 10, "%u units", nunits);
}

// (link $x $y), and what the program's units call.
static void open_shape(void) {
  static Template t;
  uint32_t x, y;
  HOLDS(ambi_symbol_intern(rt->symbols, "x", 1, &x) &&
            ambi_symbol_intern(rt->symbols, "y", 1, &y),
        "no symbols");
  Value items[] = {ambi_make_sym(cx, "link", 4),
                   ambi_make_var(cx, x, AMB_VAR_AS_WRITTEN),
                   ambi_make_var(cx, y, AMB_VAR_AS_WRITTEN)};
  HOLDS(ambi_template_make(rt->store, ambi_make_expr(cx, items, 3), &t),
        "no template");
  shape = &t;
}

static void open_variants(void) {
  static const char *const names[CALLED] = {"kind", "join", "all", "fact"};
  static const uint32_t counts[CALLED] = {1, 2, 0, 1};
  for (unsigned i = 0; i < CALLED; i++) {
    Value head = ambi_make_sym(cx, names[i], strlen(names[i]));
    Definition *d = ambi_definition(rt->code, cx->space, head, counts[i]);
    Variant *v = d ? ambi_variant(rt->code, d, AMB_SYM(UNDEFINED)) : NULL;
    HOLDS(v, "no variant");
    constants[A_VARIANT + i] = (Word)(uintptr_t)v;
    arguments[i] = counts[i];
  }
}

static void open_constants(void) {
  Value items[] = {ambi_small_int(1), AMB_SYM(EMPTY), ambi_small_int(3)};
  Value state, one[] = {ambi_small_int(1), AMB_SYM(T_NUMBER)};
  uint32_t name;
  one[1] = ambi_make_expr(cx, &one[1], 1);
  HOLDS(ambi_template_make(rt->store, ambi_make_expr(cx, items, 3), &list) &&
            ambi_symbol_intern(rt->symbols, "v", 1, &name) &&
            ambi_b_new_state(cx, one, 2, &state) == B_OK,
        "no constants");
  open_shape();
  const Word k[A_VARIANT] = {
      ambi_small_int(1).w,
      ambi_double(0.5).w,
      list.atom.w,
      AMB_TRUE.w,
      AMB_SYM(UNDEFINED).w,
      AMB_SYM(T_NUMBER).w,
      ambi_tag_ptr(TAG_CELL, cx->space).w,
      state.w,
      ambi_vinfo(name, AMB_VAR_FRESH),
      AMB_TAGGED(TAG_HDR, ((Word)3 << 28) ^ name),
      (Word)(uintptr_t)shape,
  };
  memcpy(constants, k, sizeof k);
  open_variants();
}

static void open_once(void) {
  if (rt) return;
  rt = open_runtime(1);
  cx = open_context(rt);
  cx->engine = g = ambi_engine_open(cx);
  HOLDS(g, "no engine");
  open_units();
  open_constants();
  rt->limits.steps = 500;
  rt->limits.memory = (uint64_t)64 << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  open_once();
  Bytes b = {data, size};
  if (choose(&b, 3))
    check_written(&b);
  else
    check_changed(&b);
  ambi_context_reset(cx);
  return 0;
}
