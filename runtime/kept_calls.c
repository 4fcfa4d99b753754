// A few places for Errors, the newest replaces the oldest.
#include "runtime/kept_calls.h"

#include <string.h>

enum { MOST_MADE = 64 };  // Errors of a form that are looked at

void ambi_kept_calls_open(KeptCalls *k) {
  *k = (KeptCalls){0};
  pthread_mutex_init(&k->lock, NULL);
}

static void drop_all(KeptCalls *k) {
  for (unsigned i = 0; i < KEPT_ERRORS; i++) {
    ambi_buffer_drop(&k->errors[i].about);
    ambi_buffer_drop(&k->errors[i].lines);
  }
  ambi_buffer_drop(&k->stopped);
  k->made = 0;
}

void ambi_kept_calls_close(KeptCalls *k) {
  drop_all(k);
  pthread_mutex_destroy(&k->lock);
}

// ---- looking whether all is well, under the lock ------------------------------------

static bool text_is_valid(const Buffer *b, const char **why) {
  if (!b->text) return !b->len || ambi_invalid(why, "calls without their text");
  return (b->len < b->cap && !b->text[b->len]) ||
         ambi_invalid(why, "a text of calls that does not end");
}

static bool is_empty(const CallsOfError *e) {
  return !e->about.text && !e->about.failed && !e->lines.text &&
         !e->lines.failed;
}

static bool is_valid(const KeptCalls *k, const char **why) {
  if (k->made > MOST_MADE || k->made > k->next)
    return ambi_invalid(why, "more Errors than are looked at");
  for (unsigned i = 0; i < KEPT_ERRORS; i++) {
    const CallsOfError *e = &k->errors[i];
    if (i >= k->next && !is_empty(e))
      return ambi_invalid(why, "an Error in a place that nobody has used");
    if (!e->about.len && !e->about.failed && e->lines.len)
      return ambi_invalid(why, "calls of no Error");
    if (!text_is_valid(&e->about, why) || !text_is_valid(&e->lines, why))
      return false;
  }
  return text_is_valid(&k->stopped, why);
}

bool ambi_kept_calls_is_valid(KeptCalls *k, const char **why) {
  pthread_mutex_lock(&k->lock);
  bool ok = is_valid(k, why);
  pthread_mutex_unlock(&k->lock);
  return ok;
}

// After each change.
static void look_at(KeptCalls *k) {
  if (ambi_pace(&k->walked, 64)) AMB_WALK(is_valid(k, &why));
}

// ---- keeping ------------------------------------------------------------------------

void ambi_kept_calls_note(KeptCalls *k, Context *cx, Value call) {
  pthread_mutex_lock(&k->lock);
  if (ambi_is_none(call)) {
    ambi_buffer_drop(&k->stopped);
    ambi_calls_print(cx, call, &k->stopped);
  } else if (k->made < MOST_MADE) {
    CallsOfError *e = &k->errors[k->next++ % KEPT_ERRORS];
    k->made++;
    ambi_buffer_drop(&e->about);
    ambi_buffer_drop(&e->lines);
    ambi_calls_shorten(cx->rt, call, &e->about);
    ambi_calls_print(cx, call, &e->lines);
  }
  look_at(k);
  pthread_mutex_unlock(&k->lock);
}

static void put(const Buffer *from, Buffer *out) {
  if (from->len) ambi_buffer_put(out, from->text, from->len);
  out->failed = out->failed || from->failed;
}

static bool is_about(const CallsOfError *e, const Buffer *about) {
  return !e->about.failed && e->about.len == about->len &&
         memcmp(e->about.text, about->text, about->len) == 0;
}

void ambi_kept_calls_find(KeptCalls *k, Runtime *rt, Value call, Buffer *out) {
  Buffer about = {0};
  const CallsOfError *e, *found = NULL;
  bool lost = false;
  if (!ambi_is_none(call)) ambi_calls_shorten(rt, call, &about);
  pthread_mutex_lock(&k->lock);
  if (ambi_is_none(call)) put(&k->stopped, out);
  for (unsigned i = 0; about.len && !about.failed && i < KEPT_ERRORS; i++) {
    e = &k->errors[(k->next + i) % KEPT_ERRORS];
    lost = lost || e->about.failed;
    if (is_about(e, &about)) found = e;
  }
  if (found) put(&found->lines, out);
  out->failed = out->failed || about.failed || (lost && !found);
  pthread_mutex_unlock(&k->lock);
  ambi_buffer_drop(&about);
}

void ambi_kept_calls_end(KeptCalls *k, Runtime *rt, Value call) {
  Buffer lines = {0};
  ambi_kept_calls_find(k, rt, call, &lines);
  pthread_mutex_lock(&k->lock);
  ambi_buffer_drop(&k->stopped);
  k->stopped = lines;
  look_at(k);
  pthread_mutex_unlock(&k->lock);
}

void ambi_kept_calls_forget(KeptCalls *k) {
  pthread_mutex_lock(&k->lock);
  drop_all(k);
  look_at(k);
  pthread_mutex_unlock(&k->lock);
}

void ambi_kept_calls_count_anew(KeptCalls *k) {
  pthread_mutex_lock(&k->lock);
  k->made = 0;
  pthread_mutex_unlock(&k->lock);
}
