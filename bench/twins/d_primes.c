#include <stdio.h>
#define N 300000
static int nd(long n, long d) {
  for (;; d++) {
    if (d * d > n) return 1;
    if (n % d == 0) return 0;
  }
}
int main() {
  long a = 0;
  for (long i = 2; i < N; i++)
    if (nd(i, 2)) a += i;
  printf("%ld\n", a);
}
