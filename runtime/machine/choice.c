// Choice records and what hangs on them: saved results, cursors. Collectors are in
// results.c.
//
// The language evaluates a position to all its results before the rest goes on,
// and keeps the non-errors if there is one. Positions here are streamed (the
// choices stay, the rest goes on with the first result) or gathered (results
// are saved first). Saved results hang as a hook on R, the record laid right
// after the one the position's slot names: when everything newer is exhausted,
// `fail` arrives at R and PEND runs what R stood for, then DELIVER hands the
// saved results out. Ordinary records pay nothing for this.
#include "runtime/atoms/work.h"
#include "runtime/machine/deepen.h"
#include "runtime/machine/handover.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/best.h"
#include "runtime/config.h"
#include "runtime/tables/table.h"
#include "runtime/types/types.h"

static const Code pend_code[1] = {{.op = OP_I_PEND}};
static const Code deliver_code[1] = {{.op = OP_I_DELIVER}};

Choice *ambi_choice_push(Engine *g, const Code *resume) {
  Choice *n = g->b + 1;
  if (AMB_UNLIKELY(n >= g->choices_end)) {
    size_t used = (size_t)((char *)(n + 1) - g->choice_range.base);
    size_t more = ambi_stress(STRESS_MINIMAL) ? 0 : 1 << 18;
    if (!ambi_range_commit(&g->choice_range, used + sizeof(Choice) + more)) {
      g->cx->stop = STOP_MEMORY;
      return NULL;
    }
    ambi_choices_committed(g);
  }
  *n = (Choice){.resume = resume,
                .h = g->cx->h,
                .tr = g->cx->tr,
                .top = ambi_frame_top(g->e, ambi_frame_slots(g->e), g->b),
                .e = g->e,
                .s = g->cx->space,
                .aux = AMB_UNIT};
  g->b = n;
  g->cx->hb = n->h;
  return n;
}

// Programs collect a few values millions of times, and some hundreds thousands of times.
enum { SPARE_HOOKS = 8, SPARE_VALUES = 1024 };

static Hook fresh_hook(void) {
  return (Hook){.pattern = AMB_UNIT, .templ = AMB_UNIT};
}

// A spare one is as a fresh one is, but for its room.
Hook *ambi_hook_new(Engine *g, enum HookKind kind) {
  Hook *h = g->spare_hooks;
  if (h) {
    g->spare_hooks = h->old;
    g->nspare--;
    h->old = NULL;
  } else if ((h = ambi_alloc(sizeof *h))) {
    *h = fresh_hook();
  } else {
    g->cx->stop = STOP_MEMORY;
    return NULL;
  }
  h->kind = kind;
  h->effects = g->effects;
  h->steps = g->cx->limits.steps_used;
  h->collections = g->collections;
  return h;
}

Hook *ambi_hook_collector(Engine *g, unsigned best) {
  Hook *h = ambi_hook_new(g, best ? HOOK_BEST : HOOK_COLLECT);
  if (!h || !best) return h;
  if (ambi_best_begin(g->cx, best == 2)) {
    h->best = g->cx->best;
    return h;
  }
  h->kind = HOOK_COLLECT;
  ambi_hook_free(g, h);
  return NULL;
}

// The next query takes the room over: where evaluators share a search, all ask for memory
// at the same place.
static void drop_records(Engine *g, RecordVec *records) {
  enum { KEPT = 1 << 10 };
  if (!g->found.at && records->cap <= KEPT) {
    g->found = (RecordVec){.at = records->at, .cap = records->cap};
    *records = (RecordVec){0};
  } else {
    ambi_records_drop(records);
  }
}

static void drop_items(Hook *h) {
  ambi_vec_drop(&h->lent);
  ambi_vec_drop(&h->known);
  ambi_free(h->items, h->items_cap * sizeof *h->items);
  ambi_free(h->binds, h->binds_cap * sizeof *h->binds);
}

static void drop_contents(Engine *g, Hook *h) {
  drop_items(h);
  ambi_results_drop(g, h);
  drop_records(g, &h->records);
}

// Collectors of a few words have changed nothing else.
static bool is_small_collector(const Hook *h) {
  return h->kind == HOOK_COLLECT && !h->with_bindings && !h->image.w &&
         !h->list.base && !h->lent.at && !h->known.at;
}

// Most are small collectors and cursors over facts, and a Hook has many words.
static void make_fresh(Engine *g, Hook *h) {
  if (h->certain) {
    drop_records(g, &h->records);
    h->cursor = 0;
    h->certain = false;
  } else if (is_small_collector(h)) {
    h->nvalues = 0;
    h->image.leaves_open = false;
    h->sequential = false;
    h->once = NULL;
    h->bound = false;
  } else {
    drop_contents(g, h);
    ValueVec room = h->values;
    *h = fresh_hook();
    h->values = room;
  }
  h->values.n = 0;
}

void ambi_hook_free(Engine *g, Hook *h) {
  while (h) {
    Hook *old = h->old;
    if (AMB_UNLIKELY(h->parts != NULL)) ambi_handover_cut(g, h);
    if (h->kind == HOOK_BEST) ambi_best_end(g->cx);
    if (h->kind == HOOK_TABLE) ambi_tables_cut(g->cx->rt, h->nvars);
    if (h->kind == HOOK_ROUNDS) ambi_deepen_drop(g, h);
    make_fresh(g, h);
    if (g->nspare < SPARE_HOOKS && h->values.cap <= SPARE_VALUES) {
      h->old = g->spare_hooks;
      g->spare_hooks = h;
      g->nspare++;
    } else {
      ambi_vec_drop(&h->values);
      ambi_free(h, sizeof *h);
    }
    h = old;
  }
}

void ambi_hooks_discard(Hook *h) {
  while (h) {
    Hook *old = h->old;
    drop_items(h);
    ambi_image_drop(&h->image);
    ambi_records_drop(&h->records);
    ambi_vec_drop(&h->values);
    ambi_free(h, sizeof *h);
    h = old;
  }
}

void ambi_hooks_drop(Engine *g) {
  while (g->spare_hooks) {
    Hook *h = g->spare_hooks;
    g->spare_hooks = h->old;
    ambi_vec_drop(&h->values);
    ambi_free(h, sizeof *h);
  }
  g->nspare = 0;
}

void ambi_choice_cut(Engine *g, Choice *to) {
  AMB_ENSURE(to > g->choices && to <= g->b + 1);
  for (Choice *c = g->b; c >= to; c--) {
    ambi_hook_free(g, c->hook);
    c->hook = NULL;
  }
  g->b = to - 1;
  g->cx->hb = g->b->h;
}

// ---- saved results -------------------------------------------------------------

// Is the variable one of those that the collector began with? All others are newer
// than its record, until a collection makes them as old.
static bool began_with(const Engine *g, const Hook *h, const Word *cell) {
  if (!h->with_bindings || h->collections == g->collections) return true;
  for (uint32_t i = 0; i < ambi_expr_size(h->templ); i++)
    if (ambi_ptr(ambi_expr_at(h->templ, i)) == cell) return true;
  return false;
}

// Every binding made since the record that existed before it goes into the item.
static bool save_bindings(Engine *g, Hook *h, ImageCopy *c, size_t tr,
                          const Word *limit) {
  for (size_t i = tr; i < g->cx->tr; i++) {
    Word *cell = g->cx->trail[i];
    if (cell >= limit && ambi_in_heap(g->cx, cell)) continue;
    if (!ambi_trail_is_variable(cell)) continue;
    if (!began_with(g, h, cell)) continue;
    Value x;
    if (!ambi_grow((void **)&h->binds, &h->binds_cap, h->nbinds + 1,
                   sizeof *h->binds) ||
        !ambi_copy_all(c, AMB_V(*cell), &x))
      return false;
    h->binds[h->nbinds].cell = cell;
    h->binds[h->nbinds++].value = x;
  }
  return true;
}

bool ambi_item_save(Engine *g, Hook *h, const Choice *r, Value v, bool error) {
  Item it = {.error = error,
             .made = g->made,
             .img_from = h->image.n,
             .bind_from = h->nbinds};
  // collapse-bind shows its results as they read with their bindings.
  ImageCopy c = ambi_copy_begin(g, &h->image, r->h);
  c.resolve = h->with_bindings && g->cx->tr > r->tr;
  bool ok = ambi_copy_all(&c, v, &it.value) &&
            save_bindings(g, h, &c, r->tr, r->h) &&
            ambi_grow((void **)&h->items, &h->items_cap, h->nitems + 1,
                      sizeof *h->items);
  ambi_copy_end(&c);
  if (!ok) {
    if (g->cx->stop == STOP_NONE) g->cx->stop = STOP_MEMORY;
    return false;
  }
  it.img_to = h->image.n;
  it.bind_to = h->nbinds;
  h->items[h->nitems++] = it;
  if (!error) h->nvalues++;
  return true;
}

// Has the position whose first record is r results on r that wait?
bool ambi_results_wait(const Choice *r) {
  return r->resume->op == OP_I_PEND ||
         (r->resume->op == OP_I_DELIVER && r->hook->cursor == 0);
}

Hook *ambi_hook_results(Engine *g, Choice *r, enum HookKind kind, uint32_t slot,
                        uint32_t dst, const Code *next) {
  Hook *h = ambi_hook_new(g, kind);
  if (!h) return NULL;
  h->slot = slot;
  h->dst = dst;
  h->frame = g->e;
  h->s = g->cx->space;
  h->next = h->err = next;
  h->old_resume = r->resume;
  h->old = r->hook;
  r->hook = h;
  r->resume = pend_code;
  return h;
}

static bool save(Engine *g, Choice *r, uint32_t slot, uint32_t dst, bool stream,
                 bool error, const Code *next, const Code *err) {
  Hook *h = r->hook;
  enum HookKind kind = stream ? HOOK_STREAM : HOOK_GATHER;
  if (!h || h->kind != kind || h->frame != g->e || h->slot != slot) {
    h = ambi_hook_results(g, r, kind, slot, dst, next);
    if (!h) return false;
    h->err = err;
  }
  return ambi_item_save(g, h, r, AMB_V(g->e[dst]), error);
}

enum Next ambi_position_end(Engine *g, uint32_t slot, uint32_t dst, bool stream,
                            bool error, const Code *next, const Code *err) {
  Value p = AMB_V(g->e[slot]);
  Choice *at = ambi_position_choice(p);
  if (stream) {
    if (!error) {
      g->e[slot] |= 1;
      g->pc = next;
      return NEXT_PC;
    }
    if (p.w & 1) return NEXT_FAIL;
  }
  if (AMB_UNLIKELY(error && ambi_handover_hides(g, at)))
    return ambi_handover_again(g);
  if (AMB_UNLIKELY(error && ambi_counts(g))) return ambi_deepen_plainly(g);
  if (at == g->b) {
    g->pc = error ? err : next;
    return NEXT_PC;
  }
  return save(g, at + 1, slot, dst, stream, error, next, err) ? NEXT_FAIL
                                                              : NEXT_STOP;
}

// All that a case looks at is there, from others as well.
static enum Next end_case(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  bool again = false;
  if (h->parts && !ambi_handover_join(g, h, r, &again)) return NEXT_STOP;
  if (again) return ambi_handover_again(g);
  if (h->nitems) {
    r->resume = deliver_code;
    return NEXT_FAIL;
  }
  r->resume = h->old_resume;
  r->hook = NULL;
  ambi_hook_free(g, h);
  return NEXT_FAIL;
}

enum Next ambi_pend(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  if (ambi_code_origin(h->old_resume)->op == OP_I_CASE_NONE) return end_case(g);
  Choice *copy = ambi_choice_push(g, h->old_resume);
  if (!copy) return NEXT_STOP;
  r = copy - 1;
  copy->h = r->h;
  copy->tr = r->tr;
  copy->top = r->top;
  copy->e = r->e;
  copy->s = r->s;
  copy->aux = r->aux;
  copy->cursor = r->cursor;
  copy->next = r->next;
  copy->hook = h->old;
  h->old = NULL;
  r->resume = deliver_code;
  return NEXT_FAIL;
}

static bool restore_bindings(Engine *g, Hook *h, const Item *it,
                             const Word *at) {
  for (size_t i = it->bind_from; i < it->bind_to; i++) {
    Value var = AMB_V(AMB_TAGGED(TAG_VAR, (uintptr_t)h->binds[i].cell));
    Value to = ambi_image_value(h->binds[i].value, at, it->img_from);
    if (!ambi_bind(g->cx, var, to)) return false;
  }
  return true;
}

// Takes items in order; errors only when there is no value.
static const Item *next_item(Hook *h, bool *last) {
  bool errors = h->nvalues == 0;
  const Item *it = NULL;
  *last = true;
  while (h->cursor < h->nitems) {
    const Item *x = &h->items[h->cursor];
    if (x->error == errors) {
      if (it) {
        *last = false;
        return it;
      }
      it = x;
    }
    h->cursor++;
  }
  return it;
}

bool ambi_item_give(Engine *g, Hook *h, const Item *it, Word *slot) {
  Word *at = ambi_image_thaw(g, &h->image, it->img_from, it->img_to);
  if (!at || !restore_bindings(g, h, it, at)) return false;
  *slot = ambi_image_value(it->value, at, it->img_from).w;
  return true;
}

// Those of a case are a choice if there are several, in code that counts.
static void note_several(const Hook *h) {
  const Code *next = ambi_code_origin(h->next);
  size_t n = h->nvalues ? h->nvalues : h->nitems;
  if (n > 1 && next->op == OP_I_CHOICE) h->frame[next->a] |= 1;
}

enum Next ambi_deliver(Engine *g) {
  Choice *r = g->b;
  Hook *h = r->hook;
  bool last;
  bool dropped = h->kind == HOOK_STREAM && (h->frame[h->slot] & 1);
  const Item *it = dropped ? NULL : next_item(h, &last);
  g->e = h->frame;
  g->cx->space = h->s;
  if (h->kind == HOOK_GATHER) h->frame[h->slot] |= 1;  // more than one result
  if (!it) {
    ambi_choice_cut(g, r);
    return NEXT_FAIL;
  }
  if (last) {  // the record goes before the last item runs
    r->hook = NULL;
    ambi_choice_cut(g, r);
  }
  bool ok = ambi_item_give(g, h, it, &g->e[h->dst]);
  g->made = it->made;
  if (AMB_UNLIKELY(g->search != NULL)) note_several(h);
  g->pc = it->error ? h->err : h->next;
  if (last) ambi_hook_free(g, h);
  return ok ? NEXT_PC : NEXT_STOP;
}
