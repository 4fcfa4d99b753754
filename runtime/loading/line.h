// A line that is read value by value, and why it has none.
#ifndef AMBIT_RUNTIME_LINE_H
#define AMBIT_RUNTIME_LINE_H

#include "runtime/loading/rows.h"

typedef struct Line {
  Rows *t;
  const char *p, *end;
  enum RowStatus status;  // why there is no value
} Line;

// `at`: what stands there is not what was expected.
static inline Value ambi_line_fail(Line *l, const char *at,
                                   const char *expected) {
  l->status = AMB_ROW_FAIL(l->t, at, "%s", expected);
  return AMB_NONE;
}

// Memory is out.
static inline Value ambi_line_stop(Line *l) {
  l->status = ROW_STOP;
  return AMB_NONE;
}

#endif
