// What every C test program shares: running its cases as TAP.
#ifndef AMBIT_TESTS_UNIT_H
#define AMBIT_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

// Runs the cases and returns the exit status of main.
static inline int unit_run(TCase *tc, const char *name) {
  Suite *suite = suite_create(name);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_set_tap(runner, "-");
  srunner_run_all(runner, CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
