// The code that all units share: from C into machine code and back, returning,
// failing, what helpers say, and the way from any position to its machine code.
#include "compiler_thread/template.h"
#include "memory/stress.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/step.h"

static const JitReg kept[] = {J_RBX, J_RBP, J_R12, J_R13, J_R14, J_R15};
enum { NKEPT = sizeof kept / sizeof *kept };

static void enter_and_leave(Jit *j, const StubLabels *l) {
  JitLabel out = jit_label(j);
  jit_bind(j, l->enter);
  for (int i = 0; i < NKEPT; i++)
    jit_push(j, kept[i]);
  jit_ri(j, J_SUB, J_RSP, 8);
  jit_rr(j, J_MOV, R_G, J_RDI);
  jit_rm(j, J_MOV, R_CX, in_engine(OFF(Engine, cx)));
  emit_load(j);
  jit_imm(j, R_XB, -((uint64_t)TAG_EXPR << 48));
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_jump_r(j, J_RSI);

  jit_bind(j, l->exit);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  jit_imm(j, J_RAX, NEXT_PC);
  jit_bind(j, l->leave);
  emit_save(j);
  jit_bind(j, out);
  jit_ri(j, J_ADD, J_RSP, 8);
  for (int i = NKEPT; i-- > 0;)
    jit_pop(j, kept[i]);
  jit_ret(j);

  jit_bind(j, l->stop);
  jit_imm(j, J_RAX, NEXT_STOP);
  jit_jump(j, l->leave);
  jit_bind(j, l->stopped);  // the engine has the registers, newer ones perhaps
  jit_imm(j, J_RAX, NEXT_STOP);
  jit_jump(j, out);
}

static void is_landing(Jit *j) {  // rcx: a position
  jit_mi(j, J_CMP, 2, jit_at(J_RCX, 0), OP_I_NATIVE);
}

// The frame returns to bytecode of a unit that has machine code by now. It may return
// there many times, so it is told the landing.
static void land(Engine *g, Word *frame) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  const Native *n = ambi_load_acquire(&u->native);
  const Code *pc = g->pc = ambi_code_origin(g->pc);
  if (ambi_stress(STRESS_LEAVE)) return;
  if (!n || pc < u->code || pc >= u->code + u->ncode || !n->at[pc - u->code])
    return;
  const void *addr = (const char *)n->code + n->at[pc - u->code] - 1;
  for (uint32_t i = 0; i < n->nlandings; i++)
    if (n->landings[i].addr == addr)
      frame[FRAME_RET] = (Word)(uintptr_t)&n->landings[i];
}

// p = the object that the EXPR word in p points to.
static void object_at(Jit *j, JitReg p) {
  jit_ri(j, J_AND, p, -8);
  jit_rr(j, J_ADD, p, R_XB);
}

// ambi_chain_end of a chain and a value, in rax, that have all marks: an atom, or a term
// that has them. Anything else falls through, and rax and rsi are as they were.
static void end_chain(Jit *j, const StubLabels *l) {
  JitLabel other = jit_label(j);
  emit_want_full(j, other);
  jit_rm(j, J_MOV, J_RCX, in_slot(CHAIN_OPEN));
  jit_rm(j, J_OR, J_RCX, in_slot(CHAIN_SOFT));
  jit_rm(j, J_OR, J_RCX, in_slot(CHAIN_LOOSE));
  jit_jump_if(j, J_NE, other);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RCX, OFF(CodeState, x_epoch)));
  jit_rm(j, J_CMP, J_RCX, in_slot(CHAIN_EPOCH));
  jit_jump_if(j, J_NE, other);
  jit_rm(j, J_MOV, J_RCX, in_slot(CHAIN_HEAD));
  object_at(j, J_RCX);
  jit_rm(j, J_CMP, J_RCX, in_record(OFF(Choice, h)));
  jit_jump_if(j, J_BELOW, other);  // to be copied
  jit_rm(j, J_MOV, J_RCX, in_slot(CHAIN_LAST));
  object_at(j, J_RCX);
  jit_rm32(j, J_MOV, J_RDX, jit_at(J_RCX, 0));
  jit_mr(j, J_MOV, jit_at_index(J_RCX, J_RDX, 3, 0), J_RAX);
  jit_rm(j, J_MOV, J_RAX, in_slot(CHAIN_HEAD));
  jit_jump(j, l->ret);
  jit_bind(j, other);
}

// Much is returned to the frames of chains, which have no unit of their own: what
// their R_STREAM and CHAINED do, in the usual case. rax, rcx, rdx as for ret_bytecode.
static void chain_returned_to(Jit *j, const StubLabels *l) {
  JitLabel other = jit_label(j), rare = jit_label(j);
  jit_rm(j, J_MOV, J_RSI, in_engine(OFF(Engine, code)));
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RSI, OFF(CodeState, x_chain_unit)));
  jit_rr(j, J_TEST, J_RSI, J_RSI);
  jit_jump_if(j, J_EQ, other);
  jit_rm(j, J_MOV, J_RSI, jit_at(J_RSI, OFF(Unit, code)));
  jit_rr(j, J_CMP, J_RSI, J_RCX);
  jit_jump_if(j, J_NE, other);
  jit_mr(j, J_MOV, in_slot(CHAIN_VALUE), J_RAX);
  jit_mr(j, J_CMP, in_slot(CHAIN_POS), R_B);
  jit_jump_if(j, J_NE, rare);
  end_chain(j, l);
  jit_call_label(j, l->is_error);
  jit_jump_if(j, J_EQ, rare);
  emit_save(j);
  jit_ri(j, J_ADD, J_RSI, sizeof(Code));
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RSI);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, (const void *)(uintptr_t)ambi_chain_end);
  jit_jump(j, l->after);
  jit_bind(j, rare);
  jit_rr(j, J_MOV, J_RCX, J_RSI);
  jit_jump(j, l->go);
  jit_bind(j, other);
}

static void returning(Jit *j, const StubLabels *l) {
  jit_bind(j, l->ret);
  jit_rm(j, J_MOV, J_RCX, in_frame(FRAME_RET));
  jit_rr(j, J_MOV, J_RDX, R_E);
  jit_rm(j, J_MOV, R_E, in_frame(FRAME_PREV));
  is_landing(j);
  jit_jump_if(j, J_NE, l->ret_bytecode);
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, addr)));

  jit_bind(j, l->ret_bytecode);
  chain_returned_to(j, l);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, rv)), J_RAX);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_rr(j, J_MOV, J_RSI, J_RDX);
  jit_call(j, (const void *)(uintptr_t)land);
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, pc)));
  jit_jump(j, l->go);
}

static bool failed_often(Engine *g) {
  return ++g->cx->given_back % FAILURES_POLL != 0 || ambi_step_failed_often(g);
}

// ambi_trail_undo: rsi, the mark, is below the trail's top.
static void undoing(Jit *j, JitLabel at, JitLabel back) {
  JitLabel loop = jit_label(j);
  jit_bind(j, at);
  jit_rm(j, J_MOV, J_RDX, in_context(OFF(Context, tr)));
  jit_rm(j, J_MOV, J_RDI, in_context(OFF(Context, trail)));
  jit_imm(j, J_R8, (Word)TAG_VAR << 48);
  jit_bind(j, loop);
  jit_rm(j, J_MOV, J_RCX, jit_at_index(J_RDI, J_RDX, 3, -8));
  jit_rr(j, J_MOV, J_RAX, J_RCX);
  jit_rr(j, J_OR, J_RAX, J_R8);
  jit_mr(j, J_MOV, jit_at(J_RCX, 0), J_RAX);
  jit_ri(j, J_SUB, J_RDX, 1);
  jit_rr(j, J_CMP, J_RDX, J_RSI);
  jit_jump_if(j, J_ABOVE, loop);
  jit_mr(j, J_MOV, in_context(OFF(Context, tr)), J_RSI);
  jit_jump(j, back);
}

static void failing(Jit *j, const StubLabels *l) {
  JitLabel bound = jit_label(j), back = jit_label(j), often = jit_label(j),
           on = jit_label(j);
  jit_bind(j, l->fail);
  jit_rm(j, J_MOV, J_RSI, in_record(OFF(Choice, tr)));
  jit_rm(j, J_CMP, J_RSI, in_context(OFF(Context, tr)));
  jit_jump_if(j, J_NE, bound);
  jit_bind(j, back);
  emit_restore(j);
  jit_rm32(j, J_MOV, J_RDX, in_context(OFF(Context, given_back)));
  jit_ri32(j, J_ADD, J_RDX, 1);
  jit_ri32(j, J_TEST, J_RDX, FAILURES_POLL - 1);
  jit_jump_if(j, J_EQ, often);
  jit_mr32(j, J_MOV, in_context(OFF(Context, given_back)), J_RDX);
  jit_bind(j, on);
  is_landing(j);
  jit_jump_if(j, J_NE, l->go);
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, addr)));

  undoing(j, bound, back);

  jit_bind(j, often);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, (const void *)(uintptr_t)failed_often);
  jit_ri32(j, J_TEST, J_RAX, 0xFF);
  jit_jump_if(j, J_EQ, l->stopped);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, pc)));
  jit_jump(j, on);
}

// Which instructions that stand in no unit with machine code are run one by one;
// for others the loop goes on until it meets machine code again.
static bool one_by_one(unsigned op) {
  return op == OP_I_FORK_NEXT || op == OP_I_MANY_NEXT ||
         op == OP_I_MATCH_NEXT || op == OP_I_MATCHF_NEXT ||
         op == OP_I_TABLE_NEXT || op == OP_I_TABLE_END || op == OP_I_CHAINED ||
         op == OP_I_WARM || op == OP_I_LOWER ||
         (op >= OP_I_EV_START && op < OP_I_LOWER && op != OP_I_TOP_DONE);
}

// Counted so that evaluators lose none of each other's: what machine code began is
// compared with it.
static enum Next run_one(Engine *g) {
  OpCount *counts = g->code->native.one;
  if (counts) ambi_add_relaxed(&counts[g->pc->op], 1);
  return ambi_interp_one(g);
}

// The next answer of a question to a space or a table comes by no detour.
static enum Next run_other(Engine *g) {
  switch (g->pc->op) {
  case OP_I_MATCHF_NEXT: return ambi_match_flat_next(g);
  case OP_I_MATCH_NEXT: return ambi_match_next(g);
  case OP_I_TABLE_NEXT: return ambi_step_table_next(g);
  case OP_I_TABLE_END: return ambi_step_table_end(g);
  default: return run_one(g);
  }
}

// The loop goes on at pc. That its unit is bytecode is counted, so that one frame
// that much returns to gets machine code though it was called once.
static const void *leaving(Engine *g, const Code *pc) {
  Unit *u = (Unit *)(uintptr_t)g->e[FRAME_UNIT];
  bool own = pc >= u->code && pc < u->code + u->ncode;
  if (g->code->native.left) ambi_count(&g->code->native.left[pc->op]);
  if (own) ambi_unit_note_rare(u, (uint32_t)(pc - u->code));
  if (!ambi_unit_counted(&u->heat)) return NULL;
  ambi_unit_hot(g->code, u);
  return own ? ambi_unit_machine(u, pc) : NULL;
}

// Machine address of the position g->pc in the frame g->e, or NULL: the loop's. The
// way for positions that are no landings; NULL with cx->stop set: stop.
static const void *find(Engine *g) {
  NativeHost *host = &g->code->native;
  if (ambi_stress(STRESS_LEAVE) && ambi_count(&host->chances) % 3 == 2)
    return NULL;
  for (;;) {
    if (g->pc->op == OP_I_SEEN) g->pc = ambi_code_origin(g->pc);
    const Code *pc = g->pc;
    if (pc->op == OP_I_NATIVE) return ((const Landing *)(const void *)pc)->addr;
    const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
    if (pc >= u->code && pc < u->code + u->ncode) {
      const void *address = ambi_unit_machine(u, pc);
      if (address) return address;
    }
    if (!one_by_one(pc->op)) return leaving(g, pc);
    enum Next next = run_other(g);
    if (next == NEXT_FAIL) return host->fail;
    if (next == NEXT_RET) {
      g->pc = (const Code *)(uintptr_t)g->e[FRAME_RET];
      g->e = (Word *)(uintptr_t)g->e[FRAME_PREV];
    } else if (next != NEXT_PC) {
      return NULL;
    }
  }
}

static void dispatching(Jit *j, const StubLabels *l) {
  JitLabel not_pc = jit_label(j), loop = jit_label(j);
  jit_bind(j, l->after);
  emit_load(j);
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_jump_if(j, J_NE, not_pc);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, pc)));
  jit_bind(j, l->dispatch);
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  is_landing(j);
  jit_jump_if(j, J_NE, l->go);
  jit_jump_m(j, jit_at(J_RCX, OFF(Landing, addr)));

  jit_bind(j, l->go);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, rv)), J_RAX);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, (const void *)(uintptr_t)find);
  emit_load(j);
  jit_rr(j, J_TEST, J_RAX, J_RAX);
  jit_jump_if(j, J_EQ, loop);
  jit_rr(j, J_MOV, J_RCX, J_RAX);
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_jump_r(j, J_RCX);
  jit_bind(j, loop);
  jit_mi(j, J_CMP, 4, in_context(OFF(Context, stop)), 0);
  jit_jump_if(j, J_NE, l->stop);
  jit_imm(j, J_RAX, NEXT_PC);
  jit_jump(j, l->leave);

  jit_bind(j, not_pc);
  jit_ri32(j, J_CMP, J_RAX, NEXT_FAIL);
  jit_jump_if(j, J_EQ, l->fail);
  jit_ri32(j, J_CMP, J_RAX, NEXT_RET);
  jit_jump_if(j, J_NE, l->stopped);
  jit_rm(j, J_MOV, J_RAX, in_engine(OFF(Engine, rv)));
  jit_jump(j, l->ret);

  jit_bind(j, l->one_ret);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, rv)), J_RAX);
  jit_bind(j, l->one);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call(j, (const void *)(uintptr_t)run_one);
  jit_jump(j, l->after);
}

// Where a call that was on its way to `back` goes. A loop that only calls itself
// would stay in code of level 1 for ever, so it changes over here.
static const void *newest(Engine *g, const Unit *u, const void *back) {
  const Native *n = ambi_load_acquire(&u->native);
  const void *enter = ambi_load_acquire(&u->enter);
  while (n && ((const char *)back < (const char *)n->code ||
               (const char *)back >= (const char *)n->code + n->bytes))
    n = n->older;
  if (!n || n->entry == enter) return back;
  ambi_count(&g->code->native.changed_over);
  return enter;
}

// Machine code reaches a unit by plain loads of Unit.enter or Unit.entry, which on
// this machine acquire. ThreadSanitizer gets to see loads that say the same: of entry,
// stored when the unit was complete, and then of native, stored before whatever leads to
// that machine code. Of the native something is read, so that a missing order is told
// here and not when some other function happens to look at a landing.
static bool observe(Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  if (!ambi_load_acquire(&u->entry)) return false;
  const Native *n = ambi_load_acquire(&u->native);
  return !n || n->landings[0].code != 0;
}

static bool more_stack(Engine *g) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  if (AMB_TSAN) observe(g);
  return g->e + u->nslots <= g->stack_end ||
         ambi_stack_more(g, g->e + u->nslots);
}

// The frame has its arguments only; the unit that lowers does not know how many.
static const void *poll(Engine *g, const void *back) {
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  const Variant *v = (const Variant *)(uintptr_t)g->e[FRAME_MARK];
  if (AMB_TSAN) observe(g);
  size_t args = u == g->code->lower_unit ? v->def->nargs : u->nargs;
  return ambi_step_poll(g, args) ? newest(g, u, back) : NULL;
}

// A routine called from a unit's code.
static void asking(Jit *j, JitLabel at, const StubLabels *l,
                   const void *function) {
  JitLabel stop = jit_label(j);
  jit_bind(j, at);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_ri(j, J_SUB, J_RSP, 8);
  jit_call(j, function);
  jit_ri(j, J_ADD, J_RSP, 8);
  jit_ri32(j, J_AND, J_RAX, 0xFF);
  jit_jump_if(j, J_EQ, stop);
  emit_load(j);
  jit_ret(j);
  jit_bind(j, stop);
  jit_ri(j, J_ADD, J_RSP, 8);  // the return address
  jit_jump(j, l->stop);
}

static void polling(Jit *j, const StubLabels *l) {
  JitLabel stop = jit_label(j);
  jit_bind(j, l->poll);
  emit_save(j);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_pop(j, J_RSI);  // the return address
  jit_call(j, (const void *)(uintptr_t)poll);
  jit_rr(j, J_TEST, J_RAX, J_RAX);
  jit_jump_if(j, J_EQ, stop);
  emit_load(j);
  jit_jump_r(j, J_RAX);
  jit_bind(j, stop);
  jit_jump(j, l->stopped);
}

// Registers are those of machine code: r14 is the engine, rcx free.
_Static_assert(R_G == J_R14, "see call_bytecode");
__attribute__((naked)) static void call_bytecode(void) {
  __asm__("movq %c0(%%r14), %%rcx\n\tjmpq *%c1(%%rcx)"
          :
          : "i"(offsetof(Engine, code)),
            "i"(offsetof(CodeState, native.to_bytecode)));
}
const void *ambi_emit_call_bytecode(void) {
  return (const void *)(uintptr_t)call_bytecode;
}

static void calling_bytecode(Jit *j, const StubLabels *l) {
  JitLabel poll_first = jit_label(j), on = jit_label(j), grow = jit_label(j),
           room = jit_label(j);
  jit_bind(j, l->to_bytecode);
  jit_mr(j, J_MOV, in_frame(FRAME_MARK), J_RDX);
  jit_rm(j, J_MOV, J_RDI, in_frame(FRAME_UNIT));
  jit_rm32(j, J_MOV, J_RSI, jit_at(J_RDI, OFF(Unit, nslots)));
  jit_lea(j, J_RSI, jit_at_index(R_E, J_RSI, 3, 0));
  jit_rm(j, J_CMP, J_RSI, in_engine(OFF(Engine, stack_end)));
  jit_jump_if(j, J_ABOVE, grow);
  jit_bind(j, room);
  jit_mi(j, J_SUB, 8, in_engine(OFF(Engine, budget)), 1);
  jit_jump_if(j, J_SIGN, poll_first);
  jit_bind(j, on);
  if (AMB_TSAN) jit_call_label(j, l->observe);
  jit_rm(j, J_MOV, J_RDI, in_frame(FRAME_UNIT));
  jit_rm(j, J_MOV, J_RCX, jit_at(J_RDI, OFF(Unit, entry)));
  jit_jump(j, l->dispatch);
  jit_bind(j, grow);
  jit_call_label(j, l->more_stack);
  jit_jump(j, room);
  jit_bind(j, poll_first);
  jit_call_label(j, l->poll);
  jit_jump(j, on);
}

// ---- helpers ---------------------------------------------------------------------------
// Their operands are in registers from rsi on.
static void helping(Jit *j, const StubLabels *l) {
  JitLabel other = jit_label(j), stopped = jit_label(j);
  jit_bind(j, l->helper);
  emit_save(j);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_push(j, J_RCX);
  jit_call_r(j, J_RAX);
  jit_pop(j, J_RDX);
  jit_rr32(j, J_TEST, J_RAX, J_RAX);
  jit_jump_if(j, J_NE, other);
  emit_load(j);
  jit_rm(j, J_MOV, J_RCX, in_engine(OFF(Engine, pc)));
  jit_rr(j, J_SUB, J_RCX, J_RDX);
  jit_ret(j);
  jit_bind(j, other);
  jit_ri(j, J_ADD, J_RSP, 8);  // the return address
  jit_jump(j, l->after);

  jit_bind(j, l->asks);
  emit_save(j);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_RCX);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_ri(j, J_SUB, J_RSP, 8);
  jit_call_r(j, J_RAX);
  jit_ri(j, J_ADD, J_RSP, 8);
  jit_rm(j, J_MOV, R_H, in_context(OFF(Context, h)));
  jit_ri32(j, J_TEST, J_RAX, 0xFF);
  jit_jump_if(j, J_EQ, stopped);
  jit_ret(j);
  jit_bind(j, stopped);
  jit_rm32(j, J_MOV, J_RDX, in_context(OFF(Context, stop)));
  jit_rr32(j, J_TEST, J_RDX, J_RDX);
  JitSkip no = jit_skip_if(j, J_NE);
  jit_ret(j);  // equal
  jit_skip_to_here(j, no);
  jit_ri(j, J_ADD, J_RSP, 8);
  jit_jump(j, l->stop);
}

static void leaving_by(Jit *j, const StubLabels *l) {
  jit_bind(j, l->leave_by);
  emit_save(j);
  jit_mr(j, J_MOV, in_engine(OFF(Engine, pc)), J_R8);
  jit_rr(j, J_MOV, J_RDI, R_G);
  jit_call_r(j, J_RAX);
  jit_jump(j, l->after);
}

// What is called stands behind the rest, see ambi_emitter_called.
static void all_stubs(Jit *j, const StubLabels *l) {
  enter_and_leave(j, l);
  returning(j, l);
  failing(j, l);
  dispatching(j, l);
  calling_bytecode(j, l);
  polling(j, l);
  leaving_by(j, l);
  asking(j, l->more_stack, l, (const void *)(uintptr_t)more_stack);
  asking(j, l->observe, l, (const void *)(uintptr_t)observe);
  helping(j, l);
}

bool ambi_emit_stubs(Emitter *em, const char **why) {
  Jit *j = em->j;
  StubLabels l;
  if (!jit_begin(j)) {
    *why = jit_error(j);
    return false;
  }
  for (JitLabel *p = &l.enter; p <= &l.leave; p++)
    *p = jit_label(j);
  all_stubs(j, &l);
  ambi_emit_shared(&(Emit){.em = em, .j = j}, &l);
  void *write;
  em->bytes = jit_size(j);
  if (em->bytes == 0 ||
      !ambi_code_take(em->memory, em->bytes, &em->code, &write)) {
    *why = jit_error(j) ? jit_error(j) : "code memory full";
    return false;
  }
  if (!jit_place(j, write, em->code)) {
    *why = jit_error(j);
    return false;
  }
  const JitLabel *from = &l.enter;
  const void **to = (const void **)&em->stubs;
  for (size_t i = 0; i < sizeof(Stubs) / sizeof(void *); i++)
    to[i] = (const char *)em->code + jit_offset(j, from[i]);
  return true;
}
