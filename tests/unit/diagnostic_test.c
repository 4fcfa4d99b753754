// Places in texts: lines and columns, from the beginning or from a place that is known.
#include "cli/diagnostic/diagnostic.h"

#include <string.h>

#include "tests/unit/unit.h"

static void is_at(const DiagnosticText *in, size_t byte, uint32_t line,
                  uint32_t column) {
  DiagnosticAt at = cli_diagnostic_at(in, byte);
  ck_assert_uint_eq(at.line, line);
  ck_assert_uint_eq(at.column, column);
}

START_TEST(places) {
  const char text[] = "a\n\xC3\xA4 b\n\nc";
  DiagnosticText in = {.name = "t", .text = text, .len = sizeof text - 1};
  is_at(&in, 0, 1, 1);
  is_at(&in, 1, 1, 2);
  is_at(&in, 2, 2, 1);
  is_at(&in, 5, 2, 3);
  is_at(&in, 7, 3, 1);
  is_at(&in, 8, 4, 1);
  is_at(&in, 99, 4, 2);
}
END_TEST

// What lies before it is not looked through: there it would be another place.
START_TEST(known_places) {
  const char text[] = "a\nb c\nd";
  DiagnosticText in = {.name = "t",
                       .text = text,
                       .len = sizeof text - 1,
                       .known = {100, 7},
                       .known_byte = 3};
  is_at(&in, 1, 1, 2);
  is_at(&in, 2, 2, 1);
  is_at(&in, 3, 100, 7);
  is_at(&in, 4, 100, 8);
  is_at(&in, 6, 101, 1);
  is_at(&in, 7, 101, 2);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("diagnostic");
  tcase_add_test(tc, places);
  tcase_add_test(tc, known_places);
  return unit_run(tc, "diagnostic");
}
