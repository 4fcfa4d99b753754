// The arithmetic of budget.h.
#include "compiler_thread/budget.h"

#include "memory/check.h"

void ambi_budget_open(Budget *b, uint32_t percent, uint64_t now_ns) {
  *b = (Budget){.percent = percent ? percent : 1,
                .seen_ns = now_ns,
                .saved_ns = BUDGET_MOST_NS};
}

uint64_t ambi_budget_spend(Budget *b, uint64_t now_ns, uint64_t spent_ns) {
  if (b->percent >= 100) return 0;
  double saved =
      (double)b->saved_ns + (double)(now_ns - b->seen_ns) * b->percent / 100;
  if (saved > BUDGET_MOST_NS) saved = BUDGET_MOST_NS;
  saved -= (double)spent_ns;
  b->seen_ns = now_ns;
  b->saved_ns = (int64_t)saved;
  return saved >= 0 ? 0 : (uint64_t)(-saved * 100 / b->percent);
}

bool ambi_budget_is_valid(const Budget *b, uint64_t now_ns, const char **why) {
  if (b->percent == 0) return ambi_invalid(why, "a share of nothing");
  if (b->seen_ns > now_ns)
    return ambi_invalid(why, "a budget of a time to come");
  return b->saved_ns <= BUDGET_MOST_NS ||
         ambi_invalid(why, "more is saved than there may be");
}
