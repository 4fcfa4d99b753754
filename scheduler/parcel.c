// Packing a term into a message's block, and unpacking it on another heap.
#include "scheduler/parcel.h"

#include "memory/alloc.h"
#include "runtime/atoms/store.h"

enum { MOST_WORDS = 1 << 28, FEW_VARS = 16 };

static Message *packed(const Flat *f) {
  size_t nvars = f->vars.n;
  Message *m = ambi_message_new(f->n, nvars);
  if (!m) return NULL;
  memcpy(m->words, f->w, f->n * sizeof(Word));
  for (size_t i = 0; i < nvars; i++)
    m->words[f->n + i] = ambi_ptr(f->vars.at[i])[1];
  return m;
}

// Nobody tells when the last message that refers to a cell is gone.
static void stay(void *arg, CellHeader *c) {
  (void)arg;
  ambi_cell_stay(c);
}

enum Packed ambi_parcel_pack(Context *cx, Flat *room, Value v, Message **out) {
  *out = NULL;
  v = ambi_deref(v);
  if (!ambi_flat_settle(cx, &v, false) || !ambi_flat_begin(room, 1, MOST_WORDS))
    return PACK_OUTAGE;
  bool ok = ambi_flat_put(cx, room, 0, v);
  if (ok) ambi_words_see_cells(room->w, room->w + room->n, stay, NULL);
  if (ok) *out = packed(room);
  ambi_flat_end(room);
  if (*out) return PACKED;
  return room->odd ? PACK_ODD : PACK_OUTAGE;
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
