// What every C test program shares: running its cases as TAP.
#ifndef AMBIT_TESTS_UNIT_H
#define AMBIT_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

// Nothing is held to a time. What does not end at all is ended after some minutes, on
// however busy a machine.
__attribute__((constructor)) static void guard_against_hanging(void) {
  setenv("CK_DEFAULT_TIMEOUT", "600", 0);
}

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
