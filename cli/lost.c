// A count, and the memory that jansson asks for: it has no way to say at the end that a
// part of an object is missing.
#include "cli/lost.h"

#include <jansson.h>
#include <stdlib.h>

#include "memory/atomic.h"

static AMB_ATOMIC(unsigned) losses;  // [all~]

void cli_lost(void) {
  ambi_add_relaxed(&losses, 1);
}

unsigned cli_losses(void) {
  return ambi_load_relaxed(&losses);
}

static void *take(size_t n) {
  void *p = malloc(n);
  if (!p) cli_lost();
  return p;
}

void cli_lost_count_json(void) {
  json_set_alloc_funcs(take, free);
}
