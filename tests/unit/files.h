// Every MeTTa file of this tree, for what holds of any program.
#ifndef AMBIT_TESTS_FILES_H
#define AMBIT_TESTS_FILES_H

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "cli/source/find.h"
#include "runtime/modules/module.h"

// Other tests make and remove such files meanwhile.
static inline bool is_lasting_program(const char *name) {
  return cli_is_program(name) && strncmp(name, "scratch-", 8) != 0;
}

// Calls for the text of each; returns how many there were. What another test has removed
// meanwhile was none of this tree.
static inline size_t each_program(void (*look)(const char *text, size_t len)) {
  static const char *const folders[] = {"examples", "runtime", "tests",
                                        "bench"};
  Paths all = {0};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char path[1024];
    snprintf(path, sizeof path, AMB_ROOT "/%s", folders[i]);
    ck_assert(cli_find(&all, path, is_lasting_program));
  }
  size_t n = 0;
  for (size_t i = 0; i < all.n; i++) {
    FileText file;
    if (!ambi_file_load(all.at[i], 0, NULL, &file)) {
      ck_assert_msg(access(all.at[i], F_OK) != 0, "cannot read %s", all.at[i]);
      continue;
    }
    look(file.text, file.len);
    ambi_file_drop(&file);
    n++;
  }
  cli_paths_drop(&all);
  return n;
}

#endif
