// Facts in a space: added, found by one argument, and what they take.
//
// The facts are (edge I J), with every I once. Hot: a hundred facts are asked for again
// and again; cold: all in an order that no cache can guess.
#include "bench/micro/machine.h"
#include "memory/alloc.h"
#include "runtime/spaces/share.h"

static uint64_t facts = 1000000;

typedef struct Edges {
  Space *space;
  Value edge, x;
  uint64_t every;  // key asked for next is so much further on
  RecordVec found;
} Edges;

static Value fact(const Edges *f, uint64_t i) {
  return AMB_EXPR(cx, f->edge, ambi_small_int((int64_t)i),
                  ambi_small_int((int64_t)(2 * i)));
}

static uint64_t ask(Edges *f, uint64_t key) {
  Value items[] = {f->edge, ambi_small_int((int64_t)key), AMB_NONE};
  Record found;
  FlatAsk a = ambi_flat_ask(items, 3);
  if (ambi_space_fact(cx, f->space, &a, &found) == FACT_ONE)
    return ambi_expr_at(found.held, 2).w;
  f->found.n = 0;
  micro_must(ambi_space_query_items(cx, f->space, items, 3, &f->found) &&
                 f->found.n == 1,
             "a fact is missing");
  return ambi_expr_at(ambi_record_atom(f->found.at[0]), 2).w;
}

static uint64_t match(void *arg, uint64_t n) {
  Edges *f = arg;
  uint64_t sum = 0, most = f->every == 1 ? 100 : facts, key = 0;
  for (uint64_t i = 0; i < n; i++) {
    sum += ask(f, key);
    key = (key + f->every) % most;
  }
  return sum;
}

static void fill(Edges *f) {
  f->space = ambi_space_open(rt, NULL, false);
  Word *top = cx->h;
  for (uint64_t i = 0; i < facts; i++, cx->h = top)
    micro_must(ambi_space_add(f->space, fact(f, i)), "no memory");
}

static void empty(Edges *f) {
  rt->cells = rt->cells->next;  // the space is the newest cell
  ambi_space_free(f->space);
  ambi_store_quiesce(rt->store);
}

static uint64_t add_bulk(void *arg, uint64_t n) {
  Edges *f = arg;
  for (uint64_t i = 0; i < n; i++) {
    fill(f);
    ask(f, 7);
    empty(f);
  }
  return n;
}

// Made first, some at a time, and added together, as what reads files does.
static void fill_at_once(Edges *f) {
  enum { SOME = 1000 };
  Value made[SOME];
  f->space = ambi_space_open(rt, NULL, false);
  Word *top = cx->h;
  for (uint64_t k = 0; k < facts; k++, cx->h = top) {
    Template t;
    micro_must(ambi_template_make(rt->store, fact(f, k), &t), "no memory");
    made[k % SOME] = t.atom;
    if (k % SOME == SOME - 1)
      micro_must(ambi_space_append(f->space, made, SOME) == SOME, "no memory");
  }
}

// Without giving them back.
static void time_at_once(Edges *f) {
  double took[MICRO_ROUNDS];
  int rounds = micro_quick ? 1 : MICRO_ROUNDS;
  for (int i = 0; i < rounds; i++) {
    double start = micro_now();
    fill_at_once(f);
    micro_sink += ask(f, 7);
    took[i] = micro_now() - start;
    empty(f);
  }
  qsort(took, (size_t)rounds, sizeof *took, micro_order);
  micro_line("facts", "10^6 added at once, indexed; a fact",
             took[rounds / 2] / (double)facts);
}

// Each is asked for right behind being added.
static uint64_t add_asking(void *arg, uint64_t n) {
  Edges *f = arg;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    f->space = ambi_space_open(rt, NULL, false);
    Word *top = cx->h;
    for (uint64_t k = 0; k < facts; k++, cx->h = top) {
      micro_must(ambi_space_add(f->space, fact(f, k)), "no memory");
      sum += ask(f, k);
    }
    empty(f);
  }
  return sum;
}

static uint64_t go_inside(void *arg, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    ambi_epoch_enter(&rt->sharing->epochs, arg);
    ambi_epoch_leave(arg);
  }
  return n;
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  if (argc > 1) facts = 1000;
  open_machine();
  Edges f = {.edge = sym("edge"), .every = 1};
  micro_case("facts", "10^6 added, indexed, given back; a fact", add_bulk, &f,
             facts);
  time_at_once(&f);
  micro_case("facts", "10^6 added, each found at once; a fact", add_asking, &f,
             facts);
  size_t before = ambi_alloc_bytes();
  fill(&f);
  ask(&f, 7);
  if (argc == 1)
    printf("%-10s %-44s %10.2f bytes\n", "facts",
           "kept, with one index; a fact",
           (double)(ambi_alloc_bytes() - before) / (double)facts);
  micro_case("facts", "one of 100 found among 10^6", match, &f, 1);
  f.every = 618033;
  micro_case("facts", "one of all found among 10^6", match, &f, 1);
  f.every = 1;
  Participant me;
  micro_must(ambi_spaces_share(rt), "no memory");
  ambi_epoch_join(&rt->sharing->epochs, &me);
  ambi_epoch_enter(&rt->sharing->epochs, &me);
  micro_case("facts", "one of 100 found among 10^6, shared", match, &f, 1);
  ambi_epoch_leave(&me);
  micro_case("facts", "a look inside begun and ended", go_inside, &me, 1);
  ambi_epoch_part(&rt->sharing->epochs, &me);
  ambi_records_drop(&f.found);
  close_machine();
  return 0;
}
