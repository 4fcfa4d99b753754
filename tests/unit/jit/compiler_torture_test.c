// The torture of torture.h, with an emitter that makes no machine code.
#include "tests/unit/jit/torture.h"

#include "tests/unit/jit/fake_emitter.h"

START_TEST(evaluators_and_compilers_at_full_speed) {
  fake.refuse_every = 7;
  torture();
  ck_assert_uint_gt(ambi_load_relaxed(&fake.entered), 0);
  ck_assert_uint_eq(ambi_load_relaxed(&fake.natives), 0);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("compiler torture");
  tcase_add_test(tc, evaluators_and_compilers_at_full_speed);
  return unit_run(tc, "compiler torture");
}
