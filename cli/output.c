// Standard output: whatever the system takes at once, all of it is written.
//
// It is flushed at each line on a terminal; elsewhere behind the results of a form,
// when the buffer is full, before a message on standard error, before the program waits
// for input or a message, and at the end. A
// stream of the C library alone would drop what its buffer holds when a write is
// interrupted, or when the other side of a pipe that does not block is slow.
#define _GNU_SOURCE  // fopencookie
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/diagnostic/json.h"
#include "cli/lost.h"

// False: it will not get better.
static bool wait_for_room(void) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  return poll(&out, 1, -1) > 0 || errno == EINTR;
}

static ssize_t write_all(void *cookie, const char *bytes, size_t n) {
  (void)cookie;
  size_t done = 0;
  while (done < n) {
    ssize_t put = write(STDOUT_FILENO, bytes + done, n - done);
    if (put >= 0)
      done += (size_t)put;
    else if (!wait_for_room())
      return 0;  // which is how a stream's function says that it failed
  }
  return (ssize_t)n;
}

void cli_output_open(Cli *cli) {
  cli->out =
      fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_all});
  if (!cli->out) cli->out = stdout;
  if (isatty(STDOUT_FILENO)) setvbuf(cli->out, NULL, _IOLBF, 0);
}

static ssize_t keep(void *cookie, const char *bytes, size_t n) {
  enum { MOST = 64 << 20 };
  Buffer *b = cookie;
  if (b->len + n <= MOST) ambi_buffer_put(b, bytes, n);
  errno = ENOSPC;
  return b->failed || b->len + n > MOST ? 0 : (ssize_t)n;
}

FILE *cli_capture(Buffer *b) {
  return fopencookie(b, "w", (cookie_io_functions_t){.write = keep});
}

// When nobody can read the output any more, running on makes no sense.
static bool note_closed(Cli *cli) {
  if (!cli->closed) cli->write_error = errno;
  cli->closed = true;
  if (cli->rt) ambi_store_release(&cli->rt->x_cancel, 1);
  return false;
}

bool cli_write(void *arg, const char *text, size_t len) {
  Cli *cli = arg;
  if (cli->closed) return false;
  return fwrite(text, 1, len, cli->out) == len || note_closed(cli);
}

// ---- JSON lines -------------------------------------------------------------

static void write_object(Cli *cli, json_t *o) {
  char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
  if (text) {
    cli_write(cli, text, strlen(text));
    cli_write(cli, "\n", 1);
  } else {
    cli_complain("out of memory: a line is missing");
  }
  free(text);
  json_decref(o);
}

static void end_line(Cli *cli) {
  if (!cli->line.len) return;
  json_t *o = json_object();
  json_object_set_new(o, "kind", json_string("output"));
  json_object_set_new(o, "text",
                      cli_json_string(cli->line.text, cli->line.len));
  cli->line.len = 0;
  write_object(cli, o);
}

// A line that is so long that no memory is left for it comes in parts.
static void add_to_line(Cli *cli, char c) {
  Line *l = &cli->line;
  if (l->len == l->cap) {
    size_t cap = l->cap ? 2 * l->cap : 256;
    char *grown = realloc(l->text, cap);
    if (!grown) end_line(cli);
    if (!grown && !l->cap) {
      cli_lost();
      return;
    }
    if (grown) *l = (Line){grown, l->len, cap};
  }
  l->text[l->len++] = c;
}

bool cli_write_output(void *arg, const char *text, size_t len) {
  Cli *cli = arg;
  if (!cli->options.json) return cli_write(cli, text, len);
  for (size_t i = 0; i < len; i++) {
    add_to_line(cli, text[i]);
    if (text[i] == '\n') end_line(cli);
  }
  return !cli->closed;
}

void cli_write_json(Cli *cli, json_t *line) {
  end_line(cli);
  write_object(cli, line);
}

void cli_write_note(void *arg, const char *text, size_t len) {
  Cli *cli = arg;
  cli_flush(cli);
  if (!cli->options.json) {
    fwrite(text, 1, len, stderr);
    return;
  }
  json_t *o = json_object();
  json_object_set_new(o, "kind", json_string("note"));
  json_object_set_new(o, "text", cli_json_string(text, len));
  cli_json_line(stderr, o);
}

void cli_flush(Cli *cli) {
  if (!cli->closed && fflush(cli->out) != 0) note_closed(cli);
}

// A reader that went away is not worth a message.
void cli_output_finish(Cli *cli) {
  end_line(cli);
  free(cli->line.text);
  if (fflush(cli->out) != 0) note_closed(cli);
  if (!cli->closed) return;
  if (cli->write_error != EPIPE)
    cli_complain("cannot write the output: %s", strerror(cli->write_error));
  cli->code = RUN_INTERNAL;
}
