// Copying terms out of one Context and into another.
#include "runtime/machine/carry.h"

#include "runtime/runtime.h"

static bool full(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

bool ambi_carry_out_since(Context *cx, Carried *c, const Value *terms, size_t n,
                          const Word *since) {
  const Word *all = (const Word *)(const void *)cx->heap_low;
  ImageCopy copy = ambi_copy_begin(cx->engine, &c->image, all);
  copy.abroad = true;
  copy.since = since;
  size_t words = c->image.n, values = c->values.n;
  bool ok = true;
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
  return ambi_carry_out_since(cx, c, terms, n, NULL);
}

bool ambi_carry_in(Context *cx, const Carried *c, ValueVec *out) {
  const Word *at = ambi_image_thaw(cx->engine, &c->image, 0, c->image.n);
  if (!at) return full(cx);
  for (size_t i = 0; i < c->values.n; i++)
    if (!ambi_vec_push(out, ambi_image_value(c->values.at[i], at, 0)))
      return full(cx);
  return true;
}

void ambi_carried_drop(Carried *c) {
  ambi_image_drop(&c->image);
  ambi_vec_drop(&c->values);
}
