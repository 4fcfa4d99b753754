// The torture of torture.h, with machine code.
#include "tests/unit/jit/torture.h"

START_TEST(machine_code_comes_and_goes) {
  torture();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("native torture");
  tcase_add_test(tc, machine_code_comes_and_goes);
  return unit_run(tc, "native torture");
}
