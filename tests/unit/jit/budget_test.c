// A share of the wall: what is saved, what is owed, and for how long nothing more may
// be taken.
#include "compiler_thread/budget.h"
#include "tests/unit/broken.h"

enum { MS = 1000000 };

START_TEST(what_was_saved_is_spent_first) {
  Budget b;
  ambi_budget_open(&b, 10, 1000);
  ck_assert_uint_eq(ambi_budget_spend(&b, 1000, BUDGET_MOST_NS), 0);
  ck_assert_uint_eq(ambi_budget_spend(&b, 1000, 2 * MS), 20 * MS);
}
END_TEST

START_TEST(the_wall_gives_a_share_back) {
  Budget b;
  uint64_t now = 7 * MS;
  ambi_budget_open(&b, 10, now);
  ck_assert_uint_eq(ambi_budget_spend(&b, now, 6 * MS), 10 * MS);
  ck_assert_uint_eq(ambi_budget_spend(&b, now + 5 * MS, 0), 5 * MS);
  ck_assert_uint_eq(ambi_budget_spend(&b, now + 10 * MS, 0), 0);
  ck_assert_uint_eq(ambi_budget_spend(&b, now + 10 * MS, 1 * MS), 10 * MS);
}
END_TEST

START_TEST(no_more_is_saved_than_there_may_be) {
  Budget b;
  ambi_budget_open(&b, 50, 0);
  uint64_t hour = (uint64_t)3600 * 1000 * MS;
  ck_assert_uint_eq(ambi_budget_spend(&b, hour, BUDGET_MOST_NS), 0);
  ck_assert_uint_eq(ambi_budget_spend(&b, hour, 1 * MS), 2 * MS);
}
END_TEST

// Whoever pauses as long as he is told takes no more than his share.
START_TEST(who_pauses_keeps_to_the_share) {
  for (uint32_t percent = 1; percent < 100; percent += 7) {
    Budget b;
    uint64_t now = 0, taken = 0;
    ambi_budget_open(&b, percent, now);
    for (uint64_t i = 1; i <= 1000; i++) {
      uint64_t spent = i * 7919 % 3000000;
      now += spent;
      taken += spent;
      now += ambi_budget_spend(&b, now, spent);
    }
    double most = (double)now * percent / 100 + BUDGET_MOST_NS + 1000;
    ck_assert_double_le((double)taken, most);
    ck_assert_double_ge((double)taken, (double)now * percent / 100 - 1000);
  }
}
END_TEST

START_TEST(all_of_a_processor_is_no_limit) {
  Budget b;
  ambi_budget_open(&b, 100, 0);
  for (int i = 0; i < 100; i++)
    ck_assert_uint_eq(ambi_budget_spend(&b, 0, 1000 * MS), 0);
}
END_TEST

START_TEST(walk) {
  Budget b;
  ambi_budget_open(&b, 10, 1000);
  ambi_budget_spend(&b, 2000, 5 * MS);
#define BUDGET ambi_budget_is_valid(&b, 2000, &why)
  SOUND(BUDGET);
  BROKEN(b.percent, 0, BUDGET, "a share of nothing");
  BROKEN(b.seen_ns, 2001, BUDGET, "a budget of a time to come");
  BROKEN(b.saved_ns, BUDGET_MOST_NS + 1, BUDGET,
         "more is saved than there may be");
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("budget");
  tcase_add_test(tc, what_was_saved_is_spent_first);
  tcase_add_test(tc, the_wall_gives_a_share_back);
  tcase_add_test(tc, no_more_is_saved_than_there_may_be);
  tcase_add_test(tc, who_pauses_keeps_to_the_share);
  tcase_add_test(tc, all_of_a_processor_is_no_limit);
  tcase_add_test(tc, walk);
  return unit_run(tc, "budget");
}
