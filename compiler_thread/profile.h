// Names of machine code for `perf`: a map of what stands where, or a dump of it.
//
// PROFILE_MAP writes /tmp/perf-PID.map, one line for each unit, which `perf report`
// reads by itself. Memory that is used again gets a second line there. PROFILE_DUMP
// writes jit-PID.dump in the current folder, with the code and the time it came, for
// `perf inject --jit`.
//
// One thread adds; the file is written as units come, so that it is of use when the
// process is killed.
#ifndef AMBIT_COMPILER_THREAD_PROFILE_H
#define AMBIT_COMPILER_THREAD_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

enum JitProfile { PROFILE_NONE, PROFILE_MAP, PROFILE_DUMP };

typedef struct Profile Profile;

// NULL: *why (static text).
Profile *ambi_profile_open(enum JitProfile kind, const char **why);
void ambi_profile_close(Profile *p);
void ambi_profile_add(Profile *p, const void *code, size_t bytes,
                      const char *name);

#endif
