// Lines typed on a terminal, edited with libedit.
//
// Characters come through a buffer of ours: it takes what a paste brings at once, tells
// pasted text from typed one where the terminal does (bracketed paste), and notices that
// the window has another size. Between two lines the terminal echoes nothing, so that what
// is typed ahead appears where it belongs. Ctrl-C while editing is a key like any other;
// while something runs it is a signal.
#include "cli/prompt/lines.h"

#ifdef AMBIT_EDITLINE

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "cli/prompt/history.h"
#include "cli/prompt/interrupt.h"
#include "cli/prompt/screen.h"
#include "cli/source/tree.h"
#include "memory/alloc.h"
#include "runtime/atoms/utf8.h"

enum {
  CTRL_C = 3,
  OURS = 0x1F,  // a key that nobody presses: something of ours is to be done
  ESCAPE = 27,
  BLINK_MS = 400,   // that the cursor stays at the matching bracket
  ESCAPE_MS = 30,   // within which the rest of a key's sequence comes
  LIST_MOST = 120,  // candidates that are shown
  HINT_MOST = 60
};
#define PASTE_BEGINS "\x1b[200~"
#define PASTE_ENDS   "\x1b[201~"

// What is done when the screen shows what a key did, before the next key is read: libedit
// draws between two keys only.
enum Later {
  LATER_NOTHING,
  LATER_RETURN,  // the cursor stands at a bracket, and goes back
  LATER_DROP,    // it went to the end of a line that is dropped
  LATER_REFRESH,
  LATER_RESIZE
};

typedef struct Editor {
  Lines lines;
  EditorHost host;
  EditLine *el;
  History *history;
  char *path;  // of the history, or NULL
  struct termios before;
  const LineWish *wish;
  char prompt[80], hint[80];
  enum Later later;
  int back;  // characters that the cursor went back
  bool interrupted, pasting, brackets_paste;
  size_t dropped;             // bytes of the line that was interrupted
  unsigned char bytes[4096];  // [at, n) have been read and not handed out
  size_t at, n;
} Editor;

static Editor *editor_of(EditLine *el) {
  void *e = NULL;
  el_get(el, EL_CLIENTDATA, &e);
  return e;
}

// ---- characters -------------------------------------------------------------

// Is there something to read within so many milliseconds?
static bool comes_within(int ms) {
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&in, 1, ms) > 0;
}

// More bytes behind those that are there. False: the end, or a signal came.
static bool fetch(Editor *e) {
  if (e->at) memmove(e->bytes, e->bytes + e->at, e->n - e->at);
  e->n -= e->at;
  e->at = 0;
  if (!comes_within(-1)) return false;
  ssize_t got = read(STDIN_FILENO, e->bytes + e->n, sizeof e->bytes - e->n);
  if (got > 0) e->n += (size_t)got;
  return got > 0;
}

// Does the sequence stand next? What has come of it is waited for.
static bool is_next(Editor *e, const char *sequence) {
  size_t len = strlen(sequence);
  for (;;) {
    size_t there = e->n - e->at < len ? e->n - e->at : len;
    if (memcmp(e->bytes + e->at, sequence, there) != 0) return false;
    if (there == len) return true;
    if (!comes_within(ESCAPE_MS) || !fetch(e)) return false;
  }
}

// Where a paste begins or ends is no text.
static bool skip_paste_mark(Editor *e) {
  const char *mark = e->pasting ? PASTE_ENDS : PASTE_BEGINS;
  if (e->bytes[e->at] != ESCAPE || !is_next(e, mark)) return false;
  e->at += strlen(mark);
  e->pasting = !e->pasting;
  return true;
}

// In pasted text nothing is a command.
static bool as_pasted(uint32_t *c) {
  if (*c == '\t') *c = ' ';
  if (*c == '\r') *c = '\n';
  return *c >= ' ' ? *c != 0x7F : *c == '\n';
}

// 1: a character; 0: that was none, or there is none yet; -1: the end.
static int next_character(Editor *e, uint32_t *c) {
  if (e->at == e->n && !fetch(e)) return errno == EINTR ? 0 : -1;
  if (skip_paste_mark(e)) return 0;
  unsigned char lead = e->bytes[e->at];
  size_t whole = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  while (e->n - e->at < whole && comes_within(ESCAPE_MS) && fetch(e)) {
  }
  unsigned n = ambi_utf8_decode(e->bytes + e->at, e->bytes + e->n, c);
  if (n == 0) *c = 0xFFFD;
  e->at += n ? n : 1;
  return !e->pasting || as_pasted(c);
}

// What is due before the next key. True: it is done by the key OURS.
static bool is_due(Editor *e) {
  if (e->later == LATER_RETURN) comes_within(BLINK_MS);
  if (e->later) return true;
  if (cli_interrupt_resized()) e->later = LATER_RESIZE;
  return e->later != LATER_NOTHING;
}

static int get_character(EditLine *el, wchar_t *out) {
  Editor *e = editor_of(el);
  uint32_t c = 0;
  int got = 0;
  while (got == 0) {
    if (is_due(e)) {
      *out = OURS;
      return 1;
    }
    if (cli_interrupt_came()) {
      c = CTRL_C;
      break;
    }
    errno = 0;
    got = next_character(e, &c);
  }
  if (got < 0) return 0;
  if (*e->hint) {
    *e->hint = 0;
    e->later = LATER_REFRESH;
  }
  *out = (wchar_t)c;
  return 1;
}

// ---- keys -------------------------------------------------------------------

// What was typed of the input, up to the cursor. False: memory is out.
static bool typed(Editor *e, Buffer *b) {
  const LineInfo *line = el_line(e->el);
  ambi_buffer_put(b, e->wish->above ? e->wish->above : "", e->wish->above_len);
  ambi_buffer_put(b, line->buffer, (size_t)(line->cursor - line->buffer));
  ambi_buffer_put(b, "", 0);
  return !b->failed;
}

static int characters(const char *text, size_t len) {
  int n = 0;
  for (size_t i = 0; i < len; i++)
    n += ((unsigned char)text[i] & 0xC0) != 0x80;
  return n;
}

static unsigned char on_later(EditLine *el, int c) {
  (void)c;
  Editor *e = editor_of(el);
  enum Later later = e->later;
  e->later = LATER_NOTHING;
  switch (later) {
  case LATER_RETURN: el_cursor(el, e->back); return CC_CURSOR;
  case LATER_RESIZE: el_resize(el); return CC_REDISPLAY;
  case LATER_DROP:
    fputs("^C\n", stdout);
    fflush(stdout);
    const LineInfo *line = el_line(el);
    e->dropped = (size_t)(line->lastchar - line->buffer);
    e->interrupted = true;
    return CC_EOF;
  default: return CC_REFRESH;
  }
}

static unsigned char on_interrupt(EditLine *el, int c) {
  (void)c;
  el_cursor(el, 1 << 20);
  editor_of(el)->later = LATER_DROP;
  return CC_REFRESH;
}

// As when the program stops in the middle of a line.
static unsigned char on_suspend(EditLine *el, int c) {
  (void)c;
  const Editor *e = editor_of(el);
  struct termios now;
  tcgetattr(STDIN_FILENO, &now);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &e->before);
  raise(SIGTSTP);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  return CC_REDISPLAY;
}

// The bracket that opens is on this line: the cursor goes there and comes back.
static void blink(Editor *e, int back) {
  el_cursor(e->el, -back);
  e->back = back;
  e->later = LATER_RETURN;
}

// It is on one of the lines above: that is told at the right.
static void tell_line(Editor *e, const char *text, size_t at) {
  size_t to = at;
  while (text[to] && text[to] != '\n' && to - at < HINT_MOST)
    to++;
  while (((unsigned char)text[to] & 0xC0) == 0x80)
    to--;
  snprintf(e->hint, sizeof e->hint, "%.*s", (int)(to - at), text + at);
}

static unsigned char on_bracket(EditLine *el, int c) {
  Editor *e = editor_of(el);
  el_insertstr(el, (char[]){(char)c, 0});
  if (e->pasting || e->at < e->n) return CC_REFRESH;
  Buffer b = {0};
  Tree t;
  unsigned char answer = CC_REFRESH;
  if (typed(e, &b) && cli_tree_read(&t, b.text, b.len)) {
    const Node *n = &t.nodes[cli_tree_at(&t, (uint32_t)b.len)];
    if (n->kind == NODE_STRAY) answer = CC_REFRESH_BEEP;
    if (n->kind == NODE_LIST && n->end == b.len && n->begin < b.len - 1) {
      size_t above = e->wish->above_len;
      if (n->begin >= above)
        blink(e, characters(b.text + n->begin, b.len - n->begin));
      else
        tell_line(e, b.text, n->begin);
    }
    cli_tree_free(&t);
  }
  ambi_buffer_drop(&b);
  return answer;
}

// ---- completion -------------------------------------------------------------

// In columns, read downwards, below the line.
static void show_candidates(const Completion *c) {
  size_t widest = 0, shown = c->n < LIST_MOST ? c->n : LIST_MOST;
  for (size_t i = 0; i < shown; i++) {
    size_t wide =
        cli_flow_width(cli_candidate(c, i), strlen(cli_candidate(c, i)));
    if (wide > widest) widest = wide;
  }
  unsigned width, height;
  cli_screen_size(&width, &height);
  size_t columns = width / (widest + 2) ? width / (widest + 2) : 1;
  size_t rows = (shown + columns - 1) / columns;
  fputc('\n', stdout);
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = r; i < shown; i += rows) {
      const char *text = cli_candidate(c, i);
      size_t blanks = widest + 2 - cli_flow_width(text, strlen(text));
      fprintf(stdout, "%s%*s", text, i + rows < shown ? (int)blanks : 0, "");
    }
    fputc('\n', stdout);
  }
  if (shown < c->n) fprintf(stdout, "... and %zu more\n", c->n - shown);
  fflush(stdout);
}

static unsigned char on_tab(EditLine *el, int ch) {
  (void)ch;
  Editor *e = editor_of(el);
  Buffer b = {0};
  Completion c;
  unsigned char answer = CC_REFRESH_BEEP;
  const Names *names = e->host.names(e->host.arg);
  if (typed(e, &b) &&
      cli_complete(&c, (Typed){b.text, b.len}, names, &e->host.commands)) {
    size_t common = cli_complete_common(&c);
    if (common > c.word) {
      ambi_buffer_drop(&b);
      ambi_buffer_put(&b, cli_candidate(&c, 0) + c.word, common - c.word);
      if (c.n == 1 && b.text[b.len - 1] != '/') ambi_buffer_puts(&b, " ");
      if (!b.failed) el_insertstr(el, b.text);
      answer = CC_REFRESH;
    } else if (c.n == 1) {
      el_insertstr(el, " ");
      answer = CC_REFRESH;
    } else if (c.n) {
      show_candidates(&c);
      answer = CC_REDISPLAY;
    }
    cli_completion_drop(&c);
  }
  ambi_buffer_drop(&b);
  return answer;
}

// ---- the prompt -------------------------------------------------------------

// What stands between two of these takes no columns.
#define HIDDEN '\1'

static char *left_prompt(EditLine *el) {
  Editor *e = editor_of(el);
  bool colours = e->host.colours;
  snprintf(e->prompt, sizeof e->prompt, "%s%s%s", colours ? "\1\x1b[1m\1" : "",
           e->wish->prompt, colours ? "\1\x1b[m\1" : "");
  return e->prompt;
}

static char *right_prompt(EditLine *el) {
  return editor_of(el)->hint;
}

static void bind_keys(EditLine *el) {
  static const struct {
    const char *name, *help, *key;
    unsigned char (*fn)(EditLine *, int);
  } ours[] = {{"ambit-interrupt", "Drop the line", "^C", on_interrupt},
              {"ambit-suspend", "Stop the program", "^Z", on_suspend},
              {"ambit-bracket", "Show the bracket that opens", ")", on_bracket},
              {"ambit-later", "Do what is due", "^_", on_later},
              {"ambit-complete", "Complete a name", "\t", on_tab}};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
    el_set(el, EL_ADDFN, ours[i].name, ours[i].help, ours[i].fn);
    el_set(el, EL_BIND, ours[i].key, ours[i].name, NULL);
  }
  static const char *const usual[][2] = {
      {"^R", "em-inc-search-prev"},  {"\x1b[3~", "ed-delete-next-char"},
      {"\x1b[1~", "ed-move-to-beg"}, {"\x1b[4~", "ed-move-to-end"},
      {"\x1b[H", "ed-move-to-beg"},  {"\x1b[F", "ed-move-to-end"},
      {"\x1b[1;5D", "ed-prev-word"}, {"\x1b[1;5C", "em-next-word"}};
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    el_set(el, EL_BIND, usual[i][0], usual[i][1], NULL);
}

// ---- lines ------------------------------------------------------------------

static enum LineStatus read_line(Lines *l, const LineWish *wish,
                                 const char **line, size_t *len) {
  Editor *e = (Editor *)l;
  int n = 0;
  e->wish = wish;
  e->interrupted = false;
  *e->hint = 0;
  e->later = LATER_NOTHING;
  *line = el_gets(e->el, &n);
  *e->hint = 0;
  *len = e->dropped;
  if (e->interrupted) return LINE_INTERRUPTED;
  if (!*line || n <= 0) {
    fputs("\n", stdout);
    fflush(stdout);
    return LINE_END;
  }
  *len = (size_t)n;
  return LINE_READ;
}

static void enter(void *arg, const char *text) {
  HistEvent event;
  history(arg, &event, H_ENTER, text);
}

static bool is_newest(History *history_, const char *text) {
  HistEvent event;
  return history(history_, &event, H_FIRST) >= 0 &&
         strcmp(event.str, text) == 0;
}

static void remember(Lines *l, const char *text, size_t len) {
  Editor *e = (Editor *)l;
  while (len && text[len - 1] == '\n')
    len--;
  char *entry = ambi_text_copy(text, len);
  if (entry && !is_newest(e->history, entry)) {
    enter(e->history, entry);
    if (e->path) cli_history_add(e->path, entry);
  }
  ambi_text_free(entry);
}

static bool is_pasting(const Lines *l) {
  return ((const Editor *)l)->pasting;
}

static int key(Lines *l) {
  Editor *e = (Editor *)l;
  uint32_t c = 0;
  int got;
  do {
    if (cli_interrupt_came()) return -1;
    errno = 0;
    got = next_character(e, &c);
  } while (got == 0);
  return got < 0 ? -1 : (int)c;
}

// ---- life -------------------------------------------------------------------

static void bracket_paste(const Editor *e, bool on) {
  if (!e->brackets_paste) return;
  fputs(on ? "\x1b[?2004h" : "\x1b[?2004l", stdout);
  fflush(stdout);
}

static void close_editor(Lines *l) {
  Editor *e = (Editor *)l;
  bracket_paste(e, false);
  if (e->el) {
    el_end(e->el);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &e->before);
  }
  if (e->history) history_end(e->history);
  ambi_text_free(e->path);
  ambi_free(e, sizeof *e);
}

static void open_history(Editor *e) {
  HistEvent event;
  history(e->history, &event, H_SETSIZE, (int)HISTORY_MOST);
  e->path = cli_history_path();
  if (e->path && !cli_history_load(e->path, enter, e->history)) {
    ambi_text_free(e->path);
    e->path = NULL;
  }
  el_set(e->el, EL_HIST, history, e->history);
}

static void set_up(Editor *e) {
  EditLine *el = e->el;
  el_set(el, EL_CLIENTDATA, e);
  el_set(el, EL_GETCFN, get_character);
  el_set(el, EL_PROMPT_ESC, left_prompt, HIDDEN);
  el_set(el, EL_RPROMPT_ESC, right_prompt, HIDDEN);
  el_set(el, EL_EDITOR, "emacs");
  // Ctrl-C and Ctrl-Z are keys; elsewhere what is typed is not echoed, and kept.
  el_set(el, EL_SETTY, "-d", "-isig", NULL);
  el_set(el, EL_SETTY, "-x", "-echo", "-icanon", NULL);
  bind_keys(el);
  el_source(el, NULL);  // ~/.editrc
  open_history(e);
  const char *term = getenv("TERM");
  e->brackets_paste = term && strcmp(term, "dumb") != 0;
  bracket_paste(e, true);
}

Lines *cli_editor_open(const EditorHost *host) {
  Editor *e = ambi_alloc(sizeof *e);
  if (!e) return NULL;
  e->lines = (Lines){read_line, remember, is_pasting, key, close_editor};
  e->host = *host;
  e->history = history_init();
  if (e->history && tcgetattr(STDIN_FILENO, &e->before) == 0)
    e->el = el_init("ambit", stdin, stdout, stderr);
  if (!e->el) {
    close_editor(&e->lines);
    return NULL;
  }
  set_up(e);
  return &e->lines;
}

#else

Lines *cli_editor_open(const EditorHost *host) {
  (void)host;
  return NULL;
}

#endif
