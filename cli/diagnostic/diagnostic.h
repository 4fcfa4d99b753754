// What the program tells a person about a text: where, how bad, what was expected, which
// name may have been meant, and which other places belong to it.
//
// A Diagnostic is a value that is shown as text (text.c) or as one JSON object (json.c).
// Texts it is given are copied; what it points into, as a source's text, stays with its
// owner.
#ifndef AMBIT_CLI_DIAGNOSTIC_DIAGNOSTIC_H
#define AMBIT_CLI_DIAGNOSTIC_DIAGNOSTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum Severity {
  SEVERITY_ERROR,
  SEVERITY_WARNING,
  SEVERITY_NOTE,
  SEVERITY_STOPPED,  // a limit or an interrupt
  SEVERITY_INTERNAL
};
enum DiagnosticForm { DIAGNOSTIC_TEXT, DIAGNOSTIC_JSON };

typedef struct DiagnosticAt {  // both from 1, columns in characters
  uint32_t line, column;
} DiagnosticAt;

typedef struct DiagnosticText {
  const char *name;  // as shown
  const char *text;
  size_t len;
  // A place whose line and column are known, so that what lies before it need not be
  // looked through once more; a line of 0: none is.
  DiagnosticAt known;
  size_t known_byte;
} DiagnosticText;

typedef struct DiagnosticPlace {
  const DiagnosticText *in;  // NULL: nowhere
  size_t begin, end;         // bytes; the same: one character
} DiagnosticPlace;

typedef struct DiagnosticNote {
  DiagnosticPlace at;
  char *message;
} DiagnosticNote;

enum { DIAGNOSTIC_NOTES = 6 };
typedef struct Diagnostic {
  enum Severity severity;
  const char *code;  // static, or NULL
  DiagnosticPlace at;
  char *message;   // NULL: memory was out
  char *expected;  // what would have been right there, or NULL
  char *nearest;   // the name that may have been meant, or NULL
  char *stack;  // lines: the calls it happened in, the innermost first; or NULL
  DiagnosticNote notes[DIAGNOSTIC_NOTES];
  size_t nnotes;
  size_t more;  // notes that found no room
} Diagnostic;

typedef struct Diagnostics {
  Diagnostic *at;
  size_t n, cap;
  bool failed;  // memory was out: some are missing
} Diagnostics;

// Adds one; NULL: memory is out. The functions behind it take NULL, too.
__attribute__((format(printf, 5, 6))) Diagnostic *
cli_diagnostics_add(Diagnostics *all, enum Severity severity, const char *code,
                    DiagnosticPlace at, const char *format, ...);
__attribute__((format(printf, 2, 3))) void
cli_diagnostic_expect(Diagnostic *d, const char *format, ...);
void cli_diagnostic_nearest(Diagnostic *d, const char *name, size_t len);
void cli_diagnostic_stack(Diagnostic *d, const char *lines, size_t len);
__attribute__((format(printf, 3, 4))) void
cli_diagnostic_note(Diagnostic *d, DiagnosticPlace at, const char *format, ...);
void cli_diagnostic_drop(Diagnostic *d);
void cli_diagnostics_drop(Diagnostics *all);
// In the order of their places, and those with the same code and the same message made
// one, with the other places as its notes.
void cli_diagnostics_sort(Diagnostics *all);
void cli_diagnostics_group(Diagnostics *all);

DiagnosticAt cli_diagnostic_at(const DiagnosticText *in, size_t byte);
const char *cli_severity_name(enum Severity severity);

// ---- showing ----------------------------------------------------------------
void cli_diagnostic_text(FILE *out, const Diagnostic *d, bool colours);
void cli_diagnostic_json(FILE *out, const Diagnostic *d);
// Does this stream show colours? Only a terminal does, unless NO_COLOR says otherwise.
bool cli_colours(const FILE *out);

// How what is told on standard error looks from now on.
void cli_diagnostic_choose(enum DiagnosticForm form);
// All of them on standard error, behind everything that was printed before; then they
// are dropped.
void cli_diagnostics_tell(Diagnostics *all);

#endif
