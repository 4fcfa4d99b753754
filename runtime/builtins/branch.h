// What hyperpose and interleave do alike with the branches they begin.
#ifndef AMBIT_RUNTIME_BRANCH_H
#define AMBIT_RUNTIME_BRANCH_H

#include "runtime/builtins/builtin.h"

// The list as a crew is to evaluate it, so that results tell what they bind of its
// variables. AMB_NONE: memory is out.
Value ambi_branches_told(Context *cx, Value list);
// Results in cx->many that came of it, made into what binds the variables of the list.
// False: memory is out.
bool ambi_branches_bind(Context *cx, Value list);
// (OP BRANCHES I N LIST): the call that waits for branch i of n.
Value ambi_branches_call(Context *cx, uint32_t op, uint64_t branches,
                         uint32_t i, uint32_t n, Value list);
// Reads its arguments. False: they are others.
bool ambi_branches_read(const Value *args, unsigned n, uint64_t *branches,
                        uint32_t *i, uint32_t *size);

#endif
