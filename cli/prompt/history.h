// What was typed in earlier runs: a file, one entry in each line, the oldest first.
//
// An entry is written as soon as there is one, by one write at the end of the file, so that
// several prompts may share it and none that is killed loses anything. Nobody else may
// read it. A file that has grown to twice what is wanted is cut at the next start.
#ifndef AMBIT_CLI_PROMPT_HISTORY_H
#define AMBIT_CLI_PROMPT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

enum { HISTORY_MOST = 1000 };  // entries

typedef void HistoryEntry(void *arg, const char *text);

// $XDG_STATE_HOME/ambit/history, or below ~/.local/state; made with ambi_text_copy. NULL:
// there is no such place, or no memory.
char *cli_history_path(void);
// Hands on the newest entries, oldest first; makes the folders, and cuts the file. False:
// it can neither be read nor made (errno).
bool cli_history_load(const char *path, HistoryEntry *entry, void *arg);
// False: it could not be written (errno).
bool cli_history_add(const char *path, const char *text);

#endif
