// The MeTTa files compiled into the program (see embed.sh).
#ifndef AMBIT_RUNTIME_EMBEDDED_H
#define AMBIT_RUNTIME_EMBEDDED_H

#include <stddef.h>

typedef struct EmbeddedFile {
  const char *name;  // file name without .metta
  const char *text;
  size_t len;
} EmbeddedFile;
extern const EmbeddedFile ambi_embedded[];  // ends with a NULL name

#endif
