// Packing a term into a message's block, and unpacking it on another heap.
#include "scheduler/parcel.h"

#include "memory/alloc.h"
#include "memory/stress.h"
#include "runtime/atoms/store.h"

enum { MOST_WORDS = 1 << 28, FEW_VARS = 16 };

// ---- messages that are used again -------------------------------------------------

typedef AMB_ATOMIC(Message *) Place;  // [all]

static Place *empty_place(Depot *d, size_t n) {
  for (int i = 0; d && i < DEPOT_PLACES; i++)
    if (!ambi_load_relaxed(&d->x_places[n][i])) return &d->x_places[n][i];
  return NULL;
}

static Message *take_batch(Depot *d, size_t n) {
  Message *batch = NULL;
  for (int i = 0; d && i < DEPOT_PLACES && !batch; i++)
    if (ambi_load_relaxed(&d->x_places[n][i]))
      batch = ambi_exchange(&d->x_places[n][i], NULL);
  return batch;
}

void ambi_depot_drop(Depot *d) {
  for (size_t n = 0; n <= PARCEL_FEW; n++)
    for (Message *batch; (batch = take_batch(d, n));)
      ambi_messages_free(batch);
}

// The newest of a room that is full go to the depot. False: that is full, too.
static bool make_room(PackRoom *room, size_t n) {
  Place *place = empty_place(room->depot, n);
  if (!place) return false;
  Message *first = room->spare[n], *last = first, *none = NULL;
  for (int i = 1; i < DEPOT_BATCH; i++)
    last = last->next;
  Message *rest = last->next;
  last->next = NULL;
  if (!ambi_compare_exchange(place, &none, first)) {
    last->next = rest;
    return false;
  }
  room->spare[n] = rest;
  room->nspare[n] -= DEPOT_BATCH;
  return true;
}

void ambi_pack_room_take_back(PackRoom *room, Message *m) {
  if (!m) return;
  size_t n = (size_t)m->nwords + m->nvars;
  if (n > PARCEL_FEW || ambi_stress(STRESS_MINIMAL) ||
      (room->nspare[n] == PARCEL_SPARE && !make_room(room, n))) {
    ambi_message_free(m);
    return;
  }
  m->next = room->spare[n];
  room->spare[n] = m;
  room->nspare[n]++;
}

static bool fetch_batch(PackRoom *room, size_t n) {
  room->spare[n] = take_batch(room->depot, n);
  if (room->spare[n]) room->nspare[n] = DEPOT_BATCH;
  return room->spare[n] != NULL;
}

Message *ambi_pack_room_message(PackRoom *room, size_t nwords, size_t nvars) {
  size_t n = nwords + nvars;
  if (n > PARCEL_FEW || (!room->spare[n] && !fetch_batch(room, n)))
    return ambi_message_new(nwords, nvars);
  Message *m = room->spare[n];
  room->spare[n] = m->next;
  __builtin_prefetch(m->next, 1);  // it may lie in another processor's cache
  room->nspare[n]--;
  const Message **turn = &room->recent[room->turn++ % PARCEL_AHEAD];
  *m = (Message){.nwords = (uint32_t)nwords,
                 .nvars = (uint32_t)nvars,
                 .about = (uintptr_t)*turn};
  *turn = m;
  return m;
}

void ambi_pack_room_drop(PackRoom *room) {
  for (size_t n = 0; n <= PARCEL_FEW; n++)
    ambi_messages_free(room->spare[n]);
  ambi_flat_drop(&room->row);
  *room = (PackRoom){0};
}

// ---- packing ----------------------------------------------------------------------

static Message *packed(PackRoom *room) {
  const Flat *f = &room->row;
  size_t nvars = f->vars.n;
  Message *m = ambi_pack_room_message(room, f->n, nvars);
  if (!m) return NULL;
  memcpy(m->words, f->w, f->n * sizeof(Word));
  for (size_t i = 0; i < nvars; i++)
    m->words[f->n + i] = ambi_ptr(f->vars.at[i])[1];
  return m;
}

// Nobody tells when the last message that refers to a cell is gone.
static void stay(void *arg, CellHeader *c) {
  (void)arg;
  if (!ambi_load_relaxed(&c->x_stays)) ambi_cell_stay(c);
}

// Of a term of few words, without variables and strings, the row at once; what is copied is
// gone through behind it. 0: it is another one.
static size_t put_few(Value v, Word w[PARCEL_FEW]) {
  size_t n = 1;
  w[0] = v.w;
  for (size_t i = 0; i < n; i++) {
    if (w[i] >> 48 == TAG_HDR) continue;
    v = ambi_deref(AMB_V(w[i]));
    w[i] = v.w;
    if (ambi_is_var(v) || ambi_is_obj(v) || ambi_is_big(v)) return 0;
    if (ambi_is_cell(v)) stay(NULL, ambi_cell(v));
    if (!ambi_is_expr(v)) continue;
    uint32_t size = ambi_expr_size(v);
    if (!ambi_is_ground_expr(v) || size >= PARCEL_FEW - n) return 0;
    w[i] = AMB_TAGGED(TAG_EXPR, n * sizeof(Word)) |
           (v.w & (AMB_EXPR_EVAL | AMB_EXPR_GROUND));
    w[n] = ambi_header(KIND_FLAT, FLAG_GROUND, size);
    memcpy(w + n + 1, ambi_expr_items(v), size * sizeof *w);
    n += 1 + (size_t)size;
  }
  return n;
}

static enum Packed pack_any(Context *cx, PackRoom *room, Value v,
                            Message **out) {
  Flat *f = &room->row;
  if (!ambi_flat_settle(cx, &v, false) || !ambi_flat_begin(f, 1, MOST_WORDS))
    return PACK_OUTAGE;
  bool ok = ambi_flat_put(cx, f, 0, v);
  if (ok) ambi_words_see_cells(f->w, f->w + f->n, stay, NULL);
  if (ok) *out = packed(room);
  ambi_flat_end(f);
  if (*out) return PACKED;
  return f->odd ? PACK_ODD : PACK_OUTAGE;
}

enum Packed ambi_parcel_pack(Context *cx, PackRoom *room, Value v,
                             Message **out) {
  Word few[PARCEL_FEW];
  v = ambi_deref(v);
  *out = NULL;
  size_t n = put_few(v, few);
  if (n == 0) return pack_any(cx, room, v, out);
  *out = ambi_pack_room_message(room, n, 0);
  if (!*out) return PACK_OUTAGE;
  memcpy((*out)->words, few, n * sizeof *few);
  return PACKED;
}

static bool make_variables(Context *cx, const Message *m, Value *env) {
  for (uint32_t i = 0; i < m->nvars; i++) {
    uint32_t name = ambi_vinfo_name(m->words[m->nwords + i]);
    env[i] = ambi_make_var(cx, name, AMB_VAR_FRESH);
    if (ambi_is_none(env[i])) return false;
  }
  return true;
}

Value ambi_parcel_unpack(Context *cx, const Message *m) {
  Value few[FEW_VARS], *env = few, out = AMB_NONE;
  size_t bytes = m->nvars * sizeof *env;
  if (m->nvars > FEW_VARS && !(env = ambi_alloc(bytes))) return AMB_NONE;
  if (!make_variables(cx, m, env) ||
      !ambi_flat_thaw(cx, m->words, 1, m->nwords, env, &out))
    out = AMB_NONE;
  if (env != few) ambi_free(env, bytes);
  return out;
}

Message *ambi_parcel_copy(const Message *m) {
  Message *copy = ambi_message_new(m->nwords, m->nvars);
  if (copy)
    memcpy(copy->words, m->words, (m->nwords + m->nvars) * sizeof(Word));
  return copy;
}
