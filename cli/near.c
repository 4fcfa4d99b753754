// How near words are, see near.h.
#include "cli/near.h"

#include <ctype.h>
#include <string.h>

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

// Three rows of the usual table: swaps look two rows back.
static size_t distance(const char *a, size_t la, const char *b, size_t lb) {
  if (la > CLI_FAR || lb > CLI_FAR) return CLI_FAR;
  size_t rows[3][CLI_FAR + 1];
  for (size_t j = 0; j <= lb; j++)
    rows[0][j] = j;
  for (size_t i = 1; i <= la; i++) {
    size_t *row = rows[i % 3], *above = rows[(i - 1) % 3];
    const size_t *two_above = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= lb; j++) {
      size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
      best = least(best, least(above[j], row[j - 1]) + 1);
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                     a[i - 2] == b[j - 1] && a[i - 1] != b[j - 1];
      row[j] = swapped ? least(best, two_above[j - 2] + 1) : best;
    }
  }
  return rows[la % 3][lb];
}

size_t cli_distance(const char *a, size_t la, const char *b) {
  return distance(a, la, b, strlen(b));
}

bool cli_is_near(size_t apart, size_t len) {
  return apart <= 1 + len / 3;
}

size_t cli_nearest_usual(size_t len) {
  return len < 3 ? 0 : len < 6 ? 1 : len < 10 ? 2 : 3;
}

Nearest cli_nearest(const char *word, size_t len, size_t most) {
  return (Nearest){.word = word, .len = len, .distance = most + 1};
}

static bool same_but_case(const char *a, const char *b, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
      return false;
  return true;
}

void cli_nearest_try(Nearest *n, const char *name, size_t len) {
  size_t apart = len > n->len ? len - n->len : n->len - len;
  if (len == n->len && memcmp(name, n->word, len) == 0) return;
  bool only_case = apart == 0 && same_but_case(n->word, name, len);
  if (apart >= n->distance && !only_case) return;
  size_t d = only_case ? 0 : distance(n->word, n->len, name, len);
  if (d >= n->distance && !(only_case && !n->best)) return;
  n->best = name;
  n->best_len = len;
  n->distance = d;
}
