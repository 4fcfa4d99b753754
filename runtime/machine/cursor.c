// Queries that the machine comes back to: rules for a call, and match.
//
// Candidates are taken at once, so that what is added meanwhile is not seen. One
// candidate is tried in place; several hang as a cursor on a choice record, which
// goes when the last of them is tried.
#include "runtime/machine/deepen.h"
#include "runtime/machine/routine.h"

#include "memory/alloc.h"

// ---- queries for rules ---------------------------------------------------------

static enum Next query_result(Engine *g, Hook *h, Value body) {
  Value call = h->pattern;
  if (!h->with_bindings) {
    if (ambi_is_function(body)) return ambi_function_replace(g, body, call);
    return ambi_give(g, body);
  }
  return ambi_body_tail(g, call, body, h->templ);
}

static bool take_rule(Engine *g, Hook *h, Record r, Value *body) {
  Context *cx = g->cx;
  if (ambi_is_lvar(ambi_record_atom(r))) return false;  // a variable is no rule
  Value x = h->values.at[0];  // one for all rules of the call
  size_t mark = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = ambi_record_answers(cx, r, ambi_unmark(h->pattern), x);
  cx->hb = hb;
  if (!ok) ambi_trail_undo(cx, mark);
  if (ok) *body = ambi_settle(cx, x);  // a variable holds a part of the call
  return ok && !ambi_is_none(*body);
}

// The next rule that unifies. Its record goes when it was the last candidate.
static enum Next query_step(Engine *g, Choice *c, bool first) {
  Hook *h = c->hook;
  while (h->cursor < h->records.n) {
    Record r = h->records.at[h->cursor++];
    bool last = h->cursor == h->records.n;
    Word *top = g->cx->h;
    Value body;
    if (last) {
      c->hook = NULL;
      ambi_choice_cut(g, c);
    }
    bool ok = take_rule(g, h, r, &body);
    if (ok) {
      h->nvalues++;
      enum Next next = query_result(g, h, body);
      if (last) ambi_hook_free(g, h);
      return next;
    }
    if (g->cx->stop) {
      if (last) ambi_hook_free(g, h);
      return NEXT_STOP;
    }
    if (!last) g->cx->h = top;
    if (last) {
      bool none = first && h->nvalues == 0;
      Value call = h->pattern;
      bool metta = h->with_bindings;
      ambi_hook_free(g, h);
      if (!none) return NEXT_FAIL;
      return ambi_give(g, metta ? call : AMB_SYM(NOT_REDUCIBLE));
    }
  }
  return NEXT_FAIL;
}

enum Next ambi_query_begin(Engine *g, Value call, Value t, bool metta) {
  static const Code resume[1] = {{.op = OP_I_EV_QUERY}};
  Context *cx = g->cx;
  if (AMB_UNLIKELY(ambi_counts(g))) return ambi_deepen_plainly(g);
  Value x = ambi_make_var(cx, AMB_S_X, AMB_VAR_ASKED);
  Value query = ambi_is_none(x) ? x : AMB_EXPR(cx, AMB_SYM(EQ), call, x);
  Hook *h = ambi_is_none(query) ? NULL : ambi_hook_new(g, HOOK_CURSOR);
  if (!h) return NEXT_STOP;
  h->pattern = call;
  h->templ = t;
  h->with_bindings = metta;
  if (!ambi_vec_push(&h->values, x) ||
      !ambi_space_query(cx, cx->space, query, &h->records)) {
    ambi_hook_free(g, h);
    cx->stop = STOP_MEMORY;
    return NEXT_STOP;
  }
  if (h->records.n == 0) {
    ambi_hook_free(g, h);
    return ambi_give(g, metta ? call : AMB_SYM(NOT_REDUCIBLE));
  }
  Choice *c = ambi_choice_push(g, resume);
  if (!c) {
    ambi_hook_free(g, h);
    return NEXT_STOP;
  }
  c->hook = h;
  return query_step(g, c, true);
}

enum Next ambi_query_next(Engine *g) {
  return query_step(g, g->b, true);
}

// ---- match ------------------------------------------------------------------------

// The variables of a record come between those of the pattern: what they are equal
// to is found first, and then each is bound in its turn.
static bool bind_in_turn(Context *cx, Record r, Value pattern, size_t mark) {
  ValueVec vars = {0}, values = {0};
  bool ok = ambi_collect_vars(cx, pattern, &vars) &&
            ambi_record_unify(cx, r, pattern);
  for (size_t i = 0; ok && i < vars.n; i++) {
    Value v = ambi_resolve(cx, vars.at[i]);
    ok = !ambi_is_none(v) && ambi_vec_push(&values, v);
    if (!ok) cx->stop = STOP_MEMORY;
  }
  ambi_trail_undo(cx, mark);
  for (size_t i = 0; ok && i < vars.n; i++)
    ok = ambi_unify(cx, vars.at[i], values.at[i]);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  return ok;
}

// Binds what makes the pattern equal to the record; without success nothing is
// bound, whatever the newest choice record says.
static bool take_record(Engine *g, Record r, Value pattern) {
  Context *cx = g->cx;
  size_t mark = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)UINTPTR_MAX;
  bool open = ambi_record_open(r);
  bool ok = open ? bind_in_turn(cx, r, pattern, mark)
                 : ambi_record_unify(cx, r, pattern);
  cx->hb = hb;
  if (!ok) ambi_trail_undo(cx, mark);
  return ok;
}

// Goes on behind the match. What was returned last may lie where backtracking has
// given back the heap, and a collection would follow it.
static enum Next matched(Engine *g, const Code *next) {
  g->rv = AMB_UNIT;
  g->pc = next;
  return NEXT_PC;
}

static bool take_solution(Engine *g, const Hook *h, size_t i) {
  Context *cx = g->cx;
  size_t mark = cx->tr;
  Word *hb = cx->hb;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = true;
  for (size_t j = 0; ok && j < h->nvars; j++)
    ok = ambi_unify(cx, ambi_expr_at(h->templ, (uint32_t)j),
                    h->values.at[i * h->nvars + j]);
  cx->hb = hb;
  if (!ok) ambi_trail_undo(cx, mark);
  return ok;
}

// What comes next, if it matches.
static bool take_next(Engine *g, const Hook *h, size_t i) {
  return h->records.n ? take_record(g, h->records.at[i], h->pattern)
                      : take_solution(g, h, i);
}

// Where choices are counted: is this one? Nothing stays bound.
static bool several_match(Engine *g, const Hook *h) {
  Context *cx = g->cx;
  size_t mark = cx->tr, n = 0;
  Word *top = cx->h;
  for (size_t i = 0; i < h->nvalues && n < 2; i++) {
    n += take_next(g, h, i);
    ambi_trail_undo(cx, mark);
    if (cx->stop) return false;
    cx->h = top;
  }
  return n > 1;
}

static enum Next match_cursor(Engine *g, Hook *h, const Code *next) {
  static const Code resume[1] = {{.op = OP_I_MATCH_NEXT}};
  Word *noted = ambi_counted_behind(g, next);
  if (AMB_UNLIKELY(noted != NULL)) *noted |= several_match(g, h);
  Choice *c = ambi_choice_push(g, resume);
  if (!c) {
    ambi_hook_free(g, h);
    return NEXT_STOP;
  }
  c->hook = h;
  c->next = next;
  return ambi_match_next(g);
}

// A conjunction: its solutions, found at once.
static enum Next match_joined(Engine *g, Space *s, Value pattern,
                              const Code *next) {
  Context *cx = g->cx;
  Hook *h = ambi_hook_new(g, HOOK_CURSOR);
  if (!h) return NEXT_STOP;
  ValueVec vars = {0};
  bool ok = ambi_space_solve(cx, s, pattern, &vars, &h->values, &h->nvalues);
  h->nvars = vars.n;
  h->templ = ok ? ambi_make_expr(cx, vars.at, vars.n) : AMB_NONE;
  ambi_vec_drop(&vars);
  if (ok && !cx->stop && h->nvalues) return match_cursor(g, h, next);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  ambi_hook_free(g, h);
  return cx->stop ? NEXT_STOP : NEXT_FAIL;
}

// A match of one pattern: candidates as they were when it began. None or one,
// which is most common in programs that compute, needs no record, and mostly no list.
enum Next ambi_match_begin(Engine *g, Value space, Value pattern,
                           const Code *next) {
  Context *cx = g->cx;
  Space *s = ambi_space_of(space);
  pattern = ambi_deref(pattern);
  if (cx->rt->explain) ambi_space_explain(cx, s, pattern);
  if (ambi_is_expr(pattern) &&
      ambi_deref(ambi_expr_at(pattern, 0)).w == AMB_SYM(COMMA).w)
    return match_joined(g, s, pattern, next);
  enum FactAnswer fact = ambi_space_fact_like(cx, s, pattern);
  if (cx->stop) return NEXT_STOP;
  if (fact != FACT_ASK) return fact == FACT_ONE ? matched(g, next) : NEXT_FAIL;
  g->found.n = 0;
  if (!ambi_space_query(cx, s, pattern, &g->found)) return NEXT_STOP;
  if (g->found.n == 0) return NEXT_FAIL;
  if (g->found.n == 1) {
    bool ok = take_record(g, g->found.at[0], pattern);
    return cx->stop ? NEXT_STOP : ok ? matched(g, next) : NEXT_FAIL;
  }
  Hook *h = ambi_hook_new(g, HOOK_CURSOR);
  if (!h) return NEXT_STOP;
  h->pattern = pattern;
  h->records = g->found;
  h->nvalues = h->records.n;
  g->found = (RecordVec){0};
  return match_cursor(g, h, next);
}

enum Next ambi_match_next(Engine *g) {
  Context *cx = g->cx;
  Choice *c = g->b;
  Hook *h = c->hook;
  const Code *next = c->next;
  while (h->cursor < h->nvalues) {
    size_t i = h->cursor++;
    bool last = h->cursor == h->nvalues;
    if (last) {
      c->hook = NULL;
      ambi_choice_cut(g, c);
    }
    Word *top = cx->h;
    bool ok = take_next(g, h, i);
    if (!ok && !last) cx->h = top;
    if (last) ambi_hook_free(g, h);
    if (cx->stop) return NEXT_STOP;
    if (ok) return matched(g, next);
    if (last) return NEXT_FAIL;
  }
  return NEXT_FAIL;
}
