// `ambit lsp`: what an editor asks about programs, by the Language Server Protocol.
//
// Messages come on standard input and go to standard output, one after another, in one
// thread (wire.c, server.c). A document is its text (document.c) and, once somebody asks,
// a check of it (cli/check): its findings are the diagnostics, and its model of names
// answers the questions (answers.c). Positions are lines from 0 and UTF-16 units.
#ifndef AMBIT_CLI_LSP_LSP_H
#define AMBIT_CLI_LSP_LSP_H

#include <jansson.h>

#include "cli/check/check.h"
#include "cli/cli.h"

typedef struct Document {
  char *uri;
  char *path;  // as messages name it
  char *text;
  size_t len;
  json_int_t version;
  bool told;     // its diagnostics are those of its text
  bool checked;  // `check` is there
  Check check;
  const CheckFile *file;  // the document's, in the check
} Document;

typedef struct Documents {
  Document **at;
  size_t n, cap;
} Documents;

// ---- wire.c -----------------------------------------------------------------
typedef struct Wire {
  FILE *out;
  char *in;  // what was read and not used
  size_t n, cap;
  bool ended;
  int broken;       // errno of a write that failed: nobody reads any more
  unsigned losses;  // of memory, until the message at hand (cli/lost.h)
} Wire;
enum { LSP_OUTAGE = -32603 };  // of JSON-RPC: an internal error
typedef enum WireRead {
  WIRE_MESSAGE,
  WIRE_BAD,   // what came is no message; it was skipped
  WIRE_NONE,  // nothing is there yet; only if it was not to wait
  WIRE_END
} WireRead;
// The next message; to be released.
WireRead lsp_read(Wire *w, bool wait, json_t **message);
// Releases the message. One that answers id is an Error where memory was out, another one
// is left out.
void lsp_write(Wire *w, const json_t *id, json_t *message);
void lsp_wire_drop(Wire *w);

// ---- document.c -------------------------------------------------------------
Document *lsp_find(const Documents *all, const char *uri);  // NULL: not open
// Opens it, or replaces what was open. NULL: memory is out.
Document *lsp_open(Documents *all, const char *uri, const char *text,
                   size_t len);
void lsp_close(Documents *all, const char *uri);
void lsp_close_all(Documents *all);
// One of contentChanges: with a range, or the whole text. False: it makes no sense.
bool lsp_change(Document *d, const json_t *change);
// Its check, made if need be. NULL: memory is out.
Check *lsp_check(Document *d);
// Bytes and positions; a position behind the end of a line is that end.
size_t lsp_byte(const char *text, size_t len, const json_t *position);
json_t *lsp_range(const char *text, size_t len, size_t begin, size_t end);
json_t *lsp_location(const Document *d, const DiagnosticPlace *at);

// ---- answers.c --------------------------------------------------------------
// The answer to a request about a document; NULL: null.
typedef json_t *LspAnswer(Document *d, const json_t *params);
LspAnswer lsp_hover, lsp_completion, lsp_definition, lsp_references,
    lsp_formatting, lsp_symbols, lsp_actions;
json_t *lsp_diagnostics(Document *d);

#endif
