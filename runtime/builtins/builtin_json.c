// The module json: atoms to JSON text and back.
//
// An expression is an array, a space of (key value) pairs an object. Symbols
// and variables are strings with a prefix, save for `null`. Both directions
// keep their pending containers on a stack of their own. The parser of jansson
// reads integers of 64 bits; longer ones are handed through it as strings that
// begin with a NUL, and strings that begin so anyway get one more.
#include <jansson.h>

#include "memory/alloc.h"
#include "runtime/atoms/work.h"
#include "runtime/builtins/answer.h"
#include "runtime/runtime.h"

#define SYMBOL_PREFIX   "sym!:"
#define VARIABLE_PREFIX "var!:"
enum { PREFIX_LEN = 5 };

// ---- encoding ---------------------------------------------------------------

typedef struct Open {  // a container of which the first `next` parts are done
  const Value *items;  // of an array
  RecordVec pairs;     // of an object
  size_t n, next;
  bool is_object;
} Open;

typedef struct Encoder {
  Context *cx;
  Buffer b;
  Work open;
  const char *wrong;  // what cannot be written
} Encoder;

static void put_escaped(Buffer *b, const char *s, size_t len) {
  static const char *const names[] = {
      ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
      ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)s[i];
    const char *name = c < sizeof names / sizeof names[0] ? names[c] : NULL;
    char code[8];
    if (!name && c < 0x20) {
      snprintf(code, sizeof code, "\\u%04x", c);
      name = code;
    }
    if (name)
      ambi_buffer_puts(b, name);
    else
      ambi_buffer_put(b, s + i, 1);
  }
}

static void put_string(Buffer *b, const char *prefix, const char *s,
                       size_t len) {
  ambi_buffer_puts(b, "\"");
  ambi_buffer_puts(b, prefix);
  put_escaped(b, s, len);
  ambi_buffer_puts(b, "\"");
}

static void put_symbol(Encoder *e, const char *prefix, uint32_t id) {
  const Symbol *s = ambi_symbol(e->cx->rt->symbols, id);
  put_string(&e->b, prefix, s->text, s->len);
}

static bool is_finite(double d) {
  return d - d == 0;
}

static void put_number(Encoder *e, Value v) {
  if (ambi_is_double(v) && !is_finite(ambi_double_of(v)))
    ambi_buffer_puts(&e->b, "null");
  else
    ambi_print(e->cx->rt, &e->b, v, NULL);
}

static bool open_array(Encoder *e, Value v) {
  Open *o = ambi_work_push(&e->open, sizeof *o);
  if (!o) return false;
  *o = (Open){.n = ambi_expr_size(v)};
  if (o->n > 0) o->items = ambi_expr_items(v);
  ambi_buffer_puts(&e->b, "[");
  return true;
}

static bool open_object(Encoder *e, Space *s) {
  Open *o = ambi_work_push(&e->open, sizeof *o);
  if (!o) return false;
  *o = (Open){.is_object = true};
  ambi_buffer_puts(&e->b, "{");
  bool ok = ambi_space_atoms_for(e->cx, s, &o->pairs);
  o->n = o->pairs.n;
  return ok;
}

// Writes an atom, or the opening of a container. False: memory is out.
static bool put_value(Encoder *e, Value v) {
  if (ambi_is_number(v)) {
    put_number(e, v);
  } else if (ambi_is_bool(v)) {
    ambi_buffer_puts(&e->b, ambi_same(v, AMB_TRUE) ? "true" : "false");
  } else if (ambi_is_str(v)) {
    put_string(&e->b, "", ambi_str_bytes(v), ambi_str_len(v));
  } else if (ambi_same(v, AMB_SYM(NULL_))) {
    ambi_buffer_puts(&e->b, "null");
  } else if (ambi_is_sym(v)) {
    put_symbol(e, SYMBOL_PREFIX, ambi_sym_of(v));
  } else if (ambi_is_var(v)) {
    put_symbol(e, VARIABLE_PREFIX, ambi_vinfo_name(ambi_ptr(v)[1]));
  } else if (ambi_is_expression(v)) {
    return open_array(e, v);
  } else if (ambi_is_space(v)) {
    return open_object(e, ambi_space_of(v));
  } else {
    e->wrong = "json-encode cannot write an atom of this type";
  }
  return true;
}

// The heap instance of a stored pair, or AMB_NONE.
static Value pair_at(Encoder *e, const Open *o) {
  Record r = o->pairs.at[o->next];
  if (!ambi_record_open(r)) return ambi_record_atom(r);
  return ambi_instance(e->cx, ambi_record_kept(r), true);
}

// Writes what stands before the next part of the container; its value.
static Value next_part(Encoder *e, Open *o) {
  if (o->next > 0) ambi_buffer_puts(&e->b, ", ");
  if (!o->is_object) return ambi_deref(o->items[o->next++]);
  Value pair = pair_at(e, o);
  o->next++;
  if (ambi_is_none(pair)) return pair;
  if (ambi_expr_size(pair) != 2 || !ambi_is_str(ambi_expr_at(pair, 0))) {
    e->wrong = "Input space must hold (key value) pairs only, with strings as "
               "keys. Use dict-space function";
    return AMB_NONE;
  }
  Value key = ambi_expr_at(pair, 0);
  put_string(&e->b, "", ambi_str_bytes(key), ambi_str_len(key));
  ambi_buffer_puts(&e->b, ":");
  return ambi_expr_at(pair, 1);
}

static bool encode(Encoder *e, Value v) {
  bool ok = put_value(e, v);
  while (ok && !e->wrong && !e->b.failed && e->open.used > 0) {
    Open *o = ambi_work_top(&e->open, sizeof *o);
    if (o->next < o->n) {
      Value part = next_part(e, o);
      ok = !ambi_is_none(part) && put_value(e, part);
    } else {
      ambi_buffer_puts(&e->b, o->is_object ? "}" : "]");
      ambi_records_drop(&o->pairs);
      e->open.used -= sizeof *o;
    }
  }
  return ok && !e->wrong && !e->b.failed;
}

enum BuiltinStatus ambi_b_json_encode(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 1)
    return ambi_answer_error(cx, "json-encode expects atom to encode as input");
  Encoder e = {.cx = cx};
  ambi_work_open(&e.open);
  bool ok = encode(&e, args[0]);
  while (e.open.used > 0) {
    Open *o = ambi_work_top(&e.open, sizeof *o);
    ambi_records_drop(&o->pairs);
    e.open.used -= sizeof *o;
  }
  ambi_work_close(&e.open);
  if (ok) return ambi_answer_text(cx, out, &e.b);
  ambi_buffer_drop(&e.b);
  return e.wrong ? ambi_answer_error(cx, e.wrong) : ambi_answer_stop(cx);
}

// ---- decoding ---------------------------------------------------------------

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Copies a string literal; returns the place behind it.
static const char *prepare_string(Buffer *b, const char *s, const char *end) {
  const char *from = s++;
  if (end - s >= 6 && memcmp(s, "\\u0000", 6) == 0) {
    ambi_buffer_puts(b, "\"\\u0000");
    from = s;
  }
  while (s < end && *s != '"')
    s += *s == '\\' && s + 1 < end ? 2 : 1;
  if (s < end) s++;
  ambi_buffer_put(b, from, (size_t)(s - from));
  return s;
}

// Copies a number; integers that may not fit 64 bits as marked strings.
static const char *prepare_number(Buffer *b, const char *s, const char *end) {
  const char *from = s, *digits = s + (*s == '-');
  for (s = digits; s < end && is_digit(*s);)
    s++;
  bool long_integer = s - digits > 18 && *digits != '0' &&
                      (s == end || (*s != '.' && *s != 'e' && *s != 'E'));
  if (long_integer) ambi_buffer_puts(b, "\"\\u0000");
  ambi_buffer_put(b, from, (size_t)(s - from));
  if (long_integer) ambi_buffer_puts(b, "\"");
  return s;
}

// The text as jansson may read it.
static void prepare(Buffer *b, const char *s, size_t len) {
  const char *end = s + len;
  while (s < end) {
    if (*s == '"') {
      s = prepare_string(b, s, end);
    } else if (*s == '-' || is_digit(*s)) {
      s = prepare_number(b, s, end);
    } else if (*s == '.' || *s == 'e' || *s == 'E' || *s == '+') {
      // The rest of a float, so its digits are not taken for an integer.
      const char *from = s++;
      while (s < end &&
             (is_digit(*s) || *s == '-' || *s == '+' || *s == 'e' || *s == 'E'))
        s++;
      ambi_buffer_put(b, from, (size_t)(s - from));
    } else {  // jansson passes over a NUL behind a word; no other such character
      ambi_buffer_put(b, *s ? s : "\1", 1);
      s++;
    }
  }
}

typedef struct Build {  // a container being read
  json_t *json;
  void *iter;    // of an object: the pair being read
  Space *space;  // of an object
  size_t i;      // of an array: children done
  size_t done;   // of an array: where they lie in Decoder.values
} Build;

typedef struct Decoder {
  Context *cx;
  ValueVec values;
  Work open;
} Decoder;

static Word *heap_words(void *cx, size_t words) {
  return ambi_heap_alloc(cx, words);
}

static bool has_prefix(const char *s, size_t len, const char *prefix) {
  return len >= PREFIX_LEN && memcmp(s, prefix, PREFIX_LEN) == 0;
}

static Value decode_string(Context *cx, const json_t *j) {
  const char *s = json_string_value(j);
  size_t len = json_string_length(j);
  if (len >= 2 && s[0] == 0 && s[1] == 0)
    return ambi_make_str(cx, s + 1, len - 1);
  if (len >= 2 && s[0] == 0) {
    Value v = AMB_NONE;
    int made = ambi_num_parse(s + 1, len - 1, &v, heap_words, cx);
    return made == 1 ? v : AMB_NONE;
  }
  if (has_prefix(s, len, SYMBOL_PREFIX))
    return ambi_make_sym(cx, s + PREFIX_LEN, len - PREFIX_LEN);
  if (has_prefix(s, len, VARIABLE_PREFIX)) {
    Value name = ambi_make_sym(cx, s + PREFIX_LEN, len - PREFIX_LEN);
    if (ambi_is_none(name)) return name;
    return ambi_make_var(cx, ambi_sym_of(name), AMB_VAR_AS_WRITTEN);
  }
  return ambi_make_str(cx, s, len);
}

static Value decode_leaf(Context *cx, const json_t *j) {
  switch (json_typeof(j)) {
  case JSON_TRUE: return AMB_TRUE;
  case JSON_FALSE: return AMB_FALSE;
  case JSON_INTEGER: return ambi_num_from_int64(cx, json_integer_value(j));
  case JSON_REAL: return ambi_double(json_real_value(j));
  case JSON_STRING: return decode_string(cx, j);
  default: return AMB_SYM(NULL_);
  }
}

static bool begin(Decoder *d, json_t *j) {
  Build *b = ambi_work_push(&d->open, sizeof *b);
  if (!b) return false;
  *b = (Build){.json = j, .done = d->values.n};
  if (!json_is_object(j)) return true;
  b->iter = json_object_iter(j);
  b->space = ambi_space_open(d->cx->rt, NULL, false);
  return b->space != NULL;
}

// The next part to read, or NULL when the container is complete.
static json_t *next_json(const Build *b) {
  if (b->space) return b->iter ? json_object_iter_value(b->iter) : NULL;
  return b->i < json_array_size(b->json) ? json_array_get(b->json, b->i) : NULL;
}

// A part has been read. False: memory is out.
static bool take(Decoder *d, Build *b, Value v) {
  if (ambi_is_none(v)) return false;
  if (!b->space) {
    b->i++;
    return ambi_vec_push(&d->values, v);
  }
  const char *name = json_object_iter_key(b->iter);
  Value key = ambi_make_str(d->cx, name, strlen(name));
  Value pair = ambi_is_none(key) ? key : AMB_EXPR(d->cx, key, v);
  b->iter = json_object_iter_next(b->json, b->iter);
  return !ambi_is_none(pair) && ambi_space_add(b->space, pair);
}

static Value finish(Decoder *d, const Build *b) {
  if (b->space) return ambi_space_value(b->space);
  size_t n = d->values.n - b->done;
  if (n == 0) return AMB_UNIT;
  Value v = ambi_make_expr(d->cx, d->values.at + b->done, n);
  d->values.n = b->done;
  return v;
}

// AMB_NONE: memory is out.
static Value decode(Decoder *d, json_t *root) {
  json_t *j = root;
  for (;;) {
    Value v;
    if (json_is_array(j) || json_is_object(j)) {
      if (!begin(d, j)) return AMB_NONE;
    } else {
      v = decode_leaf(d->cx, j);
      if (d->open.used == 0) return v;
      if (!take(d, ambi_work_top(&d->open, sizeof(Build)), v)) return AMB_NONE;
    }
    Build *b = ambi_work_top(&d->open, sizeof *b);
    while (!(j = next_json(b))) {
      v = finish(d, b);
      d->open.used -= sizeof *b;
      if (d->open.used == 0) return v;
      b = ambi_work_top(&d->open, sizeof *b);
      if (!take(d, b, v)) return AMB_NONE;
    }
  }
}

// What the tree of a text takes at most: the parser has its memory from malloc.
static size_t tree_bytes(const char *text, size_t len) {
  enum { LEAF = 96, ARRAY = 160, OBJECT = 320 };
  size_t bytes = LEAF;
  bool quoted = false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == '\\' && quoted)
      i++;
    if (quoted) bytes += 2;  // string buffers grow by doubling
    if (quoted) continue;
    bytes += text[i] == '['                     ? ARRAY
             : text[i] == '{'                   ? OBJECT
             : text[i] == ',' || text[i] == ':' ? LEAF
                                                : 0;
  }
  return bytes;
}

static json_t *parse(const Buffer *text, json_error_t *error) {
  return json_loadb(text->text ? text->text : "", text->len,
                    JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

enum BuiltinStatus ambi_b_json_decode(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 1 || !ambi_is_str(args[0]))
    return ambi_answer_error(cx,
                             "json-decode expects string to decode as input");
  Buffer text = {0};
  prepare(&text, ambi_str_bytes(args[0]), ambi_str_len(args[0]));
  size_t bytes = text.failed ? 0 : tree_bytes(text.text, text.len);
  json_error_t error;
  json_t *root = NULL;
  bool failed = text.failed || !ambi_alloc_charge(bytes);
  if (!failed) root = parse(&text, &error);
  ambi_buffer_drop(&text);
  if (failed) return ambi_answer_stop(cx);
  if (!root) {
    ambi_alloc_discharge(bytes);
    cx->error_reason = AMB_NONE;
    ambi_set_message(cx, "Failed to decode string. Reason: %s", error.text);
    return B_ERROR;
  }
  Decoder d = {.cx = cx};
  ambi_work_open(&d.open);
  Value v = decode(&d, root);
  ambi_work_close(&d.open);
  ambi_vec_drop(&d.values);
  json_decref(root);
  ambi_alloc_discharge(bytes);
  return ambi_answer(cx, out, v);
}
