// Walks that build heap terms: instances of templates, renamed copies, resolved
// terms; and the list of a term's variables.
//
// Ground subterms are never entered. A walk that must recognise a variable it
// has met before writes its answer into the variable's cell for the time of the
// walk (dereferencing then finds it at once) and restores the cell at the end.
#include "runtime/atoms/store.h"
#include "runtime/atoms/work.h"

// ---- instances -----------------------------------------------------------------
typedef struct Instance {
  Context *cx;
  const Template *t;
  Value *env;
  bool as_written;
} Instance;

static Value new_var(Context *cx, Word info) {
  Word *p = ambi_heap_alloc(cx, 2);
  if (!p) return AMB_NONE;
  Value v = ambi_tag_ptr(TAG_VAR, p);
  p[0] = v.w;
  p[1] = info;
  return v;
}

static Word fresh_info(Word info) {
  return ambi_vinfo(ambi_vinfo_name(info), AMB_VAR_FRESH);
}

static Word *heap_words(void *arg, size_t words) {
  Instance *in = arg;
  return ambi_heap_alloc(in->cx, words);
}

static enum Leaf instance_leaf(void *arg, Value *v) {
  Instance *in = arg;
  if (ambi_is_lvar(*v)) {
    Value *slot = &in->env[ambi_lvar_of(*v)];
    if (ambi_is_none(*slot)) {
      Word info = in->t->vinfo[ambi_lvar_of(*v)];
      *slot = new_var(in->cx, in->as_written ? info : fresh_info(info));
      if (ambi_is_none(*slot)) return LEAF_FAIL;
    }
    *v = ambi_deref(*slot);
    return ambi_word_ground(*v) ? LEAF_GROUND : LEAF_OPEN;
  }
  return ambi_word_ground(*v) ? LEAF_GROUND : LEAF_NODE;
}

Value ambi_instantiate_part(Context *cx, Value part, const Template *t,
                            Value *env, bool as_written) {
  if (ambi_word_ground(part)) return part;
  Instance in = {cx, t, env, as_written};
  Work w;
  ambi_work_open(&w);
  Value v = ambi_build(&w, part, instance_leaf, heap_words, &in);
  ambi_work_close(&w);
  if (ambi_is_none(v)) cx->stop = STOP_MEMORY;
  return v;
}

Value ambi_instantiate(Context *cx, const Template *t, Value *env,
                       bool as_written) {
  return ambi_instantiate_part(cx, t->atom, t, env, as_written);
}

Value ambi_instance(Context *cx, const Template *t, bool as_written) {
  if (t->nvars == 0) return t->atom;
  Value *env = (Value *)(void *)ambi_heap_alloc(cx, t->nvars);
  if (!env) return AMB_NONE;
  for (uint32_t i = 0; i < t->nvars; i++)
    env[i] = AMB_NONE;
  return ambi_instantiate(cx, t, env, as_written);
}

// ---- rewriting only what changes --------------------------------------------------
typedef struct Rewrite {
  Context *cx;
  bool rename;
  bool values;  // the expressions inside are values, and get the mark
  bool (*keep)(Value, void *);
  void *arg;
  const Word *newer;  // variables from here on were made by this walk
  Work cells;         // Word *: renamed variables' cells
  Work work;
} Rewrite;

typedef struct RewriteFrame {
  Value node;
  const Value *src;
  Word *dst;  // header of the copy; NULL while nothing changed
  uint32_t n, i;
  bool ground;  // of the children so far
} RewriteFrame;

static bool rename_var(Rewrite *r, Value *v) {
  Word *cell = ambi_ptr(*v);
  if (cell >= r->newer && ambi_in_heap(r->cx, cell)) return true;
  if (r->keep && r->keep(*v, r->arg)) return true;
  Word **slot = ambi_work_push(&r->cells, sizeof *slot);
  if (!slot) return false;
  *slot = cell;
  Value fresh = new_var(r->cx, fresh_info(cell[1]));
  if (ambi_is_none(fresh)) {
    r->cells.used -= sizeof *slot;
    return false;
  }
  *cell = fresh.w;
  *v = fresh;
  return true;
}

static enum Leaf rewrite_leaf(Rewrite *r, Value *v) {
  *v = ambi_deref(*v);
  if (ambi_word_ground(*v)) return LEAF_GROUND;
  if (!ambi_is_var(*v))
    return r->values && ambi_is_expr(*v) && ambi_has_eval(*v) ? LEAF_OPEN
                                                              : LEAF_NODE;
  if (r->rename && !rename_var(r, v)) return LEAF_FAIL;
  return LEAF_OPEN;
}

static bool rewrite_enter(Rewrite *r, Value node) {
  RewriteFrame *f =
      ambi_walk_on(r->cx) ? ambi_work_push(&r->work, sizeof *f) : NULL;
  if (!f) return false;
  *f = (RewriteFrame){node, ambi_expr_items(node),
                      NULL, ambi_hdr_size(*ambi_ptr(node)),
                      0,    true};
  return true;
}

// Child f->i becomes v.
static bool rewrite_child(Rewrite *r, RewriteFrame *f, Value v, bool ground) {
  f->ground &= ground;
  if (!f->dst && !ambi_same(v, f->src[f->i])) {
    f->dst = ambi_heap_alloc(r->cx, 1 + (size_t)f->n);
    if (!f->dst) return false;
    memcpy(f->dst + 1, f->src, f->i * sizeof(Value));
  }
  if (f->dst) f->dst[1 + f->i] = v.w;
  f->i++;
  return true;
}

static Value rewrite_leave(const RewriteFrame *f) {
  if (!f->dst) return f->node;
  BuildFrame built = {f->src, f->dst,    f->n,
                      f->n,   f->ground, ambi_is_obj(f->node)};
  return ambi_build_leave(&built);
}

// An Error has no evaluated mark. Of one that a part with the mark has become by what its
// head is bound to, tier 0 has to know that it is not evaluated; it marks nothing rigid
// for other reasons.
static bool notes_errors(const Rewrite *r) {
  return r->cx->machine && !r->cx->engine;
}

static bool is_own(const Rewrite *r, Value part) {
  return ambi_is_expr(part) &&
         (ambi_has_eval(part) || (ambi_is_rigid(part) && notes_errors(r)));
}

static Value mark_own(const Rewrite *r, Value part) {
  Value marked = ambi_mark_eval(part);
  return ambi_has_eval(marked) || !notes_errors(r)
             ? marked
             : AMB_V(marked.w | AMB_EXPR_RIGID);
}

static Value rewrite(Rewrite *r, Value root) {
  switch (rewrite_leaf(r, &root)) {
  case LEAF_FAIL: return AMB_NONE;
  case LEAF_NODE: break;
  default: return root;
  }
  if (!rewrite_enter(r, root)) return AMB_NONE;
  for (;;) {
    RewriteFrame *f = ambi_work_top(&r->work, sizeof *f);
    Value v;
    bool ground;
    if (f->i == f->n) {
      v = rewrite_leave(f);
      ground = ambi_word_ground(v);
      bool own = r->values || is_own(r, f->node);
      r->work.used -= sizeof *f;
      if (r->work.used == 0) return v;
      if (own && ambi_is_expr(v)) v = mark_own(r, v);
      f = ambi_work_top(&r->work, sizeof *f);
    } else {
      v = f->src[f->i];
      enum Leaf what = rewrite_leaf(r, &v);
      if (what == LEAF_FAIL) return AMB_NONE;
      if (what == LEAF_NODE) {
        if (!rewrite_enter(r, v)) return AMB_NONE;
        continue;
      }
      ground = what == LEAF_GROUND;
    }
    if (!rewrite_child(r, f, v, ground)) return AMB_NONE;
  }
}

static void unmark_cells(Work *cells) {
  Word **at = (Word **)(void *)cells->at;
  for (size_t i = 0; i < cells->used / sizeof *at; i++)
    *at[i] = AMB_TAGGED(TAG_VAR, (uintptr_t)at[i]);
  ambi_work_close(cells);
}

static Value run_rewrite(Rewrite *r, Value term) {
  ambi_work_open(&r->cells);
  ambi_work_open(&r->work);
  Value v = rewrite(r, term);
  unmark_cells(&r->cells);
  ambi_work_close(&r->work);
  if (ambi_is_none(v) && !r->cx->stop) r->cx->stop = STOP_MEMORY;
  return v;
}

Value ambi_copy_renamed(Context *cx, Value term, bool (*keep)(Value, void *),
                        void *arg) {
  Rewrite r;
  r.cx = cx;
  r.rename = true;
  r.values = false;
  r.keep = keep;
  r.arg = arg;
  r.newer = cx->h;
  return run_rewrite(&r, term);
}

Value ambi_resolve(Context *cx, Value term) {
  Value v = ambi_deref(term);
  if (!ambi_is_expr(v) && !ambi_is_bindings(v)) return v;
  Rewrite r;
  r.cx = cx;
  r.rename = r.values = false;
  return run_rewrite(&r, v);
}

Value ambi_mark_parts(Context *cx, Value term) {
  if (ambi_word_ground(term)) return ambi_mark_eval(term);
  Rewrite r;
  r.cx = cx;
  r.rename = false;
  r.values = true;
  Value v = run_rewrite(&r, ambi_unmark(term));
  return ambi_is_none(v) ? v : ambi_mark_eval(v);
}

// ---- variables ----------------------------------------------------------------------
static bool note_var(Value v, ValueVec *out, Work *cells) {
  Word **slot = ambi_work_push(cells, sizeof *slot);
  if (!slot || !ambi_vec_push(out, v)) {
    if (slot) cells->used -= sizeof *slot;
    return false;
  }
  *slot = ambi_ptr(v);
  **slot = ambi_lvar(0).w;
  return true;
}

static bool collect_vars(Context *cx, Value term, ValueVec *out, Work *w,
                         Work *cells) {
  typedef struct Span {
    const Value *at;
    size_t n;
  } Span;
  Span now = {&term, 1};
  for (;;) {
    if (now.n == 0) {
      if (w->used == 0) return true;
      now = *(Span *)ambi_work_top(w, sizeof now);
      w->used -= sizeof now;
      continue;
    }
    Value v = ambi_deref(*now.at++);
    now.n--;
    if (ambi_is_var(v)) {
      if (!note_var(v, out, cells)) return false;
    } else if (!ambi_is_lvar(v) && !ambi_word_ground(v)) {
      if (!ambi_walk_on(cx)) return false;
      if (now.n > 0) {
        Span *rest = ambi_work_push(w, sizeof *rest);
        if (!rest) return false;
        *rest = now;
      }
      now = (Span){ambi_expr_items(v), ambi_hdr_size(*ambi_ptr(v))};
    }
  }
}

bool ambi_collect_vars(Context *cx, Value term, ValueVec *out) {
  Work w, cells;
  ambi_work_open(&w);
  ambi_work_open(&cells);
  bool ok = collect_vars(cx, term, out, &w, &cells);
  unmark_cells(&cells);
  ambi_work_close(&w);
  if (!ok && !cx->stop) cx->stop = STOP_MEMORY;
  return ok;
}
