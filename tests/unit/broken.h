// Tests of `_is_valid` walks: a sound structure is said to be sound, and a broken one is
// told apart by what is wrong with it.
#ifndef AMBIT_TESTS_BROKEN_H
#define AMBIT_TESTS_BROKEN_H

#include "tests/unit/unit.h"

#define SOUND(walk)                                              \
  do {                                                           \
    const char *why = "nothing";                                 \
    ck_assert_msg((walk), "a sound one is said to be: %s", why); \
  } while (0)
#define SEES(walk, text)         \
  do {                           \
    const char *why = "nothing"; \
    ck_assert(!(walk));          \
    ck_assert_str_eq(why, text); \
  } while (0)
// Breaks one place, looks, and mends it.
#define BROKEN(place, value, walk, text) \
  do {                                   \
    __typeof__(place) was_ = (place);    \
    (place) = (value);                   \
    SEES(walk, text);                    \
    (place) = was_;                      \
    SOUND(walk);                         \
  } while (0)

#endif
