// Escapes of JSON and N-Triples, which share most.
#ifndef AMBIT_RUNTIME_ESCAPE_H
#define AMBIT_RUNTIME_ESCAPE_H

#include "runtime/atoms/utf8.h"

// What stands behind a backslash. 0: none of the letters.
static inline char ambi_escape_letter(char c) {
  switch (c) {
  case 't': return '\t';
  case 'b': return '\b';
  case 'n': return '\n';
  case 'r': return '\r';
  case 'f': return '\f';
  case '"':
  case '\\': return c;
  default: return 0;
  }
}

// n digits; UINT32_MAX: they are not there.
static inline uint32_t ambi_escape_hex(const char *p, const char *end, int n) {
  uint32_t c = 0;
  if (end - p < n) return UINT32_MAX;
  for (int i = 0; i < n; i++) {
    char d = p[i], low = (char)(d | 0x20);
    if (d >= '0' && d <= '9')
      c = c << 4 | (uint32_t)(d - '0');
    else if (low >= 'a' && low <= 'f')
      c = c << 4 | (uint32_t)(low - 'a' + 10);
    else
      return UINT32_MAX;
  }
  return c;
}

#endif
