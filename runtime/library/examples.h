// Forms that show the names of the library, which documentation shows with them.
#ifndef AMBIT_RUNTIME_EXAMPLES_H
#define AMBIT_RUNTIME_EXAMPLES_H

#include "runtime/library/embedded.h"

extern const EmbeddedFile ambi_examples[];  // ends with a NULL name
// Forms that show a name of a module that is built in, and what they print; NULL: there are
// none.
const char *ambi_example(const char *module, const char *name, size_t *len);
// The same for a name with that description, as it is printed, in whichever module.
const char *ambi_example_of(const char *name, const char *description,
                            size_t *len);

#endif
