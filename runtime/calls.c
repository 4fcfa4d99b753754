// Calls as lines, each cut to a length that can be read.
#include "runtime/calls.h"

#include "runtime/atoms/match.h"

enum { DEEP = 3, WIDE = 6, LONG = 40, LIMBS = 64 };

// Digits of a great integer take long, and nobody would read them.
static bool put_great(CallLines *l, Value v) {
  if (!ambi_is_big(v) || ambi_hdr_size(*ambi_ptr(v)) <= LIMBS) return false;
  size_t n = ambi_hdr_size(*ambi_ptr(v));
  unsigned unused = (unsigned)__builtin_clzll(ambi_ptr(v)[n]);
  ambi_buffer_format(l->out, "<integer of %llu bits>",
                     (unsigned long long)(64 * n - unused));
  return true;
}

static void put_leaf(CallLines *l, Value v) {
  Buffer b = {0};
  ambi_print(l->rt, &b, v, NULL);
  size_t n = b.len < LONG ? b.len : LONG;
  while (n < b.len && n > 0 && ((unsigned char)b.text[n] & 0xC0) == 0x80)
    n--;
  if (!b.failed && b.text) ambi_buffer_put(l->out, b.text, n);
  if (n < b.len) ambi_buffer_puts(l->out, "...");
  ambi_buffer_drop(&b);
}

// No deeper than DEEP, so it may call itself.
static void put_short(CallLines *l, Value v, int deep) {
  v = ambi_deref(v);
  if (!ambi_is_expr(v)) {
    if (!put_great(l, v)) put_leaf(l, v);
    return;
  }
  uint32_t n = ambi_expr_size(v);
  ambi_buffer_puts(l->out, "(");
  for (uint32_t i = 0; i < n && deep > 0 && i < WIDE; i++) {
    if (i) ambi_buffer_puts(l->out, " ");
    put_short(l, ambi_expr_at(v, i), deep - 1);
  }
  if (deep == 0 || n > WIDE) ambi_buffer_puts(l->out, deep ? " ..." : "...");
  ambi_buffer_puts(l->out, ")");
}

void ambi_calls_add(CallLines *l, Value call) {
  if (ambi_is_unit(call)) return;
  if (!l->shown && !ambi_is_none(l->told) && ambi_equal(call, l->told)) return;
  if (!ambi_calls_begin(l, ambi_expr_at(call, 0))) return;
  uint32_t n = ambi_expr_size(call);
  for (uint32_t i = 1; i < n && i <= WIDE; i++)
    ambi_calls_argument(l, ambi_expr_at(call, i));
  if (n > WIDE + 1) ambi_buffer_puts(l->out, " ...");
  ambi_calls_end(l);
}

// Those that were left out since the last line.
static void end_run(CallLines *l) {
  if (l->alike > CALLS_ALIKE) {
    ambi_buffer_format(l->out, "... and %llu more of ",
                       (unsigned long long)(l->alike - CALLS_ALIKE));
    put_short(l, l->head, DEEP);
    ambi_buffer_puts(l->out, "\n");
    l->shown++;
  }
  l->alike = 0;
}

bool ambi_calls_begin(CallLines *l, Value head) {
  head = ambi_deref(head);
  if (l->shown >= CALLS_SHOWN && l->alike < CALLS_ALIKE) {
    l->more++;
    return false;
  }
  bool alike = l->alike && ambi_same(head, l->head);
  if (!alike) end_run(l);
  l->head = head;
  if (++l->alike > CALLS_ALIKE) return false;
  l->shown++;
  ambi_buffer_puts(l->out, "(");
  put_short(l, head, DEEP);
  return true;
}

void ambi_calls_argument(CallLines *l, Value v) {
  ambi_buffer_puts(l->out, " ");
  if (ambi_is_none(v))
    ambi_buffer_puts(l->out, "_");
  else
    put_short(l, v, DEEP);
}

void ambi_calls_end(CallLines *l) {
  ambi_buffer_puts(l->out, ")\n");
}

void ambi_calls_shorten(Runtime *rt, Value v, Buffer *out) {
  put_short(&(CallLines){.rt = rt, .out = out}, v, DEEP);
}

void ambi_calls_print(Context *cx, Value told, Buffer *out) {
  CallLines l = {.rt = cx->rt, .out = out, .told = told};
  if (cx->rt->tier == 0 || cx->rt->tracer)
    ambi_eval0_calls(cx, &l);
  else
    ambi_engine_calls(cx, &l);
  end_run(&l);
  if (l.more)
    ambi_buffer_format(out, "... and %llu more\n", (unsigned long long)l.more);
}
