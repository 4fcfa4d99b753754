// Lines are walked side by side.
#include "cli/answers.h"

#include <stdint.h>
#include <string.h>

Span cli_next_line(Span *rest) {
  const char *end = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
  Span line = {rest->at, end ? end : rest->end};
  rest->at = end ? end + 1 : rest->end;
  return line;
}

// The number behind the name of a new variable, $x#12; where there is none, 0.
static uint64_t variable_number(Span *s) {
  uint64_t n = 0;
  if (s->at + 1 >= s->end || *s->at != '#') return 0;
  const char *p = s->at + 1;
  while (p < s->end && *p >= '0' && *p <= '9')
    n = n * 10 + (uint64_t)(*p++ - '0');
  if (n) s->at = p;
  return n;
}

// The numbers of new variables may differ, if each stands for the same one throughout.
bool cli_same_line(Span a, Span b) {
  enum { MOST = 64 };
  uint64_t of_a[MOST], of_b[MOST];
  unsigned n = 0;
  while (a.at < a.end && b.at < b.end) {
    uint64_t x = variable_number(&a), y = variable_number(&b);
    if (!x != !y) return false;
    if (!x) {
      if (*a.at++ != *b.at++) return false;
      continue;
    }
    unsigned i = 0;
    while (i < n && of_a[i] != x && of_b[i] != y)
      i++;
    if (i < n && (of_a[i] != x || of_b[i] != y)) return false;
    if (i == n && n < MOST) {
      of_a[n] = x;
      of_b[n++] = y;
    }
  }
  return a.at == a.end && b.at == b.end;
}

bool cli_same_answers(Span a, Span b) {
  while (a.at < a.end && b.at < b.end) {
    Span x = cli_next_line(&a), y = cli_next_line(&b);
    if (!cli_same_line(x, y)) return false;
  }
  return a.at == a.end && b.at == b.end;
}
