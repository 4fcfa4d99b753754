#include <stdio.h>
#include <stdlib.h>
#define N 1000
#define K 2000
int main(void) {
  volatile long turns = N, size = K;
  long k = size, s = 0;
  long *a = malloc(k * sizeof *a);
  for (long i = 1; i <= k; i++)
    a[i - 1] = i * 7919 % 10007;
  for (long i = turns; i; i--)
    for (long j = 0; j < k; j++)
      s = (s * i + a[j]) % 1000003;
  printf("%ld\n", s);
}
