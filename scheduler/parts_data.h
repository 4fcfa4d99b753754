// What a part of a search is made of: parts.c and its tests know.
#ifndef AMBIT_SCHEDULER_PARTS_DATA_H
#define AMBIT_SCHEDULER_PARTS_DATA_H

#include "runtime/machine/handover.h"
#include "runtime/machine/segment.h"
#include "scheduler/crew_data.h"

enum PartState { PART_RUNS, PART_DONE, PART_UNWANTED };

typedef struct Job {
  Part part;  // first
  Task task;
  CrewMates *crew;       // [init]
  Task *waiter;          // [lock] the parent's task; NULL: the owner's thread
  Limits limits;         // [init]
  Space *space;          // [init]
  Module *module;        // [init]
  pthread_mutex_t lock;  // [init]
  enum PartState state;  // [lock]
  Context *cx;           // [lock] set and cleared by its evaluator
  Segment results;       // its evaluator's until done, then the parent's
  Part *rest;            // likewise: what it has handed on, the newest first
  uint64_t steps;        // likewise
  uint64_t began;        // [evaluator] when
  uint64_t gave;         // [evaluator] steps when it last handed on; or 0
  RigidEpochs rigid;     // likewise
  enum AmbStop stop;     // likewise
  bool spoilt;           // likewise
  bool counted;          // [evaluator] as one that runs
} Job;

// A list of parts that cx has handed over, or that were left to it.
bool ambi_parts_is_valid(const Context *cx, Part *newest, const char **why);

#endif
