// The switches by name.
#include "memory/stress.h"

#include <string.h>

#ifdef AMB_DEBUG

#ifdef AMB_STRESS
#define AT_START (STRESS_COLLECT | STRESS_VERIFY | STRESS_WALK)
#else
#define AT_START 0
#endif
AMB_ATOMIC(unsigned) ambi_stress_switches = AT_START;  // [all~]

static unsigned switch_named(const char *name, size_t len) {
  static const struct {
    const char *name;
    unsigned is;
  } all[] = {{"collect", STRESS_COLLECT},   {"relower", STRESS_RELOWER},
             {"minimal", STRESS_MINIMAL},   {"verify", STRESS_VERIFY},
             {"walk", STRESS_WALK},         {"leave", STRESS_LEAVE},
             {"refuse", STRESS_REFUSE},     {"early", STRESS_EARLY},
             {"tabling", STRESS_TABLING},   {"yield", STRESS_YIELD},
             {"handover", STRESS_HANDOVER}, {"stow", STRESS_STOW}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strlen(all[i].name) == len && memcmp(all[i].name, name, len) == 0)
      return all[i].is;
  return 0;
}

bool ambi_stress_choose(const char *names) {
  unsigned set = 0;
  while (*names) {
    size_t len = strcspn(names, ",");
    unsigned one = switch_named(names, len);
    if (!one) return false;
    set |= one;
    names += len + (names[len] == ',');
  }
  ambi_store_release(&ambi_stress_switches, set);
  return true;
}

const char *ambi_stress_names(void) {
  return "collect,relower,minimal,verify,walk,leave,refuse,early,tabling,yield,"
         "handover";
}

#else

bool ambi_stress_choose(const char *names) {
  return *names == 0;
}

const char *ambi_stress_names(void) {
  return "";
}

#endif
