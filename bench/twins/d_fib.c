#include <stdio.h>
#define N 35
__attribute__((noinline)) long fib(long n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
int main() {
  printf("%ld\n", fib(N));
}
