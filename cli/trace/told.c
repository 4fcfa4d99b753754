// Steps as text and as JSON, see told.h.
#include "cli/trace/told.h"

#include <stdlib.h>
#include <string.h>

#include "cli/diagnostic/json.h"
#include "cli/lost.h"
#include "cli/trace/trace.h"

enum {
  ATOM_MOST = 120,    // bytes of an atom that are shown
  INDENT_MOST = 40,   // columns
  MOST_BINDINGS = 12  // of a rule that are shown
};

// ---- texts ------------------------------------------------------------------

const char *cli_told_text(Arena *a, Buffer *b) {
  char *text = b->failed ? NULL : ambi_arena_alloc(a, b->len + 1);
  if (text) {
    memcpy(text, b->text ? b->text : "", b->len);
    text[b->len] = 0;
  }
  ambi_buffer_drop(b);
  if (!text) cli_lost();
  return text ? text : "";
}

const char *cli_told_atom(Runtime *rt, Arena *a, Value v) {
  Buffer b = {0};
  cli_trace_print(rt, &b, v, ATOM_MOST);
  return cli_told_text(a, &b);
}

const char *cli_told_rule(Context *cx, Arena *a, Record rule) {
  Template t = ambi_record_template(rule);
  Value as_written = ambi_instance(cx, &t, true);
  if (!ambi_is_none(as_written)) return cli_told_atom(cx->rt, a, as_written);
  cli_lost();
  return "";
}

static void put_binding(Told *t, Runtime *rt, Buffer *b, Word info, Value v) {
  if (ambi_is_none(v) || t->nbindings == MOST_BINDINGS) return;
  const char *name = ambi_symbol(rt->symbols, ambi_vinfo_name(info))->text;
  ambi_buffer_puts(b, "$");
  ambi_buffer_put(b, name, strlen(name) + 1);
  cli_trace_print(rt, b, v, ATOM_MOST / 2);
  ambi_buffer_put(b, "", 1);
  t->nbindings++;
}

void cli_told_bindings(Told *t, Context *cx, Arena *a, Record rule,
                       Value call) {
  Template r = ambi_record_template(rule);
  t->nbindings = 0;
  if (!r.nvars || !ambi_is_expr(r.atom) || ambi_expr_size(r.atom) != 3) return;
  Value *env = ambi_arena_alloc(a, r.nvars * sizeof *env);
  if (!env) {
    cli_lost();
    return;
  }
  for (uint32_t i = 0; i < r.nvars; i++)
    env[i] = AMB_NONE;
  size_t trail = cx->tr;
  Buffer b = {0};
  if (ambi_unify_template(cx, call, ambi_expr_at(r.atom, 1), &r, env))
    for (uint32_t i = 0; i < r.nvars; i++)
      put_binding(t, cx->rt, &b, r.vinfo[i], env[i]);
  ambi_trail_undo(cx, trail);
  t->bindings = cli_told_text(a, &b);
}

// ---- as text ----------------------------------------------------------------

// The line that the buffer holds; the buffer is dropped.
static void give_line(const Teller *to, Buffer *b) {
  ambi_buffer_puts(b, "\n");
  if (b->failed)
    cli_lost();
  else
    to->line(to->arg, b->text, b->len);
  ambi_buffer_drop(b);
}

void cli_told_line(const Teller *to, uint32_t depth, const char *text) {
  if (to->json) return;
  Buffer b = {0};
  int indent = depth < INDENT_MOST / 2 ? 2 * (int)depth : INDENT_MOST;
  ambi_buffer_format(&b, "%*s", indent, "");
  ambi_buffer_puts(&b, text);
  give_line(to, &b);
}

static void put_place(Buffer *b, const AtomPlace *at) {
  if (!at->file) return;
  ambi_buffer_puts(b, " ");
  ambi_buffer_puts(b, at->file);
  ambi_buffer_format(b, ":%u:%u:", at->line, at->column);
}

static void say_bindings(const Teller *to, uint32_t depth, const Told *t) {
  Buffer b = {0};
  const char *at = t->bindings;
  for (uint32_t i = 0; i < 2 * t->nbindings; i++, at += strlen(at) + 1) {
    ambi_buffer_puts(&b, i % 2 ? " = " : i ? ", " : "where ");
    ambi_buffer_puts(&b, at);
  }
  if (b.failed)
    cli_lost();
  else if (t->nbindings)
    cli_told_line(to, depth + 1, b.text);
  ambi_buffer_drop(&b);
}

static void say(const Teller *to, uint32_t depth, const Told *t) {
  static const char *const before[TOLD_KINDS] = {
      [TOLD_RULE] = "rule", [TOLD_FACT] = "fact", [TOLD_UNFIT] = "rule"};
  static const char *const between[TOLD_KINDS] = {[TOLD_CALL] = " = ",
                                                  [TOLD_UNFIT] =
                                                      " does not fit: ",
                                                  [TOLD_NOTHING] = " ",
                                                  [TOLD_REASON] = ": ",
                                                  [TOLD_ANSWER] = " is "};
  Buffer b = {0};
  if (before[t->kind]) {
    ambi_buffer_puts(&b, before[t->kind]);
    put_place(&b, &t->place);
    ambi_buffer_puts(&b, " ");
  }
  ambi_buffer_puts(&b, t->text);
  if (t->value) {
    ambi_buffer_puts(&b, between[t->kind]);
    ambi_buffer_puts(&b, t->value);
  }
  if (b.failed)
    cli_lost();
  else
    cli_told_line(to, depth, b.text);
  ambi_buffer_drop(&b);
  say_bindings(to, depth, t);
}

// ---- as JSON ----------------------------------------------------------------

static void set_text(json_t *o, const char *key, const char *text) {
  json_object_set_new(o, key, cli_json_string(text, strlen(text)));
}

static json_t *bindings_of(const Told *t) {
  json_t *all = json_object();
  const char *at = t->bindings;
  for (uint32_t i = 0; i < t->nbindings; i++) {
    const char *value = at + strlen(at) + 1;
    set_text(all, at, value);
    at = value + strlen(value) + 1;
  }
  return all;
}

static json_t *object_of(uint32_t depth, const Told *t) {
  static const char *const kinds[TOLD_KINDS] = {
      "call", "rule", "fact", "unfit", "nothing", "reason", "answer"};
  json_t *o = json_object();
  json_object_set_new(o, "depth", json_integer(depth));
  json_object_set_new(o, "step", json_string(kinds[t->kind]));
  set_text(o, "text", t->text);
  if (t->value) set_text(o, "value", t->value);
  if (t->place.file) {
    set_text(o, "file", t->place.file);
    json_object_set_new(o, "line", json_integer(t->place.line));
    json_object_set_new(o, "column", json_integer(t->place.column));
  }
  if (t->kind == TOLD_RULE) json_object_set_new(o, "bindings", bindings_of(t));
  return o;
}

void cli_told(const Teller *to, uint32_t depth, const Told *t) {
  if (to->json)
    json_array_append_new(to->steps, object_of(depth, t));
  else
    say(to, depth, t);
}

void cli_told_begin(Teller *to) {
  to->steps = to->json ? json_array() : NULL;
}

void cli_told_end(Teller *to, const char *kind, const char *about) {
  if (!to->json) return;
  json_t *o = json_object();
  Buffer b = {0};
  json_object_set_new(o, "kind", json_string(kind));
  set_text(o, "about", about);
  json_object_set_new(o, "steps", to->steps);
  to->steps = NULL;
  char *text = json_dumps(o, JSON_COMPACT);
  if (text) ambi_buffer_puts(&b, text);
  free(text);
  json_decref(o);
  give_line(to, &b);
}
