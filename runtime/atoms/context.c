// Opening and emptying a Context, its heap and trail, and building atoms.
//
// Lists grown at the front share one buffer: consing in place is allowed only
// to whoever holds the view that starts where the buffer's children start. What
// backtracking leaves in front of a view is never looked at.
#include "runtime/atoms/context.h"

#include "runtime/calls.h"

#include <stdarg.h>
#include <stdio.h>

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/best.h"
#include "runtime/config.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"

enum {
  COMMIT_MIN = 1 << 20,   // smallest growth of the heap
  COMMIT_MAX = 64 << 20,  // largest growth not asked for
  KEEP_BYTES = 4 << 20,   // physical memory kept between forms
  MESSAGE_MIN = 512,      // a message has at least this room
  FLAT_MAX = 4,           // children up to which a cons copies
  BUF_MIN = 8,            // smallest buffer
};
#define HEAPS_RESERVE (2 * AMB_HEAP_RESERVE)  // of all three ranges
#define TRAIL_RESERVE (AMB_HEAP_RESERVE / 4)
#define ALWAYS_TRAIL  ((Word *)UINTPTR_MAX)

bool ambi_vec_push(ValueVec *v, Value x) {
  if (!ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at))
    return false;
  v->at[v->n++] = x;
  return true;
}

void ambi_vec_drop(ValueVec *v) {
  ambi_free(v->at, v->cap * sizeof *v->at);
  *v = (ValueVec){0};
}

// ---- life -------------------------------------------------------------------

static size_t commit_min(void) {
  return ambi_stress(STRESS_MINIMAL) ? 1 : COMMIT_MIN;
}

static void take_committed(Context *cx) {
  cx->hend = (Word *)(void *)(cx->heap.base + cx->heap.committed);
  cx->trail_cap = cx->trail_range.committed / sizeof *cx->trail;
}

// One half is for what is new, two quarters below it for what is old.
static bool open_heap(Context *cx) {
  if (!ambi_range_open_most(&cx->old, HEAPS_RESERVE)) return false;
  size_t all = cx->old.reserved;
  cx->heap_low = cx->old.base;
  cx->heap_high = cx->old.base + all;
  ambi_range_split(&cx->old, all / 2, &cx->heap);
  ambi_range_split(&cx->old, all / 4, &cx->spare);
  return ambi_range_commit(&cx->heap, commit_min());
}

Context *ambi_context_open(Runtime *rt) {
  Context *cx = ambi_alloc(sizeof *cx);
  if (!cx) return NULL;
  cx->rt = rt;
  ambi_guard(rt);
  cx->limits = rt->limits;
  ambi_unguard(rt);
  cx->random = &rt->rng_state;
  cx->error_reason = AMB_NONE;
  cx->message = ambi_alloc(MESSAGE_MIN);
  if (cx->message) cx->message_cap = MESSAGE_MIN;
  if (!cx->message || !open_heap(cx) ||
      !ambi_range_open_most(&cx->trail_range, TRAIL_RESERVE) ||
      !ambi_range_commit(&cx->trail_range, 1)) {
    ambi_context_close(cx);
    return NULL;
  }
  cx->trail = (Word **)(void *)cx->trail_range.base;
  take_committed(cx);
  ambi_context_reset(cx);
  return cx;
}

// Of a form that was stopped.
static void end_scopes(Context *cx) {
  while (cx->best)
    ambi_best_end(cx);
}

void ambi_context_close(Context *cx) {
  if (!cx) return;
  if (cx->engine_close) cx->engine_close(cx->engine);
  if (cx->types_close) cx->types_close(cx);
  ambi_free(cx->data_heads.at, cx->data_heads.cap * sizeof(uint32_t));
  end_scopes(cx);
  ambi_range_close(&cx->heap);
  ambi_range_close(&cx->old);
  ambi_range_close(&cx->spare);
  ambi_range_close(&cx->trail_range);
  ambi_vec_drop(&cx->many);
  ambi_free(cx->message, cx->message_cap);
  ambi_free(cx, sizeof *cx);
}

void ambi_context_reset(Context *cx) {
  end_scopes(cx);
  size_t keep = ambi_stress(STRESS_MINIMAL) ? 1 : KEEP_BYTES;
  ambi_range_trim(&cx->heap, keep);
  ambi_range_trim(&cx->old, keep);
  ambi_range_trim(&cx->spare, keep);
  ambi_range_trim(&cx->trail_range, keep);
  take_committed(cx);
  cx->h = cx->hbase = (Word *)(void *)cx->heap.base;
  cx->old_top = (Word *)(void *)cx->old.base;
  cx->moved_from = cx->old_top;
  cx->moved++;
  cx->hb = ALWAYS_TRAIL;
  cx->tr = 0;
  cx->many.n = 0;
  cx->message[0] = 0;
  cx->error_reason = AMB_NONE;
}

// ---- heap and trail ---------------------------------------------------------

// Commits r to hold `need` bytes, more if that is free, within the limit. Few
// steps may need much memory, and so much time: the clock is looked at here,
// too, but the allocation itself goes on and the evaluator sees cx->stop.
static bool commit_more(Context *cx, Range *r, size_t need) {
  ambi_limits_poll(cx);
  size_t step = r->committed / 8;
  if (step < COMMIT_MIN) step = COMMIT_MIN;
  if (ambi_stress(STRESS_MINIMAL)) step = 0;
  if (step > COMMIT_MAX) step = COMMIT_MAX;
  size_t want = r->committed + step;
  if (want < need) want = need;
  if (want > r->reserved) want = r->reserved;
  uint64_t limit = cx->limits.memory;
  uint64_t others = ambi_alloc_bytes() - r->committed;
  if (limit && others + want > limit) want = need;
  size_t whole = ambi_range_whole(r, want);
  if (!limit || others + whole <= limit) want = whole;
  if (want < need || (limit && others + want > limit) ||
      !ambi_range_commit(r, want)) {
    if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
    return false;
  }
  take_committed(cx);
  return true;
}

Word *ambi_heap_more(Context *cx, size_t n) {
  size_t used = (size_t)(cx->h - (Word *)(void *)cx->heap.base);
  if (n > cx->heap.reserved / sizeof(Word)) {
    if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
    return NULL;
  }
  if (!commit_more(cx, &cx->heap, (used + n) * sizeof(Word))) return NULL;
  Word *p = cx->h;
  cx->h = p + n;
  return p;
}

bool ambi_trail_room(Context *cx, size_t n) {
  return n <= cx->trail_cap ||
         commit_more(cx, &cx->trail_range, n * sizeof *cx->trail);
}

bool ambi_trail_grow(Context *cx) {
  return ambi_trail_room(cx, cx->tr + 1);
}

static Value out_of_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return AMB_NONE;
}

// ---- expressions ------------------------------------------------------------

// Is there no variable in this child? Expressions carry the answer themselves.
static bool is_ground(Value v) {
  switch (ambi_tag(v)) {
  case TAG_EXPR: return ambi_is_ground_expr(v);
  case TAG_VAR:
  case TAG_LVAR: return false;
  case TAG_OBJ: return ambi_is_str(v);
  default: return true;
  }
}

static bool all_ground(const Value *items, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!is_ground(items[i])) return false;
  return true;
}

static Value expr_word(const Word *p, bool ground) {
  Value v = ambi_tag_ptr(TAG_EXPR, p);
  return ground ? AMB_V(v.w | AMB_EXPR_GROUND) : v;
}

Value ambi_make_expr(Context *cx, const Value *items, size_t n) {
  if (n == 0) return AMB_UNIT;
  if (n > UINT32_MAX) return out_of_memory(cx);
  Word *p = ambi_heap_alloc(cx, n + 1);
  if (!p) return AMB_NONE;
  bool ground = true;
  for (size_t i = 0; i < n; i++) {
    Value v = ambi_deref(items[i]);
    ground = ground && is_ground(v);
    p[i + 1] = v.w;
  }
  p[0] = ambi_header(KIND_FLAT, ground ? FLAG_GROUND : 0, (uint32_t)n);
  return expr_word(p, ground);
}

static Value make_view(Context *cx, Word base, const Value *first, uint32_t n,
                       bool ground) {
  Word *p = ambi_heap_alloc(cx, 3);
  if (!p) return AMB_NONE;
  p[0] = ambi_header(KIND_VIEW, ground ? FLAG_GROUND : 0, n);
  p[1] = base;
  p[2] = (Word)(uintptr_t)first;
  return expr_word(p, ground);
}

// The buffer in which one more child may be put in front of `tail`, or NULL.
static Word *buffer_to_extend(const Context *cx, Value tail) {
  if (!ambi_is_expr(tail)) return NULL;
  const Word *view = ambi_ptr(tail);
  if (ambi_hdr_kind(view[0]) != KIND_VIEW) return NULL;
  Word *buf = ambi_ptr(AMB_V(view[1]));
  if (ambi_hdr_kind(buf[0]) != KIND_BUF || !ambi_in_heap(cx, buf)) return NULL;
  int64_t first = ambi_int_of(AMB_V(buf[1]));
  if (first == 0 || view[2] != (Word)(uintptr_t)(buf + 2 + first)) return NULL;
  return buf;
}

// A new buffer with head and the n children of `items` at its end.
static Word *make_buffer(Context *cx, Value head, const Value *items,
                         uint32_t n) {
  size_t cap = 2 * ((size_t)n + 1);
  if (cap < BUF_MIN) cap = BUF_MIN;
  if (cap > UINT32_MAX) {
    out_of_memory(cx);
    return NULL;
  }
  Word *buf = ambi_heap_alloc(cx, cap + 2);
  if (!buf) return NULL;
  size_t first = cap - n - 1;
  buf[0] = ambi_header(KIND_BUF, 0, (uint32_t)cap);
  buf[1] = ambi_small_int((int64_t)first).w;
  buf[2 + first] = head.w;
  memcpy(buf + 2 + first + 1, items, n * sizeof *items);
  return buf;
}

static bool may_move(Value v) {
  return ambi_is_expr(v) || ambi_is_var(v) || ambi_is_big(v) || ambi_is_obj(v);
}

Value ambi_make_cons(Context *cx, Value head, Value tail) {
  head = ambi_deref(head);
  tail = ambi_deref(tail);
  AMB_ASSERT(ambi_is_expression(tail));
  uint32_t n = ambi_expr_size(tail);
  const Value *items = n ? ambi_expr_items(tail) : NULL;
  bool ground = is_ground(head) && (n == 0 || ambi_is_ground_expr(tail));
  if (n < FLAT_MAX) {
    Word *p = ambi_heap_alloc(cx, (size_t)n + 2);
    if (!p) return AMB_NONE;
    p[0] = ambi_header(KIND_FLAT, ground ? FLAG_GROUND : 0, n + 1);
    p[1] = head.w;
    for (uint32_t i = 0; i < n; i++)
      p[i + 2] = items[i].w;
    return expr_word(p, ground);
  }
  Word *buf = buffer_to_extend(cx, tail);
  if (buf) {
    // The view first: if it cannot be made, the buffer must not have changed.
    Word *slot = buf + 1 + ambi_int_of(AMB_V(buf[1]));
    if (slot < cx->hbase && may_move(head) && !ambi_remember(cx, slot))
      return AMB_NONE;
    Value v =
        make_view(cx, ambi_ptr(tail)[1], (const Value *)slot, n + 1, ground);
    if (ambi_is_none(v)) return v;
    slot[0] = head.w;
    buf[1] = ambi_small_int(ambi_int_of(AMB_V(buf[1])) - 1).w;
    return v;
  }
  buf = make_buffer(cx, head, items, n);
  if (!buf) return AMB_NONE;
  const Value *first = (const Value *)(buf + 2 + ambi_int_of(AMB_V(buf[1])));
  return make_view(cx, ambi_tag_ptr(TAG_OBJ, buf).w, first, n + 1, ground);
}

// A variable that is not among the children cut off is still in the rest. So
// only the cut children are looked at, unless one of them is not ground; taking
// a list apart costs linear time in all, wherever its variables stand.
static bool rest_is_ground(Value e, uint32_t from) {
  if (ambi_is_ground_expr(e)) return true;
  const Value *items = ambi_expr_items(e);
  if (all_ground(items, from)) return false;
  return all_ground(items + from, ambi_expr_size(e) - from);
}

Value ambi_make_tail(Context *cx, Value e, uint32_t from) {
  e = ambi_deref(e);
  AMB_ASSERT(ambi_is_expression(e));
  uint32_t size = ambi_expr_size(e);
  if (from >= size) return AMB_UNIT;
  uint32_t n = size - from;
  const Value *items = ambi_expr_items(e) + from;
  if (n < AMB_VIEW_MIN) return ambi_make_expr(cx, items, n);
  const Word *p = ambi_ptr(e);
  Word base = ambi_hdr_kind(p[0]) == KIND_VIEW ? p[1] : ambi_unmark(e).w;
  return make_view(cx, base, items, n, rest_is_ground(e, from));
}

// ---- other atoms ------------------------------------------------------------

Value ambi_make_var(Context *cx, uint32_t name, uint32_t id) {
  Word *p = ambi_heap_alloc(cx, 2);
  if (!p) return AMB_NONE;
  Value v = ambi_tag_ptr(TAG_VAR, p);
  p[0] = v.w;
  p[1] = ambi_vinfo(name, id);
  return v;
}

Value ambi_make_str(Context *cx, const char *bytes, size_t len) {
  if (len > UINT32_MAX) return out_of_memory(cx);
  Word h = ambi_header(KIND_STR, 0, (uint32_t)len);
  size_t words = ambi_object_words(h);
  Word *p = ambi_heap_alloc(cx, words);
  if (!p) return AMB_NONE;
  p[0] = h;
  p[words - 1] = 0;
  if (len) memcpy(p + 1, bytes, len);
  return ambi_tag_ptr(TAG_OBJ, p);
}

Value ambi_make_sym(Context *cx, const char *text, size_t len) {
  uint32_t id;
  if (!ambi_symbol_intern(cx->rt->symbols, text, len, &id))
    return out_of_memory(cx);
  return AMB_SYM_ID(id);
}

Value ambi_make_error(Context *cx, Value atom, Value reason) {
  ambi_calls_failed(cx, atom);
  return AMB_EXPR(cx, AMB_SYM(ERROR), ambi_unmark(atom), reason);
}

Value ambi_make_error_text(Context *cx, Value atom, const char *text) {
  Value reason = ambi_make_sym(cx, text, strlen(text));
  return ambi_is_none(reason) ? reason : ambi_make_error(cx, atom, reason);
}

// ---- reporting --------------------------------------------------------------

// Formatted aside first: the arguments may point into the old message. That
// always has room for a short text.
void ambi_set_message(Context *cx, const char *format, ...) {
  char small[MESSAGE_MIN];
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  small[0] = 0;
  int len = vsnprintf(small, sizeof small, format, args);
  size_t size = len < 0 ? 1 : (size_t)len + 1;
  char *larger = size > sizeof small ? ambi_alloc(size) : NULL;
  if (larger) {
    vsnprintf(larger, size, format, again);
    ambi_free(cx->message, cx->message_cap);
    cx->message = larger;
    cx->message_cap = size;
  } else {
    snprintf(cx->message, sizeof small, "%s", small);
  }
  va_end(again);
  va_end(args);
}
