// Instructions without a template of their own: they are run one at a time by
// ambi_interp_one, and machine code goes on behind them. Those of routines, of
// records and of the engine stand in no unit that is compiled; they are named here
// so that every row of opcodes.def has its place.
#include "compiler_thread/template.h"

#define BY_THE_LOOP(name)          \
  void ambi_emit_##name(Emit *m) { \
    jit_jump(m->j, emit_slow(m));  \
  }

// Once for each list.
BY_THE_LOOP(OWNVARS)

// Resumed from records.
BY_THE_LOOP(FORK_NEXT)
BY_THE_LOOP(MANY_NEXT)
BY_THE_LOOP(MATCH_NEXT)
BY_THE_LOOP(MATCHF_NEXT)
BY_THE_LOOP(TABLE_END)
BY_THE_LOOP(TABLE_NEXT)
BY_THE_LOOP(PEND)
BY_THE_LOOP(DELIVER)
BY_THE_LOOP(DEEPEN_NEXT)
BY_THE_LOOP(ONCE_FAIL)
BY_THE_LOOP(EV_QUERY)
BY_THE_LOOP(EV_BIND_NEXT)

// Of routines.
BY_THE_LOOP(CHAINED)
BY_THE_LOOP(EV_START)
BY_THE_LOOP(EV_ARG)
BY_THE_LOOP(EV_RET)
BY_THE_LOOP(EV_VAL)
BY_THE_LOOP(EV_TMP)
BY_THE_LOOP(EV_CHAIN)
BY_THE_LOOP(EV_FUNCTION)
BY_THE_LOOP(EV_BODY)
BY_THE_LOOP(EV_EVALED)
BY_THE_LOOP(EV_METTA)
BY_THE_LOOP(EV_METTA_VAL)
BY_THE_LOOP(EV_CBIND)
BY_THE_LOOP(EV_CBIND_END)
BY_THE_LOOP(EV_STEP)
BY_THE_LOOP(EV_SPACE)
BY_THE_LOOP(EV_ONCE)
BY_THE_LOOP(EV_ONCE_VAL)

// Of the engine; EVINSTR is what a form is that is evaluated by the instructions of MeTTa.
BY_THE_LOOP(EVINSTR)
BY_THE_LOOP(TOP_RESULT)
BY_THE_LOOP(TOP_DONE)
BY_THE_LOOP(LOWER)
BY_THE_LOOP(WARM)
BY_THE_LOOP(NATIVE)
BY_THE_LOOP(SEEN)
