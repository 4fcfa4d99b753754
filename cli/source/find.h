// Files that the words of a command line name: as they are, or all that stand below a
// folder, in the order of their names.
#ifndef AMBIT_CLI_SOURCE_FIND_H
#define AMBIT_CLI_SOURCE_FIND_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Paths {
  char **at;
  size_t n, cap;
} Paths;

typedef bool PathWanted(const char *name);  // the last part of a path

// Adds the path itself or, if it is a folder, the wanted files in it and in folders
// below; hidden ones are left out, and links are not followed there. False: told why.
bool cli_find(Paths *found, const char *path, PathWanted *wanted);
void cli_paths_drop(Paths *p);

// Does the path end so?
bool cli_path_ends(const char *path, const char *end);
PathWanted cli_is_program;  // NAME.metta

#endif
