// Copying terms out of one Context and into another.
#include "runtime/machine/carry.h"

#include "runtime/machine/lend.h"
#include "runtime/runtime.h"

static bool full(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

bool ambi_carry_out_lent(Context *cx, Carried *c, const Value *terms, size_t n,
                         const Lending *lending) {
  const Word *all = (const Word *)(const void *)cx->heap_low;
  ImageCopy copy = ambi_copy_begin(cx->engine, &c->image, all);
  copy.abroad = true;
  copy.lent = lending->lent;
  copy.lends = lending->lends;
  copy.hands_over = lending->lent != NULL;
  size_t words = c->image.n, values = c->values.n;
  bool ok = ambi_copy_lent(&copy);
  for (size_t i = 0; ok && i < n; i++) {
    Value out;
    ok = ambi_copy_all(&copy, terms[i], &out) && ambi_vec_push(&c->values, out);
  }
  ambi_copy_end(&copy);
  ambi_tally_add(ambi_tally(&cx->rt->tally), TALLY_CARRIED,
                 (c->image.n - words) * sizeof(Word));
  if (ok) return true;
  c->image.n = words;
  c->values.n = values;
  return full(cx);
}

bool ambi_carry_out(Context *cx, Carried *c, const Value *terms, size_t n) {
  return ambi_carry_out_lent(cx, c, terms, n, &(Lending){0});
}

bool ambi_carry_in_lent(Context *cx, const Carried *c, const ValueVec *lent,
                        ValueVec *out) {
  Word *at = ambi_image_thaw(cx->engine, &c->image, 0, c->image.n);
  if (!at) return full(cx);
  ambi_lend_found(lent, at, c->image.n);
  for (size_t i = 0; i < c->values.n; i++) {
    Value v = ambi_lend_value(lent, c->values.at[i]);
    if (!ambi_vec_push(out, ambi_image_value(v, at, 0))) return full(cx);
  }
  return true;
}

bool ambi_carry_in(Context *cx, const Carried *c, ValueVec *out) {
  return ambi_carry_in_lent(cx, c, &(ValueVec){0}, out);
}

void ambi_carried_drop(Carried *c) {
  ambi_image_drop(&c->image);
  ambi_vec_drop(&c->values);
}
