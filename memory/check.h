// Assertions at three prices, and the report of an internal error.
//
// AMB_ASSERT costs constant time, AMB_CHECK looks at one object, AMB_CHECK_SLOW
// walks a structure. Release builds keep none of them; debug builds keep the
// first two; AMB_SLOW_CHECKS keeps all. A failed check is our own bug: it
// reports file, line and text on standard error and aborts.
#ifndef AMBIT_MEMORY_CHECK_H
#define AMBIT_MEMORY_CHECK_H

#if defined(__cplusplus)
extern "C" {
#endif

__attribute__((noreturn, cold)) void
ambi_check_failed(const char *file, int line, const char *text);

#if defined(__cplusplus)
}
#endif

#define AMB_CHECK_ALWAYS_(c) \
  ((c) ? (void)0 : ambi_check_failed(__FILE__, __LINE__, #c))

#ifdef AMB_DEBUG
#define AMB_ASSERT(c) AMB_CHECK_ALWAYS_(c)
#define AMB_CHECK(c)  AMB_CHECK_ALWAYS_(c)
#else
#define AMB_ASSERT(c) ((void)sizeof(c))
#define AMB_CHECK(c)  ((void)sizeof(c))
#endif

#ifdef AMB_SLOW_CHECKS
#define AMB_CHECK_SLOW(c) AMB_CHECK_ALWAYS_(c)
#else
#define AMB_CHECK_SLOW(c) ((void)sizeof(c))
#endif

#define AMB_UNREACHABLE() ambi_check_failed(__FILE__, __LINE__, "unreachable")
#define AMB_LIKELY(c)     __builtin_expect(!!(c), 1)
#define AMB_UNLIKELY(c)   __builtin_expect(!!(c), 0)

#endif
