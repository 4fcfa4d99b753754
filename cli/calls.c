// The calls in which something failed, kept until the form is told about.
//
// An Error is a value: it may be looked at and dropped, or come to the top. So the calls
// around each of the first ones of a form are kept for a while, and the one that came to
// the top is found by the call that it is about.
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "runtime/calls.h"

enum { MOST_MADE = 64 };  // Errors of a form that are looked at

static char *text_of(Buffer *b) {
  char *text = b->failed || !b->len ? NULL : strndup(b->text, b->len);
  ambi_buffer_drop(b);
  return text;
}

static char *key_of(Runtime *rt, Value call) {
  Buffer b = {0};
  ambi_calls_shorten(rt, call, &b);
  return text_of(&b);
}

static void drop(KeptCalls *k) {
  free(k->about);
  free(k->lines);
  *k = (KeptCalls){0};
}

void cli_calls_failed(void *arg, Context *cx, Value call) {
  Calls *c = &((Cli *)arg)->calls;
  bool error = !ambi_is_none(call);
  pthread_mutex_lock(&c->lock);
  if (!error || c->made < MOST_MADE) {
    KeptCalls *k = error ? &c->errors[c->made++ % KEPT_ERRORS] : &c->stopped;
    Buffer b = {0};
    drop(k);
    ambi_calls_print(cx, call, &b);
    k->lines = text_of(&b);
    if (error) k->about = key_of(cx->rt, call);
  }
  pthread_mutex_unlock(&c->lock);
}

const char *cli_calls_about(Cli *cli, Value call) {
  Calls *c = &cli->calls;
  if (ambi_is_none(call)) return c->stopped.lines;
  char *about = key_of(cli->rt, call);
  const char *found = NULL;
  for (unsigned i = 0; about && i < KEPT_ERRORS; i++)
    if (c->errors[i].about && strcmp(c->errors[i].about, about) == 0)
      found = c->errors[i].lines;
  free(about);
  return found;
}

void cli_calls_forget(Cli *cli) {
  Calls *c = &cli->calls;
  pthread_mutex_lock(&c->lock);
  for (unsigned i = 0; i < KEPT_ERRORS; i++)
    drop(&c->errors[i]);
  drop(&c->stopped);
  c->made = 0;
  pthread_mutex_unlock(&c->lock);
}
