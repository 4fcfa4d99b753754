// Patterns of let, case and unify taken apart, and variables across branches.
//
// A pattern that binds nothing outside is taken apart by tests; all others are
// unified in full. A branch sees the variables made before it; one that is made
// inside a branch and used outside is made before.
#include "runtime/bytecode/lower.h"

// ---- variables across branches --------------------------------------------------------

static void count_uses(Lower *l, Value term, uint16_t *count) {
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, term);
  while (ok && todo.n) {
    Value v = todo.at[--todo.n];
    if (ambi_is_lvar(v) && ambi_lvar_of(v) < MAX_VARS)
      count[ambi_lvar_of(v)]++;
    else if (ambi_is_expr(v) && !ambi_is_ground_expr(v))
      for (uint32_t i = 0; ok && i < ambi_expr_size(v); i++)
        ok = ambi_vec_push(&todo, ambi_expr_at(v, i));
  }
  if (!ok) l->failed = true;
  ambi_vec_drop(&todo);
}

static bool load_uses(Lower *l) {
  if (l->uses) return true;
  l->uses = ambi_arena_alloc(&l->arena, MAX_VARS * sizeof *l->uses);
  if (!l->uses) {
    l->failed = true;
    return false;
  }
  memset(l->uses, 0, MAX_VARS * sizeof *l->uses);
  count_uses(l, l->rule->atom, l->uses);
  return true;
}

unsigned ambi_lower_outside(Lower *l, Value term, uint32_t i) {
  uint16_t inside[MAX_VARS] = {0};
  if (!load_uses(l)) return 0;
  count_uses(l, term, inside);
  return l->uses[i] - inside[i];
}

bool ambi_lower_shared(Lower *l, Value term, uint32_t i) {
  return ambi_lower_outside(l, term, i) > 0;
}

void ambi_lower_prepare_shared(Lower *l, Value term) {
  ambi_lower_prepare_outside(l, term, term);
}

void ambi_lower_prepare_outside(Lower *l, Value term, Value whole) {
  uint16_t inside[MAX_VARS] = {0}, vars[MAX_VARS];
  if (!load_uses(l)) return;
  count_uses(l, whole, inside);
  unsigned n = ambi_lower_vars_of(l, term, vars);
  for (unsigned i = 0; i < n; i++)
    if (inside[vars[i]] < l->uses[vars[i]]) ambi_lower_var(l, vars[i]);
}

// The parts of e whose variables its value shows as they are.
static bool push_shown(Lower *l, Value e, ValueVec *todo) {
  uint32_t n = ambi_expr_size(e), from = n;
  Value head = ambi_expr_at(e, 0);
  if (ambi_is_lvar(head) || ambi_is_expr(head) ||
      ambi_lower_head_of(l, e).kind == HEAD_DATA)
    from = 0;
  else if (is_sym(head, AMB_SYM(LET).w) || is_sym(head, AMB_SYM(IF).w))
    from = 2;
  bool ok = true;
  for (uint32_t i = from; i < n && ok; i++)
    ok = ambi_vec_push(todo, ambi_expr_at(e, i));
  return ok;
}

// A variable that is only shown is one for all alternatives of what stands before
// it, so it must be older than they are. Others are made where they are bound.
void ambi_lower_prepare_shown(Lower *l, Value body) {
  uint16_t shown[MAX_VARS] = {0};
  if (!ambi_is_expr(body) || ambi_lower_is_det(l, body) || !load_uses(l))
    return;
  ValueVec todo = {0};
  bool ok = ambi_vec_push(&todo, body);
  while (ok && todo.n) {
    Value v = todo.at[--todo.n];
    if (ambi_is_lvar(v) && ambi_lvar_of(v) < MAX_VARS)
      shown[ambi_lvar_of(v)]++;
    else if (ambi_is_expr(v) && !ambi_is_ground_expr(v) && ambi_expr_size(v))
      ok = push_shown(l, v, &todo);
  }
  ambi_vec_drop(&todo);
  if (!ok) l->failed = true;
  for (uint32_t i = 0; i < MAX_VARS && ok; i++)
    if (shown[i] && shown[i] == l->uses[i]) ambi_lower_var(l, i);
}

Var *ambi_lower_save_vars(Lower *l) {
  Var *v = ambi_arena_alloc(&l->arena, sizeof l->vars);
  if (!v)
    l->failed = true;
  else
    memcpy(v, l->vars, sizeof l->vars);
  return v;
}

void ambi_lower_restore_vars(Lower *l, const Var *v) {
  if (v) memcpy(l->vars, v, sizeof l->vars);
}

int ambi_lower_fail_label(Lower *l) {
  if (l->fail == NO_LABEL) l->fail = ambi_lower_label(l);
  return l->fail;
}

// ---- patterns -------------------------------------------------------------------------------

bool ambi_lower_unset(const Lower *l, Value v) {
  return ambi_is_lvar(v) && l->vars[ambi_lvar_of(v)].slot == NO_SLOT;
}

static bool testable(Value k) {
  return ambi_is_sym(k) || ambi_is_int(k) || ambi_is_bool(k) ||
         ambi_is_unit(k) || ambi_is_str(k);
}

uint16_t ambi_lower_in_slot(Lower *l, uint16_t source) {
  if (source < SRC_CHECK) return source;
  uint16_t slot = ambi_lower_slot(l);
  ambi_lower_emit(l, OP_I_MOVE, slot, source, 0);
  return slot;
}

// A pattern whose parts can be told apart without binding anything outside:
// constants, new variables (each once), expressions of these.
static bool one_way(Lower *l, Value p, bool *seen, unsigned depth) {
  if (ambi_is_lvar(p)) {
    uint32_t i = ambi_lvar_of(p);
    if (seen[i] || !ambi_lower_unset(l, p)) return false;
    seen[i] = true;
    return true;
  }
  if (!ambi_is_expr(p)) return testable(p);
  if (depth == 0 || ambi_expr_size(p) > 32 ||
      !ambi_is_sym(ambi_expr_at(p, 0))) {
    if (depth == 0 || ambi_expr_size(p) > 32 ||
        !ambi_is_lvar(ambi_expr_at(p, 0)))
      return false;
  }
  for (uint32_t i = 0; i < ambi_expr_size(p); i++)
    if (!one_way(l, ambi_expr_at(p, i), seen, depth - 1)) return false;
  return true;
}

// Takes the value in `slot` apart. no: it does not match; open: a variable is
// where the pattern has something.
static void take_apart(Lower *l, uint16_t slot, Value p, int no, int open) {
  if (ambi_is_lvar(p)) return;
  if (!ambi_is_expr(p)) {
    ambi_lower_jump(l, OP_I_TESTK, slot, ambi_lower_const(l, p.w), no);
    ambi_lower_varl(l, open);
    return;
  }
  Value head = ambi_expr_at(p, 0);
  uint32_t first = 0;
  if (ambi_is_sym(head)) {
    ambi_lower_jump(l, OP_I_TESTF, slot,
                    ambi_lower_const(l, ambi_switch_key(p)), no);
    ambi_lower_varl(l, open);
    first = 1;
  } else {
    ambi_lower_jump(l, OP_I_TESTN, slot, ambi_expr_size(p), no);
    ambi_lower_varl(l, open);
  }
  for (uint32_t i = first; i < ambi_expr_size(p); i++) {
    Value c = ambi_expr_at(p, i);
    uint16_t s;
    if (ambi_is_lvar(c)) {
      Var *v = &l->vars[ambi_lvar_of(c)];
      if (v->pre == NO_SLOT) v->pre = ambi_lower_slot(l);
      s = v->pre;
    } else {
      s = ambi_lower_slot(l);
    }
    ambi_lower_emit(l, OP_I_GETCH, s, slot, i);
    take_apart(l, s, c, no, open);
  }
}

static void settle(Lower *l, Value p) {  // the variables are in their slots now
  uint16_t vars[MAX_VARS];
  unsigned n = ambi_lower_vars_of(l, p, vars);
  for (unsigned i = 0; i < n; i++)
    if (l->vars[vars[i]].slot == NO_SLOT)
      l->vars[vars[i]].slot = l->vars[vars[i]].pre;
}

// A variable of the form that has no value yet. An unbound value, which each result
// may have of its own, is known by the form's name for it from now on.
static void named(Lower *l, uint16_t slot, uint32_t i) {
  int open = ambi_lower_label(l), done = ambi_lower_label(l);
  ambi_lower_jump(l, OP_I_TESTK, slot, ambi_lower_const(l, AMB_UNIT.w), done);
  ambi_lower_varl(l, open);
  ambi_lower_jump(l, OP_I_JUMP, 0, 0, done);
  ambi_lower_bind(l, open);
  ambi_lower_var(l, i);
  ambi_lower_emit(l, OP_I_UNIFYV, slot, l->vars[i].slot, 0);
  ambi_lower_bind(l, done);
}

void ambi_lower_match(Lower *l, uint16_t source, Value p, int no) {
  if (ambi_lower_unset(l, p)) {
    uint16_t slot = ambi_lower_in_slot(l, source);
    if (l->form) named(l, slot, ambi_lvar_of(p));
    l->vars[ambi_lvar_of(p)].slot = slot;
    return;
  }
  if (ambi_is_lvar(p) && no == NO_LABEL) {
    Code *last = l->failed || !l->code ? NULL : &l->code[l->last];
    if (last && last->op == OP_I_R_STREAM && last->a == source)
      last->op = OP_I_R_SAME;
    ambi_lower_emit(l, OP_I_UNIFYV, source, l->vars[ambi_lvar_of(p)].slot, 0);
    return;
  }
  if (l->form)
    ambi_lower_prepare(l, p);  // with the names they are written with
  bool seen[MAX_VARS] = {false};
  bool fast = one_way(l, p, seen, 4);
  int open = ambi_lower_label(l), done = ambi_lower_label(l);
  if (fast) {
    take_apart(l, ambi_lower_in_slot(l, source), p,
               no == NO_LABEL ? ambi_lower_fail_label(l) : no, open);
    ambi_lower_jump(l, OP_I_JUMP, 0, 0, done);
  }
  ambi_lower_bind(l, open);
  ambi_lower_env(l, no == NO_LABEL ? OP_I_UNIFYT : OP_I_UNIFYE, source, p, no);
  ambi_lower_bind(l, done);
  if (fast) settle(l, p);
}
