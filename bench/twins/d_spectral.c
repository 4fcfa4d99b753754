#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#define N 200
static double entry(long i, long j) {
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}
static void both(long n, const double *u, double *w, double *v) {
  for (long i = 0; i < n; i++) {
    w[i] = 0;
    for (long j = 0; j < n; j++)
      w[i] += entry(i, j) * u[j];
  }
  for (long i = 0; i < n; i++) {
    v[i] = 0;
    for (long j = 0; j < n; j++)
      v[i] += entry(j, i) * w[j];
  }
}
int main(void) {
  volatile long size = N;
  long n = size;
  double *u = malloc(n * sizeof *u), *v = malloc(n * sizeof *v),
         *w = malloc(n * sizeof *w), a = 0, b = 0;
  for (long i = 0; i < n; i++)
    u[i] = 1;
  for (int k = 0; k < 10; k++) {
    both(n, u, w, v);
    both(n, v, w, u);
  }
  for (long i = 0; i < n; i++) {
    a += u[i] * v[i];
    b += v[i] * v[i];
  }
  printf("%.1f\n", trunc(1e9 * sqrt(a / b)));
}
