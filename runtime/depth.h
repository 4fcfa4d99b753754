// How the reference counts the depth of its stack, for the pragma
// `max-stack-depth`: it keeps several frames where a tier keeps one, and tail
// calls add to them. Both tiers note the depth of each `metta` instruction and
// add these, so that the pragma cuts at the same places.
#ifndef AMBIT_RUNTIME_DEPTH_H
#define AMBIT_RUNTIME_DEPTH_H

enum {
  DEPTH_FORM = 1,  // the metta instruction of a form, or of `capture`
  // Frames between a metta instruction and ...
  DEPTH_CHILD = 10,      // ... the metta of its first child,
  DEPTH_NEXT_CHILD = 2,  // (each further child)
  DEPTH_STEP = 10,       // ... the evalc of the finished call,
  DEPTH_TAIL = 13,       // ... the metta of that call's result.
  // Frames between what runs an instruction and ...
  DEPTH_NESTED = 1,  // ... what it nests: chain, function, metta, a collector,
  DEPTH_FUNCTION = 2,  // ... the body of a function that a step gave,
  DEPTH_ONCE = 2       // ... the metta of `once`.
};

// As the limit: none, but all is evaluated as if there was one (literal.c).
#define DEPTH_UNCOUNTED ((uint64_t)1 << 62)

#endif
