// Forms that are evaluated by the rules as they stand, and not lowered.
//
// A rule for all expressions, or a type of all symbols, changes what everything means:
// data reduces, forms of the library have one more result, each constant is checked.
// Code that is lowered under such a rule could take nothing for granted, and code that
// runs when one comes would have to be left in the middle. Hardly any program has one, so
// forms are evaluated as data then, like those whose depth is counted: all they go
// through are the frames of routine.h and queries for rules. So they are where the text
// says that the form could add such a rule. Of the functions it calls those are still
// lowered that change no rules themselves, as long as no such rule is there. Tabled
// functions have a unit that asks for the table; the one without is such a query then.
//
// NotReducible and functions are what a step of a call gives, and lowered code looks for
// them there. A text that has them where they are values of variables, arguments or
// data is evaluated like that, too: whatever hands them on is a call they send back to.
//
// So is a text that gives symbols the types of functions by add-atom: terms that have
// been evaluated may be ill typed from then on.
//
// And so is a program where a call without arguments may give an expression that equals
// the call, since its rule has the name as data, as in (= (f) (collapse f)): that counts
// as evaluated already (7.8).
#include "runtime/guard.h"
#include "runtime/machine/routine.h"

bool ambi_names_itself(Value atom) {
  if (!ambi_is_expr(atom) || ambi_expr_size(atom) != 3) return false;
  Value call = ambi_expr_at(atom, 1);
  if (!ambi_is_expr(call) || ambi_expr_size(call) != 1) return false;
  Value head = ambi_expr_at(call, 0);
  if (!ambi_is_sym(head)) return false;
  ValueVec todo = {0};
  bool found = false, ok = ambi_vec_push(&todo, ambi_expr_at(atom, 2));
  while (ok && !found && todo.n) {
    Value e = todo.at[--todo.n];
    for (uint32_t i = 0; ok && i < ambi_expr_size(e); i++) {
      Value c = ambi_expr_at(e, i);
      found |= i > 0 && c.w == head.w;
      if (ambi_is_expr(c)) ok = ambi_vec_push(&todo, c);
    }
  }
  ambi_vec_drop(&todo);
  return found || !ok;
}

bool ambi_all_is_literal(const Runtime *rt) {
  return ambi_load_relaxed(&rt->code->x_rule_for_all) ||
         (rt->mentions.effects & E_SENDS_BACK);
}

bool ambi_form_is_literal(Context *cx, Value form) {
  CodeState *cs = cx->rt->code;
  Template t;
  if (ambi_all_is_literal(cx->rt)) return true;
  if (!(cx->rt->mentions.effects & E_BROAD)) return false;
  if (!ambi_template_make(cx->rt->store, form, &t)) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  bool changes = ambi_effects_term(cs, cx->space, t.atom) & E_RULES;
  ambi_template_release(cx->rt->store, &t);
  return changes;
}

static bool changes_rules(CodeState *cs, Definition *d) {
  ambi_guard(cs->rt);
  bool changes = ambi_effects_definition(cs, d) & E_RULES;
  ambi_unguard(cs->rt);
  return changes;
}

// Control structures evaluate what they are given.
bool ambi_literal_enters(Engine *g, Definition *d) {
  if (g->max_depth != DEPTH_UNCOUNTED) return false;
  if (ambi_info_of(d).tabled) return true;
  return !ambi_all_is_literal(g->cx->rt) &&
         !ambi_mention_evaluates(g->cx->rt, d->head, false) &&
         !changes_rules(g->code, d);
}
