// Changing programs by their brackets: an atom goes, comes twice, takes the place of
// another one, or is put into a call of the language.
#ifndef AMBIT_TESTS_FUZZ_FORMS_H
#define AMBIT_TESTS_FUZZ_FORMS_H

#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b,
                                 size_t nb, uint8_t *out, size_t max,
                                 unsigned seed);

// What is put in place of an atom; each _ becomes some atom of the program.
static const char *const phrases[] = {
    "(_ _)",
    "(_ _ _)",
    "(f _)",
    "(g _ _)",
    "(= (f _) _)",
    "(= (g $x _) _)",
    "(: f (-> Atom _))",
    "(: g (-> Number $t _))",
    "(collapse _)",
    "(superpose (_ _))",
    "(superpose (_ _ _))",
    "(once _)",
    "(empty)",
    "Empty",
    "(let $x _ _)",
    "(let ($x $y) _ _)",
    "(let* (($x _) ($y _)) _)",
    "(if _ _ _)",
    "(case _ ((_ _) ($z _)))",
    "(switch _ ((_ _) ($z _)))",
    "(match &self _ _)",
    "(match &self (, _ _) _)",
    "(unify _ _ _ _)",
    "(chain _ $x _)",
    "(eval _)",
    "(function _)",
    "(return _)",
    "(collapse-bind _)",
    "(metta _ %Undefined% &self)",
    "(metta _ Number &self)",
    "(evalc _ &self)",
    "(quote _)",
    "(noeval _)",
    "(cons-atom _ _)",
    "(decons-atom _)",
    "(car-atom _)",
    "(cdr-atom _)",
    "(size-atom _)",
    "(index-atom _ _)",
    "(map-atom _ $x _)",
    "(filter-atom _ $x _)",
    "(foldl-atom _ _ $x $y _)",
    "(unique-atom _)",
    "(union-atom _ _)",
    "(+ _ _)",
    "(- _ 1)",
    "(* _ _)",
    "(/ _ _)",
    "(% _ _)",
    "(< _ _)",
    "(== _ _)",
    "(=alpha _ _)",
    "(and _ _)",
    "(not _)",
    "(add-atom &self _)",
    "(remove-atom &self _)",
    "(get-atoms &self)",
    "(new-state _)",
    "(get-state _)",
    "(change-state! _ _)",
    "(get-type _)",
    "(get-metatype _)",
    "(type-cast _ _ &self)",
    "(Error _ _)",
    "(assertEqual _ _)",
    "(println! _)",
    "(repr _)",
    "(sealed ($x) _)",
    "(nop _)",
    "(f $x)",
    "$x",
    "$y",
    "()",
    "1",
    "2.5",
    "True",
    "\"s\"",
    "&self",
    "(catch _ _)",
    "(capture _)",
    "(foldall + _ 0)",
    "(forall _ f)",
    "(if-error _ _ _)",
    "(return-on-error _ _)",
    "((|-> ($x) _) _)",
    "(sqrt-math _)",
    "(pow-math _ _)",
    "(floor-math _)",
    "(min-atom _)",
    "(sort _)",
    "(list-range 0 _ 1)",
    "(list-slice _ 0 _)",
    "(= _ _)",
    "(: _ _)",
};

enum { MAX_SPANS = 400, ATOM_MAX = 300 };

typedef struct Span {
  size_t from, to;
} Span;

typedef struct Forms {
  const char *text;
  size_t len;
  Span spans[MAX_SPANS];
  unsigned n;
  uint64_t random;
} Forms;

static inline uint32_t draw(Forms *f, uint32_t below) {
  f->random = f->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(f->random >> 33) % below;
}

static inline size_t word_end(const Forms *f, size_t at) {
  if (f->text[at] == '"') {
    for (at++; at < f->len && f->text[at] != '"'; at++)
      if (f->text[at] == '\\') at++;
    return at < f->len ? at + 1 : f->len;
  }
  while (at < f->len && !strchr(" \n\t();", f->text[at]))
    at++;
  return at;
}

static inline void note_span(Forms *f, size_t from, size_t to) {
  if (f->n < MAX_SPANS && to > from) f->spans[f->n++] = (Span){from, to};
}

static inline void find_spans(Forms *f) {
  size_t open[64];
  unsigned depth = 0;
  for (size_t at = 0; at < f->len;) {
    char c = f->text[at];
    if (c == '(' && depth < 64) {
      open[depth++] = at++;
    } else if (c == ')' && depth > 0) {
      note_span(f, open[--depth], ++at);
    } else if (c && strchr("!() \n\t", c)) {
      at++;
    } else if (c == ';') {
      while (at < f->len && f->text[at] != '\n')
        at++;
    } else {
      size_t to = word_end(f, at);
      note_span(f, at, to);
      at = to > at ? to : at + 1;
    }
  }
}

static inline Span some_span(Forms *f) {
  return f->n ? f->spans[draw(f, f->n)] : (Span){0, 0};
}

static inline void put_span(Buffer *b, const Forms *f, Span s) {
  size_t n = s.to - s.from;
  ambi_buffer_put(b, f->text + s.from, n > ATOM_MAX ? 0 : n);
}

static inline void put_phrase(Buffer *b, Forms *f, const char *phrase,
                              Span first) {
  bool used = false;
  for (; *phrase; phrase++) {
    if (*phrase != '_') {
      ambi_buffer_put(b, phrase, 1);
      continue;
    }
    put_span(b, f, used || draw(f, 4) == 0 ? some_span(f) : first);
    used = true;
  }
}

static inline void put_change(Buffer *b, Forms *f, Forms *from, Span s) {
  enum { PHRASES = sizeof phrases / sizeof *phrases };
  switch (draw(f, 8)) {
  case 0: break;  // it goes
  case 1:
    put_span(b, f, s);
    ambi_buffer_puts(b, draw(f, 2) ? " " : "\n!");
    put_span(b, f, s);
    break;
  case 2:
  case 3: put_span(b, from, some_span(from)); break;
  default: put_phrase(b, f, phrases[draw(f, PHRASES)], s);
  }
}

static inline size_t changed(Forms *f, Forms *from, uint8_t *out, size_t max) {
  Buffer b = {0};
  Span s = some_span(f);
  ambi_buffer_put(&b, f->text, s.from);
  put_change(&b, f, from, s);
  ambi_buffer_put(&b, f->text + s.to, f->len - s.to);
  if (draw(f, 16) == 0) {  // one more form
    ambi_buffer_puts(&b, "\n!");
    put_change(&b, f, from, some_span(f));
  }
  size_t n = b.len < max ? b.len : max;
  if (n) memcpy(out, b.text, n);
  ambi_buffer_drop(&b);
  return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed) {
  Forms f = {.text = (const char *)data, .len = size, .random = seed};
  if (draw(&f, 16) == 0) return LLVMFuzzerMutate(data, size, max);
  for (unsigned more = draw(&f, 3) + 1; more > 0; more--) {
    f.len = size;
    f.n = 0;
    find_spans(&f);
    size = changed(&f, &f, data, max);
  }
  return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b,
                                 size_t nb, uint8_t *out, size_t max,
                                 unsigned seed) {
  Forms f = {.text = (const char *)a, .len = na, .random = seed};
  Forms from = {.text = (const char *)b, .len = nb, .random = seed + 1};
  find_spans(&f);
  find_spans(&from);
  return changed(&f, &from, out, max);
}

#endif
