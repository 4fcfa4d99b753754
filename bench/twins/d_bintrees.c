#include <stdio.h>
#include <stdlib.h>
#define N 200
#define K 14
struct node {
  struct node *l, *r;
  long x;
};
static struct node *tree(long d, long x) {
  if (d == 0) return NULL;
  struct node *n = malloc(sizeof *n);
  n->x = x;
  n->l = tree(d - 1, x + d);
  n->r = tree(d - 1, x - 1);
  return n;
}
static long walk(struct node *n) {
  return n ? walk(n->l) + n->x + walk(n->r) : 1;
}
static void drop(struct node *n) {
  if (!n) return;
  drop(n->l);
  drop(n->r);
  free(n);
}
int main(void) {
  volatile long turns = N, depth = K;
  long s = 0;
  for (long i = turns; i; i--) {
    struct node *t = tree(depth, i);
    s += walk(t);
    drop(t);
  }
  printf("%ld\n", s);
}
