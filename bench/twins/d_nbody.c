#include <math.h>
#include <stdio.h>
#define N 2000000
int main() {
  double x = 1, y = 0, vx = 0, vy = 1;
  for (int i = 0; i < N; i++) {
    double r2 = x * x + y * y, r3 = r2 * sqrt(r2);
    vx -= 0.001 * x / r3;
    vy -= 0.001 * y / r3;
    x += 0.001 * vx;
    y += 0.001 * vy;
  }
  printf("%.1f\n", trunc(1e6 * x));
}
