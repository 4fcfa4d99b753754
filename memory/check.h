// Assertions at three prices, and the report of an internal error.
//
// AMB_ENSURE is a compare or two away from hot paths, and is kept in every build.
// AMB_ASSERT (constant time, anywhere) and AMB_CHECK (looks at one object) are kept
// in debug builds. AMB_WALK (memory/stress.h) walks a whole structure: debug builds
// have it, and do it when the switch `walk` is on. A failed check is our own bug:
// it reports file, line and text on standard error and aborts.
#ifndef AMBIT_MEMORY_CHECK_H
#define AMBIT_MEMORY_CHECK_H

#include <stdbool.h>

#if defined(__cplusplus)
extern "C" {
#endif

__attribute__((noreturn, cold)) void
ambi_check_failed(const char *file, int line, const char *text);

#if defined(__cplusplus)
}
#endif

#define AMB_ENSURE(c)                   \
  (__builtin_expect(!!(c), 1) ? (void)0 \
                              : ambi_check_failed(__FILE__, __LINE__, #c))

#ifdef AMB_DEBUG
#define AMB_ASSERT(c) AMB_ENSURE(c)
#define AMB_CHECK(c)  AMB_ENSURE(c)
#else
#define AMB_ASSERT(c) ((void)sizeof(c))
#define AMB_CHECK(c)  ((void)sizeof(c))
#endif

#define AMB_UNREACHABLE() ambi_check_failed(__FILE__, __LINE__, "unreachable")
// What an `_is_valid` walk answers when it has found something.
static inline bool ambi_invalid(const char **why, const char *text) {
  *why = text;
  return false;
}

#define AMB_LIKELY(c)   __builtin_expect(!!(c), 1)
#define AMB_UNLIKELY(c) __builtin_expect(!!(c), 0)

#endif
