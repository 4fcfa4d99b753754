// The library as the program file holds it: read, typed and lowered when the
// program was built.
//
// runtime/library/make/ is the program that makes the image, from a runtime that
// read the library's text; CMakeLists.txt runs it. All of it is const and refers
// to itself by distances, so runtimes share it. Opening a runtime copies symbols
// and the core library's terms, each in one pass, and loading a module of the
// library those of that module. Units of bytecode stay where they are until their
// first call: then constants are made for them (boot_code.c), and instructions
// and tables are used in place.
//
// A unit is what lowering gives in the space of a module that imports the unit's
// own module and says nothing about the symbols the unit depends on. Where that is
// not so, rules are lowered as those of any program.
#ifndef AMBIT_RUNTIME_BOOT_H
#define AMBIT_RUNTIME_BOOT_H

#include "runtime/atoms/store.h"
#include "runtime/atoms/symbol.h"

// A definition's unit for one expected type. Some units depend on what a call
// through an unknown head may do (mention.h): bit i of `bounds` says that the
// unit is right for the effects i.
typedef struct BootUnit {
  uint32_t head;    // symbol; rows ascend by head
  uint32_t nargs;   // and BOOT_SAME
  uint32_t module;  // that has the rules
  Word type;        // as a word of that module's terms
  uint64_t bounds;
  uint32_t at;  // first word in `code`
} BootUnit;

typedef struct BootModule {  // in the order of ambi_embedded
  StoreImage terms;
  const TemplateImage *atoms;  // in order
  uint32_t natoms;
  const char *const *imports;  // other modules than the core library; ends with
                               // NULL
  // What its text mentions, see mention.h: effects of operations, and symbols.
  uint32_t effects, fetched;
  const uint32_t *mentions;
  uint32_t nmentions;
} BootModule;

typedef struct BootImage {
  SymbolImage symbols;
  uint32_t nnames;  // symbols of the core library; those of modules come after
  const BootModule *modules;
  uint32_t nmodules;
  uint32_t core;                  // the core library's
  const TemplateImage *op_types;  // OP_COUNT, in the core library's terms
  const uint8_t *reach;  // nnames: effects of their rules, see mention.h
  const BootUnit *units;
  uint32_t nunits;
  // For each row of `units`: the unit and the units of its loops, in this order.
  //   number of units, of variants (32 bits each)
  //   number of symbols relied on, of symbols depended on (these first)
  //   the latter, two to a word
  //   variants: head (or BOOT_SHAPE) and number of arguments; type
  //   units: see BootCounts; code, edges, live_at, live, switches (number of
  //   cases; other and open; the cases), templates (atom; variables and flags;
  //   names), constants
  const Word *code;
} BootImage;

// What a unit in `code` begins with.
typedef struct BootCounts {
  uint32_t ncode, nslots, nargs, nk, nedges, nswitches, nlive, nrows,
      ntemplates, stamp;
} BootCounts;
enum { BOOT_COUNT_WORDS = sizeof(BootCounts) / sizeof(Word) };

// Constants that are not Values have the tag of words that no constant has.
// In place of the head of a variant that is a shape.
#define BOOT_SHAPE UINT32_MAX
// With the number of arguments: evaluating these has changed none.
#define BOOT_SAME 0x80000000u
enum BootReference { BOOT_TEMPLATE, BOOT_VARIANT, BOOT_LOOP };
#define AMB_BOOT_REFERENCE(kind, i) \
  AMB_TAGGED(TAG_FWD, (Word)(kind) << 32 | (i))

extern const BootImage ambi_boot_image;

// A module of the image in a runtime.
typedef struct BootLoaded {
  Word *terms;          // where they were copied to
  uint32_t natoms;      // in the space so far
  struct Space *space;  // NULL: not yet loaded
  uint64_t version;     // of the space when it was
} BootLoaded;

#endif
