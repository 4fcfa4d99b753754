// The tree of a text: every token and bracket of a MeTTa text, with its bytes.
//
// What looks at a program without running it (formatter, checker, editor, prompt) reads
// it so: the tokens are those of the reader (runtime/atoms/reader.h), but no text is
// refused. What the reader would refuse is there with its fault, and what follows it,
// too. Nodes stand in the order of the text. Each byte belongs to a leaf, to a bracket
// of a list, or is white space between them.
#ifndef AMBIT_CLI_SOURCE_TREE_H
#define AMBIT_CLI_SOURCE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buffer Buffer;

typedef enum NodeKind {
  NODE_ROOT,      // the whole text, node 0
  NODE_LIST,      // from ( to behind its ), or to the end of the text
  NODE_SYMBOL,    // a word; tokens that a program binds are such, too
  NODE_VARIABLE,  // with its $
  NODE_STRING,    // with its quotes
  NODE_NUMBER,
  NODE_BANG,     // ! outside of all brackets: what follows it is evaluated
  NODE_COMMENT,  // from ; up to the end of its line, without it
  NODE_STRAY     // a ) that closes nothing
} NodeKind;

typedef enum NodeFault {
  FAULT_NONE,
  FAULT_OPEN,    // a list without its ), a string without its closing "
  FAULT_ESCAPE,  // a string with an escape sequence that is not valid
  FAULT_UTF8,    // bytes that are no characters
  FAULT_HASH,    // a # in the name of a variable
  FAULT_STRAY
} NodeFault;

typedef struct Node {
  uint32_t begin, end;           // bytes, end exclusive
  uint32_t parent, next, child;  // nodes; 0: none (the root is nobody's child)
  uint8_t kind, fault;           // NodeKind, NodeFault: the first one in it
} Node;

typedef struct Tree {
  const char *text;  // the caller's
  size_t len;
  Node *nodes;  // in order of `begin`, parents before their children
  uint32_t count;
  uint32_t *lines;  // where each line begins
  uint32_t line_count;
  size_t room, line_room;
} Tree;

typedef struct Place {
  uint32_t line, column;  // from 1; characters
} Place;

// The text is kept, not copied. False: memory is out, or 4 GB are reached; nothing is
// to be freed then.
bool cli_tree_read(Tree *t, const char *text, size_t len);
void cli_tree_free(Tree *t);
Place cli_tree_place(const Tree *t, uint32_t byte);
// The innermost node that the byte is in or, if there is none, that ends just before
// it; a list for what stands between its children. 0: outside of all.
uint32_t cli_tree_at(const Tree *t, uint32_t byte);
// Does the node's text read so?
bool cli_tree_is(const Tree *t, uint32_t node, const char *text);
// The first child, or the next node of the same parent, that is no comment; 0: none.
uint32_t cli_tree_first(const Tree *t, uint32_t node);
uint32_t cli_tree_next(const Tree *t, uint32_t node);
// The node on one line, without comments; of more than `most` bytes the rest is cut.
void cli_tree_print(const Tree *t, uint32_t node, size_t most, Buffer *b);
// What a string without faults stands for.
void cli_tree_string(const Tree *t, uint32_t node, Buffer *b);
// The node whose fault the reader would report; 0: there is none. And what it would say.
uint32_t cli_tree_fault(const Tree *t);
const char *cli_tree_fault_text(const Tree *t, uint32_t node);
// Was every list and string closed? A prompt asks for more lines until then.
bool cli_tree_is_closed(const Tree *t);

#endif
