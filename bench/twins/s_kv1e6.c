#include <stdio.h>
#include <stdlib.h>
#define N 1000000
#define M (1 << 21)
typedef struct {
  long k, v;
} e;
static e *a, *b;
static unsigned long h(long k) {
  return ((unsigned long)k * 0x9E3779B97F4A7C15ul) >> 43;
}
static void put(e *t, long k, long v) {
  unsigned long i = h(k);
  while (t[i].k >= 0)
    i = (i + 1) & (M - 1);
  t[i].k = k;
  t[i].v = v;
}
static long get(e *t, long k) {
  unsigned long i = h(k);
  while (t[i].k != k)
    i = (i + 1) & (M - 1);
  return t[i].v;
}
int main() {
  a = malloc(M * sizeof(e));
  b = malloc(M * sizeof(e));
  for (long i = 0; i < M; i++)
    a[i].k = b[i].k = -1;
  for (long i = 0; i < N; i++) {
    put(a, i, 2 * i);
    put(b, 2 * i, i);
  }
  long s = 0;
  for (long i = N - 2; i >= 0; i -= 2)
    s += get(a, i);
  for (long i = N - 2; i >= 0; i -= 2)
    s += get(b, 2 * i);
  printf("%ld\n", s);
}
