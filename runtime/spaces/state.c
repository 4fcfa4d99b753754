// States change: the new value is made first, the old one is given up last.
#include "runtime/spaces/state.h"

#include "memory/alloc.h"
#include "runtime/runtime.h"

// An expression with a double inside keeps its flags, too, for ambi_state_is_itself.
static bool needs_kept(const Template *t) {
  bool nested = ambi_is_expr(t->atom) || ambi_is_bindings(t->atom);
  return t->nvars || (nested && t->flags & TMPL_HAS_FLOAT);
}

static bool make(Store *store, Value value, Record *out) {
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

State *ambi_state_open(Runtime *rt, Value value, Value type) {
  State *s = ambi_alloc(sizeof *s);
  Record r;
  if (!s || !make(rt->store, value, &r)) {
    ambi_free(s, sizeof *s);
    return NULL;
  }
  if (!ambi_template_make(rt->store, type, &s->type)) {
    ambi_record_release(rt->store, r);
    ambi_free(s, sizeof *s);
    return NULL;
  }
  ambi_store_release(&s->x_value, r.held.w);
  s->cell.kind = CELL_STATE;
  ambi_runtime_add_cell(rt, &s->cell);
  return s;
}

void ambi_state_free(Runtime *rt, State *s) {
  ambi_record_release(rt->store, ambi_state_record(s));
  ambi_template_release(rt->store, &s->type);
  ambi_free(s, sizeof *s);
}

Value ambi_state_instance(Context *cx, const State *s) {
  Template t = ambi_record_template(ambi_state_record(s));
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

bool ambi_state_change(Runtime *rt, State *s, Value value) {
  Record new, old;
  if (!make(rt->store, value, &new)) return false;
  if (AMB_UNLIKELY(rt->sharing != NULL)) {
    old.held = AMB_V(ambi_exchange(&s->x_value, new.held.w));
    ambi_add_release(&s->x_version, 1);
  } else {
    old = ambi_state_record(s);
    ambi_store_release(&s->x_value, new.held.w);
    ambi_store_release(&s->x_version, ambi_load_relaxed(&s->x_version) + 1);
  }
  ambi_record_release(rt->store, old);
  return true;
}

bool ambi_state_replace(Runtime *rt, State *s, Record read, Value value,
                        bool *done) {
  Record new;
  if (!make(rt->store, value, &new)) return false;
  Word expected = read.held.w;
  *done = ambi_compare_exchange(&s->x_value, &expected, new.held.w);
  if (*done) ambi_add_release(&s->x_version, 1);
  ambi_record_release(rt->store, *done ? read : new);
  return true;
}
