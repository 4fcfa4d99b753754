// What the instructions of loop.h are written with: registers, where to go, operands,
// calls, memory. Belongs to loop.h, which is included once by each file that has a loop.
#include "runtime/atoms/number.h"
#include "runtime/atoms/work.h"
#include "runtime/bytecode/lambda.h"
#include "runtime/machine/chain.h"
#include "runtime/machine/deepen.h"
#include "runtime/machine/list.h"
#include "runtime/machine/site.h"

#define UNIT()    ((const Unit *)(uintptr_t)E[FRAME_UNIT])
#define KONST(i)  (UNIT()->k[i])
#define SOURCE(x) ambi_source(E, (x))
#define SAVE()    (g->e = E, g->b = B, g->pc = pc, g->rv = rv, cx->h = h)
#define LOAD()    (E = g->e, B = g->b, pc = g->pc, rv = g->rv, h = cx->h)
#ifdef LOOP_COUNTED
#define DISPATCH() goto *labels[counted(g, E, pc)]
#elif defined AMB_DEBUG
#define DISPATCH() goto *labels[ambi_code_count_op(g->code, pc->op)]
#else
#define DISPATCH() goto *labels[pc->op]
#endif
#ifdef LOOP_ONE
#define NEXT() goto done
#else
#define NEXT() DISPATCH()
#endif
#define STEP(n) \
  do {          \
    pc += (n);  \
    NEXT();     \
  } while (0)
#define JUMP(l)         \
  do {                  \
    pc += (int16_t)(l); \
    NEXT();             \
  } while (0)
#define EDGE()                         \
  do {                                 \
    SAVE();                            \
    if (!ambi_step_edge(g)) goto stop; \
    pc = g->pc;                        \
    NEXT();                            \
  } while (0)
#define AFTER(call)                    \
  do {                                 \
    SAVE();                            \
    enum Next next_ = (call);          \
    LOAD();                            \
    if (next_ == NEXT_PC) NEXT();      \
    if (next_ == NEXT_FAIL) goto fail; \
    if (next_ == NEXT_RET) goto ret;   \
    goto stop;                         \
  } while (0)
// An operand of a call; what needs evaluation first takes the edge.
#define TAKE(x, s)                                     \
  do {                                                 \
    uint16_t s_ = (s);                                 \
    (x) = SOURCE(s_);                                  \
    if (AMB_UNLIKELY((s_ & SRC_CONST) == SRC_CHECK) && \
        AMB_UNLIKELY(!ambi_source_ready(g, &(x))))     \
      EDGE();                                          \
  } while (0)
// What a call of this shape through a variable goes to.
#define TARGET(t, f, shape)                                               \
  do {                                                                    \
    Value f_ = (f);                                                       \
    Variant *shape_ = (Variant *)(uintptr_t)KONST(shape);                 \
    (t) = ambi_target_seen(shape_, f_);                                   \
    if (AMB_UNLIKELY(!ambi_target_holds(g, (t), f_))) {                   \
      SAVE();                                                             \
      (t) = ambi_target_is_data(g, f_) ? ambi_target_data()               \
                                       : ambi_target_find(g, shape_, f_); \
      if ((t) == NULL) goto stop;                                         \
    }                                                                     \
  } while (0)
// Its argument i; what it does not take as it is takes the edge.
#define PASS(to, t, i, s)                                               \
  do {                                                                  \
    uint16_t s_ = (s);                                                  \
    Value x_ = SOURCE(s_), type_ = (t)->param[i];                       \
    if (AMB_LIKELY(type_.w == AMB_SYM(UNDEFINED).w)) {                  \
      if (AMB_UNLIKELY(!ambi_source_ready(g, &x_))) EDGE();             \
    } else {                                                            \
      SAVE();                                                           \
      if (!ambi_target_accepts(g, type_, (s_ & SRC_CHECK) != 0, &x_)) { \
        if (cx->stop) goto stop;                                        \
        EDGE();                                                         \
      }                                                                 \
    }                                                                   \
    (to) = x_.w;                                                        \
  } while (0)
// CALLV and TAILCALLV as far as they agree: what is called, where its frame goes, and
// its arguments there.
#define CALL_TARGET(t, u, N, n, src)                                 \
  do {                                                               \
    TARGET(t, SOURCE((src)[1]), pc->c);                              \
    if (AMB_UNLIKELY((t)->kind != TARGET_CALL)) {                    \
      if ((t)->kind == TARGET_DATA) JUMP(pc[1 + ((n) + 5) / 4].b);   \
      if ((t)->kind == TARGET_TERM)                                  \
        AFTER(ambi_target_enter(g, pc + ambi_op_words(pc)));         \
      if ((t)->kind == TARGET_ODD || ((src)[1] & SRC_CHECK)) EDGE(); \
      if ((t)->kind == TARGET_APPLY) AFTER(ambi_target_apply(g, t)); \
    }                                                                \
    (N) = E + (src)[0];                                              \
    if ((N) < B->top) (N) = B->top;                                  \
    (N) += FRAME_HEADER;                                             \
    (u) = ambi_unit_of((t)->variant);                                \
    if (AMB_UNLIKELY((N) + (n) + (u)->nslots > g->stack_end)) {      \
      SAVE();                                                        \
      if (!ambi_stack_more(g, (N) + (n) + (u)->nslots)) goto stop;   \
    }                                                                \
    for (unsigned i_ = 0; i_ < (n); i_++)                            \
      PASS((N)[i_], t, i_, (src)[2 + i_]);                           \
  } while (0)
// One call more; at times limits and memory are looked at.
#define COUNT_STEP(nargs)                            \
  do {                                               \
    if (AMB_UNLIKELY(--g->budget < 0)) {             \
      SAVE();                                        \
      if (!ambi_step_poll(g, (nargs))) goto stopped; \
      LOAD();                                        \
    }                                                \
  } while (0)
#define ALLOC(p, n)                                           \
  do {                                                        \
    (p) = h;                                                  \
    if (AMB_UNLIKELY((size_t)(cx->hend - h) < (size_t)(n))) { \
      SAVE();                                                 \
      (p) = ambi_heap_more(cx, (n));                          \
      h = cx->h;                                              \
      ambi_engine_hurry(g, 0);                                \
      if (!(p)) goto stop;                                    \
    } else                                                    \
      h += (n);                                               \
  } while (0)

static const SwitchCase *find_case(const Switch *s, Word key) {
  if (s->n <= 8) {
    for (uint32_t i = 0; i < s->n; i++)
      if (s->cases[i].key == key) return &s->cases[i];
    return NULL;
  }
  uint32_t lo = 0, hi = s->n;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (s->cases[mid].key < key)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < s->n && s->cases[lo].key == key ? &s->cases[lo] : NULL;
}
