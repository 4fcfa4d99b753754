// Unification and equality of terms, and instances of stored ones.
#include "bench/micro/machine.h"
#include "runtime/atoms/match.h"

typedef struct Pair {
  Value a, b;
  Template t;
  bool expected;
} Pair;

// (node (node ... leaf) leaf) so many levels deep, with `leaf` at the bottom.
static Value deep(unsigned levels, Value leaf) {
  Value v = leaf, node = sym("node"), other = sym("other");
  for (unsigned i = 0; i < levels; i++)
    v = AMB_EXPR(cx, node, v, other);
  micro_must(!ambi_is_none(v), "no memory");
  return v;
}

static Value wide(unsigned n, Value last) {
  Value items[64];
  micro_must(n <= 64, "too wide");
  for (unsigned i = 0; i < n; i++)
    items[i] = i ? ambi_small_int(i) : sym("row");
  items[n - 1] = last;
  Value v = ambi_make_expr(cx, items, n);
  micro_must(!ambi_is_none(v), "no memory");
  return v;
}

static uint64_t unify(void *arg, uint64_t n) {
  const Pair *p = arg;
  cx->hb = cx->h;  // every binding is noted, so that it can be undone
  for (uint64_t i = 0; i < n; i++) {
    micro_must(ambi_unify(cx, p->a, p->b) == p->expected, "wrong unification");
    ambi_trail_undo(cx, 0);
  }
  return n;
}

static uint64_t equal(void *arg, uint64_t n) {
  const Pair *p = arg;
  for (uint64_t i = 0; i < n; i++)
    micro_must(ambi_equal(p->a, p->b) == p->expected, "wrong equality");
  return n;
}

static uint64_t template(void *arg, uint64_t n) {
  Pair *p = arg;
  Value env[8];
  Word *h = cx->h;
  cx->hb = cx->h;
  for (uint64_t i = 0; i < n; i++) {
    for (int k = 0; k < 8; k++)
      env[k] = AMB_NONE;
    micro_must(ambi_unify_template(cx, p->a, p->t.atom, &p->t, env) ==
                   p->expected,
               "wrong match");
    ambi_trail_undo(cx, 0);
    cx->h = h;
  }
  return n;
}

static uint64_t instance(void *arg, uint64_t n) {
  Pair *p = arg;
  Value env[8];
  Word *h = cx->h;
  for (uint64_t i = 0; i < n; i++) {
    for (int k = 0; k < 8; k++)
      env[k] = AMB_NONE;
    micro_must(!ambi_is_none(ambi_instantiate(cx, &p->t, env, false)),
               "no memory");
    cx->h = h;
  }
  return n;
}

static void terms(void) {
  Value leaf = sym("leaf"), other = sym("twig");
  Pair flat = {.a = wide(6, leaf), .b = wide(6, var("x")), .expected = true};
  Pair differ = {.a = wide(6, leaf), .b = wide(6, other), .expected = false};
  Pair far = {.a = deep(32, leaf), .b = deep(32, var("y")), .expected = true};
  Pair same = {.a = deep(32, leaf), .b = deep(32, leaf), .expected = true};
  Pair broad = {.a = wide(64, leaf), .b = wide(64, leaf), .expected = true};
  micro_case("unify", "six children, one a variable", unify, &flat, 1);
  micro_case("unify", "six children, the last differs", unify, &differ, 1);
  micro_case("unify", "32 levels, a variable below; a level", unify, &far, 32);
  micro_case("equal", "32 levels; a level", equal, &same, 32);
  micro_case("equal", "64 children; a child", equal, &broad, 64);
}

static void templates(void) {
  Value x = var("x"), y = var("y");
  Value pattern = AMB_EXPR(cx, sym("edge"), x, AMB_EXPR(cx, sym("to"), y, x));
  Value leaf = sym("leaf");
  Pair p = {.a = AMB_EXPR(cx, sym("edge"), leaf,
                          AMB_EXPR(cx, sym("to"), sym("twig"), leaf)),
            .expected = true};
  micro_must(!ambi_is_none(p.a) && ambi_template_make(rt->store, pattern, &p.t),
             "no memory");
  micro_case("template", "unified with a term of six symbols", template, &p, 1);
  micro_case("template", "a new instance, two variables", instance, &p, 1);
  ambi_template_release(rt->store, &p.t);
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  open_machine();
  terms();
  templates();
  close_machine();
  return 0;
}
