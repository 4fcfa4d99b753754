// Opening tier 1's machine, and running one form on it.
#include "runtime/machine/image.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/builtins/mutexes.h"
#include "runtime/bytecode/sampler.h"
#include "runtime/calls.h"
#include "runtime/config.h"
#include "runtime/crew.h"
#include "runtime/eval.h"
#include "runtime/guard.h"
#include "runtime/machine/handover.h"
#include "runtime/machine/lend.h"
#include "runtime/machine/routine.h"
#include "runtime/machine/seen.h"
#include "runtime/machine/stow.h"
#include "runtime/spaces/journal.h"

Engine *ambi_engine_open(Context *cx) {
  Engine *g = ambi_alloc(sizeof *g);
  if (!g) return NULL;
  g->cx = cx;
  g->code = cx->rt->code;
  g->given_back = cx->given_back;
  size_t first = ambi_stress(STRESS_MINIMAL) ? 1 << 12 : 1 << 18;
  if (!ambi_range_open_most(&g->stack_range, AMB_HEAP_RESERVE / 4) ||
      !ambi_range_open_most(&g->choice_range, AMB_HEAP_RESERVE / 4) ||
      !ambi_range_commit(&g->stack_range, first) ||
      !ambi_range_commit(&g->choice_range, first)) {
    ambi_engine_close(g);
    return NULL;
  }
  g->stack = (Word *)(void *)g->stack_range.base;
  g->stack_end = g->stack + g->stack_range.committed / sizeof(Word) - 256;
  g->choices = (Choice *)(void *)g->choice_range.base + CHOICES_APART;
  ambi_choices_committed(g);
  return g;
}

void ambi_engine_count(Engine *g) {
  Context *cx = g->cx;
  Tally *t = ambi_tally(&cx->rt->tally);
  uint64_t steps = (uint64_t)(g->granted - g->budget);
  cx->limits.steps_used += steps;
  g->granted = g->budget;
  ambi_tally_add(t, TALLY_STEPS, steps);
  ambi_tally_add(t, TALLY_BACKTRACKS, cx->given_back - g->given_back);
  g->given_back = cx->given_back;
}

static void drop_handed(Engine *g) {
  ambi_image_drop(&g->handed);
}

void ambi_engine_close(Engine *g) {
  if (!g) return;
  drop_handed(g);
  ambi_collect_close(g);
  ambi_range_close(&g->stack_range);
  ambi_range_close(&g->choice_range);
  ambi_free(g->copy.work, g->copy.work_cap * sizeof *g->copy.work);
  ambi_free(g->copy.renamed, g->copy.renamed_cap * sizeof *g->copy.renamed);
  ambi_free(g->copy.forwarded,
            g->copy.forwarded_cap * sizeof *g->copy.forwarded);
  for (size_t i = 0; i < 2; i++)
    ambi_free(g->copy.spine[i].at,
              g->copy.spine[i].cap * sizeof *g->copy.spine[i].at);
  ambi_stamps_drop(g->copy.pool);
  ambi_hooks_drop(g);
  ambi_flat_sites_free(g);
  ambi_records_drop(&g->found);
  ambi_vec_drop(&g->work);
  ambi_vec_drop(&g->roots);
  ambi_free(g, sizeof *g);
}

static void engine_close(void *g) {
  ambi_engine_close(g);
}

Engine *ambi_engine_of(Context *cx) {
  if (!cx->engine) {
    cx->engine = ambi_engine_open(cx);
    cx->engine_close = engine_close;
  }
  return cx->engine;
}

static const Code result[1] = {{.op = OP_I_TOP_RESULT}};

void ambi_engine_fresh(Engine *g) {
  ambi_adopted_free(g);
  drop_handed(g);
  ambi_stamps_drop(g->copy.pool);
  g->copy.pool = NULL;
  g->copy.stamps = 0;
  g->copy.stamps_end = AMB_STAMPS;
  g->copy.spine_of = NULL;
  g->granted = g->budget = 0;
  g->lowerings = g->epochs = (Pace){0};
  g->handed_to = NULL;
  g->search = NULL;
  g->made = AMB_UNCOUNTED;
  g->is_part = g->part_of_form = g->spoilt = g->hopeful = false;
  g->gave = false;
  g->gave_at = 0;
  g->asked = NULL;
  g->refused = g->patience = 0;
  g->took = 0;
  g->too_large = 0;
}

bool ambi_engine_begin(Engine *g) {
  static const Code done[1] = {{.op = OP_I_TOP_DONE}};
  Context *cx = g->cx;
  g->home = cx->space;
  g->top_hook = ambi_hook_new(g, HOOK_COLLECT);
  if (!g->top_hook) return false;
  g->e = g->stack + FRAME_HEADER;
  g->b = g->choices;
  *g->b = (Choice){.resume = done,
                   .h = cx->h,
                   .tr = cx->tr,
                   .top = g->stack,
                   .e = g->e,
                   .s = cx->space,
                   .hook = g->top_hook,
                   .aux = AMB_UNIT};
  cx->hb = cx->h;
  g->rv = AMB_UNIT;
  ambi_engine_fresh(g);
  ambi_collect_first(g);
  return true;
}

bool ambi_engine_frame(Engine *g, const Unit *form) {
  g->e = g->stack + FRAME_HEADER;
  g->e[FRAME_UNIT] = (Word)(uintptr_t)form;
  g->e[FRAME_PREV] = (Word)(uintptr_t)g->e;
  g->e[FRAME_RET] = (Word)(uintptr_t)result;
  g->e[FRAME_MARK] = 0;
  g->pc = ambi_load_acquire(&form->entry);
  return g->e + form->nslots <= g->stack_end ||
         ambi_stack_more(g, g->e + form->nslots);
}

// The results leave as they are: a form that was stopped for want of memory has
// none to copy them.
static void hand_out(Engine *g, ValueVec *out) {
  Hook *h = g->top_hook;
  drop_handed(g);
  if (h->image.range.base) g->wide--;
  g->handed = h->image;
  h->image = (Image){0};
  ambi_image_relocate(g->handed.w, g->handed.n, 0);
  for (size_t i = 0; i < h->values.n; i++)
    h->values.at[i] = ambi_image_value(h->values.at[i], g->handed.w, 0);
  ambi_vec_drop(out);
  *out = h->values;
  h->values = (ValueVec){0};
  h->nvalues = 0;
}

static enum AmbStop interpret(Engine *g) {
  Sampler *p = g->code->sampler;
  if (AMB_LIKELY(!p && !g->code->coverage)) return ambi_interp_run(g);
  Engine *before = p ? ambi_sampler_enter(p, g) : NULL;
  enum AmbStop stop = ambi_interp_run_counted(g);
  if (p) ambi_sampler_leave(p, before);
  return stop;
}

// The newest collector above so many records gives nothing, and what had been begun in it
// goes: the isolated evaluation that it is of is begun again by who looks at its results.
static enum Next give_nothing(Engine *g, size_t records) {
  static const Code fail[1] = {{.op = OP_I_FAIL}};
  Choice *r = g->choices + records + 1;
  while (r <= g->b && !(r->hook && ambi_hook_collects(r->hook)))
    r++;
  if (r > g->b) {  // who began it gathers no results
    g->cx->stop = STOP_INTERNAL;
    return NEXT_STOP;
  }
  ambi_choice_cut(g, r + 1);
  ambi_hook_restart(r->hook);
  g->cx->stop = STOP_NONE;
  g->pc = fail;
  return NEXT_PC;
}

static enum Next begin_again(Engine *g) {
  size_t records = ambi_journal_goes_back(g->cx);
  return records == SIZE_MAX ? ambi_handover_again(g)
                             : give_nothing(g, records);
}

// Runs until there is nothing more or something stops it, and hands out what was
// found meanwhile.
static enum AmbStop run(Engine *g, ValueVec *out) {
  bool again = true;
  while (again) {
    g->cx->stop = interpret(g);
    again = g->cx->stop == STOP_AGAIN && begin_again(g) == NEXT_PC;
    if (again) continue;
    if (g->cx->stop || !g->top_hook->parts || g->is_part) break;
    if (!ambi_handover_join(g, g->top_hook, g->choices, &again)) break;
    if (again && ambi_handover_again(g) != NEXT_PC) break;
  }
  ambi_engine_count(g);
  if (ambi_calls_matter(g->cx->stop)) ambi_calls_failed(g->cx, AMB_NONE);
  if (!ambi_rests(g->cx->stop) && !g->is_part) hand_out(g, out);
  return g->cx->stop;
}

void ambi_engine_leave(Engine *g) {
  size_t keep = ambi_stress(STRESS_MINIMAL) ? 1 << 12 : 1 << 22;
  g->top_hook = NULL;
  g->choices->hook = NULL;
  ambi_range_trim(&g->stack_range, keep);
  ambi_range_trim(&g->choice_range, keep);
  ambi_seen_drop(g);
  g->stack_end = g->stack + g->stack_range.committed / sizeof(Word) - 256;
  ambi_choices_committed(g);
}

// The record of a part's region has the hook of the form. It is the first one, unless
// records of results that are still to be delivered came below it.
static void leave_top_hook(Engine *g) {
  for (Choice *c = g->choices + 1; c <= g->b; c++)
    if (c->hook == g->top_hook) c->hook = NULL;
}

// Unwinds: bindings go, what was handed out stays.
static void end(Engine *g, Space *space) {
  Context *cx = g->cx;
  if (!g->top_hook) return;
  ambi_trail_undo(cx, g->choices->tr);
  cx->space = space;
  if (g->is_part && !g->part_of_form) leave_top_hook(g);
  ambi_choice_cut(g, g->choices + 1);
  ambi_hook_free(g, g->top_hook);
  ambi_engine_leave(g);
}

static void begin_marks(Context *cx, const Engine *g) {
  uint64_t now = ambi_code_epoch(g->code);
  cx->rigid = (RigidEpochs){now, now};
}

enum AmbStop ambi_engine_run_unit(Engine *g, Unit *form, ValueVec *out) {
  Context *cx = g->cx;
  Space *space = cx->space;
  g->max_depth = cx->limits.max_stack_depth;
  begin_marks(cx, g);
  if (ambi_engine_begin(g) && ambi_engine_frame(g, form))
    run(g, out);
  else if (cx->stop == STOP_NONE)
    cx->stop = STOP_MEMORY;
  end(g, space);
  return cx->stop;
}

// ---- forms ------------------------------------------------------------------

static Unit *make_unlowered(enum Opcode op) {
  Code code[1] = {{.op = (uint16_t)op}};
  Unit *u = ambi_routine_unit_make(code, 1, 4);
  if (u) u->k = ambi_alloc(sizeof(Word));
  if (!u || !u->k) {
    if (u) ambi_unit_free(u);
    return NULL;
  }
  u->nk = 1;
  u->k[0] = AMB_SYM(UNDEFINED).w;
  return u;
}

static Unit *data_unit(CodeState *cs) {
  Unit *u = ambi_load_acquire(&cs->x_data_unit);
  return u ? u
           : ambi_routine_unit_keep(cs, &cs->x_data_unit,
                                    make_unlowered(OP_I_EVALXT));
}

// What evaluates the form as data: where it is not lowered.
static Unit *unlowered(Engine *g, Value form) {
  Unit *u = g->bare ? make_unlowered(OP_I_EVINSTR) : data_unit(g->code);
  if (!u) g->cx->stop = STOP_MEMORY;
  for (int i = 0; u && i < 4; i++)
    g->stack[FRAME_HEADER + i] = form.w;
  return u;
}

// The form's unit, if it is lowered, and the epoch its rigid marks hold in. Under the
// guard.
static Unit *prepare(Engine *g, Value form, bool as_data) {
  Context *cx = g->cx;
  g->bare = cx->rt->bare_minimal;
  g->max_depth = cx->limits.max_stack_depth;
  ambi_space_evaluates(cx->space);
  ambi_effects_mentioned(g->code);
  begin_marks(cx, g);
  if (!g->max_depth && ambi_form_is_literal(cx, form))
    g->max_depth = DEPTH_UNCOUNTED;
  as_data |= g->bare || g->max_depth || cx->stop;
  return as_data ? NULL : ambi_lower_form(cx, form);
}

static enum AmbStop open_form(Context *cx, Value form, bool as_data) {
  Engine *g = ambi_engine_of(cx);
  if (!g) return cx->stop = STOP_MEMORY;
  cx->hb = (Word *)UINTPTR_MAX;
  ambi_guard(cx->rt);
  g->form = prepare(g, form, as_data);
  ambi_unguard(cx->rt);
  if (!g->form && !cx->stop) g->form = unlowered(g, form);
  if (g->form && !(ambi_engine_begin(g) && ambi_engine_frame(g, g->form)) &&
      !cx->stop)
    cx->stop = STOP_MEMORY;
  return cx->stop;
}

void ambi_form_unit_drop(CodeState *cs, Unit *form) {
  if (form && form != ambi_load_acquire(&cs->x_data_unit))
    ambi_unit_drop(cs, form);
}

enum AmbStop ambi_form_open(Context *cx, Value form) {
  return open_form(cx, form, false);
}

// Forms that take a few steps each look at limits as seldom as one that takes many: what
// was granted to the one before is used up first. Limits of the form itself count from its
// beginning.
enum AmbStop ambi_form_open_data(Context *cx, Value form) {
  const Engine *had = cx->engine;
  const Limits *l = &cx->limits;
  int64_t left = had && !l->steps && !l->heap && !l->depth ? had->budget : 0;
  enum AmbStop stop = open_form(cx, form, true);
  Engine *g = cx->engine;
  if (!stop && left > 0) g->granted = g->budget = left;
  return stop;
}

bool ambi_form_ends_here(const Context *cx) {
  const Engine *g = cx->engine;
  return g && g->top_hook && g->b == g->choices &&
         g->e[FRAME_RET] == (Word)(uintptr_t)result &&
         g->top_hook->values.n == 0 && g->top_hook->nitems == 0;
}

bool ambi_form_ends_with(const Context *cx, Value call) {
  const Engine *g = cx->engine;
  if (!ambi_form_ends_here(cx) || !ambi_is_expression(call)) return false;
  const Unit *u = (const Unit *)(uintptr_t)g->e[FRAME_UNIT];
  return u->variant &&
         ambi_same(u->variant->def->head, ambi_deref(ambi_expr_at(call, 0)));
}

size_t ambi_form_records(const Context *cx) {
  const Engine *g = cx->engine;
  return g && g->top_hook ? (size_t)(g->b - g->choices) : 0;
}

// Into a block and out of it, to another place.
static void move_house(Context *cx) {
  Stowed *s = ambi_stow(cx);
  if (!s) return;
  Range old = cx->old;
  cx->old = cx->spare;
  cx->spare = old;
  ambi_context_reset(cx);
  AMB_CHECK(ambi_unstow(cx, s));
}

enum AmbStop ambi_form_run(Context *cx, ValueVec *out) {
  static const Code further[1] = {{.op = OP_I_FAIL}};
  if (ambi_stress(STRESS_STOW) && ambi_rests(cx->stop)) move_house(cx);
  Engine *g = cx->engine;
  if (cx->stop == STOP_ANSWERS) g->pc = further;
  if (cx->stop == STOP_YIELD && g->entry_args != SIZE_MAX)
    g->pc = ambi_load_acquire(&((Unit *)(uintptr_t)g->e[FRAME_UNIT])->entry);
  if (cx->stop == STOP_ANSWERS || ambi_rests(cx->stop)) cx->stop = STOP_NONE;
  return run(g, out);
}

void ambi_form_close(Context *cx) {
  Engine *g = cx->engine;
  if (!g) return;
  ambi_isolation_end(cx);
  if (cx->rt->crew) cx->rt->crew->form_ended(cx);
  if (cx->held || cx->waiter) cx->rt->mutex_table->release(cx);
  end(g, g->home);
  ambi_form_unit_drop(g->code, g->form);
  g->form = NULL;
  cx->hb = (Word *)UINTPTR_MAX;
}

enum AmbStop ambi_eval1_form(Context *cx, Value form, ValueVec *out) {
  if (ambi_form_open(cx, form) == STOP_NONE)
    while (ambi_rests(ambi_form_run(cx, out)))
      if (cx->rt->crew) cx->rt->crew->rest(cx);
  ambi_form_close(cx);
  return cx->stop;
}
