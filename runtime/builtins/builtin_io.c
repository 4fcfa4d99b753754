// The world around a program: standard input, arguments, environment, exit,
// the clock, module catalogs.
//
// Bytes from outside need not be UTF-8; those that are not become U+FFFD.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/atoms/utf8.h"
#include "runtime/builtins/answer.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"

static Value outside_text(Context *cx, const char *bytes, size_t len) {
  const unsigned char *s = (const unsigned char *)bytes, *end = s + len;
  Buffer b = {0};
  while (s < end) {
    uint32_t c;
    unsigned n = ambi_utf8_decode(s, end, &c);
    if (n > 0)
      ambi_buffer_put(&b, (const char *)s, n);
    else
      ambi_buffer_puts(&b, "\xEF\xBF\xBD");
    s += n > 0 ? n : 1;
  }
  Value v = b.failed ? AMB_NONE : ambi_make_str(cx, b.text, b.len);
  ambi_buffer_drop(&b);
  return v;
}

// ---- arguments, environment, exit -------------------------------------------

enum BuiltinStatus ambi_b_args(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  (void)args, (void)n;
  ValueVec all = {0};
  bool ok = true;
  for (int i = 0; ok && i < cx->rt->argc; i++) {
    const char *arg = cx->rt->argv[i];
    Value v = outside_text(cx, arg, strlen(arg));
    ok = !ambi_is_none(v) && ambi_vec_push(&all, v);
  }
  Value v = ok ? ambi_make_expr(cx, all.at, all.n) : AMB_NONE;
  ambi_vec_drop(&all);
  return ambi_answer(cx, out, v);
}

// No result for a name that is not set.
enum BuiltinStatus ambi_b_env(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  if (n < 1 || !ambi_is_str(args[0]))
    return ambi_answer_error(cx, "env expects a string as an argument");
  const char *value = getenv(ambi_str_bytes(args[0]));
  if (!value) return B_EMPTY;
  return ambi_answer(cx, out, outside_text(cx, value, strlen(value)));
}

enum BuiltinStatus ambi_b_exit(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  (void)out;
  int64_t code;
  if (n < 1 || !ambi_num_to_int64(args[0], &code) || code < 0 || code > 255)
    return ambi_answer_error(cx, "exit! expects a number from 0 to 255");
  cx->exit_code = (int)code;
  cx->stop = STOP_EXIT;
  return B_STOP;
}

// ---- standard input ---------------------------------------------------------

// False: the next byte may have to be waited for.
static bool is_read_ahead(void) {
#ifdef __GLIBC__
  return stdin->_IO_read_ptr < stdin->_IO_read_end;
#else
  return false;
#endif
}

// The next byte, or EOF: at the end, with *error what went wrong, or cx->stop.
static int input_byte(Context *cx, int *error) {
  for (;;) {
    if (!is_read_ahead()) ambi_output_show(cx->rt);
    int c = getchar();
    if (c != EOF || !ferror(stdin)) return c;
    *error = errno;
    clearerr(stdin);
    if (*error != EINTR || !ambi_limits_poll(cx)) return EOF;
    *error = 0;
  }
}

// Reads to the end of the line or of the input. B_EMPTY: nothing is left.
static enum BuiltinStatus read_input(Context *cx, Buffer *b, bool whole) {
  bool any = false;
  int error = 0;
  for (int c; !b->failed && (c = input_byte(cx, &error)) != EOF;) {
    any = true;
    if (c == '\n' && !whole) break;
    char byte = (char)c;
    ambi_buffer_put(b, &byte, 1);
  }
  if (cx->stop) return B_STOP;
  if (!error) return any ? B_OK : B_EMPTY;
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "cannot read the standard input: %s", strerror(error));
  return B_ERROR;
}

enum BuiltinStatus ambi_b_readln(Context *cx, const Value *args, unsigned n,
                                 Value *out) {
  (void)args, (void)n;
  Buffer b = {0};
  enum BuiltinStatus status = read_input(cx, &b, false);
  size_t len = b.len && b.text[b.len - 1] == '\r' ? b.len - 1 : b.len;
  Value v = b.failed ? AMB_NONE : outside_text(cx, b.text, len);
  ambi_buffer_drop(&b);
  return status == B_OK ? ambi_answer(cx, out, v) : status;
}

enum BuiltinStatus ambi_b_read_all(Context *cx, const Value *args, unsigned n,
                                   Value *out) {
  (void)args, (void)n;
  Buffer b = {0};
  enum BuiltinStatus status = read_input(cx, &b, true);
  Value v = b.failed ? AMB_NONE : outside_text(cx, b.text, b.len);
  ambi_buffer_drop(&b);
  return status == B_OK || status == B_EMPTY ? ambi_answer(cx, out, v) : status;
}

// ---- time -------------------------------------------------------------------

// Seconds since 1970 with fraction.
enum BuiltinStatus ambi_b_now(Context *cx, const Value *args, unsigned n,
                              Value *out) {
  (void)args, (void)n;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  double seconds = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
  return ambi_answer(cx, out, ambi_double(seconds));
}

enum BuiltinStatus ambi_b_monotonic_time(Context *cx, const Value *args,
                                         unsigned n, Value *out) {
  (void)args, (void)n;
  return ambi_answer(cx, out, ambi_double(ambi_monotonic_seconds()));
}

// Local time by the format of strftime.
enum BuiltinStatus ambi_b_format_time(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  int64_t seconds;
  if (n < 2 || !ambi_is_str(args[0]) || !ambi_num_to_int64(args[1], &seconds))
    return ambi_answer_error(cx, "a format and a time in seconds are expected");
  time_t when = (time_t)seconds;
  struct tm parts;
  if (!localtime_r(&when, &parts))
    return ambi_answer_error(cx, "the time is out of range");
  char text[4096];  // a longer result is cut to nothing
  size_t len = strftime(text, sizeof text, ambi_str_bytes(args[0]), &parts);
  return ambi_answer(cx, out, outside_text(cx, text, len));
}

// ---- catalogs ---------------------------------------------------------------

// There is no catalog that is kept up to date by itself, so there is nothing
// to list, update or clear in `all` of them.
enum BuiltinStatus ambi_b_catalog(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  if (n < 1 || !ambi_is_sym(args[0]))
    return ambi_answer_error(cx, "the name of a catalog or all is expected");
  const char *name = ambi_symbol(cx->rt->symbols, ambi_sym_of(args[0]))->text;
  if (strcmp(name, "all") == 0) return ambi_answer_unit(out);
  cx->error_reason = AMB_NONE;
  ambi_set_message(cx, "no catalog(s) identified by \"%s\"", name);
  return B_ERROR;
}
