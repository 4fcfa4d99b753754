// Text of atoms, with the compounds being printed on an explicit stack.
//
// A Level is a compound whose children are under way: an expression, bindings,
// or a state, whose only child is its value. Stored values number their
// variables; the names come from the template the level belongs to.
#include "runtime/atoms/printer.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/atoms/number.h"
#include "runtime/atoms/utf8.h"
#include "runtime/atoms/work.h"
#include "runtime/runtime.h"

// ---- buffers ------------------------------------------------------------------

enum { SINK_BYTES = 1 << 16 };

static void pass_on(Buffer *b, const char *s, size_t n) {
  bool ok = b->len == 0 || b->sink(b->arg, b->text, b->len);
  b->len = 0;
  b->failed = !ok || !b->sink(b->arg, s, n);
}

void ambi_buffer_put(Buffer *b, const char *s, size_t n) {
  if (b->failed) return;
  if (b->sink && b->len + n > SINK_BYTES) {
    pass_on(b, s, n);
    return;
  }
  if (n >= PTRDIFF_MAX - b->len ||
      !ambi_grow((void **)&b->text, &b->cap, b->len + n + 1, 1)) {
    b->failed = true;
    return;
  }
  if (n) memcpy(b->text + b->len, s, n);
  b->len += n;
  b->text[b->len] = 0;
}

void ambi_buffer_puts(Buffer *b, const char *s) {
  ambi_buffer_put(b, s, strlen(s));
}

void ambi_buffer_format(Buffer *b, const char *format, ...) {
  char text[160];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  ambi_buffer_puts(b, text);
}

void ambi_buffer_drop(Buffer *b) {
  ambi_free(b->text, b->cap);
  *b = (Buffer){0};
}

// ---- numbering of fresh variables ---------------------------------------------

// The vector is an open-addressing table of pairs (value, number); a free pair
// is all zero, which no variable or cell is. A power of two of pairs.
static Value *naming_pair(const Naming *naming, Value key) {
  size_t mask = naming->vars.cap / 2 - 1;
  size_t i = (size_t)(key.w * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
  Value *at = naming->vars.at;
  while (at[2 * i].w && !ambi_same(at[2 * i], key))
    i = (i + 1) & mask;
  return &at[2 * i];
}

static bool grow_naming(Naming *naming) {
  ValueVec old = naming->vars;
  size_t cap = old.cap ? old.cap * 2 : 32;
  Value *at = ambi_alloc(cap * sizeof *at);
  if (!at) return false;
  naming->vars = (ValueVec){.at = at, .n = old.n, .cap = cap};
  for (size_t i = 0; i < old.cap; i += 2)
    if (old.at[i].w)
      memcpy(naming_pair(naming, old.at[i]), &old.at[i], 2 * sizeof *at);
  ambi_vec_drop(&old);
  return true;
}

// Where the number of the key stands, a new key getting the next one. NULL:
// memory is out.
static Value *number_of(Naming *naming, Value key) {
  if (naming->vars.n * 4 >= naming->vars.cap && !grow_naming(naming))
    return NULL;
  Value *pair = naming_pair(naming, key);
  if (!pair[0].w) {
    pair[0] = key;
    pair[1] = ambi_small_int((int64_t)++naming->vars.n);
  }
  return &pair[1];
}

// ---- leaves -------------------------------------------------------------------

typedef struct Level {
  const Value *items;
  uint32_t i, n;
  const Word *vinfo;  // names of the LVARs among the items
  Value state;        // the state this level shows the value of, or 0.0 ...
  Value only;         // ... and that value; no items then
  bool bindings;
} Level;

typedef struct Print {
  Runtime *rt;
  Buffer *b;
  Naming *naming;
  Work levels;
  Naming states;  // met so far; AMB_TRUE instead of a number: not finished
} Print;

static void put_symbol(Print *p, uint32_t id) {
  const Symbol *s = ambi_symbol(p->rt->symbols, id);
  ambi_buffer_put(p->b, s->text, s->len);
}

// A variable named by the VINFO word; `key` tells those apart that carry no stamp. Ids of
// stored ones are their own in each atom, so they are numbered like fresh ones.
static void put_var(Print *p, Word info, Value key, bool stored) {
  char text[32];
  int64_t id = ambi_vinfo_id(info);
  ambi_buffer_put(p->b, "$", 1);
  put_symbol(p, ambi_vinfo_name(info));
  if (id == AMB_VAR_AS_WRITTEN) return;
  bool fresh = ambi_vinfo_is_fresh(info);
  if (fresh || stored) {
    if (fresh && id < AMB_VAR_ASKED) key = AMB_V(info);
    const Value *number = number_of(p->naming, key);
    if (!number) p->b->failed = true;
    id = number ? ambi_int_of(*number) : 0;
  }
  int n = snprintf(text, sizeof text, "#%lld", (long long)id);
  ambi_buffer_put(p->b, text, (size_t)n);
}

static void put_lvar(Print *p, uint32_t i, const Word *vinfo) {
  if (vinfo) {
    put_var(p, vinfo[i], ambi_tag_ptr(TAG_VAR, &vinfo[i]), true);
    return;
  }
  char text[32];
  int n = snprintf(text, sizeof text, "$_%u", i);
  ambi_buffer_put(p->b, text, (size_t)n);
}

static void put_number(Print *p, Value v) {
  char text[40];
  if (ambi_is_double(v)) {
    ambi_buffer_put(p->b, text, ambi_double_text(ambi_double_of(v), text));
  } else if (ambi_is_int(v)) {
    int n = snprintf(text, sizeof text, "%lld", (long long)ambi_int_of(v));
    ambi_buffer_put(p->b, text, (size_t)n);
  } else {
    size_t len, size;
    char *digits = ambi_big_text(v, &len, &size);
    if (!digits) {
      p->b->failed = true;
      return;
    }
    ambi_buffer_put(p->b, digits, len);
    ambi_free(digits, size);
  }
}

// Characters beyond ASCII that are written as \u{..} inside quotes because they
// cannot be seen: controls, separators, format and private characters, and
// marks that would melt into the character before.
static const uint32_t unseen[][2] = {
    {0x7F, 0xA0},       {0xAD, 0xAD},       {0x300, 0x36F},   {0x483, 0x489},
    {0x591, 0x5BD},     {0x600, 0x605},     {0x610, 0x61A},   {0x61C, 0x61C},
    {0x64B, 0x65F},     {0x6DD, 0x6DD},     {0x70F, 0x70F},   {0x1680, 0x1680},
    {0x180B, 0x180F},   {0x1AB0, 0x1ACE},   {0x1DC0, 0x1DFF}, {0x2000, 0x200F},
    {0x2028, 0x202F},   {0x205F, 0x206F},   {0x20D0, 0x20F0}, {0x3000, 0x3000},
    {0x302A, 0x302F},   {0x3099, 0x309A},   {0xD800, 0xF8FF}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE2F},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF},
    {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF}};

static bool is_unseen(uint32_t c) {
  size_t lo = 0, hi = sizeof unseen / sizeof unseen[0];
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (c > unseen[mid][1])
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < sizeof unseen / sizeof unseen[0] && c >= unseen[lo][0];
}

// How a character is written inside quotes; NULL: as it is.
static const char *escaped(uint32_t c, char buf[16]) {
  switch (c) {
  case '"': return "\\\"";
  case '\\': return "\\\\";
  case '\n': return "\\n";
  case '\r': return "\\r";
  case '\t': return "\\t";
  case 0: return "\\0";
  default: break;
  }
  if (c >= 0x20 && !is_unseen(c)) return NULL;
  snprintf(buf, 16, "\\u{%x}", c);
  return buf;
}

static void put_string(Print *p, Value v) {
  const unsigned char *s = (const unsigned char *)ambi_str_bytes(v);
  const unsigned char *end = s + ambi_str_len(v), *plain = s;
  ambi_buffer_put(p->b, "\"", 1);
  while (s < end) {
    uint32_t c;
    char buf[16];
    unsigned n = ambi_utf8_decode(s, end, &c);
    const char *text = n ? escaped(c, buf) : NULL;
    if (text) {
      ambi_buffer_put(p->b, (const char *)plain, (size_t)(s - plain));
      ambi_buffer_puts(p->b, text);
      plain = s + n;
    }
    s += n ? n : 1;
  }
  ambi_buffer_put(p->b, (const char *)plain, (size_t)(s - plain));
  ambi_buffer_put(p->b, "\"", 1);
}

// Not the address, so that what a program prints does not change from run to run.
static void put_number_of(Print *p, const char *name, const CellHeader *c) {
  char text[48];
  int n = snprintf(text, sizeof text, "%s-0x%x", name, c->number);
  ambi_buffer_put(p->b, text, (size_t)n);
}

static void put_space(Print *p, const Space *s) {
  if (s->is_module) ambi_buffer_puts(p->b, "ModuleSpace(");
  if (s->name)
    ambi_buffer_puts(p->b, s->name);
  else
    put_number_of(p, "GroundingSpace", &s->cell);
  if (s->is_module) ambi_buffer_puts(p->b, ")");
}

static void put_cell(Print *p, Value v) {
  const CellHeader *c = ambi_cell(v);
  switch ((enum CellKind)c->kind) {
  case CELL_SPACE: put_space(p, ambi_space_of(v)); break;
  case CELL_FILE: put_number_of(p, "FileHandle", c); break;
  case CELL_RNG: put_number_of(p, "RandomGenerator", c); break;
  case CELL_HOST:
    put_number_of(p, ((const HostObject *)(const void *)c)->name, c);
    break;
  case CELL_STATE: break;  // printed as what it holds
  }
}

// ---- compounds ----------------------------------------------------------------

static void push_level(Print *p, Level level, const char *opening) {
  Level *top = ambi_work_push(&p->levels, sizeof *top);
  if (!top) {
    p->b->failed = true;
    return;
  }
  *top = level;
  ambi_buffer_puts(p->b, opening);
}

// A state may come to hold itself; the inner one is cut short.
static void put_state(Print *p, Value v) {
  Template t = ambi_record_template(ambi_state_record(ambi_state_of(v)));
  Value *mark = number_of(&p->states, v);
  if (!mark) {
    p->b->failed = true;
  } else if (ambi_same(*mark, AMB_TRUE)) {
    ambi_buffer_puts(p->b, "(State ...)");
  } else {
    *mark = AMB_TRUE;
    push_level(p, (Level){.n = 1, .vinfo = t.vinfo, .state = v, .only = t.atom},
               "(State ");
  }
}

// Prints v, or opens it as a new level.
static void put_value(Print *p, Value v, const Word *vinfo) {
  v = ambi_deref(v);
  switch (ambi_tag(v)) {
  case TAG_SYM: put_symbol(p, ambi_sym_of(v)); break;
  case TAG_VAR: put_var(p, ambi_ptr(v)[1], v, false); break;
  case TAG_LVAR: put_lvar(p, ambi_lvar_of(v), vinfo); break;
  case TAG_OP:
    ambi_buffer_puts(p->b, ambi_builtin(p->rt, ambi_op_of(v))->name);
    break;
  case TAG_IMM:
    ambi_buffer_puts(p->b, ambi_is_unit(v)          ? "()"
                           : ambi_same(v, AMB_TRUE) ? "True"
                                                    : "False");
    break;
  case TAG_EXPR:
    push_level(p,
               (Level){.items = ambi_expr_items(v),
                       .n = ambi_expr_size(v),
                       .vinfo = vinfo},
               "(");
    break;
  case TAG_CELL:
    if (ambi_is_state(v))
      put_state(p, v);
    else
      put_cell(p, v);
    break;
  case TAG_OBJ:
    if (ambi_is_str(v)) {
      put_string(p, v);
    } else {
      AMB_ASSERT(ambi_is_bindings(v));
      push_level(p,
                 (Level){.items = (const Value *)(ambi_ptr(v) + 1),
                         .n = ambi_hdr_size(*ambi_ptr(v)),
                         .vinfo = vinfo,
                         .bindings = true},
                 "{ ");
    }
    break;
  default: put_number(p, v);
  }
}

static void close_level(Print *p) {
  const Level *top = ambi_work_top(&p->levels, sizeof *top);
  ambi_buffer_puts(p->b, top->bindings ? " }" : ")");
  if (top->state.w) naming_pair(&p->states, top->state)[1] = AMB_FALSE;
  p->levels.used -= sizeof *top;
}

static bool is_free_var(Value v) {
  v = ambi_deref(v);
  return ambi_is_var(v) || ambi_is_lvar(v);
}

// The next child of the top level. A variable of bindings is shown as such even
// if it has a value by now.
static void put_next(Print *p) {
  Level *top = ambi_work_top(&p->levels, sizeof *top);
  Value v = top->items ? top->items[top->i] : top->only;
  const Word *vinfo = top->vinfo;
  bool is_key = top->bindings && top->i % 2 == 0;
  if (top->bindings && !is_key)
    ambi_buffer_puts(p->b, is_free_var(v) ? " = " : " <- ");
  else if (top->i > 0)
    ambi_buffer_puts(p->b, top->bindings ? ", " : " ");
  top->i++;
  if (is_key && ambi_is_var(v))
    put_var(p, ambi_ptr(v)[1], v, false);
  else
    put_value(p, v, vinfo);
}

static void print_atom(Runtime *rt, Buffer *b, Value v, const Word *vinfo,
                       Naming *naming) {
  Naming own = {0};
  Print p;
  p.rt = rt;
  p.b = b;
  p.naming = naming ? naming : &own;
  p.states = (Naming){0};
  ambi_work_open(&p.levels);
  put_value(&p, v, vinfo);
  while (p.levels.used && !b->failed) {
    const Level *top = ambi_work_top(&p.levels, sizeof *top);
    if (top->i == top->n)
      close_level(&p);
    else
      put_next(&p);
  }
  ambi_work_close(&p.levels);
  ambi_vec_drop(&p.states.vars);
  ambi_vec_drop(&own.vars);
}

void ambi_print(Runtime *rt, Buffer *b, Value v, Naming *naming) {
  print_atom(rt, b, v, NULL, naming);
}

void ambi_print_plain(Runtime *rt, Buffer *b, Value v, Naming *naming) {
  v = ambi_deref(v);
  if (ambi_is_str(v))
    ambi_buffer_put(b, ambi_str_bytes(v), ambi_str_len(v));
  else
    print_atom(rt, b, v, NULL, naming);
}

void ambi_print_template(Runtime *rt, Buffer *b, const Template *t,
                         Naming *naming) {
  print_atom(rt, b, t->atom, t->vinfo, naming);
}

void ambi_print_results(Runtime *rt, Buffer *b, const Value *results,
                        size_t n) {
  Naming naming = {0};
  ambi_buffer_puts(b, "[");
  for (size_t i = 0; i < n; i++) {
    if (i > 0) ambi_buffer_puts(b, ", ");
    print_atom(rt, b, results[i], NULL, &naming);
  }
  ambi_buffer_puts(b, "]");
  ambi_vec_drop(&naming.vars);
}
