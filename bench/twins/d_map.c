#include <stdio.h>
#include <stdlib.h>
#define N 2000
#define K 2000
int main() {
  static long l[K];
  for (long i = 0; i < K; i++)
    l[i] = i + 1;
  long a = 0;
  for (long i = N; i; i--) {
    long *m = malloc(sizeof l), s = 0;
    for (long j = 0; j < K; j++)
      m[j] = l[j] * i;
    __asm__ volatile("" ::"r"(m) : "memory");
    for (long j = 0; j < K; j++)
      s += m[j];
    free(m);
    a += s;
  }
  printf("%ld\n", a);
}
