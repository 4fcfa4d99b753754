#include <stdio.h>
#define N    2000000
#define CALL __attribute__((noinline)) static long
CALL wrap(long x) {
  return x % 1000003;
}
CALL odd(long i) {
  return 2 * (i % 8) + 1;
}
CALL scale(long x, long i) {
  return x * odd(i);
}
CALL blend(long a, long b) {
  return a * b - b;
}
CALL shift(long x, long i) {
  return x + blend(i, 7);
}
CALL step(long x, long i) {
  return wrap(shift(scale(x, i), i));
}
int main(void) {
  volatile long turns = N;
  long x = 1;
  for (long i = turns; i; i--)
    x = step(x, i);
  printf("%ld\n", x);
}
