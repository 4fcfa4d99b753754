// Every kind of memory: the heap of a context, an arena, the door to malloc.
#include "memory/alloc.h"
#include "bench/micro/machine.h"
#include "memory/arena.h"

static uint64_t heap(void *arg, uint64_t n) {
  const size_t *words = arg;
  Word *h = cx->h;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    Word *p = ambi_heap_alloc(cx, *words);
    micro_must(p, "no memory");
    *p = i;
    sum += (uintptr_t)p;
    if (i % 1024 == 1023) cx->h = h;
  }
  cx->h = h;
  return sum;
}

static uint64_t expression(void *arg, uint64_t n) {
  const Value *head = arg;
  Word *h = cx->h;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    Value v = AMB_EXPR(cx, *head, ambi_small_int((int64_t)(i & 1023)), *head);
    micro_must(!ambi_is_none(v), "no memory");
    sum += v.w;
    if (i % 1024 == 1023) cx->h = h;
  }
  cx->h = h;
  return sum;
}

static uint64_t cons(void *arg, uint64_t n) {
  const Value *head = arg;
  Word *h = cx->h;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    Value list = AMB_UNIT;
    for (int k = 0; k < 100; k++)
      list = ambi_make_cons(cx, *head, list);
    micro_must(!ambi_is_none(list), "no memory");
    sum += list.w;
    cx->h = h;
  }
  return sum;
}

static uint64_t arena(void *arg, uint64_t n) {
  const size_t *size = arg;
  uint64_t sum = 0;
  Arena a;
  ambi_arena_open(&a);
  for (uint64_t i = 0; i < n; i++) {
    void *p = ambi_arena_alloc(&a, *size);
    micro_must(p, "no memory");
    sum += (uintptr_t)p;
    if (i % 4096 == 4095) ambi_arena_close(&a);
  }
  ambi_arena_close(&a);
  return sum;
}

static uint64_t door(void *arg, uint64_t n) {
  const size_t *size = arg;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    void *p = ambi_alloc(*size);
    micro_must(p, "no memory");
    sum += (uintptr_t)p;
    ambi_free(p, *size);
  }
  return sum;
}

static uint64_t stored(void *arg, uint64_t n) {
  const Value *v = arg;
  for (uint64_t i = 0; i < n; i++) {
    Template t;
    micro_must(ambi_template_make(rt->store, *v, &t), "no memory");
    ambi_template_discard(rt->store, &t);
  }
  return n;
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  open_machine();
  size_t words = 4, small = 48, large = 4096;
  Value head = sym("fact"), fact = AMB_EXPR(cx, head, head, ambi_small_int(7));
  micro_case("heap", "four words", heap, &words, 1);
  micro_case("heap", "an expression of three", expression, &head, 1);
  micro_case("heap", "100 atoms put in front of a list; an atom", cons, &head,
             100);
  micro_case("arena", "48 bytes", arena, &small, 1);
  micro_case("malloc", "48 bytes, and back", door, &small, 1);
  micro_case("malloc", "4096 bytes, and back", door, &large, 1);
  micro_case("store", "an expression of three, and back", stored, &fact, 1);
  close_machine();
  return 0;
}
