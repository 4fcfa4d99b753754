// Growing rows of words, and the end of a build that cannot go on.
#include <stdio.h>
#include <stdlib.h>

#include "memory/alloc.h"
#include "runtime/library/make/make.h"

void make_fail(const char *why) {
  fprintf(stderr, "ambit_boot: %s\n", why);
  exit(1);
}

void make_push(WordVec *v, Word w) {
  make_check(ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at),
             "out of memory");
  v->at[v->n++] = w;
}

void make_drop(WordVec *v) {
  ambi_free(v->at, v->cap * sizeof *v->at);
  *v = (WordVec){0};
}
