// Templates of level 2: numbers from registers to registers.
//
// An instruction here either has a template that knows what registers hold, or is
// *light*: its usual template runs in line and leaves r8 to r11 and xmm2 and up alone,
// so that what they hold is stored but still there; or it ends all that.
//
// What a template does not take goes on at the same instruction of the general version,
// before anything has changed.
#include "compiler_thread/keep.h"
#include "runtime/builtins/builtin.h"

enum { MOST_ARGUMENTS = 200 };  // of a call in line

// Without a template of its own: ends all keeping, is light, ends it.
enum Class { HEAVY, LIGHT, KEEPS };

// ---- operands -----------------------------------------------------------------------
static bool is_small(int64_t shifted) {
  return shifted == (int32_t)shifted;
}

static int64_t shifted_constant(const Emit *m, unsigned source) {
  return (int64_t)(constant(m, source).w << 16);
}

bool keep_can_be_int(const Emit *m, unsigned source) {
  if (is_constant(source)) return ambi_is_int(constant(m, source));
  return keep_find_fp(m, source) < 0 && !emit_known(m, source, FACT_FLOAT);
}

bool keep_surely_int(const Emit *m, unsigned source) {
  return keep_find_gp(m, source) >= 0 || emit_known(m, source, FACT_INT);
}

// The word in register i becomes its integer there.
static JitReg word_to_int(Emit *m, unsigned source, int i) {
  if (!emit_known(m, source, FACT_INT))
    emit_want_tag(m, keep_gp[i], TAG_INT, keep_exit(m));
  jit_shift(m->j, J_SHL, keep_gp[i], 16);
  m->keep->now.gp[i].word = false;
  keep_pin(m, false, i);
  return keep_gp[i];
}

// The register of a slot's integer; what is none leaves.
JitReg keep_int(Emit *m, unsigned source) {
  Jit *j = m->j;
  unsigned slot = slot_of(source);
  int i = keep_find_gp(m, source);
  if (i >= 0) {
    keep_pin(m, false, i);
    return keep_gp[i];
  }
  if ((i = keep_find_word(m, source)) >= 0) return word_to_int(m, source, i);
  if (!emit_known(m, source, FACT_INT)) {
    jit_zx(j, 2, J_RCX, jit_at(R_E, (int32_t)slot * 8 + 6));
    jit_ri32(j, J_CMP, J_RCX, TAG_INT);
    jit_jump_if(j, J_NE, keep_exit(m));
  }
  return keep_load_gp(m, slot);
}

// to = to op operand. Uses rdx.
static void with_int(Emit *m, JitOp op, JitReg to, unsigned source) {
  if (!is_constant(source)) {
    jit_rr(m->j, op, to, keep_int(m, source));
    return;
  }
  int64_t c = shifted_constant(m, source);
  if (is_small(c)) {
    jit_ri(m->j, op, to, (int32_t)c);
  } else {
    jit_imm(m->j, J_RDX, (uint64_t)c);
    jit_rr(m->j, op, to, J_RDX);
  }
}

// Is it an integer in memory that is needed no more?
static bool last_use(const Emit *m, unsigned source) {
  return emit_known(m, source, FACT_INT) && keep_find_gp(m, source) < 0 &&
         keep_find_word(m, source) < 0 &&
         !keep_live(m, m->at + emit_words(m), slot_of(source));
}

static void int_to(Emit *m, JitReg to, unsigned source) {
  if (is_constant(source)) {
    jit_imm(m->j, to, (uint64_t)shifted_constant(m, source));
  } else if (last_use(m, source)) {
    jit_rm(m->j, J_MOV, to, in_slot(slot_of(source)));
    jit_shift(m->j, J_SHL, to, 16);
  } else {
    jit_rr(m->j, J_MOV, to, keep_int(m, source));
  }
}

static void want_double_tag(Emit *m) {  // ecx; else leaves
  jit_ri32(m->j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(m->j, J_CMP, J_RCX, 0x7FF8);
  jit_jump_if(m->j, J_ABOVE, keep_exit(m));
}

// The double that register i holds as a word gets one of its own.
static unsigned word_to_double(Emit *m, unsigned source, int i) {
  Kept *k = &m->keep->now.gp[i];
  bool dirty = k->dirty;
  if (!emit_known(m, source, FACT_FLOAT)) {
    emit_tag(m, J_RCX, keep_gp[i]);
    want_double_tag(m);
  }
  *k = (Kept){.slot = NO_SLOT};
  unsigned x = keep_define_fp(m, slot_of(source));
  jit_to_float(m->j, x, keep_gp[i]);
  m->keep->now.fp[keep_find_fp(m, source)].dirty = dirty;
  return x;
}

// The operand as a double: its register, or the scratch register x. Uses rax, rcx.
unsigned keep_double(Emit *m, unsigned x, unsigned source) {
  Jit *j = m->j;
  if (is_constant(source)) {
    Value v = constant(m, source);
    double d = ambi_is_int(v) ? (double)ambi_int_of(v) : ambi_double_of(v);
    jit_imm(j, J_RAX, ambi_double(d).w);
    jit_to_float(j, x, J_RAX);
    return x;
  }
  int i = keep_find_fp(m, source), w = keep_find_word(m, source);
  if (i >= 0) {
    keep_pin(m, true, i);
    return keep_xmm((unsigned)i);
  }
  unsigned slot = slot_of(source);
  if (w >= 0 && !emit_known(m, source, FACT_INT))
    return word_to_double(m, source, w);
  if (w >= 0) keep_int(m, source);
  i = keep_find_gp(m, source);
  if (i >= 0 || emit_known(m, source, FACT_INT)) {
    if (i >= 0) {
      jit_rr(j, J_MOV, J_RAX, keep_gp[i]);
    } else {
      jit_rm(j, J_MOV, J_RAX, in_slot(slot));
      jit_shift(j, J_SHL, J_RAX, 16);
    }
    jit_shift(j, J_SAR, J_RAX, 16);
    jit_int_to_float(j, x, J_RAX);
    return x;
  }
  if (!emit_known(m, source, FACT_FLOAT)) {
    jit_zx(j, 2, J_RCX, jit_at(R_E, (int32_t)slot * 8 + 6));
    want_double_tag(m);
  }
  return keep_load_fp(m, slot);
}

static void double_to(Emit *m, unsigned x, unsigned source) {
  unsigned from = keep_double(m, x, source);
  if (from != x) jit_float_rr(m->j, x, from);
}

// ---- results ------------------------------------------------------------------------
static void give_int(Emit *m, unsigned slot) {  // rax
  jit_rr(m->j, J_MOV, keep_define_gp(m, slot), J_RAX);
}

// xmm0, if it is a number.
static void give_double(Emit *m, unsigned slot) {
  jit_float(m->j, J_FCMP, 0, 0);
  jit_jump_if(m->j, J_PARITY, keep_exit(m));
  jit_float_rr(m->j, keep_define_fp(m, slot), 0);
}

// ---- arithmetic ---------------------------------------------------------------------
static const uint64_t *facts_here(const Emit *m) {
  return m->facts + (size_t)m->at * FACTS * m->fact_words;
}

static bool in_doubles(const Emit *m) {
  return ambi_emit_in_doubles(m, m->pc, facts_here(m));
}

// The second operand: a source, or a number that stands in the instruction.
typedef struct Second {
  bool small;
  uint16_t x;
} Second;

static bool second_can_be_int(const Emit *m, Second y) {
  return y.small || keep_can_be_int(m, y.x);
}

static unsigned second_double(Emit *m, Second y) {
  if (!y.small) return keep_double(m, 1, y.x);
  jit_imm(m->j, J_RAX, ambi_double((int16_t)y.x).w);
  jit_to_float(m->j, 1, J_RAX);
  return 1;
}

static void with_second(Emit *m, JitOp op, JitReg to, Second y) {
  if (y.small)
    jit_ri(m->j, op, to, (int32_t)(int16_t)y.x * 65536);
  else
    with_int(m, op, to, y.x);
}

static void calculate(Emit *m, JitFloat op, unsigned x, Second y) {
  double_to(m, 0, x);
  jit_float(m->j, op, 0, second_double(m, y));
  give_double(m, m->pc->a);
}

static bool sum(Emit *m, bool small, JitOp op, JitFloat float_op) {
  unsigned x = m->pc->b;
  Second y = {small, m->pc->c};
  if (in_doubles(m)) {
    calculate(m, float_op, x, y);
    return true;
  }
  if (!keep_can_be_int(m, x) || !second_can_be_int(m, y)) return false;
  int_to(m, J_RAX, x);
  with_second(m, op, J_RAX, y);
  jit_jump_if(m->j, J_OVERFLOW, keep_exit(m));
  give_int(m, m->pc->a);
  return true;
}
static bool add(Emit *m) {
  return sum(m, false, J_ADD, J_FADD);
}
static bool subtract(Emit *m) {
  return sum(m, false, J_SUB, J_FSUB);
}
static bool add_small(Emit *m) {
  return sum(m, true, J_ADD, J_FADD);
}
static bool subtract_small(Emit *m) {
  return sum(m, true, J_SUB, J_FSUB);
}

static bool multiply(Emit *m) {
  unsigned x = m->pc->b, y = m->pc->c;
  if (in_doubles(m)) {
    calculate(m, J_FMUL, x, (Second){false, m->pc->c});
    return true;
  }
  if (!keep_can_be_int(m, x) || !keep_can_be_int(m, y)) return false;
  int_to(m, J_RAX, x);
  int_to(m, J_RDX, y);
  jit_shift(m->j, J_SAR, J_RDX, 16);
  jit_rr(m->j, J_IMUL, J_RAX, J_RDX);
  jit_jump_if(m->j, J_OVERFLOW, keep_exit(m));
  give_int(m, m->pc->a);
  return true;
}

// ---- comparisons --------------------------------------------------------------------
// The jump is taken under these conditions: of integers; of doubles, after comparing x
// with y, or y with x (emit_number.c).
static bool compare(Emit *m, bool small, JitIf integer, JitIf x_y, bool swap) {
  unsigned x = m->pc->a;
  Second y = {small, m->pc->b};
  uint32_t to = emit_offset(m, (int16_t)m->pc->c);
  if (in_doubles(m)) {
    unsigned a = keep_double(m, 0, x), b = second_double(m, y);
    jit_float(m->j, J_FCMP, swap ? b : a, swap ? a : b);
    jit_jump_if(m->j, x_y, keep_label(m, to));
    return true;
  }
  if (!keep_can_be_int(m, x) || !second_can_be_int(m, y) || is_constant(x))
    return false;
  with_second(m, J_CMP, keep_int(m, x), y);
  jit_jump_if(m->j, integer, keep_label(m, to));
  return true;
}
static bool unless_less(Emit *m) {
  return compare(m, false, J_GE, J_BELOW_EQ, true);
}
static bool unless_greater(Emit *m) {
  return compare(m, false, J_LE, J_BELOW_EQ, false);
}
static bool unless_at_most(Emit *m) {
  return compare(m, false, J_GT, J_BELOW, true);
}
static bool unless_at_least(Emit *m) {
  return compare(m, false, J_LT, J_BELOW, false);
}
static bool unless_small(Emit *m) {
  return !in_doubles(m) && compare(m, true, J_NE, J_NE, false);
}
static bool unless_less_small(Emit *m) {
  return compare(m, true, J_GE, J_BELOW_EQ, true);
}
static bool unless_greater_small(Emit *m) {
  return compare(m, true, J_LE, J_BELOW_EQ, false);
}

// One that is an integer anyway asks for integers.
static bool unless_equal(Emit *m) {
  unsigned x = m->pc->a, y = m->pc->b;
  if (!keep_surely_int(m, x) && !keep_surely_int(m, y)) return false;
  if (!keep_can_be_int(m, x) || !keep_can_be_int(m, y)) return false;
  if (is_constant(x)) {
    x = m->pc->b;
    y = m->pc->a;
  }
  if (is_constant(x)) return false;
  JitReg a = keep_int(m, x);
  with_int(m, J_CMP, a, y);
  jit_jump_if(m->j, J_NE, keep_label(m, emit_offset(m, (int16_t)m->pc->c)));
  return true;
}

// ---- operations ---------------------------------------------------------------------
// rax / 2^k by a shift, to which what is negative first gets 2^k - 1.
static void divide_by_power(Emit *m, unsigned k, bool remainder) {
  Jit *j = m->j;
  jit_shift(j, J_SAR, J_RAX, 16);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_rr(j, J_MOV, J_RDX, J_RAX);
  jit_shift(j, J_SAR, J_RDX, 63);
  jit_shift(j, J_SHR, J_RDX, 64 - k);
  jit_rr(j, J_ADD, J_RAX, J_RDX);
  jit_shift(j, J_SAR, J_RAX, k);
  if (!remainder) return;
  jit_shift(j, J_SHL, J_RAX, k);
  jit_rr(j, J_SUB, J_RCX, J_RAX);
  jit_rr(j, J_MOV, J_RAX, J_RCX);
}

// rax / by, for a constant of at least 3, by multiplication: the quotient is the
// product's high half, shifted, one more for what is negative. It is exact for
// integers of 48 bits as long as 2^(17 + shift) is not less than `by` (Granlund and
// Montgomery, "Division by invariant integers using multiplication").
static void divide_by(Emit *m, int64_t by, bool remainder) {
  Jit *j = m->j;
  unsigned shift = 0;
  while ((int64_t)1 << (17 + shift) < by)
    shift++;
  unsigned __int128 power = (unsigned __int128)1 << (64 + shift);
  jit_shift(j, J_SAR, J_RAX, 16);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_imm(j, J_RDX, (uint64_t)(power / (unsigned __int128)by) + 1);
  jit_multiply_high(j, J_RDX);
  if (shift) jit_shift(j, J_SAR, J_RDX, shift);
  jit_rr(j, J_MOV, J_RAX, J_RCX);
  jit_shift(j, J_SAR, J_RAX, 63);
  jit_rr(j, J_SUB, J_RDX, J_RAX);
  jit_rr(j, J_MOV, J_RAX, J_RDX);
  if (!remainder) return;
  jit_imm(j, J_RDX, (uint64_t)by);
  jit_rr(j, J_IMUL, J_RAX, J_RDX);
  jit_rr(j, J_SUB, J_RCX, J_RAX);
  jit_rr(j, J_MOV, J_RAX, J_RCX);
}

static bool divide(Emit *m, unsigned x, unsigned y, bool remainder) {
  Jit *j = m->j;
  if (!keep_can_be_int(m, x) || !keep_can_be_int(m, y)) return false;
  int64_t by = is_constant(y) ? ambi_int_of(constant(m, y)) : 0;
  if (is_constant(y) && by <= 0) return false;
  int_to(m, J_RAX, x);
  if (by >= 2) {
    if ((by & (by - 1)) == 0)
      divide_by_power(m, (unsigned)__builtin_ctzll((uint64_t)by), remainder);
    else
      divide_by(m, by, remainder);
    jit_shift(j, J_SHL, J_RAX, 16);
    give_int(m, m->pc->a);
    return true;
  }
  if (by) {
    jit_imm(j, J_RCX, (uint64_t)by);
  } else {
    jit_rr(j, J_MOV, J_RCX, keep_int(m, y));
    jit_shift(j, J_SAR, J_RCX, 16);
    jit_rr(j, J_TEST, J_RCX, J_RCX);
    jit_jump_if(j, J_LE, keep_exit(m));
  }
  jit_shift(j, J_SAR, J_RAX, 16);
  jit_divide(j, J_RCX);
  if (remainder) jit_rr(j, J_MOV, J_RAX, J_RDX);
  jit_shift(j, J_SHL, J_RAX, 16);
  give_int(m, m->pc->a);
  return true;
}

static bool extreme(Emit *m, unsigned x, unsigned y, JitIf first) {
  Jit *j = m->j;
  JitLabel done = jit_label(j);
  if (!keep_can_be_int(m, x) || !keep_can_be_int(m, y) || is_constant(x))
    return false;
  int_to(m, J_RAX, x);
  int_to(m, J_RCX, y);
  jit_rr(j, J_CMP, J_RAX, J_RCX);
  jit_jump_if(j, first, done);
  jit_rr(j, J_MOV, J_RAX, J_RCX);
  jit_bind(j, done);
  give_int(m, m->pc->a);
  return true;
}

// Goes on behind the instruction that takes further results.
static bool operation(Emit *m) {
  const uint16_t *x = ambi_op_list(m->pc);
  bool doubles = in_doubles(m), done = false;
  switch (m->pc->c) {
  case OP_DIV:
  case OP_REM:
    if (m->pc->b != 2) return false;
    if (doubles && m->pc->c == OP_REM) return false;
    if (doubles) calculate(m, J_FDIV, x[0], (Second){false, x[1]});
    done = doubles || divide(m, x[0], x[1], m->pc->c == OP_REM);
    break;
  case OP_SQRT_MATH:
    if (m->pc->b != 1 || !doubles) return false;
    jit_float(m->j, J_FSQRT, 0, keep_double(m, 0, x[0]));
    give_double(m, m->pc->a);
    done = true;
    break;
  case OP_MIN:
  case OP_MAX:
    if (m->pc->b != 2 || doubles) return false;
    done = extreme(m, x[0], x[1], m->pc->c == OP_MIN ? J_LE : J_GE);
    break;
  default: break;
  }
  if (done) jit_jump(m->j, keep_label(m, m->at + emit_words(m) + 1));
  return done;
}

// ---- control ------------------------------------------------------------------------
static bool move(Emit *m) {
  unsigned to = m->pc->a, from = m->pc->b;
  int i;
  if (to + 1 == m->u->stamp) return false;  // no operand of those who read it
  if (is_constant(from) && ambi_is_int(constant(m, from))) {
    jit_imm(m->j, keep_define_gp(m, to), (uint64_t)shifted_constant(m, from));
  } else if ((i = keep_find_gp(m, from)) >= 0) {
    keep_pin(m, false, i);
    jit_rr(m->j, J_MOV, keep_define_gp(m, to), keep_gp[i]);
  } else if (keep_find_word(m, from) >= 0) {
    emit_source(m, J_RAX, from);
    keep_give_word(m, to);
  } else if ((i = keep_find_fp(m, from)) >= 0) {
    keep_pin(m, true, i);
    jit_float_rr(m->j, keep_define_fp(m, to), keep_xmm((unsigned)i));
  } else {
    emit_source(m, J_RAX, from);
    keep_drop(m, to);
    emit_to_slot(m, to, J_RAX);
  }
  return true;
}

// A number is its own value; it goes on behind the instruction that takes another's.
static bool evaluate(Emit *m) {
  int g = keep_find_gp(m, m->pc->b), x = keep_find_fp(m, m->pc->b);
  if (g < 0 && x < 0) return ambi_emit_keep_value(m);
  move(m);
  jit_jump(m->j, keep_label(m, m->at + emit_words(m) + 1));
  return true;
}

static bool jump(Emit *m) {
  jit_jump(m->j, keep_label(m, emit_offset(m, (int16_t)m->pc->c)));
  return true;
}

static bool is_number(Emit *m) {
  return emit_known(m, m->pc->a, FACT_INT) ||
         emit_known(m, m->pc->a, FACT_FLOAT);
}

static bool check_number(Emit *m) {
  if (is_number(m)) return true;
  if (ambi_emit_wants_integer(m, m->pc, facts_here(m))) {
    keep_int(m, m->pc->a);
    return true;
  }
  JitLabel ok = jit_label(m->j);
  emit_source(m, J_RAX, m->pc->a);
  emit_tag(m, J_RCX, J_RAX);
  jit_ri32(m->j, J_CMP, J_RCX, TAG_INT);
  jit_jump_if(m->j, J_EQ, ok);
  want_double_tag(m);
  jit_bind(m->j, ok);
  return true;
}

static bool give_back(Emit *m, unsigned source) {
  emit_source(m, J_RAX, source);
  keep_count(m);
  emit_return(m);
  return true;
}

static bool give_back_any(Emit *m) {
  return give_back(m, m->pc->a);
}

static bool give_back_value(Emit *m) {
  Word type = m->u->k[m->pc->b];
  if (m->u->counts) return false;  // elsewhere it would be counted once more
  if (type != AMB_SYM(UNDEFINED).w && type != AMB_SYM(T_NUMBER).w) return false;
  return check_number(m) && give_back(m, m->pc->a);
}

// ---- inlined bodies -------------------------------------------------------------------
// One that was passed holds until something could change rules. The step is counted when
// the count is stored.
static bool guard(Emit *m) {
  KeepState *s = &m->keep->now;
  unsigned of = ambi_emit_guard_of(m->u, m->pc->a);
  if (of >= m->u->nslots || !emit_fact(m, m->at, of, FACT_GUARDED))
    ambi_emit_INLINED(m);
  if (s->turns) {
    jit_ri(m->j, J_SUB, R_TURNS, 1);
    s->turns_dirty = true;
  } else {
    s->steps++;
  }
  return true;
}

// A number is its own value, as an argument and as a body.
static bool take(Emit *m) {
  bool number =
      keep_find_gp(m, m->pc->b) >= 0 || keep_find_fp(m, m->pc->b) >= 0 ||
      emit_known(m, m->pc->b, FACT_INT) || emit_known(m, m->pc->b, FACT_FLOAT);
  return number && move(m);
}

static bool take_body(Emit *m) {
  Word type = m->u->k[m->pc->c];
  return (type == AMB_SYM(UNDEFINED).w || type == AMB_SYM(T_NUMBER).w) &&
         take(m);
}

static bool decides(const Emit *m, unsigned source) {
  return !is_checked(source) || emit_known(m, source, FACT_INT) ||
         emit_known(m, source, FACT_FLOAT);
}

// Arguments come from registers; what the caller needs later is stored.
static bool call(Emit *m) {
  const uint16_t *x = ambi_op_list(m->pc) + 1;
  if (m->pc->b > MOST_ARGUMENTS) return false;
  for (unsigned i = 0; i < m->pc->b; i++)
    if (!decides(m, x[i])) return false;
  KeepState now = m->keep->now;
  keep_flush(m, m->at + emit_words(m));
  now.steps = 0;
  m->keep->now = now;
  ambi_emit_CALL(m);
  keep_forget(m);
  return true;
}

static bool position(Emit *m) {
  keep_drop(m, m->pc->a);
  emit_to_slot(m, m->pc->a, R_B);
  return true;
}

// rax is of this kind, or else to `other`. Uses rcx.
static void want_number(Emit *m, enum Fact kind, JitLabel other) {
  Jit *j = m->j;
  emit_tag(m, J_RCX, J_RAX);
  if (kind == FACT_FLOAT) jit_ri32(j, J_AND, J_RCX, 0x7FFF);
  jit_ri32(j, J_CMP, J_RCX, kind == FACT_INT ? TAG_INT : 0x7FF8);
  jit_jump_if(j, kind == FACT_INT ? J_NE : J_ABOVE, other);
}

// What a call gives that numbers are expected of. Anything else is the general
// version's, which finds it in rax, too.
static bool returned(Emit *m) {
  Jit *j = m->j;
  enum Fact kind = ambi_emit_expects(m, m->at);
  ambi_emit_take_parts(m);
  if (kind == FACTS) return false;
  keep_forget(m);
  JitLabel more = jit_label(j), ok = jit_label(j), other = keep_exit(m);
  jit_mr(j, J_CMP, in_slot(m->pc->b), R_B);
  jit_jump_if(j, J_NE, more);
  want_number(m, kind, other);
  jit_bind(j, ok);
  if (kind == FACT_INT) {
    jit_shift(j, J_SHL, J_RAX, 16);
    give_int(m, m->pc->a);
  } else {
    jit_to_float(j, keep_define_fp(m, m->pc->a), J_RAX);
  }
  jit_cold(j);
  jit_bind(j, more);
  want_number(m, kind, other);
  emit_leave_choices(m);
  jit_jump(j, ok);
  jit_hot(j);
  return true;
}

// The record protects the frame with what is needed later; only the alternative is in
// a register.
static bool alternatives(Emit *m) {
  if (!ambi_emit_forks_numbers(m, m->at)) return false;
  keep_flush(m, m->at);
  keep_forget(m);
  ambi_emit_FORKV(m);
  return true;
}

static bool collect(Emit *m) {
  int i = keep_find_gp(m, m->pc->a);
  if (i < 0) return false;
  JitLabel other = keep_exit(m);
  keep_word(m, J_RAX, m->pc->a);
  keep_count(m);
  ambi_emit_collect_word(m, other);
  return true;
}

// ---- all of them --------------------------------------------------------------------
static const struct Keeping {
  uint8_t class;
  bool (*emit)(Emit *m);
} keeping[OP_I_COUNT] = {
    [OP_I_ADD] = {KEEPS, add},
    [OP_I_SUB] = {KEEPS, subtract},
    [OP_I_MUL] = {KEEPS, multiply},
    [OP_I_ADDI] = {KEEPS, add_small},
    [OP_I_SUBI] = {KEEPS, subtract_small},
    [OP_I_JNLT] = {KEEPS, unless_less},
    [OP_I_JNGT] = {KEEPS, unless_greater},
    [OP_I_JNLE] = {KEEPS, unless_at_most},
    [OP_I_JNGE] = {KEEPS, unless_at_least},
    [OP_I_JNEQI] = {KEEPS, unless_small},
    [OP_I_JNLTI] = {KEEPS, unless_less_small},
    [OP_I_JNGTI] = {KEEPS, unless_greater_small},
    [OP_I_JNEQT] = {LIGHT, unless_equal},
    [OP_I_JUMP] = {KEEPS, jump},
    [OP_I_MOVE] = {LIGHT, move},
    [OP_I_CHKNUM] = {LIGHT, check_number},
    [OP_I_RET] = {KEEPS, give_back_any},
    [OP_I_RETV] = {LIGHT, give_back_value},
    [OP_I_TAILCALL] = {HEAVY, ambi_emit_turn},
    [OP_I_CALL] = {HEAVY, call},
    [OP_I_BUILTIN] = {HEAVY, operation},
    [OP_I_FORKV] = {HEAVY, alternatives},
    [OP_I_STREAM] = {HEAVY, ambi_emit_stream_number},
    [OP_I_COLLECT_ADD] = {HEAVY, collect},
    [OP_I_INDEX] = {LIGHT, NULL},
    [OP_I_SIZE] = {LIGHT, NULL},
    [OP_I_AND] = {LIGHT, NULL},
    [OP_I_OR] = {LIGHT, NULL},
    [OP_I_XOR] = {LIGHT, NULL},
    [OP_I_NOT] = {LIGHT, NULL},
    [OP_I_NOP] = {LIGHT, NULL},
    [OP_I_POS] = {KEEPS, position},
    [OP_I_R_STREAM] = {HEAVY, returned},
    [OP_I_TESTK] = {LIGHT, NULL},
    [OP_I_TESTF] = {LIGHT, NULL},
    [OP_I_TESTN] = {LIGHT, NULL},
    [OP_I_SAMEV] = {LIGHT, NULL},
    [OP_I_SWITCH] = {LIGHT, ambi_emit_keep_switch},
    [OP_I_GETCH] = {LIGHT, ambi_emit_keep_child},
    [OP_I_ITEM] = {LIGHT, ambi_emit_keep_item},
    [OP_I_MKEXPR] = {LIGHT, ambi_emit_keep_make},
    [OP_I_CHAIN] = {LIGHT, ambi_emit_keep_chain},
    [OP_I_FRESH] = {LIGHT, NULL},
    [OP_I_CHKERR] = {LIGHT, is_number},
    [OP_I_INLINED] = {KEEPS, guard},
    [OP_I_TAKE] = {LIGHT, take},
    [OP_I_VALUE] = {LIGHT, take_body},
    [OP_I_CHKEXP] = {LIGHT, NULL},
    [OP_I_CHKBOUND] = {LIGHT, NULL},
    [OP_I_CHKEPOCH] = {LIGHT, NULL},
    [OP_I_CHKBODY] = {LIGHT, is_number},
    [OP_I_CHKGROUND] = {LIGHT, NULL},
    [OP_I_CASTR] = {LIGHT, NULL},
    [OP_I_SETTLE] = {LIGHT, NULL},
    [OP_I_OWN] = {LIGHT, NULL},
    [OP_I_UNMARK] = {LIGHT, NULL},
    [OP_I_GETSTATE] = {LIGHT, NULL},
    [OP_I_CHKSTATE] = {LIGHT, NULL},
    [OP_I_BRANCH] = {LIGHT, NULL},
    [OP_I_EVALV] = {LIGHT, evaluate},
    [OP_I_EVALT] = {LIGHT, evaluate},
};

bool ambi_emit_keeps(const Code *pc) {
  if (pc->op == OP_I_BUILTIN)
    return pc->c == OP_DIV || pc->c == OP_REM || pc->c == OP_SQRT_MATH ||
           pc->c == OP_MIN || pc->c == OP_MAX;
  return keeping[pc->op].class != HEAVY;
}

static void drop_results(Emit *m) {
  const OpInfo *op = &ambi_ops[m->pc->op];
  const uint16_t x[3] = {m->pc->a, m->pc->b, m->pc->c};
  for (int i = 0; i < 3; i++) {
    char kind = op->operands[i];
    if ((kind == 'W' || kind == 'P' || kind == 'U') && x[i] != NO_SLOT)
      keep_drop(m, x[i]);
  }
}

#define OP(name, operands, flags, text) ambi_emit_##name,
static void (*const templates[OP_I_COUNT])(Emit *m) = {
#include "runtime/bytecode/opcodes.def"
};

void ambi_emit_keeping(Emit *m) {
  const struct Keeping *k = &keeping[m->pc->op];
  Keep *keep = m->keep;
  keep->pins[0] = keep->pins[1] = 0;
  if (k->emit) {
    emit_counted_as(m, COUNTED_KEPT);
    if (k->emit(m)) return;
    emit_counted_as(m, COUNTED_USUAL);
  }
  keep_flush(m, m->at);
  if (k->class == LIGHT) {
    keep->now.gp[KEEP_GP - 1] = (Kept){.slot = NO_SLOT};  // rsi
    drop_results(m);
  } else if (keep->loop) {
    jit_jump(m->j, keep_leave(m));
    return;
  } else {
    keep_forget(m);
  }
  templates[m->pc->op](m);
}
