// Effects of what program text mentions; see mention.h.
#include "runtime/atoms/mention.h"

#include "memory/alloc.h"
#include "runtime/guard.h"
#include "runtime/runtime.h"

bool ambi_mentions_open(Runtime *rt) {
  Mentions *m = &rt->mentions;
  uint32_t n = rt->boot ? rt->boot->symbols.n
                        : (uint32_t)ambi_symbols_count(rt->symbols);
  m->seen = ambi_alloc(n);
  if (!m->seen) return false;
  m->nsymbols = n;
  // the library's own text does not count
  m->effects = m->fetched = E_PURE;
  return true;
}

void ambi_mentions_close(Runtime *rt) {
  Mentions *m = &rt->mentions;
  ambi_free(m->seen, m->nsymbols);
  ambi_free(m->names, m->nnames);
  if (m->reach) ambi_free(m->reach, m->nsymbols);
  if (m->modules) ambi_free(m->modules, m->nsymbols);
  *m = (Mentions){0};
}

bool ambi_changes_plain_fact(Value e) {
  Value op = ambi_expr_at(e, 0);
  if (!ambi_is_op(op) || ambi_expr_size(e) != 3) return false;
  if (ambi_op_of(op) != OP_ADD_ATOM && ambi_op_of(op) != OP_REMOVE_ATOM)
    return false;
  Value a = ambi_expr_at(e, 2);
  if (ambi_is_lvar(a) || ambi_is_var(a)) return false;
  if (!ambi_is_expr(a)) return true;
  Value h = ambi_expr_at(a, 0);
  return (ambi_is_sym(h) && h.w != AMB_SYM(EQ).w && h.w != AMB_SYM(COLON).w &&
          h.w != AMB_SYM(SUBTYPE).w) ||
         ambi_is_number(h);
}

// Operations that make names out of text can give any.
static unsigned effects_of(const Runtime *rt, uint32_t op) {
  switch (op) {
  case OP_PARSE:
  case OP_TEXT_SYMBOL:
  case OP_JSON_DECODE: return E_ALL;
  case OP_CAPTURE: return E_PURE;  // what it evaluates was read as well
  default: return ambi_builtin(rt, op)->effects;
  }
}

static void grow(Mentions *m, unsigned effects) {
  if ((m->effects | effects) == m->effects) return;
  m->effects |= effects;
  m->changed = true;
}

static void grow_fetched(Mentions *m, unsigned effects) {
  if ((m->fetched | effects) == m->fetched) return;
  m->fetched |= effects;
  m->changed = true;
}

// Does the operation take none of its arguments as it stands, or only to evaluate it?
static bool op_evaluates(const Runtime *rt, uint32_t op) {
  switch (op) {
  case OP_MATCH:
  case OP_SUPERPOSE:
  case OP_TRACE:
  case OP_IF_EQUAL: return true;
  default: break;
  }
  const char *type = ambi_builtin(rt, op)->type;
  return !strstr(type, "Atom") && !strstr(type, "Expression");
}

bool ambi_mention_evaluates(const Runtime *rt, Value head, bool rule) {
  if (ambi_is_op(head)) return op_evaluates(rt, ambi_op_of(head));
  if (!ambi_is_sym(head)) return ambi_is_expr(head);
  switch (ambi_sym_of(head)) {
  case AMB_S_EQ:
  case AMB_S_DOC: return rule;
  case AMB_S_IF:
  case AMB_S_LET:
  case AMB_S_LET_STAR:
  case AMB_S_CASE:
  case AMB_S_SWITCH:
  case AMB_S_UNIFY:
  case AMB_S_COLLAPSE:
  case AMB_S_ONCE:
  case AMB_S_PROGN:
  case AMB_S_PROG1:
  case AMB_S_CHAIN:
  case AMB_S_EVAL:
  case AMB_S_FUNCTION:
  case AMB_S_RETURN: return true;
  default: return false;
  }
}

unsigned ambi_mention_arguments(const Runtime *rt, Value head, bool fact,
                                unsigned around) {
  bool own = ambi_is_sym(head) && ambi_sym_of(head) >= rt->mentions.nsymbols;
  if (head.w == AMB_SYM(EQ).w || head.w == AMB_SYM(COLON).w ||
      head.w == AMB_SYM(DOC).w)
    return 0;
  if (fact || around == NAMED_DATA || head.w == AMB_SYM(QUOTE).w)
    return NAMED_DATA;
  if (ambi_is_op(head) && !op_evaluates(rt, ambi_op_of(head)))
    return NAMED_DATA;
  return own ? NAMED_ARGUMENT : around;
}

static bool is_variable(Value v) {
  return ambi_is_lvar(v) || ambi_is_var(v);
}

// Both a function and, somewhere, what may be its call as data.
static void notice_calls(Mentions *m, uint8_t was, uint8_t is) {
  if (was == is || !(is & NAMED_FUNCTION)) return;
  m->called |= is & (NAMED_DATA | NAMED_ARGUMENT);
  m->changed = true;
}

static bool name_is(Mentions *m, uint32_t symbol, enum NamedAs how) {
  if (symbol >= m->nnames) {
    uint32_t n = symbol + symbol / 2 + 256;
    uint8_t *more = ambi_realloc(m->names, m->nnames, n);
    if (!more) return false;
    memset(more + m->nnames, 0, n - m->nnames);
    m->names = more;
    m->nnames = n;
  }
  uint8_t was = m->names[symbol];
  m->names[symbol] |= (uint8_t)how;
  notice_calls(m, was, m->names[symbol]);
  return true;
}

bool ambi_mention_name(Runtime *rt, uint32_t symbol, enum NamedAs how) {
  if (symbol < rt->mentions.nsymbols) return true;
  ambi_guard(rt);
  bool ok = name_is(&rt->mentions, symbol, how);
  ambi_unguard(rt);
  return ok;
}

void ambi_mention_head(Runtime *rt, Value head, unsigned how) {
  Mentions *m = &rt->mentions;
  Value of = ambi_is_expr(head) ? ambi_expr_at(head, 0) : AMB_UNIT;
  bool runs =
      ambi_is_op(of) || (ambi_is_sym(of) && ambi_sym_of(of) < m->nsymbols);
  if (!is_variable(head) && !is_variable(of) && !runs) return;
  ambi_guard(rt);
  if ((m->called | how) != m->called) {
    m->called |= (uint8_t)how;
    m->changed = true;
  }
  ambi_unguard(rt);
}

// Can a function take an argument as it stands? Its type names one of these then.
static bool has_lazy_arguments(const Mentions *m) {
  static const uint32_t kinds[] = {AMB_S_T_ATOM, AMB_S_T_EXPRESSION,
                                   AMB_S_T_SYMBOL, AMB_S_T_VARIABLE,
                                   AMB_S_T_GROUNDED};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (m->seen[kinds[i]]) return true;
  return false;
}

static bool calls_are_data(const Mentions *m) {
  return (m->called & NAMED_DATA) ||
         ((m->called & NAMED_ARGUMENT) && has_lazy_arguments(m));
}

static void mention_op(Runtime *rt, Value e, bool data) {
  Value op = ambi_is_expr(e) ? ambi_expr_at(e, 0) : e;
  unsigned effects = effects_of(rt, ambi_op_of(op));
  if (ambi_is_expr(e) && ambi_changes_plain_fact(e))
    effects &= ~(unsigned)E_RULES;
  grow(&rt->mentions, effects);
  if (data) grow_fetched(&rt->mentions, effects);
}

static bool is_rule_kind(Value kind) {
  return kind.w == AMB_SYM(EQ).w || kind.w == AMB_SYM(COLON).w;
}

// A variable, or Empty, which takes the place of whatever it is a member of.
static bool is_broad_subject(Value v) {
  return is_variable(v) || v.w == AMB_SYM(EMPTY).w;
}

bool ambi_is_broad(Value atom) {
  if (ambi_expr_size(atom) != 3) return false;
  Value kind = ambi_expr_at(atom, 0);
  return is_variable(kind) ||
         (is_rule_kind(kind) && is_broad_subject(ambi_expr_at(atom, 1)));
}

static bool adds(Value head) {
  if (ambi_is_op(head)) return ambi_op_of(head) == OP_ADD_ATOM;
  return ambi_is_sym(head) && (ambi_sym_of(head) == AMB_S_ADD_REDUCT ||
                               ambi_sym_of(head) == AMB_S_ADD_ATOMS ||
                               ambi_sym_of(head) == AMB_S_ADD_REDUCTS);
}

static bool adds_broad(Value atom) {
  if (ambi_expr_size(atom) != 3) return false;
  Value kind = ambi_expr_at(atom, 0), subject = ambi_expr_at(atom, 1);
  if (subject.w == AMB_SYM(EMPTY).w && is_rule_kind(kind)) return true;
  while (ambi_is_expr(subject))
    subject = ambi_expr_at(subject, 0);
  return is_variable(kind) || (is_variable(subject) && is_rule_kind(kind));
}

// What takes the body of a call, or looks whether it is NotReducible.
static bool takes_body(uint32_t symbol, uint32_t head, size_t i) {
  switch (head) {
  case AMB_S_RETURN:
  case AMB_S_UNIFY:
  case AMB_S_CASE:
  case AMB_S_SWITCH:
  case AMB_S_COLON:
  case AMB_S_DOC: return symbol == AMB_S_NOT_REDUCIBLE;
  case AMB_S_EQ: return symbol == AMB_S_FUNCTION && i == 2;
  case AMB_S_CHAIN:
  case AMB_S_EVAL:
  case AMB_S_FUNCTION: return symbol == AMB_S_FUNCTION && i == 1;
  default: return false;
  }
}

void ambi_mention_body(Runtime *rt, uint32_t symbol, Value head, size_t i) {
  if (ambi_is_none(head)) return;
  if (symbol == AMB_S_NOT_REDUCIBLE &&
      (head.w == AMB_OP_ID(OP_EQUAL).w || head.w == AMB_OP_ID(OP_IF_EQUAL).w))
    return;
  if (!ambi_is_sym(head) || !takes_body(symbol, ambi_sym_of(head), i))
    rt->mentions.effects |= E_SENDS_BACK;
}

void ambi_mention_eval(Runtime *rt, Value e) {
  Value a = ambi_expr_at(e, 1);
  if (!ambi_is_expr(a) && !is_variable(a)) rt->mentions.effects |= E_SENDS_BACK;
}

// (: SYMBOL (-> ..))
static bool types_function(Value atom) {
  return ambi_expr_size(atom) == 3 &&
         ambi_expr_at(atom, 0).w == AMB_SYM(COLON).w &&
         ambi_is_sym(ambi_expr_at(atom, 1)) &&
         ambi_is_expr(ambi_expr_at(atom, 2)) &&
         ambi_expr_at(ambi_expr_at(atom, 2), 0).w == AMB_SYM(ARROW).w;
}

void ambi_mention_adding(Runtime *rt, Value e) {
  if (ambi_expr_size(e) != 3 || !adds(ambi_expr_at(e, 0))) return;
  Value what = ambi_expr_at(e, 2);
  bool broad = adds_broad(what), types = types_function(what);
  for (uint32_t i = 0; i < ambi_expr_size(what); i++) {
    broad |= adds_broad(ambi_expr_at(what, i));
    types |= types_function(ambi_expr_at(what, i));
  }
  if (broad) rt->mentions.effects |= E_BROAD;
  if (types) rt->mentions.effects |= E_SENDS_BACK;
}

void ambi_mention_op(Runtime *rt, Value e, bool data) {
  ambi_guard(rt);
  mention_op(rt, e, data);
  ambi_unguard(rt);
}

static void mention_symbol(Runtime *rt, uint32_t symbol, bool rule, bool data) {
  Mentions *m = &rt->mentions;
  uint8_t how = data ? 3 : 1;
  if (symbol >= m->nsymbols || (m->seen[symbol] & how) == how) return;
  if (symbol == AMB_S_EQ) {  // a pattern of rules can give any body
    if (rule) return;
    grow(m, E_ALL);
    if (data) grow_fetched(m, E_ALL);
  }
  m->seen[symbol] |= how;
  m->changed = true;
}

void ambi_mention_symbol(Runtime *rt, uint32_t symbol, bool rule, bool data) {
  if (symbol >= rt->mentions.nsymbols) return;
  ambi_guard(rt);
  mention_symbol(rt, symbol, rule, data);
  ambi_unguard(rt);
}

void ambi_mention_all(Runtime *rt, unsigned effects, unsigned fetched) {
  ambi_guard(rt);
  grow(&rt->mentions, effects);
  grow_fetched(&rt->mentions, fetched);
  ambi_unguard(rt);
}

// ---- the rules of the core library --------------------------------------------------

// Effects of the operations and library names in a body.
static unsigned body_effects(const Runtime *rt, Value body, ValueVec *todo,
                             bool *ok) {
  const Mentions *m = &rt->mentions;
  unsigned effects = E_PURE;
  *ok = *ok && ambi_vec_push(todo, body);
  while (todo->n) {
    Value v = todo->at[--todo->n];
    if (ambi_is_op(v)) effects |= effects_of(rt, ambi_op_of(v));
    if (ambi_is_sym(v) && ambi_sym_of(v) < m->nsymbols)
      effects |= m->reach[ambi_sym_of(v)];
    for (uint32_t i = 0; *ok && i < ambi_expr_size(v); i++)
      *ok = ambi_vec_push(todo, ambi_expr_at(v, i));
  }
  return effects;
}

static uint32_t head_symbol(Value atom) {
  Value lhs = ambi_expr_at(atom, 1);
  Value head = ambi_is_expr(lhs) ? ambi_expr_at(lhs, 0) : lhs;
  return ambi_is_sym(head) ? ambi_sym_of(head) : 0;
}

static bool is_rule(Value atom) {
  return ambi_expr_size(atom) == 3 && ambi_expr_at(atom, 0).w == AMB_SYM(EQ).w;
}

// The least fixed point over all rules of the library.
static bool find_reach(Runtime *rt) {
  Mentions *m = &rt->mentions;
  RecordVec all = {0};
  ValueVec todo = {0};
  m->reach = ambi_alloc(m->nsymbols);
  bool ok = m->reach && ambi_space_atoms(rt->corelib, &all), more = true;
  while (ok && more) {
    more = false;
    for (size_t i = 0; ok && i < all.n; i++) {
      Value atom = ambi_record_atom(all.at[i]);
      if (!is_rule(atom)) continue;
      uint8_t *reach = &m->reach[head_symbol(atom)];
      unsigned e = body_effects(rt, ambi_expr_at(atom, 2), &todo, &ok) | *reach;
      more |= e != *reach;
      *reach = (uint8_t)e;
    }
  }
  ambi_records_drop(&all);
  ambi_vec_drop(&todo);
  if (!ok && m->reach) {  // it says too little
    ambi_free(m->reach, m->nsymbols);
    m->reach = NULL;
  }
  return ok;
}

// What the image says, as long as the library is as it was built.
static bool make_reach(Runtime *rt) {
  Mentions *m = &rt->mentions;
  if (!ambi_runtime_core_unchanged(rt)) return find_reach(rt);
  m->reach = ambi_alloc(m->nsymbols);
  if (m->reach) memcpy(m->reach, rt->boot->reach, rt->boot->nnames);
  return m->reach != NULL;
}

// ---- the rules of its modules -------------------------------------------------------

static bool may_do(const Runtime *rt, Value v, unsigned effects) {
  const Mentions *m = &rt->mentions;
  if (ambi_is_op(v)) return effects_of(rt, ambi_op_of(v)) & effects;
  return ambi_is_sym(v) && ambi_sym_of(v) < m->nsymbols &&
         m->modules[ambi_sym_of(v)];
}

// Has a body no name for something with effects but where that is called? Then it cannot
// be what a variable holds that is called. What operations take that have all of the
// effects is their own.
static bool names_nothing(const Runtime *rt, Value body, unsigned effects,
                          ValueVec *todo) {
  bool none = !may_do(rt, body, effects);
  todo->n = 0;
  none = none && ambi_vec_push(todo, body);
  while (none && todo->n) {
    Value v = todo->at[--todo->n];
    Value head = ambi_is_expr(v) ? ambi_expr_at(v, 0) : v;
    if (ambi_is_op(head) &&
        (effects_of(rt, ambi_op_of(head)) & effects) == effects)
      continue;
    for (uint32_t i = 0; none && i < ambi_expr_size(v); i++)
      none = (i == 0 || !may_do(rt, ambi_expr_at(v, i), effects)) &&
             ambi_vec_push(todo, ambi_expr_at(v, i));
  }
  return none;
}

// Of a body that is an operation on what the rule is given, those of the operation; else
// all that the module's rules may have.
static unsigned effects_of_rule(const Runtime *rt, Value body,
                                unsigned effects) {
  uint32_t n = ambi_is_expr(body) ? ambi_expr_size(body) : 0;
  Value head = n ? ambi_expr_at(body, 0) : AMB_UNIT;
  bool plain = ambi_is_op(head);
  for (uint32_t i = 1; plain && i < n; i++) {
    Value c = ambi_expr_at(body, i);
    plain = !ambi_is_expr(c) && !ambi_is_sym(c) && !ambi_is_op(c);
  }
  return plain ? effects_of(rt, ambi_op_of(head)) & effects : effects;
}

// Notes the effects by name, and in `own` whose names these are. False: something goes
// without its name.
static bool mention_by_name(Runtime *rt, const RecordVec *all, unsigned effects,
                            uint8_t *own) {
  Mentions *m = &rt->mentions;
  ValueVec todo = {0};
  bool ok = true;
  if (!m->modules) m->modules = ambi_alloc(m->nsymbols);
  if (!m->modules) return false;
  for (size_t i = 0; ok && i < all->n; i++) {
    Value atom = ambi_record_atom(all->at[i]);
    if (!is_rule(atom)) continue;
    uint32_t head = head_symbol(atom);
    ok = head && head < m->nsymbols;
    if (ok)
      m->modules[head] |=
          (uint8_t)effects_of_rule(rt, ambi_expr_at(atom, 2), effects);
    if (ok) own[head] = true;
  }
  for (size_t i = 0; ok && i < all->n; i++) {
    Value atom = ambi_record_atom(all->at[i]);
    if (is_rule(atom))
      ok = names_nothing(rt, ambi_expr_at(atom, 2), effects, &todo);
  }
  ambi_vec_drop(&todo);
  return ok;
}

static bool mention_rules(Runtime *rt, Space *module, unsigned effects,
                          uint8_t *own) {
  RecordVec all = {0};
  bool ok = own && (effects & ~(unsigned)E_ALL) == 0 &&
            ambi_space_atoms(module, &all) &&
            mention_by_name(rt, &all, effects, own);
  ambi_records_drop(&all);
  return ok;
}

void ambi_mention_module(Runtime *rt, Space *module, const BootModule *image) {
  Mentions *m = &rt->mentions;
  unsigned effects = image->effects;
  ambi_guard(rt);
  uint8_t *own = effects ? ambi_alloc(m->nsymbols) : NULL;
  bool by_name = effects && mention_rules(rt, module, effects, own);
  if (!by_name) grow(m, effects);
  grow_fetched(m, image->fetched);
  for (uint32_t i = 0; i < image->nmentions; i++) {
    uint32_t symbol = image->mentions[i] & ~MENTIONED_AS_DATA;
    if (by_name && own[symbol]) continue;  // it only calls them
    mention_symbol(rt, symbol, false, symbol != image->mentions[i]);
  }
  if (effects) m->changed = true;
  if (own) ambi_free(own, m->nsymbols);
  ambi_unguard(rt);
}

// What rules of the library with this name do. The effects of the core's are known.
static unsigned named_effects(const Mentions *m, uint32_t symbol) {
  return m->reach[symbol] | (m->modules ? m->modules[symbol] : 0u);
}

unsigned ambi_mentioned_effects(Runtime *rt) {
  Mentions *m = &rt->mentions;
  if (!m->reach && !make_reach(rt)) return E_ALL;
  unsigned effects = m->effects & E_ALL;
  for (uint32_t i = 0; i < m->nsymbols; i++)
    if (m->seen[i]) effects |= named_effects(m, i);
  m->changed = false;
  return effects;
}

unsigned ambi_fetched_effects(Runtime *rt) {
  Mentions *m = &rt->mentions;
  unsigned effects = m->fetched;
  for (uint32_t i = 0; i < m->nsymbols; i++) {
    if (!(m->seen[i] & 2)) continue;
    if (!m->reach && !make_reach(rt)) return E_ALL;
    effects |= named_effects(m, i);
  }
  if (calls_are_data(m)) effects |= ambi_mentioned_effects(rt);
  return effects & E_EFFECTS ? effects : (unsigned)E_PURE;
}
