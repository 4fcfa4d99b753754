// Actors, for a runtime that has them.
#include "runtime/builtins/actors.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"

#define OPERATION(name, which)                                                 \
  enum BuiltinStatus ambi_b_##name(Context *cx, const Value *args, unsigned n, \
                                   Value *out) {                               \
    const ActorTable *all = cx->rt->actor_table;                               \
    if (!all) return ambi_answer_error(cx, "there are no actors here");        \
    if (cx->crew_data && !cx->actor)                                           \
      return ambi_answer_error(cx, "not in a branch that runs beside others"); \
    return all->at[which](cx, args, n, out);                                   \
  }
OPERATION(spawn, ACTOR_SPAWN)
OPERATION(send, ACTOR_SEND)
OPERATION(receive, ACTOR_RECEIVE)
OPERATION(self, ACTOR_SELF)
OPERATION(call, ACTOR_CALL)
OPERATION(reply, ACTOR_REPLY)
OPERATION(link, ACTOR_LINK)
OPERATION(monitor, ACTOR_MONITOR)
OPERATION(kill, ACTOR_KILL)
#undef OPERATION
