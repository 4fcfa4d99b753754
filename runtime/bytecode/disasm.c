// The disassembler: every operand by its kind, no case for an opcode.
//
//   12  CALL      s3, fib/1, [s2, 5]  error -> 30
//
// Offsets count words. Slots are s0, s1 ... (arguments first), `s2?` is a slot
// that is checked, `new s2` a variable the instruction makes; other sources are
// constants. Loops of a unit are units of their own, printed behind it.
#include "runtime/bytecode/disasm.h"

#include <stdio.h>

#include "memory/alloc.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/bytecode/verify.h"

typedef struct Disasm {
  Runtime *rt;
  Buffer *b;
  const Unit *u;
  const Unit **loops;  // in the order they are met
  size_t nloops, loops_cap;
  DisasmNote *note;  // or NULL
  void *arg;         // its
} Disasm;

// ---- constants ------------------------------------------------------------------

void ambi_definition_name(Runtime *rt, Buffer *b, const Definition *d) {
  bool applied = ambi_is_applied(d);
  Value symbol = ambi_definition_symbol(d);
  if (applied) ambi_buffer_puts(b, "(");
  if (ambi_is_sym(symbol))
    ambi_print(rt, b, symbol, NULL);
  else if (ambi_is_lambda(d))
    ambi_buffer_format(b, "|->#%u", (unsigned)ambi_int_of(d->head));
  else
    ambi_buffer_puts(b, "_");  // calls through a variable
  for (uint32_t i = 1; applied && i < ambi_term_key_size(d->head); i++)
    ambi_buffer_puts(b, " _");
  ambi_buffer_format(b, applied ? ")/%u" : "/%u", d->nargs - applied);
}

void ambi_disasm_variant(Runtime *rt, Buffer *b, const Variant *v) {
  ambi_definition_name(rt, b, v->def);
  if (v->same) ambi_buffer_puts(b, "=");
  if (v->made) ambi_buffer_puts(b, "*");
  if (v->type.w == AMB_SYM(UNDEFINED).w) return;
  ambi_buffer_puts(b, ":");
  ambi_print(rt, b, v->type, NULL);
}

// Number of a loop's unit, from 1; 0: memory is out.
static size_t loop_number(Disasm *d, const Unit *u) {
  for (size_t i = 0; i < d->nloops; i++)
    if (d->loops[i] == u) return i + 1;
  if (!ambi_grow((void **)&d->loops, &d->loops_cap, d->nloops + 1,
                 sizeof *d->loops)) {
    d->b->failed = true;
    return 0;
  }
  d->loops[d->nloops++] = u;
  return d->nloops;
}

static void show_variant(Disasm *d, const Variant *v) {
  if (v->def)
    ambi_disasm_variant(d->rt, d->b, v);
  else
    ambi_buffer_format(d->b, "loop %zu", loop_number(d, ambi_unit_of(v)));
}

static void show_name(Disasm *d, Word vinfo) {
  Word as_written = ambi_vinfo(ambi_vinfo_name(vinfo), AMB_VAR_AS_WRITTEN);
  Template t = {.atom = ambi_lvar(0), .nvars = 1, .vinfo = &as_written};
  ambi_print_template(d->rt, d->b, &t, NULL);
}

// What a switch key stands for: (head _ _) for an expression of three.
static void show_key(Disasm *d, Word key) {
  if (ambi_tag(AMB_V(key)) != TAG_HDR) {
    ambi_print(d->rt, d->b, AMB_V(key), NULL);
    return;
  }
  Word payload = key & AMB_PAYLOAD_MASK;
  unsigned size = (unsigned)(payload >> 28);
  uint32_t head = payload & 0xFFFFFFF;
  ambi_buffer_puts(d->b, "(");
  if (head)
    ambi_print(d->rt, d->b, AMB_SYM_ID(head), NULL);
  else
    ambi_buffer_puts(d->b, "_");
  for (unsigned i = 1; i < size && i < 8; i++)
    ambi_buffer_puts(d->b, " _");
  if (size > 8) ambi_buffer_format(d->b, " ... %u in all", size);
  ambi_buffer_puts(d->b, ")");
}

static void show_constant(Disasm *d, char kind, Word w) {
  switch (kind) {
  case 'T':
    ambi_print_template(d->rt, d->b, (const Template *)(uintptr_t)w, NULL);
    break;
  case 'C': show_variant(d, (const Variant *)(uintptr_t)w); break;
  case 'V': show_name(d, w); break;
  case 'H': show_key(d, w); break;
  default: ambi_print(d->rt, d->b, AMB_V(w), NULL); break;
  }
}

// ---- operands -------------------------------------------------------------------

static void show_source(Disasm *d, uint16_t s) {
  if (s >= SRC_CONST)
    show_constant(d, 'K', d->u->k[s - SRC_CONST]);
  else
    ambi_buffer_format(d->b, s & SRC_CHECK ? "s%u?" : "s%u",
                       s & (SRC_CHECK - 1));
}

static void show_outlet(Disasm *d, const Outlet *o) {
  if (o->unit->variant) {
    show_variant(d, o->unit->variant);
    ambi_buffer_puts(d->b, " ");
  }
  ambi_buffer_format(d->b, "at %u", o->at);
}

static void show_operand(Disasm *d, uint32_t at, unsigned i) {
  const Code *pc = d->u->code + at;
  uint16_t x = pc->half[i + 1];
  char kind = ambi_operand_kind(pc->op, i);
  switch (kind) {
  case 'S': show_source(d, x); break;
  case 'L': ambi_buffer_format(d->b, "-> %d", (int)at + (int16_t)x); break;
  case 'N': ambi_buffer_format(d->b, "%u", x); break;
  case 'Z': ambi_buffer_format(d->b, "%d", (int16_t)x); break;
  case 'X': ambi_buffer_format(d->b, "switch %u", x); break;
  case 'B': show_variant(d, d->u->bodies[x].variant); break;
  case 'G': show_outlet(d, &d->u->outlets[x]); break;
  case 'O': ambi_buffer_puts(d->b, ambi_builtin(d->rt, x)->name); break;
  case 'I': ambi_buffer_format(d->b, "s%u, s%u", x, x + 1u); break;
  case 'K':
  case 'T':
  case 'C':
  case 'V':
  case 'H': show_constant(d, kind, d->u->k[x]); break;
  default: ambi_buffer_format(d->b, "s%u", x); break;
  }
}

static void show_sources(Disasm *d, const Code *pc, unsigned from) {
  ambi_buffer_puts(d->b, "[");
  for (unsigned i = from; i < pc->b + from; i++) {
    if (i > from) ambi_buffer_puts(d->b, ", ");
    show_source(d, ambi_op_list(pc)[i]);
  }
  ambi_buffer_puts(d->b, "]");
}

static void show_variables(Disasm *d, const Code *pc) {
  const Template *t = (const Template *)(uintptr_t)d->u->k[pc->c];
  ambi_buffer_puts(d->b, "[");
  for (unsigned i = 0; i < pc->b; i++) {
    uint16_t s = ambi_op_list(pc)[i];
    if (i) ambi_buffer_puts(d->b, ", ");
    show_name(d, t->vinfo[i]);
    ambi_buffer_format(d->b,
                       s & ENV_LATE  ? " late s%u"
                       : s & ENV_NEW ? " new s%u"
                                     : " s%u",
                       s & ENV_SLOT);
  }
  ambi_buffer_puts(d->b, "]");
}

static void show_cases(Disasm *d, const Switch *s) {
  for (uint32_t i = 0; i < s->n; i++) {
    ambi_buffer_puts(d->b, "          ");
    show_key(d, s->cases[i].key);
    ambi_buffer_format(d->b, " -> %u\n", s->cases[i].to);
  }
  ambi_buffer_format(d->b, "          other -> %u\n          unbound -> %u\n",
                     s->other, s->open);
}

static void show_operands(Disasm *d, uint32_t at) {
  const Code *pc = d->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  const char *before = "";
  for (unsigned i = 0; i < 3; i++) {
    if (op->operands[i] == '-') continue;
    if (pc->half[i + 1] == NO_SLOT && ambi_operand_optional(pc->op, i))
      continue;
    ambi_buffer_puts(d->b, before);
    show_operand(d, at, i);
    before = ", ";
  }
  if (op->flags & (X_LIST | X_CALL | X_ENV)) ambi_buffer_puts(d->b, before);
  if (op->flags & X_ENV)
    show_variables(d, pc);
  else if (op->flags & (X_LIST | X_CALL))
    show_sources(d, pc, op->flags & X_CALL ? 1 : 0);
}

static void show_instruction(Disasm *d, uint32_t at) {
  const Code *pc = d->u->code + at;
  const OpInfo *op = &ambi_ops[pc->op];
  bool bare = memcmp(op->operands, "---", 3) == 0 &&
              !(op->flags & (X_LIST | X_CALL | X_ENV));
  ambi_buffer_format(d->b, bare ? "%6u  %s" : "%6u  %-11s ", at, op->name);
  if (!bare) show_operands(d, at);
  if (op->flags & (X_VARL | X_ELSE))
    ambi_buffer_format(d->b,
                       op->flags & X_ELSE ? ", else -> %d" : ", unbound -> %d",
                       (int)at + (int16_t)pc[ambi_op_words(pc) - 1].b);
  uint32_t edge = ambi_unit_edge(d->u, at);
  if (edge != UINT32_MAX) ambi_buffer_format(d->b, "  error -> %u", edge);
  ambi_buffer_puts(d->b, "\n");
  for (unsigned i = 0; i < 3; i++)
    if (ambi_operand_kind(pc->op, i) == 'X')
      show_cases(d, &d->u->switches[pc->half[i + 1]]);
}

// ---- units ----------------------------------------------------------------------

static bool show_unit(Disasm *d, const Unit *u) {
  const char *why;
  uint32_t at;
  d->u = u;
  ambi_buffer_format(d->b, "  arguments %u, slots %u\n", u->nargs, u->nslots);
  if (!ambi_unit_verify(u, &why, &at)) {
    if (!why) d->b->failed = true;
    ambi_buffer_format(d->b, "  broken at %u: %s\n", at,
                       why ? why : "memory is out");
    return false;
  }
  for (at = 0; at < u->ncode; at += ambi_op_words(u->code + at)) {
    show_instruction(d, at);
    if (d->note) d->note(d->arg, d->b, u, at);
  }
  if (d->note) d->note(d->arg, d->b, u, u->ncode);
  return true;
}

bool ambi_disasm_unit(Runtime *rt, Buffer *b, const Unit *u) {
  return ambi_disasm_noted(rt, b, u, NULL, NULL);
}

bool ambi_disasm_noted(Runtime *rt, Buffer *b, const Unit *u, DisasmNote *note,
                       void *arg) {
  Disasm d = {.rt = rt, .b = b, .note = note, .arg = arg};
  bool ok = show_unit(&d, u);
  const Unit *better = ambi_load_acquire(&u->better);
  if (better) {
    ambi_buffer_puts(b, "  level 2\n");
    ok &= show_unit(&d, better);
  }
  for (size_t i = 0; i < d.nloops && !b->failed; i++) {
    ambi_buffer_format(d.b, "  loop %zu\n", i + 1);
    ok &= show_unit(&d, d.loops[i]);
  }
  ambi_free(d.loops, d.loops_cap * sizeof *d.loops);
  return ok && !b->failed;
}
