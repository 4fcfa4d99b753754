// Questions to spaces: candidates, rules, types.
//
// A question selects a few streams of records (by relation, then by index) from
// the space itself and from each of its deps, merges the streams of one space
// by ordinal, and passes every record through a cheap test.
#include "memory/alloc.h"
#include "runtime/config.h"
#include "runtime/runtime.h"
#include "runtime/spaces/join.h"
#include "runtime/spaces/journal.h"
#include "runtime/spaces/reads.h"
#include "runtime/spaces/twin.h"

enum { MAX_STREAMS = 2 * 3 * STREAMS_EACH };  // of a space, and of a journal

enum Asked { ASK_ANY, ASK_ATOM, ASK_ITEMS, ASK_RULES };

typedef struct Question {
  enum Asked what;
  Value atom;          // ASK_ATOM: an atom without children
  const Value *items;  // ASK_ITEMS: children of the pattern, AMB_NONE: any
  uint32_t n;
  Value head;        // ASK_RULES: of the call; AMB_NONE: an expression ...
  Word applied;      // ... with this key (ambi_term_key), or 0
  uint32_t nargs;    // ASK_RULES
  Journal *journal;  // of an isolated evaluation, or NULL
  Space *from;       // who asks
  RecordVec *out;    // NULL: only whether there is one
  RankVec *ranks;    // of each, or NULL
  uint32_t nth;      // which space is being asked: 0, and its deps from 1 on
  bool found;
} Question;

// ---- the cheap test ---------------------------------------------------------------
static bool is_open(Value v) {
  return ambi_is_var(v) || ambi_is_lvar(v) || ambi_is_none(v);
}

// Could pattern p match the stored atom r? Looks `depth` levels deep only.
static bool may_match(Value p, Value r, int depth);

static bool may_match_items(const Value *p, const Value *r, uint32_t n,
                            int depth) {
  for (uint32_t i = 0; i < n; i++)
    if (!may_match(p[i], r[i], depth)) return false;
  return true;
}

static bool may_match(Value p, Value r, int depth) {
  p = ambi_deref(p);
  if (is_open(p) || ambi_is_lvar(r)) return true;
  if (!ambi_is_expr(r)) return !ambi_is_expr(p) && ambi_atomic_equal(p, r);
  if (!ambi_is_expr(p) || ambi_expr_size(p) != ambi_expr_size(r)) return false;
  return depth == 0 || may_match_items(ambi_expr_items(p), ambi_expr_items(r),
                                       ambi_expr_size(r), depth - 1);
}

// Could an expression with this key be like the pattern?
static bool may_be_headed(Word key, Value pattern) {
  Value head = ambi_expr_at(pattern, 0);
  uint32_t size = ambi_expr_size(pattern);
  if (ambi_is_sym(head)) return ambi_term_key(size, ambi_sym_of(head)) == key;
  return ambi_is_lvar(head) &&
         ambi_term_key(size, 0) == (key & ~(Word)0xFFFFFFF);
}

static bool rule_fits(const Question *q, Value lhs) {
  if (ambi_is_lvar(lhs)) return true;
  if (!ambi_is_expr(lhs) || ambi_expr_size(lhs) != q->nargs + 1) return false;
  Value head = ambi_expr_at(lhs, 0);
  if (q->applied)
    return ambi_is_lvar(head) ||
           (ambi_is_expr(head) && may_be_headed(q->applied, head));
  if (ambi_is_none(q->head)) return ambi_is_lvar(head) || ambi_is_expr(head);
  return may_match(q->head, head, 0);
}

static bool fits(const Question *q, Value r) {
  switch (q->what) {
  case ASK_ANY: return true;
  case ASK_ATOM: return ambi_is_lvar(r) || may_match(q->atom, r, 0);
  case ASK_RULES:
    return ambi_expr_size(r) == 3 && rule_fits(q, ambi_expr_at(r, 1));
  case ASK_ITEMS: break;
  }
  return ambi_is_lvar(r) ||
         (ambi_is_expr(r) && ambi_expr_size(r) == q->n &&
          may_match_items(q->items, ambi_expr_items(r), q->n, 2));
}

// ---- library heads that give way ----------------------------------------------------
static bool yields(const Space *s, uint32_t symbol) {
  size_t n = ambi_space_nyields(s);
  const uint32_t *at = ambi_load_acquire(&s->x_yields);
  for (size_t i = 0; i < n; i++)
    if (at[i] == symbol) return true;
  return false;
}

static bool defines(const Question *q, size_t i, uint32_t symbol) {
  const Space *s = ambi_space_nth(q->from, i);
  return q->journal ? ambi_journal_defines(q->journal, s, symbol)
                    : ambi_space_nth_defines(q->from, i, symbol);
}

// Is the dep's own record r, given way to, hidden from the space that asks?
static bool given_way(const Question *q, const Space *dep, Value r) {
  uint32_t symbol;
  if (!ambi_space_defined_by(r, &symbol) || !yields(dep, symbol)) return false;
  if (defines(q, 0, symbol)) return true;
  for (size_t i = 1, n = ambi_space_ndeps(q->from); i <= n; i++)
    if (!yields(ambi_space_nth(q->from, i), symbol) && defines(q, i, symbol))
      return true;
  return false;
}

// The symbol a rule, a type or a documentation atom is about, however deep it
// stands at the front of its subject.
static bool subject_of(Value subject, uint32_t *symbol) {
  subject = ambi_deref(subject);
  while (ambi_is_expr(subject))
    subject = ambi_deref(ambi_expr_at(subject, 0));
  if (!ambi_is_sym(subject)) return false;
  *symbol = ambi_sym_of(subject);
  return true;
}

// Names that only Ambit's library has. Whoever does not ask for them by name
// finds what the reference's library has.
static bool is_own_name(const Space *s, uint32_t symbol) {
  return symbol == AMB_S_LAMBDA || yields(s, symbol) ||
         ambi_symbol(s->rt->symbols, symbol)->text[0] == '_';
}

static bool unasked(const Question *q, const Space *dep, Value r) {
  uint32_t own, asked;
  if (q->what == ASK_RULES || !ambi_is_expr(r) || ambi_expr_size(r) < 3 ||
      !subject_of(ambi_expr_at(r, 1), &own) || !is_own_name(dep, own))
    return false;
  return q->what != ASK_ITEMS || ambi_is_none(q->items[1]) ||
         !subject_of(q->items[1], &asked) || asked != own;
}

// Who wants ranks may ask in another order than the questions come in, so that he finds
// out later what was asked for by name.
static bool hidden(const Question *q, const Space *dep, Value r) {
  return dep != q->from && ambi_space_nyields(dep) &&
         (given_way(q, dep, r) || (!q->ranks && unasked(q, dep, r)));
}

// ---- merging streams ----------------------------------------------------------------
static bool note_rank(Question *q, uint32_t ordinal) {
  RankVec *v = q->ranks;
  if (v->n == v->cap &&
      !ambi_grow((void **)&v->at, &v->cap, v->n + 1, sizeof *v->at))
    return false;
  v->at[v->n++] = (Rank)q->nth << 32 | ordinal;
  return true;
}

static bool deliver(Question *q, const Space *s, Record r, uint32_t ordinal) {
  Value atom = ambi_record_atom(r);
  if (!fits(q, atom) || hidden(q, s, atom)) return true;
  q->found = true;
  if (!q->out) return true;
  if (q->ranks && !note_rank(q, ordinal)) return false;
  if (q->out->n == q->out->cap && !ambi_grow((void **)&q->out->at, &q->out->cap,
                                             q->out->n + 1, sizeof *q->out->at))
    return false;
  q->out->at[q->out->n++] = r;
  return true;
}

static size_t next_shown(Stream *st, const View *v) {
  size_t pos = ambi_stream_next(st);
  while (AMB_UNLIKELY(v->shade != NULL) && pos != STREAM_END &&
         ambi_is_hidden(v, st->ordinal[pos]))
    pos = ambi_stream_next(st);
  return pos;
}

static bool deliver_all(Question *q, const Space *s, const View *v,
                        Stream *st) {
  bool ok = true;
  size_t pos;
  while (ok && (q->out || !q->found) && (pos = next_shown(st, v)) != STREAM_END)
    ok = deliver(q, s, st->at[pos], st->ordinal[pos]);
  ambi_stream_close(st);
  return ok;
}

static uint64_t ordinal_at(const Stream *st, size_t pos) {
  return pos == STREAM_END ? UINT64_MAX : st->ordinal[pos];
}

static bool merge(Question *q, const Space *s, const View *v, Stream *st,
                  size_t n) {
  if (n == 1) return deliver_all(q, s, v, st);
  size_t next[MAX_STREAMS];
  bool ok = true;
  for (size_t i = 0; i < n; i++)
    next[i] = next_shown(&st[i], v);
  while (n && ok && (q->out || !q->found)) {
    size_t first = 0;
    for (size_t i = 1; i < n; i++)
      if (ordinal_at(&st[i], next[i]) < ordinal_at(&st[first], next[first]))
        first = i;
    if (next[first] == STREAM_END) break;
    ok = deliver(q, s, st[first].at[next[first]],
                 st[first].ordinal[next[first]]);
    next[first] = next_shown(&st[first], v);
  }
  for (size_t i = 0; i < n; i++)
    ambi_stream_close(&st[i]);
  return ok;
}

// ---- selecting streams --------------------------------------------------------------
typedef struct Seer {
  Question *q;
  const Space *s;
  bool ok;
} Seer;

static bool see(void *arg, Record r, uint32_t ordinal) {
  Seer *v = arg;
  v->ok = deliver(v->q, v->s, r, ordinal);
  return v->ok && (v->q->out || !v->q->found);
}

// Atoms of any head are candidates; where nothing is known of them, all atoms.
static bool ask_all(Question *q, const Space *s, const View *view) {
  Seer v = {q, s, true};
  const Value *items = q->what == ASK_ITEMS ? q->items : NULL;
  return ambi_view_see_like(view, items, q->n, see, &v) && v.ok;
}

static size_t select_all(const Relation *rel, const View *v, Stream *out) {
  if (!rel || ambi_relation_live(rel) == 0) return 0;
  ambi_relation_all(rel, v, &out[0]);
  return 1;
}

static size_t select_lone(const View *v, enum RelationKind kind, Stream *out) {
  return select_all(ambi_data_lone(v->data, kind), v, out);
}

static size_t select_items(const Question *q, const View *v, Stream *out) {
  Value head = ambi_deref(q->items[0]);
  Relation *rel =
      ambi_is_sym(head)
          ? ambi_data_relation(v->data, REL_SYMBOL, ambi_sym_of(head), q->n)
          : ambi_data_relation(v->data, REL_SIZE, 0, q->n);
  size_t n = rel ? ambi_relation_select(rel, v, q->items, q->n, out) : 0;
  n += select_lone(v, REL_VAR_HEAD, out + n);
  return n + select_lone(v, REL_OPEN, out + n);
}

static size_t select_atom(const Question *q, const View *v, Stream *out) {
  Relation *rel = ambi_data_lone(v->data, REL_ATOM);
  size_t n =
      rel ? ambi_relation_lookup(rel, v, PATH_WHOLE, ambi_hash(q->atom), out)
          : 0;
  return n + select_lone(v, REL_OPEN, out + n);
}

static bool is_open_head(const Question *q) {
  return !ambi_is_none(q->head) && is_open(q->head);
}

static size_t select_equations(const Question *q, const View *v, Stream *out) {
  Relation *rel = ambi_data_relation(v->data, REL_SYMBOL, AMB_S_EQ, 3);
  if (!rel || is_open_head(q)) return select_all(rel, v, out);
  uint32_t size = q->nargs + 1;
  uint64_t key;
  if (ambi_is_none(q->head))
    key = ambi_key_nested(size);
  else
    key = ambi_key_functor(ambi_atomic_hash(q->head), size);
  return ambi_relation_lookup(rel, v, ambi_path(1), key, out);
}

// A variable head may stand for `=`.
static size_t select_rules(const Question *q, const View *v, Stream *out) {
  size_t n = select_equations(q, v, out);
  return n + select_lone(v, REL_VAR_HEAD, out + n);
}

static size_t select_streams(const Question *q, const View *v, Stream *st) {
  switch (q->what) {
  case ASK_ATOM: return select_atom(q, v, st);
  case ASK_ITEMS: return select_items(q, v, st);
  case ASK_RULES: return select_rules(q, v, st);
  case ASK_ANY: break;
  }
  return 0;
}

static bool ask_view(Question *q, const Space *s, const View *v) {
  Stream st[MAX_STREAMS];
  if (q->what == ASK_ANY ||
      (q->what == ASK_ITEMS && is_open(ambi_deref(q->items[0]))))
    return ask_all(q, s, v);
  size_t n = select_streams(q, v, st);
  if (AMB_UNLIKELY(v->shade != NULL) && v->shade->own) {
    View own = ambi_shade_own(v->shade);
    n += select_streams(q, &own, st + n);
  }
  return merge(q, s, v, st, n);
}

// What counts as read of it.
static bool look(Question *q, const Space *s, View *out) {
  if (q->what == ASK_RULES)
    return ambi_journal_look(q->journal, s, AMB_SYM(EQ), 3, out);
  Value head = q->n ? q->items[0] : AMB_NONE;
  return ambi_journal_look(q->journal, s, head, q->n, out);
}

static bool ask_own(Question *q, const Space *s) {
  View v;
  if (AMB_LIKELY(!q->journal))
    v = ambi_space_view(s);
  else if (!look(q, s, &v))
    return false;
  return ask_view(q, s, &v);
}

// views: one for the space and one for each dep; NULL: what there is now.
static bool ask_in(Question *q, Space *s, const View *views) {
  q->from = s;
  size_t ndeps = views ? views[0].more : ambi_space_ndeps(s);
  for (size_t i = 0; i <= ndeps; i++) {
    const Space *one = ambi_space_nth(s, i);
    q->nth = (uint32_t)i;
    if (!(views ? ask_view(q, one, &views[i]) : ask_own(q, one))) return false;
  }
  return true;
}

static size_t views_size(size_t ndeps) {
  return (ndeps + 1) * sizeof(View);
}

// Does each space but the last look as it did when its View was taken? Then all did when
// that of the last was.
static bool views_hold(const Space *s, size_t ndeps, const View *v) {
  for (size_t i = 0; i < ndeps; i++)
    if (!ambi_view_is_latest(ambi_space_nth(s, i), &v[i])) return false;
  return true;
}

// All as of one moment.
static void take_views(const Space *s, size_t ndeps, View *v) {
  do {
    for (size_t i = 0; i <= ndeps; i++)
      v[i] = ambi_space_view(ambi_space_nth(s, i));
  } while (ndeps && v[0].epochs && !views_hold(s, ndeps, v));
  v[0].more = (uint32_t)ndeps;
}

// Where others change spaces meanwhile, a space and its deps are seen as of one moment.
static bool ask_together(Question *q, Space *s, size_t ndeps) {
  View few[FEW_VIEWS];
  View *v = ndeps < FEW_VIEWS ? few : ambi_alloc(views_size(ndeps));
  if (!v) return false;
  take_views(s, ndeps, v);
  bool ok = ask_in(q, s, v);
  ambi_drop_views(v, few);
  return ok;
}

static bool ask(Question *q, Space *s) {
  if (AMB_UNLIKELY(s->twin != NULL)) {
    q->journal = s->twin->journal;
    s = ambi_space_face(s);
  }
  if (AMB_LIKELY(!s->rt->sharing) || q->journal) return ask_in(q, s, NULL);
  size_t ndeps = ambi_space_ndeps(s);
  return ndeps ? ask_together(q, s, ndeps) : ask_in(q, s, NULL);
}

// ---- questions ----------------------------------------------------------------------
static Journal *isolated(const Context *cx) {
  return AMB_UNLIKELY(cx && cx->journal != NULL) ? cx->journal : NULL;
}

bool ambi_space_atoms(Space *s, RecordVec *out) {
  ambi_space_asked(s, AMB_NONE, 0);
  Question q = {.what = ASK_ANY, .from = s, .out = out};
  return ask_own(&q, s);
}

bool ambi_space_atoms_for(Context *cx, Space *s, RecordVec *out) {
  ambi_space_asked(s, AMB_NONE, 0);
  Question q = {
      .what = ASK_ANY, .journal = isolated(cx), .from = s, .out = out};
  return ask_own(&q, s);
}

static Question pattern_question(Context *cx, Value pattern, RecordVec *out) {
  pattern = ambi_deref(pattern);
  Question q = {.atom = pattern, .journal = isolated(cx), .out = out};
  if (ambi_is_var(pattern)) {
    q.what = ASK_ANY;
  } else if (ambi_is_expr(pattern)) {
    q.what = ASK_ITEMS;
    q.items = ambi_expr_items(pattern);
    q.n = ambi_expr_size(pattern);
  } else {
    q.what = ASK_ATOM;
  }
  return q;
}

bool ambi_space_query(Context *cx, Space *s, Value pattern, RecordVec *out) {
  Question q = pattern_question(cx, pattern, out);
  ambi_space_asked(s, q.n ? q.items[0] : AMB_NONE, q.n);
  if (ask(&q, s)) return true;
  cx->stop = STOP_MEMORY;
  return false;
}

bool ambi_views_query(Context *cx, Space *s, const View *views, Value pattern,
                      RecordVec *out, RankVec *ranks) {
  Question q = pattern_question(cx, pattern, out);
  q.ranks = ranks;
  if (ask_in(&q, s, views)) return true;
  cx->stop = STOP_MEMORY;
  return false;
}

bool ambi_is_unasked(const Space *dep, Value pattern, Record r) {
  Question q = pattern_question(NULL, pattern, NULL);
  return ambi_space_nyields(dep) && unasked(&q, dep, ambi_record_atom(r));
}

bool ambi_space_query_items(Context *cx, Space *s, const Value *items,
                            uint32_t n, RecordVec *out) {
  Question q = {.what = ASK_ITEMS,
                .journal = isolated(cx),
                .items = items,
                .n = n,
                .out = out};
  ambi_space_asked(s, items[0], n);
  if (ask(&q, s)) return true;
  cx->stop = STOP_MEMORY;
  return false;
}

static Question rules_question(Value head, uint32_t nargs, RecordVec *out) {
  if (!ambi_is_none(head)) head = ambi_deref(head);
  if (ambi_is_expr(head)) head = AMB_NONE;
  bool applied = ambi_is_term_key(head);  // the head is an argument
  return (Question){.what = ASK_RULES,
                    .head = applied ? AMB_NONE : head,
                    .applied = applied ? head.w : 0,
                    .nargs = nargs - applied,
                    .out = out};
}

// For code that is about to be made.
static bool ask_for_code(Question *q, Space *s) {
  if (AMB_UNLIKELY(s->twin != NULL)) ambi_twin_asked(s);
  return ask(q, s);
}

bool ambi_space_rules(Space *s, Value head, uint32_t nargs, RecordVec *out) {
  Question q = rules_question(head, nargs, out);
  return ask_for_code(&q, s);
}

bool ambi_space_has_rules(Space *s, Value head, uint32_t nargs) {
  Question q = rules_question(head, nargs, NULL);
  ask_for_code(&q, s);
  return q.found;
}

bool ambi_space_types(Space *s, Value atom, RecordVec *out) {
  Value items[] = {AMB_SYM(COLON), atom, AMB_NONE};
  Question q = {.what = ASK_ITEMS, .items = items, .n = 3, .out = out};
  ambi_space_asked(s, AMB_SYM(COLON), 3);
  return ask_for_code(&q, s);
}

bool ambi_space_told(Context *cx, Space *s, Value head, Value atom,
                     RecordVec *out) {
  Value items[] = {head, atom, AMB_NONE};
  Question q = {.what = ASK_ITEMS, .items = items, .n = 3, .out = out};
  if (AMB_UNLIKELY(cx->journal != NULL) && ambi_journal_in_place(cx->journal))
    q.journal = cx->journal;
  ambi_space_asked(s, head, 3);
  return ask_for_code(&q, s);
}

// ---- several questions that see the same ------------------------------------------
// For an isolated evaluation; what is asked for counts as read.
static bool journal_views(Context *cx, const Space *s, const Value *patterns,
                          size_t n, View *v) {
  for (size_t i = 0; i <= v[0].more; i++)
    for (size_t k = 0; k < n; k++) {
      Value p = ambi_deref(patterns[k]);
      uint32_t more = v[i].more;
      if (!ambi_journal_view(cx, ambi_space_nth(s, i),
                             ambi_is_expr(p) ? ambi_expr_at(p, 0) : AMB_NONE,
                             ambi_expr_size(p), &v[i]))
        return false;
      v[i].more = more;
    }
  return true;
}

const View *ambi_space_views(Context *cx, const Space *s, const Value *patterns,
                             size_t n, View few[FEW_VIEWS]) {
  size_t ndeps = ambi_space_ndeps(s);
  View *v = ndeps < FEW_VIEWS ? few : ambi_alloc(views_size(ndeps));
  if (!v) return NULL;
  take_views(s, ndeps, v);
  for (size_t i = 0; i <= ndeps; i++)
    v[i].keep = n != 1;
  if (AMB_LIKELY(!cx->journal) || journal_views(cx, s, patterns, n, v))
    return v;
  ambi_drop_views(v, few);
  return NULL;
}

void ambi_drop_views(const View *v, const View *few) {
  if (v && v != few) ambi_free((View *)(uintptr_t)v, views_size(v[0].more));
}
