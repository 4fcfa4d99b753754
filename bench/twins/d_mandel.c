#include <stdio.h>
#define N 400
static long esc(double cx, double cy) {
  double x = cx, y = cy;
  for (long i = 1;; i++) {
    if (i == 50 || x * x + y * y > 4.0) return i;
    double t = (x * x - y * y) + cx;
    y = 2.0 * (x * y) + cy;
    x = t;
  }
}
int main() {
  double s = 2.5 / N;
  long a = 0;
  for (long py = 0; py < N; py++)
    for (long px = 0; px < N; px++)
      a += esc(s * px - 2.0, s * py - 1.25);
  printf("%ld\n", a);
}
