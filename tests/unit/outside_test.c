// Messages from threads that evaluate nothing, and to them.
#include "scheduler/outside.h"

#include <pthread.h>
#include <semaphore.h>

#include "runtime/modules/runner.h"
#include "tests/unit/unit.h"

static const unsigned crews[] = {1, 2, 4};  // evaluators
enum { CREWS = sizeof crews / sizeof *crews, THREADS = 3, EACH = 2000 };

static Runtime *rt;
static Buffer lines;
static Outside *outside;
static sem_t news;

static bool drop_text(void *arg, const char *text, size_t len) {
  (void)arg, (void)text, (void)len;
  return true;
}

static bool on_form(void *arg, const FormReport *r) {
  (void)arg;
  ambi_print_results(rt, &lines, r->results, r->n);
  return r->stop == STOP_NONE;
}

static void gives(const char *text, const char *expected) {
  Script s = {.rt = rt,
              .module = ambi_module_top(rt),
              .name = "test",
              .text = text,
              .len = strlen(text),
              .on_form = on_form};
  lines.len = 0;
  ck_assert_int_eq(ambi_run_script(&s), RUN_OK);
  ambi_script_drop(&s);
  ck_assert_str_eq(lines.text, expected);
}

static void post_news(void *arg) {
  sem_post(arg);
}

static Context *open_all(int crew) {
  Host host = {.write = drop_text};
  rt = ambi_runtime_open(&host, 1);
  ck_assert(rt && ambi_crew_open(rt, crews[crew]) && ambi_actors_open(rt));
  Context *cx = ambi_context_open(rt);
  sem_init(&news, 0, 0);
  outside = ambi_outside_open(cx, post_news, &news);
  ck_assert_ptr_nonnull(outside);
  gives("!(import! &self concurrent)", "[()]");
  return cx;
}

static void close_all(Context *cx) {
  if (outside) ambi_outside_close(cx, outside);
  ambi_context_close(cx);
  ambi_actors_close(rt);
  ambi_crew_close(rt);
  ambi_runtime_close(rt);
  ambi_buffer_drop(&lines);
  sem_destroy(&news);
}

// ---- from outside -----------------------------------------------------------------

typedef struct Sender {
  pthread_t thread;
  Value to;
  Message *message;
  void *failed;
} Sender;

static void *send_each(void *arg) {
  Sender *s = arg;
  for (int i = 0; i < EACH; i++) {
    Message *m = ambi_parcel_copy(s->message);
    enum Posted posted = ambi_outside_post(outside, s->to, m);
    if (posted != POST_DONE && posted != POST_WOKE) return s;
  }
  return NULL;
}

START_TEST(messages_come_from_any_thread) {
  Context *cx = open_all(_i);
  Value one = ambi_small_int(1);
  Message *m = ambi_outside_pack(cx, outside, one);
  Sender senders[THREADS];
  Value script = ambi_actor_value(ambi_actor_of(cx)->handle);
  for (int i = 0; i < THREADS; i++) {
    senders[i] = (Sender){.to = script, .message = m};
    ck_assert_int_eq(
        pthread_create(&senders[i].thread, NULL, send_each, &senders[i]), 0);
  }
  gives("(= (sum $n $s) (if (== $n 0) $s"
        "   (sum (- $n 1) (+ $s (receive (($x $x)))))))"
        "!(sum 6000 0)",
        "[6000]");
  for (int i = 0; i < THREADS; i++)
    pthread_join(senders[i].thread, &senders[i].failed);
  for (int i = 0; i < THREADS; i++)
    ck_assert_ptr_null(senders[i].failed);
  ambi_message_free(m);
  close_all(cx);
}
END_TEST

// ---- to the outside ---------------------------------------------------------------

static void *take_all(void *arg) {
  uint64_t *taken = arg;
  while (*taken < EACH) {
    Message *m = ambi_outside_take(outside);
    if (m) {
      ++*taken;
      ambi_message_free(m);
    } else {
      sem_wait(&news);
    }
  }
  return NULL;
}

static Value name_of_outside(Context *cx) {
  return AMB_EXPR(cx, ambi_make_sym(cx, "outside", 7),
                  ambi_outside_actor(outside));
}

START_TEST(messages_go_out) {
  Context *cx = open_all(_i);
  uint64_t taken = 0;
  pthread_t taker;
  Message *m = ambi_outside_pack(cx, outside, name_of_outside(cx));
  ambi_outside_post(outside, ambi_actor_value(ambi_actor_of(cx)->handle), m);
  ck_assert_int_eq(pthread_create(&taker, NULL, take_all, &taken), 0);
  gives("(= (many $o $n) (if (== $n 0) done"
        "   (let $u (send $o (number $n)) (many $o (- $n 1)))))"
        "!(receive (((outside $o)"
        "   (let* (($a (spawn (many $o 1000) (monitor))) ($x (many $o 1000)))"
        "      (receive (((down $b $why) $why)))))))",
        "[normal]");
  pthread_join(taker, NULL);
  ck_assert_uint_eq(taken, EACH);
  close_all(cx);
}
END_TEST

// Who watches it is told when it is closed; who kills it is seen.
START_TEST(it_ends_like_an_actor) {
  Context *cx = open_all(_i);
  Message *m = ambi_outside_pack(cx, outside, name_of_outside(cx));
  ambi_outside_post(outside, ambi_actor_value(ambi_actor_of(cx)->handle), m);
  ck_assert_ptr_null(ambi_outside_take(outside));
  gives("!(receive (((outside $o) (let $u (monitor $o) (kill $o enough)))))",
        "[()]");
  sem_wait(&news);
  ck_assert(ambi_outside_ended(outside));
  ambi_outside_close(cx, outside);
  outside = NULL;
  gives("!(receive (((down $o $why) $why)))", "[normal]");
  gives("!(catch (receive ()) stuck)", "[stuck]");
  close_all(cx);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("outside");
  tcase_add_loop_test(tc, messages_come_from_any_thread, 0, CREWS);
  tcase_add_loop_test(tc, messages_go_out, 0, CREWS);
  tcase_add_loop_test(tc, it_ends_like_an_actor, 0, CREWS);
  return unit_run(tc, "outside");
}
