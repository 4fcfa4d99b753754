// Messages as they come and go: headers, an empty line, JSON.
//
// What is no message is skipped up to the next line that begins like one, so that a bad
// one does not end the conversation.
#define _GNU_SOURCE  // memmem
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/lost.h"
#include "cli/lsp/lsp.h"

enum { MOST_BYTES = 256 << 20, MOST_HEADER = 8192 };

// False: nothing more comes.
static bool read_more(Wire *w) {
  if (w->n == w->cap) {
    size_t cap = w->cap ? 2 * w->cap : 1 << 16;
    char *grown = realloc(w->in, cap);
    if (!grown) cli_lost();
    if (!grown) return !(w->ended = true);
    w->in = grown;
    w->cap = cap;
  }
  ssize_t got;
  do
    got = read(STDIN_FILENO, w->in + w->n, w->cap - w->n);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return !(w->ended = true);
  w->n += (size_t)got;
  return true;
}

static void take(Wire *w, size_t n) {
  memmove(w->in, w->in + n, w->n - n);
  w->n -= n;
}

// Where a header begins again, or all that is there.
static size_t bad_bytes(const Wire *w) {
  static const char begin[] = "Content-Length:";
  const char *at =
      w->n > 1 ? memmem(w->in + 1, w->n - 1, begin, sizeof begin - 1) : NULL;
  return at ? (size_t)(at - w->in) : w->n;
}

// The value of Content-Length in the header; 0: it has none that makes sense.
static size_t length_in(const char *header, size_t n) {
  static const char key[] = "Content-Length:";
  const char *end = header + n;
  for (const char *line = header; line < end;) {
    if ((size_t)(end - line) > sizeof key &&
        strncasecmp(line, key, sizeof key - 1) == 0) {
      char *rest;
      unsigned long long len = strtoull(line + sizeof key - 1, &rest, 10);
      return *rest == '\r' && len <= MOST_BYTES ? (size_t)len : 0;
    }
    const char *next = memchr(line, '\n', (size_t)(end - line));
    line = next ? next + 1 : end;
  }
  return 0;
}

// A whole message at the beginning of what was read; WIRE_NONE: more is to be read.
static WireRead parse(Wire *w, json_t **message) {
  const char *blank = w->n ? memmem(w->in, w->n, "\r\n\r\n", 4) : NULL;
  if (!blank) {
    if (w->n < MOST_HEADER) return WIRE_NONE;
    take(w, bad_bytes(w));
    return WIRE_BAD;
  }
  size_t header = (size_t)(blank - w->in) + 4;
  size_t len = length_in(w->in, header);
  if (!len) {
    size_t bad = bad_bytes(w);
    take(w, bad < header ? bad : header);
    return WIRE_BAD;
  }
  if (w->n - header < len) return WIRE_NONE;
  *message = json_loadb(w->in + header, len, 0, NULL);
  take(w, header + len);
  return *message ? WIRE_MESSAGE : WIRE_BAD;
}

WireRead lsp_read(Wire *w, bool wait, json_t **message) {
  *message = NULL;
  w->losses = cli_losses();
  for (;;) {
    WireRead r = w->n ? parse(w, message) : WIRE_NONE;
    if (r != WIRE_NONE) return r;
    if (w->ended) return WIRE_END;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!wait && poll(&in, 1, 0) == 0) return WIRE_NONE;
    read_more(w);
  }
}

// Without any memory. An id that is a text is not told.
static void write_outage(Wire *w, const json_t *id) {
  char number[24] = "null", text[160];
  if (json_is_integer(id))
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
             json_integer_value(id));
  int n = snprintf(text, sizeof text,
                   "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,"
                   "\"message\":\"out of memory\"}}",
                   number, LSP_OUTAGE);
  fprintf(w->out, "Content-Length: %d\r\n\r\n%s", n, text);
}

void lsp_write(Wire *w, const json_t *id, json_t *message) {
  bool whole = cli_losses() == w->losses;
  char *text = message && whole ? json_dumps(message, JSON_COMPACT) : NULL;
  if (text)
    fprintf(w->out, "Content-Length: %zu\r\n\r\n%s", strlen(text), text);
  else if (id)
    write_outage(w, id);
  if (fflush(w->out) != 0 && !w->broken) w->broken = errno;
  free(text);
  json_decref(message);
}

void lsp_wire_drop(Wire *w) {
  free(w->in);
}
