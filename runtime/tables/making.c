// Calls that are being evaluated for their tables: results, rounds, ends.
//
// Makings lie on a stack, the newest last. Of SET ones each stands inside of the one
// before it, since none hands on a result before it is through; AUTO ones hand on
// results as they come, so others may begin while one has alternatives left, but as
// choice records go, so do they: the newest first.
#include "memory/alloc.h"
#include "runtime/spaces/journal.h"
#include "runtime/tables/table_data.h"
#include "runtime/types/types.h"

// Arguments longer than this are not worth looking at, for AUTO. A function that walks a
// list would look at all of the rest again at each step.
enum { MAX_KEY = 64, MAX_AUTO_ROW = 1 << 20 };

static bool no_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

// ---- keys ---------------------------------------------------------------------------

// What a name shows of a variable, apart from which one it is; and whether a step asked
// for it, which decides what stands for what.
static Word shown(Word info) {
  return ambi_vinfo_is_fresh(info) ? ambi_vinfo_with_stamp(info, AMB_VAR_ASKED)
                                   : info;
}

// An AUTO call must not give what an equal call but for the names of variables gave:
// names can be made visible. A declared one does not tell them apart.
static bool put_names(Flat *key) {
  for (size_t i = 0; i < key->vars.n; i++) {
    if (!ambi_grow((void **)&key->w, &key->cap, key->n + 1, sizeof *key->w))
      return false;
    key->w[key->n++] = shown(ambi_ptr(key->vars.at[i])[1]);
  }
  return true;
}

// Has the term more than so many parts? What is left of the number is counted down.
static bool is_larger(Value v, size_t *left) {
  Value stack[MAX_KEY];
  size_t n = 0;
  stack[n++] = v;
  while (n) {
    Value e = ambi_deref(stack[--n]);
    uint32_t size = ambi_expr_size(e);
    if (size >= *left || n + size > MAX_KEY) return true;
    *left -= size;
    for (uint32_t i = 0; i < size; i++)
      stack[n++] = ambi_expr_at(e, i);
  }
  return false;
}

static bool too_long(const TableAsk *ask) {
  size_t left = MAX_KEY;
  for (size_t i = 0; i < ask->n; i++)
    if (is_larger(ask->args[i], &left)) return true;
  return false;
}

static bool settle_all(Context *cx, const TableAsk *ask) {
  ValueVec *roots = &cx->rt->tables->roots;
  roots->n = 0;
  for (size_t i = 0; i < ask->n; i++) {
    Value v = ask->args[i];
    if (!ambi_flat_settle(cx, &v, false) || !ambi_vec_push(roots, v))
      return false;
  }
  return true;
}

// False: there is no key, because of f->odd, of its length, or of memory.
static bool make_key(Context *cx, const TableAsk *ask) {
  Tables *ts = cx->rt->tables;
  Flat *key = &ts->key;
  Word *top = cx->h;
  bool own = ask->kind == TABLE_AUTO;
  key->n = key->vars.n = 0;
  key->odd = own && too_long(ask);
  if (key->odd) return false;
  bool ok = settle_all(cx, ask) &&
            ambi_flat_begin(key, 1 + ask->n, own ? MAX_AUTO_ROW : UINT32_MAX);
  if (ok) key->w[0] = ask->owner ^ ambi_journal_stamp(cx);
  for (size_t i = 0; ok && i < ask->n; i++)
    ok = ambi_flat_put(cx, key, 1 + i, ts->roots.at[i]);
  ambi_flat_end(key);
  cx->h = top;
  if (ok && own) ok = put_names(key);
  if (!ok && !key->odd) no_memory(cx);
  return ok;
}

// ---- makings --------------------------------------------------------------------------

static Making *newest_set(Tables *ts) {
  if (ts->nmakings == 0) return NULL;
  size_t i = ts->makings[ts->nmakings - 1].newest_set;
  return i == SIZE_MAX ? NULL : &ts->makings[i];
}

static void log_from(Runtime *rt) {
  Tables *ts = rt->tables;
  ReadLog *log = &rt->reads;
  log->open = ts->nmakings > 0;
  log->from = log->open ? ts->makings[ts->nmakings - 1].reads : 0;
  log->untidy = 0;
  if (log->open) return;
  log->n = 0;
  log->failed = false;
  ts->odd = false;
}

static bool push(Runtime *rt, Table *t) {
  Tables *ts = rt->tables;
  if (!ambi_grow((void **)&ts->makings, &ts->makings_cap, ts->nmakings + 1,
                 sizeof *ts->makings))
    return false;
  size_t i = ts->nmakings;
  size_t set = t->kind == TABLE_SET ? i
               : i                  ? ts->makings[i - 1].newest_set
                                    : SIZE_MAX;
  ts->makings[i] = (Making){.table = t,
                            .newest_set = set,
                            .reads = rt->reads.n,
                            .partials = ts->npartials,
                            .low = i,
                            .tainted = SIZE_MAX};
  ts->nmakings++;
  t->state = STATE_MAKING;
  t->making = i;
  log_from(rt);
  return true;
}

// The reads of what has ended belong to what it stands in, too.
static void pop(Runtime *rt) {
  rt->tables->nmakings--;
  log_from(rt);
}

// What AUTO calls give depends on a making that is not complete and older than they.
static void taint(Tables *ts, size_t low) {
  for (size_t i = ts->nmakings; i > low + 1; i--) {
    Making *m = &ts->makings[i - 1];
    if (m->tainted <= low) return;
    m->tainted = low;
  }
}

void ambi_tables_cut(Runtime *rt, size_t making) {
  Tables *ts = rt->tables;
  while (ts->nmakings > making) {
    Making m = ts->makings[ts->nmakings - 1];
    for (; ts->npartials > m.partials; ts->npartials--)
      ambi_table_free(rt, ts->partials[ts->npartials - 1]);
    bool partial = m.table->low != SIZE_MAX;  // evaluated once more
    if (partial) m.table->state = STATE_PARTIAL;
    if (!partial) ambi_table_free(rt, m.table);
    pop(rt);
  }
}

size_t ambi_tables_form_begin(Runtime *rt) {
  Tables *ts = rt->tables;
  size_t before = ts->form;
  ts->form = ts->nmakings;
  return before;
}

void ambi_tables_form_end(Runtime *rt, size_t begun) {
  Tables *ts = rt->tables;
  ambi_tables_cut(rt, ts->form);
  ts->form = begun;
}

// ---- calls ------------------------------------------------------------------------------

static enum TableDo make(Context *cx, Table *t, size_t low, TableCall *out) {
  Tables *ts = cx->rt->tables;
  if (!push(cx->rt, t)) {
    if (t->low == SIZE_MAX) ambi_table_free(cx->rt, t);
    no_memory(cx);
    return TABLE_STOP;
  }
  Making *m = &ts->makings[ts->nmakings - 1];
  if (low < m->low) m->low = low;
  ts->misses++;
  t->due = false;
  out->making = ts->nmakings - 1;
  return TABLE_MAKE;
}

// The oldest making on which a table that is not complete depends, as far as that is
// known: one that has ended meanwhile has told those it stood in.
static size_t depends_on(const Tables *ts, const Table *t) {
  if (t->state == STATE_MAKING) return t->making;
  size_t lo = 0,
         hi = ts->nmakings;  // the newest that began before it was partial
  while (lo + 1 < hi) {
    size_t mid = (lo + hi) / 2;
    if (ts->makings[mid].partials <= t->place)
      lo = mid;
    else
      hi = mid;
  }
  return t->low < lo ? t->low : lo;
}

// A call of a table that is not complete, and needs no evaluation now.
static enum TableDo give_part(Tables *ts, Table *t, size_t low, bool only_new,
                              TableCall *out) {
  Making *m = newest_set(ts);
  if (m) {
    if (low < m->low) m->low = low;
    m->depends = true;
  }
  taint(ts, low);
  bool delta = only_new && m && m->table->was_there && !t->errors && !ts->odd;
  out->from = delta ? t->before : 0;
  out->to = t->now;
  return TABLE_GIVE;
}

static enum TableDo give_all(Context *cx, Table *t, TableCall *out) {
  Tables *ts = cx->rt->tables;
  ts->hits++;
  ambi_table_used(ts, t);
  if (t->nreads && cx->rt->reads.open &&
      !ambi_reads_add(&cx->rt->reads, t->reads, t->nreads)) {
    no_memory(cx);
    return TABLE_STOP;
  }
  out->from = 0;
  out->to = t->count;
  return TABLE_GIVE;
}

static enum TableDo again(Context *cx, Table *t, const TableAsk *ask,
                          TableCall *out) {
  Tables *ts = cx->rt->tables;
  if (ask->kind == TABLE_AUTO) return TABLE_PLAIN;
  size_t low = depends_on(ts, t);
  if (low < ts->form) {
    ts->odd = true;
    return TABLE_PLAIN;
  }
  if (t->state == STATE_PARTIAL && t->due) return make(cx, t, low, out);
  return give_part(ts, t, low, ask->only_new, out);
}

enum TableDo ambi_table_call(Context *cx, const TableAsk *ask, TableCall *out) {
  Tables *ts = cx->rt->tables;
  if (!make_key(cx, ask)) {
    ts->odd |= ask->kind == TABLE_SET && ts->nmakings > 0;
    return cx->stop ? TABLE_STOP : TABLE_PLAIN;
  }
  uint64_t hash = ambi_flat_hash(ts->key.w, ts->key.n, false);
  Table *t = ambi_table_find(cx->rt, ask, hash);
  out->vars = &ts->key.vars;
  out->table = t;
  if (t && t->state == STATE_COMPLETE) return give_all(cx, t, out);
  if (t) return again(cx, t, ask, out);
  t = ambi_table_new(cx->rt, ask, hash);
  out->table = t;
  if (t) return make(cx, t, SIZE_MAX, out);
  no_memory(cx);
  return TABLE_STOP;
}

// ---- results ------------------------------------------------------------------------------

// Variables of the call that are unbound keep their numbers; a bound one leaves its
// number unused.
static bool number_call(Flat *row, const Value *vars, size_t nvars) {
  for (size_t i = 0; i < nvars; i++) {
    Value v = vars[i];
    bool own = ambi_is_var(v) && ambi_var_unbound(v);
    if (own && !ambi_flat_number(row, v)) return false;
    if (!own && !ambi_vec_push(&row->vars, AMB_NONE)) return false;
  }
  return true;
}

static void forget_numbers(Flat *row, size_t nvars) {
  size_t kept = 0;
  for (size_t i = 0; i < row->vars.n; i++)
    if (i >= nvars || !ambi_is_none(row->vars.at[i]))
      row->vars.at[kept++] = row->vars.at[i];
  row->vars.n = kept;
  ambi_flat_end(row);
}

// Is the new variable older than the newest choice record, and so still there when what
// comes next is evaluated? One that has an identity is the same wherever it is made.
static bool outlives(const Context *cx, Value var) {
  const Word *cell = ambi_ptr(var);
  return cell < cx->hb || ambi_vinfo_id(cell[1]) < AMB_VAR_ASKED;
}

// The row of a result, and the names of its new variables behind it.
static bool make_row(Context *cx, Value v, const Value *vars, size_t nvars,
                     size_t most, Answer *a) {
  Tables *ts = cx->rt->tables;
  Flat *row = &ts->row;
  Word *top = cx->h;
  ts->roots.n = 0;
  ts->row_stays = false;
  bool ok = ambi_flat_settle(cx, &v, true) && ambi_vec_push(&ts->roots, v);
  for (size_t i = 0; ok && i < nvars; i++) {
    Value x = vars[i];
    ok = ambi_flat_settle(cx, &x, false) && ambi_vec_push(&ts->roots, x);
  }
  ok = ok && ambi_flat_begin(row, 1 + nvars, most) &&
       number_call(row, vars, nvars);
  for (size_t i = 0; ok && i <= nvars; i++)
    ok = ambi_flat_put(cx, row, i, ts->roots.at[i]);
  a->n = (uint32_t)row->n;
  a->fresh = ok ? (uint32_t)(row->vars.n - nvars) : 0;
  for (uint32_t i = 0; ok && i < a->fresh; i++) {
    ok = ambi_grow((void **)&row->w, &row->cap, row->n + 1, sizeof *row->w);
    if (ok) row->w[row->n++] = shown(ambi_ptr(row->vars.at[nvars + i])[1]);
    ts->row_stays |= outlives(cx, row->vars.at[nvars + i]);
  }
  forget_numbers(row, nvars);
  cx->h = top;
  return ok;
}

static bool append(Table *t, const Flat *row, Answer a) {
  if (t->n + row->n > UINT32_MAX ||
      !ambi_grow((void **)&t->w, &t->cap, t->n + row->n, sizeof *t->w) ||
      !ambi_grow((void **)&t->answers, &t->answers_cap, t->count + (size_t)1,
                 sizeof *t->answers))
    return false;
  a.at = (uint32_t)t->n;
  memcpy(t->w + t->n, row->w, row->n * sizeof *t->w);
  t->n += row->n;
  t->answers[t->count++] = a;
  return true;
}

// ---- results of SET: each once --------------------------------------------------------------

static size_t index_slot(const Table *t, const Word *w, const Answer *a) {
  size_t i = (size_t)ambi_flat_hash(w, a->n, true) & (t->index_cap - 1);
  for (; t->index[i]; i = (i + 1) & (t->index_cap - 1)) {
    const Answer *b = &t->answers[t->index[i] - 1];
    if (b->n == a->n && b->fresh == a->fresh &&
        ambi_flat_equal_loose(t->w + b->at, w, a->n))
      break;
  }
  return i;
}

static bool grow_index(Table *t) {
  size_t old = t->index_cap, cap = old ? old * 2 : 16;
  uint32_t *index = ambi_alloc(cap * sizeof *index);
  if (!index) return false;
  ambi_free(t->index, old * sizeof *index);
  t->index = index;
  t->index_cap = cap;
  for (uint32_t i = 0; i < t->count; i++)
    t->index[index_slot(t, t->w + t->answers[i].at, &t->answers[i])] = i + 1;
  return true;
}

static bool add_once(Table *t, const Flat *row, Answer a) {
  if (t->count * (size_t)2 >= t->index_cap && !grow_index(t)) return false;
  size_t i = index_slot(t, row->w, &a);
  if (t->index[i]) return true;
  if (!append(t, row, a)) return false;
  t->index[i] = t->count;
  return true;
}

// ---- results of AUTO: all -----------------------------------------------------------------------

// The answer that stood alone gets others.
static bool spread(Table *t) {
  Flat row = {.w = &t->only, .n = 1};
  if (!t->one) return true;
  t->one = false;
  t->count = 0;
  return append(t, &row, (Answer){.n = 1});
}

// A new variable in several results may be one variable, and rows do not tell. That can
// be only if it was there before the choice between them; such calls are not kept.
static bool add_again(Making *m, const Flat *row, Answer a, bool stays) {
  Table *t = m->table;
  if (t->count == 0 && row->n == 1 && t->nvars == 0) {
    t->one = true;
    t->only = row->w[0];
    t->count = 1;
    return true;
  }
  if (!spread(t)) return false;
  if (a.fresh > 0 && m->shares) m->dead = true;
  m->shares |= stays;
  if (t->n + row->n > MAX_AUTO_ROW) m->dead = true;
  return m->dead || append(t, row, a);
}

bool ambi_table_result(Context *cx, size_t making, Value v, const Value *vars,
                       size_t nvars) {
  Tables *ts = cx->rt->tables;
  Making *m = &ts->makings[making];
  Table *t = m->table;
  bool set = t->kind == TABLE_SET;
  Answer a = {0};
  if (m->dead) return true;
  bool ok = make_row(cx, v, vars, nvars, set ? UINT32_MAX : MAX_AUTO_ROW, &a);
  if (!ok && ts->row.odd) {
    m->dead = true;
    return set ? no_memory(cx) : true;
  }
  if (ok) t->errors |= ambi_is_error_atom(ambi_deref(v));
  ok = ok && (set ? add_once(t, &ts->row, a)
                  : add_again(m, &ts->row, a, ts->row_stays));
  return ok || no_memory(cx);
}

// ---- ends -------------------------------------------------------------------------------------

static bool take_reads(Runtime *rt, Table *t, size_t from) {
  ReadLog *log = &rt->reads;
  t->nreads = log->n - from;
  if (t->nreads == 0) return true;
  t->reads = ambi_alloc(t->nreads * sizeof *t->reads);
  if (!t->reads) {
    t->nreads = 0;
    return false;
  }
  memcpy(t->reads, log->at + from, t->nreads * sizeof *t->reads);
  return true;
}

// Keeps what is complete, if it holds; else it is forgotten. valid: what was read has
// not changed.
static void complete(Runtime *rt, Table *t, size_t reads, bool valid) {
  if (!valid || rt->reads.failed || !take_reads(rt, t, reads)) {
    ambi_table_free(rt, t);
    return;
  }
  rt->tables->made++;
  ambi_table_keep(rt, t);
}

static enum TableDo end_auto(Runtime *rt, size_t making) {
  Making m = rt->tables->makings[making];
  bool keep = !m.dead && m.tainted == SIZE_MAX;
  complete(rt, m.table, m.reads, keep && ambi_reads_tidy(&rt->reads, m.reads));
  pop(rt);
  return TABLE_GIVE;
}

// The leader and those above it have not grown in this round.
static bool is_fixpoint(const Tables *ts, const Making *m) {
  if (!m->depends && ts->npartials == m->partials) return true;
  bool same = m->table->count == m->table->now;
  for (size_t i = m->partials; same && i < ts->npartials; i++)
    same = ts->partials[i]->count == ts->partials[i]->now;
  return same;
}

static void next_round(Table *t) {
  t->was_there = !t->due;
  t->due = true;
  t->before = t->now;
  t->now = t->count;
}

static void begin_round(Tables *ts, const Making *m) {
  next_round(m->table);
  m->table->due = false;
  for (size_t i = m->partials; i < ts->npartials; i++)
    next_round(ts->partials[i]);
}

// Partial until an older one is through. Who has asked gets what it had when the round
// began.
static enum TableDo end_partial(Runtime *rt, size_t making, TableCall *out) {
  Tables *ts = rt->tables;
  Making m = ts->makings[making];
  Table *t = m.table;
  bool first = t->low == SIZE_MAX;
  if (first && !ambi_grow((void **)&ts->partials, &ts->partials_cap,
                          ts->npartials + 1, sizeof *ts->partials))
    return TABLE_STOP;
  if (first) {
    t->place = ts->npartials;
    ts->partials[ts->npartials++] = t;
  }
  t->low = m.low;
  t->state = STATE_PARTIAL;
  pop(rt);
  give_part(ts, t, m.low, false, out);
  return TABLE_GIVE;
}

static enum TableDo end_leader(Runtime *rt, size_t making, TableCall *out) {
  Tables *ts = rt->tables;
  Making m = ts->makings[making];
  bool valid = ambi_reads_tidy(&rt->reads, m.reads);
  while (ts->npartials > m.partials) {
    Table *t = ts->partials[--ts->npartials];
    complete(rt, t, m.reads, valid && !t->due);
  }
  Table *t = m.table;
  ts->made++;
  if (!take_reads(rt, t, m.reads)) return TABLE_STOP;
  if (!valid || rt->reads.failed)
    t->epoch = UINT64_MAX;  // serves this call only
  out->from = 0;
  out->to = t->count;
  ambi_table_keep(rt, t);
  pop(rt);
  return TABLE_GIVE;
}

enum TableDo ambi_table_end(Context *cx, size_t making, TableCall *out) {
  Runtime *rt = cx->rt;
  Tables *ts = rt->tables;
  Making *m = &ts->makings[making];
  out->table = m->table;
  if (m->table->kind == TABLE_AUTO) return end_auto(rt, making);
  if (m->low < making) {
    enum TableDo end = end_partial(rt, making, out);
    if (end == TABLE_STOP) no_memory(cx);
    return end;
  }
  if (!is_fixpoint(ts, m)) {
    begin_round(ts, m);
    return TABLE_AGAIN;
  }
  enum TableDo end = end_leader(rt, making, out);
  if (end == TABLE_STOP) no_memory(cx);
  return end;
}

// ---- the way back ---------------------------------------------------------------------------------

static Value new_variable(Context *cx, Word info) {
  return ambi_make_var(cx, ambi_vinfo_name(info), ambi_vinfo_id(info));
}

// Variables by their numbers: those of the call, then new ones.
static bool make_env(Context *cx, const Table *t, const Answer *a,
                     const Value *vars, size_t nvars, ValueVec *env) {
  env->n = 0;
  for (size_t i = 0; i < nvars; i++)
    if (!ambi_vec_push(env, vars[i])) return false;
  for (uint32_t i = 0; i < a->fresh; i++) {
    Value v = new_variable(cx, t->w[a->at + a->n + i]);
    if (ambi_is_none(v) || !ambi_vec_push(env, v)) return false;
  }
  return true;
}

Value ambi_table_answer(Context *cx, const Table *t, uint32_t i,
                        const Value *vars, size_t nvars) {
  if (t->one) return AMB_V(t->only);
  const Answer *a = &t->answers[i];
  const Word *w = t->w + a->at;
  ValueVec *env = &cx->rt->tables->roots;
  Value one, *out = &one;
  if (nvars == 0 && a->n == 1 && a->fresh == 0) return AMB_V(w[0]);
  if (!make_env(cx, t, a, vars, nvars, env)) return AMB_NONE;
  size_t roots = 1 + nvars, known = env->n;
  for (size_t k = 0; nvars && k < roots; k++)
    if (!ambi_vec_push(env, AMB_UNIT)) return AMB_NONE;
  if (nvars) out = env->at + known;
  if (!ambi_flat_thaw(cx, w, roots, a->n, env->at, out)) return AMB_NONE;
  return nvars ? ambi_make_expr(cx, out, roots) : one;
}
