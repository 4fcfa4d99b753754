// Edit distance, see near.h.
#include "cli/near.h"

#include <string.h>

size_t cli_distance(const char *a, size_t la, const char *b) {
  size_t lb = strlen(b);
  if (la > CLI_FAR || lb > CLI_FAR) return CLI_FAR;
  size_t row[CLI_FAR + 1];
  for (size_t j = 0; j <= lb; j++)
    row[j] = j;
  for (size_t i = 1; i <= la; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= lb; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      row[j] = best;
    }
  }
  return row[lb];
}

bool cli_is_near(size_t distance, size_t len) {
  return distance <= 1 + len / 3;
}
