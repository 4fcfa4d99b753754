#include <stdio.h>
#include <stdlib.h>
#define N 400000
int main(void) {
  volatile long limit = N;
  long n = limit, k = 0, s = 0;
  char *out = calloc(n + 1, 1);
  for (long p = 2; p * p <= n; p++)
    if (!out[p])
      for (long j = p * p; j <= n; j += p)
        out[j] = 1;
  for (long p = 2; p <= n; p++)
    if (!out[p]) k++, s += p;
  printf("(%ld %ld)\n", k, s);
}
