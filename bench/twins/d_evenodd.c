#include <stdio.h>
#define N 15000000
static int odd(long n);
__attribute__((noinline)) static int even(long n) {
  __asm__ volatile("" : "+r"(n));
  return n == 0 ? 1 : odd(n - 1);
}
__attribute__((noinline)) static int odd(long n) {
  __asm__ volatile("" : "+r"(n));
  return n == 0 ? 0 : even(n - 1);
}
static const char *b(int x) {
  return x ? "True" : "False";
}
int main() {
  printf("(%s %s)\n", b(even(N)), b(odd(N)));
}
