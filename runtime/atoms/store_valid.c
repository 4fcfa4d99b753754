// A walk over the store's chunks, and one over a stored term.
#include "runtime/atoms/store_data.h"

#include "runtime/atoms/work.h"

// ---- chunks -------------------------------------------------------------------

static bool in_list(const StoreChunk *list, const StoreChunk *c) {
  for (; list; list = list->next_doomed)
    if (list == c) return true;
  return false;
}

static bool chunk_is_valid(const Store *s, const StoreChunk *c,
                           const char **why) {
  size_t live = ambi_chunk_live(c);
  if (live > CHUNK_BYTES && c->segment)
    return ambi_invalid(why, "a chunk has more terms than room");
  if (c->doomed != in_list(s->doomed, c))
    return ambi_invalid(why, "a doomed chunk is not among those to be freed");
  if (c->doomed && live)
    return ambi_invalid(why, "a chunk with live terms is to be freed");
  if (!live && !c->doomed && !ambi_store_is_current(s, c))
    return ambi_invalid(why, "a chunk without live terms is kept");
  return true;
}

static bool segment_is_valid(const Store *s, const Segment *g,
                             const char **why) {
  if ((uintptr_t)g->base % CHUNK_BYTES || g->free > ambi_chunk_bits(g->nchunks))
    return ambi_invalid(why, "a segment's chunks are not aligned");
  for (size_t i = 0; i < g->nchunks; i++) {
    if (g->free >> i & 1) continue;
    const StoreChunk *c =
        (const StoreChunk *)(const void *)(g->base + i * CHUNK_BYTES);
    if (c->segment != g)
      return ambi_invalid(why, "a chunk does not know its segment");
    if (!chunk_is_valid(s, c, why)) return false;
  }
  return true;
}

static bool room_is_valid(const Store *s, const char **why) {
  const Desk *d = &s->desks[0];
  const char *c = (const char *)d->current, *next = (const char *)d->next;
  if (!c) return !d->next || ambi_invalid(why, "room without a chunk");
  const Segment *g = s->segments;
  while (g && g != d->current->segment)
    g = g->next;
  if (!g) return ambi_invalid(why, "the chunk in use is in no segment");
  return (next >= c + sizeof(StoreChunk) && d->next <= d->end &&
          (const char *)d->end == c + CHUNK_BYTES) ||
         ambi_invalid(why, "the room is not in the chunk in use");
}

static bool map_is_valid(const Store *s, const StoreMap *map,
                         const char **why) {
  size_t live = 0;
  for (size_t i = 0; i < map->n;) {
    const StoreChunk *c =
        (const StoreChunk *)(const void *)(map->file.base + i * CHUNK_BYTES);
    if (c->bytes == 0 || c->bytes % CHUNK_BYTES)
      return ambi_invalid(why, "a mapped chunk of no possible size");
    if (c->map && c->map != map)
      return ambi_invalid(why, "a mapped chunk does not know its file");
    if (c->map && !chunk_is_valid(s, c, why)) return false;
    live += c->map != NULL;
    i += c->bytes / CHUNK_BYTES;
  }
  return live == map->nchunks ||
         ambi_invalid(why, "the chunks of a mapped file are miscounted");
}

bool ambi_store_is_valid(const Store *s, const char **why) {
  size_t bytes = 0;
  for (const StoreMap *map = s->maps; map; map = map->next) {
    bytes += map->file.bytes;
    if (!map_is_valid(s, map, why)) return false;
  }
  for (const Segment *g = s->segments; g; g = g->next) {
    bytes += ambi_segment_bytes(g);
    if (!segment_is_valid(s, g, why)) return false;
  }
  for (size_t i = 0; i < s->nlarge; i++) {
    const StoreChunk *c = s->large[i];
    if (!c->map) bytes += c->bytes;
    if (i && s->large[i - 1] >= c)
      return ambi_invalid(why, "large chunks are out of order");
    if (c->segment || (uintptr_t)c % CHUNK_BYTES)
      return ambi_invalid(why, "a large chunk is part of a segment");
    if (!chunk_is_valid(s, c, why)) return false;
  }
  if (bytes != ambi_store_bytes(s))
    return ambi_invalid(why, "the store's bytes are miscounted");
  return room_is_valid(s, why);
}

// ---- a term -------------------------------------------------------------------

typedef struct TermWalk {
  const Store *store;
  const Template *t;
  const StoreChunk *chunk;
  Work todo;  // Values whose children are to be looked at
  const char **why;
} TermWalk;

static bool object_is_valid(TermWalk *w, Value v) {
  const StoreChunk *at = ambi_store_chunk_of(w->store, ambi_ptr(v));
  if (at != w->chunk && !(at->lasting && w->chunk->lasting))
    return ambi_invalid(w->why, "a stored term points out of its chunk");
  Word h = *ambi_ptr(v);
  if (h >> 48 != TAG_HDR)
    return ambi_invalid(w->why, "a stored term points to no object");
  enum ObjKind kind = ambi_hdr_kind(h), want = KIND_FLAT;
  if (ambi_is_big(v)) want = KIND_BIG;
  if (ambi_is_obj(v)) want = kind == KIND_BIND ? KIND_BIND : KIND_STR;
  if (kind != want)
    return ambi_invalid(w->why, "a stored object is of the wrong kind");
  if (!ambi_is_expr(v)) return true;
  bool ground = ambi_hdr_flags(h) & FLAG_GROUND;
  return ground == ambi_is_ground_expr(v) ||
         ambi_invalid(w->why, "a ground mark differs from its object's");
}

static bool word_is_valid(TermWalk *w, Value v) {
  switch (ambi_tag(v)) {
  case TAG_INT:
  case TAG_SYM:
  case TAG_CELL:
  case TAG_IMM:
  case TAG_OP: return true;
  case TAG_LVAR:
    return ambi_lvar_of(v) < w->t->nvars ||
           ambi_invalid(w->why, "a stored variable has no name");
  case TAG_BIG: return object_is_valid(w, v);
  case TAG_EXPR:
  case TAG_OBJ: {
    if (!object_is_valid(w, v)) return false;
    if (ambi_is_obj(v) && !ambi_is_bindings(v)) return true;
    Value *later = ambi_work_push(&w->todo, sizeof *later);
    if (later) *later = v;
    return true;
  }
  default:
    return ambi_is_double(v) ||
           ambi_invalid(w->why, "a stored term holds a word of a heap");
  }
}

static bool children_are_valid(TermWalk *w, Value v) {
  const Word *p = ambi_ptr(v);
  bool ground = true;
  for (uint32_t i = 0; i < ambi_hdr_size(*p); i++) {
    Value child = AMB_V(p[1 + i]);
    if (!word_is_valid(w, child)) return false;
    ground = ground && ambi_word_ground(child);
  }
  return ground == ((ambi_hdr_flags(*p) & FLAG_GROUND) != 0) ||
         ambi_invalid(w->why, "a ground mark is not that of the children");
}

bool ambi_template_is_valid(const Store *s, const Template *t,
                            const char **why) {
  const Word *block = ambi_template_block(t);
  TermWalk w = {.store = s, .t = t, .why = why};
  w.chunk = block ? ambi_store_chunk_of(s, block) : NULL;
  for (uint32_t i = 0; i < t->nvars; i++)
    if (t->vinfo[i] >> 48 != TAG_VINFO)
      return ambi_invalid(why, "a stored variable's name is none");
  ambi_work_open(&w.todo);
  bool ok = word_is_valid(&w, t->atom);
  while (ok && w.todo.used) {
    Value v = *(Value *)ambi_work_top(&w.todo, sizeof v);
    w.todo.used -= sizeof v;
    ok = children_are_valid(&w, v);
  }
  ambi_work_close(&w.todo);
  return ok;
}
