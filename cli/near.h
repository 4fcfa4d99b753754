// How far apart two words are: what a misspelt one may have meant.
#ifndef AMBIT_CLI_NEAR_H
#define AMBIT_CLI_NEAR_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_FAR = 32 };  // more than any two words that are near

// Insertions, deletions and changes of one character that turn a, which has la bytes,
// into b; CLI_FAR for longer words.
size_t cli_distance(const char *a, size_t la, const char *b);
// May a word of so many bytes be a misspelling of one at that distance?
bool cli_is_near(size_t distance, size_t len);

#endif
