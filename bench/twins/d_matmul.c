#include <stdio.h>
#include <stdlib.h>
#define N 6
#define K 60
static long *rows(long k, long m) {
  long *a = malloc(k * k * sizeof *a);
  for (long i = 1; i <= k; i++)
    for (long j = 1; j <= k; j++)
      a[(i - 1) * k + j - 1] = (i * m + j * j) % 97;
  return a;
}
int main(void) {
  volatile long turns = N, size = K;
  long k = size, s = 0;
  for (long n = turns; n; n--) {
    long *a = rows(k, n), *b = rows(k, n + 5);
    for (long i = 0; i < k; i++)
      for (long j = 0; j < k; j++) {
        long d = 0;
        for (long l = 0; l < k; l++)
          d += a[i * k + l] * b[l * k + j];
        s = (3 * s + d) % 1000003;
      }
    free(a);
    free(b);
  }
  printf("%ld\n", s);
}
