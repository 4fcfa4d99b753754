// Build-time constants, each with its reason.
#ifndef AMBIT_RUNTIME_CONFIG_H
#define AMBIT_RUNTIME_CONFIG_H

// Symbols are not reclaimed: a cap turns an endless supply of new names into an error
// instead of a leak. Limits.names may set a lower one.
#define AMB_MAX_SYMBOLS (1u << 24)

// Address space per context heap. Reserved, not committed; the memory limit
// decides how much is used. ThreadSanitizer leaves little address space, and 64
// nested modules want a heap each.
#ifdef __SANITIZE_THREAD__
#define AMB_HEAP_RESERVE ((size_t)1 << 32)
#else
#define AMB_HEAP_RESERVE ((size_t)1 << 36)
#endif

// Steps between two looks at clock, limits and heap: about 0.1 ms.
#define AMB_POLL_STEPS 4096

// Words from which collected results become part of the heap as they stand.
#define AMB_ADOPT_WORDS (1 << 16)

// What complete tables take together at most; half of --memory if that is less.
#define AMB_TABLE_BYTES ((size_t)256 << 20)

// Modules that load modules nest C calls; deeper nesting is an error.
#define AMB_MAX_MODULE_NESTING 64

#endif
