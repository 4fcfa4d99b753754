// Any bytes can be read: every atom of them prints as text that is read as the same
// atom, and an error stands at a place of the text.
#define _GNU_SOURCE  // memmem
#include "tests/fuzz/fuzz.h"

static Runtime *rt;
static Context *cx;
static Tokens *tokens;
static unsigned inputs;

static void renew(void) {
  if (rt && inputs++ < INPUTS_PER_RUNTIME) return;
  if (rt) {
    ambi_tokens_close(tokens);
    ambi_context_close(cx);
    ambi_runtime_close(rt);
  }
  rt = open_runtime(0);
  cx = open_context(rt);
  tokens = ambi_tokens_open(rt);
  HOLDS(tokens, "no tokens");
  inputs = 0;
}

// ---- places -------------------------------------------------------------------

static Position place(const char *text, size_t offset) {
  Position at = {.line = 1, .column = 1};
  for (; at.offset < offset; at.offset++) {
    if (text[at.offset] == '\n') {
      at.line++;
      at.column = 1;
    } else if (((unsigned char)text[at.offset] & 0xC0) != 0x80) {
      at.column++;
    }
  }
  return at;
}

static void check_place(const Reader *r, Position at, const char *what) {
  HOLDS(at.offset <= r->len, "%s at %zu of %zu bytes", what, at.offset, r->len);
  Position want = place(r->text, at.offset);
  HOLDS(at.line == want.line && at.column == want.column,
        "%s at byte %zu is %u:%u, not %u:%u", what, at.offset, want.line,
        want.column, at.line, at.column);
}

static void check_spans(const Reader *r) {
  HOLDS(r->spans->n > 0, "an atom without a place");
  for (size_t i = 0; i < r->spans->n; i++) {
    check_place(r, r->spans->at[i], "a node");
    HOLDS(i == 0 || r->spans->at[i - 1].offset <= r->spans->at[i].offset,
          "places out of order");
  }
  HOLDS(r->spans->at[0].offset == r->start.offset, "the atom is elsewhere");
}

// ---- printing and reading back ----------------------------------------------------

// Infinity has no literal, and the text of the character 0 is Rust's.
static bool has_no_text(const Buffer *b) {
  return memmem(b->text, b->len, "inf", 3) || memmem(b->text, b->len, "\\0", 2);
}

static bool same_text(const Buffer *a, const Buffer *b) {
  return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void check_round_trip(const Template *t) {
  Buffer text = {0}, again = {0}, heap = {0};
  ambi_print_template(rt, &text, t, NULL);
  HOLDS(text.text && !text.failed, "nothing printed");
  size_t n = t->nvars + 1;
  Value *env = ambi_alloc(n * sizeof *env);
  for (size_t i = 0; i < n; i++)
    env[i] = AMB_NONE;
  ambi_print(rt, &heap, ambi_instantiate(cx, t, env, true), NULL);
  HOLDS(same_text(&heap, &text), "stored %s, on the heap %s", text.text,
        heap.text);
  if (!has_no_text(&text)) {
    Reader r;
    Template back;
    ambi_reader_open(&r, rt, tokens, text.text, text.len);
    HOLDS(ambi_read(&r, &back) == READ_ATOM, "not read back: %s", text.text);
    ambi_print_template(rt, &again, &back, NULL);
    HOLDS(ambi_template_equal(t, &back), "%s is read back as %s", text.text,
          again.text);
    HOLDS(same_text(&text, &again), "%s then %s", text.text, again.text);
    ambi_template_release(rt->store, &back);
    HOLDS(ambi_read(&r, &back) == READ_END, "more than one atom: %s",
          text.text);
  }
  ambi_free(env, n * sizeof *env);
  ambi_buffer_drop(&text);
  ambi_buffer_drop(&again);
  ambi_buffer_drop(&heap);
  ambi_context_reset(cx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  renew();
  Reader r;
  SpanVec spans = {0};
  enum ReadStatus status;
  Template t;
  ambi_reader_open(&r, rt, tokens, (const char *)data, size);
  r.spans = &spans;
  size_t before = 0;
  while ((status = ambi_read(&r, &t)) == READ_ATOM) {
    HOLDS(r.next > before, "an atom without text");
    before = r.next;
    check_place(&r, r.pos, "the reader");
    check_spans(&r);
    check_round_trip(&t);
    ambi_template_release(rt->store, &t);
  }
  HOLDS(status != READ_MEMORY, "no memory for %zu bytes", size);
  if (status == READ_ERROR) {
    check_place(&r, r.error.at, "the error");
    HOLDS(r.error.message && *r.error.message, "an error without a message");
    HOLDS(ambi_read(&r, &t) == READ_END, "an error is followed by something");
  }
  ambi_free(spans.at, spans.cap * sizeof *spans.at);
  ambi_store_quiesce(rt->store);
  return 0;
}
