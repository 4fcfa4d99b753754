// What is inside of the words of tokens.c, for it and for who walks over them.
#ifndef AMBIT_RUNTIME_TOKENS_DATA_H
#define AMBIT_RUNTIME_TOKENS_DATA_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "runtime/runtime.h"

typedef struct Entry {
  Template value;
  pcre2_code *code;  // NULL: a literal name
  uint32_t symbol;   // of a literal name
  bool owned;        // value and code are not shared with another tokenizer
} Entry;

typedef struct Slot {
  uint32_t symbol;
  uint32_t entry;  // index + 1, or 0: free
} Slot;

struct Words {
  Template *at;  // by symbol id; atom AMB_NONE: no word
  size_t cap;
  uint64_t first[4];  // set of the bytes they begin with
};

struct Tokens {
  Runtime *rt;
  Entry *at;
  size_t n, cap;
  Slot *slots;  // newest entry of each literal name
  size_t nslots, nused;
  uint32_t *patterns;  // entries that are regular expressions, by age
  size_t npatterns, patterns_cap;
  uint64_t first[4];  // set of the bytes literal names begin with
  pcre2_general_context *memory;
  pcre2_compile_context *flavour;
  pcre2_match_data *match;
  uint32_t var_ids;  // last id given to a variable of a value
  Buffer error;
};

// Where a literal name stands, or a free place for it. There are places.
static inline Slot *ambi_tokens_slot(const Tokens *t, uint32_t symbol) {
  size_t mask = t->nslots - 1;
  size_t i = (size_t)(symbol * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
  while (t->slots[i].entry && t->slots[i].symbol != symbol)
    i = (i + 1) & mask;
  return &t->slots[i];
}

#endif
