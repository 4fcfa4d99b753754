#include <stdio.h>
#define N 30000000
int main() {
  long a = 0;
  for (long i = N; i; i--) {
    a += i;
    __asm__ volatile("" : "+r"(a));
  }
  printf("%ld\n", a);
}
