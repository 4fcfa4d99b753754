#include <stdio.h>
#include <string.h>
#define N 9
static long count, sum, max;
static void all(int n, int *p, int size) {
  if (n == 1) {
    int q[16], f = 0;
    memcpy(q, p, size * sizeof *q);
    while (q[0] != 1) {
      for (int i = 0, j = q[0] - 1; i < j; i++, j--) {
        int t = q[i];
        q[i] = q[j];
        q[j] = t;
      }
      f++;
    }
    sum += count++ % 2 ? -f : f;
    if (f > max) max = f;
    return;
  }
  for (int i = 0; i < n; i++) {
    all(n - 1, p, size);
    int h = p[0];
    memmove(p, p + 1, (n - 1) * sizeof *p);
    p[n - 1] = h;
  }
}
int main(void) {
  volatile int size = N;
  int p[16], n = size;
  for (int i = 0; i < n; i++)
    p[i] = i + 1;
  all(n, p, n);
  printf("(%ld %ld)\n", sum, max);
}
