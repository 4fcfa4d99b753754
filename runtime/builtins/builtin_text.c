// Printing, formatting, and the text of atoms.
//
// Output goes to the host as whole lines, one call each, so that lines of
// several evaluators never mix. A host that takes no more output ends the run.
#include "runtime/atoms/utf8.h"
#include "runtime/builtins/answer.h"
#include "runtime/guard.h"
#include "runtime/library/examples.h"
#include "runtime/modules/module.h"
#include "runtime/runtime.h"
#include "runtime/spaces/journal.h"

// ---- output -----------------------------------------------------------------

// Transactions print when they are done.
static enum BuiltinStatus hold_text(Context *cx, Buffer *b, Value *out) {
  Value text = b->failed ? AMB_NONE : ambi_make_str(cx, b->text, b->len);
  ambi_buffer_drop(b);
  Value call =
      ambi_is_none(text) ? AMB_NONE : AMB_EXPR(cx, AMB_OP_ID(OP_PRINT), text);
  if (ambi_is_none(call) || !ambi_journal_hold(cx, call))
    return ambi_answer_stop(cx);
  return ambi_answer_unit(out);
}

// Gives the text to the host; ends the buffer.
static enum BuiltinStatus write_out(Context *cx, Buffer *b, Value *out) {
  const Host *host = &cx->rt->host;
  bool failed = b->failed;
  if (AMB_UNLIKELY(cx->journal != NULL) &&
      ambi_journal_has(cx, LEVEL_TRANSACTION))
    return hold_text(cx, b, out);
  ambi_output_take(cx->rt);
  bool open = failed || !b->len || host->write(host->arg, b->text, b->len);
  ambi_output_give(cx->rt);
  ambi_buffer_drop(b);
  if (failed) return ambi_answer_stop(cx);
  if (open) return ambi_answer_unit(out);
  cx->stop = STOP_EXIT;
  cx->exit_code = 0;
  return B_STOP;
}

static void put_plain(Context *cx, Buffer *b, Value v) {
  ambi_print_plain(cx->rt, b, v, NULL);
}

enum BuiltinStatus ambi_b_println(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  if (n < 1)
    return ambi_answer_error(cx, "println! expects single atom as an argument");
  Buffer b = {0};
  put_plain(cx, &b, args[0]);
  ambi_buffer_puts(&b, "\n");
  return write_out(cx, &b, out);
}

// The pattern and the space as they stand; nothing of it is evaluated.
enum BuiltinStatus ambi_b_explain(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  Value match = n < 1 ? AMB_UNIT : args[0];
  bool whole =
      ambi_expr_size(match) == 4 &&
      ambi_same(ambi_deref(ambi_expr_at(match, 0)), AMB_OP_ID(OP_MATCH));
  Value space = whole ? ambi_deref(ambi_expr_at(match, 1)) : AMB_UNIT;
  if (!ambi_is_space(space))
    return ambi_answer_error(cx,
                             "explain! expects (match SPACE PATTERN TEMPLATE)");
  Buffer b = {0};
  if (ambi_space_plan(cx, ambi_space_of(space), ambi_expr_at(match, 2), &b))
    return write_out(cx, &b, out);
  ambi_buffer_drop(&b);
  return ambi_answer_stop(cx);
}

enum BuiltinStatus ambi_b_print(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1)
    return ambi_answer_error(cx, "print! expects single atom as an argument");
  Buffer b = {0};
  put_plain(cx, &b, args[0]);
  return write_out(cx, &b, out);
}

enum BuiltinStatus ambi_b_trace(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 2)
    return ambi_answer_error(cx, "trace! expects two atoms as arguments");
  Buffer b = {0};
  ambi_print(cx->rt, &b, args[0], NULL);
  ambi_buffer_puts(&b, "\n");
  bool failed = b.failed;
  const Host *host = &cx->rt->host;
  ambi_output_take(cx->rt);
  if (!failed && host->note) host->note(host->arg, b.text, b.len);
  ambi_output_give(cx->rt);
  ambi_buffer_drop(&b);
  return failed ? ambi_answer_stop(cx) : ambi_answer(cx, out, args[1]);
}

enum BuiltinStatus ambi_b_print_alternatives(Context *cx, const Value *args,
                                             unsigned n, Value *out) {
  if (n < 1)
    return ambi_answer_error(
        cx, "print-alternatives! expects format string as a first argument "
            "and expression as a second argument");
  if (n < 2 || !ambi_is_expression(args[1])) return ambi_answer_no_expr(cx);
  Buffer b = {0};
  uint32_t size = ambi_expr_size(args[1]);
  put_plain(cx, &b, ambi_small_int(size));
  ambi_buffer_puts(&b, " ");
  put_plain(cx, &b, args[0]);
  ambi_buffer_puts(&b, ":\n");
  for (uint32_t i = 0; i < size; i++) {
    ambi_buffer_puts(&b, "    ");
    put_plain(cx, &b, ambi_expr_at(args[1], i));
    ambi_buffer_puts(&b, "\n");
  }
  return write_out(cx, &b, out);
}

// ---- formatting -------------------------------------------------------------

// `{}` takes the next argument, `{{` and `}}` are braces; any other brace
// stands for itself.
static void put_format(Context *cx, Buffer *b, Value format, Value list) {
  const char *s = ambi_str_bytes(format), *end = s + ambi_str_len(format);
  uint32_t size = ambi_expr_size(list), used = 0;
  const char *from = s;
  while (s < end) {
    char next = s + 1 < end ? s[1] : 0;
    bool hole = *s == '{' && next == '}';
    bool brace = (*s == '{' || *s == '}') && next == *s;
    if (!hole && !brace) {
      s++;
      continue;
    }
    ambi_buffer_put(b, from, (size_t)(s - from) + brace);
    if (hole && used < size) put_plain(cx, b, ambi_expr_at(list, used++));
    s += 2;
    from = s;
  }
  ambi_buffer_put(b, from, (size_t)(end - from));
}

enum BuiltinStatus ambi_b_format_args(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 2 || !ambi_is_str(args[0]))
    return ambi_answer_error(
        cx, "format-args expects format string as a first argument and "
            "expression as a second argument");
  if (!ambi_is_expression(args[1])) return ambi_answer_no_expr(cx);
  Buffer b = {0};
  put_format(cx, &b, args[0], args[1]);
  return ambi_answer_text(cx, out, &b);
}

// ---- the text of atoms ------------------------------------------------------

enum BuiltinStatus ambi_b_repr(Context *cx, const Value *args, unsigned n,
                               Value *out) {
  if (n < 1)
    return ambi_answer_error(cx, "repr expects single atom as an argument");
  Buffer b = {0};
  ambi_print(cx->rt, &b, args[0], NULL);
  return ambi_answer_text(cx, out, &b);
}

// The forms that show a name of the library, if it is described as the library does it.
enum BuiltinStatus ambi_b_example(Context *cx, const Value *args, unsigned n,
                                  Value *out) {
  enum { INDENT = 2 };
  if (n < 2) return B_EMPTY;
  Buffer name = {0}, description = {0}, b = {0};
  ambi_print(cx->rt, &name, args[0], NULL);
  ambi_print(cx->rt, &description, args[1], NULL);
  size_t len = 0;
  bool ok = !name.failed && !description.failed;
  const char *at =
      ok ? ambi_example_of(name.text, description.text, &len) : NULL;
  ambi_buffer_drop(&name);
  ambi_buffer_drop(&description);
  if (!ok) return ambi_answer_stop(cx);
  if (!at) return B_EMPTY;
  for (const char *end = at + len; at < end;) {
    size_t line = strcspn(at, "\n");
    if (line) ambi_buffer_put(&b, "  ", INDENT);
    ambi_buffer_put(&b, at, line);
    at += line + 1;
    if (at < end) ambi_buffer_puts(&b, "\n");
  }
  return ambi_answer_text(cx, out, &b);
}

// (Error (parse text) ..): there is no atom in the text.
static enum BuiltinStatus nothing_read(Context *cx, Value text, Value *out) {
  Value name = ambi_make_sym(cx, "parse", 5);
  Value call = ambi_is_none(name) ? name : AMB_EXPR(cx, name, text);
  if (ambi_is_none(call)) return ambi_answer_stop(cx);
  return ambi_answer(cx, out,
                     ambi_make_error_text(cx, call, "parse found no atom"));
}

// A text that is no atom is not reduced. The words mean what they mean in the module whose text is being run.
enum BuiltinStatus ambi_b_parse(Context *cx, const Value *args, unsigned n,
                                Value *out) {
  if (n < 1 || !ambi_is_str(args[0])) return B_NOREDUCE;
  Module *module = cx->module ? cx->module : ambi_module_top(cx->rt);
  Reader r;
  Template read;
  ambi_reader_open(&r, cx->rt, module->tokens, ambi_str_bytes(args[0]),
                   ambi_str_len(args[0]));
  ambi_guard(cx->rt);  // of the words, and of what is mentioned
  enum ReadStatus status = ambi_read(&r, &read);
  ambi_unguard(cx->rt);
  switch (status) {
  case READ_ATOM: break;
  case READ_END: return nothing_read(cx, args[0], out);
  case READ_ERROR: return B_NOREDUCE;
  case READ_MEMORY: return ambi_answer_stop(cx);
  }
  Value v = ambi_instance(cx, &read, true);
  if (read.nvars) ambi_store_relaxed(&cx->rt->x_parsed_vars, true);
  ambi_template_release(cx->rt->store, &read);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_text_symbol(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 1) return ambi_answer_error(cx, "a text is expected");
  Buffer b = {0};
  put_plain(cx, &b, args[0]);
  Value v =
      b.failed ? AMB_NONE : ambi_make_sym(cx, b.text ? b.text : "", b.len);
  ambi_buffer_drop(&b);
  return ambi_answer(cx, out, v);
}

// Where the character that begins at i ends.
static size_t char_end(const char *text, size_t len, size_t i) {
  i++;
  while (i < len && (text[i] & 0xC0) == 0x80)
    i++;
  return i;
}

typedef Value MakeChar(Context *cx, const char *text, size_t len);

// 'c', the way characters are written
static Value char_atom(Context *cx, const char *text, size_t len) {
  char quoted[8] = "'";
  memcpy(quoted + 1, text, len);
  quoted[len + 1] = '\'';
  return ambi_make_sym(cx, quoted, len + 2);
}

// An expression with an atom for each character.
static Value chars_of(Context *cx, const char *text, size_t len,
                      MakeChar *make) {
  ValueVec chars = {0};
  bool ok = true;
  for (size_t i = 0, next; ok && i < len; i = next) {
    next = char_end(text, len, i);
    Value c = make(cx, text + i, next - i);
    ok = !ambi_is_none(c) && ambi_vec_push(&chars, c);
  }
  Value v = ok ? ambi_make_expr(cx, chars.at, chars.n) : AMB_NONE;
  ambi_vec_drop(&chars);
  return v;
}

enum BuiltinStatus ambi_b_text_chars(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1) return ambi_answer_error(cx, "a text is expected");
  Buffer b = {0};
  put_plain(cx, &b, args[0]);
  Value v = b.failed ? AMB_NONE : chars_of(cx, b.text, b.len, ambi_make_str);
  ambi_buffer_drop(&b);
  return ambi_answer(cx, out, v);
}

enum BuiltinStatus ambi_b_char_atoms(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_str(args[0])) return B_NOREDUCE;
  return ambi_answer(
      cx, out,
      chars_of(cx, ambi_str_bytes(args[0]), ambi_str_len(args[0]), char_atom));
}

// The inverse: what is no 'c' adds nothing.
enum BuiltinStatus ambi_b_chars_text(Context *cx, const Value *args, unsigned n,
                                     Value *out) {
  if (n < 1 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  Buffer b = {0};
  for (uint32_t i = 0; i < ambi_expr_size(args[0]); i++) {
    Value c = ambi_deref(ambi_expr_at(args[0], i));
    if (!ambi_is_sym(c)) continue;
    const Symbol *s = ambi_symbol(cx->rt->symbols, ambi_sym_of(c));
    size_t len = strlen(s->text);
    if (len > 2 && s->text[0] == '\'' && s->text[len - 1] == '\'' &&
        char_end(s->text, len, 1) == len - 1)
      ambi_buffer_put(&b, s->text + 1, len - 2);
  }
  return ambi_answer_text(cx, out, &b);
}

// The texts of the atoms of an expression, with another one between them.
enum BuiltinStatus ambi_b_text_joined(Context *cx, const Value *args,
                                      unsigned n, Value *out) {
  if (n < 2 || !ambi_is_expression(args[0])) return ambi_answer_no_expr(cx);
  Buffer b = {0};
  uint32_t size = ambi_expr_size(args[0]);
  for (uint32_t i = 0; i < size; i++) {
    if (i > 0) put_plain(cx, &b, args[1]);
    put_plain(cx, &b, ambi_expr_at(args[0], i));
  }
  return ambi_answer_text(cx, out, &b);
}
