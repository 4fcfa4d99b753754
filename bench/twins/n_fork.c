#include <stdio.h>
#include <stdlib.h>
#define N 50000
static long total(int m, long i) {
  long *o = malloc(8 * m), s = 0;
  for (int x = 1; x <= m; x++)
    o[x - 1] = i + x;
  __asm__ volatile("" ::"r"(o) : "memory");
  for (int k = 0; k < m; k++)
    s += o[k];
  free(o);
  return s;
}
int main() {
  long a = 0;
  for (long i = N; i; i--)
    a += total(2, i) + total(4, i) + total(8, i) + total(16, i);
  printf("%ld\n", a);
}
