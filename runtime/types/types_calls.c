// What checks before calls have found, kept for calls that look the same.
//
// Where names tell all types, those of an argument depend on its shape: on the names in it,
// and on where numbers, texts and variables stand. So a check that has found a function type
// once need not be made again for a call of the same function with arguments of that shape.
// A part whose type is remembered (types_memo.c) counts by that, whatever it is, which
// makes the shapes of long lists short. A check that failed is made again: its Errors
// hold the call itself. Who asks has to know that names do tell.
#include "memory/alloc.h"
#include "runtime/atoms/match.h"
#include "runtime/runtime.h"
#include "runtime/spaces/reads.h"
#include "runtime/types/types_walk.h"

enum { MIN_CALLS = 8, MAX_CALLS = 1024 };

// Words of a key that are neither a name nor a type.
enum KeyWord {
  KEY_NUMBER,
  KEY_BOOL,
  KEY_TEXT,
  KEY_VARIABLE,
  KEY_UNIT,
  KEY_ERRORS,  // nothing is expected of the call but that it is well typed
  KEY_TYPED,   // the type of a part comes next, () for none
  KEY_SIZE     // and those behind it: an expression of so many parts
};

struct CheckedCall {
  uint64_t hash;
  size_t key;       // where it begins among the keys
  uint32_t nwords;  // 0: a free place
  CallType found;
};

// ---- keys ------------------------------------------------------------------------

static bool put(CallKey *k, Word w) {
  if (k->n == AMB_CALL_KEY) return false;
  k->w[k->n++] = w;
  k->hash = ambi_hash_mix(k->hash, w);
  return true;
}

static bool put_kind(CallKey *k, uint32_t kind) {
  return put(k, ambi_small_int(kind).w);
}

// as_type: what is expected is a type, which is what it is and has no shape.
static bool put_leaf(CallKey *k, Value v, bool as_type) {
  if (ambi_is_sym(v) || ambi_is_op(v)) return put(k, v.w);
  if (ambi_is_unit(v)) return put_kind(k, KEY_UNIT);
  if (as_type) return false;
  if (ambi_is_number(v)) return put_kind(k, KEY_NUMBER);
  if (ambi_is_bool(v)) return put_kind(k, KEY_BOOL);
  if (ambi_is_str(v)) return put_kind(k, KEY_TEXT);
  return ambi_is_var(v) && put_kind(k, KEY_VARIABLE);
}

// What is remembered of the expression. *done: that is enough.
static bool put_known(Context *cx, Space *s, CallKey *k, Value e, bool *done) {
  Value type = ambi_is_milestone(e) ? ambi_known_type(cx, s, e) : AMB_NONE;
  *done = !ambi_is_none(type);
  return !*done || (put_kind(k, KEY_TYPED) && put(k, type.w));
}

static bool put_shape(Context *cx, Space *s, CallKey *k, Value v,
                      bool as_type) {
  Value todo[AMB_CALL_KEY];
  uint32_t n = 0;
  todo[n++] = v;
  while (n) {
    v = ambi_deref(todo[--n]);
    bool done = !ambi_is_expr(v);
    if (done ? !put_leaf(k, v, as_type)
             : !as_type && !put_known(cx, s, k, v, &done))
      return false;
    if (done) continue;
    uint32_t size = ambi_expr_size(v);
    if (size > AMB_CALL_KEY - n || !put_kind(k, KEY_SIZE + size)) return false;
    for (uint32_t i = size; i-- > 0;)
      todo[n++] = ambi_expr_at(v, i);
  }
  return true;
}

bool ambi_call_key(Context *cx, Space *s, Value call, Value expected,
                   CallKey *key) {
  key->n = 0;
  key->hash = 0;
  if (cx->journal || !ambi_memo_calls(cx, s, &key->stamp)) return false;
  uint32_t size = ambi_expr_size(call);
  if (!put_kind(key, KEY_SIZE + size)) return false;
  for (uint32_t i = 0; i < size; i++)
    if (!put_shape(cx, s, key, ambi_expr_at(call, i), false)) return false;
  return ambi_is_none(expected) ? put_kind(key, KEY_ERRORS)
                                : put_shape(cx, s, key, expected, true);
}

// ---- what was found ----------------------------------------------------------------

void ambi_calls_clear(Context *cx, CallTypes *m) {
  for (size_t i = 0; m->n && i < m->cap; i++)
    if (m->at[i].nwords)
      ambi_template_release(cx->rt->store, &m->at[i].found.type);
  if (m->n) memset(m->at, 0, m->cap * sizeof *m->at);
  m->n = m->nkeys = 0;
  m->asked = 0;
}

void ambi_calls_close(Context *cx, CallTypes *m) {
  ambi_calls_clear(cx, m);
  ambi_free(m->at, m->cap * sizeof *m->at);
  ambi_free(m->keys, m->keys_cap * sizeof *m->keys);
}

// The entry of the key, or the free place for it.
static CheckedCall *place(const CallTypes *m, const CallKey *k) {
  for (size_t i = k->hash;; i++) {
    CheckedCall *c = &m->at[i & (m->cap - 1)];
    if (!c->nwords ||
        (c->hash == k->hash && c->nwords == k->n &&
         memcmp(m->keys + c->key, k->w, k->n * sizeof *k->w) == 0))
      return c;
  }
}

static bool grow(CallTypes *m) {
  size_t cap = m->cap ? m->cap * 2 : MIN_CALLS, was = m->cap;
  CheckedCall *old = m->at, *at = ambi_alloc(cap * sizeof *at);
  if (!at) return false;
  m->at = at;
  m->cap = cap;
  for (size_t i = 0; i < was; i++) {
    size_t to = old[i].hash;
    if (!old[i].nwords) continue;
    while (at[to & (cap - 1)].nwords)
      to++;
    at[to & (cap - 1)] = old[i];
  }
  ambi_free(old, was * sizeof *old);
  return true;
}

static bool make_room(Context *cx, CallTypes *m, const CallKey *k) {
  if (m->n == MAX_CALLS) ambi_calls_clear(cx, m);
  return (m->n * 2 < m->cap || grow(m)) &&
         ambi_grow((void **)&m->keys, &m->keys_cap, m->nkeys + k->n,
                   sizeof *m->keys);
}

const CallType *ambi_call_known(Context *cx, Space *s, const CallKey *key) {
  uint32_t stamp;
  CallTypes *m = ambi_memo_calls(cx, s, &stamp);
  if (m) m->asked++;
  const CheckedCall *c =
      m && m->n && stamp == key->stamp ? place(m, key) : NULL;
  if (!c || !c->nwords) return NULL;
  ambi_space_asked(s, AMB_SYM(COLON), 3);
  ambi_space_asked(s, AMB_SYM(SUBTYPE), 3);
  ambi_space_asked(s, AMB_SYM(OVERLOAD), 3);
  return &c->found;
}

void ambi_call_note(Context *cx, Space *s, const CallKey *key, Value type,
                    bool open) {
  uint32_t stamp;
  CallTypes *m = ambi_memo_calls(cx, s, &stamp);
  if (!m || !ambi_calls_are_many(m) || stamp != key->stamp ||
      !make_room(cx, m, key))
    return;
  CheckedCall *c = place(m, key);
  CallType found = {.open = open};
  if (c->nwords || !ambi_template_make(cx->rt->store, type, &found.type))
    return;
  *c = (CheckedCall){key->hash, m->nkeys, key->n, found};
  memcpy(m->keys + m->nkeys, key->w, key->n * sizeof *key->w);
  m->nkeys += key->n;
  m->n++;
}
