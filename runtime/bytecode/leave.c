// Spaces that code refers to no more, so that they may go as other cells do (cells.h).
//
// Code belongs to one space: definitions say which, and units, shapes and Targets lead to
// definitions of their own space only. So when nobody evaluates in a space any more, all
// its code may go at once, and that of other spaces stays.
//
// Between forms nobody evaluates: all code is thrown away, as after a change of rules,
// and the definitions of spaces that are no modules. Within a form a major collection
// meets the spaces that are evaluated in, by frames, records and hooks, and those that a
// heap or a table refers to; code of others goes if the compiler has none of it. What
// it makes machine code of leads to units and variants of the same space only.
#include "memory/alloc.h"
#include "runtime/bytecode/code.h"
#include "runtime/machine/seen.h"
#include "runtime/machine/site.h"

static void drop_definitions(CodeState *cs, SharedDefinition *chain) {
  for (Definition *d; (d = ambi_load_relaxed(chain)) != NULL;) {
    if (!ambi_code_has_left(d->space)) {
      chain = &d->x_chain;
      continue;
    }
    ambi_store_release(chain, ambi_load_relaxed(&d->x_chain));
    ambi_definition_free(d);
    cs->count--;
  }
}

static void drop_all_definitions(CodeState *cs) {
  Definitions *t = ambi_load_relaxed(&cs->x_table);
  for (size_t i = 0; i < t->size; i++)
    drop_definitions(cs, &t->x_at[i]);
  for (size_t i = 0; i < sizeof cs->x_met / sizeof cs->x_met[0]; i++)
    ambi_store_release(&cs->x_met[i], NULL);
}

// ---- between forms -------------------------------------------------------------------

// What is left of retired units the compiler has.
static void leave_all(CodeState *cs) {
  for (CellHeader *c = cs->rt->cells; c; c = c->next)
    if (c->kind == CELL_SPACE && !((Space *)c)->is_module)
      ambi_space_leave((Space *)c, CONTEXT_NEVER);
  for (const Unit *u = cs->retired; u; u = u->next)
    if (u->space) ambi_space_evaluates(u->space);
}

bool ambi_code_leave_spaces(CodeState *cs) {
  if (cs->sampler) return false;
  ambi_code_invalidate(cs);
  ambi_code_quiesce(cs);
  leave_all(cs);
  drop_all_definitions(cs);
  return true;
}

// ---- within a form --------------------------------------------------------------------

static bool is_met(const CodeState *cs, const Space *s) {
  return s->cell.mark == cs->rt->cell_mark;
}

// Used by terms: that may be its own rules, or those of a circle.
static bool may_leave(const CodeState *cs, const Space *s, bool circles) {
  return !s->is_module && ambi_space_has_code(s) && !is_met(cs, s) &&
         !ambi_load_relaxed(&s->cell.x_stays) &&
         (circles || ambi_load_relaxed(&s->cell.x_uses) == 0);
}

static void meet_busy(CodeState *cs, Unit *list, bool circles) {
  for (Unit *u = list; u; u = u->next)
    if (u->space && may_leave(cs, u->space, circles) && !ambi_unit_is_idle(u))
      u->space->cell.mark = cs->rt->cell_mark;
}

static void leave(CodeState *cs, bool circles) {
  for (CellHeader *c = cs->rt->cells; c; c = c->next)
    if (c->kind == CELL_SPACE && may_leave(cs, (Space *)c, circles))
      ambi_space_leave((Space *)c, CONTEXT_LEFT);
}

static void take_units(Unit **list, Unit **left) {
  while (*list) {
    Unit *u = *list;
    if (!u->space || !ambi_code_has_left(u->space)) {
      list = &u->next;
      continue;
    }
    *list = u->next;
    u->next = *left;
    *left = u;
  }
}

Unit *ambi_code_leave_unused(Engine *g, bool circles) {
  CodeState *cs = g->code;
  if (cs->sampler || cs->coverage) return NULL;
  Unit *left = NULL;
  meet_busy(cs, cs->units, circles);
  meet_busy(cs, cs->retired, circles);
  leave(cs, circles);
  take_units(&cs->units, &left);
  take_units(&cs->retired, &left);
  ambi_targets_leave(cs);
  drop_all_definitions(cs);
  ambi_seen_leave(g);
  g->cx->data_heads.space = NULL;
  return left;
}

void ambi_code_drop_left(CodeState *cs, Unit *left) {
  for (Unit *next; left; left = next) {
    next = left->next;
    ambi_unit_drop(cs, left);
  }
}
