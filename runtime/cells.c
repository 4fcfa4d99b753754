#include "runtime/cells.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/bytecode/code.h"
#include "runtime/guard.h"
#include "runtime/spaces/space_data.h"
#include "runtime/tables/table.h"

enum {
  FEW_BYTES = 1 << 20,  // of cells are not worth looking for ...
  FEW_HELD = 8 << 20,   // ... nor so many of what they may hold
  FEW_SPACES = 128      // are not worth making all code once more
};

// ---- all cells --------------------------------------------------------------------
// What is allocated for one without contents.
static size_t bytes_of(const CellHeader *c) {
  enum { SPACE = 1024, OTHER = 512 };
  if (c->kind == CELL_STATE) return sizeof(State);
  return c->kind == CELL_SPACE ? SPACE : OTHER;
}

void ambi_runtime_keep_cell(Runtime *rt, CellHeader *c) {
  ambi_add_relaxed(&rt->x_cell_bytes, bytes_of(c));
  CellHeader *newest = ambi_load_acquire(&rt->cells);
  do {
    c->next = newest;
    if (!rt->sharing) {
      ambi_store_release(&rt->cells, c);
      return;
    }
  } while (!ambi_compare_exchange(&rt->cells, &newest, c));
}

// A number of its own for what prints one, whichever cells have gone: a State prints its
// value.
void ambi_runtime_add_cell(Runtime *rt, CellHeader *c) {
  if (c->kind != CELL_STATE)
    c->number = ambi_add_relaxed(&rt->x_numbered, 1) + 1;
  ambi_runtime_keep_cell(rt, c);
}

static void free_cell(Runtime *rt, CellHeader *c) {
  switch ((enum CellKind)c->kind) {
  case CELL_SPACE: ambi_space_free((Space *)c); break;
  case CELL_STATE: ambi_state_free(rt, (State *)c); break;
  case CELL_FILE:
  case CELL_RNG:
  case CELL_HOST:
    if (c->drop) c->drop(c);
    break;
  }
}

void ambi_cells_close(Runtime *rt) {
  if (rt->store) ambi_store_stop_counting(rt->store);
  while (rt->cells) {
    CellHeader *c = rt->cells;
    rt->cells = c->next;
    free_cell(rt, c);
  }
}

// ---- who may go -------------------------------------------------------------------
static bool space_may_go(const Space *s) {
  return !s->is_module && !ambi_space_has_code(s);
}

static bool may_go(const CellHeader *c) {
  if (c->kind == CELL_HOST || ambi_load_relaxed(&c->x_stays)) return false;
  return c->kind != CELL_SPACE || space_may_go((const Space *)c);
}

static bool is_met(const Runtime *rt, const CellHeader *c) {
  return c->mark == rt->cell_mark;
}

static bool goes(const Runtime *rt, const CellHeader *c) {
  return ambi_load_relaxed(&c->x_uses) == 0 && !is_met(rt, c) && may_go(c);
}

static void meet(void *arg, CellHeader *c) {
  ambi_cell_met(arg, c);
}

void ambi_cells_watch(Runtime *rt) {
  rt->cell_mark++;
  ambi_tables_see_cells(rt, meet, rt);
}

// ---- going ------------------------------------------------------------------------
static void push(CellHeader **list, CellHeader *c) {
  c->listed = true;
  c->link = *list;
  *list = c;
}

static CellHeader *pop(CellHeader **list) {
  CellHeader *c = *list;
  if (c) *list = c->link;
  return c;
}

// Those that went unused since, and must be in no other list meanwhile.
static void take_unused(Runtime *rt, CellHeader **going) {
  for (CellHeader *c; (c = ambi_store_unused(rt->store)) != NULL;)
    if (goes(rt, c)) push(going, c);
}

// Each cell knows the one before and behind it from here on.
static void link_back(Runtime *rt) {
  CellHeader *newer = NULL;
  for (CellHeader *c = rt->cells; c; newer = c, c = c->next)
    c->prev = newer;
}

// The list of those that nothing uses.
static CellHeader *find_unused(Runtime *rt) {
  CellHeader *going = NULL;
  take_unused(rt, &going);
  for (CellHeader *c = rt->cells; c; c = c->next)
    if (!c->listed && goes(rt, c)) push(&going, c);
  link_back(rt);
  return going;
}

static void unlink_cell(Runtime *rt, CellHeader *c) {
  if (c->prev)
    c->prev->next = c->next;
  else
    ambi_store_release(&rt->cells, c->next);
  if (c->next) c->next->prev = c->prev;
  ambi_add_relaxed(&rt->x_cell_bytes, -bytes_of(c));
}

// All of them, and what goes unused by that. forget: no heap is in use, so nothing sees
// what they held.
static void let_go(Runtime *rt, CellHeader *going, bool forget) {
  bool space = false;
  for (CellHeader *c; (c = pop(&going)) != NULL;) {
    space |= c->kind == CELL_SPACE;
    unlink_cell(rt, c);
    free_cell(rt, c);
    if (forget) ambi_store_forget_given(rt->store);
    take_unused(rt, &going);
  }
  if (space) ambi_runtime_types_changed(rt);  // of a space that had its address
}

// ---- circles ----------------------------------------------------------------------
typedef struct Contents {
  const Store *store;
  bool seen;  // also those of terms that a heap may see
  SeeCell *see;
  void *arg;
} Contents;

static void see_template(const Contents *all, const Template *t) {
  if (all->seen || !ambi_store_is_touched(t))
    ambi_store_see_cells(all->store, t, all->see, all->arg);
}

static void see_record(const Contents *all, Record r) {
  Template t = ambi_record_template(r);
  if (!ambi_record_gone(r)) see_template(all, &t);
}

static void see_atoms(const Contents *all, const Space *s) {
  Relation *rel;
  for (Relations rels = ambi_data_relations(ambi_load_relaxed(&s->x_data));
       (rel = ambi_relations_next(&rels)) != NULL;)
    for (size_t i = 0, n = ambi_relation_n(rel); i < n; i++)
      see_record(all, ambi_relation_at(rel)[i]);
}

// Shows the cells that the cell refers to, as often as they count it.
static void see_contents(const Contents *all, const CellHeader *c) {
  if (c->kind == CELL_STATE) {
    const State *s = (const State *)c;
    see_record(all, ambi_state_record(s));
    see_template(all, &s->type);
  } else if (c->kind == CELL_SPACE) {
    const Space *s = (const Space *)c;
    if (ambi_load_relaxed(&s->x_holds_cells)) see_atoms(all, s);
  }
}

static void take_away(void *arg, CellHeader *c) {
  (void)arg;
  c->outer--;
}

// How often each is used by what is no cell, nor one of these units, or by a term that a
// heap may see.
static void count_outer(Runtime *rt, const Unit *left) {
  Contents inner = {rt->store, false, take_away, NULL};
  for (CellHeader *c = rt->cells; c; c = c->next)
    c->outer = ambi_load_relaxed(&c->x_uses);
  for (CellHeader *c = rt->cells; c; c = c->next)
    see_contents(&inner, c);
  for (const Unit *u = left; u; u = u->next)
    for (uint32_t i = 0; i < u->ntemplates; i++)
      see_template(&inner, u->templates[i]);
}

typedef struct Reach {
  const Runtime *rt;
  CellHeader *todo;
} Reach;

static void reach(void *arg, CellHeader *c) {
  Reach *r = arg;
  if (is_met(r->rt, c)) return;
  ambi_cell_met(r->rt, c);
  push(&r->todo, c);
}

// Meets the cells that are in use, and what they lead to.
static void reach_all(Runtime *rt) {
  Reach r = {rt, NULL};
  Contents all = {rt->store, true, reach, &r};
  for (CellHeader *c = rt->cells; c; c = c->next)
    if (is_met(rt, c) || !may_go(c) || c->outer > 0) {
      ambi_cell_met(rt, c);
      push(&r.todo, c);
    }
  for (CellHeader *c; (c = pop(&r.todo)) != NULL;) {
    c->listed = false;
    see_contents(&all, c);
  }
}

// The list of those that nothing but one another, and these units, uses, if anything.
static CellHeader *find_circles(Runtime *rt, const Unit *left) {
  CellHeader *going = NULL;
  while (ambi_store_unused(rt->store)) {
  }
  count_outer(rt, left);
  reach_all(rt);
  for (CellHeader *c = rt->cells; c; c = c->next)
    if (!is_met(rt, c)) push(&going, c);
  link_back(rt);
  return going;
}

// None of them is freed before all are empty.
static void empty(Runtime *rt, CellHeader *going) {
  for (CellHeader *c = going; c; c = c->link)
    if (c->kind == CELL_STATE)
      ambi_state_empty(rt, (State *)c);
    else if (c->kind == CELL_SPACE)
      ambi_space_empty((Space *)c);
  ambi_store_forget_listed(rt->store);
}

// ---- when -------------------------------------------------------------------------
// A look takes as long as there are cells, and for circles, as there are terms in them. So
// it is due when more has come since the last one than there was then, and when what has
// come would be missed below the limit: it is a quarter of what is left, and a small share of
// what is looked at, so that all looks together take as long as what came.
enum { SHARE_OF_CELLS = 32, SHARE_OF_CIRCLES = 8 };

static CellsSeen see_now(const Runtime *rt) {
  size_t cells = ambi_cells_bytes(rt), doomed;
  size_t terms = ambi_store_bytes(rt->store);
  doomed = ambi_store_doomed_bytes(rt->store);
  return (CellsSeen){cells, cells + terms - doomed};
}

static bool have_grown(const Runtime *rt, const CellsSeen *last, size_t left,
                       size_t share) {
  if (ambi_cells_bytes(rt) > 2 * last->cells + FEW_BYTES ||
      ambi_stress(STRESS_COLLECT))
    return true;
  CellsSeen now = see_now(rt);
  if (now.cells <= last->cells || now.held <= last->held) return false;
  size_t more = now.held - last->held;
  return more > last->held + FEW_HELD ||
         (more > left / 4 && more > last->held / share);
}

bool ambi_cells_due(const Runtime *rt, size_t left) {
  return have_grown(rt, &rt->cells_seen, left, SHARE_OF_CELLS);
}

bool ambi_circles_due(const Runtime *rt, size_t left) {
  return have_grown(rt, &rt->circles_seen, left, SHARE_OF_CIRCLES);
}

// ---- spaces in which something was evaluated ----------------------------------------
// Code refers to them, so it is thrown away when they have become many: then they go as
// others do.
enum { CODE_BYTES = 4096 };  // of a space, about

void ambi_space_begin_evaluating(Space *s) {
  uint8_t was = ambi_load_relaxed(&s->x_context);
  do {
    if (was == CONTEXT_OF_CODE) return;  // somebody else was first
  } while (!ambi_compare_exchange(&s->x_context, &was, CONTEXT_OF_CODE));
  if (s->is_module) return;
  ambi_add_relaxed(&s->rt->x_evaluated, (size_t)1);
  ambi_add_relaxed(&s->rt->x_cell_bytes, (size_t)CODE_BYTES);
}

void ambi_space_leave(Space *s, enum SpaceContext now) {
  if (ambi_space_has_code(s) && !s->is_module) {
    ambi_add_relaxed(&s->rt->x_evaluated, (size_t)-1);
    ambi_add_relaxed(&s->rt->x_cell_bytes, -(size_t)CODE_BYTES);
  }
  ambi_store_release(&s->x_context, (uint8_t)now);
}

static size_t count_spaces(const Runtime *rt) {
  size_t n = 0;
  for (const CellHeader *c = rt->cells; c; c = c->next)
    n += c->kind == CELL_SPACE;
  return n;
}

bool ambi_evaluated_due(const Runtime *rt) {
  return rt->code && ambi_load_relaxed(&rt->x_evaluated) > rt->spaces_soft;
}

// True: they may go.
static bool leave_spaces(Runtime *rt) {
  if (!ambi_evaluated_due(rt)) return false;
  rt->spaces_soft = FEW_SPACES;
  return ambi_code_leave_spaces(rt->code);
}

// Those that are left may all be evaluated in again.
static void settle_spaces(Runtime *rt) {
  rt->spaces_soft = FEW_SPACES + count_spaces(rt);
  if (ambi_stress(STRESS_COLLECT)) rt->spaces_soft = 0;
}

static void settle(Runtime *rt, bool circles) {
  rt->cells_seen = see_now(rt);
  if (circles) rt->circles_seen = rt->cells_seen;
}

// None is, if it was not enough for the last one.
static size_t left_to_forms(Runtime *rt) {
  if (rt->was_short) return 0;
  ambi_guard(rt);
  uint64_t memory = rt->limits.memory;
  ambi_unguard(rt);
  return ambi_limits_left(memory);
}

void ambi_cells_quiesce(Runtime *rt) {
  ambi_store_forget_given(rt->store);
  ambi_store_quiesce(rt->store);
  bool left = leave_spaces(rt);
  size_t room = left_to_forms(rt);
  if (!left && !ambi_cells_due(rt, room)) return;
  bool circles = left || ambi_circles_due(rt, room);
  ambi_cells_watch(rt);
  let_go(rt, find_unused(rt), true);
  if (circles) {
    CellHeader *going = find_circles(rt, NULL);
    empty(rt, going);
    let_go(rt, going, true);
  }
  ambi_store_quiesce(rt->store);
  settle(rt, circles);
  if (left) settle_spaces(rt);
}

void ambi_cells_reap(Runtime *rt, bool circles, bool left, Unit *units) {
  CellHeader *going = circles ? find_circles(rt, units) : find_unused(rt);
  ambi_store_reap(rt->store);
  if (left) ambi_code_drop_left(rt->code, units);
  ambi_spaces_leave(rt);
  if (circles) empty(rt, going);
  let_go(rt, going, false);
  settle(rt, circles);
  if (left) settle_spaces(rt);
}
