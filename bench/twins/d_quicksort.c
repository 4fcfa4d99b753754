#include <stdio.h>
#include <stdlib.h>
#define N 200
#define K 2000
static void sort(long *a, long n) {
  if (n < 2) return;
  long p = a[0], i = 0, j = n - 1;
  while (i <= j) {
    while (a[i] < p)
      i++;
    while (a[j] > p)
      j--;
    if (i <= j) {
      long t = a[i];
      a[i++] = a[j];
      a[j--] = t;
    }
  }
  sort(a, j + 1);
  sort(a + i, n - i);
}
int main(void) {
  volatile long turns = N, size = K;
  long k = size, s = 0, *a = malloc(k * sizeof *a);
  for (long i = turns; i; i--) {
    long x = i;
    for (long j = 0; j < k; j++) {
      a[j] = x % 100003;
      x = (x * 1664525 + 1013904223) % 2147483648;
    }
    sort(a, k);
    for (long j = 0; j < k; j++)
      s = (s + (j + 1) * a[j]) % 1000003;
  }
  printf("%ld\n", s);
}
