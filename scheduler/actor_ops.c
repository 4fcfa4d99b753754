// What programs do with actors: the operations of the module concurrent.
//
// An operation that has to wait notes in the actor what for, and stops with STOP_WAIT; it
// is done again from its beginning when something may have changed.
#include "memory/alloc.h"
#include "runtime/builtins/answer.h"
#include "runtime/bytecode/code.h"
#include "runtime/eval.h"
#include "scheduler/actor.h"

// The length of a mailbox from which on its senders lose the rest of their slices.
enum { LONG_MAILBOX = 1000 };
#define MOST_MEMORY ((uint64_t)UINT32_MAX << 10)

// ---- answers --------------------------------------------------------------------

// An Error shows the call as the program has written it: (Error (NAME ARGUMENT ...) REASON).
static enum BuiltinStatus as_written(Context *cx, Value *out, const char *name,
                                     const Value *args, unsigned n,
                                     enum BuiltinStatus status) {
  Value call[4];
  if (status != B_ERROR) return status;
  AMB_ASSERT(n < 4);
  call[0] = ambi_make_sym(cx, name, strlen(name));
  for (unsigned i = 0; i < n; i++)
    call[i + 1] = args[i];
  Value e = ambi_is_none(call[0]) ? AMB_NONE : ambi_make_expr(cx, call, n + 1);
  if (ambi_is_none(e)) return ambi_answer_stop(cx);
  return ambi_answer(cx, out,
                     ambi_is_none(cx->error_reason)
                         ? ambi_make_error_text(cx, e, cx->message)
                         : ambi_make_error(cx, e, cx->error_reason));
}

// The script was killed, or followed an actor that it is linked to: that is told once.
static bool was_killed(Context *cx, Actor *a, enum BuiltinStatus *status) {
  if (AMB_LIKELY(!ambi_load_relaxed(&a->x_killed)) || a->self) return false;
  Message *reason = ambi_exchange(&a->x_killed, NULL);
  cx->error_reason = ambi_parcel_unpack(cx, reason);
  ambi_message_free(reason);
  *status = B_ERROR;
  if (ambi_is_none(cx->error_reason)) *status = ambi_answer_stop(cx);
  return true;
}

static bool find_handle(Context *cx, Actor *a, const Value *args, Handle **h,
                        enum BuiltinStatus *status) {
  *h = ambi_actor_handle(a->all, args[0]);
  if (*h) return true;
  *status = ambi_answer_error(cx, "an actor is expected, or the name of one");
  return false;
}

// The caller, and the actor that the first argument means. False: *status tells.
static bool begin(Context *cx, const Value *args, Actor **a, Handle **h,
                  enum BuiltinStatus *status) {
  *a = NULL;
  if (!cx->actor && ambi_crew_acting()) {
    *status = ambi_answer_error(
        cx, "not in a module that a branch imports beside others");
    return false;
  }
  *a = ambi_actor_of(cx);
  if (!*a) {
    *status = ambi_answer_stop(cx);
    return false;
  }
  if (ambi_actor_is_stopped(cx, *a)) {
    *status = B_STOP;
    return false;
  }
  if (was_killed(cx, *a, status)) return false;
  return !h || find_handle(cx, *a, args, h, status);
}

static enum BuiltinStatus not_packed(Context *cx, enum Packed why) {
  if (why == PACK_ODD)
    return ambi_answer_error(
        cx, "it is too large to be sent, or holds what cannot be sent");
  return ambi_answer_stop(cx);
}

static enum Packed pack(Context *cx, Actor *a, Value v, Message **out) {
  return ambi_parcel_pack(cx, ambi_actor_room(a), v, out);
}

// ---- spawn ------------------------------------------------------------------------

static const char *text_of(const Runtime *rt, Value v) {
  if (ambi_is_op(v)) return ambi_builtin(rt, ambi_op_of(v))->name;
  return ambi_is_sym(v) ? ambi_symbol(rt->symbols, ambi_sym_of(v))->text : "";
}

static bool take_number(Value v, uint64_t most, uint64_t *out) {
  int64_t i;
  if (!ambi_num_to_int64(v, &i) || i < 1 || (uint64_t)i > most) return false;
  *out = (uint64_t)i;
  return true;
}

static bool take_class(const char *word, TaskClass *class) {
  if (strcmp(word, "interactive") && strcmp(word, "batch")) return false;
  *class = *word == 'b' ? TASK_BATCH : TASK_INTERACTIVE;
  return true;
}

static bool take_pair(const Runtime *rt, Value name, Value v, SpawnOptions *o) {
  const char *what = text_of(rt, name);
  uint64_t n;
  if (!strcmp(what, "name") && ambi_is_sym(v)) {
    o->name = ambi_sym_of(v);
  } else if (!strcmp(what, "mailbox") && take_number(v, UINT32_MAX, &n)) {
    o->mailbox = (uint32_t)n;
  } else if (!strcmp(what, "memory") && take_number(v, MOST_MEMORY, &n)) {
    o->kib = (uint32_t)((n + 1023) >> 10);
  } else {
    return !strcmp(what, "priority") && take_class(text_of(rt, v), &o->class);
  }
  return true;
}

static bool take_option(const Runtime *rt, Value v, SpawnOptions *o) {
  if (ambi_expr_size(v) == 2)
    return take_pair(rt, ambi_deref(ambi_expr_at(v, 0)),
                     ambi_deref(ambi_expr_at(v, 1)), o);
  const char *word = text_of(rt, v);
  bool link = !strcmp(word, "link"), monitor = !strcmp(word, "monitor");
  bool follow = !strcmp(word, "follow");
  o->link |= link;
  o->monitor |= monitor;
  o->follow |= follow;
  return link || monitor || follow;
}

static bool take_options(const Runtime *rt, Value all, SpawnOptions *o) {
  if (!ambi_is_expression(all)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(all); i++)
    if (!take_option(rt, ambi_deref(ambi_expr_at(all, i)), o)) return false;
  return true;
}

// Who spawns, and the options. False: *status tells.
static bool may_spawn(Context *cx, const Value *args, Actor **a,
                      SpawnOptions *o, enum BuiltinStatus *status) {
  if (!begin(cx, args, a, NULL, status)) return false;
  if (cx->rt->tier > 0 && take_options(cx->rt, args[1], o)) return true;
  *status = ambi_answer_error(
      cx, cx->rt->tier == 0
              ? "actors are not there in tier 0"
              : "the options are name, mailbox, memory and priority, each "
                "with a value, link, monitor and follow");
  return false;
}

static enum BuiltinStatus spawn_now(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  Actor *a;
  enum BuiltinStatus status;
  Handle *h = NULL;
  Message *form;
  SpawnOptions o = {0};
  if (!may_spawn(cx, args, &a, &o, &status)) return status;
  if (n > 2) h = ambi_actor_handle(a->all, args[2]);
  // An evaluated mark would say that it has nothing to do.
  enum Packed packed = pack(cx, a, ambi_unmark(args[0]), &form);
  if (packed != PACKED) return not_packed(cx, packed);
  switch (ambi_actor_spawn(a, cx, form, &o, &h)) {
  case SPAWNED: *out = ambi_actor_value(h); return B_OK;
  case SPAWN_NAME_TAKEN: return ambi_answer_error(cx, "NameTaken");
  default: return ambi_answer_stop(cx);
  }
}

// Whoever was reserved and cannot begin has ended with the Error.
static enum BuiltinStatus op_spawn(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  enum BuiltinStatus status = spawn_now(cx, args, n, out);
  bool never = n > 2 && status == B_ERROR;
  status = as_written(cx, out, "spawn", args, 2, status);
  if (never && !cx->stop) {
    Actor *a = ambi_actor_of(cx);
    ambi_actor_never(a->all, ambi_actor_handle(a->all, args[2]),
                     ambi_actor_pack_reason(a, cx, *out));
  }
  return status;
}

static enum BuiltinStatus op_reserve(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  Actor *a;
  enum BuiltinStatus status;
  SpawnOptions o = {0};
  (void)n;
  if (!may_spawn(cx, args, &a, &o, &status))
    return as_written(cx, out, "spawn", args, 2, status);
  Handle *h = ambi_actor_reserve(a->all, o.mailbox);
  if (!h) return ambi_answer_stop(cx);
  *out = ambi_actor_value(h);
  return B_OK;
}

// ---- send and reply ---------------------------------------------------------------

static enum BuiltinStatus op_send(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  Actor *a;
  Handle *h;
  enum BuiltinStatus status;
  Message *m;
  (void)n;
  if (!begin(cx, args, &a, &h, &status)) return status;
  enum Packed packed = pack(cx, a, args[1], &m);
  if (packed != PACKED) return not_packed(cx, packed);
  if (ambi_actor_deliver(a, h, m, false) == POST_FULL) {
    ambi_message_free(m);
    if (h != a->handle) ambi_actor_give_way(cx, a, true);  // it may try again
    return ambi_answer_error(cx, "MailboxFull");
  }
  if (ambi_mailbox_count(&h->box) > LONG_MAILBOX && h != a->handle)
    ambi_actor_give_way(cx, a, false);
  return ambi_answer_unit(out);
}

// (reply-to ACTOR NUMBER), what `call` makes.
bool ambi_actor_is_asker(Actors *all, Value v, Handle **h, uint64_t *request) {
  if (ambi_expr_size(v) != 3 ||
      !ambi_same(ambi_deref(ambi_expr_at(v, 0)), all->asker))
    return false;
  *h = ambi_actor_handle(all, ambi_deref(ambi_expr_at(v, 1)));
  return *h && take_number(ambi_deref(ambi_expr_at(v, 2)), INT64_MAX, request);
}

static enum BuiltinStatus op_reply(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  Actor *a;
  Handle *h;
  enum BuiltinStatus status;
  uint64_t request;
  Message *m;
  (void)n;
  if (!begin(cx, args, &a, NULL, &status)) return status;
  if (!ambi_actor_is_asker(a->all, args[0], &h, &request))
    return ambi_answer_error(cx, "reply expects what the call came with");
  enum Packed packed = pack(cx, a, args[1], &m);
  if (packed != PACKED) return not_packed(cx, packed);
  ambi_message_answers(m, request);
  ambi_actor_deliver(a, h, m, true);
  return ambi_answer_unit(out);
}

// ---- waiting --------------------------------------------------------------------------

static uint64_t due_in(Value ms) {
  double x = ambi_num_to_double(ms);
  uint64_t now = ambi_now_ns();
  if (!(x > 0)) return now;
  return x > 1e12 ? UINT64_MAX : now + (uint64_t)(x * 1e6);
}

// The operation begins to wait, or goes on with it.
static bool set_waiting(Context *cx, Actor *a, const Value *ms) {
  if (a->waiting.on) return true;
  a->waiting.on = true;
  if (!ms) return true;
  if (ambi_actor_wait_until(a, due_in(*ms))) return true;
  cx->stop = STOP_MEMORY;
  return false;
}

// An operation of an actor can only be done again where the actor's own form runs.
static bool may_wait(Context *cx, const Actor *a, enum BuiltinStatus *status) {
  if (!a->self || (cx == a->cx && !cx->plain)) return true;
  *status = ambi_answer_error(
      cx, cx->plain ? "a search cannot wait"
                    : "an actor that imports a module cannot wait");
  return false;
}

// Unless the operation is done again, it waits no more, whatever became of it: the next
// one begins anew.
static enum BuiltinStatus end_waiting(const Context *cx, Actor *a,
                                      enum BuiltinStatus status) {
  if (!a || !a->waiting.on || ambi_rests(cx->stop)) return status;
  if (a->waiting.request) ambi_actor_untie_call(a, a->waiting.request);
  ambi_actor_waited(a);
  return status;
}

// ---- receive ------------------------------------------------------------------------------

// Can no message with this root and head match the pattern? Saves unpacking most.
static bool surely_apart(Value pattern, const Message *m) {
  Value root = ambi_parcel_root(m);
  pattern = ambi_deref(pattern);
  if (ambi_is_var(pattern) || ambi_is_lvar(root)) return false;
  if (!ambi_is_expr(pattern) || !ambi_is_expr(root))
    return ambi_is_expr(pattern) != ambi_is_expr(root) &&
           !ambi_is_cell(pattern) && !ambi_is_cell(root);
  const Word *p = ambi_parcel_items(m, root);
  if (ambi_hdr_size(p[0]) != ambi_expr_size(pattern)) return true;
  Value head = ambi_deref(ambi_expr_at(pattern, 0)), sent = AMB_V(p[1]);
  return ambi_is_sym(head) && ambi_is_sym(sent) && !ambi_same(head, sent);
}

// Does it match? Nothing is bound by the question.
static bool matches(Context *cx, Value pattern, Value v) {
  Word *hb = cx->hb;
  size_t mark = cx->tr;
  RigidEpochs rigid = cx->rigid;
  cx->hb = (Word *)UINTPTR_MAX;
  bool ok = ambi_unify(cx, pattern, v);
  ambi_trail_undo(cx, mark);
  cx->hb = hb;
  cx->rigid = rigid;
  return ok;
}

// Of clauses (unify MESSAGE PATTERN BODY Empty), with which the evaluation goes on; of
// patterns (I MESSAGE), where the i-th, from 1, is the first that matches. AMB_NONE: none
// does, or cx->stop is set.
static Value chosen(Context *cx, Value clauses, bool bare, const Message *m) {
  Word *h = cx->h;
  Value v = AMB_NONE;
  for (uint32_t i = 0; i < ambi_expr_size(clauses); i++) {
    Value clause = ambi_deref(ambi_expr_at(clauses, i));
    Value pattern = bare ? clause : ambi_expr_at(clause, 0);
    if (surely_apart(pattern, m)) continue;
    if (ambi_is_none(v)) v = ambi_parcel_unpack(cx, m);
    if (ambi_is_none(v)) break;
    if (!matches(cx, pattern, v)) continue;
    if (bare)
      v = AMB_EXPR(cx, ambi_small_int(i + 1), v);
    else
      v = AMB_EXPR(cx, AMB_SYM(UNIFY), v, pattern, ambi_expr_at(clause, 1),
                   AMB_SYM(EMPTY));
    if (ambi_is_none(v)) break;
    return v;
  }
  if (!ambi_is_none(v)) ambi_heap_give_back(cx, h);
  return AMB_NONE;
}

static void throw_away(Actor *a, Message *before, Message *m) {
  ambi_inbox_take(&a->handle->box, &a->inbox, before, m);
  ambi_pack_room_take_back(ambi_actor_room(a), m);
}

// Looks through the inbox, as far as it was not looked at. Answers that nobody waits for
// any more go.
static Value look_in(Context *cx, Actor *a, Value clauses, bool bare) {
  Message *before = a->waiting.looked;
  Message *m = before ? before->next : a->inbox.first;
  for (Message *next; m; m = next) {
    next = m->next;
    if (ambi_message_request(m)) {
      throw_away(a, before, m);
      continue;
    }
    Value v = chosen(cx, clauses, bare, m);
    if (!ambi_is_none(v)) throw_away(a, before, m);
    if (!ambi_is_none(v) || cx->stop) return v;
    a->waiting.looked = before = m;
  }
  return AMB_NONE;
}

// What has come since stands behind all of that, so it is taken in last.
static Value look_for(Context *cx, Actor *a, Value clauses, bool bare) {
  Value v = look_in(cx, a, clauses, bare);
  if (!ambi_is_none(v) || cx->stop ||
      !ambi_mailbox_drain(&a->handle->box, &a->inbox))
    return v;
  return look_in(cx, a, clauses, bare);
}

static bool are_clauses(Value v) {
  if (!ambi_is_expression(v)) return false;
  for (uint32_t i = 0; i < ambi_expr_size(v); i++)
    if (ambi_expr_size(ambi_deref(ambi_expr_at(v, i))) != 2) return false;
  return true;
}

// What waits at the very end of an actor's work needs no Context: its form is kept.
static void keep_form(Context *cx, Actor *a, const Value *args, unsigned n) {
  Value call[4] = {AMB_OP_ID(n > 1 ? OP_RECEIVE_UNTIL : OP_RECEIVE)};
  if (a->form || cx != a->cx) return;
  if (n == 2) {  // _receive-next is the first thing that the call does
    if (ambi_form_ends_with(cx, args[1]))
      pack(cx, a, ambi_unmark(ambi_deref(args[1])), &a->form);
    return;
  }
  if (!ambi_form_ends_here(cx)) return;
  for (unsigned i = 0; i < n; i++)
    call[i + 1] = args[i];
  Value form = ambi_make_expr(cx, call, n + 1);
  if (!ambi_is_none(form)) pack(cx, a, form, &a->form);
}

static enum BuiltinStatus receive_by(Context *cx, Actor *a, const Value *args,
                                     unsigned n, Value *out) {
  enum BuiltinStatus status;
  bool bare = n == 2;
  if (!bare && (!are_clauses(args[0]) || (n > 1 && !ambi_is_number(args[1]))))
    return ambi_answer_error(
        cx, "receive expects ((PATTERN BODY) ...), and perhaps "
            "milliseconds and a body");
  for (;;) {
    if (!set_waiting(cx, a, n == 3 ? &args[1] : NULL)) return B_STOP;
    if (ambi_actor_is_stopped(cx, a)) return B_STOP;
    *out = look_for(cx, a, args[0], bare);
    if (cx->stop) return B_STOP;
    if (ambi_is_none(*out) && ambi_actor_is_due(a)) *out = args[2];
    if (!ambi_is_none(*out)) return B_OK;
    keep_form(cx, a, args, n);
    status = ambi_actor_wait(cx, a);
    if (status == B_EMPTY) return ambi_answer_error(cx, "Deadlock");
    if (status != B_OK || was_killed(cx, a, &status)) return status;
  }
}

static enum BuiltinStatus receive_now(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  Actor *a;
  enum BuiltinStatus status;
  if (begin(cx, args, &a, NULL, &status) && may_wait(cx, a, &status))
    status = receive_by(cx, a, args, n, out);
  return end_waiting(cx, a, status);
}

static enum BuiltinStatus op_receive(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  return as_written(cx, out, "receive", args, n, receive_now(cx, args, n, out));
}

static enum BuiltinStatus next_as_written(Context *cx, Value *out,
                                          const Value *args,
                                          enum BuiltinStatus status) {
  if (status != B_ERROR) return status;
  Value clauses = ambi_receive_clauses(cx, args[1]);
  if (ambi_is_none(clauses)) return ambi_answer_stop(cx);
  return as_written(cx, out, "receive", &clauses, 1, status);
}

// (_receive-next PATTERNS CALL), of a function that is made of a `receive`.
static enum BuiltinStatus op_receive_next(Context *cx, const Value *args,
                                          unsigned n, Value *out) {
  return next_as_written(cx, out, args, receive_now(cx, args, n, out));
}

// ---- call ---------------------------------------------------------------------------------

// Asks, once.
static enum BuiltinStatus ask(Context *cx, Actor *a, Handle *h,
                              const Value *args) {
  uint64_t request = ++a->requests;
  Message *m;
  Value asker = AMB_EXPR(cx, a->all->asker, ambi_actor_value(a->handle),
                         ambi_small_int((int64_t)request));
  Value call = ambi_is_none(asker) ? AMB_NONE
                                   : AMB_EXPR(cx, a->all->call, asker, args[1]);
  if (ambi_is_none(call)) return ambi_answer_stop(cx);
  enum Packed packed = pack(cx, a, call, &m);
  if (packed != PACKED) return not_packed(cx, packed);
  switch (ambi_actor_tie(a, h, BOND_CALL, request)) {
  case TIED: break;
  case TIE_ENDED: ambi_message_free(m); return ambi_answer_error(cx, "Ended");
  default: ambi_message_free(m); return ambi_answer_stop(cx);
  }
  if (ambi_actor_deliver(a, h, m, false) == POST_FULL) {
    ambi_message_free(m);
    ambi_actor_untie_call(a, request);
    return ambi_answer_error(cx, "MailboxFull");
  }
  a->waiting.request = request;
  return set_waiting(cx, a, &args[2]) ? B_EMPTY : B_STOP;
}

// The answer, if it has come. Those to other calls come too late.
static bool find_answer(Context *cx, Actor *a, Value *out) {
  Message *before = NULL, *next;
  ambi_mailbox_drain(&a->handle->box, &a->inbox);
  for (Message *m = a->inbox.first; m; m = next) {
    next = m->next;
    uint64_t request = ambi_message_request(m);
    if (!request) {
      before = m;
      continue;
    }
    bool found = request == a->waiting.request;
    if (found) *out = ambi_parcel_unpack(cx, m);
    throw_away(a, before, m);
    if (found) return true;
  }
  return false;
}

// Whom a name means is asked once: it may have ended by the time the answer is there.
static enum BuiltinStatus call_by(Context *cx, Actor *a, const Value *args,
                                  Value *out) {
  Handle *h;
  enum BuiltinStatus status;
  if (!a->waiting.on) {
    if (!find_handle(cx, a, args, &h, &status)) return status;
    status = ask(cx, a, h, args);
    if (status != B_EMPTY) return status;
  }
  for (;;) {
    if (find_answer(cx, a, out)) {
      if (ambi_actor_is_stopped(cx, a)) return B_STOP;
      return ambi_answer(cx, out, *out);
    }
    if (ambi_actor_is_due(a)) return ambi_answer_error(cx, "Timeout");
    status = ambi_actor_wait(cx, a);
    if (status == B_EMPTY) return ambi_answer_error(cx, "Deadlock");
    if (status != B_OK || was_killed(cx, a, &status)) return status;
  }
}

static enum BuiltinStatus call_now(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  Actor *a;
  enum BuiltinStatus status;
  (void)n;
  if (begin(cx, args, &a, NULL, &status) && may_wait(cx, a, &status))
    status = call_by(cx, a, args, out);
  return end_waiting(cx, a, status);
}

static enum BuiltinStatus op_call(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  return as_written(cx, out, "call", args, 2, call_now(cx, args, n, out));
}

// ---- self, link, monitor, kill --------------------------------------------------------------

static enum BuiltinStatus op_self(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  Actor *a;
  enum BuiltinStatus status;
  (void)n;
  if (!begin(cx, args, &a, NULL, &status)) return status;
  *out = ambi_actor_value(a->handle);
  return B_OK;
}

// Why it has ended, in a parcel of the caller's own; NULL: normally, or no memory.
static Message *reason_of(Actors *all, const Handle *h) {
  pthread_mutex_lock(&all->lock);
  Message *m = h->reason ? ambi_parcel_copy(h->reason) : NULL;
  pthread_mutex_unlock(&all->lock);
  return m;
}

static enum BuiltinStatus op_link(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  Actor *a;
  Handle *h;
  enum BuiltinStatus status;
  (void)n;
  if (!begin(cx, args, &a, &h, &status)) return status;
  enum Tied tied = ambi_actor_tie(a, h, BOND_LINK, 0);
  if (tied == TIE_OUTAGE) return ambi_answer_stop(cx);
  Message *reason = tied == TIE_ENDED ? reason_of(a->all, h) : NULL;
  if (reason) ambi_actor_kill(a, a->handle, reason);
  if (reason && was_killed(cx, a, &status)) return status;
  return ambi_answer_unit(out);
}

// It has ended before: the news come at once.
static enum BuiltinStatus tell_now(Context *cx, Actor *a, Handle *h) {
  Message *reason = reason_of(a->all, h), *m;
  Value why = ambi_actor_reason(cx, a->all, reason);
  ambi_message_free(reason);
  if (ambi_is_none(why)) return ambi_answer_stop(cx);
  Value v = AMB_EXPR(cx, a->all->down, ambi_actor_value(h), why);
  if (ambi_is_none(v) || pack(cx, a, v, &m) != PACKED)
    return ambi_answer_stop(cx);
  ambi_actor_deliver(a, a->handle, m, true);
  return B_OK;
}

static enum BuiltinStatus op_monitor(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  Actor *a;
  Handle *h;
  enum BuiltinStatus status = B_OK;
  (void)n;
  if (!begin(cx, args, &a, &h, &status)) return status;
  enum Tied tied = ambi_actor_tie(a, h, BOND_MONITOR, 0);
  if (tied == TIE_OUTAGE) return ambi_answer_stop(cx);
  if (tied == TIE_ENDED) status = tell_now(cx, a, h);
  return status == B_OK ? ambi_answer_unit(out) : status;
}

// Who kills itself goes no further.
static enum BuiltinStatus op_kill(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  Actor *a;
  Handle *h;
  enum BuiltinStatus status;
  Message *m;
  (void)n;
  if (!begin(cx, args, &a, &h, &status)) return status;
  enum Packed packed = pack(cx, a, args[1], &m);
  if (packed != PACKED) return not_packed(cx, packed);
  ambi_actor_kill(a, h, m);
  if (h == a->handle && was_killed(cx, a, &status)) return status;
  if (h == a->handle) {
    cx->stop = cx == a->cx ? STOP_YIELD : STOP_CANCEL;
    return B_STOP;
  }
  return ambi_answer_unit(out);
}

static enum BuiltinStatus refuse(Context *cx, enum ActorOp which,
                                 const Value *args, unsigned n, Value *out,
                                 const char *why) {
  enum BuiltinStatus status = ambi_answer_error(cx, why);
  switch (which) {
  case ACTOR_SPAWN: return as_written(cx, out, "spawn", args, 2, status);
  case ACTOR_CALL: return as_written(cx, out, "call", args, 2, status);
  case ACTOR_RECEIVE: return as_written(cx, out, "receive", args, n, status);
  case ACTOR_RECEIVE_NEXT: return next_as_written(cx, out, args, status);
  default: return status;
  }
}

const ActorTable ambi_actor_table = {{[ACTOR_SPAWN] = op_spawn,
                                      [ACTOR_RESERVE] = op_reserve,
                                      [ACTOR_SEND] = op_send,
                                      [ACTOR_RECEIVE] = op_receive,
                                      [ACTOR_RECEIVE_NEXT] = op_receive_next,
                                      [ACTOR_SELF] = op_self,
                                      [ACTOR_CALL] = op_call,
                                      [ACTOR_REPLY] = op_reply,
                                      [ACTOR_LINK] = op_link,
                                      [ACTOR_MONITOR] = op_monitor,
                                      [ACTOR_KILL] = op_kill},
                                     .refuse = refuse};
