#include <stdio.h>
#define N 1000000
int main() {
  volatile long c = 0;
  for (long n = N; n; n--)
    c = c + n;
  printf("%ld\n", c);
}
