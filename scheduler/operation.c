// Operations, objects and spaces of an embedding program.
#include "scheduler/crew_data.h"
#include "scheduler/system.h"

#include "memory/alloc.h"

struct ambit_call {
  ambit_heap heap;
  const char *error;  // AMBIT_GAVE_ERROR: its text is in the Context's message
  bool failed;        // there was no memory for a result
};

typedef struct Registered {  // data of a HostOp
  ambit *a;
  ambit_operation op;
} Registered;

enum { MOST_ARGS = 60 };

// ---- calls ------------------------------------------------------------------------

static enum BuiltinStatus finish(Context *cx, const ambit_call *call,
                                 ambit_outcome outcome) {
  if (call->failed || outcome == AMBIT_NO_MEMORY) {
    if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
    return B_STOP;
  }
  if (cx->stop != STOP_NONE) return B_STOP;
  switch (outcome) {
  case AMBIT_NOT_MINE: return B_NOREDUCE;
  case AMBIT_GAVE_ERROR:
    cx->error_reason = AMB_NONE;
    ambi_set_message(cx, "%s", call->error ? call->error : "");
    return B_ERROR;
  default: return cx->many.n ? B_MANY : B_EMPTY;
  }
}

// One at a time. What the function asks meanwhile is not shared with other evaluators,
// which may be waiting to call such a function.
static ambit_outcome call_alone(const Registered *r, ambit_call *call,
                                const ambit_term *args, size_t n) {
  Evaluator *before = ambi_crew_acting();
  Evaluator *self = before ? before : ambi_crew_owner(call->heap.cx->rt);
  system_lock(r->a);
  ambi_crew_act(self);
  ambit_outcome outcome = r->op.function(call, args, n, r->op.data);
  ambi_crew_act(before);
  system_unlock(r->a);
  return outcome;
}

// A query that the function asks has limits and results of its own.
static enum BuiltinStatus call_host(Context *cx, const Value *args, unsigned n,
                                    Value *out, void *data) {
  Registered *r = data;
  ambit_call call = {.heap = {.a = r->a, .cx = cx}};
  const ambit_term *terms = (const ambit_term *)(const void *)args;
  ambit_outcome outcome = r->op.any_thread
                              ? r->op.function(&call, terms, n, r->op.data)
                              : call_alone(r, &call, terms, n);
  enum BuiltinStatus status = finish(cx, &call, outcome);
  ambi_text_free((char *)(uintptr_t)call.error);
  ambi_buffer_drop(&call.heap.text);
  if (status != B_MANY || cx->many.n > 1) return status;
  *out = cx->many.at[0];
  cx->many.n = 0;
  return B_OK;
}

ambit_heap *ambit_call_heap(ambit_call *call) {
  return &call->heap;
}

void ambit_give(ambit_call *call, ambit_term result) {
  if (ambit_is_none_term(result) ||
      !ambi_vec_push(&call->heap.cx->many, value_of(result)))
    call->failed = true;
}

void ambit_give_error(ambit_call *call, const char *text) {
  ambi_text_free((char *)(uintptr_t)call->error);
  call->error = ambi_text_copy(text, strlen(text));
  if (!call->error) call->failed = true;
}

// ---- registering ----------------------------------------------------------------------

static void drop_registered(void *data) {
  Registered *r = data;
  if (r->op.destroy) r->op.destroy(r->op.data);
  ambi_free(r, sizeof *r);
}

// Whoever may write atoms may write rules.
static unsigned effects_of(unsigned said) {
  return said & AMBIT_WRITES_SPACES ? said | E_RULES : said;
}

static ambit_status explain(ambit *a, const ambit_operation *op,
                            enum HostAdded why) {
  switch (why) {
  case HOST_NAME_TAKEN:
    return system_fail(a, AMBIT_MISUSE,
                       "the operation %s: its name is not one word, or the "
                       "language knows it already",
                       op->name);
  case HOST_BAD_TYPE:
    return system_fail(a, AMBIT_MISUSE,
                       "the operation %s: its type %s is no function type of "
                       "%d arguments",
                       op->name, op->type, op->max_args);
  case HOST_FULL:
    return system_fail(a, AMBIT_MISUSE,
                       "the operation %s: there are %d already", op->name,
                       HOST_PAGE * HOST_PAGES);
  case HOST_NO_MEMORY: return system_fail(a, AMBIT_MEMORY, "out of memory");
  default: return AMBIT_OK;
  }
}

ambit_status ambit_register(ambit *a, const ambit_operation *op) {
  if (!op->name || !op->function || op->min_args < 0 ||
      op->max_args < op->min_args || op->max_args > MOST_ARGS ||
      op->effects > AMBIT_DOES_ANYTHING)
    return system_fail(a, AMBIT_MISUSE,
                       "the operation %s: it has no function, or no 0 to %d "
                       "arguments, or unknown effects",
                       op->name ? op->name : "(unnamed)", MOST_ARGS);
  Registered *r = ambi_alloc(sizeof *r);
  if (!r) return explain(a, op, HOST_NO_MEMORY);
  *r = (Registered){.a = a, .op = *op};
  HostOp host = {.row = {.name = op->name,
                         .type = op->type ? op->type : "",
                         .min_args = op->min_args,
                         .max_args = op->max_args,
                         .effects = effects_of(op->effects),
                         .flags = op->deterministic ? F_DET : F_NONDET},
                 .call = call_host,
                 .data = r,
                 .drop = drop_registered};
  enum HostAdded added = ambi_host_add(a->rt, &host);
  if (added != HOST_ADDED) ambi_free(r, sizeof *r);
  return explain(a, op, added);
}

// ---- objects ---------------------------------------------------------------------------

static void drop_object(CellHeader *c) {
  HostObject *o = (HostObject *)(void *)c;
  if (o->destroy) o->destroy(o->data);
  ambi_free(o, sizeof *o);
}

ambit_term ambit_make_object(ambit_heap *h, const ambit_class *kind,
                             void *data) {
  Runtime *rt = h->a->rt;
  ambit_term type = ambit_make_symbol(h, kind->name);
  if (ambit_is_none_term(type)) return type;
  HostObject *o = ambi_alloc(sizeof *o);
  if (!o) {
    system_fail(h->a, AMBIT_MEMORY, "out of memory");
    return ambit_none();
  }
  *o = (HostObject){.cell = {.kind = CELL_HOST, .drop = drop_object},
                    .kind = kind,
                    .name = kind->name,
                    .type = value_of(type),
                    .data = data,
                    .destroy = kind->destroy};
  ambi_runtime_add_cell(rt, &o->cell);
  return term_of(ambi_tag_ptr(TAG_CELL, o));
}

void *ambit_get_object(ambit_term t, const ambit_class *kind) {
  Value v = ambi_deref(value_of(t));
  if (!ambi_is_cell_kind(v, CELL_HOST)) return NULL;
  const HostObject *o = (const HostObject *)(const void *)ambi_cell(v);
  return o->kind == kind ? o->data : NULL;
}

// ---- spaces ------------------------------------------------------------------------------

static Space *space_of(ambit_term t) {
  Value v = ambi_deref(value_of(t));
  return ambi_is_space(v) ? ambi_space_of(v) : NULL;
}

ambit_term ambit_top_space(ambit *a) {
  return term_of(ambi_space_value(ambi_module_top(a->rt)->space));
}

ambit_status ambit_add(ambit_heap *h, ambit_term space, ambit_term atom) {
  Space *s = space_of(space);
  if (!s || ambit_is_none_term(atom))
    return system_fail(h->a, AMBIT_MISUSE, "a space and an atom are wanted");
  if (ambi_space_add(s, value_of(atom))) return AMBIT_OK;
  return system_fail(h->a, AMBIT_MEMORY, "out of memory");
}

ambit_status ambit_remove(ambit_heap *h, ambit_term space, ambit_term atom) {
  Space *s = space_of(space);
  bool found = false;
  if (!s || ambit_is_none_term(atom))
    return system_fail(h->a, AMBIT_MISUSE, "a space and an atom are wanted");
  if (!ambi_space_remove(s, value_of(atom), &found))
    return system_fail(h->a, AMBIT_MEMORY, "out of memory");
  return found ? AMBIT_OK
               : system_fail(h->a, AMBIT_DONE, "there is no equal atom");
}

size_t ambit_count(ambit_term space) {
  Space *s = space_of(space);
  return s ? ambi_space_count(s) : 0;
}
