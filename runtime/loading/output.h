// A file that appears whole or not at all.
//
// It is written beside its place and put there, in one step, when all of it is on the
// disk. Whatever goes wrong before leaves what was there.
#ifndef AMBIT_RUNTIME_OUTPUT_H
#define AMBIT_RUNTIME_OUTPUT_H

#include "runtime/atoms/context.h"

typedef struct Output {
  int fd;
  const char *path;
  char *beside;  // where it is written
  size_t beside_size;
} Output;

// All of them: false with cx->message or cx->stop.
bool ambi_output_open(Context *cx, Output *o, const char *path);
bool ambi_output_write(Context *cx, Output *o, const void *bytes, size_t n);
// Writes the beginning once more, and puts the file in its place.
bool ambi_output_finish(Context *cx, Output *o, const void *head, size_t n);
// Closes it; what was not finished goes.
void ambi_output_close(Output *o);

#endif
