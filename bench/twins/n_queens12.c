#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define N 12
static int b[N];
static int (*o)[N];
static long n, cap;
static int safe(int k, int q) {
  for (int i = k - 1, d = 1; i >= 0; i--, d++)
    if (b[i] + d == q || b[i] - d == q) return 0;
  return 1;
}
static void solve(int k, unsigned u) {
  if (k == N) {
    if (n == cap) o = realloc(o, sizeof b * (cap = 2 * cap + 8));
    memcpy(o[n++], b, sizeof b);
    return;
  }
  for (int q = 1; q <= N; q++)
    if (!(u >> q & 1) && safe(k, q)) {
      b[k] = q;
      solve(k + 1, u | 1u << q);
    }
}
int main() {
  solve(0, 0);
  long s = 0;
  for (long i = 0; i < n; i++) {
    long a = 0;
    for (int k = N - 1; k >= 0; k--)
      a = o[i][k] + 2 * a;
    s += a;
  }
  printf("(%ld %ld)\n", n, s);
}
