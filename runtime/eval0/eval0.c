// The agenda machine of tier 0: its loop, frames, choices and collectors.
//
// One register set says what to do next (enum Todo). A value travels down the
// continuation until a frame starts new work or a collector keeps it; then the
// newest choice says how the next alternative starts.
#include "runtime/eval0/eval0.h"
#include "runtime/spaces/journal.h"

#include "memory/alloc.h"
#include "runtime/atoms/best.h"
#include "runtime/atoms/work.h"
#include "runtime/calls.h"
#include "runtime/config.h"
#include "runtime/depth.h"
#include "runtime/eval.h"
#include "runtime/runtime.h"

// Address space of the stack of a form; committed as it is used.
#define STACK_RESERVE (AMB_HEAP_RESERVE / 2)

// ---- memory -----------------------------------------------------------------

void ambi_eval0_stop(Machine *m, enum AmbStop stop) {
  if (m->cx->stop == STOP_NONE) m->cx->stop = stop;
}

bool ambi_eval0_ok(Machine *m, Value v) {
  if (AMB_LIKELY(!ambi_is_none(v))) return true;
  ambi_eval0_stop(m, STOP_MEMORY);
  return false;
}

static bool open_stack(Machine *m) {
  if (!ambi_range_open_most(&m->stack, STACK_RESERVE)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return false;
  }
  m->top = m->stack.base;
  return true;
}

void *ambi_eval0_alloc(Machine *m, size_t size) {
  size_t used = (size_t)(m->top - m->stack.base) + size;
  if (used > m->stack.committed && !ambi_range_commit(&m->stack, used)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return NULL;
  }
  void *p = m->top;
  m->top += size;
  return p;
}

Frame *ambi_eval0_frame(Machine *m, enum FrameKind kind, Frame *up,
                        uint32_t depth) {
  Frame *f = ambi_eval0_alloc(m, sizeof *f);
  if (!f) return NULL;
  *f = (Frame){.up = up,
               .kind = (uint8_t)kind,
               .depth = depth,
               .nest = up ? up->nest : 0,
               .a = AMB_NONE,
               .b = AMB_NONE,
               .c = AMB_NONE,
               .space = m->space};
  return f;
}

// ---- items: results that survive the undoing of their bindings ----------------

Mark ambi_eval0_mark(const Machine *m) {
  return (Mark){m->cx->tr, m->cx->h, m->top};
}

static bool keep_resolved(Machine *m, ItemList *list, Value value, Mark mark) {
  Context *cx = m->cx;
  size_t n = 0;
  for (size_t i = mark.trail; i < cx->tr; i++)
    n += cx->trail[i] < mark.h;
  Item *item = ambi_eval0_alloc(m, sizeof *item + n * sizeof(Binding));
  if (!item) return false;
  item->next = NULL;
  item->value = value;
  item->made = m->count.made;
  item->way = m->way;
  item->nbindings = n;
  n = 0;
  for (size_t i = mark.trail; i < cx->tr; i++) {
    Word *cell = cx->trail[i];
    if (cell >= mark.h) continue;
    Value bound = ambi_resolve(cx, AMB_V(*cell));
    if (!ambi_eval0_ok(m, bound)) return false;
    item->bindings[n++] = (Binding){cell, bound};
  }
  if (list->last)
    list->last->next = item;
  else
    list->first = item;
  list->last = item;
  return true;
}

bool ambi_eval0_keep(Machine *m, ItemList *list, Value value, Mark mark) {
  value = ambi_resolve(m->cx, value);
  return ambi_eval0_ok(m, value) && keep_resolved(m, list, value, mark);
}

// Does the word point into the heap at or above h?
static bool is_above(const Context *cx, Value v, const Word *h) {
  switch (ambi_tag(v)) {
  case TAG_EXPR:
  case TAG_VAR:
  case TAG_BIG:
  case TAG_OBJ: return ambi_ptr(v) >= h && ambi_in_heap(cx, ambi_ptr(v));
  default: return false;
  }
}

static bool holds_above(const Context *cx, const Item *item, const Word *h) {
  for (size_t i = 0; i < item->nbindings; i++)
    if (is_above(cx, item->bindings[i].value, h)) return true;
  return is_above(cx, item->value, h);
}

// Debug builds make what was given back unusable at once.
static void poison(void *from, void *to) {
#ifdef AMB_DEBUG
  memset(from, 0xA5, (size_t)((char *)to - (char *)from));
#else
  (void)from;
  (void)to;
#endif
}

// The agenda that began at the mark is done and undone: of its part of the
// stack only the items stay, moved down, and its part of the heap goes unless
// an item points there.
static void release(Machine *m, ItemList *items, Mark mark) {
  Context *cx = m->cx;
  bool heap_stays = false;
  Item *last = NULL;
  char *top = m->top;
  m->top = mark.top;
  for (Item *i = items->first, *next; i; i = next) {
    next = i->next;
    heap_stays = heap_stays || holds_above(cx, i, mark.h);
    size_t size = sizeof *i + i->nbindings * sizeof(Binding);
    i = memmove(m->top, i, size);
    m->top += size;
    if (last)
      last->next = i;
    else
      items->first = i;
    last = i;
  }
  items->last = last;
  poison(m->top, top);
  if (heap_stays) return;
  poison(mark.h, cx->h);
  ambi_heap_give_back(cx, mark.h);
  m->epoch++;
}

static bool restore(Machine *m, const Item *item) {
  for (size_t i = 0; i < item->nbindings; i++) {
    const Binding *b = &item->bindings[i];
    if (!ambi_bind(m->cx, ambi_tag_ptr(TAG_VAR, b->cell), b->value))
      return false;
  }
  return true;
}

// ---- bindings -------------------------------------------------------------------

uint64_t ambi_eval0_state(Machine *m) {
  if (m->cx->tr != m->state_trail) {
    m->state_trail = m->cx->tr;
    m->state++;
  }
  return m->state;
}

static void undo(Machine *m, size_t trail) {
  if (m->cx->tr > trail) m->state++;
  ambi_trail_undo(m->cx, trail);
  m->state_trail = trail;
}

// Cells younger than the newest choice are out of reach when it resumes, and
// younger than every collector: their trail entries are of no use, unless a
// result that was collected meanwhile holds such a cell, unbound. Each entry is
// looked at once for a choice.
static void tidy_trail(Machine *m) {
  if (m->nchoices == 0) return;
  Context *cx = m->cx;
  Choice *c = &m->choices[m->nchoices - 1];
  size_t kept = c->tidied;
  const Word *h = c->h > m->kept ? c->h : m->kept;
  for (size_t i = kept; i < cx->tr; i++)
    if (cx->trail[i] < h) cx->trail[kept++] = cx->trail[i];
  c->tidied = kept;
  if (kept == cx->tr) return;
  cx->tr = m->state_trail = kept;
  m->state++;
}

// ---- choices -------------------------------------------------------------------

Choice *ambi_eval0_choose(Machine *m, enum ChoiceKind kind, Frame *up) {
  tidy_trail(m);
  if (!ambi_grow((void **)&m->choices, &m->choices_cap, m->nchoices + 1,
                 sizeof *m->choices)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return NULL;
  }
  Choice *c = &m->choices[m->nchoices++];
  size_t trail = m->cx->tr;
  *c = (Choice){.kind = kind,
                .trail = trail,
                .tidied = trail,
                .h = m->cx->h,
                .made = m->count.made,
                .most = m->count.most,
                .up = up,
                .call = AMB_NONE};
  return c;
}

void ambi_eval0_offer(Machine *m, enum ChoiceKind kind, const ItemList *items,
                      Frame *up, Value call) {
  m->todo = DO_FAIL;
  if (!items->first) return;
  Choice *c = ambi_eval0_choose(m, kind, up);
  if (!c) return;
  c->next = items->first;
  c->call = call;
  c->several = items->first->next != NULL;
}

void ambi_eval0_return(Machine *m, Value atom, Frame *up) {
  m->todo = DO_RETURN;
  m->atom = atom;
  m->up = up;
}

// ---- collectors ----------------------------------------------------------------

static bool keeps_best(enum CollectorKind kind) {
  return kind == COLLECT_LEAST || kind == COLLECT_GREATEST;
}

Frame *ambi_eval0_collect(Machine *m, enum CollectorKind kind, Frame *up,
                          uint32_t depth) {
  tidy_trail(m);
  Mark mark = ambi_eval0_mark(m);
  Collector *c = ambi_eval0_alloc(m, sizeof *c);
  if (!c) return NULL;
  *c = (Collector){.kind = kind,
                   .mark = mark,
                   .up = up,
                   .call = AMB_NONE,
                   .choice = m->nchoices,
                   .kept = m->kept,
                   .outside = m->count,
                   .cuts = m->cuts,
                   .way = m->way};
  Frame *f = ambi_eval0_frame(m, FRAME_COLLECT, up, depth);
  Choice *choice = ambi_eval0_choose(m, CHOICE_COLLECT, up);
  if (!f || !choice) return NULL;
  choice->collector = c;
  f->collector = c;
  f->nest++;
  m->count.deepest = m->count.made;
  if (kind != COLLECT_POSITION) m->count.most = UINT32_MAX;
  if (keeps_best(kind) && !ambi_best_begin(m->cx, kind == COLLECT_GREATEST))
    return NULL;
  uint64_t limit = m->cx->limits.depth;
  if (limit && f->nest > limit) {
    ambi_eval0_stop(m, STOP_DEPTH);
    return NULL;
  }
  return f;
}

static bool is_written(Value var, void *arg) {
  (void)arg;
  return !ambi_vinfo_is_fresh(ambi_ptr(var)[1]);
}

// Copies of a variable in several results of the form show by their stamp that
// they were one.
static bool stamp_vars(Machine *m, Value value) {
  m->vars.n = 0;
  if (!ambi_collect_vars(m->cx, value, &m->vars)) return false;
  for (size_t i = 0; i < m->vars.n; i++) {
    Word *info = &ambi_ptr(m->vars.at[i])[1];
    if (ambi_vinfo_id(*info) >= AMB_VAR_ASKED && m->stamps < AMB_STAMPS)
      *info = ambi_vinfo_with_stamp(*info, ambi_stamp(m->stamps++));
  }
  return true;
}

static Value stamped_copy(Machine *m, Value value) {
  if (ambi_word_ground(value)) return value;
  ValueVec now = {0};
  bool ok = stamp_vars(m, value);
  Value copy =
      ok ? ambi_copy_renamed(m->cx, value, is_written, NULL) : AMB_NONE;
  if (!ambi_is_none(copy) && !ambi_collect_vars(m->cx, copy, &now))
    copy = AMB_NONE;
  for (size_t i = 0; i < now.n; i++)
    ambi_ptr(now.at[i])[1] = ambi_ptr(m->vars.at[i])[1];
  ambi_vec_drop(&now);
  return copy;
}

// A value of the whole form leaves the machine at once, so that a stop keeps
// what was found and the answer limit is seen. Later alternatives may bind its
// variables for good, so it gets its own; those of the form outlive them all.
static void deliver(Machine *m, Value value) {
  value = ambi_resolve(m->cx, value);
  if (!ambi_is_none(value)) value = stamped_copy(m, value);
  if (!ambi_eval0_ok(m, value)) return;
  if (!ambi_vec_push(m->out, value)) {
    ambi_eval0_stop(m, STOP_MEMORY);
    return;
  }
  if (m->traces) ambi_eval0_trace_answer(m, value);
  uint64_t limit = m->cx->limits.answers;
  if (limit && m->out->n >= limit) ambi_eval0_stop(m, STOP_ANSWERS);
}

// The rest of the collector's agenda must not bind what the result holds.
static void protect(Machine *m) {
  if (m->kept < m->cx->h) m->kept = m->cx->h;
}

static void take_first(Machine *m, Collector *c, Value value) {
  Value call = c->call;
  Frame *up = c->up;
  m->nchoices = c->choice;
  m->top = c->mark.top;
  m->kept = c->kept;
  m->count = c->outside;
  ambi_eval0_step_result(m, value, call, up);
}

// Does a value take the place of the best so far? One without a cost is an Error.
static bool weigh(Machine *m, const Collector *c, Value *value) {
  const Best *b = m->cx->best;
  Value cost = ambi_best_cost(*value);
  if (ambi_is_none(cost)) {
    *value = ambi_best_costless(m->cx, *value);
    return ambi_eval0_ok(m, *value) && !c->has_value;
  }
  if (c->has_value &&
      !ambi_best_beats(b, cost, ambi_best_cost(c->items.first->value)))
    return false;
  ambi_best_found(m->cx->best, cost);
  return true;
}

// A result arrives at its collector; semantics 7.2 says which ones count.
static void collect(Machine *m, Value value, bool resolved, Collector *c) {
  value = ambi_deref(value);
  m->todo = DO_FAIL;
  tidy_trail(m);
  if (c->kind == COLLECT_RAW) {
    deliver(m, value);
    protect(m);
    return;
  }
  if (ambi_same(value, AMB_SYM(EMPTY)) && c->kind != COLLECT_CAPTURE) return;
  if (!resolved) value = ambi_resolve(m->cx, value);
  if (!ambi_eval0_ok(m, value)) return;
  bool error = ambi_is_error_atom(value);
  if (c->kind != COLLECT_ONCE || error) protect(m);
  if (c->kind == COLLECT_BIND || c->kind == COLLECT_CAPTURE) {
    keep_resolved(m, &c->items, value, c->mark);
    return;
  }
  if (!error && keeps_best(c->kind)) {
    if (!weigh(m, c, &value)) return;
    error = ambi_is_error_atom(value);
  }
  if (error) {
    if (!c->has_value) keep_resolved(m, &c->items, value, c->mark);
    return;
  }
  if (!c->has_value || keeps_best(c->kind)) c->items = (ItemList){0};
  c->has_value = true;
  switch (c->kind) {
  case COLLECT_ONCE: take_first(m, c, value); break;
  case COLLECT_BAND:
    if (ambi_eval0_in_band(m)) keep_resolved(m, &c->items, value, c->mark);
    break;
  case COLLECT_FORM: deliver(m, value); break;
  default: keep_resolved(m, &c->items, value, c->mark); break;
  }
}

static void drop_bindings(ItemList *items) {
  for (Item *i = items->first; i; i = i->next)
    i->nbindings = 0;
}

static void all_made(const ItemList *items, uint32_t made) {
  for (Item *i = items->first; i; i = i->next)
    i->made = made;
}

// The counting goes on as it was outside. An Error that an argument has found says that
// there is no value, which was not known before the last of its alternatives; while some
// were cut off it is not known at all.
static void end_counting(Machine *m, Collector *c) {
  uint32_t deepest = m->count.deepest;
  m->count = c->outside;
  if (c->kind == COLLECT_BAND) return;
  if (c->kind != COLLECT_POSITION) {
    all_made(&c->items, m->count.made);
    return;
  }
  if (deepest > m->count.deepest) m->count.deepest = deepest;
  if (c->has_value) return;
  if (m->cuts != c->cuts) c->items = (ItemList){0};
  all_made(&c->items, deepest);
}

// Everything above a collector's choice is done; its choice is popped already.
static void finish(Machine *m, Collector done) {
  Collector *c = &done;
  ItemList *items = &c->items;
  m->kept = c->kept;
  m->way = c->way;
  if (c->kind == COLLECT_ONCE && items->first) items->first->next = NULL;
  if (c->kind == COLLECT_CAPTURE) drop_bindings(items);
  if (keeps_best(c->kind)) ambi_best_end(m->cx);
  end_counting(m, c);
  // The results of the form are on the heap, not among the items.
  bool last = c->kind == COLLECT_FORM || c->kind == COLLECT_RAW;
  if (!last) release(m, items, c->mark);
  switch (c->kind) {
  case COLLECT_POSITION:
    ambi_eval0_offer(m, CHOICE_ITEMS, items, c->up, AMB_NONE);
    if (items->first) m->choices[m->nchoices - 1].several = false;
    break;
  case COLLECT_BAND: ambi_eval0_band_end(m, c); break;
  case COLLECT_BIND: {
    Value all = ambi_eval0_collapsed(m, items);
    m->top = c->mark.top;
    if (ambi_eval0_ok(m, all)) ambi_eval0_return(m, all, c->up);
    break;
  }
  case COLLECT_CAPTURE:
  case COLLECT_LEAST:
  case COLLECT_GREATEST:
  case COLLECT_ONCE:  // only errors: a value would have cut this choice
    if (items->first)
      ambi_eval0_offer(m, CHOICE_STEP, items, c->up, c->call);
    else
      ambi_eval0_return(m, AMB_SYM(EMPTY), c->up);
    break;
  case COLLECT_FORM:
  case COLLECT_RAW:
    for (const Item *i = items->first; i && !m->cx->stop; i = i->next) {
      m->way = i->way;
      deliver(m, i->value);
    }
    m->todo = DO_END;
    break;
  }
}

// A round of a table is over, and its choice is popped already. Nothing refers to what
// it has left.
static void end_table(Machine *m, Frame *f, const Word *h) {
  ItemList none = {0};
  release(m, &none,
          (Mark){.trail = m->cx->tr, .h = (Word *)h, .top = (char *)(f + 1)});
  ambi_eval0_table_end(m, f);
}

// ---- the loop ---------------------------------------------------------------------

static void resume(Machine *m) {
  if (ambi_stress(STRESS_WALK) && ambi_pace(&m->walked, 64))
    AMB_WALK(ambi_eval0_is_valid(m, &why));
  Choice *c = &m->choices[m->nchoices - 1];
  Choice now = *c;
  undo(m, now.trail);
  c->tidied = now.trail;
  if (m->traces) ambi_eval0_trace_resume(m, m->nchoices - 1);
  if (now.kind == CHOICE_COLLECT) {
    m->nchoices--;
    finish(m, *now.collector);
    return;
  }
  if (now.kind == CHOICE_TABLE) {
    m->nchoices--;
    m->count.made = now.made;
    m->count.most = now.most;
    end_table(m, now.up, now.h);
    return;
  }
  c->next = now.next->next;
  if (!c->next) m->nchoices--;  // the last alternative runs without the choice
  if (!ambi_eval0_count(m, &now, now.next) || !restore(m, now.next)) return;
  m->way = now.next->way;
  if (m->traces) ambi_eval0_trace_alternative(m, &now);
  if (now.kind == CHOICE_STEP)
    ambi_eval0_step_result(m, now.next->value, now.call, now.up);
  else
    ambi_eval0_return(m, now.next->value, now.up);
}

static Known *known_pair(Machine *m, Value a) {
  return &m->known[((uintptr_t)ambi_ptr(a) >> 3) % KNOWN_PAIRS];
}

// A marked child was once found equal to the atom it came from, so it holds no
// NaN and equals itself. Expressions compared before are not walked again; the
// outcome for those with variables holds as long as the bindings.
static bool equal_children(Machine *m, Value a, Value b) {
  a = ambi_deref(a);
  b = ambi_deref(b);
  if (ambi_is_expr(a) && ambi_is_expr(b)) {
    if (ambi_has_eval(a) && ambi_ptr(a) == ambi_ptr(b)) return true;
    const Known *k = known_pair(m, a);
    if (k->a == ambi_ptr(a) && k->b == ambi_ptr(b) && k->epoch == m->epoch &&
        (k->state == 0 || k->state == ambi_eval0_state(m)))
      return k->equal;
  }
  return ambi_equal(a, b);
}

static bool equal_expressions(Machine *m, Value a, Value b) {
  uint32_t n = ambi_expr_size(a);
  bool equal = n == ambi_expr_size(b);
  for (uint32_t i = 0; equal && i < n; i++)
    equal = equal_children(m, ambi_expr_at(a, i), ambi_expr_at(b, i));
  bool ground = ambi_is_ground_expr(a) && ambi_is_ground_expr(b);
  *known_pair(m, a) = (Known){.a = ambi_ptr(a),
                              .b = ambi_ptr(b),
                              .epoch = m->epoch,
                              .state = ground ? 0 : ambi_eval0_state(m),
                              .equal = equal};
  return equal;
}

bool ambi_eval0_has_resolved_children(Value e) {
  for (uint32_t i = 0; i < ambi_expr_size(e); i++) {
    Value c = ambi_expr_at(e, i);
    bool fine = ambi_is_expr(c) ? ambi_is_ground_expr(c) || ambi_has_eval(c)
                                : ambi_same(c, ambi_deref(c));
    if (!fine) return false;
  }
  return true;
}

// Are both the same, variable by variable, whatever these are bound to? Memory that is
// out counts as a difference.
static bool equal_as_written(Machine *m, Value a, Value b) {
  m->scratch.n = 0;
  for (;;) {
    bool open = ambi_unmark(a).w != ambi_unmark(b).w;
    uint32_t n = open ? ambi_expr_size(a) : 0;
    bool same = !open || (n > 0 && n == ambi_expr_size(b));
    for (uint32_t i = 0; same && i < n; i++)
      same = ambi_vec_push(&m->scratch, ambi_expr_at(a, i)) &&
             ambi_vec_push(&m->scratch, ambi_expr_at(b, i));
    if (!same || m->scratch.n == 0) return same;
    b = m->scratch.at[--m->scratch.n];
    a = m->scratch.at[--m->scratch.n];
  }
}

// A value that equals the atom it came from gets the evaluated mark (7.8). Where a
// variable of that atom has been bound since, only what came back as it stood does.
static void mark_value(Machine *m, Value value, bool resolved, Frame *f) {
  value = ambi_deref(value);
  if (!ambi_is_expr(value) || ambi_has_eval(value)) {
    ambi_eval0_return(m, value, f->base);
    m->resolved = resolved;
    return;
  }
  if (equal_expressions(m, value, f->a)) {
    if (f->state == ambi_eval0_state(m) &&
        ambi_eval0_has_resolved_children(value)) {
      ambi_eval0_return(m, ambi_mark_eval(value), f->up);
      m->resolved = true;
      return;
    }
    Value now = ambi_resolve(m->cx, f->a);
    if (!ambi_eval0_ok(m, now)) return;
    if (ambi_ptr(now) == ambi_ptr(f->a) || equal_as_written(m, value, f->a)) {
      value = ambi_resolve(m->cx, value);
      if (!ambi_eval0_ok(m, value)) return;
      value = ambi_mark_eval(value);
    }
  }
  ambi_eval0_return(m, value, f->up);
}

static void return_value(Machine *m) {
  Frame *f = m->up;
  bool resolved = m->resolved;
  m->resolved = false;
  switch ((enum FrameKind)f->kind) {
  case FRAME_COLLECT: collect(m, m->atom, resolved, f->collector); break;
  case FRAME_MARK: mark_value(m, m->atom, resolved, f); break;
  case FRAME_ARGS: ambi_eval0_argument(m, m->atom, f); break;
  case FRAME_CALL: ambi_eval0_called(m, m->atom, f); break;
  case FRAME_CAST: ambi_eval0_cast(m, m->atom, f); break;
  case FRAME_CHAIN: ambi_eval0_chained(m, m->atom, f); break;
  case FRAME_TABLE: ambi_eval0_table_result(m, m->atom, f); break;
  case FRAME_FUNCTION: ambi_eval0_function_ret(m, m->atom, f); break;
  case FRAME_TRACE:
    m->resolved = resolved;
    ambi_eval0_traced(m, m->atom, f);
    break;
  }
}

// Counts a step. False: it must not be taken.
static bool may_step(Machine *m) {
  Limits *l = &m->cx->limits;
  uint64_t n = ++l->steps_used;
  bool look = n % AMB_POLL_STEPS == 0 || (l->steps && n > l->steps);
  return !look || ambi_limits_poll(m->cx);
}

static void run(Machine *m) {
  while (m->cx->stop == STOP_NONE) {
    switch (m->todo) {
    case DO_RETURN: return_value(m); break;
    case DO_INSTR: ambi_eval0_instruction(m); break;
    case DO_METTA:
    case DO_TAIL: ambi_eval0_metta(m); break;
    case DO_CALL: ambi_eval0_call(m); break;
    case DO_STEP:
      if (may_step(m)) ambi_eval0_step(m);
      break;
    case DO_FAIL: resume(m); break;
    case DO_END: return;
    }
  }
}

// The form is an evaluated position whose results go straight to `out`. An atom
// that is no expression is its own result, Empty included.
static void start(Machine *m, Value form) {
  bool bare = m->cx->rt->bare_minimal;
  bool evaluated = !bare && ambi_is_expression(form);
  m->space = m->cx->space;
  m->up =
      ambi_eval0_collect(m, evaluated ? COLLECT_FORM : COLLECT_RAW, NULL, 0);
  m->atom = form;
  m->type = AMB_SYM(UNDEFINED);
  m->depth = DEPTH_FORM;
  m->todo = bare ? DO_INSTR : DO_TAIL;
}

// Room for a machine, and it is empty. NULL: cx->stop is set.
static Machine *open_machine(Context *cx, ValueVec *out) {
  Machine *m = ambi_alloc(sizeof *m);
  if (!m) {
    cx->stop = STOP_MEMORY;
    return NULL;
  }
  m->cx = cx;
  m->out = out;
  m->state = 1;
  m->state_trail = cx->tr;
  m->count.most = UINT32_MAX;
  m->space = cx->space;
  m->outer = cx->machine;
  cx->machine = m;
  return m;
}

static void close_machine(Machine *m) {
  m->cx->machine = m->outer;
  ambi_eval0_trace_close(m);
  if (m->stack.base) ambi_range_close(&m->stack);
  ambi_free(m->choices, m->choices_cap * sizeof *m->choices);
  ambi_types_drop(&m->types);
  ambi_vec_drop(&m->scratch);
  ambi_vec_drop(&m->vars);
  ambi_records_drop(&m->records);
  ambi_free(m, sizeof *m);
}

enum AmbStop ambi_eval0_search(Context *cx, Value call, ValueVec *out) {
  Machine *m = open_machine(cx, out);
  if (!m) return cx->stop;
  Word *hb = cx->hb;
  size_t trail = cx->tr;
  const struct Best *best = cx->best;
  cx->hb = (Word *)UINTPTR_MAX;
  cx->plain = m->inside = true;
  if (open_stack(m)) {
    ambi_eval0_deepen(m, call);
    run(m);
  }
  close_machine(m);
  ambi_trail_undo(cx, trail);
  while (cx->best != best)
    ambi_best_end(cx);
  cx->hb = hb;
  cx->plain = false;
  return cx->stop;
}

enum AmbStop ambi_eval0_form(Context *cx, Value form, ValueVec *out) {
  uint64_t before = cx->limits.steps_used;
  Machine *m = open_machine(cx, out);
  if (!m) return cx->stop;
  form = ambi_deref(form);
  if (ambi_eval0_trace_open(m, form) && open_stack(m)) {
    start(m, form);
    run(m);
    if (ambi_calls_matter(cx->stop)) ambi_calls_failed(cx, AMB_NONE);
  }
  ambi_isolation_end(cx);
  close_machine(m);
  ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_STEPS,
                 cx->limits.steps_used - before);
  return cx->stop;
}
