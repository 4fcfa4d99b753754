// One top-level atom per call, built in scratch memory and then stored.
//
// Finished atoms wait on a stack of values; a closing bracket turns the topmost
// ones into an expression. Nothing recurses, so nesting costs memory only. Lines
// and columns are not counted per character: `bias` is the number of bytes of
// the text that count in no column of the line (those of earlier lines and the
// inner bytes of multi-byte characters), which gives the column by subtraction.
#include <stdio.h>

#include "memory/arena.h"
#include "runtime/atoms/utf8.h"
#include "runtime/atoms/work.h"
#include "runtime/runtime.h"

enum { FEW_VARS = 16, SCRATCH_WORDS = 256 };

typedef struct Bracket {  // an expression that is still open
  size_t first;           // index of its first child among the values
  size_t offset;          // of its `(` in the text
  bool ground;
  bool data;      // what stands in it may be taken for data, see mention.h
  uint8_t calls;  // how it names a function by its head: enum NamedAs, or 0
  enum { PLAIN, PAIRS, PAIR } kind;  // list of let*, case or switch; one of it
} Bracket;

typedef struct Read {
  Reader *r;
  const unsigned char *p, *end;
  size_t bias;
  uint32_t line;
  Work values;    // Value: children of the open brackets, left to right
  Work brackets;  // Bracket
  Word **vars;    // cells of the variables met, in order
  size_t nvars, vars_cap;
  uint32_t *var_slots;  // hash of VINFO words -> index + 1; none while few
  size_t nvar_slots;
  Word *next, *last;  // free scratch words
  Arena more;         // when those are used up
  Word scratch[SCRATCH_WORDS];
} Read;

// ---- character classes --------------------------------------------------------

enum { BLANK = 1, BRACKET = 2, SEMICOLON = 4, HASH = 8, HIGH = 16 };
enum {
  ENDS_WORD = BLANK | BRACKET | SEMICOLON,
  ENDS_VARIABLE = BLANK | BRACKET | HASH
};
static const unsigned char class_of[256] = {
    ['\t'] = BLANK,    ['\n'] = BLANK, ['\v'] = BLANK,        ['\f'] = BLANK,
    ['\r'] = BLANK,    [' '] = BLANK,  ['('] = BRACKET,       [')'] = BRACKET,
    [';'] = SEMICOLON, ['#'] = HASH,   [0x80 ... 0xFF] = HIGH};

// ---- places and errors --------------------------------------------------------

static size_t offset_of(const Read *rd, const unsigned char *p) {
  return (size_t)(p - (const unsigned char *)rd->r->text);
}

static Position position(const Read *rd, const unsigned char *p) {
  size_t offset = offset_of(rd, p);
  return (Position){rd->line, (uint32_t)(offset - rd->bias + 1), offset};
}

// Counts from a place known to one further on.
static Position count_to(const Reader *r, Position at, size_t offset) {
  for (; at.offset < offset; at.offset++) {
    unsigned char c = (unsigned char)r->text[at.offset];
    if (c == '\n') {
      at.line++;
      at.column = 1;
    } else if ((c & 0xC0) != 0x80) {
      at.column++;
    }
  }
  return at;
}

// What cannot be read swallows all that follows it.
static enum ReadStatus fail(Read *rd, size_t offset, const char *message) {
  Reader *r = rd->r;
  r->error = (ReadError){count_to(r, r->pos, offset), message};
  r->pos = count_to(r, r->error.at, r->len);
  r->next = r->len;
  return READ_ERROR;
}

// The message names the place, so its text is made a symbol to keep it alive.
static enum ReadStatus fail_input(Read *rd) {
  size_t offset = offset_of(rd, rd->p);
  char text[96];
  uint32_t id;
  int len = snprintf(text, sizeof text,
                     "Input read error at position %zu: invalid UTF-8", offset);
  bool kept = ambi_symbol_intern(rd->r->rt->symbols, text, (size_t)len, &id);
  return fail(rd, offset,
              kept ? ambi_symbol(rd->r->rt->symbols, id)->text
                   : "Input read error: invalid UTF-8");
}

// ---- memory -------------------------------------------------------------------

static Word *take(Read *rd, size_t words) {
  if ((size_t)(rd->last - rd->next) < words)
    return words > PTRDIFF_MAX / sizeof(Word)
               ? NULL
               : ambi_arena_alloc(&rd->more, words * sizeof(Word));
  Word *p = rd->next;
  rd->next += words;
  return p;
}

static Word *take_words(void *arg, size_t words) {
  return take(arg, words);
}

static bool push_span(Read *rd, Position at) {
  SpanVec *spans = rd->r->spans;
  if (!spans) return true;
  if (!ambi_grow((void **)&spans->at, &spans->cap, spans->n + 1,
                 sizeof *spans->at))
    return false;
  spans->at[spans->n++] = at;
  return true;
}

static bool push_value(Read *rd, Value v) {
  Value *top = ambi_work_push(&rd->values, sizeof v);
  if (!top) return false;
  *top = v;
  return true;
}

static Bracket *innermost(Read *rd) {
  return rd->brackets.used ? ambi_work_top(&rd->brackets, sizeof(Bracket))
                           : NULL;
}

static bool push_open(Read *rd, Value v) {
  Bracket *b = innermost(rd);
  if (b) b->ground = false;
  return push_value(rd, v);
}

// ---- variables ----------------------------------------------------------------

static size_t var_slot(const Read *rd, Word info) {
  size_t mask = rd->nvar_slots - 1;
  size_t i = (size_t)(info * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
  while (rd->var_slots[i] && rd->vars[rd->var_slots[i] - 1][1] != info)
    i = (i + 1) & mask;
  return i;
}

static bool grow_var_slots(Read *rd) {
  size_t n = rd->nvar_slots ? rd->nvar_slots * 2 : FEW_VARS * 8;
  uint32_t *slots = ambi_alloc(n * sizeof *slots);
  if (!slots) return false;
  ambi_free(rd->var_slots, rd->nvar_slots * sizeof *slots);
  rd->var_slots = slots;
  rd->nvar_slots = n;
  for (uint32_t i = 0; i < rd->nvars; i++)
    slots[var_slot(rd, rd->vars[i][1])] = i + 1;
  return true;
}

static Word *known_var(const Read *rd, Word info) {
  if (rd->var_slots) {
    uint32_t i = rd->var_slots[var_slot(rd, info)];
    return i ? rd->vars[i - 1] : NULL;
  }
  for (size_t i = 0; i < rd->nvars; i++)
    if (rd->vars[i][1] == info) return rd->vars[i];
  return NULL;
}

// The one variable of this atom with that name and id; NULL: memory is out.
static Word *variable_cell(Read *rd, Word info) {
  Word *cell = known_var(rd, info);
  if (cell) return cell;
  if (rd->nvars >= FEW_VARS && rd->nvars * 2 >= rd->nvar_slots &&
      !grow_var_slots(rd))
    return NULL;
  cell = take(rd, 2);
  if (!cell || rd->nvars == UINT32_MAX ||
      !ambi_grow((void **)&rd->vars, &rd->vars_cap, rd->nvars + 1,
                 sizeof *rd->vars))
    return NULL;
  cell[0] = AMB_TAGGED(TAG_VAR, (uintptr_t)cell);
  cell[1] = info;
  size_t slot = rd->var_slots ? var_slot(rd, info) : 0;
  rd->vars[rd->nvars++] = cell;
  if (rd->var_slots) rd->var_slots[slot] = (uint32_t)rd->nvars;
  return cell;
}

// ---- scanning -----------------------------------------------------------------

// Goes on to the next character of the given classes, to white space or to the
// end. False: not UTF-8 at rd->p.
static bool scan(Read *rd, unsigned stop) {
  for (;;) {
    while (rd->p < rd->end && !(class_of[*rd->p] & (stop | HIGH)))
      rd->p++;
    if (rd->p == rd->end || class_of[*rd->p] != HIGH) return true;
    uint32_t c;
    unsigned n = ambi_utf8_decode(rd->p, rd->end, &c);
    if (n == 0) return false;
    if (ambi_is_white_space(c)) return true;
    rd->p += n;
    rd->bias += n - 1;
  }
}

static bool skip_comment(Read *rd) {
  while (rd->p < rd->end && *rd->p != '\n') {
    uint32_t c;
    unsigned n = ambi_utf8_decode(rd->p, rd->end, &c);
    if (n == 0) return false;
    rd->p += n;
    rd->bias += n - 1;
  }
  return true;
}

// White space and comments. False: not UTF-8 at rd->p.
static bool skip_blank(Read *rd) {
  while (rd->p < rd->end) {
    unsigned char c = *rd->p;
    if (c == '\n') {
      rd->p++;
      rd->line++;
      rd->bias = offset_of(rd, rd->p);
    } else if (class_of[c] == BLANK) {
      rd->p++;
    } else if (c == ';') {
      if (!skip_comment(rd)) return false;
    } else if (class_of[c] == HIGH) {
      uint32_t wide;
      unsigned n = ambi_utf8_decode(rd->p, rd->end, &wide);
      if (n == 0) return false;
      if (!ambi_is_white_space(wide)) return true;
      rd->p += n;
      rd->bias += n - 1;
    } else {
      return true;
    }
  }
  return true;
}

// ---- values of tokens ---------------------------------------------------------

typedef struct Piece {  // children of a stored term still to be visited
  const Value *src;
  Word *dst;
  uint32_t left;
} Piece;

// Children of v from `dst` on; false: memory is out.
static bool push_piece(Work *w, Value v, Word *dst) {
  Piece *piece = ambi_work_push(w, sizeof *piece);
  if (!piece) return false;
  *piece = (Piece){ambi_expr_items(v), dst, ambi_hdr_size(*ambi_ptr(v))};
  return true;
}

static Piece *next_piece(Work *w) {
  while (w->used) {
    Piece *piece = ambi_work_top(w, sizeof *piece);
    if (piece->left) return piece;
    w->used -= sizeof *piece;
  }
  return NULL;
}

// Every node of a token's value is noted at the token's place.
static bool span_term(Read *rd, Value v, Position at) {
  Work w;
  ambi_work_open(&w);
  bool ok = push_span(rd, at) && (!ambi_is_expr(v) || push_piece(&w, v, NULL));
  for (Piece *piece; ok && (piece = next_piece(&w));) {
    v = *piece->src++;
    piece->left--;
    ok = push_span(rd, at) && (!ambi_is_expr(v) || push_piece(&w, v, NULL));
  }
  ambi_work_close(&w);
  return ok;
}

// One word of a copy with the variables of this atom; an expression with
// variables is begun, and its children wait in w. AMB_NONE: memory is out.
static Value copy_part(Read *rd, Work *w, const Template *t, Value v) {
  if (ambi_is_lvar(v)) {
    Word *cell = variable_cell(rd, t->vinfo[ambi_lvar_of(v)]);
    return cell ? ambi_tag_ptr(TAG_VAR, cell) : AMB_NONE;
  }
  if (ambi_word_ground(v)) return v;
  Word header = *ambi_ptr(v);  // of an expression or of bindings
  Word *copy = take(rd, 1 + (size_t)ambi_hdr_size(header));
  if (!copy || !push_piece(w, v, copy + 1)) return AMB_NONE;
  *copy = header;
  return ambi_tag_ptr(ambi_tag(v), copy);
}

static Value copy_value(Read *rd, const Template *t) {
  Work w;
  ambi_work_open(&w);
  Value root = copy_part(rd, &w, t, t->atom);
  bool ok = !ambi_is_none(root);
  for (Piece *piece; ok && (piece = next_piece(&w));) {
    Value v = *piece->src++;
    Word *dst = piece->dst++;
    piece->left--;
    v = copy_part(rd, &w, t, v);
    *dst = v.w;
    ok = !ambi_is_none(v);
  }
  ambi_work_close(&w);
  return ok ? root : AMB_NONE;
}

// The entry for a text that is not known as a symbol; NULL: nothing special.
// Mostly no token begins like it, and the symbol table is not asked at all.
static const Template *token_of_text(const Read *rd, const char *text,
                                     size_t len) {
  Reader *r = rd->r;
  uint32_t symbol;
  if (!r->tokens || !ambi_tokens_may_match(r->tokens, text[0])) return NULL;
  if (!ambi_symbol_find(r->rt->symbols, text, len, &symbol))
    symbol = AMB_NO_SYMBOL;
  return ambi_tokens_entry(r->tokens, text, len, symbol);
}

// Is what comes next the head of a bracket?
static bool at_head(Read *rd) {
  const Bracket *b = innermost(rd);
  return b && rd->values.used == b->first * sizeof(Value);
}

// May what comes next be taken for data?
static bool in_data(Read *rd) {
  const Bracket *b = innermost(rd);
  if (!b) return false;  // its head decides
  if (b->data || b->kind != PLAIN || at_head(rd)) return b->data;
  Value head = ((const Value *)(const void *)rd->values.at)[b->first];
  bool outermost = rd->brackets.used == sizeof(Bracket);
  return !ambi_mention_evaluates(rd->r->rt, head, outermost && !rd->r->form);
}

// How an expression that comes next names a function.
static unsigned next_calls(Read *rd) {
  const Bracket *b = innermost(rd);
  if (!b) return 0;
  if (b->kind != PLAIN || at_head(rd)) return b->calls;
  Value head = ((const Value *)(const void *)rd->values.at)[b->first];
  bool outermost = rd->brackets.used == sizeof(Bracket);
  return ambi_mention_arguments(rd->r->rt, head, outermost && !rd->r->form,
                                b->calls);
}

// The expression was read that has this head: the subject of a rule, or what may be a
// call.
static bool mention_head(Read *rd, Value head, unsigned calls) {
  const Bracket *b = innermost(rd);
  const Value *all = (const Value *)(const void *)rd->values.at;
  size_t i = rd->values.used / sizeof(Value);
  if (!ambi_is_sym(head)) {
    if (calls) ambi_mention_head(rd->r->rt, head, calls);
    return true;
  }
  bool subject = b && i == b->first + 1 && all[b->first].w == AMB_SYM(EQ).w;
  if (subject) calls |= NAMED_FUNCTION;
  return !calls || ambi_mention_name(rd->r->rt, ambi_sym_of(head), calls);
}

// An operation at the head of a bracket is noted with its operands, later.
static void mention_token(Read *rd, const Template *t) {
  if (ambi_is_op(t->atom) && !at_head(rd))
    ambi_mention_op(rd->r->rt, t->atom, in_data(rd));
}

static bool push_token_value(Read *rd, const Template *t, Position at) {
  mention_token(rd, t);
  if (rd->r->spans && !span_term(rd, t->atom, at)) return false;
  if (t->nvars == 0) return push_value(rd, t->atom);
  Value v = copy_value(rd, t);
  return !ambi_is_none(v) && push_open(rd, v);
}

// ---- strings ------------------------------------------------------------------

static int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The digits of \xHH and \u{H..}, which rd->p stands on. False: not valid.
static bool hex_escape(Read *rd, bool braces, uint32_t *c) {
  unsigned most = braces ? 8 : 2, n = 0;
  if (braces && (rd->p == rd->end || *rd->p++ != '{')) return false;
  for (*c = 0; n < most && rd->p < rd->end && hex_digit(*rd->p) >= 0; n++)
    *c = *c << 4 | (uint32_t)hex_digit(*rd->p++);
  if (!braces) return n == 2 && *c <= 0x7F;
  return n > 0 && rd->p < rd->end && *rd->p++ == '}' && ambi_is_scalar(*c);
}

// What follows a backslash; rd->p goes behind it. False: not valid.
static bool escape(Read *rd, uint32_t *c) {
  unsigned char kind = *rd->p++;
  *c = kind;
  switch (kind) {
  case '\'':
  case '"':
  case '\\': return true;
  case 'n': *c = '\n'; return true;
  case 'r': *c = '\r'; return true;
  case 't': *c = '\t'; return true;
  case 'x': return hex_escape(rd, false, c);
  case 'u': return hex_escape(rd, true, c);
  default: return false;
  }
}

// Upper bound of the bytes between the quotes.
static size_t measure_string(const Read *rd) {
  const unsigned char *p = rd->p;
  for (; p < rd->end && *p != '"'; p++)
    if (*p == '\\' && p + 1 < rd->end) p++;
  return (size_t)(p - rd->p);
}

// Unescapes what follows the opening quote, up to and with the closing one.
static enum ReadStatus string_bytes(Read *rd, size_t opening, char *out,
                                    size_t *len) {
  char *start = out;
  while (rd->p < rd->end && *rd->p != '"') {
    const unsigned char *at = rd->p;
    uint32_t c;
    unsigned n = ambi_utf8_decode(at, rd->end, &c);
    if (n == 0) return fail_input(rd);
    rd->p += n;
    if (c == '\\') {
      if (rd->p == rd->end)
        return fail(rd, offset_of(rd, at), "Escaping sequence is not finished");
      if (!escape(rd, &c))
        return fail(rd, offset_of(rd, at), "Invalid escape sequence");
      out += ambi_utf8_encode(c, out);
      continue;
    }
    memcpy(out, at, n);
    out += n;
    rd->bias += n - 1;
    if (c == '\n') {
      rd->line++;
      rd->bias = offset_of(rd, rd->p);
    }
  }
  if (rd->p == rd->end) return fail(rd, opening, "Unclosed String Literal");
  rd->p++;
  *len = (size_t)(out - start);
  return READ_ATOM;
}

// A literal passes through the tokenizer with its quotes, but unescaped: the
// opening quote stands before the bytes in the object being made, and both
// vanish once nothing matched.
static enum ReadStatus read_string(Read *rd) {
  Position at = position(rd, rd->p++);
  size_t room = measure_string(rd), len = 0;
  if (room >= UINT32_MAX) return READ_MEMORY;
  Word *object = take(rd, 1 + (room + 2) / 8 + 1);
  if (!object) return READ_MEMORY;
  char *bytes = (char *)(object + 1);
  enum ReadStatus status = string_bytes(rd, at.offset, bytes + 1, &len);
  if (status != READ_ATOM) return status;
  bytes[0] = bytes[len + 1] = '"';
  const Template *t = token_of_text(rd, bytes, len + 2);
  if (t) return push_token_value(rd, t, at) ? READ_ATOM : READ_MEMORY;
  memmove(bytes, bytes + 1, len);
  memset(bytes + len, 0, 8 - len % 8);
  *object = ambi_header(KIND_STR, 0, (uint32_t)len);
  bool ok = push_span(rd, at) && push_value(rd, ambi_tag_ptr(TAG_OBJ, object));
  return ok ? READ_ATOM : READ_MEMORY;
}

// ---- words and variables ------------------------------------------------------

static enum ReadStatus read_variable(Read *rd) {
  Position at = position(rd, rd->p++);
  const unsigned char *name = rd->p;
  if (!scan(rd, ENDS_VARIABLE)) return fail_input(rd);
  if (rd->p < rd->end && *rd->p == '#')
    return fail(rd, offset_of(rd, rd->p),
                "'#' char is reserved for internal usage");
  uint32_t id;
  if (!ambi_symbol_intern(rd->r->rt->symbols, (const char *)name,
                          (size_t)(rd->p - name), &id))
    return READ_MEMORY;
  Word *cell = variable_cell(rd, ambi_vinfo(id, AMB_VAR_AS_WRITTEN));
  if (!cell || !push_span(rd, at) ||
      !push_open(rd, ambi_tag_ptr(TAG_VAR, cell)))
    return READ_MEMORY;
  return READ_ATOM;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A word that may be a number: it becomes a symbol only if it is none.
static enum ReadStatus read_number(Read *rd, const char *word, size_t len,
                                   Position at, bool *is_number) {
  *is_number = true;
  const Template *t = token_of_text(rd, word, len);
  if (t) return push_token_value(rd, t, at) ? READ_ATOM : READ_MEMORY;
  Value v;
  int made = ambi_num_parse(word, len, &v, take_words, rd);
  *is_number = made != 0;
  if (made == 0) return READ_ATOM;
  bool ok = made > 0 && push_span(rd, at) && push_value(rd, v);
  return ok ? READ_ATOM : READ_MEMORY;
}

// A pattern that asks for rules gives bodies as data; a rule that is added or removed
// does not.
static bool asks_for_rules(Read *rd) {
  if (!at_head(rd) || rd->brackets.used == sizeof(Bracket)) return false;
  const Bracket *outer = innermost(rd) - 1;
  Value head = ((const Value *)(const void *)rd->values.at)[outer->first];
  if (innermost(rd)->first == outer->first || !ambi_is_op(head)) return true;
  return ambi_op_of(head) != OP_ADD_ATOM && ambi_op_of(head) != OP_REMOVE_ATOM;
}

// The subject of a type is no call.
static bool is_typed(Read *rd) {
  const Bracket *b = innermost(rd);
  const Value *all = (const Value *)(const void *)rd->values.at;
  return b && rd->values.used / sizeof(Value) == b->first + 1 &&
         all[b->first].w == AMB_SYM(COLON).w;
}

static bool names_data(Read *rd, uint32_t symbol) {
  if (symbol == AMB_S_EQ) return asks_for_rules(rd);
  if (is_typed(rd)) return false;
  return in_data(rd);
}

// NotReducible as a child, or a function by its head.
static void mention_body(Read *rd, uint32_t symbol) {
  const Value *children = (const Value *)(const void *)rd->values.at;
  size_t i = rd->values.used / sizeof(Value);
  const Bracket *b = innermost(rd);
  bool head = symbol == AMB_S_FUNCTION && at_head(rd);
  if (head) {
    i = b->first;
    b = rd->brackets.used > sizeof(Bracket) ? b - 1 : NULL;
  }
  if (symbol == AMB_S_FUNCTION && !head) i = 0;  // it may become one
  if (!b || (symbol == AMB_S_NOT_REDUCIBLE && at_head(rd) && b->kind == PAIR))
    return;  // a pattern takes none
  Value of = b->first < i ? children[b->first] : AMB_UNIT;
  ambi_mention_body(rd->r->rt, symbol, of, i <= b->first ? 0 : i - b->first);
}

static enum ReadStatus read_word(Read *rd) {
  Reader *r = rd->r;
  Position at = position(rd, rd->p);
  const char *word = (const char *)rd->p;
  if (!scan(rd, ENDS_WORD)) return fail_input(rd);
  size_t len = (size_t)((const char *)rd->p - word);
  bool is_number = false;
  if (is_digit(word[0]) ||
      ((word[0] == '-' || word[0] == '+') && len > 1 && is_digit(word[1]))) {
    enum ReadStatus status = read_number(rd, word, len, at, &is_number);
    if (is_number) return status;
  }
  uint32_t symbol;
  if (!ambi_symbol_intern(r->rt->symbols, word, len, &symbol))
    return READ_MEMORY;
  const Template *t =
      r->tokens ? ambi_tokens_entry(r->tokens, word, len, symbol) : NULL;
  if (t) return push_token_value(rd, t, at) ? READ_ATOM : READ_MEMORY;
  if (symbol == AMB_S_NOT_REDUCIBLE || symbol == AMB_S_FUNCTION)
    mention_body(rd, symbol);
  bool head = rd->brackets.used == sizeof(Bracket) && at_head(rd);
  if (!head || !r->form)
    ambi_mention_symbol(r->rt, symbol, head, names_data(rd, symbol));
  bool ok = push_span(rd, at) && push_value(rd, AMB_SYM_ID(symbol));
  return ok ? READ_ATOM : READ_MEMORY;
}

// ---- expressions --------------------------------------------------------------

// The list of let*, case or switch, or a pair of one: its first child is a pattern.
static unsigned bracket_kind(Read *rd) {
  const Bracket *b = innermost(rd);
  if (!b) return PLAIN;
  if (b->kind != PLAIN) return b->kind == PAIRS ? PAIR : PLAIN;
  const Value *children = (const Value *)(const void *)rd->values.at + b->first;
  size_t n = rd->values.used / sizeof(Value) - b->first;
  if (n == 1 && children[0].w == AMB_SYM(LET_STAR).w) return PAIRS;
  bool clauses = n == 2 && (children[0].w == AMB_SYM(CASE).w ||
                            children[0].w == AMB_SYM(SWITCH).w);
  return clauses ? PAIRS : PLAIN;
}

static enum ReadStatus open_bracket(Read *rd) {
  if (!push_span(rd, position(rd, rd->p))) return READ_MEMORY;
  bool data = in_data(rd);
  unsigned calls = next_calls(rd);
  unsigned kind = bracket_kind(rd);
  Bracket *b = ambi_work_push(&rd->brackets, sizeof *b);
  if (!b) return READ_MEMORY;
  *b = (Bracket){.first = rd->values.used / sizeof(Value),
                 .offset = offset_of(rd, rd->p),
                 .ground = true,
                 .data = data,
                 .calls = (uint8_t)calls,
                 .kind = kind};
  rd->p++;
  return READ_ATOM;
}

static enum ReadStatus close_bracket(Read *rd) {
  Bracket *b = innermost(rd);
  if (!b) return fail(rd, offset_of(rd, rd->p), "Unexpected right bracket");
  rd->p++;
  Bracket done = *b;
  rd->brackets.used -= sizeof *b;
  size_t n = rd->values.used / sizeof(Value) - done.first;
  rd->values.used -= n * sizeof(Value);
  if (n == 0) return push_value(rd, AMB_UNIT) ? READ_ATOM : READ_MEMORY;
  Word *object = n < UINT32_MAX ? take(rd, 1 + n) : NULL;
  if (!object) return READ_MEMORY;
  *object = ambi_header(KIND_FLAT, done.ground ? FLAG_GROUND : 0, (uint32_t)n);
  memcpy(object + 1, rd->values.at + rd->values.used, n * sizeof(Value));
  Value v = ambi_tag_ptr(TAG_EXPR, object);
  if (done.ground) v.w |= AMB_EXPR_GROUND;
  if (ambi_is_op(AMB_V(object[1])) && (rd->brackets.used > 0 || !rd->r->form))
    ambi_mention_op(rd->r->rt, v, done.data);
  if (!mention_head(rd, AMB_V(object[1]), done.calls)) return READ_MEMORY;
  ambi_mention_adding(rd->r->rt, v);
  if (n == 2 && object[1] == AMB_SYM(EVAL).w) ambi_mention_eval(rd->r->rt, v);
  bool ok = done.ground ? push_value(rd, v) : push_open(rd, v);
  return ok ? READ_ATOM : READ_MEMORY;
}

// READ_ATOM: one more step was made.
static enum ReadStatus read_piece(Read *rd) {
  switch (*rd->p) {
  case '(': return open_bracket(rd);
  case ')': return close_bracket(rd);
  case '"': return read_string(rd);
  case '$': return read_variable(rd);
  default: return read_word(rd);
  }
}

static enum ReadStatus read_pieces(Read *rd) {
  bool started = false;
  for (;;) {
    if (!skip_blank(rd)) return fail_input(rd);
    if (rd->p == rd->end) {
      const Bracket *b = innermost(rd);
      return b ? fail(rd, b->offset, "Unexpected end of expression") : READ_END;
    }
    if (!started) rd->r->start = position(rd, rd->p);
    started = true;
    enum ReadStatus status = read_piece(rd);
    if (status != READ_ATOM || rd->brackets.used == 0) return status;
  }
}

// ---- the reader ---------------------------------------------------------------

void ambi_reader_open(Reader *r, Runtime *rt, Tokens *tokens, const char *text,
                      size_t len) {
  *r = (Reader){.rt = rt,
                .tokens = tokens,
                .text = text ? text : "",
                .len = len,
                .pos = {.line = 1, .column = 1}};
}

// Fields one by one: clearing the whole struct would cost more than most atoms.
static void begin(Read *rd, Reader *r) {
  rd->r = r;
  rd->p = (const unsigned char *)r->text + r->next;
  rd->end = (const unsigned char *)r->text + r->len;
  rd->bias = r->next - (r->pos.column - 1);
  rd->line = r->pos.line;
  ambi_work_open(&rd->values);
  ambi_work_open(&rd->brackets);
  rd->vars = NULL;
  rd->nvars = rd->vars_cap = 0;
  rd->var_slots = NULL;
  rd->nvar_slots = 0;
  rd->next = rd->scratch;
  rd->last = rd->scratch + SCRATCH_WORDS;
  ambi_arena_open(&rd->more);
}

static void finish(Read *rd) {
  ambi_work_close(&rd->values);
  ambi_work_close(&rd->brackets);
  ambi_free(rd->vars, rd->vars_cap * sizeof *rd->vars);
  ambi_free(rd->var_slots, rd->nvar_slots * sizeof *rd->var_slots);
  ambi_arena_close(&rd->more);
}

enum ReadStatus ambi_read(Reader *r, Template *out) {
  Read rd;
  begin(&rd, r);
  if (r->spans) r->spans->n = 0;
  enum ReadStatus status = read_pieces(&rd);
  if (status == READ_ATOM) {
    Value atom = *(Value *)(void *)rd.values.at;
    if (!ambi_template_make(r->rt->store, atom, out)) status = READ_MEMORY;
  }
  if (status == READ_ATOM || status == READ_END) {
    r->pos = position(&rd, rd.p);
    r->next = r->pos.offset;
  }
  finish(&rd);
  return status;
}
