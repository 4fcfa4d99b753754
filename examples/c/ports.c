/* Threads of the program and actors of a runtime send one another messages: each thread
 * has a port, asks an actor by name, and waits for the answer with poll.
 *
 *   cc -pthread -o ports ports.c $(pkg-config --cflags --libs ambit)
 */
#include <ambit.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 3 };

/* Keeps a balance for each account, as facts of the program's space. */
static const char program[] =
    "!(import! &self concurrent)\n"
    "(= (balance $who) (match &self (account $who $n) $n))\n"
    "(= (pay $who $n)\n"
    "   (let* (($before (balance $who))\n"
    "          ($after (+ $before $n))\n"
    "          ($u (remove-atom &self (account $who $before)))\n"
    "          ($v (add-atom &self (account $who $after))))\n"
    "     $after))\n"
    "(= (bank)\n"
    "   (receive (((deposit $who $n $port)\n"
    "              (let* (($now (pay $who $n)) ($u (send $port (now $now))))\n"
    "                (bank))))))\n"
    "(account ann 10) (account bob 20) (account eve 30)\n"
    "!(spawn (bank) ((name bank)))\n";

typedef struct Customer {
  ambit_port *port;
  const char *name;
  int64_t last;
} Customer;

static ambit_term payment(Customer *c, int64_t amount) {
  ambit_heap *h = ambit_port_heap(c->port);
  ambit_term items[] = {
      ambit_make_symbol(h, "deposit"), ambit_make_symbol(h, c->name),
      ambit_make_integer(h, amount), ambit_port_term(c->port)};
  return ambit_make_expression(h, items, 4);
}

static void *customer(void *arg) {
  Customer *c = arg;
  struct pollfd file = {ambit_port_file(c->port), POLLIN, 0};
  for (int64_t amount = 1; amount <= 100; amount++) {
    ambit_term bank = ambit_make_symbol(ambit_port_heap(c->port), "bank");
    ambit_term answer;
    if (ambit_post(c->port, bank, payment(c, amount)) != AMBIT_OK) break;
    while (ambit_take(c->port, &answer) == AMBIT_DONE)
      poll(&file, 1, -1);
    ambit_get_integer(ambit_at(answer, 1), &c->last);
  }
  return NULL;
}

int main(void) {
  static const char *const names[THREADS] = {"ann", "bob", "eve"};
  Customer customers[THREADS];
  pthread_t threads[THREADS];
  ambit *a = ambit_open(&(ambit_options){.evaluators = 2});
  if (!a || ambit_run(a, "bank", program, strlen(program), NULL, NULL)) {
    fprintf(stderr, "%s\n", a ? ambit_message(a) : "out of memory");
    ambit_close(a);
    return 1;
  }
  for (int i = 0; i < THREADS; i++) {
    customers[i] =
        (Customer){ambit_port_open(a, NULL, NULL, NULL), names[i], 0};
    pthread_create(&threads[i], NULL, customer, &customers[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    printf("%s has %d\n", names[i], (int)customers[i].last);
    ambit_port_close(customers[i].port);
  }
  ambit_close(a);
  return 0;
}
