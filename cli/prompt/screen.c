// Writing to the terminal by turns, and the meter: see screen.h.
#define _GNU_SOURCE  // vasprintf
#include "cli/prompt/screen.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/figures.h"
#include "cli/lost.h"
#include "scheduler/evaluators.h"

static const double first_after = 2, then_every = 0.25;

static const char *const colours[] = {"", "\x1b[1m", "\x1b[31m", "\x1b[2m"};

// ---- the terminal -----------------------------------------------------------

static unsigned from_environment(const char *name, unsigned usual) {
  const char *v = getenv(name);
  unsigned long n = v ? strtoul(v, NULL, 10) : 0;
  return n > 0 && n < 10000 ? (unsigned)n : usual;
}

void cli_screen_size(unsigned *width, unsigned *height) {
  struct winsize size = {0};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  *width = size.ws_col ? size.ws_col : from_environment("COLUMNS", 80);
  *height = size.ws_row ? size.ws_row : from_environment("LINES", 24);
}

// ---- the meter --------------------------------------------------------------

uint64_t cli_screen_steps(const Screen *s) {
  const Runtime *rt = s->cli->rt;
  uint64_t sum = 0;
  for (unsigned i = 0; i < ambi_evaluators_count(rt); i++)
    sum += ambi_evaluators_sum(rt, i).at[TALLY_STEPS];
  return sum;
}

// What the meter says now; the number of its columns.
static int meter_text(const Screen *s, double seconds, char *out, size_t size) {
  char count[CLI_COUNT_SIZE], rate[CLI_COUNT_SIZE];
  if (*s->reading) {
    cli_count_text((double)s->facts, count);
    cli_count_text((double)s->facts / seconds, rate);
    return snprintf(out, size, "  %s: %s facts, %s a second", s->reading, count,
                    rate);
  }
  double steps = (double)(cli_screen_steps(s) - s->steps_before);
  cli_count_text(steps, count);
  cli_count_text(steps / seconds, rate);
  char answers[40] = "";
  if (s->flow.answers)
    snprintf(answers, sizeof answers, "%llu answer%s, ",
             (unsigned long long)s->flow.answers,
             s->flow.answers == 1 ? "" : "s");
  return snprintf(out, size, "  %.1f s, %s%s steps, %s a second", seconds,
                  answers, count, rate);
}

// Behind the cursor, as far as the line goes.
static void draw(Screen *s, double seconds) {
  char text[200];
  unsigned width, height;
  cli_screen_size(&width, &height);
  unsigned column = s->in_list ? s->flow.column : 0;
  int len = meter_text(s, seconds, text, sizeof text);
  int room = (int)width - (int)column - 1;
  if (len > (int)sizeof text - 1) len = (int)sizeof text - 1;
  if (len > room) len = room;
  if (len <= 0) return;
  s->drawn = true;
  cli_flush(s->cli);
  fprintf(stderr, "%s%.*s%s\x1b[K\x1b[%dD",
          s->colours ? colours[COLOUR_NOTE] : "", len, text,
          s->colours ? "\x1b[m" : "", len);
  fflush(stderr);
}

static void wipe(Screen *s) {
  if (!s->drawn) return;
  s->drawn = false;
  fputs("\x1b[K", stderr);
  fflush(stderr);
}

static void wait_for(Screen *s, double seconds) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  double end = (double)until.tv_sec + (double)until.tv_nsec / 1e9 + seconds;
  until.tv_sec = (time_t)end;
  until.tv_nsec = (long)((end - (double)until.tv_sec) * 1e9);
  pthread_cond_timedwait(&s->change, &s->lock, &until);
}

static void *run_meter(void *arg) {
  Screen *s = arg;
  pthread_mutex_lock(&s->lock);
  while (!s->ending) {
    if (!s->running || s->asked > 0) {
      pthread_cond_wait(&s->change, &s->lock);
      continue;
    }
    double seconds = ambi_monotonic_seconds() - s->began;
    if (seconds >= first_after) draw(s, seconds);
    wait_for(s, seconds >= first_after ? then_every : first_after - seconds);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

void cli_screen_runs(Screen *s, bool running) {
  uint64_t steps = running ? cli_screen_steps(s) : 0;
  pthread_mutex_lock(&s->lock);
  wipe(s);
  s->running = running && s->progress;
  *s->reading = 0;
  s->began = ambi_monotonic_seconds();
  s->steps_before = steps;
  pthread_cond_signal(&s->change);
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_progress(Screen *s, const Progress *now) {
  pthread_mutex_lock(&s->lock);
  *s->reading = 0;
  if (!now->over) snprintf(s->reading, sizeof s->reading, "%s", now->what);
  s->facts = now->count;
  pthread_mutex_unlock(&s->lock);
}

// ---- life -------------------------------------------------------------------

// The thread never sees signals: an interrupt is for the one that evaluates.
static void start_meter(Screen *s) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  s->has_meter = pthread_create(&s->meter, NULL, run_meter, s) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cli_screen_open(Screen *s, Cli *cli, bool coloured) {
  *s = (Screen){.cli = cli};
  s->terminal =
      !cli->options.json && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
  s->colours = coloured && s->terminal;
  s->progress = s->terminal;
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->change, &attr);
  pthread_condattr_destroy(&attr);
  if (s->terminal) start_meter(s);
}

void cli_screen_close(Screen *s) {
  pthread_mutex_lock(&s->lock);
  s->ending = true;
  pthread_cond_signal(&s->change);
  pthread_mutex_unlock(&s->lock);
  if (s->has_meter) pthread_join(s->meter, NULL);
  pthread_cond_destroy(&s->change);
  pthread_mutex_destroy(&s->lock);
}

// ---- what is written in order -------------------------------------------

static bool put(Screen *s, const char *text, size_t len) {
  cli_flow_wrote(&s->flow, text, len);
  return cli_write_output(s->cli, text, len);
}

// The answers stop for a while: what comes begins a line.
static void part(Screen *s) {
  const char *text = cli_flow_part(&s->flow);
  put(s, text, strlen(text));
}

// ---- what others write ------------------------------------------------------

// Something other than an answer comes: not behind one on the same line.
static void leave_line(Screen *s) {
  wipe(s);
  if (!s->in_list || !s->flow.column || !s->terminal) return;
  if (!s->flow.parted) part(s);
}

bool cli_screen_output(Screen *s, const char *text, size_t len) {
  pthread_mutex_lock(&s->lock);
  leave_line(s);
  bool ok = put(s, text, len);
  pthread_mutex_unlock(&s->lock);
  return ok;
}

void cli_screen_note(Screen *s, const char *text, size_t len) {
  pthread_mutex_lock(&s->lock);
  leave_line(s);
  cli_write_note(s->cli, text, len);
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_say(Screen *s, enum Colour colour, const char *format, ...) {
  bool coloured = s->colours && colour != COLOUR_PLAIN;
  char small[512], *text = NULL;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int len = vsnprintf(small, sizeof small, format, args);
  if (len >= (int)sizeof small && vasprintf(&text, format, again) < 0) {
    cli_lost();
    text = NULL;
    len = sizeof small - 1;
  }
  va_end(again);
  va_end(args);
  pthread_mutex_lock(&s->lock);
  leave_line(s);
  if (coloured) fputs(colours[colour], stderr);
  cli_write_note(s->cli, text ? text : small, (size_t)len);
  if (!s->cli->options.json) fputs(coloured ? "\x1b[m\n" : "\n", stderr);
  pthread_mutex_unlock(&s->lock);
  free(text);
}

void cli_screen_told(Screen *s, const char *text, size_t len) {
  pthread_mutex_lock(&s->lock);
  leave_line(s);
  cli_flush(s->cli);
  fwrite(text, 1, len, stderr);
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_leave(Screen *s) {
  pthread_mutex_lock(&s->lock);
  leave_line(s);
  pthread_mutex_unlock(&s->lock);
}

// ---- answers ----------------------------------------------------------------

// Answers are in one colour or another.
static void colour(Screen *s, enum Colour c) {
  if (!s->colours || c == s->colour) return;
  const char *code = c == COLOUR_PLAIN ? "\x1b[m" : colours[c];
  s->colour = c;
  cli_write(s->cli, code, strlen(code));
}

void cli_screen_list(Screen *s, unsigned width, unsigned height) {
  pthread_mutex_lock(&s->lock);
  cli_flow_begin(&s->flow, width, height);
  s->in_list = true;
  pthread_mutex_unlock(&s->lock);
}

bool cli_screen_part(Screen *s, bool first, enum Colour c, const char *text,
                     size_t len) {
  pthread_mutex_lock(&s->lock);
  wipe(s);
  bool ok = true;
  if (first) {
    const char *lead = cli_flow_lead(&s->flow, text, len);
    ok = put(s, lead, strlen(lead));
    colour(s, c);
  }
  ok = ok && put(s, text, len);
  pthread_mutex_unlock(&s->lock);
  return ok;
}

void cli_screen_answered(Screen *s) {
  pthread_mutex_lock(&s->lock);
  colour(s, COLOUR_PLAIN);
  if (s->terminal) cli_flush(s->cli);
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_list_end(Screen *s, bool cut) {
  pthread_mutex_lock(&s->lock);
  wipe(s);
  if (cut) put(s, " ...", 4);
  const char *end = cli_flow_end(&s->flow);
  put(s, end, strlen(end));
  put(s, "\n", 1);
  cli_flush(s->cli);
  s->in_list = false;
  s->flow.answers = 0;
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_ask(Screen *s, const char *question) {
  pthread_mutex_lock(&s->lock);
  wipe(s);
  s->asked = ambi_monotonic_seconds();
  if (!s->flow.parted) part(s);
  cli_flush(s->cli);
  fprintf(stderr, "\r%s%s%s", s->colours ? "\x1b[7m" : "", question,
          s->colours ? "\x1b[m" : "");
  fflush(stderr);
  pthread_mutex_unlock(&s->lock);
}

void cli_screen_wipe(Screen *s) {
  pthread_mutex_lock(&s->lock);
  fputs("\r\x1b[K", stderr);
  fflush(stderr);
  s->began += ambi_monotonic_seconds() - s->asked;
  s->asked = 0;
  pthread_cond_signal(&s->change);
  pthread_mutex_unlock(&s->lock);
}
