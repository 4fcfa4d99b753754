// The rows of grammar.def, read into terms, and for each mix the lots to draw from:
// a row stands among the lots as often as its weight in the mix says.
#include "tests/gen/grammar.h"

#include <stdlib.h>
#include <string.h>

typedef struct Row {
  char of;
  enum Knob knob;
  unsigned weight;
  const char *text;
} Row;

static const Row rows[] = {
#define ROW(of, knob, weight, text) {of, KNOB_##knob, weight, text},
#include "tests/gen/grammar.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

static const unsigned usual[] = {
#define KNOB(name, value) value,
#include "tests/gen/mixes.def"
};
static const char *const knob_names[] = {
#define KNOB(name, value) #name,
#include "tests/gen/mixes.def"
};
static const struct {
  const char *name, *settings;
} mixes[] = {
#define MIX(name, settings) {name, settings},
#include "tests/gen/mixes.def"
};
enum { MIXES = sizeof mixes / sizeof *mixes, LETTERS = 128 };

typedef struct Lots {
  uint16_t *row;
  unsigned n;
} Lots;

struct Grammar {
  Arena arena;
  Program *forms[ROWS];  // the rows as terms
  unsigned knob[MIXES][KNOB_COUNT];
  Lots lots[MIXES][LETTERS];
};

unsigned gen_mix_count(void) {
  return MIXES;
}

const char *gen_mix_name(unsigned mix) {
  return mixes[mix].name;
}

int gen_mix_find(const char *name) {
  for (unsigned i = 0; i < MIXES; i++)
    if (strcmp(mixes[i].name, name) == 0) return (int)i;
  return -1;
}

// "NAME=value NAME=value": a name that is no knob is a mistake of mixes.def.
static void set_knobs(unsigned *knob, const char *settings) {
  memcpy(knob, usual, sizeof usual);
  for (const char *s = settings; *s; s += strspn(s, " ")) {
    size_t len = strcspn(s, "=");
    unsigned k = 0;
    while (k < KNOB_COUNT &&
           (strncmp(knob_names[k], s, len) || knob_names[k][len]))
      k++;
    if (k == KNOB_COUNT) abort();
    char *end;
    knob[k] = (unsigned)strtoul(s + len + 1, &end, 10);
    s = end;
  }
}

static void draw_lots(Grammar *g, unsigned mix, char of) {
  Lots *lots = &g->lots[mix][(unsigned)of];
  for (unsigned i = 0; i < ROWS; i++)
    if (rows[i].of == of)
      lots->n += rows[i].weight * g->knob[mix][rows[i].knob];
  lots->row = calloc(lots->n ? lots->n : 1, sizeof *lots->row);
  if (!lots->row) abort();
  unsigned n = 0;
  for (unsigned i = 0; i < ROWS; i++)
    if (rows[i].of == of)
      for (unsigned w = rows[i].weight * g->knob[mix][rows[i].knob]; w > 0; w--)
        lots->row[n++] = (uint16_t)i;
}

Grammar *gen_grammar_open(void) {
  Grammar *g = calloc(1, sizeof *g);
  if (!g) abort();
  ambi_arena_open(&g->arena);
  for (unsigned i = 0; i < ROWS; i++) {
    Program *p = g->forms[i] = malloc(sizeof *p);
    if (!p || !gen_parse(&g->arena, rows[i].text, strlen(rows[i].text), p))
      abort();
  }
  for (unsigned m = 0; m < MIXES; m++) {
    set_knobs(g->knob[m], mixes[m].settings);
    for (unsigned c = 0; c < LETTERS; c++)
      draw_lots(g, m, (char)c);
  }
  return g;
}

void gen_grammar_close(Grammar *g) {
  for (unsigned m = 0; m < MIXES; m++)
    for (unsigned c = 0; c < LETTERS; c++)
      free(g->lots[m][c].row);
  for (unsigned i = 0; i < ROWS; i++)
    free(g->forms[i]);
  ambi_arena_close(&g->arena);
  free(g);
}

unsigned gen_knob(const Grammar *g, unsigned mix, enum Knob k) {
  return g->knob[mix][k];
}

const Program *gen_pick(const Grammar *g, unsigned mix, char of, Dice *d) {
  const Lots *lots = &g->lots[mix][(unsigned)of];
  if (lots->n == 0) abort();
  return g->forms[lots->row[gen_draw(d, lots->n)]];
}
