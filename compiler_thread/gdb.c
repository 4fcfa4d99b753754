// ELF objects for gdb.h, and the list of them.
//
// The names and the layout of what is global here are the debugger's: it looks them up
// by name in the program file.
#include "compiler_thread/gdb.h"

#include <elf.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "memory/alloc.h"

// ---- the interface, as the manual has it ----------------------------------------

enum { INTERFACE_VERSION = 1 };
enum Action { NO_ACTION, REGISTER, UNREGISTER };

typedef struct CodeEntry {
  struct CodeEntry *next, *previous;
  const void *object;
  uint64_t size;
} CodeEntry;

typedef struct Descriptor {
  uint32_t version, action;
  CodeEntry *relevant, *first;
} Descriptor;

extern Descriptor __jit_debug_descriptor;
void __jit_debug_register_code(void);

Descriptor __jit_debug_descriptor = {.version = INTERFACE_VERSION};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// The debugger stops here and reads the descriptor.
__attribute__((noinline, used)) void __jit_debug_register_code(void) {
  __asm__ volatile("" ::: "memory");
}

// ---- one object -------------------------------------------------------------------

enum Section { NONE, TEXT, FRAME, SYMBOLS, STRINGS, SECTION_NAMES, NSECTIONS };
static const char section_names[] =
    "\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab";
enum {
  NAME_TEXT = 1,
  NAME_FRAME = 7,
  NAME_SYMBOLS = 17,
  NAME_STRINGS = 25,
  NAME_NAMES = 33
};

// How to find the caller of machine code, which stands everywhere as `enter` in
// emit_stubs.c has left the C stack: six registers, one word, and nothing else. Only in
// that prologue itself, and in the short routines of the code that all units share,
// there is more or less on it.
typedef struct __attribute__((packed)) Unwind {
  uint32_t common_size, common_id;
  uint8_t version, augmentation, code_align, data_align, return_register;
  uint8_t rules[18];
  uint8_t common_end;
  uint32_t size, back;
  uint64_t code, bytes;
  uint32_t end;
} Unwind;

enum { DW_RBX = 3, DW_RBP = 6, DW_RSP = 7, DW_R12 = 12, DW_RETURN = 16 };
enum {
  DW_CFA = 0x0C,
  DW_OFFSET = 0x80,
  DW_MINUS_8 = 0x78,
  KEPT_BYTES = 64,
  CALLED_BYTES = 16
};

static Unwind unwind(const void *code, size_t bytes, bool called) {
  Unwind u = {.common_size = offsetof(Unwind, size) - 4,
              .version = 1,
              .code_align = 1,
              .data_align = DW_MINUS_8,
              .return_register = DW_RETURN,
              // The stack before the call, and the words below it.
              .rules = {DW_CFA, DW_RSP, KEPT_BYTES, DW_OFFSET | DW_RETURN, 1,
                        DW_OFFSET | DW_RBX, 2, DW_OFFSET | DW_RBP, 3,
                        DW_OFFSET | DW_R12, 4, DW_OFFSET | (DW_R12 + 1), 5,
                        DW_OFFSET | (DW_R12 + 2), 6, DW_OFFSET | (DW_R12 + 3),
                        7},
              .size = offsetof(Unwind, end) - offsetof(Unwind, back),
              .back = offsetof(Unwind, back),
              .code = (uint64_t)(uintptr_t)code,
              .bytes = bytes};
  if (called)  // the rest is filled with 0: nothing
    memcpy(u.rules,
           (uint8_t[sizeof u.rules]){DW_CFA, DW_RSP, CALLED_BYTES,
                                     DW_OFFSET | DW_RETURN, 1},
           sizeof u.rules);
  return u;
}

typedef struct Object {
  Elf64_Ehdr head;
  Elf64_Shdr sections[NSECTIONS];
  Elf64_Sym symbols[2];  // the first is none
  Unwind unwind;
  char names[sizeof section_names];
} Object;

struct GdbEntry {
  CodeEntry entry;
  size_t length;  // of the name, with its end
  Object object;
  char strings[];  // one empty, and the name
};

static Elf64_Shdr section(uint32_t name, uint32_t type, size_t at, size_t n) {
  return (Elf64_Shdr){.sh_name = name,
                      .sh_type = type,
                      .sh_offset = at,
                      .sh_size = n,
                      .sh_addralign = 1};
}

static void fill_sections(Object *o, const void *code, size_t bytes,
                          size_t strings) {
  Elf64_Shdr *s = o->sections;
  s[TEXT] = section(NAME_TEXT, SHT_NOBITS, 0, bytes);
  s[TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  s[TEXT].sh_addr = (uint64_t)(uintptr_t)code;
  s[TEXT].sh_addralign = 16;
  s[FRAME] = section(NAME_FRAME, SHT_PROGBITS, offsetof(Object, unwind),
                     sizeof o->unwind);
  s[FRAME].sh_flags = SHF_ALLOC;
  s[SYMBOLS] = section(NAME_SYMBOLS, SHT_SYMTAB, offsetof(Object, symbols),
                       sizeof o->symbols);
  s[SYMBOLS].sh_link = STRINGS;
  s[SYMBOLS].sh_info = 1;  // the first that is global
  s[SYMBOLS].sh_entsize = sizeof *o->symbols;
  s[SYMBOLS].sh_addralign = 8;
  s[STRINGS] = section(NAME_STRINGS, SHT_STRTAB, sizeof *o, strings);
  s[SECTION_NAMES] =
      section(NAME_NAMES, SHT_STRTAB, offsetof(Object, names), sizeof o->names);
}

static void fill(Object *o, const void *code, size_t bytes, size_t strings) {
  o->head = (Elf64_Ehdr){.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
                                     ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_REL,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_ehsize = sizeof o->head,
                         .e_shoff = offsetof(Object, sections),
                         .e_shentsize = sizeof *o->sections,
                         .e_shnum = NSECTIONS,
                         .e_shstrndx = SECTION_NAMES};
  o->symbols[1] = (Elf64_Sym){.st_name = 1,
                              .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                              .st_shndx = TEXT,
                              .st_size = bytes};
  memcpy(o->names, section_names, sizeof section_names);
  fill_sections(o, code, bytes, strings);
}

// ---- the list ---------------------------------------------------------------------

static void tell(enum Action action, CodeEntry *e) {
  Descriptor *d = &__jit_debug_descriptor;
  d->action = action;
  d->relevant = e;
  __jit_debug_register_code();
  d->action = NO_ACTION;
  d->relevant = NULL;
}

static void link_in(CodeEntry *e) {
  Descriptor *d = &__jit_debug_descriptor;
  pthread_mutex_lock(&lock);
  e->next = d->first;
  if (e->next) e->next->previous = e;
  d->first = e;
  tell(REGISTER, e);
  pthread_mutex_unlock(&lock);
}

static GdbEntry *add(const void *code, size_t bytes, const char *name,
                     bool called) {
  size_t length = strlen(name) + 1;
  GdbEntry *e = ambi_alloc(sizeof *e + 1 + length);
  if (!e) return NULL;
  e->length = length;
  memcpy(e->strings + 1, name, length);
  fill(&e->object, code, bytes, 1 + length);
  e->object.unwind = unwind(code, bytes, called);
  e->entry.object = &e->object;
  e->entry.size = sizeof e->object + 1 + length;
  link_in(&e->entry);
  return e;
}

GdbEntry *ambi_gdb_add(const void *code, size_t bytes, const char *name) {
  return add(code, bytes, name, false);
}
GdbEntry *ambi_gdb_add_called(const void *code, size_t bytes,
                              const char *name) {
  return add(code, bytes, name, true);
}

void ambi_gdb_remove(GdbEntry *e) {
  if (!e) return;
  CodeEntry *c = &e->entry;
  pthread_mutex_lock(&lock);
  if (c->next) c->next->previous = c->previous;
  if (c->previous)
    c->previous->next = c->next;
  else
    __jit_debug_descriptor.first = c->next;
  tell(UNREGISTER, c);
  pthread_mutex_unlock(&lock);
  ambi_free(e, sizeof *e + 1 + e->length);
}
