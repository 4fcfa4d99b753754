// States change: the new value is made first, the old one is given up last.
#include "runtime/spaces/state.h"

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"

// An expression with a double inside keeps its flags, too, for ambi_state_is_itself.
static bool needs_kept(const Template *t) {
  bool nested = ambi_is_expr(t->atom) || ambi_is_bindings(t->atom);
  return t->nvars || (nested && t->flags & TMPL_HAS_FLOAT);
}

bool ambi_state_make(Runtime *rt, Value value, Record *out) {
  Store *store = rt->store;
  Template t;
  if (!ambi_template_make(store, value, &t)) return false;
  if (!needs_kept(&t)) {
    *out = (Record){t.atom};
    return true;
  }
  if (ambi_record_keep(store, &t, out)) return true;
  ambi_template_discard(store, &t);
  return false;
}

// A call may have given it, of which nobody asked for a type.
void ambi_state_note_type(State *s, Value value) {
  if (!ambi_state_takes(s, value)) ambi_store_release(&s->x_cast, true);
}

State *ambi_state_open(Runtime *rt, Value value, Value type) {
  State *s = ambi_alloc(sizeof *s);
  Record r;
  if (!s || !ambi_state_make(rt, value, &r)) {
    ambi_free(s, sizeof *s);
    return NULL;
  }
  if (!ambi_template_make(rt->store, type, &s->type)) {
    ambi_record_release(rt->store, r);
    ambi_free(s, sizeof *s);
    return NULL;
  }
  ambi_state_note_type(s, ambi_deref(value));
  ambi_store_release(&s->x_value, r.held.w);
  s->cell.kind = CELL_STATE;
  ambi_runtime_add_cell(rt, &s->cell);
  return s;
}

void ambi_state_empty(Runtime *rt, State *s) {
  ambi_record_release(rt->store, ambi_state_record(s));
  ambi_store_release(&s->x_value, AMB_UNIT.w);
  ambi_template_release(rt->store, &s->type);
}

void ambi_state_free(Runtime *rt, State *s) {
  ambi_state_empty(rt, s);
  ambi_free(s, sizeof *s);
}

Value ambi_state_instance(Context *cx, const State *s) {
  Template t = ambi_record_template(ambi_state_settled(cx->rt, s));
  return ambi_instance(cx, &t, false);
}

bool ambi_state_is_itself(const State *s) {
  Record r = ambi_state_record(s);
  if (!ambi_record_open(r)) return !ambi_is_double(r.held);
  uint32_t flags = ambi_record_kept(r)->flags;
  return (flags & (TMPL_HAS_CELL | TMPL_HAS_FLOAT)) != TMPL_HAS_FLOAT;
}

Value ambi_state_type(Context *cx, const State *s) {
  Value env[1] = {AMB_NONE};
  if (s->type.nvars > 1) return AMB_SYM(UNDEFINED);
  if (s->type.nvars == 0) return s->type.atom;
  return ambi_deref(ambi_instantiate(cx, &s->type, env, false));
}

// ---- changes ----------------------------------------------------------------------

static bool is_frozen(Record r) {
  return ambi_record_open(r) && ambi_record_kept(r)->flags & TMPL_FROZEN;
}

Record ambi_state_settled(Runtime *rt, const State *s) {
  Record r = ambi_state_record(s);
  while (AMB_UNLIKELY(is_frozen(r))) {  // by who has the guard
    ambi_guard(rt);
    ambi_unguard(rt);
    r = ambi_state_record(s);
  }
  return r;
}

static void count_change(State *s) {
  ambi_add_release(&s->x_version, 1);
}

static Record change_together(Runtime *rt, State *s, Record new) {
  for (;;) {
    Record old = ambi_state_settled(rt, s);
    Word expected = old.held.w;
    if (!ambi_compare_exchange(&s->x_value, &expected, new.held.w)) continue;
    count_change(s);
    return old;
  }
}

static Record change_alone(State *s, Record new) {
  Record old = ambi_state_record(s);
  ambi_store_release(&s->x_value, new.held.w);
  ambi_store_release(&s->x_version, ambi_load_relaxed(&s->x_version) + 1);
  return old;
}

bool ambi_state_change(Runtime *rt, State *s, Value value) {
  Record new, old;
  if (!ambi_state_make(rt, value, &new)) return false;
  ambi_state_note_type(s, ambi_deref(value));
  bool together = AMB_UNLIKELY(rt->sharing != NULL);
  old = together ? change_together(rt, s, new) : change_alone(s, new);
  ambi_record_release(rt->store, old);
  return true;
}

bool ambi_state_replace(Runtime *rt, State *s, Record read, Value value,
                        bool *done) {
  Record new;
  if (!ambi_state_make(rt, value, &new)) return false;
  ambi_state_note_type(s, ambi_deref(value));
  Word expected = read.held.w;
  *done = ambi_compare_exchange(&s->x_value, &expected, new.held.w);
  if (*done) count_change(s);
  ambi_record_release(rt->store, *done ? read : new);
  return true;
}

// ---- commits ----------------------------------------------------------------------

bool ambi_state_freeze(Runtime *rt, State *s, Record read) {
  Template t = ambi_record_template(read);
  Record frozen;
  t.flags |= TMPL_FROZEN;
  if (!ambi_record_keep(rt->store, &t, &frozen)) return false;
  Word expected = read.held.w;
  if (ambi_compare_exchange(&s->x_value, &expected, frozen.held.w)) return true;
  ambi_template_give_up(rt->store, ambi_record_kept(frozen));
  return false;
}

void ambi_state_thaw(Runtime *rt, State *s, Record read) {
  Record now = ambi_state_record(s);
  if (!is_frozen(now)) return;
  ambi_store_release(&s->x_value, read.held.w);
  ambi_template_give_up(rt->store, ambi_record_kept(now));
}

void ambi_state_put(Runtime *rt, State *s, Record read, Record new) {
  if (rt->sharing) {
    Record frozen = {AMB_V(ambi_exchange(&s->x_value, new.held.w))};
    count_change(s);
    ambi_template_give_up(rt->store, ambi_record_kept(frozen));
  } else {
    read = change_alone(s, new);
  }
  ambi_record_release(rt->store, read);
}
