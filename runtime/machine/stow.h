// An evaluation that rests, put away in one block: of many that wait each takes as much as
// is live in it, instead of a heap and stacks of its own.
//
// To stow one is to collect twice: once where it lies, which tells how much is live, and
// from there into the block. The stacks are copied behind the terms; what hangs on records
// lies in C memory and stays. Taking it out is a collection from the block into the heap of
// any Context that has nothing on it; links between frames and records are moved by as much
// as the stacks are apart. What refers to the old place from elsewhere, copies of return
// addresses (seen.h) and the mark on the trail, goes before.
//
// What cannot be stowed stays where it is: what others know the Context of (named locks,
// journals, branches, parts of a search), tables in the making, and what is large.
#ifndef AMBIT_RUNTIME_STOW_H
#define AMBIT_RUNTIME_STOW_H

#include "runtime/atoms/context.h"

typedef struct Stowed Stowed;

// The evaluation that rests in cx, where nothing of it is left then. NULL: it stays, since
// it cannot be stowed, is too large or memory is out, and cx->stop is as before.
Stowed *ambi_stow(Context *cx);
// It goes on in cx, whose heap is empty, by ambi_form_run. False: memory is out, and
// nothing was changed.
bool ambi_unstow(Context *cx, Stowed *s);
// It never goes on. NULL is none.
void ambi_stowed_drop(Runtime *rt, Stowed *s);
size_t ambi_stowed_bytes(const Stowed *s);

#endif
