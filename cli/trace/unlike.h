// Why two atoms do not fit, and which atom of a space comes nearest to a pattern.
//
// Nothing stays bound. Texts lie in the arena.
#ifndef AMBIT_CLI_TRACE_UNLIKE_H
#define AMBIT_CLI_TRACE_UNLIKE_H

#include "cli/trace/told.h"

// Do they fit?
bool cli_unlike_fits(Context *cx, Value a, Value b);
// Where two atoms that do not fit differ: "it is b, and not c", or "it has" where that is a
// part of them; "argument 2 is b, and not c".
const char *cli_unlike_calls(Context *cx, Arena *a, Value there, Value here);
const char *cli_unlike(Context *cx, Arena *a, Value there, Value here);
// Why a rule does not take a call; NULL: it does.
const char *cli_unlike_rule(Context *cx, Arena *a, Record rule, Value call);
// Why a query of the space finds nothing.
const char *cli_unlike_space(Context *cx, Arena *a, Places *places, Space *s,
                             Value pattern);

#endif
