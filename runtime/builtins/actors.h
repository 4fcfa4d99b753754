// The operations of actors, which belong to whoever runs several evaluations
// (scheduler/): the runtime has their rows and calls them through a table.
#ifndef AMBIT_RUNTIME_ACTORS_H
#define AMBIT_RUNTIME_ACTORS_H

#include "runtime/builtins/builtin.h"

enum ActorOp {
  ACTOR_SPAWN,    // E OPTIONS, and the actor, if it was reserved
  ACTOR_RESERVE,  // E OPTIONS: the actor that is to be spawned
  ACTOR_SEND,
  ACTOR_RECEIVE,
  ACTOR_RECEIVE_NEXT,
  ACTOR_SELF,
  ACTOR_CALL,
  ACTOR_REPLY,
  ACTOR_LINK,
  ACTOR_MONITOR,
  ACTOR_KILL,
  ACTOR_OPS
};
typedef struct ActorTable {
  BuiltinFn *at[ACTOR_OPS];
  // An Error with this reason, about the call as the program has written it.
  enum BuiltinStatus (*refuse)(Context *cx, enum ActorOp which,
                               const Value *args, unsigned n, Value *out,
                               const char *why);
} ActorTable;

#endif
