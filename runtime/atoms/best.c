// Scopes of minimize and maximize: who takes part in them, and what they prune by.
#include "runtime/atoms/best.h"

#include <math.h>
#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/number.h"

// ---- keys -----------------------------------------------------------------------

static uint64_t bits_of(double key) {
  uint64_t bits;
  memcpy(&bits, &key, sizeof bits);
  return bits;
}

static double key_at(const LeastKey *k) {
  uint64_t bits = ambi_load_relaxed(&k->x_bits);
  double key;
  memcpy(&key, &bits, sizeof key);
  return key;
}

// A key not above (towards -INFINITY) or not below (INFINITY) the exact one.
static double key_of(const Best *b, Value cost, double towards) {
  const double exact = 9007199254740992.0;  // integers up to 2^53 are
  double key = ambi_num_to_double(cost);
  if (b->greatest) key = -key;
  bool sure = ambi_is_double(cost) || fabs(key) < exact;
  return sure ? key : nextafter(key, towards);
}

static void lower(LeastKey *k, double key) {
  uint64_t was = ambi_load_relaxed(&k->x_bits);
  double known;
  memcpy(&known, &was, sizeof known);
  while (key < known &&
         !ambi_compare_exchange_relaxed(&k->x_bits, &was, bits_of(key)))
    memcpy(&known, &was, sizeof known);
}

static void forget(LeastKey *k) {
  ambi_store_relaxed(&k->x_bits, bits_of((double)INFINITY));
}

// ---- scopes ---------------------------------------------------------------------

static Best *make(Best *left, bool greatest) {
  Best *b = ambi_alloc(sizeof *b);
  if (!b) return NULL;
  b->left = left;
  b->root = left ? left->root : b;
  b->greatest = greatest;
  if (left) ambi_add_relaxed(&left->x_held, 1);
  ambi_store_relaxed(&b->x_held, 1);
  forget(&b->own);
  forget(&b->least);
  return b;
}

bool ambi_best_begin(Context *cx, bool greatest) {
  Best *b = make(NULL, greatest);
  if (!b) {
    cx->stop = STOP_MEMORY;
    return false;
  }
  b->outer = cx->best;
  cx->best = b;
  return true;
}

void ambi_best_end(Context *cx) {
  Best *b = cx->best;
  cx->best = b->outer;
  ambi_best_give_up(b);
}

void ambi_best_again(Best *b) {
  forget(&b->own);
}

Best *ambi_best_share(Best *b) {
  return make(b, b->greatest);
}

void ambi_best_enter(Context *cx, Best *b) {
  ambi_add_relaxed(&b->x_held, 1);
  cx->best = b;
}

void ambi_best_give_up(Best *b) {
  while (b && ambi_sub(&b->x_held, 1) == 1) {
    Best *left = b->left;
    ambi_free(b, sizeof *b);
    b = left;
  }
}

Best *ambi_best_entered(const Context *cx) {
  Best *b = cx->best;
  while (b && b->outer)
    b = b->outer;
  return b && b->left ? b : NULL;
}

// ---- costs ----------------------------------------------------------------------

Value ambi_best_cost(Value result) {
  result = ambi_deref(result);
  if (!ambi_is_expr(result)) return AMB_NONE;
  Value cost = ambi_deref(ambi_expr_at(result, 0));
  bool fine = ambi_is_number(cost) &&
              !(ambi_is_double(cost) && isnan(ambi_num_to_double(cost)));
  return fine ? cost : AMB_NONE;
}

bool ambi_best_beats(const Best *b, Value cost, Value before) {
  int order = ambi_num_cmp(cost, before);
  return b->greatest ? order > 0 : order < 0;
}

void ambi_best_found(Best *b, Value cost) {
  double key = key_of(b, cost, (double)INFINITY);
  lower(&b->own, key);
  lower(&b->root->least, key);
}

bool ambi_best_may_win(const Best *b, Value cost) {
  double key = key_of(b, cost, (double)-INFINITY);
  double least = key_at(&b->root->least);
  if (key < least) return true;
  if (key > least) return false;
  for (; b; b = b->left)
    if (key >= key_at(&b->own)) return false;
  return true;
}

Value ambi_best_costless(Context *cx, Value result) {
  return ambi_make_error_text(cx, result,
                              "a result with its cost in front is expected");
}
