// Which cells the terms of the store refer to.
//
// A cell (a state, a space) is counted once for each place of each term that has not been
// given up; the term's note tells which cells those are. What is given up may still be
// seen from a heap, so its note waits until nobody can: until the heap is empty, or a
// collector that watched the note's chunk has met no pointer into it. A term that is
// nothing but a cell has no note, and no room in the store that anybody could see.
//
// Cells whose count has come to 0 are listed, for who frees them (runtime/cells.c).
#include "memory/alloc.h"
#include "runtime/atoms/store_data.h"

// ---- counting ---------------------------------------------------------------------
static void use(CellHeader *c) {
  ambi_add_relaxed(&c->x_uses, 1);
}

// Under the lock, together.
static void leave(Store *s, CellHeader *c) {
  if (s->uncounted) return;
  if (ambi_add_release(&c->x_uses, -1u) != 1 || c->listed) return;
  c->listed = true;
  c->link = s->unused;
  s->unused = c;
}

void ambi_store_use_cell(CellHeader *c) {
  use(c);
}

void ambi_store_leave_cell(Store *s, CellHeader *c) {
  ambi_store_hold(s);
  leave(s, c);
  ambi_store_let_go(s);
}

void ambi_store_stop_counting(Store *s) {
  s->uncounted = true;
}

bool ambi_store_ends(const Store *s) {
  return s->uncounted;
}

CellHeader *ambi_store_unused(Store *s) {
  CellHeader *c = s->unused;
  if (!c) return NULL;
  s->unused = c->link;
  c->listed = false;
  return c;
}

// ---- notes ------------------------------------------------------------------------
static size_t note_size(const CellNote *n) {
  return sizeof *n + n->n * sizeof *n->cell;
}

static CellNote **slot_of(const Store *s, const Word *block) {
  uint64_t h = (uint64_t)(uintptr_t)block * 0x9E3779B97F4A7C15u;
  CellNote **at = &s->notes[h >> 40 & (s->notes_cap - 1)];
  while (*at && (*at)->block != block)
    at = &(*at)->next;
  return at;
}

// False: memory is out.
static bool grow_notes(Store *s) {
  if (s->nnotes < s->notes_cap) return true;
  size_t was = s->notes_cap, cap = was ? was * 2 : 64;
  CellNote **old = s->notes, **notes = ambi_alloc(cap * sizeof *notes);
  if (!notes) return was > 0;
  s->notes = notes;
  s->notes_cap = cap;
  for (size_t i = 0; i < was; i++)
    for (CellNote *n = old[i], *next; n; n = next) {
      next = n->next;
      CellNote **at = slot_of(s, n->block);
      n->next = *at;
      *at = n;
    }
  ambi_free(old, was * sizeof *old);
  return true;
}

void ambi_words_see_cells(const Word *w, const Word *end, SeeCell *see,
                          void *arg) {
  while (w < end) {
    enum ObjKind kind = *w >> 48 == TAG_HDR ? ambi_hdr_kind(*w) : KIND_FLAT;
    if (kind == KIND_STR || kind == KIND_BIG) {
      w += ambi_object_words(*w);
      continue;
    }
    Value v = AMB_V(*w++);
    if (ambi_is_cell(v)) see(arg, ambi_cell(v));
  }
}

static void count_one(void *arg, CellHeader *c) {
  (void)c;
  ++*(uint32_t *)arg;
}

static void note_one(void *arg, CellHeader *c) {
  CellNote *note = arg;
  note->cell[note->n++] = c;
}

bool ambi_store_note_cells(Store *s, const Word *block, const Word *from,
                           const Word *end) {
  uint32_t n = 0;
  ambi_words_see_cells(from, end, count_one, &n);
  CellNote *note = ambi_alloc(sizeof *note + n * sizeof *note->cell);
  if (!note) return false;
  note->block = block;
  ambi_words_see_cells(from, end, note_one, note);
  ambi_store_hold(s);
  bool ok = grow_notes(s);
  if (ok) {
    for (uint32_t i = 0; i < n; i++)
      use(note->cell[i]);
    CellNote **at = slot_of(s, block);
    note->next = *at;
    *at = note;
    s->nnotes++;
  }
  ambi_store_let_go(s);
  if (!ok) ambi_free(note, note_size(note));
  return ok;
}

void ambi_store_give_note(Store *s, const Word *block) {
  ambi_store_hold(s);
  CellNote **at = s->notes_cap ? slot_of(s, block) : NULL, *note;
  if (at && (note = *at) != NULL) {
    *at = note->next;
    s->nnotes--;
    note->next = s->given;
    s->given = note;
  }
  ambi_store_let_go(s);
}

void ambi_store_see_cells(const Store *s, const Template *t, SeeCell *see,
                          void *arg) {
  const Word *block = ambi_template_block(t);
  if (ambi_is_cell(t->atom)) see(arg, ambi_cell(t->atom));
  if (!block || s->notes_cap == 0) return;
  const CellNote *note = *slot_of(s, block);
  for (uint32_t i = 0; note && i < note->n; i++)
    see(arg, note->cell[i]);
}

// ---- what was given up ------------------------------------------------------------
size_t ambi_store_count_notes(const Store *s, bool all) {
  size_t n = all ? s->nnotes : 0;
  for (const CellNote *note = s->given; note; note = note->next)
    n++;
  return n;
}

void ambi_store_watch_notes(Store *s) {
  s->watched_notes = s->given;
  s->given = NULL;
}

static void forget(Store *s, CellNote *note) {
  for (uint32_t i = 0; i < note->n; i++)
    leave(s, note->cell[i]);
  ambi_free(note, note_size(note));
}

void ambi_store_forget_watched(Store *s) {
  CellNote *note = s->watched_notes;
  s->watched_notes = NULL;
  for (CellNote *next; note; note = next) {
    next = note->next;
    if (!ambi_chunk_at(note->block)->touched) {
      forget(s, note);
      continue;
    }
    note->next = s->given;
    s->given = note;
  }
}

void ambi_store_forget_given(Store *s) {
  for (CellNote *note; (note = s->given) != NULL;) {
    s->given = note->next;
    forget(s, note);
  }
}

static bool of_listed(const CellNote *note) {
  for (uint32_t i = 0; i < note->n; i++)
    if (note->cell[i]->listed) return true;
  return false;
}

void ambi_store_forget_listed(Store *s) {
  CellNote *note = s->given;
  s->given = NULL;
  for (CellNote *next; note; note = next) {
    next = note->next;
    if (of_listed(note)) {
      forget(s, note);
      continue;
    }
    note->next = s->given;
    s->given = note;
  }
}

bool ambi_store_is_touched(const Template *t) {
  const Word *block = ambi_template_block(t);
  return block && ambi_chunk_at(block)->touched;
}

static void free_notes(CellNote *note) {
  for (CellNote *next; note; note = next) {
    next = note->next;
    ambi_free(note, note_size(note));
  }
}

void ambi_store_close_notes(Store *s) {
  for (size_t i = 0; i < s->notes_cap; i++)
    free_notes(s->notes[i]);
  free_notes(s->given);
  ambi_free(s->notes, s->notes_cap * sizeof(CellNote *));
}
