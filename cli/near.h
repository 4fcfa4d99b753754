// How far apart two words are: what a misspelt one may have meant.
#ifndef AMBIT_CLI_NEAR_H
#define AMBIT_CLI_NEAR_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_FAR = 40 };  // more than any two words that are near

// Insertions, deletions, changes and swaps of neighbours that turn a, which has la bytes,
// into b; CLI_FAR for longer words.
size_t cli_distance(const char *a, size_t la, const char *b);
// May a word of so many bytes be a misspelling of one at that distance?
bool cli_is_near(size_t distance, size_t len);

// The nearest of many words, which are tried one by one.
typedef struct Nearest {
  const char *word;
  size_t len;
  const char *best;  // or NULL: none is near
  size_t best_len, distance;
} Nearest;
// most: the distance that is still near.
Nearest cli_nearest(const char *word, size_t len, size_t most);
// The usual one for names in programs, where short ones are many.
size_t cli_nearest_usual(size_t len);
// The word itself is not taken. Words that differ in their case alone are the nearest.
void cli_nearest_try(Nearest *n, const char *name, size_t len);

#endif
