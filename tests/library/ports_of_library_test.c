// Ports: actors of a C program, on one evaluator and on several.
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/library/library.h"

enum { MANY = 3000 };

static ambit_port *port;
static atomic_int woken;

static void on_message(void *arg, ambit_port *p) {
  ck_assert_ptr_eq(arg, &woken);
  (void)p;
  atomic_fetch_add(&woken, 1);
}

static const char program[] =
    "!(import! &self concurrent)\n"
    "(= (adder $n) (receive (((add $x) (adder (+ $n $x)))\n"
    "                        ((tell $p) (let $u (send $p (sum $n)) (adder "
    "$n)))\n"
    "                        (stop stopped))))\n"
    "!(spawn (adder 0) ((name adder)))\n";

static void open_with(unsigned evaluators) {
  atomic_store(&woken, 0);
  a = ambit_open(&(ambit_options){.evaluators = evaluators});
  ck_assert_ptr_nonnull(a);
  port = ambit_port_open(a, "host", on_message, &woken);
  ck_assert_msg(port, "%s", ambit_message(a));
  ck_assert_int_eq(run(program), AMBIT_OK);
}

static ambit_term symbol(ambit_port *p, const char *name) {
  return ambit_make_symbol(ambit_port_heap(p), name);
}

static ambit_status post_to(ambit_port *p, const char *actor, ambit_term m) {
  return ambit_post(p, symbol(p, actor), m);
}

// (HEAD N), or (HEAD) with N below 0
static ambit_term pair(ambit_port *p, const char *head, int64_t n) {
  ambit_heap *h = ambit_port_heap(p);
  ambit_term items[2] = {symbol(p, head), ambit_make_integer(h, n)};
  return ambit_make_expression(h, items, 2);
}

static ambit_term tell_port(ambit_port *p) {
  ambit_term items[2] = {symbol(p, "tell"), ambit_port_term(p)};
  return ambit_make_expression(ambit_port_heap(p), items, 2);
}

// Seconds: what has not come then never does.
enum { PATIENCE = 300 };

// The next message as text, served until it is there.
static void comes(ambit_port *p, const char *want) {
  ambit_term m;
  ambit_status s;
  while ((s = ambit_take(p, &m)) == AMBIT_DONE)
    ck_assert_int_eq(ambit_serve(a, PATIENCE), AMBIT_OK);
  ck_assert_int_eq(s, AMBIT_OK);
  ck_assert_str_eq(ambit_text(ambit_port_heap(p), m, NULL), want);
}

START_TEST(messages_go_and_come) {
  open_with(_i);
  ambit_term m;
  ck_assert_int_eq(ambit_take(port, &m), AMBIT_DONE);
  ck_assert_int_eq(post_to(port, "adder", pair(port, "add", 40)), AMBIT_OK);
  ck_assert_int_eq(post_to(port, "adder", pair(port, "add", 2)), AMBIT_OK);
  ck_assert_int_eq(post_to(port, "adder", tell_port(port)), AMBIT_OK);
  comes(port, "(sum 42)");
  ck_assert_int_eq(ambit_take(port, &m), AMBIT_DONE);
  ck_assert_int_ge(atomic_load(&woken), 1);
  ck_assert_int_eq(run("!(send host (a $x \"text\" (b $x)))"), AMBIT_OK);
  ck_assert_int_eq(ambit_take(port, &m), AMBIT_OK);
  ck_assert_uint_eq(ambit_size(m), 4);
  ck_assert_int_eq(ambit_kind_of(ambit_at(m, 1)), AMBIT_VARIABLE);
  ck_assert(ambit_equal(ambit_port_heap(port), ambit_at(m, 1),
                        ambit_at(ambit_at(m, 3), 1)));
  ck_assert_int_eq(post_to(port, "nobody", pair(port, "add", 2)), AMBIT_MISUSE);
  ck_assert_int_eq(ambit_post(port, ambit_none(), m), AMBIT_MISUSE);
  ck_assert_int_eq(post_to(port, "adder", ambit_none()), AMBIT_MISUSE);
  close_one();
}
END_TEST

START_TEST(a_program_calls) {
  open_with(_i);
  ambit_term m;
  ck_assert_int_eq(
      run("!(spawn (send host (was (call host (twice 21) 300000))))"),
      AMBIT_OK);
  while (ambit_take(port, &m) == AMBIT_DONE)
    ck_assert_int_eq(ambit_serve(a, PATIENCE), AMBIT_OK);
  ambit_term asker = ambit_at(m, 1);
  ck_assert_uint_eq(ambit_size(m), 3);
  int64_t n;
  ck_assert(ambit_get_integer(ambit_at(ambit_at(m, 2), 1), &n));
  ck_assert_int_eq(ambit_reply(port, m, m), AMBIT_MISUSE);
  ck_assert_int_eq(
      ambit_reply(port, asker,
                  ambit_make_integer(ambit_port_heap(port), 2 * n)),
      AMBIT_OK);
  comes(port, "(was 42)");
  close_one();
}
END_TEST

// ---- other threads ------------------------------------------------------------------

// It posts, then waits for the answer by the file alone.
static void *feed(void *arg) {
  ambit_port *mine = arg;
  struct pollfd file = {.fd = ambit_port_file(mine), .events = POLLIN};
  ambit_term m;
  int64_t n = -1;
  for (int i = 0; i < MANY; i++)
    if (post_to(mine, "adder", pair(mine, "add", 1)) != AMBIT_OK) return NULL;
  if (post_to(mine, "adder", tell_port(mine)) != AMBIT_OK) return NULL;
  while (ambit_take(mine, &m) == AMBIT_DONE)
    if (poll(&file, 1, 1000 * PATIENCE) != 1) return NULL;
  if (!ambit_get_integer(ambit_at(m, 1), &n)) return NULL;
  bool empty = ambit_take(mine, &m) == AMBIT_DONE && poll(&file, 1, 0) == 0;
  if (post_to(mine, "host", symbol(mine, "done")) != AMBIT_OK) return NULL;
  return n >= MANY && empty ? arg : NULL;
}

START_TEST(another_thread_posts_and_takes) {
  open_with(_i);
  ambit_port *theirs = ambit_port_open(a, NULL, NULL, NULL);
  pthread_t thread;
  ambit_term m;
  void *right;
  ck_assert_int_eq(pthread_create(&thread, NULL, feed, theirs), 0);
  for (int i = 0; i < 200; i++)  // beside whatever the runtime does
    gives("(let $r (collapse (superpose (1 2 3))) (size-atom $r))", "3");
  ambit_status s = ambit_serve(a, PATIENCE);
  while (s == AMBIT_OK && ambit_take(port, &m) == AMBIT_DONE)
    s = ambit_serve(a, PATIENCE);
  ck_assert_int_eq(s, AMBIT_OK);
  pthread_join(thread, &right);
  ck_assert_ptr_eq(right, theirs);
  ambit_port_close(theirs);
  close_one();
}
END_TEST

// ---- ends ---------------------------------------------------------------------------

START_TEST(what_serving_ends_with) {
  open_with(_i);
  ck_assert_int_eq(ambit_serve(a, 0.01), AMBIT_LIMIT);
  ambit_port_close(port);
  ck_assert_int_eq(ambit_serve(a, -1), AMBIT_DONE);  // the adder waits for ever
  ck_assert_ptr_nonnull(strstr(ambit_message(a), "waits"));
  port = ambit_port_open(a, "host", NULL, NULL);  // the name is free again
  ck_assert_ptr_nonnull(port);
  ck_assert_ptr_null(ambit_port_open(a, "host", NULL, NULL));
  ck_assert_int_eq(post_to(port, "adder", symbol(port, "stop")), AMBIT_OK);
  ambit_cancel(a);
  ck_assert_int_eq(ambit_serve(a, -1), AMBIT_CANCELLED);
  ambit_resume(a);
  ck_assert_int_eq(ambit_serve(a, 0.2), AMBIT_LIMIT);
  ambit_port_close(port);
  ck_assert_int_eq(ambit_serve(a, -1), AMBIT_DONE);
  ck_assert_ptr_nonnull(strstr(ambit_message(a), "no actor"));
  close_one();
}
END_TEST

START_TEST(ports_are_watched_and_killed) {
  open_with(_i);
  ambit_port *second = ambit_port_open(a, "second", NULL, NULL);
  ambit_term m;
  ck_assert_int_eq(run("!(spawn (let* (($u (monitor second)) ($v (send host "
                       "watching))) (receive (((down $a $why) (send host (gone "
                       "$why)))))) ((name watcher)))"),
                   AMBIT_OK);
  comes(port, "watching");
  ck_assert_int_eq(post_to(port, "watcher", symbol(port, "wake-up")), AMBIT_OK);
  ambit_status s;
  while ((s = ambit_serve(a, 0.05)) == AMBIT_OK)  // tells of what was taken
    ck_assert_int_eq(ambit_take(port, &m), AMBIT_DONE);
  ck_assert_int_eq(s, AMBIT_LIMIT);
  ambit_port_close(second);
  comes(port, "(gone normal)");
  ck_assert_int_eq(run("!(kill host enough)"), AMBIT_OK);
  ck_assert_int_eq(ambit_take(port, &m), AMBIT_CANCELLED);
  close_one();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("ports of the library");
  tcase_set_timeout(c, 600);
  tcase_add_loop_test(c, messages_go_and_come, 1, 4);
  tcase_add_loop_test(c, a_program_calls, 1, 4);
  tcase_add_loop_test(c, another_thread_posts_and_takes, 1, 4);
  tcase_add_loop_test(c, what_serving_ends_with, 1, 4);
  tcase_add_loop_test(c, ports_are_watched_and_killed, 1, 4);
  return unit_run(c, "ports of the library");
}
