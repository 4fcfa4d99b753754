// Lines of standard input as they come, with no editor: behind a pipe, and where there
// is no libedit.
#include <errno.h>
#include <unistd.h>

#include "cli/prompt/lines.h"
#include "memory/alloc.h"

typedef struct Plain {
  Lines lines;
  bool asks;   // a person types: there is a prompt
  bool ended;  // the stream has
  char *text;  // bytes [at, n) have been read and not handed out
  size_t at, n, cap;
} Plain;

// False: the stream has ended, or *status says what else it is.
static bool read_more(Plain *p, enum LineStatus *status) {
  enum { ROOM = 1 << 16 };
  if (p->at) memmove(p->text, p->text + p->at, p->n - p->at);
  p->n -= p->at;
  p->at = 0;
  if (!ambi_grow((void **)&p->text, &p->cap, p->n + ROOM, 1)) {
    *status = LINE_MEMORY;
    return false;
  }
  ssize_t got = read(STDIN_FILENO, p->text + p->n, ROOM);
  if (got < 0 && errno == EINTR) {
    *status = LINE_INTERRUPTED;
    return false;
  }
  if (got > 0) p->n += (size_t)got;
  p->ended = got <= 0;
  return got > 0;
}

static enum LineStatus read_line(Lines *l, const LineWish *wish,
                                 const char **line, size_t *len) {
  Plain *p = (Plain *)l;
  enum LineStatus status = LINE_END;
  if (p->asks) (void)!write(STDOUT_FILENO, wish->prompt, strlen(wish->prompt));
  size_t seen = 0;
  for (;;) {
    char *start = p->text + p->at;
    char *end = p->n > p->at + seen
                    ? memchr(start + seen, '\n', p->n - p->at - seen)
                    : NULL;
    if (end || (p->ended && p->n > p->at)) {
      *line = start;
      *len = end ? (size_t)(end - start) + 1 : p->n - p->at;
      p->at += *len;
      return LINE_READ;
    }
    seen = p->n - p->at;
    if (p->ended) return LINE_END;
    if (!read_more(p, &status) && !p->ended) return status;
  }
}

static void remember(Lines *l, const char *text, size_t len) {
  (void)l;
  (void)text;
  (void)len;
}

static bool is_pasting(const Lines *l) {
  return !((const Plain *)l)->asks;
}

// Lines are what the terminal hands out: the first character of one counts.
static int key(Lines *l) {
  const char *line;
  size_t len;
  bool read = read_line(l, &(LineWish){.prompt = ""}, &line, &len) == LINE_READ;
  return !read ? -1 : *line == '\n' ? ' ' : (unsigned char)*line;
}

static void close_plain(Lines *l) {
  Plain *p = (Plain *)l;
  ambi_free(p->text, p->cap);
  ambi_free(p, sizeof *p);
}

Lines *cli_plain_open(void) {
  Plain *p = ambi_alloc(sizeof *p);
  if (!p) return NULL;
  p->lines = (Lines){read_line, remember, is_pasting, key, close_plain};
  p->asks = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  return &p->lines;
}
