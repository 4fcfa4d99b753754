#include <stdio.h>
#include <stdlib.h>
#define N 150
int main() {
  long *o = malloc(8L * N * N * N), n = 0;
  for (int x = 1; x <= N; x++)
    for (int y = 1; y <= N; y++)
      for (int z = 1; z <= N; z++)
        o[n++] = x + y + z;
  __asm__ volatile("" ::"r"(o) : "memory");
  long s = 0;
  for (long i = 0; i < n; i++)
    s += o[i];
  printf("(%ld %ld)\n", n, s);
}
