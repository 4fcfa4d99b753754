// A snapshot that was changed is refused with a word, or is a space as whole as any.
//
// An input is a list of changes, of three bytes each: two for a place in a file that
// was saved here, one for what becomes of the byte there. The hash is made to fit.
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "runtime/loading/snapshot.h"

static char directory[] = "/tmp/ambit-fuzz-XXXXXX", path[64];
static Runtime *rt;
static Context *cx;
static unsigned inputs;
static char *whole;  // the file as it was saved
static size_t length;

static void leave(void) {
  unlink(path);
  if (rmdir(directory) != 0) perror(directory);
}

static void renew(void) {
  if (rt && inputs++ < INPUTS_PER_RUNTIME / 10) return;
  if (rt) {
    ambi_context_close(cx);
    ambi_runtime_close(rt);
  }
  rt = open_runtime(0);
  cx = open_context(rt);
  inputs = 0;
}

static const char atoms[] =
    "(p 1 2.5 \"str\" True) (= (f $x $y) (g $y ($x \"s\" $z) $x)) $v lone "
    "\"text\" 7"
    " 123456789012345678901234567890 (big (in -123456789012345678901234567890))"
    " (+ 1 (superpose (a b))) ($h x) (deep (a (b (c $q)))) (&self)"
    " (e a b 1) (e b c 2) (e c (a) 3) (e a 1 a) (e a b c)";

static void save(void) {
  HOLDS(mkdtemp(directory), "no directory");
  snprintf(path, sizeof path, "%s/a.snap", directory);
  atexit(leave);
  Space *s = cx->space;
  Reader r;
  Template t;
  ambi_reader_open(&r, rt, cx->module->tokens, atoms, sizeof atoms - 1);
  while (ambi_read(&r, &t) == READ_ATOM)
    HOLDS(ambi_space_add_template(s, &t), "no memory");
  uint64_t n;
  HOLDS(ambi_space_save(cx, s, path, &n), "it is not saved: %s", cx->message);
  int fd = open(path, O_RDONLY);
  length = (size_t)lseek(fd, 0, SEEK_END);
  whole = malloc(length);
  HOLDS(pread(fd, whole, length, 0) == (ssize_t)length, "it is not there");
  close(fd);
}

static void write_changed(const uint8_t *data, size_t size) {
  char *bytes = malloc(length);
  memcpy(bytes, whole, length);
  for (size_t i = 0; i + 3 <= size; i += 3)
    bytes[(data[i] | (size_t)data[i + 1] << 8) % length] = (char)data[i + 2];
  SnapshotHead head;
  memcpy(&head, bytes, sizeof head);
  if (head.bytes == length && head.nwords >= STORE_CHUNK_FIRST &&
      head.nwords <= length / 8)
    head.hash = ambi_snapshot_hash_file(&head, bytes);
  memcpy(bytes, &head, sizeof head);
  int fd = open(path, O_WRONLY);
  HOLDS(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "no file");
  close(fd);
  free(bytes);
}

// Every atom can be copied out and printed.
static void look_at(Space *s) {
  RecordVec all = {0};
  HOLDS(ambi_space_atoms(s, &all), "no memory");
  for (size_t i = 0; i < all.n; i++) {
    Buffer b = {0};
    Naming naming = {0};
    Template t = ambi_record_template(all.at[i]);
    Value *env = (Value *)ambi_heap_alloc(cx, t.nvars + (size_t)1);
    for (uint32_t k = 0; k < t.nvars; k++)
      env[k] = AMB_NONE;
    ambi_print(rt, &b, ambi_instantiate(cx, &t, env, true), &naming);
    ambi_vec_drop(&naming.vars);
    ambi_buffer_drop(&b);
  }
  ambi_records_drop(&all);
  ambi_context_reset(cx);
  const char *why = "";
  HOLDS(ambi_space_is_valid(s, &why), "%s", why);
  HOLDS(ambi_store_is_valid(rt->store, &why), "%s", why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  renew();
  if (!whole) save();
  write_changed(data, size);
  Space *s = ambi_space_open(rt, NULL, false);
  uint64_t n = 0;
  ambi_limits_begin(cx);
  if (cx->message) *cx->message = 0;
  if (ambi_space_load(cx, s, path, &n)) {
    look_at(s);
  } else {
    HOLDS(cx->stop == STOP_NONE, "it stops");
    HOLDS(cx->message && *cx->message, "no word of why");
    HOLDS(ambi_space_count(s) == 0, "something is there");
  }
  return 0;
}
