// The types of an atom (semantics 8.2).
//
// A walk over the atom with an explicit stack computes each node's types once.
// The types of the children of all open nodes stand one after the other in one
// vector, and `ends` tells where each child's part ends; a finished node
// replaces its children's types by its own. Types of arguments are looked up
// only where a tuple type or a parameter can depend on them.
#include "runtime/types/types.h"

#include "memory/alloc.h"
#include "runtime/builtins/builtin.h"
#include "runtime/runtime.h"
#include "runtime/types/types_walk.h"

enum { POLL_NODES = 4096 };

struct TypeFrame {
  Value atom;     // the expression
  size_t items;   // where the types of its children begin
  size_t ends;    // where the ends of its children begin
  uint32_t next;  // child to look at next
  bool tuple;     // every part so far has a type that makes tuples
  bool apply;     // some function type takes this many arguments
};

// ---- small questions --------------------------------------------------------

Value ambi_metatype(Value atom) {
  switch (ambi_tag(atom)) {
  case TAG_SYM: return AMB_SYM(T_SYMBOL);
  case TAG_VAR: return AMB_SYM(T_VARIABLE);
  case TAG_EXPR: return AMB_SYM(T_EXPRESSION);
  default:
    return ambi_is_unit(atom) ? AMB_SYM(T_EXPRESSION) : AMB_SYM(T_GROUNDED);
  }
}

bool ambi_is_metatype(Value type) {
  if (!ambi_is_sym(type)) return false;
  switch (ambi_sym_of(type)) {
  case AMB_S_T_ATOM:
  case AMB_S_T_SYMBOL:
  case AMB_S_T_VARIABLE:
  case AMB_S_T_EXPRESSION:
  case AMB_S_T_GROUNDED: return true;
  default: return false;
  }
}

static bool has_head(Value v, Value head) {
  return ambi_is_expr(v) && ambi_same(ambi_deref(ambi_expr_at(v, 0)), head);
}

bool ambi_is_error_atom(Value v) {
  return has_head(v, AMB_SYM(ERROR));
}

bool ambi_is_function_type(Value type) {
  return has_head(type, AMB_SYM(ARROW)) && ambi_expr_size(type) > 1;
}

// ---- the walk's memory ------------------------------------------------------

Word *ambi_types_enter(Context *cx) {
  Word *hb = cx->hb;
  cx->hb = (Word *)UINTPTR_MAX;
  return hb;
}

// Bindings of cells that the evaluator would not have trailed leave the trail.
void ambi_types_leave(Context *cx, Word *hb, size_t mark) {
  cx->hb = hb;
  size_t kept = mark;
  for (size_t i = mark; i < cx->tr; i++)
    if (cx->trail[i] < hb) cx->trail[kept++] = cx->trail[i];
  if (kept < cx->tr) cx->tr = kept;
}

void ambi_types_drop(TypeVec *v) {
  ambi_free(v->at, v->cap * sizeof *v->at);
  *v = (TypeVec){0};
}

void ambi_walk_open(Walk *w, Context *cx, Space *s, TypeVec *items) {
  *w = (Walk){.cx = cx, .space = s, .items = items};
}

void ambi_walk_close(Walk *w) {
  ambi_free(w->ends, w->ends_cap * sizeof *w->ends);
  ambi_free(w->frames, w->frames_cap * sizeof *w->frames);
  ambi_free(w->levels, w->levels_cap * sizeof *w->levels);
  ambi_records_drop(&w->records);
}

// Looks at the limits now and then; n nodes were looked at since the last call.
static bool poll_after(Walk *w, size_t n) {
  w->steps += n;
  if (w->steps < POLL_NODES) return true;
  n = w->steps;
  w->steps = 0;
  return ambi_limits_walked(w->cx, n);
}

bool ambi_walk_poll(Walk *w) {
  return poll_after(w, 1);
}

// error AMB_NONE: a valid type.
bool ambi_walk_push(Walk *w, Value type, Value error) {
  TypeVec *v = w->items;
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at))
    return ambi_out_of_memory(w->cx);
  v->at[v->n++] = (TypeItem){.type = type,
                             .is_function = ambi_is_function_type(type),
                             .is_error = !ambi_is_none(error),
                             .error = error};
  return true;
}

bool ambi_walk_end_child(Walk *w) {
  if (!ambi_grow((void **)&w->ends, &w->ends_cap, w->nends + 1,
                 sizeof *w->ends))
    return ambi_out_of_memory(w->cx);
  w->ends[w->nends++] = w->items->n;
  return true;
}

// ---- what the space says ----------------------------------------------------

// Fits (head subject $T) to a record and makes *type the $T found. False: no
// fit, or cx->stop is set.
static bool read_record(Context *cx, Record r, Value head, Value subject,
                        Value *type) {
  const Template own = ambi_record_template(r), *t = &own;
  if (ambi_expr_size(t->atom) != 3) return false;
  const Value *part = ambi_expr_items(t->atom);
  Value *env = NULL;
  if (t->nvars) {
    env = (Value *)ambi_heap_alloc(cx, t->nvars);
    if (!env) return false;
    for (uint32_t i = 0; i < t->nvars; i++)
      env[i] = AMB_NONE;
  }
  size_t mark = cx->tr;
  bool fits = (ambi_same(part[0], head) ||
               ambi_unify_template(cx, head, part[0], t, env)) &&
              ((ambi_is_sym(subject) && ambi_same(part[1], subject)) ||
               ambi_unify_template(cx, subject, part[1], t, env));
  if (fits) {
    Value found = ambi_instantiate_part(cx, part[2], t, env, false);
    if (!ambi_is_none(found) && cx->tr != mark) found = ambi_resolve(cx, found);
    fits = !ambi_is_none(found);
    *type = ambi_deref(found);
  }
  ambi_trail_undo(cx, mark);
  return fits;
}

// Candidates for (head subject $x).
static bool query_about(Walk *w, Value head, Value subject) {
  w->records.n = 0;
  return ambi_space_told(w->cx, w->space, head, subject, &w->records) ||
         ambi_out_of_memory(w->cx);
}

static bool push_declared(Walk *w, Value atom) {
  Context *cx = w->cx;
  if (!query_about(w, AMB_SYM(COLON), atom)) return false;
  for (size_t i = 0; i < w->records.n; i++) {
    Value type;
    if (read_record(cx, w->records.at[i], AMB_SYM(COLON), atom, &type)) {
      // A declaration that leaves the type open says nothing.
      if (ambi_is_var(type) || ambi_is_unknown_type(type)) continue;
      if (!ambi_walk_push(w, type, AMB_NONE)) return false;
    }
    if (cx->stop) return false;
  }
  return true;
}

static bool holds_type(const TypeVec *v, size_t from, size_t to, Value type) {
  for (size_t i = from; i < to; i++)
    if (ambi_equal(v->at[i].type, type)) return true;
  return false;
}

// Appends the super types of the types from..n, then those of the new ones and
// so on, leaving out what stands at base.. already.
static bool push_supers(Walk *w, size_t base, size_t from) {
  Context *cx = w->cx;
  TypeVec *v = w->items;
  for (size_t to = v->n; from < to; from = to, to = v->n) {
    for (size_t i = from; i < to; i++) {
      if (!ambi_walk_poll(w) ||
          !query_about(w, AMB_SYM(SUBTYPE), v->at[i].type))
        return false;
      for (size_t k = 0; k < w->records.n; k++) {
        Value type;
        if (!poll_after(w, to - base)) return false;
        if (read_record(cx, w->records.at[k], AMB_SYM(SUBTYPE), v->at[i].type,
                        &type) &&
            !holds_type(v, base, to, type) &&
            !ambi_walk_push(w, type, AMB_NONE))
          return false;
        if (cx->stop) return false;
      }
    }
  }
  return true;
}

static bool push_declared_and_supers(Walk *w, Value atom) {
  size_t base = w->items->n;
  return push_declared(w, atom) && push_supers(w, base, base);
}

static bool push_types_of_name(Walk *w, Value name) {
  size_t base = w->items->n;
  bool known;
  if (!ambi_names_find(w, name, &known)) return false;
  if (known) return true;
  if (!push_declared_and_supers(w, name)) return false;
  ambi_names_note(w, name, base);
  return true;
}

// A function of the library may take another number of arguments than its type
// says, with another type: (_overload f type). Of such a call that is the only type,
// unless its last argument, a function, is an unbound variable. The types of the head
// stand at base.. already.
static bool push_overload(Walk *w, Value head, uint32_t nargs, Value last,
                          size_t base) {
  TypeVec *v = w->items;
  if (!ambi_is_sym(head) || v->n == base || ambi_is_var(ambi_deref(last)))
    return true;
  for (size_t i = base; i < v->n; i++)
    if (!v->at[i].is_function || ambi_expr_size(v->at[i].type) == nargs + 2)
      return true;
  if (!query_about(w, AMB_SYM(OVERLOAD), head)) return false;
  for (size_t k = 0; k < w->records.n; k++) {
    Value type;
    bool read =
        read_record(w->cx, w->records.at[k], AMB_SYM(OVERLOAD), head, &type);
    if (w->cx->stop) return false;
    if (!read || !ambi_is_function_type(type) ||
        ambi_expr_size(type) != nargs + 2)
      continue;
    v->n = base;
    return ambi_walk_push(w, type, AMB_NONE);
  }
  return true;
}

// ---- atoms without parts ----------------------------------------------------

static Value state_type(Context *cx, const State *s) {
  Value content = ambi_instance(cx, &s->type, false);
  if (ambi_is_none(content)) return AMB_NONE;
  return AMB_EXPR(cx, AMB_SYM(T_STATE_MONAD), content);
}

static Value cell_type(Context *cx, Value v) {
  switch ((enum CellKind)ambi_cell(v)->kind) {
  case CELL_SPACE: return AMB_SYM(T_SPACE);
  case CELL_STATE: return state_type(cx, ambi_state_of(v));
  case CELL_FILE: return AMB_SYM(T_FILE);
  case CELL_RNG: return AMB_SYM(T_RNG);
  case CELL_HOST: return ((const HostObject *)(const void *)ambi_cell(v))->type;
  }
  return AMB_NONE;
}

// AMB_NONE: no type, or cx->stop is set.
static Value grounded_type(Context *cx, Value v) {
  if (ambi_is_number(v)) return AMB_SYM(T_NUMBER);
  if (ambi_is_bool(v)) return AMB_SYM(T_BOOL);
  if (ambi_is_op(v)) return ambi_builtin_type(cx, ambi_op_of(v));
  if (ambi_is_str(v)) return AMB_SYM(T_STRING);
  if (ambi_is_cell(v)) return cell_type(cx, v);
  return AMB_NONE;
}

static bool push_leaf(Walk *w, Value atom) {
  if (ambi_is_sym(atom)) return push_types_of_name(w, atom);
  if (ambi_is_var(atom) || ambi_is_unit(atom)) return true;
  Value type = grounded_type(w->cx, atom);
  if (ambi_is_none(type)) return w->cx->stop == STOP_NONE;
  return ambi_walk_push(w, type, AMB_NONE);
}

// ---- tuple types ------------------------------------------------------------

static size_t child_start(const Walk *w, const TypeFrame *f, uint32_t i) {
  return i ? w->ends[f->ends + i - 1] : f->items;
}

// The head takes part with its types that are no functions.
static size_t next_choice(const Walk *w, const TypeFrame *f, uint32_t i,
                          size_t k) {
  size_t end = w->ends[f->ends + i];
  while (i == 0 && k < end && w->items->at[k].is_function)
    k++;
  return k;
}

// The next row of the product, the last child fastest. False: that was all.
static bool next_row(const Walk *w, const TypeFrame *f, size_t *at,
                     uint32_t n) {
  for (uint32_t i = n; i-- > 0;) {
    at[i] = next_choice(w, f, i, at[i] + 1);
    if (at[i] < w->ends[f->ends + i]) return true;
    at[i] = next_choice(w, f, i, child_start(w, f, i));
  }
  return false;
}

static bool push_rows(Walk *w, const TypeFrame *f, size_t *at, Value *row) {
  uint32_t n = ambi_expr_size(f->atom);
  for (uint32_t i = 0; i < n; i++)
    at[i] = next_choice(w, f, i, child_start(w, f, i));
  do {
    for (uint32_t i = 0; i < n; i++)
      row[i] = w->items->at[at[i]].type;
    Value tuple = ambi_make_expr(w->cx, row, n);
    if (ambi_is_none(tuple) || !ambi_walk_push(w, tuple, AMB_NONE) ||
        !ambi_walk_poll(w))
      return false;
  } while (next_row(w, f, at, n));
  return true;
}

static bool push_tuples(Walk *w, const TypeFrame *f) {
  size_t n = ambi_expr_size(f->atom);
  size_t *at = ambi_alloc(n * sizeof *at);
  Value *row = ambi_alloc(n * sizeof *row);
  bool ok = at && row ? push_rows(w, f, at, row) : ambi_out_of_memory(w->cx);
  if (at) ambi_free(at, n * sizeof *at);
  if (row) ambi_free(row, n * sizeof *row);
  return ok;
}

// ---- expressions ------------------------------------------------------------

static bool enter(Walk *w, Value expr) {
  if (!ambi_grow((void **)&w->frames, &w->frames_cap, w->nframes + 1,
                 sizeof *w->frames))
    return ambi_out_of_memory(w->cx);
  w->frames[w->nframes++] =
      (TypeFrame){.atom = expr, .items = w->items->n, .ends = w->nends};
  return true;
}

// Decides, once the types of the head are known, what they can be used for.
static void judge_head(const Walk *w, TypeFrame *f) {
  for (size_t k = f->items; k < w->ends[f->ends]; k++) {
    const TypeItem *t = &w->items->at[k];
    if (!t->is_function) f->tuple = true;
    // (-> p1 .. pn r) against (f a1 .. an)
    else if (ambi_expr_size(t->type) == ambi_expr_size(f->atom) + 1)
      f->apply = true;
  }
}

static bool matters(const Walk *w, const TypeFrame *f, Value arg) {
  if (f->tuple) return true;
  for (size_t k = f->items; k < w->ends[f->ends]; k++) {
    const TypeItem *t = &w->items->at[k];
    if (ambi_expr_size(t->type) == ambi_expr_size(f->atom) + 1 &&
        !ambi_takes_untyped(ambi_expr_at(t->type, f->next), arg))
      return true;
  }
  return false;
}

static bool finish(Walk *w) {
  const TypeFrame f = w->frames[w->nframes - 1];
  TypeVec *v = w->items;
  size_t own = v->n;
  if (f.tuple && !push_tuples(w, &f)) return false;
  size_t declared = v->n;
  bool none;
  if (!ambi_names_alone(w, f.atom, &none)) return false;
  if (!none && !push_declared_and_supers(w, f.atom)) return false;
  // Without tuple types the line above has found all super types.
  if (!none && declared > own && !push_supers(w, own, own)) return false;
  size_t head_end = w->ends[f.ends];
  if (head_end > f.items &&
      !ambi_walk_apply(w, f.atom, f.items, head_end, f.ends + 1))
    return false;
  if (v->n > own)
    memmove(v->at + f.items, v->at + own, (v->n - own) * sizeof *v->at);
  v->n -= own - f.items;
  ambi_memo_note(w, f.atom, f.items);
  w->nends = f.ends;
  w->nframes--;
  return true;
}

// A child's types are complete: what follows from them for its parent.
static bool close_child(Walk *w) {
  if (!ambi_walk_end_child(w)) return false;
  TypeFrame *f = &w->frames[w->nframes - 1];
  if (f->next == 0)
    judge_head(w, f);
  else if (child_start(w, f, f->next) == w->items->n)
    f->tuple = false;
  f->next++;
  if (!f->tuple && !f->apply) f->next = ambi_expr_size(f->atom);
  return true;
}

static Value last_child(Value expr) {
  return ambi_expr_at(expr, ambi_expr_size(expr) - 1);
}

static bool walk_expr(Walk *w, Value expr) {
  size_t bottom = w->nframes;
  bool known;
  if (!ambi_memo_find(w, expr, &known) || (!known && !enter(w, expr)))
    return false;
  if (known) return true;
  for (;;) {
    if (!ambi_walk_poll(w)) return false;
    TypeFrame *f = &w->frames[w->nframes - 1];
    if (f->next == ambi_expr_size(f->atom)) {
      if (!finish(w)) return false;
      if (w->nframes == bottom) return true;
      if (!close_child(w)) return false;
      continue;
    }
    Value child = ambi_deref(ambi_expr_at(f->atom, f->next));
    if (f->next == 0 || matters(w, f, child)) {
      if (ambi_is_expr(child)) {
        if (!ambi_memo_find(w, child, &known) || (!known && !enter(w, child)) ||
            (known && !close_child(w)))
          return false;
        continue;
      }
      size_t base = w->items->n;
      if (!push_leaf(w, child) ||
          (f->next == 0 && !push_overload(w, child, ambi_expr_size(f->atom) - 1,
                                          last_child(f->atom), base)))
        return false;
    }
    if (!close_child(w)) return false;
  }
}

bool ambi_walk_types(Walk *w, Value atom) {
  atom = ambi_deref(atom);
  return ambi_is_expr(atom) ? walk_expr(w, atom) : push_leaf(w, atom);
}

bool ambi_get_types(Context *cx, Space *s, Value atom, TypeVec *out) {
  Walk w;
  size_t mark = cx->tr;
  Word *hb = ambi_types_enter(cx);
  ambi_walk_open(&w, cx, s, out);
  bool ok = ambi_walk_types(&w, atom);
  ambi_walk_close(&w);
  ambi_types_leave(cx, hb, mark);
  return ok;
}

bool ambi_head_types(Context *cx, Space *s, Value head, uint32_t nargs,
                     Value last, TypeVec *out) {
  size_t base = out->n;
  if (!ambi_get_types(cx, s, head, out)) return false;
  Walk w;
  size_t mark = cx->tr;
  Word *hb = ambi_types_enter(cx);
  ambi_walk_open(&w, cx, s, out);
  bool ok = push_overload(&w, ambi_deref(head), nargs, last, base);
  ambi_walk_close(&w);
  ambi_types_leave(cx, hb, mark);
  return ok;
}

bool ambi_get_types_or_undefined(Context *cx, Space *s, Value atom,
                                 TypeVec *out) {
  size_t before = out->n;
  if (!ambi_get_types(cx, s, atom, out)) return false;
  if (out->n > before) return true;
  Walk w;
  ambi_walk_open(&w, cx, s, out);
  return ambi_walk_push(&w, AMB_SYM(UNDEFINED), AMB_NONE);
}
