// Signal handlers of the prompt, see interrupt.h.
#include "cli/prompt/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/modules/runner.h"

static AMB_ATOMIC(Runtime *) running;       // [own>all] what runs, or NULL
static AMB_ATOMIC(bool) came, resized;      // [all] told once each
static AMB_ATOMIC(unsigned) asked_to_stop;  // [all] how often
static struct termios at_start;
static bool has_terminal;

static void say(const char *text) {
  (void)!write(STDERR_FILENO, text, strlen(text));
}

static void ask_to_leave(void) {
  say("\nIt has not stopped yet. Leave ambit? (y/n) ");
  char c = 'n';
  ssize_t got;
  do
    got = read(STDIN_FILENO, &c, 1);
  while (got < 0 && errno == EINTR);
  say("\n");
  if (got > 0 && c != 'y' && c != 'Y') return;
  if (has_terminal) tcsetattr(STDIN_FILENO, TCSADRAIN, &at_start);
  _exit(RUN_CANCELLED);
}

static void on_interrupt(int signal_number) {
  (void)signal_number;
  int before = errno;
  Runtime *rt = ambi_load_acquire(&running);
  if (!rt)
    ambi_store_release(&came, true);
  else if (ambi_add_relaxed(&asked_to_stop, 1))
    ask_to_leave();
  else
    ambi_runtime_cancel(rt);
  errno = before;
}

static void on_resize(int signal_number) {
  (void)signal_number;
  ambi_store_release(&resized, true);
}

void cli_interrupt_open(void) {
  has_terminal = tcgetattr(STDIN_FILENO, &at_start) == 0;
  struct sigaction interrupt = {.sa_handler = on_interrupt},
                   resize = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
  sigemptyset(&interrupt.sa_mask);
  sigemptyset(&resize.sa_mask);
  sigaction(SIGINT, &interrupt, NULL);
  sigaction(SIGWINCH, &resize, NULL);
}

void cli_interrupt_runs(Runtime *rt) {
  ambi_store_relaxed(&asked_to_stop, 0);
  ambi_store_release(&running, rt);
}

bool cli_interrupt_came(void) {
  bool is = ambi_load_acquire(&came);
  if (is) ambi_store_release(&came, false);
  return is;
}

bool cli_interrupt_resized(void) {
  bool is = ambi_load_acquire(&resized);
  if (is) ambi_store_release(&resized, false);
  return is;
}
