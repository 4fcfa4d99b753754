// Ports: actors of the embedding program (outside.h), each with a heap for what it sends
// and what it gets.
//
// Who puts something there while the program has taken everything tells it so: by a function
// of its own, by a file that becomes readable, and by ending ambit_serve. As long as a port
// is open the runtime counts as together (runtime/guard.h), so that names can be made and
// parcels packed on any thread.
#include "scheduler/outside.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/spaces/share.h"
#include "scheduler/system.h"

struct ambit_port {
  ambit_port *older;  // of those that are open
  ambit *a;
  Outside *outside;
  Actors *all;
  PackRoom room;         // [own] of the thread that uses it
  ambit_heap heap;       // [own]
  pthread_mutex_t lock;  // [init] of the file
  int file;              // [lock] -1: nobody asked for it
  ambit_on_message *on_message;
  void *arg;
};

// ---- being told ------------------------------------------------------------------

static void signal_file(ambit_port *p) {
  const uint64_t one = 1;
  pthread_mutex_lock(&p->lock);
  if (p->file >= 0) (void)!write(p->file, &one, sizeof one);
  pthread_mutex_unlock(&p->lock);
}

// False: there is none.
static bool clear_file(ambit_port *p) {
  uint64_t count;
  pthread_mutex_lock(&p->lock);
  bool there = p->file >= 0;
  if (there) (void)!read(p->file, &count, sizeof count);
  pthread_mutex_unlock(&p->lock);
  return there;
}

static void told(void *arg) {
  ambit_port *p = arg;
  signal_file(p);
  if (p->on_message) p->on_message(p->arg, p);
  ambi_store_release(&p->a->x_told, true);
  ambi_pool_nudge(p->all->pool);
}

// Whoever looks first finds out whether it tells the truth.
int ambit_port_file(ambit_port *p) {
  pthread_mutex_lock(&p->lock);
  if (p->file < 0) p->file = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  pthread_mutex_unlock(&p->lock);
  return p->file;
}

// ---- life ------------------------------------------------------------------------

static bool open_heap(ambit *a, ambit_heap *h) {
  h->a = a;
  h->cx = ambi_context_open(a->rt);
  if (!h->cx) return false;
  h->cx->module = ambi_module_top(a->rt);
  h->cx->space = h->cx->module->space;
  h->cx->hb = (Word *)UINTPTR_MAX;
  ambi_limits_begin(h->cx);
  return ambi_crew_share(h->cx);
}

static enum Spawned give_name(ambit_port *p, const char *name) {
  uint32_t id;
  if (!name) return SPAWNED;
  if (!ambi_symbol_intern(p->a->rt->symbols, name, strlen(name), &id))
    return SPAWN_OUTAGE;
  return ambi_outside_name(p->outside, id);
}

static enum Spawned open_port(ambit_port *p, const char *name) {
  if (!open_heap(p->a, &p->heap)) return SPAWN_OUTAGE;
  Context *cx = p->heap.cx;
  p->outside = ambi_outside_open(cx, told, p);
  if (!p->outside) return SPAWN_OUTAGE;
  p->all = p->a->rt->actors;
  enum Spawned done = give_name(p, name);
  Message *none = ambi_outside_take(p->outside);  // what comes next is told
  ambi_message_free(none);
  return done;
}

static void close_port(ambit_port *p) {
  Context *cx = p->heap.cx;
  if (p->outside) {
    ambi_party_be_in(cx);
    ambi_outside_close(cx, p->outside);
  }
  if (p->file >= 0) close(p->file);
  if (cx) ambi_party_leave(cx);
  ambi_buffer_drop(&p->heap.text);
  ambi_context_close(cx);
  ambi_pack_room_drop(&p->room);
  pthread_mutex_destroy(&p->lock);
  ambi_free(p, sizeof *p);
}

static void let_part(ambit *a) {
  if (!a->rt->guests && !a->rt->modules->nesting) ambi_crew_part(a->rt, 0);
}

ambit_port *ambit_port_open(ambit *a, const char *name,
                            ambit_on_message *on_message, void *arg) {
  if (!system_is_owner()) {
    system_fail(a, AMBIT_MISUSE, "a port is opened by who uses the runtime");
    return NULL;
  }
  ambit_port *p = ambi_alloc(sizeof *p);
  enum Spawned done = SPAWN_OUTAGE;
  if (p) {
    *p = (ambit_port){.a = a, .on_message = on_message, .arg = arg, .file = -1};
    pthread_mutex_init(&p->lock, NULL);
    done = open_port(p, name);
  }
  if (done == SPAWNED) {
    ambi_party_leave(p->heap.cx);
    a->rt->guests++;
    p->older = a->ports;
    return a->ports = p;
  }
  if (p) close_port(p);
  let_part(a);
  if (done == SPAWN_NAME_TAKEN)
    system_fail(a, AMBIT_MISUSE, "another actor has the name %s", name);
  else
    system_fail(a, AMBIT_MEMORY, "out of memory");
  return NULL;
}

void ambit_port_close(ambit_port *p) {
  if (!p) return;
  ambit *a = p->a;
  ambit_port **link = &a->ports;
  while (*link != p)
    link = &(*link)->older;
  *link = p->older;
  close_port(p);
  a->rt->guests--;
  let_part(a);
}

void system_ports_close(ambit *a) {
  while (a->ports)
    ambit_port_close(a->ports);
}

ambit_heap *ambit_port_heap(ambit_port *p) {
  return &p->heap;
}

ambit_term ambit_port_term(ambit_port *p) {
  return term_of(ambi_outside_actor(p->outside));
}

// ---- messages --------------------------------------------------------------------

static ambit_status pack(ambit_port *p, ambit_term t, Message **out) {
  Context *cx = p->heap.cx;
  if (ambit_is_none_term(t)) return AMBIT_MISUSE;
  enum Packed packed = ambi_parcel_pack(cx, &p->room, value_of(t), out);
  cx->stop = STOP_NONE;
  if (packed == PACKED) return AMBIT_OK;
  return packed == PACK_ODD ? AMBIT_MISUSE : AMBIT_MEMORY;
}

ambit_status ambit_post(ambit_port *p, ambit_term to, ambit_term message) {
  Message *m = NULL;
  if (ambit_is_none_term(to)) return AMBIT_MISUSE;
  Handle *h = ambi_actor_handle(p->all, ambi_deref(value_of(to)));
  ambit_status status = h ? pack(p, message, &m) : AMBIT_MISUSE;
  if (status != AMBIT_OK) return status;
  enum Posted posted = ambi_outside_post(p->outside, ambi_actor_value(h), m);
  if (posted == POST_FULL) ambi_message_free(m);
  ambi_context_reset(p->heap.cx);
  if (posted == POST_FULL) return AMBIT_LIMIT;
  return posted == POST_CLOSED ? AMBIT_DONE : AMBIT_OK;
}

ambit_status ambit_reply(ambit_port *p, ambit_term asker, ambit_term value) {
  Message *m = NULL;
  if (ambit_is_none_term(asker)) return AMBIT_MISUSE;
  ambit_status status = pack(p, value, &m);
  if (status != AMBIT_OK) return status;
  enum Posted posted =
      ambi_outside_reply(p->outside, ambi_deref(value_of(asker)), m);
  if (posted == POST_FULL) {
    ambi_message_free(m);
    return AMBIT_MISUSE;
  }
  ambi_context_reset(p->heap.cx);
  return posted == POST_CLOSED ? AMBIT_DONE : AMBIT_OK;
}

// The file is readable as long as not everything was taken. What comes after the first
// look at an empty mailbox makes it readable, so it is cleared behind that, before another
// look.
static Message *take(ambit_port *p) {
  Message *m = ambi_outside_take(p->outside);
  if (m || !clear_file(p)) return m;
  m = ambi_outside_take(p->outside);
  if (m) signal_file(p);
  return m;
}

ambit_status ambit_take(ambit_port *p, ambit_term *message) {
  Context *cx = p->heap.cx;
  Message *m = take(p);
  if (!m) return ambi_outside_ended(p->outside) ? AMBIT_CANCELLED : AMBIT_DONE;
  ambi_context_reset(cx);
  Value v = ambi_parcel_unpack(cx, m);
  cx->stop = STOP_NONE;
  ambi_message_free(m);
  if (ambi_is_none(v)) return AMBIT_MEMORY;
  *message = term_of(v);
  return AMBIT_OK;
}

// ---- serving ---------------------------------------------------------------------

typedef struct Serving {
  Timer timer;
  ambit *a;
  Actors *all;
  AMB_ATOMIC(bool) x_over;  // [all] time is
} Serving;

static void ring(Timer *t) {
  Serving *s = (Serving *)(void *)t;
  ambi_store_release(&s->x_over, true);
  ambi_pool_nudge(s->all->pool);
}

static bool none_lives(const Serving *s) {
  return ambi_load_relaxed(&s->all->x_living) <= 1;
}

static bool is_served(void *arg) {
  Serving *s = arg;
  return ambi_load_acquire(&s->a->x_told) || ambi_load_acquire(&s->x_over) ||
         ambi_load_relaxed(&s->all->x_stop) ||
         ambi_load_relaxed(&s->a->rt->x_cancel) ||
         (none_lives(s) && !s->a->ports);
}

static ambit_status stopped(ambit *a, Actors *all) {
  uint64_t stop = ambi_exchange(&all->x_stop, STOP_NONE);
  if ((uint32_t)stop != STOP_EXIT)
    return system_fail(a, AMBIT_MEMORY, "out of memory in an actor");
  a->exit_code = (int)(uint32_t)(stop >> 32);
  return system_fail(a, AMBIT_EXIT, "the program called exit!");
}

static ambit_status outcome(Serving *s, HelpEnd end) {
  ambit *a = s->a;
  if (ambi_load_relaxed(&a->rt->x_cancel))
    return system_fail(a, AMBIT_CANCELLED, "cancelled");
  if (ambi_load_relaxed(&s->all->x_stop)) return stopped(a, s->all);
  if (end == HELP_OUTAGE) return system_fail(a, AMBIT_MEMORY, "out of memory");
  if (ambi_exchange(&a->x_told, false)) return AMBIT_OK;
  if (end == HELP_REACHED && ambi_load_acquire(&s->x_over))
    return system_fail(a, AMBIT_LIMIT, "the time to serve is over");
  return system_fail(a, AMBIT_DONE,
                     none_lives(s)
                         ? "no actor lives"
                         : "every actor waits, and nobody can send anything");
}

ambit_status ambit_serve(ambit *a, double seconds) {
  Serving s = {.a = a, .all = a->rt->actors};
  if (ambi_crew_acting())
    return system_fail(a, AMBIT_MISUSE, "a function cannot serve");
  if (!s.all->pool) return system_fail(a, AMBIT_DONE, "no actor lives");
  Timers *timers = ambi_pool_timers(s.all->pool);
  bool timed = seconds >= 0 && seconds < 1e9;
  uint64_t due = ambi_now_ns() + (timed ? (uint64_t)(seconds * 1e9) : 0);
  if (timed && !ambi_timer_start_aside(timers, &s.timer, due, ring))
    return system_fail(a, AMBIT_MEMORY, "out of memory");
  HelpEnd end = ambi_pool_help(s.all->pool, is_served, &s);
  if (timed) ambi_timer_cancel(timers, &s.timer);
  return outcome(&s, end);
}
