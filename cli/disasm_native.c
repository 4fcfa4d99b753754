// `ambit disasm --native`: machine code beside the bytecode it was made of.
//
// A unit is compiled when its first instruction is shown, at the highest level that
// --jit-level allows. Offsets are those in its machine code. An instruction may have two
// versions (Native in runtime/bytecode/native.h): `sure`, where the operands are known to
// be what they usually are, and the general one. What runs rarely stands behind both.
//
// Where libcapstone is there it is asked for the text, else bytes are shown. It is
// opened when it is needed, because a start should not take the time for it.
#include "cli/cli.h"
#ifdef AMBIT_CAPSTONE
#include <capstone/capstone.h>
#include <dlfcn.h>
#endif

enum { BYTES_A_LINE = 16 };

#ifdef AMBIT_CAPSTONE
// Opened once; the process ends with it open.
static struct Capstone {
  bool tried, there;
  void *library;
  csh handle;
  __typeof__(cs_open) *open;
  __typeof__(cs_disasm) *disasm;
  __typeof__(cs_free) *free;
} capstone;

static bool find(const char *name, void *function) {
  void *p = dlsym(capstone.library, name);
  memcpy(function, &p, sizeof p);
  return p != NULL;
}

static bool open_capstone(void) {
  struct Capstone *c = &capstone;
  if (c->tried) return c->there;
  c->tried = true;
  c->library = dlopen(AMBIT_CAPSTONE, RTLD_NOW);
  c->there = c->library && find("cs_open", &c->open) &&
             find("cs_disasm", &c->disasm) && find("cs_free", &c->free) &&
             c->open(CS_ARCH_X86, CS_MODE_64, &c->handle) == CS_ERR_OK;
  return c->there;
}

// False: the library is not there.
static bool show_text(Buffer *b, const Native *n, uint32_t from, uint32_t to) {
  cs_insn *all = NULL;
  char text[256];
  if (!open_capstone()) return false;
  const unsigned char *code = n->code;
  size_t count =
      capstone.disasm(capstone.handle, code + from, to - from, from, 0, &all);
  for (size_t i = 0; i < count; i++) {
    snprintf(text, sizeof text, "        | %5x  %-8s %s\n",
             (unsigned)all[i].address, all[i].mnemonic, all[i].op_str);
    ambi_buffer_puts(b, text);
  }
  if (count) capstone.free(all, count);
  return true;
}
#else
static bool show_text(Buffer *b, const Native *n, uint32_t from, uint32_t to) {
  (void)b;
  (void)n;
  (void)from;
  (void)to;
  return false;
}
#endif

static void show_bytes(Buffer *b, const Native *n, uint32_t from, uint32_t to) {
  const unsigned char *code = n->code;
  if (show_text(b, n, from, to)) return;
  char text[32];
  for (uint32_t i = from; i < to; i++) {
    bool first = (i - from) % BYTES_A_LINE == 0;
    snprintf(text, sizeof text, "        | %5x ", i);
    if (first) ambi_buffer_puts(b, text);
    snprintf(text, sizeof text, " %02x", code[i]);
    ambi_buffer_puts(b, text);
    if (i + 1 == to || (i + 1 - from) % BYTES_A_LINE == 0)
      ambi_buffer_puts(b, "\n");
  }
}

// Where the code that begins at `from` ends: at the next instruction of its version.
static uint32_t end_of(const Native *n, const uint32_t *at, uint32_t from,
                       uint32_t end) {
  for (uint32_t i = 0; i < n->ncode; i++)
    if (at[i] > from + 1 && at[i] - 1 < end) end = at[i] - 1;
  return end;
}

static void show_version(Buffer *b, const Native *n, const uint32_t *offsets,
                         uint32_t at, uint32_t end, const char *title) {
  if (!offsets || !offsets[at]) return;
  uint32_t from = offsets[at] - 1;
  ambi_buffer_puts(b, title);
  show_bytes(b, n, from, end_of(n, offsets, from, end));
}

static uint32_t first_of(const Native *n, const uint32_t *at) {
  for (uint32_t i = 0; at && i < n->ncode; i++)
    if (at[i]) return at[i] - 1;
  return (uint32_t)n->bytes;
}

// The way in from machine code, which stands before the first instruction.
static void show_entry(Buffer *b, const Native *n) {
  uint32_t from = (uint32_t)((const char *)n->entry - (const char *)n->code);
  uint32_t general = first_of(n, n->at), sure = first_of(n, n->sure);
  char title[40];
  snprintf(title, sizeof title, "        | level %u, called\n", n->level);
  ambi_buffer_puts(b, title);
  show_bytes(b, n, from, sure < general ? sure : general);
}

static void show_rest(Buffer *b, const Native *n) {
  uint32_t sure_rest = first_of(n, n->at);
  if (n->sure_end && n->sure_end < sure_rest) {
    ambi_buffer_puts(b, "        | sure, rarely\n");
    show_bytes(b, n, n->sure_end, sure_rest);
  }
  ambi_buffer_puts(b, "        | rarely\n");
  show_bytes(b, n, n->end, (uint32_t)n->bytes);
}

static void compile(const Cli *cli, Unit *u) {
  ambi_unit_hot(cli->rt->code, u);
  u->looks = 1;
  ambi_unit_look(cli->rt->code, u);
}

void cli_note_native(void *arg, Buffer *b, const Unit *u, uint32_t at) {
  const Cli *cli = arg;
  if (at == 0 && !u->of) compile(cli, (Unit *)(uintptr_t)u);
  const Native *n = ambi_load_acquire(&u->native);
  if (!n) {
    if (at == 0) ambi_buffer_puts(b, "        | not compiled\n");
    return;
  }
  if (at == 0) show_entry(b, n);
  if (at == u->ncode) {
    show_rest(b, n);
    return;
  }
  show_version(b, n, n->sure, at, n->sure_end, "        | sure\n");
  show_version(b, n, n->at, at, n->end, n->sure ? "        | general\n" : "");
}
