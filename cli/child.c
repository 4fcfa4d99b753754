// Processes are forked and not started anew: what the command line said is there.
#define _GNU_SOURCE  // memfd_create
#include "cli/child.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/lost.h"
#include "memory/alloc.h"
#include "runtime/runtime.h"

static FILE *open_room(const char *name) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  return fd < 0 ? NULL : fdopen(fd, "w+");
}

pid_t cli_child_start(Child *c) {
  fflush(NULL);
  *c = (Child){.pid = -1, .began = ambi_monotonic_seconds()};
  c->found = open_room("found");
  c->notes = open_room("notes");
  pid_t parent = getpid();
  if (c->found && c->notes) c->pid = fork();
  if (c->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody would wait for what it finds
    if (getppid() != parent) _exit(1);
    dup2(fileno(c->notes), STDERR_FILENO);
  }
  return c->pid;
}

void cli_child_end(int code) {
  fflush(NULL);
  _exit(code);
}

char *cli_child_text(FILE *f, size_t *len) {
  *len = 0;
  long end = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
  char *text = end > 0 ? ambi_alloc((size_t)end + 1) : NULL;
  if (end > 0 && !text) cli_lost();
  if (!text) return NULL;
  rewind(f);
  *len = (size_t)end;
  size_t got = fread(text, 1, *len, f);
  memset(text + got, 0, *len + 1 - got);
  return text;
}

void cli_child_close(Child *c) {
  if (c->found) fclose(c->found);
  if (c->notes) fclose(c->notes);
  c->found = c->notes = NULL;
}
