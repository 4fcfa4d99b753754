// Texts from outside do no harm: JSON is what jansson takes for JSON, with integers of
// any size, and survives being written and read again, a pkg-info.json is accepted or
// refused, any module name is turned into a path or refused, and so it is by the
// operations that take one.
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <unistd.h>

// ---- a directory of our own -----------------------------------------------------

static char directory[] = "/tmp/ambit-fuzz-XXXXXX", file[64], text_file[64];

static void leave(void) {
  unlink(file);
  unlink(text_file);
  if (rmdir(directory) != 0) perror(directory);
}

static void make_directory(void) {
  if (*file) return;
  HOLDS(mkdtemp(directory), "no directory");
  snprintf(file, sizeof file, "%s/pkg-info.json", directory);
  snprintf(text_file, sizeof text_file, "%s/a.metta", directory);
  atexit(leave);
}

static void write_file(const char *path, const char *text, size_t len) {
  FILE *out = fopen(path, "w");
  HOLDS(out && fwrite(text, 1, len, out) == len && fclose(out) == 0,
        "cannot write");
}

static Runtime *rt;
static Context *cx;
static unsigned inputs;

// A limit ended what was run.
static bool is_cut(void) {
  return cx->stop == STOP_STEPS || cx->stop == STOP_MEMORY ||
         cx->stop == STOP_TIME || cx->stop == STOP_EXIT;
}

static void renew(void) {
  if (rt && inputs++ < INPUTS_PER_RUNTIME) return;
  if (rt) {
    ambi_context_close(cx);
    ambi_runtime_close(rt);
  }
  rt = open_runtime(0);
  cx = open_context(rt);
  HOLDS(ambi_module_set_dir(cx->module, directory), "no memory");
  inputs = 0;
}

// JSON's objects are spaces.
static void check_cells(const CellHeader *older) {
  for (const CellHeader *c = rt->cells; c != older; c = c->next)
    HOLDS(c->kind == CELL_SPACE, "a cell of kind %d", c->kind);
}

// ---- JSON -------------------------------------------------------------------------

// What jansson says of the text with integers of as many digits as it takes. JSON has no
// character of code 0.
static json_t *load_short(const char *text, size_t len, json_error_t *error) {
  enum { DIGITS = 18 };
  char *copy = malloc(len + 1);
  size_t n = 0, run = 0;
  HOLDS(copy, "no memory");
  for (size_t i = 0; i < len; i++) {
    run = text[i] >= '0' && text[i] <= '9' ? run + 1 : 0;
    if (run <= DIGITS) copy[n++] = text[i];
  }
  json_t *root = json_loadb(copy, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
  free(copy);
  if (root && memchr(text, 0, len)) {  // it passes over one behind a word
    json_decref(root);
    return NULL;
  }
  return root;
}

static enum BuiltinStatus call(BuiltinFn *fn, Value arg, Value *out) {
  enum BuiltinStatus status = fn(cx, &arg, 1, out);
  HOLDS(status == B_OK || status == B_ERROR, "status %d", status);
  HOLDS(status == B_OK || (cx->message && *cx->message), "an error untold");
  return status;
}

static void check_json(const char *text, size_t len) {
  Value decoded, encoded, again;
  json_error_t error;
  json_t *root = load_short(text, len, &error);
  Value string = ambi_make_str(cx, text, len);
  enum BuiltinStatus status = call(ambi_b_json_decode, string, &decoded);
  HOLDS(!root || status == B_OK, "refused: %s", cx->message);
  HOLDS(root || status != B_OK, "accepted: %s",
        *error.text ? error.text : "a NUL");
  json_decref(root);
  if (status != B_OK) return;
  status = call(ambi_b_json_encode, decoded, &encoded);
  HOLDS(status == B_OK, "cannot be written: %s", cx->message);
  status = call(ambi_b_json_decode, encoded, &decoded);
  HOLDS(status == B_OK, "cannot be read back: %s: %s", cx->message,
        ambi_str_bytes(encoded));
  status = call(ambi_b_json_encode, decoded, &again);
  HOLDS(status == B_OK && ambi_equal(encoded, again), "%s then %s",
        ambi_str_bytes(encoded), ambi_str_bytes(again));
}

// ---- modules ----------------------------------------------------------------------

static void check_found(enum ModuleFound found, ModuleSource *s) {
  if (found == MODULE_FOUND) HOLDS(s->dir, "no directory");
  if (found == MODULE_FAILED)
    HOLDS(cx->message && *cx->message, "a failure untold");
  ambi_module_source_drop(s);
}

static void check_pkg(const char *text, size_t len) {
  ModuleSource s;
  write_file(file, text, len);
  enum ModuleFound found = ambi_module_find_path(cx, cx->module, directory, &s);
  HOLDS(found != MODULE_NOT_FOUND, "the directory is there");
  if (found == MODULE_FOUND) {  // its entries are followed, too
    Module from = *cx->module;
    from.pkg = s.pkg;
    ModuleSource other;
    static const char *const names[] = {"a", "b", "dep", "self"};
    for (unsigned i = 0; i < 4; i++)
      check_found(ambi_module_find(cx, &from, names[i], &other), &other);
    ambi_module_source_drop(&s);
    return;
  }
  check_found(found, &s);
}

static void check_name(const char *text, size_t len) {
  char *name = malloc(len + 1);
  memcpy(name, text, len);
  name[len] = 0;
  char *path = ambi_module_absolute(cx, cx->module, name);
  HOLDS(path, "no path");
  HOLDS(strncmp(path, "top", 3) == 0 && (path[3] == ':' || !path[3]),
        "%s is not below top", path);
  char *twice = ambi_module_absolute(cx, cx->module, path);
  HOLDS(twice && (strcmp(path, twice) == 0 || path[strlen(path) - 1] == ':'),
        "%s then %s", path, twice);
  HOLDS(!strchr(ambi_module_last_name(path), ':'), "the last of %s", path);
  ModuleSource s;
  check_found(ambi_module_find(cx, cx->module, name, &s), &s);
  if (ambi_module_load(cx, cx->module, name))
    inputs = INPUTS_PER_RUNTIME;  // the next input finds it unloaded again
  else
    HOLDS((cx->message && *cx->message) || !ambi_is_none(cx->error_reason) ||
              is_cut(),
          "a failure untold: %d", cx->stop);
  ambi_text_free(path);
  ambi_text_free(twice);
  free(name);
}

// By what operations do with a name, as a symbol or a text; a.metta has the rest of
// the input as its text.
static void check_operation(Bytes *b) {
  static BuiltinFn *const functions[] = {
      ambi_b_register_module, ambi_b_mod_space, ambi_b_include,
      ambi_b_git_module,      ambi_b_import,    ambi_b_bind};
  BuiltinFn *fn = functions[choose(b, 6)];
  char name[32] = "a";
  size_t len = choose(b, sizeof name), rest = b->n;
  if (len > rest) len = rest;
  if (len)
    memcpy(name, b->at, len);
  else
    len = 1;
  if (memchr(name, '/', len)) return;  // what lies elsewhere is not ours
  write_file(text_file, (const char *)b->at, rest);
  bool is_text = choose(b, 2) && fn != ambi_b_bind;
  Value word =
      is_text ? ambi_make_str(cx, name, len) : ambi_make_sym(cx, name, len);
  Value self = ambi_tag_ptr(TAG_CELL, cx->space);
  Value args[] = {word, word}, out;
  if (fn == ambi_b_import) args[choose(b, 4) ? 0 : 1] = self;
  unsigned n = fn == ambi_b_import || fn == ambi_b_bind ? 2 : 1;
  enum BuiltinStatus status = fn(cx, args, n, &out);
  HOLDS(status != B_STOP || is_cut(), "a stop without a reason: %d", cx->stop);
  HOLDS(status != B_ERROR || *cx->message || !ambi_is_none(cx->error_reason),
        "an error untold");
  cx->many.n = 0;
  inputs = INPUTS_PER_RUNTIME;  // the next input finds nothing loaded
}

static void check_size(const char *text, size_t len) {
  static const char units[] = "kMGT";
  char *copy = malloc(len + 1);
  memcpy(copy, text, len);
  copy[len] = 0;
  uint64_t bytes = 0;
  bool ok = ambi_size_parse(copy, &bytes);
  size_t digits = strspn(copy, "0123456789");
  const char *unit = copy[digits] ? strchr(units, copy[digits]) : NULL;
  if (ok && unit) {
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    HOLDS(bytes >> shift == strtoull(copy, NULL, 10), "%s is %llu", copy,
          (unsigned long long)bytes);
  }
  if (ok) HOLDS(digits > 0, "a size without digits: %s", copy);
  bool plain = digits > 0 && digits < 19 && !copy[digits];
  if (plain)
    HOLDS(ok && bytes == strtoull(copy, NULL, 10), "%s is a size", copy);
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  make_directory();
  unlink(file);  // what the input before this one left
  unlink(text_file);
  renew();
  Bytes b = {data, size};
  if (size == 0) return -1;
  uint32_t what = choose(&b, 9);
  rt->limits.steps = 1000;
  rt->limits.query_seconds =
      3;  // types may be many, and finding them is no step
  rt->limits.memory = (uint64_t)256 << 20;
  ambi_limits_begin(cx);
  const char *text = (const char *)b.at;
  switch (what) {
  case 0: check_name(text, b.n); break;
  case 1: check_size(text, b.n); break;
  case 2:
  case 3: check_pkg(text, b.n); break;
  case 8: check_operation(&b); break;
  default: {
    const CellHeader *older = rt->cells;
    check_json(text, b.n);
    check_cells(older);
  }
  }
  ambi_context_reset(cx);
  ambi_runtime_quiesce(rt);
  return 0;
}
