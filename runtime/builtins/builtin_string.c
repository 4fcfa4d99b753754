// Operations on Strings: sort-strings and the natives of the module strings.
//
// Strings are valid UTF-8. Positions count characters, so finding one walks
// the bytes; a character begins at every byte that is no continuation byte.
#define _GNU_SOURCE  // memmem
#include <stdlib.h>
#include <string.h>

#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"
#include "runtime/builtins/answer.h"

typedef struct Text {
  const char *at;
  size_t len;
} Text;

static Text text_of(Value v) {
  return (Text){ambi_str_bytes(v), ambi_str_len(v)};
}

static bool strings(const Value *args, unsigned n, unsigned wanted) {
  if (n < wanted) return false;
  for (unsigned i = 0; i < wanted; i++)
    if (!ambi_is_str(args[i])) return false;
  return true;
}

static enum BuiltinStatus no_string(Context *cx) {
  return ambi_answer_error(cx, "String is expected");
}

static size_t count_chars(const char *s, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++)
    n += (s[i] & 0xC0) != 0x80;
  return n;
}

// Bytes before character `i`; the length if there are not so many.
static size_t offset_of(Text t, int64_t i) {
  size_t at = 0;
  while (at < t.len && i > 0) {
    at++;
    while (at < t.len && (t.at[at] & 0xC0) == 0x80)
      at++;
    i--;
  }
  return at;
}

static int compare_texts(Text a, Text b) {
  int c = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
  return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_strings(const void *a, const void *b) {
  return compare_texts(text_of(*(const Value *)a), text_of(*(const Value *)b));
}

enum BuiltinStatus ambi_b_sort_strings(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  const char *wrong =
      "sort-strings expects expression with strings as a first argument";
  if (n < 1 || !ambi_is_expression(args[0]))
    return ambi_answer_error(cx, wrong);
  uint32_t size = ambi_expr_size(args[0]);
  if (size == 0) return ambi_answer_unit(out);
  Value *sorted = ambi_alloc(size * sizeof *sorted);
  if (!sorted) return ambi_answer_stop(cx);
  enum BuiltinStatus status = B_OK;
  for (uint32_t i = 0; i < size && status == B_OK; i++) {
    sorted[i] = ambi_deref(ambi_expr_at(args[0], i));
    if (!ambi_is_str(sorted[i])) status = ambi_answer_error(cx, wrong);
  }
  size_t scratch = size * sizeof *sorted;  // of the sort
  if (status == B_OK && !ambi_alloc_charge(scratch))
    status = ambi_answer_stop(cx);
  if (status == B_OK) {
    qsort(sorted, size, sizeof *sorted, compare_strings);
    ambi_alloc_discharge(scratch);
    status = ambi_answer(cx, out, ambi_make_expr(cx, sorted, size));
  }
  ambi_free(sorted, size * sizeof *sorted);
  return status;
}

enum BuiltinStatus ambi_b_string_compare(Context *cx, const Value *args,
                                         unsigned n, Value *out) {
  if (!strings(args, n, 2)) return no_string(cx);
  int c = compare_strings(&args[0], &args[1]);
  return ambi_answer(cx, out, ambi_small_int((c > 0) - (c < 0)));
}

enum BuiltinStatus ambi_b_string_length(Context *cx, const Value *args,
                                        unsigned n, Value *out) {
  if (!strings(args, n, 1)) return no_string(cx);
  Text t = text_of(args[0]);
  return ambi_answer(cx, out,
                     ambi_small_int((int64_t)count_chars(t.at, t.len)));
}

// Characters from..to, cut to what there is.
enum BuiltinStatus ambi_b_substring(Context *cx, const Value *args, unsigned n,
                                    Value *out) {
  int64_t from, to;
  if (!strings(args, n, 1)) return no_string(cx);
  if (n < 3 || !ambi_num_to_int64(args[1], &from) ||
      !ambi_num_to_int64(args[2], &to))
    return ambi_answer_error(cx, "substring expects a string, start and end");
  Text t = text_of(args[0]);
  if (from < 0) from = 0;
  size_t start = offset_of(t, from);
  Text rest = {t.at + start, t.len - start};
  size_t len = to > from ? offset_of(rest, to - from) : 0;
  Buffer b = {0};
  ambi_buffer_put(&b, rest.at, len);
  return ambi_answer_text(cx, out, &b);
}

static const char *find(Text t, Text what) {
  return memmem(t.at, t.len, what.at, what.len);
}

// The place of the first copy of the second text in the first, or -1.
enum BuiltinStatus ambi_b_string_find(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (!strings(args, n, 2)) return no_string(cx);
  Text t = text_of(args[0]);
  const char *found = find(t, text_of(args[1]));
  int64_t at = found ? (int64_t)count_chars(t.at, (size_t)(found - t.at)) : -1;
  return ambi_answer(cx, out, ambi_small_int(at));
}

static bool push_text(Context *cx, ValueVec *parts, const char *at,
                      size_t len) {
  Value v = ambi_make_str(cx, at, len);
  return !ambi_is_none(v) && ambi_vec_push(parts, v);
}

enum BuiltinStatus ambi_b_string_split(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  if (!strings(args, n, 2)) return no_string(cx);
  Text t = text_of(args[0]), mark = text_of(args[1]);
  if (mark.len == 0)
    return ambi_answer_error(cx, "string-split expects a text to split at");
  ValueVec parts = {0};
  bool ok = true;
  for (const char *found; ok && (found = find(t, mark));) {
    size_t len = (size_t)(found - t.at);
    ok = push_text(cx, &parts, t.at, len);
    t = (Text){found + mark.len, t.len - len - mark.len};
  }
  ok = ok && push_text(cx, &parts, t.at, t.len);
  Value v = ok ? ambi_make_expr(cx, parts.at, parts.n) : AMB_NONE;
  ambi_vec_drop(&parts);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_string_replace(Context *cx, const Value *args,
                                         unsigned n, Value *out) {
  if (!strings(args, n, 3)) return no_string(cx);
  Text t = text_of(args[0]), old = text_of(args[1]), by = text_of(args[2]);
  if (old.len == 0)
    return ambi_answer_error(cx, "string-replace expects a text to replace");
  Buffer b = {0};
  for (const char *found; (found = find(t, old));) {
    size_t len = (size_t)(found - t.at);
    ambi_buffer_put(&b, t.at, len);
    ambi_buffer_put(&b, by.at, by.len);
    t = (Text){found + old.len, t.len - len - old.len};
  }
  ambi_buffer_put(&b, t.at, t.len);
  return ambi_answer_text(cx, out, &b);
}

// ASCII letters only: what else is a letter depends on the language.
static enum BuiltinStatus change_case(Context *cx, const Value *args,
                                      unsigned n, char first, Value *out) {
  if (!strings(args, n, 1)) return no_string(cx);
  Buffer b = {0};
  ambi_buffer_put(&b, ambi_str_bytes(args[0]), ambi_str_len(args[0]));
  for (size_t i = 0; !b.failed && i < b.len; i++)
    if (b.text[i] >= first && b.text[i] < first + 26) b.text[i] ^= 0x20;
  return ambi_answer_text(cx, out, &b);
}

enum BuiltinStatus ambi_b_string_upper(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  return change_case(cx, args, n, 'a', out);
}

enum BuiltinStatus ambi_b_string_lower(Context *cx, const Value *args,
                                       unsigned n, Value *out) {
  return change_case(cx, args, n, 'A', out);
}

// The text without white space at its ends.
static Text trimmed(Text t) {
  const unsigned char *s = (const unsigned char *)t.at, *end = s + t.len;
  const unsigned char *first = NULL, *last = s;
  while (s < end) {
    uint32_t c;
    unsigned len = ambi_utf8_decode(s, end, &c);
    if (len == 0) len = 1, c = 0xFFFD;
    if (!ambi_is_white_space(c)) {
      if (!first) first = s;
      last = s + len;
    }
    s += len;
  }
  return first ? (Text){(const char *)first, (size_t)(last - first)}
               : (Text){t.at, 0};
}

enum BuiltinStatus ambi_b_string_trim(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (!strings(args, n, 1)) return no_string(cx);
  Text t = trimmed(text_of(args[0]));
  return ambi_answer(cx, out, ambi_make_str(cx, t.at, t.len));
}

static Word *heap_words(void *cx, size_t words) {
  return ambi_heap_alloc(cx, words);
}

enum BuiltinStatus ambi_b_string_to_number(Context *cx, const Value *args,
                                           unsigned n, Value *out) {
  if (!strings(args, n, 1)) return no_string(cx);
  Text t = trimmed(text_of(args[0]));
  switch (ambi_num_parse(t.at, t.len, out, heap_words, cx)) {
  case 1: return B_OK;
  case 0: return ambi_answer_error(cx, "the text is not a number");
  default: return ambi_answer_stop(cx);
  }
}

// The texts of all arguments, one after the other.
enum BuiltinStatus ambi_b_concat(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  Buffer b = {0};
  for (unsigned i = 0; i < n; i++)
    ambi_print_plain(cx->rt, &b, args[i], NULL);
  return ambi_answer_text(cx, out, &b);
}
