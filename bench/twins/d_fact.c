#include <stdio.h>
#define N 1000000
__attribute__((noinline)) static long fact(long n, long x) {
  return n == 0 ? x : n * fact(n - 1, x);
}
int main() {
  long x = 1;
  for (long i = N; i; i--)
    x = 1 + fact(12, x) % 1000003;
  printf("%ld\n", x);
}
