// The shared atom store: immutable terms that outlive a form, and which cells they use.
//
// Space contents, rule bodies, constants and values of states live here, in
// chunks. A stored term never points into a context heap; anyone may point to
// its ground subterms. Variables of a stored term are LVAR words numbered in
// order of first occurrence; the Template keeps their names.
//
// Lifetime: ambi_template_release gives a term up; its chunk is freed when all
// its terms are given up AND the runtime passes a quiescent point (between
// forms), because heaps may still hold pointers to it. While several threads use it
// (ambi_store_share), nothing is freed; store_data.h has the protocol.
#ifndef AMBIT_RUNTIME_STORE_H
#define AMBIT_RUNTIME_STORE_H

#include "memory/mapping.h"
#include "runtime/atoms/context.h"

typedef struct Store Store;

typedef struct Template {
  Value atom;  // the term; LVAR words for its variables
  uint32_t nvars;
  uint32_t flags;  // TMPL_*
  Word *vinfo;     // nvars VINFO words (name and id of each variable)
} Template;
enum {
  TMPL_HAS_CELL = 1,   // holds a cell (state, space): compare by content
  TMPL_HAS_FLOAT = 2,  // holds a double or bignum
  TMPL_FROZEN = 4      // of a state that a commit is about to change (state.h)
};

// Terms laid out at build time, to be copied into a store. Words that
// refer to terms hold the distance in bytes from the first chunk; `pointers` says
// which these are.
typedef struct StoreImage {
  const Word *words;         // what the chunks hold, one behind the other
  const uint32_t *nwords;    // of each chunk
  uint32_t nchunks;          // at most STORE_IMAGE_CHUNKS
  const uint32_t *pointers;  // distances in words from the first chunk
  uint32_t npointers;
} StoreImage;
typedef struct TemplateImage {
  Word atom;  // as in the words of the image; AMB_NONE: there is none
  uint32_t nvars, flags;
  uint32_t vinfo;  // distance in words from the first chunk
} TemplateImage;
enum {
  STORE_CHUNK_WORDS = 64 * 1024 / 8,
  STORE_CHUNK_FIRST = 8,  // words before hold the chunk's own data
  STORE_IMAGE_CHUNKS = 16
};

Store *ambi_store_open(void);
// The first chunk of the image's terms, which stay as long as the store; NULL:
// memory is out.
Word *ambi_store_load(Store *s, const StoreImage *image);
// Takes over a file in memory that begins with n chunks of terms, laid out as the store's
// own: each begins at a multiple of their size, and nothing is in its first words
// (STORE_CHUNK_FIRST). live[i] is the number of templates in chunk i, made (as by
// ambi_template_make) and kept; STORE_CONTINUES: it goes on with the term that fills the
// chunk before. False: memory is out.
#define STORE_CONTINUES UINT32_MAX
bool ambi_store_adopt(Store *s, const Mapping *m, const uint32_t *live,
                      size_t n);
// A word of the image as it is where the image was loaded.
static inline Word ambi_image_word(const Word *base, Word w) {
  uint32_t tag = ambi_tag(AMB_V(w));
  bool refers = tag == TAG_EXPR || tag == TAG_BIG || tag == TAG_OBJ;
  return refers ? w + (Word)(uintptr_t)base : w;
}
// A template of the image, which the caller now owns.
Template ambi_template_of_image(const Store *s, Word *base,
                                const TemplateImage *t);
void ambi_store_close(Store *s);
// Several threads use it from now on, or one again. By the only one that does.
void ambi_store_share(Store *s, bool together);
// Copies a heap term (dereferencing; EVAL marks cleared) into the store.
// Distinct unbound variables with equal name and id get distinct ids.
// False: memory is out, *out untouched.
bool ambi_template_make(Store *s, Value term, Template *out);
void ambi_template_release(Store *s, Template *t);
// Frees what was released; no heap may hold pointers into the store's released
// terms any more, and nobody else may use the store.
void ambi_store_quiesce(Store *s);
// The same for one heap while it is in use, by a collector that sees all pointers
// it has into the store: between ambi_store_watch (false: there is nothing to
// free, no memory, or others use the store) and ambi_store_reap it touches each. What was released and
// not touched is freed. cells: it looks for cells as well, so there is something to do;
// circles: all terms with cells are watched.
bool ambi_store_watch(Store *s, bool cells, bool circles);
void ambi_store_touch(Store *s, const void *p);
size_t ambi_store_doomed_bytes(const Store *s);  // what could be freed
void ambi_store_reap(Store *s);
size_t ambi_store_bytes(const Store *s);
// Shows the cells that the template refers to, each as often as it does.
typedef void SeeCell(void *arg, CellHeader *c);
void ambi_store_see_cells(const Store *s, const Template *t, SeeCell *see,
                          void *arg);
// The same of words: Values, and objects as they lie behind one another.
void ambi_words_see_cells(const Word *w, const Word *end, SeeCell *see,
                          void *arg);
// What was given up does not use its cells any more: all of it, when no heap has a
// pointer into the store; or what nobody has touched, before ambi_store_reap.
void ambi_store_forget_given(Store *s);
void ambi_store_forget_watched(Store *s);
// The runtime is closed: cells are freed whoever uses them.
void ambi_store_stop_counting(Store *s);
bool ambi_store_ends(const Store *s);  // it was
// ... or what refers to a cell that is `listed`, which nobody sees any more.
void ambi_store_forget_listed(Store *s);
// May the heap that is being collected see it? Before ambi_store_reap.
bool ambi_store_is_touched(const Template *t);
// A cell whose uses have come to 0, at least for some time; NULL: none.
CellHeader *ambi_store_unused(Store *s);
// First word the store owns of a template; NULL for an immediate or a cell.
const Word *ambi_template_block(const Template *t);
// As release, for a template nobody has seen: gives the room back at once when
// it was the last one made.
void ambi_template_discard(Store *s, Template *t);
// The template itself kept in the store, until it is given up. NULL: memory is out.
const Template *ambi_template_keep(Store *s, const Template *t);
void ambi_template_give_up(Store *s, const Template *kept);
// The chunk (an opaque address) that holds p, which must lie in the store;
// interior pointers of large terms included.
const void *ambi_store_chunk_of(const Store *s, const void *p);

bool ambi_store_is_valid(const Store *s, const char **why);
// The stored term is whole, and lies in one chunk.
bool ambi_template_is_valid(const Store *s, const Template *t,
                            const char **why);

// A heap instance of the template. env has nvars words: AMB_NONE = not bound
// yet (a variable is made, named, with id `id` or FRESH, and noted in env), else
// the value to put there. Ground subterms are shared. AMB_NONE: memory is out.
// as_written: new variables keep the name and id of the source (top-level
// forms); otherwise they are FRESH copies.
Value ambi_instantiate(Context *cx, const Template *t, Value *env,
                       bool as_written);
// The same with no variable bound yet; a ground term is the stored one.
Value ambi_instance(Context *cx, const Template *t, bool as_written);
// The same as ambi_instantiate for one subterm `part` of the template.
Value ambi_instantiate_part(Context *cx, Value part, const Template *t,
                            Value *env, bool as_written);

// ---- walks over heap terms (iterative, any depth) --------------------------
// Deep copy with renaming: every unbound variable gets a fresh copy, the same
// one for each occurrence, except those for which keep(var, arg) is true.
Value ambi_copy_renamed(Context *cx, Value term, bool (*keep)(Value, void *),
                        void *arg);
// The term with every bound variable replaced by its value, as far as needed:
// shares all that does not change. EVAL marks of changed nodes are dropped.
Value ambi_resolve(Context *cx, Value term);
// An expression that is a value with all that is in it: both get EVAL marks, but for parts
// without variables, which stay what they are anyway.
Value ambi_mark_parts(Context *cx, Value term);
// Distinct unbound variables of the term in order of first occurrence.
bool ambi_collect_vars(Context *cx, Value term, ValueVec *out);

#endif
