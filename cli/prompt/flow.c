// The layout of answers, see flow.h.
#define _GNU_SOURCE  // wcwidth
#include "cli/prompt/flow.h"

#include <string.h>
#include <wchar.h>

#include "runtime/atoms/utf8.h"

// One character, or one byte that is none.
static size_t take(const char *p, const char *end, unsigned *columns) {
  uint32_t c = 0;
  unsigned n = ambi_utf8_decode((const unsigned char *)p,
                                (const unsigned char *)end, &c);
  int wide = n ? wcwidth((wchar_t)c) : 1;
  *columns = wide < 0 ? 1 : (unsigned)wide;
  return n ? n : 1;
}

size_t cli_flow_width(const char *text, size_t len) {
  const char *end = text + len;
  size_t sum = 0;
  while (text < end) {
    unsigned columns;
    text += take(text, end, &columns);
    sum += columns;
  }
  return sum;
}

void cli_flow_begin(Flow *f, unsigned width, unsigned height) {
  *f = (Flow){.width = width, .height = height};
}

// On the line that the cursor is in?
static bool fits(const Flow *f, const char *text, size_t len) {
  enum { AROUND = 3 };  // ", " and what follows the answer
  return !f->column || !f->width ||
         (!memchr(text, '\n', len) &&
          f->column + cli_flow_width(text, len) + AROUND <= f->width);
}

const char *cli_flow_lead(Flow *f, const char *text, size_t len) {
  if (f->answers++ == 0) return "[";
  if (f->parted) {
    f->parted = false;
    return " ";
  }
  return fits(f, text, len) ? ", " : ",\n ";
}

const char *cli_flow_part(Flow *f) {
  f->parted = f->answers > 0;
  return f->parted ? ",\n" : "";
}

const char *cli_flow_end(const Flow *f) {
  return f->answers ? "]" : "[]";
}

void cli_flow_wrote(Flow *f, const char *text, size_t len) {
  const char *end = text + len;
  while (text < end) {
    unsigned columns;
    if (*text == '\n') {
      f->column = 0;
      f->rows++;
      text++;
      continue;
    }
    text += take(text, end, &columns);
    if (f->width && f->column + columns > f->width) {
      f->column = 0;
      f->rows++;
    }
    f->column += columns;
  }
}

bool cli_flow_is_full(const Flow *f, const char *text, size_t len) {
  if (!f->height || !f->answers) return false;
  unsigned row = f->rows + (f->parted || fits(f, text, len) ? 0 : 1);
  return row + 2 > f->height;
}

void cli_flow_turn(Flow *f, unsigned rows) {
  unsigned last = f->height > 2 ? f->height - 2 : 0;
  f->rows = rows && rows < last ? last - rows + 1 : 0;
}
