// The one type of a name: making it from what is declared.
#include "runtime/bytecode/sole_type.h"

#include <string.h>

#include "memory/alloc.h"
#include "runtime/types/types.h"

enum { MOST_PARAMS = 16 };

static size_t bytes_of(uint32_t nparams) {
  return sizeof(SoleType) + nparams * sizeof(Value);
}

static bool is_plain(Value type) {
  return ambi_is_sym(type) && !ambi_is_metatype(type) &&
         type.w != AMB_SYM(UNDEFINED).w;
}

// (: name T), or (: name (-> P .. R)): the result, and how many parameters.
static bool read_result(Value declaration, SoleType *to) {
  if (!ambi_is_expr(declaration) || ambi_expr_size(declaration) != 3)
    return false;
  Value type = ambi_expr_at(declaration, 2);
  to->result = type;
  to->is_function = ambi_is_expr(type);
  if (!to->is_function) return is_plain(type);
  uint32_t size = ambi_expr_size(type);
  if (!ambi_is_function_type(type) || size > MOST_PARAMS + 2) return false;
  to->nparams = size - 2;
  to->result = ambi_expr_at(type, size - 1);
  for (uint32_t i = 1; i <= to->nparams; i++)
    if (!ambi_is_sym(ambi_expr_at(type, i))) return false;
  return is_plain(to->result);
}

static const SoleType *find(const SoleTypes *s, const SoleType *like,
                            const Value *params) {
  const SoleType *t = s->made;
  while (t && (t->is_function != like->is_function ||
               t->nparams != like->nparams || t->result.w != like->result.w ||
               memcmp(t->params, params, t->nparams * sizeof *params) != 0))
    t = t->next;
  return t;
}

static const SoleType *make(SoleTypes *s, const SoleType *like,
                            const Value *params) {
  SoleType *t = ambi_alloc(bytes_of(like->nparams));
  if (!t) return NULL;
  *t = *like;
  memcpy(t->params, params, t->nparams * sizeof *params);
  t->next = s->made;
  s->made = t;
  return t;
}

void ambi_sole_type_set(SoleTypes *s, Value declaration) {
  SoleType like = {0};
  const SoleType *now = NULL;
  if (read_result(declaration, &like)) {
    Value type = ambi_expr_at(declaration, 2);
    Value none[1] = {AMB_NONE};
    const Value *params = like.is_function ? ambi_expr_items(type) + 1 : none;
    now = find(s, &like, params);
    if (!now) now = make(s, &like, params);
  }
  ambi_store_release(&s->x_now, now);
}

void ambi_sole_types_drop(SoleTypes *s) {
  for (SoleType *t = s->made, *next; t; t = next) {
    next = t->next;
    ambi_free(t, bytes_of(t->nparams));
  }
}
