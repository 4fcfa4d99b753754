// The table of codes.def.
#include "cli/check/check.h"

const CheckRow check_rows[CHECK_CODES] = {
#define CODE(id, code, severity, strict, title, text) \
  {code, severity, strict, title, text},
#include "cli/check/codes.def"
};
