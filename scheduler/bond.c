// What ties actors to one another: names, links, monitors, calls, and killing.
#include "scheduler/actor.h"

#include "memory/alloc.h"

// ---- names ----------------------------------------------------------------------

static Handle *named(Actors *all, uint32_t name) {
  return name < all->nnamed ? all->named[name] : NULL;
}

Handle *ambi_actor_handle(Actors *all, Value v) {
  if (ambi_is_cell_kind(v, CELL_HOST)) {
    HostObject *o = (HostObject *)(void *)ambi_cell(v);
    return o->kind == all ? (Handle *)(void *)o : NULL;
  }
  if (!ambi_is_sym(v)) return NULL;
  pthread_mutex_lock(&all->lock);
  Handle *h = named(all, ambi_sym_of(v));
  pthread_mutex_unlock(&all->lock);
  return h;
}

enum Spawned ambi_actor_name(Actors *all, Handle *h, uint32_t name) {
  if (!name) return SPAWNED;
  if (named(all, name)) return SPAWN_NAME_TAKEN;
  size_t n = all->nnamed;
  if (!ambi_grow((void **)&all->named, &all->nnamed, (size_t)name + 1,
                 sizeof(Handle *)))
    return SPAWN_OUTAGE;
  if (n < all->nnamed)
    memset(all->named + n, 0, (all->nnamed - n) * sizeof(Handle *));
  all->named[name] = h;
  h->name = name;
  return SPAWNED;
}

// ---- bonds ------------------------------------------------------------------------

static void put_in(Bond *b, Actor *a) {
  b->next_in = a->in;
  b->at_in = &a->in;
  if (a->in) a->in->at_in = &b->next_in;
  a->in = b;
}

static void put_out(Bond *b, Actor *a) {
  b->next_out = a->out;
  b->at_out = &a->out;
  if (a->out) a->out->at_out = &b->next_out;
  a->out = b;
}

static void unlink_bond(Bond *b) {
  *b->at_in = b->next_in;
  if (b->next_in) b->next_in->at_in = b->at_in;
  *b->at_out = b->next_out;
  if (b->next_out) b->next_out->at_out = b->at_out;
}

static void free_bond(Bond *b) {
  unlink_bond(b);
  ambi_free(b, sizeof *b);
}

static bool is_linked(const Actor *a, const Handle *other) {
  for (const Bond *b = a->out; b; b = b->next_out)
    if (b->kind == BOND_LINK && b->watched == other) return true;
  for (const Bond *b = a->in; b; b = b->next_in)
    if (b->kind == BOND_LINK && b->watcher == other) return true;
  return false;
}

enum Tied ambi_actor_tie(Actor *watcher, Handle *watched, enum BondKind kind,
                         uint64_t request) {
  Actors *all = watcher->all;
  Bond *b = ambi_alloc(sizeof *b);
  if (!b) return TIE_OUTAGE;
  *b = (Bond){.kind = kind,
              .request = request,
              .watched = watched,
              .watcher = watcher->handle};
  pthread_mutex_lock(&all->lock);
  Actor *a = ambi_handle_actor(watched);
  bool again =
      kind == BOND_LINK && (a == watcher || is_linked(watcher, watched));
  if (a && !again) {
    put_in(b, a);
    put_out(b, watcher);
    b = NULL;
  }
  pthread_mutex_unlock(&all->lock);
  ambi_free(b, sizeof *b);
  return a ? TIED : TIE_ENDED;
}

void ambi_actor_untie_call(Actor *watcher, uint64_t request) {
  pthread_mutex_lock(&watcher->all->lock);
  for (Bond *b = watcher->out; b; b = b->next_out)
    if (b->kind == BOND_CALL && b->request == request) {
      free_bond(b);
      break;
    }
  pthread_mutex_unlock(&watcher->all->lock);
}

// ---- killing ------------------------------------------------------------------------

// Under the lock. The reason is given away.
static bool kill_actor(Actor *from, Handle *h, Message *reason) {
  Message *none = NULL;
  Actor *a = ambi_handle_actor(h);
  if (!a || !ambi_compare_exchange(&a->x_killed, &none, reason))
    ambi_message_free(reason);
  if (a && ambi_mailbox_nudge(&h->box)) ambi_actor_wake(from, h);
  return a != NULL;
}

bool ambi_actor_kill(Actor *from, Handle *h, Message *reason) {
  pthread_mutex_lock(&from->all->lock);
  bool alive = kill_actor(from, h, reason);
  pthread_mutex_unlock(&from->all->lock);
  return alive;
}

// ---- the end ---------------------------------------------------------------------------

// The bond of an actor that ends is to be told about: it goes to the list.
static void keep(Bond *b, Bond **told) {
  unlink_bond(b);
  b->next_in = *told;
  *told = b;
}

// There is no memory for word of an end: whoever waits for it is stopped with the script.
static void cannot_tell(const Actor *a) {
  ambi_actors_stop(a->all, STOP_MEMORY, 0);
}

static void follow(Actor *a, Handle *other, const Message *reason) {
  if (!reason) return;
  Message *copy = ambi_parcel_copy(reason);
  if (copy)
    kill_actor(a, other, copy);
  else
    cannot_tell(a);
}

// A parcel of the symbol alone.
static Message *parcel_of(Value symbol) {
  Message *m = ambi_message_new(1, 0);
  if (m) m->words[0] = symbol.w;
  return m;
}

static void shut_down(Actor *a, Handle *other) {
  Message *m = parcel_of(a->all->shutdown);
  if (m)
    kill_actor(a, other, m);
  else
    cannot_tell(a);
}

Bond *ambi_actor_unbind(Actor *a, const Message *reason) {
  Bond *told = NULL;
  for (Bond *b = a->in; b; b = a->in) {
    if (b->kind == BOND_LINK) {
      follow(a, b->watcher, reason);
      free_bond(b);
    } else if (b->kind == BOND_FOLLOW) {
      shut_down(a, b->watcher);
      free_bond(b);
    } else {
      keep(b, &told);
    }
  }
  for (Bond *b = a->out; b; b = a->out) {
    if (b->kind == BOND_LINK) follow(a, b->watched, reason);
    free_bond(b);
  }
  return told;
}

void ambi_actor_unname(Actors *all, Handle *h) {
  if (h->name) all->named[h->name] = NULL;
  h->name = 0;
}

static Message *news(Context *cx, Actors *all, PackRoom *room, const Bond *b,
                     const Message *reason) {
  Value who = ambi_actor_value(b->watched), v;
  Message *m = NULL;
  Value why = ambi_actor_reason(cx, all, reason);
  if (ambi_is_none(why)) return NULL;
  // No Error of the one that ends: none of its calls is to blame.
  Value what = b->kind == BOND_CALL ? AMB_SYM(ERROR) : all->down;
  v = AMB_EXPR(cx, what, who, why);
  if (ambi_is_none(v) || ambi_parcel_pack(cx, room, v, &m) != PACKED)
    return NULL;
  if (b->kind == BOND_CALL) ambi_message_answers(m, b->request);
  return m;
}

void ambi_actor_tell(Actor *a, Context *cx, Bond *told, const Message *reason) {
  PackRoom *room = ambi_actor_room(a);
  while (told) {
    Bond *b = told;
    told = b->next_in;
    Message *m = cx ? news(cx, a->all, room, b, reason) : NULL;
    if (m)
      ambi_actor_deliver(a, b->watcher, m, true);
    else
      cannot_tell(a);
    ambi_free(b, sizeof *b);
  }
}

// ---- looking whether all is well --------------------------------------------------

static bool bonds_are_valid(const Actor *a, const char **why) {
  for (const Bond *b = a->in; b; b = b->next_in)
    if (*b->at_in != b || (b->next_in && b->next_in->at_in != &b->next_in) ||
        b->watched != a->handle || !ambi_handle_actor(b->watcher))
      return ambi_invalid(why, "a bond of one who is not there");
  for (const Bond *b = a->out; b; b = b->next_out)
    if (*b->at_out != b || b->watcher != a->handle ||
        !ambi_handle_actor(b->watched))
      return ambi_invalid(why, "a bond to one who is not there");
  return true;
}

bool ambi_actors_is_valid(Actors *all, const char **why) {
  uint32_t living = 0;
  bool ok = true;
  pthread_mutex_lock(&all->lock);
  for (Handle *h = all->handles; ok && h; h = h->older) {
    const Actor *a = ambi_handle_actor(h);
    living += a && !ambi_load_relaxed(&a->x_outside);
    ok = !a || bonds_are_valid(a, why);
    if (ok && a && a->handle != h)
      ok = ambi_invalid(why, "an actor of another handle");
    if (ok && h->name && (!a || all->named[h->name] != h))
      ok = ambi_invalid(why, "a name of one who is not there");
  }
  if (ok && living != ambi_load_relaxed(&all->x_living))
    ok = ambi_invalid(why, "actors that are counted wrong");
  pthread_mutex_unlock(&all->lock);
  return ok;
}
