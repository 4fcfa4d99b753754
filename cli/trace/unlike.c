// Comparing what does not fit, see unlike.h.
#include "cli/trace/unlike.h"

#include "cli/lost.h"
#include "runtime/atoms/match.h"

enum { MOST_LOOKED_AT = 5000 };  // atoms that may be the nearest one

bool cli_unlike_fits(Context *cx, Value a, Value b) {
  size_t trail = cx->tr;
  bool fits = ambi_unify(cx, a, b);
  ambi_trail_undo(cx, trail);
  return fits;
}

static uint32_t size_of(Value v) {
  return ambi_is_expr(v) ? ambi_expr_size(v) : 0;
}

// ---- two atoms --------------------------------------------------------------

// The first child in which they differ, with what those before it have bound; n: none.
static uint32_t first_difference(Context *cx, Value a, Value b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    size_t trail = cx->tr;
    if (ambi_unify(cx, ambi_expr_at(a, i), ambi_expr_at(b, i))) continue;
    ambi_trail_undo(cx, trail);
    return i;
  }
  return n;
}

static void put(Context *cx, Buffer *b, Arena *a, Value v) {
  ambi_buffer_puts(b, cli_told_atom(cx->rt, a, v));
}

// The innermost pair in which they differ; true: it is a part of them.
static bool go_in(Context *cx, Value *there, Value *here) {
  bool inside = false;
  for (;; inside = true) {
    *there = ambi_deref(*there);
    *here = ambi_deref(*here);
    uint32_t n = size_of(*there);
    uint32_t i =
        n && n == size_of(*here) ? first_difference(cx, *there, *here, n) : n;
    if (i == n) return inside;
    *there = ambi_expr_at(*there, i);
    *here = ambi_expr_at(*here, i);
  }
}

static const char *difference(Context *cx, Arena *a, Buffer *b, Value there,
                              Value here) {
  ambi_buffer_puts(b, go_in(cx, &there, &here) ? " has " : " is ");
  put(cx, b, a, there);
  ambi_buffer_puts(b, ", and not ");
  put(cx, b, a, here);
  return cli_told_text(a, b);
}

const char *cli_unlike(Context *cx, Arena *a, Value there, Value here) {
  size_t trail = cx->tr;
  Buffer b = {0};
  ambi_buffer_puts(&b, "it");
  const char *text = difference(cx, a, &b, there, here);
  ambi_trail_undo(cx, trail);
  return text;
}

const char *cli_unlike_calls(Context *cx, Arena *a, Value there, Value here) {
  size_t trail = cx->tr;
  Buffer b = {0};
  there = ambi_deref(there);
  here = ambi_deref(here);
  uint32_t n = size_of(there);
  uint32_t i =
      n && n == size_of(here) ? first_difference(cx, there, here, n) : n;
  if (i < n && i > 0) {
    ambi_buffer_format(&b, "argument %u", i);
    there = ambi_expr_at(there, i);
    here = ambi_expr_at(here, i);
  } else {
    ambi_buffer_puts(&b, "it");
  }
  const char *text = difference(cx, a, &b, there, here);
  ambi_trail_undo(cx, trail);
  return text;
}

const char *cli_unlike_rule(Context *cx, Arena *a, Record rule, Value call) {
  Template t = ambi_record_template(rule);
  if (!ambi_is_expr(t.atom) || ambi_expr_size(t.atom) < 2) return NULL;
  Value written = ambi_instance(cx, &t, false);
  if (ambi_is_none(written)) {
    cli_lost();
    return NULL;
  }
  Value head = ambi_expr_at(written, 1);
  if (cli_unlike_fits(cx, head, call)) return NULL;
  return cli_unlike_calls(cx, a, head, call);
}

// ---- a space ----------------------------------------------------------------

typedef struct Near {
  Value atom;  // AMB_NONE: there is none
  uint32_t fits;
  AtomPlace place;
} Near;

static uint32_t children_that_fit(Context *cx, Value a, Value b) {
  uint32_t n = 0;
  size_t trail = cx->tr;
  for (uint32_t i = 0; i < ambi_expr_size(a); i++)
    n += ambi_unify(cx, ambi_expr_at(a, i), ambi_expr_at(b, i));
  ambi_trail_undo(cx, trail);
  return n;
}

// The same head and size, all else open. AMB_NONE: memory is out.
static Value opened(Context *cx, Value pattern) {
  ValueVec items = {0};
  bool ok = ambi_vec_push(&items, ambi_expr_at(pattern, 0));
  for (uint32_t i = 1; ok && i < ambi_expr_size(pattern); i++) {
    Value var = ambi_make_var(cx, AMB_S_X, AMB_VAR_ASKED);
    ok = !ambi_is_none(var) && ambi_vec_push(&items, var);
  }
  Value all = ok ? ambi_make_expr(cx, items.at, items.n) : AMB_NONE;
  ambi_vec_drop(&items);
  return all;
}

static Near nearest(Context *cx, Places *places, Space *s, Value pattern) {
  Near best = {.atom = AMB_NONE};
  RecordVec records = {0};
  Value open = opened(cx, pattern);
  bool ok = !ambi_is_none(open) && ambi_space_query(cx, s, open, &records);
  if (!ok) cli_lost();
  for (size_t i = 0; ok && i < records.n && i < MOST_LOOKED_AT; i++) {
    Template t = ambi_record_template(records.at[i]);
    Value atom = ambi_instance(cx, &t, false);
    if (ambi_is_none(atom)) cli_lost();
    if (ambi_is_none(atom) || size_of(atom) != size_of(pattern)) continue;
    uint32_t fits = children_that_fit(cx, pattern, atom);
    if (!ambi_is_none(best.atom) && fits <= best.fits) continue;
    best = (Near){atom, fits, cli_places_of(places, records.at[i])};
  }
  ambi_records_drop(&records);
  return best;
}

static void say_one(Context *cx, Buffer *b, Arena *arena, Places *places,
                    Space *s, Value pattern) {
  pattern = ambi_deref(pattern);
  if (!ambi_is_expr(pattern)) {
    ambi_buffer_puts(b, "it is not there");
    return;
  }
  Near near = nearest(cx, places, s, pattern);
  if (ambi_is_none(near.atom)) {
    ambi_buffer_puts(b, "nothing that begins with ");
    put(cx, b, arena, ambi_expr_at(pattern, 0));
    ambi_buffer_format(b, " and has %u items is there",
                       ambi_expr_size(pattern));
    return;
  }
  ambi_buffer_puts(b, "the nearest is ");
  put(cx, b, arena, near.atom);
  if (near.place.file) {
    ambi_buffer_puts(b, " at ");
    ambi_buffer_puts(b, near.place.file);
    ambi_buffer_format(b, ":%u:%u", near.place.line, near.place.column);
  }
  ambi_buffer_puts(b, ", whose ");
  ambi_buffer_puts(b, cli_unlike_calls(cx, arena, near.atom, pattern));
}

static bool is_conjunction(Value v) {
  return ambi_is_expr(v) &&
         ambi_same(ambi_deref(ambi_expr_at(v, 0)), AMB_SYM(COMMA));
}

// Are there atoms for the first n goals? They are bound to the first of them then.
static bool solves(Context *cx, Space *s, Value pattern, uint32_t n) {
  ValueVec vars = {0}, values = {0};
  size_t found = 0;
  Value part = ambi_make_expr(cx, ambi_expr_items(pattern), n + 1);
  bool ok = !ambi_is_none(part) &&
            ambi_space_solve(cx, s, part, &vars, &values, &found);
  if (!ok) cli_lost();
  ok = ok && found;
  for (size_t i = 0; ok && i < vars.n; i++)
    ok = ambi_unify(cx, vars.at[i], values.at[i]);
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  return ok;
}

const char *cli_unlike_space(Context *cx, Arena *a, Places *places, Space *s,
                             Value pattern) {
  Buffer b = {0};
  size_t trail = cx->tr;
  pattern = ambi_deref(pattern);
  if (is_conjunction(pattern)) {
    uint32_t goals = ambi_expr_size(pattern) - 1, n = 1;
    for (; n < goals && solves(cx, s, pattern, n); n++)
      ambi_trail_undo(cx, trail);
    ambi_trail_undo(cx, trail);
    if (n > 1) solves(cx, s, pattern, n - 1);
    pattern = goals ? ambi_expr_at(pattern, n) : pattern;
    ambi_buffer_puts(&b, "nothing is ");
    put(cx, &b, a, pattern);
    ambi_buffer_puts(&b, "; ");
  } else {
    ambi_buffer_puts(&b, "nothing is found; ");
  }
  say_one(cx, &b, a, places, s, pattern);
  ambi_trail_undo(cx, trail);
  return cli_told_text(a, &b);
}
