// Searches in the order of how many choices lead to a result: depth-first iterative
// deepening (Korf 1985), for breadth-first and iterative-deepening, in all tiers.
//
// A *choice* is made where a step has more than one result: rules that match a call,
// matches of a query, items of superpose. Evaluating an argument makes none by itself,
// but those on the way to its value are on the way to the result. What a collector
// gathers, for `collapse`, `case` or `once`, is one step, and nothing inside is counted.
//
// A round evaluates everything, but fails behind more choices than its limit; so it ends,
// whatever is endless, if only each endless way has choices. It delivers the results that
// are new, those of its *band* of numbers of choices, sorted. When something was cut off,
// another round follows behind them, as a call that is one more alternative; nothing is
// kept in between. Errors are delivered when nothing was cut off any more: until then a
// value may still come.
//
// The band of iterative-deepening is a step wide. That of breadth-first grows while the
// rounds hardly do, so a long search without many alternatives is not repeated for each
// choice; a round that takes much longer than the one before is given up and its band
// made smaller. Only alternatives taken are counted for that, so rounds are the same in
// all tiers.
#include "runtime/eval0/eval0.h"

#include "memory/alloc.h"
#include "runtime/depth.h"
#include "runtime/runtime.h"

// ---- counting -------------------------------------------------------------------

bool ambi_eval0_count(Machine *m, const Choice *c, const Item *item) {
  Counted *n = &m->count;
  Band *b = m->band;
  n->made = item->made + c->several;
  if (n->made > n->deepest) n->deepest = n->made;
  if (n->most == UINT32_MAX) return true;
  b->taken += c->several;
  if (b->taken > ambi_rounds_enough(&b->rounds)) {
    b->given_up = true;
    m->nchoices = b->choice + 1;
  } else if (n->made <= n->most) {
    return true;
  }
  m->cuts++;
  m->todo = DO_FAIL;
  return false;
}

// ---- rounds ---------------------------------------------------------------------

static void begin_round(Machine *m, Band *b, Value call, Frame *up) {
  Frame *f = ambi_eval0_collect(m, COLLECT_BAND, up, b->depth - 1);
  if (!f) return;
  Collector *c = f->collector;
  c->band = b;
  c->call = call;
  b->outer = m->band;
  b->choice = c->choice;
  b->taken = 0;
  b->given_up = false;
  m->band = b;
  m->count = (Counted){.most = ambi_rounds_most(&b->rounds)};
  m->todo = DO_TAIL;
  m->atom = b->atom;
  m->type = AMB_SYM(UNDEFINED);
  m->space = b->space;
  m->up = f;
  m->depth = b->depth;
  m->resolved = false;
}

// (_deepen ATOM FROM STEP FIXED BEFORE)
static bool read_call(const Value *args, Band *b) {
  Value from = ambi_deref(args[1]), step = ambi_deref(args[2]),
        before = ambi_deref(args[4]);
  if (!ambi_is_int(from) || !ambi_is_int(step) || !ambi_is_int(before))
    return false;
  int64_t n = ambi_int_of(step);
  if (n < 1 || ambi_int_of(from) < 0) return false;
  b->atom = args[0];
  b->rounds = (Rounds){.from = (uint32_t)ambi_int_of(from),
                       .step = n > MOST_CHOICES ? MOST_CHOICES : (uint32_t)n,
                       .fixed = ambi_deref(args[3]).w == AMB_TRUE.w,
                       .before = (uint64_t)ambi_int_of(before)};
  return true;
}

static void refuse(Machine *m, Value atom, Value step) {
  static const char name[] = "iterative-deepening";
  Context *cx = m->cx;
  Value head = ambi_make_sym(cx, name, sizeof name - 1), call = AMB_NONE;
  if (!ambi_is_none(head)) call = AMB_EXPR(cx, head, atom, step);
  if (!ambi_is_none(call))
    call = ambi_make_error_text(cx, call, "the step is 1 or more choices");
  if (!ambi_eval0_ok(m, call)) return;
  ambi_eval0_return(m, call, m->up);
  if (!m->inside || m->up) return;
  m->todo = DO_END;
  if (!ambi_vec_push(m->out, call)) ambi_eval0_stop(m, STOP_MEMORY);
}

void ambi_eval0_deepen(Machine *m, Value call) {
  Band *b = ambi_eval0_alloc(m, sizeof *b);
  if (!b) return;
  *b = (Band){.space = m->space,
              .depth = m->up ? m->up->depth + DEPTH_ONCE : DEPTH_FORM};
  if (ambi_expr_size(call) == 6 && read_call(ambi_expr_items(call) + 1, b)) {
    begin_round(m, b, call, m->up);
    return;
  }
  refuse(m, ambi_expr_at(call, 1), ambi_expr_at(call, 3));
}

static Value call_of(Context *cx, const Band *b) {
  const Rounds *r = &b->rounds;
  return AMB_EXPR(cx, AMB_OP_ID(OP_DEEPEN), b->atom,
                  ambi_small_int((int64_t)r->from),
                  ambi_small_int((int64_t)r->step), ambi_bool(r->fixed),
                  ambi_small_int((int64_t)r->before));
}

// Fewer choices first, else as they came. Bands are narrow where there is much in them.
static void sort(ItemList *items) {
  Item *todo = items->first, **end = &items->first;
  while (todo) {
    uint32_t least = UINT32_MAX;
    for (const Item *i = todo; i; i = i->next)
      if (i->made < least) least = i->made;
    for (Item **at = &todo; *at;) {
      Item *i = *at;
      if (i->made != least) {
        at = &i->next;
        continue;
      }
      *at = i->next;
      *end = items->last = i;
      end = &i->next;
    }
  }
  *end = NULL;
}

// ---- what comes out ---------------------------------------------------------------

// Where tier 1 waits, what a result binds of its variables is said in MeTTa.
static Value with_bindings(Context *cx, const Item *item) {
  size_t n = item->nbindings;
  if (n == 0) return item->value;
  ValueVec vars = {0}, values = {0};
  bool ok = true;
  for (size_t i = 0; ok && i < n; i++)
    ok = ambi_vec_push(&vars, ambi_tag_ptr(TAG_VAR, item->bindings[i].cell)) &&
         ambi_vec_push(&values, item->bindings[i].value);
  Value from = ok ? ambi_make_expr(cx, vars.at, n) : AMB_NONE;
  Value to = ok ? ambi_make_expr(cx, values.at, n) : AMB_NONE;
  ambi_vec_drop(&vars);
  ambi_vec_drop(&values);
  if (ambi_is_none(from) || ambi_is_none(to)) return AMB_NONE;
  return AMB_EXPR(cx, AMB_SYM(UNIFY), to, from, item->value, AMB_SYM(EMPTY));
}

static void hand_out(Machine *m, const ItemList *items) {
  for (const Item *i = items->first; i && !m->cx->stop; i = i->next) {
    Value v = with_bindings(m->cx, i);
    if (ambi_eval0_ok(m, v) && !ambi_vec_push(m->out, v))
      ambi_eval0_stop(m, STOP_MEMORY);
  }
  m->todo = DO_END;
}

// The round is over, its items are all that is left of it.
void ambi_eval0_band_end(Machine *m, Collector *c) {
  Band *b = c->band;
  ItemList items = c->items;
  bool cut = m->cuts != c->cuts;
  m->band = b->outer;
  m->cuts = c->cuts;
  if (b->given_up || (cut && !c->has_value)) items = (ItemList){0};
  ambi_rounds_go_on(&b->rounds, b->taken, b->given_up);
  if (!items.first && cut) {
    m->top = c->mark.top;
    begin_round(m, b, c->call, c->up);
    return;
  }
  sort(&items);
  for (Item *i = items.first; i; i = i->next)
    i->made = m->count.made;
  Value more = cut ? call_of(m->cx, b) : AMB_UNIT;
  if (!ambi_eval0_ok(m, more) ||
      (cut && !ambi_eval0_keep(m, &items, more, ambi_eval0_mark(m))))
    return;
  if (m->inside && !c->up)
    hand_out(m, &items);
  else if (items.first)
    ambi_eval0_offer(m, CHOICE_STEP, &items, c->up, c->call);
  else
    ambi_eval0_return(m, AMB_SYM(EMPTY), c->up);
}
