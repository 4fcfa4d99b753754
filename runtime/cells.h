// Cells that nothing refers to any more: states, spaces, files, generators.
//
// What can refer to a cell is a heap, a term of the store, a table, or something that
// says so for good (x_stays): messages, spaces that import, snapshots. Terms of the store
// count their cells (store_cells.c). So a cell goes when nothing counts, no table has it,
// and no heap has it: between forms heaps are empty, and in a form a major collection
// meets each word of its heap and marks the cells.
//
// Cells that refer to one another in a circle count each other. They are found by taking
// away what they count: where nothing from outside is left, and nothing leads there, all
// go. That looks at all that cells hold, so it is done more seldom.
//
// Who keeps a cell elsewhere calls ambi_cell_stay, or is a place where this file looks.
// Modules stay, and so does what the embedding program made. Code refers to spaces in
// which something was evaluated: when they have become many, it leaves them
// (runtime/bytecode/leave.c), and they go as others do.
#ifndef AMBIT_RUNTIME_CELLS_H
#define AMBIT_RUNTIME_CELLS_H

#include "runtime/bytecode/native.h"
#include "runtime/runtime.h"

static inline size_t ambi_cells_bytes(const Runtime *rt) {
  return ambi_load_relaxed(&rt->x_cell_bytes);
}
// Between forms, of a thread that is alone: frees what the store has given up, and cells,
// if there are many new ones.
void ambi_cells_quiesce(Runtime *rt);
// Are there many new ones, do they hold much, or more than is to be left over? Since cells
// were looked for, or circles.
bool ambi_cells_due(const Runtime *rt, size_t left);
bool ambi_circles_due(const Runtime *rt, size_t left);
// Have spaces in which something was evaluated become many?
bool ambi_evaluated_due(const Runtime *rt);
// A collection marks what it meets, from ambi_store_watch and ambi_cells_watch on. What it
// has not met goes in ambi_cells_reap, which is ambi_store_reap and more, unless a term
// counts it that is there, or that was given up and may still be seen. circles: they are
// looked for, too, and were watched. left: these units, of spaces that code has left, are
// dropped.
void ambi_cells_watch(Runtime *rt);
static inline void ambi_cell_met(const Runtime *rt, CellHeader *c) {
  c->mark = rt->cell_mark;
}
void ambi_cells_reap(Runtime *rt, bool circles, bool left, Unit *units);
void ambi_cells_close(Runtime *rt);

#endif
