// Hashes of terms, symbols found by their text, facts found by their key.
#include "bench/micro/machine.h"
#include "runtime/atoms/match.h"
#include "runtime/spaces/index.h"

enum { KEYS = 100000 };

static uint64_t hash(void *arg, uint64_t n) {
  const Value *v = arg;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++)
    sum += ambi_hash(*v);
  return sum;
}

static uint64_t intern(void *arg, uint64_t n) {
  SymbolTable *t = arg;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    char text[16];
    uint32_t id;
    int len = snprintf(text, sizeof text, "name%u", (unsigned)(i % 1000));
    micro_must(ambi_symbol_intern(t, text, (size_t)len, &id), "no symbol");
    sum += id;
  }
  return sum;
}

static uint64_t key_of(uint64_t i) {
  uint64_t key = 0;
  micro_must(ambi_key_value(ambi_small_int((int64_t)(i * 7919 % KEYS)), &key) ==
                 KEY_VALUE,
             "no key");
  return key;
}

// Records whose second child is a key.
static Record records[KEYS];

static void make_records(void) {
  for (uint64_t i = 0; i < KEYS; i++) {
    Template made;
    Value v =
        AMB_EXPR(cx, sym("leaf"), ambi_small_int((int64_t)(i * 7919 % KEYS)));
    micro_must(ambi_template_make(rt->store, v, &made) &&
                   ambi_record_make(rt->store, &made, &records[i]),
               "no memory");
  }
}

static uint64_t find(void *arg, uint64_t n) {
  Index *x = arg;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++) {
    Hits hits = ambi_index_find(x, key_of(i), records);
    micro_must(hits.n, "a key is missing");
    sum += ambi_hit(&hits, 0);
  }
  return sum;
}

static uint64_t add(void *arg, uint64_t n) {
  (void)arg;
  for (uint64_t i = 0; i < n; i++) {
    Index x;
    ambi_index_open(&x, ambi_path(1));
    micro_must(ambi_index_catch_up(&x, NULL, records, KEYS), "no memory");
    ambi_index_close(&x);
  }
  return n;
}

static Value nested(int64_t levels) {
  Value v = sym("leaf"), node = sym("node");
  for (int64_t i = 0; i < levels; i++)
    v = AMB_EXPR(cx, node, ambi_small_int(i), v);
  micro_must(!ambi_is_none(v), "no memory");
  return v;
}

int main(int argc, char **argv) {
  micro_begin(argc, argv);
  open_machine();
  Value atom = sym("leaf"), term = nested(1), tower = nested(32);
  micro_case("hash", "a symbol", hash, &atom, 1);
  micro_case("hash", "an expression of three", hash, &term, 1);
  micro_case("hash", "32 levels; a level", hash, &tower, 32);
  micro_case("symbol", "made from its text, known before", intern, rt->symbols,
             1);
  make_records();
  Index x;
  ambi_index_open(&x, ambi_path(1));
  micro_must(ambi_index_catch_up(&x, NULL, records, KEYS), "no memory");
  micro_case("index", "found among 100000 keys", find, &x, 1);
  micro_case("index", "added at once, 100000 keys; a key", add, NULL, KEYS);
  ambi_index_close(&x);
  close_machine();
  return 0;
}
