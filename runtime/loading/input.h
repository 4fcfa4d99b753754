// A file read piece by piece, a row at a time.
//
// Only the row being read and what came with it is in memory. Behind the last byte
// there is always a line end, so that a scan needs to look for the end of the text
// only where it finds one.
#ifndef AMBIT_RUNTIME_INPUT_H
#define AMBIT_RUNTIME_INPUT_H

#include "runtime/atoms/context.h"

typedef struct Input {
  const char *name;  // as shown in messages
  int fd;
  char *text;  // n bytes of the file, those before `row` are done with
  size_t n, cap, row;
  bool whole;     // the file has no more
  uint64_t size;  // of the file; 0: not known
  uint64_t done;  // bytes of the file before `text`
  uint32_t line;  // of the row
} Input;

// False with cx->message or cx->stop.
bool ambi_input_open(Context *cx, Input *in, const char *name);
void ambi_input_close(Input *in);
// More text behind the row, which may move. False with cx->message or cx->stop.
bool ambi_input_more(Context *cx, Input *in);
// cx->message is FILE:LINE:COLUMN: and the text; `at` lies in the row. False.
bool ambi_input_fail(Context *cx, const Input *in, const char *at,
                     const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
