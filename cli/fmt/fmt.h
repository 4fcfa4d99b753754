// The layout of programs: only white space between tokens is changed.
//
// Lines that the author has broken stay broken, what does not fit is broken further, and
// what stands on a line of its own begins where its list says; so a text that was laid
// out once stays as it is. Comments stay where they stand: behind the atom before them,
// or on lines of their own.
#ifndef AMBIT_CLI_FMT_FMT_H
#define AMBIT_CLI_FMT_FMT_H

#include "cli/source/tree.h"
#include "runtime/atoms/printer.h"

enum { CLI_FORMAT_WIDTH = 80 };

// The text of a tree without faults (cli_tree_fault), to the end of `out`. False: memory
// is out.
bool cli_format(const Tree *t, unsigned width, Buffer *out);

#endif
