// Actors, for a runtime that has them.
#include "runtime/builtins/actors.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"

// What is done when the transaction is.
static enum BuiltinStatus hold(Context *cx, uint32_t op, const Value *args,
                               unsigned n, Value *out) {
  Value call[4] = {AMB_OP_ID(op)};
  AMB_ASSERT(n < 4);
  for (unsigned i = 0; i < n; i++)
    call[i + 1] = args[i];
  Value e = ambi_make_expr(cx, call, n + 1);
  if (ambi_is_none(e) || !ambi_journal_hold(cx, e)) return ambi_answer_stop(cx);
  return ambi_answer_unit(out);
}

// The actor is there for messages and bonds, which are held as well; it begins behind.
static enum BuiltinStatus hold_spawn(Context *cx, const Value *args,
                                     Value *out) {
  Value call[3] = {args[0], args[1]}, done;
  const ActorTable *all = cx->rt->actor_table;
  enum BuiltinStatus status = all->at[ACTOR_RESERVE](cx, args, 2, out);
  if (status != B_OK || !ambi_is_cell(*out)) return status;
  call[2] = *out;
  return hold(cx, OP_SPAWN, call, 3, &done);
}

static enum BuiltinStatus call(Context *cx, enum ActorOp which, uint32_t op,
                               const Value *args, unsigned n, Value *out) {
  const ActorTable *all = cx->rt->actor_table;
  if (!all) return ambi_answer_error(cx, "there are no actors here");
  if ((cx->crew_data && !cx->actor) || ambi_journal_has(cx, LEVEL_BRANCH))
    return all->refuse(cx, which, args, n, out,
                       "not in a branch that runs beside others");
  if (!cx->journal || which == ACTOR_SELF)
    return all->at[which](cx, args, n, out);
  if (which == ACTOR_SPAWN) return hold_spawn(cx, args, out);
  if (which == ACTOR_RECEIVE || which == ACTOR_RECEIVE_NEXT ||
      which == ACTOR_CALL)
    return all->refuse(cx, which, args, n, out, "not in a transaction");
  return hold(cx, op, args, n, out);
}

#define OPERATION(name, which, op)                                             \
  enum BuiltinStatus ambi_b_##name(Context *cx, const Value *args, unsigned n, \
                                   Value *out) {                               \
    return call(cx, which, op, args, n, out);                                  \
  }
OPERATION(spawn, ACTOR_SPAWN, OP_SPAWN)
OPERATION(send, ACTOR_SEND, OP_SEND)
OPERATION(receive, ACTOR_RECEIVE, OP_RECEIVE)
OPERATION(receive_next, ACTOR_RECEIVE_NEXT, OP_RECEIVE_NEXT)
OPERATION(self, ACTOR_SELF, OP_SELF)
OPERATION(call, ACTOR_CALL, OP_CALL)
OPERATION(reply, ACTOR_REPLY, OP_REPLY)
OPERATION(link, ACTOR_LINK, OP_LINK)
OPERATION(monitor, ACTOR_MONITOR, OP_MONITOR)
OPERATION(kill, ACTOR_KILL, OP_KILL)
#undef OPERATION
