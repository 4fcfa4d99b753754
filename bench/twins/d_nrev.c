#include <stdio.h>
#include <stdlib.h>
#define N 30001
#define K 30
typedef struct c {
  long h;
  struct c *t;
} c;
static c *hp;
static c *cons(long h, c *t) {
  c *p = hp++;
  p->h = h;
  p->t = t;
  return p;
}
static c *app(c *a, c *b) {
  return a ? cons(a->h, app(a->t, b)) : b;
}
static c *nrev(c *l) {
  return l ? app(nrev(l->t), cons(l->h, 0)) : 0;
}
int main() {
  c *half[2];
  for (int i = 0; i < 2; i++)
    half[i] = malloc(sizeof(c) * (K + 1) * (K + 1));
  hp = half[0];
  c *l = 0;
  for (int i = K; i; i--)
    l = cons(i, l);
  for (long i = 1; i <= N; i++) {
    hp = half[i & 1];
    l = nrev(l);
  }
  long a = 0;
  for (; l; l = l->t)
    a = l->h + 2 * a;
  printf("%ld\n", a);
}
