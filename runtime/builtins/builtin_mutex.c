// with-mutex: what is done under a named lock.
#include "runtime/atoms/work.h"
#include "runtime/builtins/answer.h"
#include "runtime/builtins/mutexes.h"
#include "runtime/runtime.h"

// (_lock name): waits until the evaluation has it.
enum BuiltinStatus ambi_b_lock(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  const MutexTable *all = cx->rt->mutex_table;
  if (n < 1) return B_NOREDUCE;
  if (!ambi_word_ground(args[0]))
    return ambi_answer_error(cx, "a name without variables is expected");
  enum BuiltinStatus status = all ? all->lock(cx, args[0]) : B_OK;
  *out = AMB_UNIT;
  return status;
}

// (_unlock): gives back the lock that was taken last.
enum BuiltinStatus ambi_b_unlock(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  (void)args;
  (void)n;
  if (cx->rt->mutex_table) cx->rt->mutex_table->unlock(cx);
  return ambi_answer_unit(out);
}
