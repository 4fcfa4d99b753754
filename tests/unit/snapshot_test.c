// Snapshots: what is saved is loaded, into any runtime and at any address; a file that
// was cut, changed or made elsewhere is refused, or is a space as whole as any; memory
// that runs out leaves the space as it was; what is removed gives its pages back.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/loading/snapshot.h"
#include "runtime/modules/module.h"
#include "tests/unit/unit.h"

static Runtime *rt;
static Context *cx;
static char directory[] = "/tmp/ambit-snapshot-XXXXXX", path[64], other[64];

static bool swallow(void *arg, const char *text, size_t len) {
  (void)arg;
  (void)text;
  return len <= SIZE_MAX;
}

static void open_all(void) {
  Host host = {.write = swallow};
  rt = ambi_runtime_open(&host, 0);
  cx = rt ? ambi_context_open(rt) : NULL;
  ck_assert_ptr_nonnull(cx);
  cx->module = ambi_module_top(rt);
  cx->space = cx->module->space;
  ambi_limits_begin(cx);
}

static void close_all(void) {
  ambi_context_close(cx);
  ambi_runtime_close(rt);
}

static void begin(void) {
  if (!*path) ck_assert_ptr_nonnull(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/a.snap", directory);
  snprintf(other, sizeof other, "%s/b.snap", directory);
  open_all();
}

static void end(void) {
  close_all();
  unlink(path);
  unlink(other);
  rmdir(directory);
}

// ---- spaces as text -----------------------------------------------------------------

static void add_text(Space *s, const char *text) {
  Reader r;
  Template t;
  ambi_reader_open(&r, rt, ambi_module_top(rt)->tokens, text, strlen(text));
  while (ambi_read(&r, &t) == READ_ATOM)
    ck_assert(ambi_space_add_template(s, &t));
}

static Space *new_space(void) {
  Space *s = ambi_space_open(rt, NULL, false);
  ck_assert_ptr_nonnull(s);
  return s;
}

static Value instance(Record r) {
  if (!ambi_record_open(r)) return ambi_record_atom(r);
  const Template *t = ambi_record_kept(r);
  Value *env = (Value *)ambi_heap_alloc(cx, t->nvars);
  for (uint32_t i = 0; i < t->nvars; i++)
    env[i] = AMB_NONE;
  return ambi_instantiate(cx, t, env, true);
}

// All atoms, one on a line, to be given to ambi_buffer_drop.
static Buffer text_of(Space *s) {
  Buffer b = {0};
  RecordVec all = {0};
  ck_assert(ambi_space_atoms(s, &all));
  for (size_t i = 0; i < all.n; i++) {
    Naming naming = {0};
    ambi_print(rt, &b, instance(all.at[i]), &naming);
    ambi_buffer_puts(&b, "\n");
    ambi_vec_drop(&naming.vars);
  }
  ambi_records_drop(&all);
  ambi_buffer_put(&b, "", 1);
  ambi_context_reset(cx);
  return b;
}

static void check_valid(void) {
  const char *why = "";
  ck_assert_msg(ambi_runtime_is_valid(rt, &why), "%s", why);
}

static const char everything[] =
    "(p 1 2.5 -0.0 \"str\\u{0}ing ü\" True False () sym 日本)"
    "(= (f $x $y) (g $y ($x \"s\" $z) $x))"
    "$v lone 3.5 \"text\" 7 () True + "
    "123456789012345678901234567890"
    "(big -123456789012345678901234567890 140737488355328 -140737488355329)"
    "(small 140737488355327 -140737488355328 1e308 4.9e-324)"
    "(+ 1 (superpose (a b)))"
    "((head) x) ($h x) (deep (a (b (c (d (e \"x\" $q))))))"
    "(: f (-> Number $t)) (dup) (dup) (a) (a b) (a b c)";

static Space *full_space(void) {
  Space *s = new_space();
  add_text(s, everything);
  for (int i = 0; i < 100; i++)
    add_text(s, "(alike 1 x)");
  Value odd = AMB_EXPR(cx, ambi_make_sym(cx, "odd", 3), ambi_double(0.0 / 0.0),
                       ambi_double(1.0 / 0.0), ambi_double(-1.0 / 0.0),
                       ambi_space_value(s));
  ck_assert(ambi_space_add(s, odd));
  return s;
}

static void save(Space *s) {
  uint64_t n = 0;
  ck_assert_msg(ambi_space_save(cx, s, path, &n), "%s", cx->message);
  ck_assert_uint_eq(n, ambi_space_count(s));
}

static bool load(Space *s, const char *from) {
  uint64_t n;
  ambi_limits_begin(cx);
  return ambi_space_load(cx, s, from, &n);
}

// Addresses of unnamed spaces stand in texts, and differ.
static void check_same(const Buffer *a, const Buffer *b) {
  const char *x = a->text, *y = b->text;
  for (; *x && *x == *y; x++, y++) {
    if (strncmp(x, "Space-0x", 8) != 0) continue;
    x += 8 + strspn(x + 8, "0123456789abcdef") - 1;
    y += 8 + strspn(y + 8, "0123456789abcdef") - 1;
  }
  ck_assert_str_eq(x, y);
}

static void check_loads(const Buffer *want) {
  Space *s = new_space();
  ck_assert_msg(load(s, path), "%s", cx->message);
  Buffer got = text_of(s);
  check_same(want, &got);
  ambi_buffer_drop(&got);
  check_valid();
}

START_TEST(test_round_trip) {
  begin();
  Space *s = full_space();
  Buffer want = text_of(s);
  save(s);
  check_loads(&want);
  check_loads(&want);  // its place is taken now
  close_all();
  open_all();  // symbols get the ids they have in the file
  check_loads(&want);
  close_all();
  open_all();
  add_text(new_space(), "(others 日本 first lone)");
  check_loads(&want);
  check_loads(&want);
  ambi_buffer_drop(&want);
  end();
}
END_TEST

// Terms that take several chunks, with others around them.
START_TEST(test_large_terms) {
  begin();
  Space *s = new_space();
  Buffer b = {0};
  for (int round = 0; round < 3; round++) {
    ambi_buffer_puts(&b, "(before $x) (long");
    for (int i = 0; i < 40000; i++)
      ambi_buffer_puts(&b, round == 1 ? " (x \"y\" $v)" : " (x 12 \"y\")");
    ambi_buffer_puts(&b, ") \"");
    for (int i = 0; i < 30000; i++)
      ambi_buffer_puts(&b, "a longer text ");
    ambi_buffer_puts(&b, "\" ");
    for (int i = 0; i < 9000; i++)
      ambi_buffer_puts(&b, "(many (of these) 1.5)");
    for (int i = 0; i < 100000; i++)
      ambi_buffer_puts(&b, "(");
    for (int i = 0; i < 100000; i++)
      ambi_buffer_puts(&b, "nest)");
  }
  ambi_buffer_put(&b, "", 1);
  add_text(s, b.text);
  ambi_buffer_drop(&b);
  Buffer want = text_of(s);
  save(s);
  check_loads(&want);
  check_loads(&want);
  ambi_buffer_drop(&want);
  end();
}
END_TEST

// Long runs of atoms that are alike, and what ends one: another head or size, a word that
// is no symbol and no small integer, a rule. There are several chunks of them.
static void add_runs(Space *s) {
  static const char *const odd[] = {
      "(e a 2.5)", "(e a \"s\")", "(e a (f b))", "(e $x b)",
      "(e a b c)", "(g a b)",     "lone",        "(e a 140737488355328)"};
  char text[64];
  for (int i = 0; i < 9000; i++) {
    snprintf(text, sizeof text, "(e n%d %d)", i % 97, i - 4000);
    add_text(s, text);
    if (i % 150 == 149) add_text(s, odd[i / 150 % 8]);
  }
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "(: m%d T)(w 1 2 3 4 5 6 7 8 9 %d)", i, i);
    add_text(s, text);
  }
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "(: k%d T)", i);
    add_text(s, text);
  }
  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "(w 1 2 3 4 5 6 7 8 n%d)", i);
    add_text(s, text);
  }
}

START_TEST(test_runs) {
  begin();
  Space *s = new_space();
  add_runs(s);
  Buffer want = text_of(s);
  save(s);
  check_loads(&want);  // ids as they are
  check_loads(&want);  // at another address
  close_all();
  open_all();
  check_loads(&want);
  close_all();
  open_all();
  s = new_space();
  add_text(s, "(other names (come first) n40 n3 e T)");  // and have other ids
  check_loads(&want);
  ambi_buffer_drop(&want);
  end();
}
END_TEST

START_TEST(test_removal) {
  begin();
  Space *s = new_space();
  for (int i = 0; i < 100000; i++)
    ck_assert(ambi_space_add(s, AMB_EXPR(cx, AMB_SYM(EQ), ambi_small_int(i),
                                         ambi_small_int(i % 7))));
  save(s);
  Space *t = new_space();
  size_t before = ambi_alloc_bytes(), store = ambi_store_bytes(rt->store);
  ck_assert(load(t, path));
  ck_assert_uint_gt(ambi_store_bytes(rt->store), store + 1000000);
  for (int i = 0; i < 100000; i++) {
    bool found;
    Value v =
        AMB_EXPR(cx, AMB_SYM(EQ), ambi_small_int(i), ambi_small_int(i % 7));
    ck_assert(ambi_space_remove(t, v, &found) && found);
    if (i == 50000) {
      ambi_spaces_quiesce(rt);
      ambi_store_quiesce(rt->store);
      check_valid();
    }
  }
  ambi_spaces_quiesce(rt);
  ambi_store_quiesce(rt->store);
  check_valid();
  ck_assert_uint_le(ambi_store_bytes(rt->store), store + (2 << 20));
  ck_assert_uint_le(ambi_alloc_bytes(), before + (8 << 20));
  end();
}
END_TEST

START_TEST(test_what_cannot_be_saved) {
  begin();
  Space *s = new_space();
  add_text(s, "(a b)");
  save(s);
  ck_assert(ambi_space_add(s, ambi_space_value(new_space())));
  uint64_t n;
  ck_assert(!ambi_space_save(cx, s, path, &n));
  ck_assert_str_eq(cx->message, "cannot save an atom that holds another space");
  Space *t = new_space();
  ck_assert(load(t, path));  // the old file is still there
  ck_assert_uint_eq(ambi_space_count(t), 1);
  ck_assert(!ambi_space_save(cx, t, "/nonexistent/folder/x", &n));
  ck_assert_ptr_nonnull(strstr(cx->message, "cannot write"));
  end();
}
END_TEST

// ---- files that are not as they should be ---------------------------------------------

typedef struct Bytes {
  char *at;
  size_t n;
} Bytes;

static Bytes saved_bytes(void) {
  int fd = open(path, O_RDONLY);
  off_t n = lseek(fd, 0, SEEK_END);
  Bytes b = {ambi_alloc((size_t)n), (size_t)n};
  ck_assert(fd >= 0 && b.at && pread(fd, b.at, b.n, 0) == (ssize_t)b.n);
  close(fd);
  return b;
}

// Written over in place: nothing that was loaded before depends on it. It is not emptied
// first, for then some file systems write it to the disk each time.
static void put_bytes(const char *at, size_t n) {
  int fd = open(other, O_WRONLY | O_CREAT, 0600);
  ck_assert(fd >= 0 && write(fd, at, n) == (ssize_t)n);
  ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
  close(fd);
}

static void rehash(Bytes b) {
  SnapshotHead head;
  memcpy(&head, b.at, sizeof head);
  if (head.bytes != b.n || head.nwords > b.n / 8 ||
      head.nwords < STORE_CHUNK_FIRST)
    return;
  head.hash = ambi_snapshot_hash_file(&head, b.at);
  memcpy(b.at, &head, sizeof head);
}

// It is refused with a word, and nothing is there. Or, if it may be so, it is a space
// that can be looked at.
static void check_refused(Space *s, const char *what, size_t i, bool may_load) {
  if (cx->message) *cx->message = 0;
  bool ok = load(s, other);
  ck_assert_msg(may_load || !ok, "%s %zu is loaded", what, i);
  ck_assert_msg(ok || cx->stop == STOP_NONE, "%s %zu stops", what, i);
  ck_assert_msg(ok || (cx->message && *cx->message), "%s %zu: no word", what,
                i);
  if (!ok) {
    ck_assert_uint_eq(ambi_space_count(s), 0);
    return;
  }
  Buffer b = text_of(s);
  ambi_buffer_drop(&b);
  const char *why = "";
  ck_assert_msg(ambi_runtime_is_valid(rt, &why), "%s %zu: %s", what, i, why);
}

static Bytes small_snapshot(void) {
  Space *s = new_space();
  add_text(s, "(p 1 2.5 \"str\") (= (f $x) (g $x \"s\" $z)) $v lone +"
              " 123456789012345678901234567890 (s (d (e $q) (+ 1 True)))"
              " (e a b 1) (e b c 2) (e c (a) 3) (e a 1 a) (e a b c)");
  Value self = AMB_EXPR(cx, AMB_SYM(EQ), ambi_space_value(s));
  ck_assert(ambi_space_add(s, self));
  save(s);
  return saved_bytes();
}

START_TEST(test_cut) {
  begin();
  Bytes b = small_snapshot();
  Space *s = new_space();
  for (size_t n = 0; n < b.n; n++) {
    put_bytes(b.at, n);
    check_refused(s, "a file of bytes", n, false);
  }
  for (size_t n = sizeof(SnapshotHead); n < b.n; n += 8) {
    Bytes cut = {b.at, n};  // and its head agrees
    SnapshotHead head;
    memcpy(&head, b.at, sizeof head);
    head.bytes = n;
    memcpy(b.at, &head, sizeof head);
    rehash(cut);
    put_bytes(b.at, n);
    check_refused(s, "a file that is said to be of bytes", n, false);
  }
  ambi_free(b.at, b.n);
  end();
}
END_TEST

START_TEST(test_flipped) {
  begin();
  Bytes b = small_snapshot();
  static const unsigned char flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
  for (size_t i = 0; i < b.n; i++) {
    for (size_t k = 0; k < sizeof flips; k++) {
      b.at[i] = (char)(b.at[i] ^ flips[k]);
      put_bytes(b.at, b.n);
      check_refused(new_space(), "a change of byte", i, false);
      uint64_t hash;
      memcpy(&hash, b.at + offsetof(SnapshotHead, hash), sizeof hash);
      rehash(b);
      put_bytes(b.at, b.n);
      check_refused(new_space(), "a change with its hash of byte", i, true);
      memcpy(b.at + offsetof(SnapshotHead, hash), &hash, sizeof hash);
      b.at[i] = (char)(b.at[i] ^ flips[k]);
    }
    if (i % 64 != 0) continue;
    close_all();  // runtimes keep the names they have seen
    open_all();
  }
  ambi_free(b.at, b.n);
  end();
}
END_TEST

static void check_head(Bytes b, size_t at, uint32_t word, const char *why) {
  uint32_t old;
  memcpy(&old, b.at + at, sizeof old);
  memcpy(b.at + at, &word, sizeof word);
  put_bytes(b.at, b.n);
  check_refused(new_space(), "a head", at, false);
  ck_assert_ptr_nonnull(strstr(cx->message, why));
  memcpy(b.at + at, &old, sizeof old);
}

// Atoms stand in the order of their objects.
START_TEST(test_order) {
  begin();
  Space *s = new_space();
  add_text(s, "(e a b 1) (e b c 2) (e c a 3)");
  save(s);
  Bytes b = saved_bytes();
  SnapshotHead head;
  SnapshotTail tail;
  memcpy(&head, b.at, sizeof head);
  memcpy(&tail, b.at + head.nwords * 8, sizeof tail);
  char *atoms = b.at + head.nwords * 8 + sizeof tail +
                (tail.nsymbols + tail.nops) * sizeof(SnapshotName);
  uint32_t at[3], swapped[3], same[3];
  memcpy(at, atoms, sizeof at);
  memcpy(swapped, (uint32_t[]){at[1], at[0], at[2]}, sizeof swapped);
  memcpy(same, (uint32_t[]){at[0], at[1], at[1]}, sizeof same);
  const uint32_t *all[] = {swapped, same};
  for (size_t i = 0; i < 2; i++) {
    memcpy(atoms, all[i], sizeof at);
    rehash(b);
    put_bytes(b.at, b.n);
    check_refused(new_space(), "an order", i, false);
    ck_assert_ptr_nonnull(strstr(cx->message, "out of order"));
  }
  ambi_free(b.at, b.n);
  end();
}
END_TEST

START_TEST(test_foreign) {
  begin();
  Bytes b = small_snapshot();
  check_head(b, 0, 0x464c457f, "no snapshot");
  check_head(b, offsetof(SnapshotHead, version), 2, "another version");
  check_head(b, offsetof(SnapshotHead, order), 0x04030201, "order of bytes");
  check_head(b, sizeof(SnapshotHead) + 8, 0x55555555, "hash");
  ambi_free(b.at, b.n);
  end();
}
END_TEST

// ---- no memory ------------------------------------------------------------------------

START_TEST(test_memory) {
  begin();
  Space *s = full_space();
  Buffer want = text_of(s), got;
  save(s);
  bool done = false;
  for (uint64_t n = 1; !done; n++) {
    Space *t = new_space();
    ck_assert_uint_lt(n, 10000);
    add_text(t, "(there before)");
    ambi_alloc_fail_at(n);
    done = load(t, path);
    ambi_alloc_fail_at(0);
    ck_assert(done || cx->stop == STOP_MEMORY);
    ck_assert_uint_eq(ambi_space_count(t),
                      1 + (done ? ambi_space_count(s) : 0));
    check_valid();
  }
  done = false;
  for (uint64_t n = 1, count; !done; n++) {
    ck_assert_uint_lt(n, 10000);
    ambi_limits_begin(cx);
    ambi_alloc_fail_at(n);
    done = ambi_space_save(cx, s, path, &count);
    ambi_alloc_fail_at(0);
    ck_assert(done || cx->stop == STOP_MEMORY);
  }
  Space *t = new_space();
  ck_assert(load(t, path));
  got = text_of(t);
  check_same(&want, &got);
  ambi_buffer_drop(&want);
  ambi_buffer_drop(&got);
  end();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("snapshot");
  tcase_add_test(tc, test_round_trip);
  tcase_add_test(tc, test_large_terms);
  tcase_add_test(tc, test_runs);
  tcase_add_test(tc, test_removal);
  tcase_add_test(tc, test_what_cannot_be_saved);
  tcase_add_test(tc, test_cut);
  tcase_add_test(tc, test_flipped);
  tcase_add_test(tc, test_order);
  tcase_add_test(tc, test_foreign);
  tcase_add_test(tc, test_memory);
  return unit_run(tc, "snapshot");
}
