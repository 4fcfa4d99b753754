// Opening and closing a Runtime: its parts in order, and its cells.
//
// Closing copes with a runtime that was opened only in part, so a failing step
// of opening just closes what there is.
#include "runtime/runtime.h"

#include <time.h>

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/bytecode/code.h"
#include "runtime/cells.h"
#include "runtime/modules/module.h"
#include "runtime/spaces/share.h"
#include "runtime/tables/table.h"

// A different generator in each run, never zero.
static uint64_t random_seed(const Runtime *rt) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  uint64_t x = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec ^
               (uint64_t)(uintptr_t)rt << 16;
  return x * 0x9E3779B97F4A7C15u | 1;
}

static bool load_core_terms(Runtime *rt) {
  const BootImage *boot = rt->boot;
  rt->booted = ambi_alloc(boot->nmodules * sizeof *rt->booted);
  if (!rt->booted) return false;
  BootLoaded *core = &rt->booted[boot->core];
  core->terms = ambi_store_load(rt->store, &boot->modules[boot->core].terms);
  return core->terms != NULL;
}

bool ambi_runtime_core_unchanged(const Runtime *rt) {
  return rt->boot && rt->corelib->version == rt->booted[rt->boot->core].version;
}

static bool open_parts(Runtime *rt) {
  const BootImage *boot = rt->boot;
  rt->symbols = boot ? ambi_symbols_load(&boot->symbols) : ambi_symbols_open();
  rt->store = rt->symbols ? ambi_store_open() : NULL;
  if (!rt->store || (boot && !load_core_terms(rt))) return false;
  if (!ambi_words_open(rt) || !ambi_builtins_open(rt) ||
      !ambi_tables_open(rt) || (rt->tier > 0 && !ambi_code_open(rt)) ||
      !ambi_modules_open(rt))
    return false;
  rt->own_symbols = (uint32_t)ambi_symbols_count(rt->symbols);
  return true;
}

Runtime *ambi_runtime_open_from(const BootImage *boot, const Host *host,
                                int tier) {
  Runtime *rt = ambi_alloc(sizeof *rt);
  if (!rt) return NULL;
  rt->host = *host;
  rt->tier = tier;
  rt->boot = boot;
  rt->rng_state = random_seed(rt);
  rt->tabling = ambi_stress(STRESS_TABLING);
  if (open_parts(rt)) return rt;
  ambi_runtime_close(rt);
  return NULL;
}

void ambi_runtime_quiesce(Runtime *rt) {
  if (rt->code) ambi_code_quiesce(rt->code);
  ambi_spaces_quiesce(rt);
  if (rt->sharing) return;
  ambi_cells_quiesce(rt);
}

void ambi_runtime_close(Runtime *rt) {
  if (!rt) return;
  ambi_spaces_unshare(rt);
  if (rt->code) ambi_code_close(rt);
  ambi_tables_close(rt);
  ambi_modules_close(rt);
  ambi_cells_close(rt);
  ambi_mentions_close(rt);
  ambi_builtins_close(rt);
  ambi_host_close(rt);
  ambi_words_close(rt);
  if (rt->booted)
    ambi_free(rt->booted, rt->boot->nmodules * sizeof *rt->booted);
  if (rt->store) ambi_store_close(rt->store);
  if (rt->symbols) ambi_symbols_close(rt->symbols);
  ambi_free(rt, sizeof *rt);
  ambi_alloc_limit(0);
}
