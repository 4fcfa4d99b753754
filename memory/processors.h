// How many processors this process may really use: those it is bound to, and no more
// than the share of time that control groups leave it, rounded up.
#ifndef AMBIT_MEMORY_PROCESSORS_H
#define AMBIT_MEMORY_PROCESSORS_H

// Those the calling thread is bound to; at least 1.
unsigned ambi_processors_allowed(void);
// What the groups of this process leave, read below `root` ("" but in tests); 0: no
// limit. Both versions of control groups are looked at, every level up to the topmost.
unsigned ambi_processors_quota(const char *root);
// The smaller of the two.
unsigned ambi_processors(void);

#endif
