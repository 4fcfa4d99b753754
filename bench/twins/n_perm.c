#include <stdio.h>
#include <stdlib.h>
#define N 9
typedef struct c {
  long h;
  struct c *t;
} c;
static c *hp;
static c **res;
static long n;
static long cur[N];
static c *cons(long h, c *t) {
  hp->h = h;
  hp->t = t;
  return hp++;
}
static void perm(int k, unsigned u) {
  if (k == N) {
    c *l = 0;
    for (int i = N - 1; i >= 0; i--)
      l = cons(cur[i], l);
    res[n++] = l;
    return;
  }
  for (int x = 1; x <= N; x++)
    if (!(u >> x & 1)) {
      cur[k] = x;
      perm(k + 1, u | 1u << x);
    }
}
int main() {
  long f = 1, s = 0;
  for (int i = 2; i <= N; i++)
    f *= i;
  hp = malloc(sizeof(c) * f * N);
  res = malloc(8 * f);
  perm(0, 0);
  for (long i = 0; i < n; i++)
    s += res[i]->h * res[i]->h + res[i]->t->h;
  printf("(%ld %ld)\n", n, s);
}
