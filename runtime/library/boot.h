// The core library as the program file holds it: read, typed and lowered when
// the program was built.
//
// runtime/library/make/ is the program that makes the image, from a runtime that
// read the library's text; CMakeLists.txt runs it. All of it is const and refers
// to itself by distances, so runtimes share it. Opening a runtime copies symbols
// and terms, each in one pass. Units of bytecode stay where they are until their
// first call: then constants are made for them (boot_code.c), and instructions
// and tables are used in place.
//
// A unit is what lowering gives in the space of a module that imports the core
// library and says nothing about the symbols the unit depends on. Where that is
// not so, rules are lowered as those of any program.
#ifndef AMBIT_RUNTIME_BOOT_H
#define AMBIT_RUNTIME_BOOT_H

#include "runtime/atoms/store.h"
#include "runtime/atoms/symbol.h"

// A definition's unit for one expected type. Some units depend on what a call
// through an unknown head may do (mention.h): bit i of `bounds` says that the
// unit is right for the effects i.
typedef struct BootUnit {
  uint32_t head;  // symbol; rows ascend by head
  uint32_t nargs;
  Word type;  // as a word of the terms
  uint64_t bounds;
  uint32_t at;  // first word in `code`
} BootUnit;

typedef struct BootImage {
  SymbolImage symbols;
  StoreImage terms;
  const TemplateImage *op_types;  // OP_COUNT
  const TemplateImage *atoms;     // of the core library, in order
  uint32_t natoms;
  const uint8_t *reach;  // effects of each symbol's rules, see mention.h
  const BootUnit *units;
  uint32_t nunits;
  // For each row of `units`: the unit and the units of its loops, in this order.
  //   number of units, of variants (32 bits each)
  //   number of symbols relied on, of symbols depended on (these first)
  //   the latter, two to a word
  //   variants: head and number of arguments; type
  //   units: see BootCounts; code, edges, live_at, live, switches (number of
  //   cases; other and open; the cases), templates (atom; variables and flags;
  //   names), constants
  const Word *code;
} BootImage;

// What a unit in `code` begins with.
typedef struct BootCounts {
  uint32_t ncode, nslots, nargs, nk, nedges, nswitches, nlive, nrows,
      ntemplates, spare;
} BootCounts;
enum { BOOT_COUNT_WORDS = sizeof(BootCounts) / sizeof(Word) };

// Constants that are not Values have the tag of words that no constant has.
enum BootReference { BOOT_TEMPLATE, BOOT_VARIANT, BOOT_LOOP };
#define AMB_BOOT_REFERENCE(kind, i) \
  AMB_TAGGED(TAG_FWD, (Word)(kind) << 32 | (i))

extern const BootImage ambi_boot_image;

#endif
