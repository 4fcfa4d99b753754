// Adding operations of the embedding program, and forgetting them.
#include "runtime/builtins/host.h"

#include "memory/alloc.h"
#include "runtime/modules/module.h"

// An empty row behind the last; NULL: there is no more room, or no memory.
static HostOp *next_row(HostOps *ops) {
  uint32_t page = ops->n / HOST_PAGE;
  if (page == HOST_PAGES) return NULL;
  if (!ops->page[page]) {
    ops->page[page] = ambi_alloc(HOST_PAGE * sizeof(HostOp));
    if (!ops->page[page]) return NULL;
  }
  return &ops->page[page][ops->n % HOST_PAGE];
}

static void drop_row(Runtime *rt, HostOp *op) {
  ambi_text_free((char *)(uintptr_t)op->row.name);
  ambi_text_free((char *)(uintptr_t)op->row.type);
  if (!ambi_is_none(op->type.atom)) ambi_template_release(rt->store, &op->type);
  *op = (HostOp){0};
}

// One word, as the reader has it, that is no variable, number or string.
static bool is_word(Runtime *rt, const char *name) {
  Reader r;
  Template t;
  ambi_reader_open(&r, rt, NULL, name, strlen(name));
  if (!*name || ambi_read(&r, &t) != READ_ATOM) return false;
  bool word = ambi_is_sym(t.atom) && r.next == r.len &&
              ambi_symbol(rt->symbols, ambi_sym_of(t.atom))->len == r.len;
  ambi_template_release(rt->store, &t);
  return word;
}

// (-> PARAMETER ... RESULT) with as many parameters as the operation may have
// arguments.
static bool is_function_type(const Builtin *row, Value type) {
  if (!ambi_is_expr(type) || !ambi_same(ambi_expr_at(type, 0), AMB_SYM(ARROW)))
    return false;
  int n = (int)ambi_expr_size(type) - 2;
  return n >= row->min_args && n == row->max_args;
}

static enum HostAdded read_type(Runtime *rt, HostOp *op) {
  Reader r;
  if (!*op->row.type) return HOST_ADDED;
  ambi_reader_open(&r, rt, NULL, op->row.type, strlen(op->row.type));
  switch (ambi_read(&r, &op->type)) {
  case READ_MEMORY: op->type.atom = AMB_NONE; return HOST_NO_MEMORY;
  case READ_ATOM: break;
  default: op->type.atom = AMB_NONE; return HOST_BAD_TYPE;
  }
  Template more;
  bool alone = ambi_read(&r, &more) == READ_END;
  return alone && is_function_type(&op->row, op->type.atom) ? HOST_ADDED
                                                            : HOST_BAD_TYPE;
}

static enum HostAdded fill(Runtime *rt, HostOp *to, const HostOp *op) {
  *to = *op;
  to->row.flags |= F_HOST;
  to->row.fn = NULL;
  to->row.module = to->row.count_text = "";
  to->type.atom = AMB_NONE;
  to->row.name = ambi_text_copy(op->row.name, strlen(op->row.name));
  to->row.type = ambi_text_copy(op->row.type, strlen(op->row.type));
  if (!to->row.name || !to->row.type) return HOST_NO_MEMORY;
  return read_type(rt, to);
}

enum HostAdded ambi_host_add(Runtime *rt, const HostOp *op) {
  HostOps *ops = &rt->host_ops;
  if (!is_word(rt, op->row.name) || ambi_words_know(rt, op->row.name))
    return HOST_NAME_TAKEN;
  if (ops->n == HOST_PAGE * HOST_PAGES) return HOST_FULL;
  HostOp *to = next_row(ops);
  if (!to) return HOST_NO_MEMORY;
  enum HostAdded done = fill(rt, to, op);
  if (done == HOST_ADDED &&
      !ambi_words_add(rt, to->row.name, AMB_OP_ID(OP_COUNT + ops->n)))
    done = HOST_NO_MEMORY;
  if (done != HOST_ADDED) {
    drop_row(rt, to);
    return done;
  }
  ops->n++;
  for (size_t i = 0; i < rt->modules->n; i++)
    ambi_tokens_learn(rt->modules->all[i]->tokens);
  return HOST_ADDED;
}

void ambi_host_close(Runtime *rt) {
  HostOps *ops = &rt->host_ops;
  for (uint32_t i = 0; i < ops->n; i++) {
    HostOp *op = &ops->page[i / HOST_PAGE][i % HOST_PAGE];
    if (op->drop) op->drop(op->data);
    drop_row(rt, op);
  }
  for (uint32_t i = 0; i < HOST_PAGES && ops->page[i]; i++)
    ambi_free(ops->page[i], HOST_PAGE * sizeof(HostOp));
  *ops = (HostOps){0};
}

const Builtin *ambi_host_row(const Runtime *rt, uint32_t op) {
  uint32_t i = op - OP_COUNT;
  AMB_ASSERT(i < rt->host_ops.n);
  return &rt->host_ops.page[i / HOST_PAGE][i % HOST_PAGE].row;
}

enum BuiltinStatus ambi_host_call(Context *cx, const Builtin *b,
                                  const Value *args, unsigned n, Value *out) {
  const HostOp *op = (const HostOp *)b;
  return op->call(cx, args, n, out, op->data);
}
