// Documentation as it stands in a program: its (@doc ..) atoms, types, and the comment it
// opens with.
#ifndef AMBIT_CLI_DOC_DOC_H
#define AMBIT_CLI_DOC_DOC_H

#include "cli/source/tree.h"
#include "runtime/atoms/printer.h"
#include "runtime/library/examples.h"

typedef struct DocPart {  // an argument, or what is returned
  char *type;             // or NULL
  char *text;
} DocPart;

typedef struct DocItem {
  char *name, *text;
  char *heading;  // of the section that begins with it, or NULL
  char *types;    // lines, or NULL
  DocPart *params;
  size_t nparams;
  DocPart result;  // text NULL: nothing is said of it
} DocItem;

typedef struct DocModule {
  char *name;
  char *text;  // paragraphs and lists, as they stand in the comment; or NULL
  char *
      plain;  // names that are defined without documentation, with blanks between
  DocItem *items;
  size_t nitems, cap;
  bool failed;  // memory was out: something is missing
} DocModule;

// ---- collect.c --------------------------------------------------------------------
// What a text without faults says.
void cli_doc_collect(DocModule *m, const char *name, const Tree *t);
void cli_doc_drop(DocModule *m);
const DocItem *cli_doc_find(const DocModule *m, const char *name);

// ---- text.c, html.c ---------------------------------------------------------------
typedef struct DocStyle {
  bool bold;
  unsigned width;
} DocStyle;
void cli_doc_text(Buffer *b, const DocModule *m, DocStyle style);
// One item alone, with its examples.
void cli_doc_item_text(Buffer *b, const DocModule *m, const DocItem *item,
                       DocStyle style);
// One line for each module.
void cli_doc_list_text(Buffer *b, const DocModule *m, size_t n, DocStyle style);
// What the modules that are built in say of a name (command.c). False: nothing.
bool cli_doc_name_text(Buffer *b, const char *name, DocStyle style);
void cli_doc_html(Buffer *b, const DocModule *m, size_t n);

#endif
