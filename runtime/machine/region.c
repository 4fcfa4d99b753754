// Regions: where one begins, what of it may go, and the oldest alternative in it.
#include "runtime/machine/region.h"

#include "runtime/atoms/best.h"
#include "runtime/machine/step.h"

// Nothing of a region is handed over for the reason `kept`; TALLY_GIVEN: it may be.
static Region region_at(Choice *begins, Choice *base, Word *frame, Best *best,
                        enum Tallied kept) {
  return (Region){.begins = kept == TALLY_GIVEN ? begins : NULL,
                  .kept = kept,
                  .base = base,
                  .frame = frame,
                  .best = best};
}

// A form that is not lowered is lost once its frame is used, and cannot begin again.
static enum Tallied form_kept(const Engine *g) {
  if (g->top_hook->sequential) return TALLY_KEPT_AGAIN;
  if (g->is_part) return TALLY_GIVEN;
  if (g->cx->limits.answers || g->max_depth) return TALLY_KEPT_LIMITS;
  return g->form->routine || g->bare ? TALLY_KEPT_OTHER : TALLY_GIVEN;
}

static Region form_region(const Engine *g) {
  Choice *begins = g->choices + (g->is_part && !g->part_of_form);
  return region_at(begins, g->choices, g->stack + FRAME_HEADER,
                   ambi_best_entered(g->cx), form_kept(g));
}

static enum Tallied collector_kept(const Choice *r) {
  const Hook *h = r->hook;
  bool plain =
      !h->old && !h->with_bindings && r->next && r->next->op == OP_I_COLLECT;
  if (h->sequential) return TALLY_KEPT_AGAIN;
  return plain ? TALLY_GIVEN : TALLY_KEPT_OTHER;
}

// A once: its record has a hook from when somebody first asked for something of it.
static enum Tallied once_kept(const Choice *r) {
  const Hook *h = r->hook;
  if (h && h->sequential) return TALLY_KEPT_AGAIN;
  return !h || (h->once && !h->old) ? TALLY_GIVEN : TALLY_KEPT_OTHER;
}

// A case: its record has one from then, or from the first result.
static enum Tallied case_kept(const Choice *r) {
  return r->hook && r->hook->sequential ? TALLY_KEPT_AGAIN : TALLY_GIVEN;
}

const Code *ambi_region_case(const Choice *r) {
  const Hook *h = r->hook;
  bool gathers = h && h->kind == HOOK_GATHER && !h->old && h->frame == r->e &&
                 r->resume->op == OP_I_PEND;
  if (h && !gathers) return NULL;
  const Code *none = ambi_code_origin(h ? h->old_resume : r->resume);
  const Unit *u = (const Unit *)(uintptr_t)r->e[FRAME_UNIT];
  return none->op == OP_I_CASE_NONE ? ambi_unit_case(u, none) : NULL;
}

static bool is_once(const Choice *r) {
  return ambi_code_origin(r->resume) == ambi_once_fail;
}

// The innermost scope at a record, which lies in that of the records below.
static Best *scope_at(const Choice *r, Best *outer) {
  for (const Hook *h = r->hook; h; h = h->old)
    if (h->kind == HOOK_BEST) return h->best;
  return outer;
}

// Does a region begin at the record? May something of it go is *kept then.
static bool begins_region(const Choice *r, enum Tallied *kept) {
  if (is_once(r))
    *kept = once_kept(r);
  else if (ambi_region_case(r))
    *kept = case_kept(r);
  else if (r->hook && ambi_hook_collects(r->hook))
    *kept = collector_kept(r);
  else
    return false;
  return true;
}

// Results that wait before something with effects goes on with each; those of a case do in
// any case.
static bool waits_for_effects(const Choice *r) {
  const Hook *h = r->hook;
  return h && h->kind == HOOK_GATHER &&
         ambi_code_origin(h->old_resume)->op != OP_I_CASE_NONE;
}

// Why a record of alternatives in the region is in the way of all newer ones.
static enum Tallied in_the_way(const Choice *r, const Region *region) {
  if (!region->begins) return region->kept;
  return waits_for_effects(r) ? TALLY_KEPT_EFFECTS : TALLY_KEPT_BEHIND;
}

Choice *ambi_region_oldest(const Engine *g, const Choice *newest,
                           Region *region) {
  enum Tallied kept, first = TALLY_KEPT_SINGLE;
  *region = form_region(g);
  Choice *r = g->choices + 1 + (g->is_part && !g->part_of_form);
  for (; r <= newest; r++) {
    if (r->resume == ambi_divide_gone) continue;
    region->best = scope_at(r, region->best);
    if (begins_region(r, &kept)) {
      *region = region_at(r, r - 1, r->e, region->best, kept);
      continue;
    }
    if (region->begins && ambi_divide_can(r)) return r;
    region->kept = in_the_way(r, region);
    if (first == TALLY_KEPT_SINGLE) first = region->kept;
    region->begins = NULL;
  }
  region->kept = first;
  return NULL;
}

// ---- hooks of once and case -----------------------------------------------------

// Where a ONCE or CASE of the record's frame ends; NULL: it is none of that frame.
static const Code *end_of(const Choice *r, const Code *begins) {
  const Unit *u = (const Unit *)(uintptr_t)r->e[FRAME_UNIT];
  unsigned end = begins->op == OP_I_CASE ? OP_I_CASE_END : OP_I_ONCE_END;
  if (begins < u->code || begins >= u->code + u->ncode) return NULL;
  for (const Code *pc = u->code; pc < u->code + u->ncode;
       pc += ambi_op_words(pc))
    if (pc->op == end && pc->b == begins->a) return pc;
  return NULL;
}

static bool hook_once(Engine *g, Choice *r) {
  const Code *end = end_of(r, ambi_code_origin(r->next));
  Hook *h = end ? ambi_hook_new(g, HOOK_COLLECT) : NULL;
  if (!h) return false;
  h->once = end;
  r->hook = h;
  r->resume = ambi_once_fail;
  return true;
}

// As if it had a result already.
static bool hook_case(Engine *g, Choice *r, const Code *begins) {
  const Code *end = end_of(r, begins);
  if (!end) return false;
  if (!r->hook) {
    Hook *h = ambi_hook_results(g, r, HOOK_GATHER, begins->a, end->a, end + 1);
    if (!h) return false;
    h->frame = r->e;
    h->s = r->s;
  }
  r->hook->once = end;
  r->next = begins;
  return true;
}

// Nobody knows what has happened since the record was made: effects count from the form's
// beginning.
bool ambi_region_hook(Engine *g, const Region *region) {
  Choice *r = region->begins;
  if (r->hook && (r->hook->once || ambi_hook_collects(r->hook))) return true;
  const Code *begins = ambi_region_case(r);
  bool ok = begins ? hook_case(g, r, begins) : hook_once(g, r);
  if (ok) r->hook->effects = g->top_hook->effects;
  return ok;
}
