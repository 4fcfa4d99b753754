#include <stdio.h>
#define N 400
int main(void) {
  volatile long limit = N;
  long n = limit, k = 0, s = 0;
  for (long c = 1; c <= n; c++)
    for (long b = 1; b <= c; b++)
      for (long a = 1; a <= b; a++)
        if (a * a + b * b == c * c) k++, s += a + b + c;
  printf("(%ld %ld)\n", k, s);
}
