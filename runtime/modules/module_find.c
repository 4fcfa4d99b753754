// Finding the text of a module: names, directories, pkg-info.json.
//
// A name is looked for in the resource directory of the module that asks, then
// in that of the top module: NAME.metta, the file NAME, the directory NAME with
// an optional module.metta and pkg-info.json. An entry for the name in the
// asking module's pkg-info.json comes first. Paths are made real, so that one
// file is one module however it was reached.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/alloc.h"
#include "runtime/modules/module.h"
#include "runtime/watch.h"

struct PkgInfo {
  json_t *root;
};

// ---- texts ------------------------------------------------------------------

char *ambi_text_copy(const char *s, size_t len) {
  char *p = ambi_alloc(len + 1);
  if (p && len) memcpy(p, s, len);
  return p;
}

void ambi_text_free(char *s) {
  if (s) ambi_free(s, strlen(s) + 1);
}

static bool no_memory(Context *cx) {
  if (cx->stop == STOP_NONE) cx->stop = STOP_MEMORY;
  return false;
}

// a followed by b and c; NULL: memory is out.
static char *join(const char *a, const char *b, const char *c) {
  size_t la = strlen(a), lb = strlen(b), lc = strlen(c);
  char *p = ambi_alloc(la + lb + lc + 1);
  if (!p) return NULL;
  memcpy(p, a, la);
  memcpy(p + la, b, lb);
  memcpy(p + la + lb, c, lc);
  return p;
}

// ---- names ------------------------------------------------------------------

// The part of `name` after the word `prefix` and a colon; "" when the word is
// all; NULL when it does not start so.
static const char *after_prefix(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  if (strncmp(name, prefix, n) != 0) return NULL;
  if (name[n] == ':') return name + n + 1;
  return name[n] ? NULL : name + n;
}

char *ambi_module_absolute(Context *cx, const Module *from, const char *name) {
  size_t len = strlen(name);
  if (len && name[len - 1] == ':') len--;  // a trailing colon is dropped
  char *plain = ambi_text_copy(name, len);
  if (!plain) {
    no_memory(cx);
    return NULL;
  }
  const char *rest = after_prefix(plain, "top"), *base = "top";
  if (!rest) {
    base = from->path;
    rest = after_prefix(plain, "self");
    if (!rest) rest = plain;
  }
  char *path = join(base, *rest ? ":" : "", rest);
  ambi_text_free(plain);
  if (!path) no_memory(cx);
  return path;
}

const char *ambi_module_last_name(const char *path) {
  const char *colon = strrchr(path, ':');
  return colon ? colon + 1 : path;
}

static bool is_legal_name(const char *name) {
  if (!*name) return false;
  for (; *name; name++) {
    char c = *name;
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          (c >= '0' && c <= '9') || c == '_' || c == '-'))
      return false;
  }
  return true;
}

bool ambi_module_is_file_name(const char *name) {
  size_t n = strlen(name);
  return n > 6 && strcmp(name + n - 6, ".metta") == 0;
}

bool ambi_module_is_path(const char *name) {
  return ambi_module_is_file_name(name) || strncmp(name, "./", 2) == 0 ||
         strncmp(name, "../", 3) == 0;
}

// ---- pkg-info.json ----------------------------------------------------------

static bool expect_type(Context *cx, const json_t *owner, const char *key,
                        json_type type, const char *file) {
  const json_t *v = json_object_get(owner, key);
  if (!v || json_typeof(v) == type) return true;
  if (type == JSON_TRUE && json_is_boolean(v)) return true;
  const char *what = type == JSON_STRING   ? "a string"
                     : type == JSON_OBJECT ? "an object"
                                           : "true or false";
  ambi_set_message(cx, "%s: \"%s\" must be %s", file, key, what);
  return false;
}

static bool check_dependency(Context *cx, const char *name, const json_t *dep,
                             const char *file) {
  if (!json_is_object(dep)) {
    ambi_set_message(cx, "%s: the entry of \"%s\" must be an object", file,
                     name);
    return false;
  }
  static const char *const keys[] = {"fs_path", "git_url", "version_req"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (!expect_type(cx, dep, keys[i], JSON_STRING, file)) return false;
  return true;
}

static bool check_pkg(Context *cx, const json_t *root, const char *file) {
  if (!json_is_object(root)) {
    ambi_set_message(cx, "%s: an object is expected", file);
    return false;
  }
  if (!expect_type(cx, root, "name", JSON_STRING, file) ||
      !expect_type(cx, root, "version", JSON_STRING, file) ||
      !expect_type(cx, root, "strict", JSON_TRUE, file) ||
      !expect_type(cx, root, "deps", JSON_OBJECT, file))
    return false;
  const char *name;
  json_t *dep;
  json_object_foreach(json_object_get(root, "deps"), name, dep) {
    if (!check_dependency(cx, name, dep, file)) return false;
  }
  return true;
}

// The pkg-info.json of a directory; *out NULL when there is none.
static bool open_pkg(Context *cx, const char *dir, PkgInfo **out) {
  *out = NULL;
  char *file = join(dir, "/pkg-info.json", "");
  if (!file) return no_memory(cx);
  bool ok = true;
  if (access(file, F_OK) == 0) {
    json_error_t error;
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    PkgInfo *p = root ? ambi_alloc(sizeof *p) : NULL;
    if (!root)
      ambi_set_message(cx, "%s:%d:%d: %s", file, error.line, error.column,
                       error.text);
    else if (!p)
      no_memory(cx);
    ok = p && check_pkg(cx, root, file);
    if (ok) {
      p->root = root;
      *out = p;
    } else {
      json_decref(root);
      ambi_free(p, sizeof *p);
    }
  }
  ambi_text_free(file);
  return ok;
}

void ambi_pkg_close(PkgInfo *p) {
  if (!p) return;
  json_decref(p->root);
  ambi_free(p, sizeof *p);
}

static const char *text_at(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

// ---- version requirements ---------------------------------------------------

typedef struct Version {
  unsigned long at[3];
  int given;  // how many of the three numbers were written
} Version;

// Reads up to three numbers; the rest of the text (1.2.3-beta) is not looked at.
static Version read_version(const char **s) {
  Version v = {{0}, 0};
  while (v.given < 3 && **s >= '0' && **s <= '9') {
    char *end;
    v.at[v.given++] = strtoul(*s, &end, 10);
    *s = end;
    if (**s != '.') break;
    (*s)++;
  }
  return v;
}

// Compares the first n numbers.
static int compare_versions(const Version *a, const Version *b, int n) {
  for (int i = 0; i < n; i++)
    if (a->at[i] != b->at[i]) return a->at[i] < b->at[i] ? -1 : 1;
  return 0;
}

// Numbers that `^want` holds fixed: up to the first that is not zero.
static int caret_prefix(const Version *want) {
  for (int i = 0; i < want->given; i++)
    if (want->at[i]) return i + 1;
  return want->given;
}

static bool meets_one(const Version *have, const char *op, size_t len,
                      const Version *want) {
  int c = compare_versions(have, want, 3);
  if (len == 1 && *op == '>') return c > 0;
  if (len == 1 && *op == '<') return c < 0;
  if (len == 2 && *op == '>') return c >= 0;
  if (len == 2 && *op == '<') return c <= 0;
  if (*op == '=' && len) return compare_versions(have, want, want->given) == 0;
  int fixed = *op == '~' && len ? (want->given > 1 ? 2 : want->given)
                                : caret_prefix(want);
  return c >= 0 && compare_versions(have, want, fixed) == 0;
}

// Does a module of this version (NULL: it has none) meet every comparator of a
// list such as ">=1.2, <2"?
static bool meets_requirement(const char *version, const char *req) {
  if (!version) return false;
  Version have = read_version(&version);
  while (*req) {
    req += strspn(req, " ,");
    size_t len = strspn(req, "<>=~^*");
    const char *op = req;
    req += len;
    req += strspn(req, " ");
    Version want = read_version(&req);
    req += strcspn(req, ",");
    if (want.given && !meets_one(&have, op, len, &want)) return false;
  }
  return true;
}

// ---- files ------------------------------------------------------------------

// After a call that was interrupted: once more?
static bool again(const Runtime *rt) {
  return errno == EINTR && !(rt && ambi_load_relaxed(&rt->x_cancel));
}

bool ambi_file_read(int fd, uint64_t max, const Runtime *rt, FileText *out) {
  *out = (FileText){0};
  for (;;) {
    if (!ambi_grow((void **)&out->text, &out->cap, out->len + 65536, 1)) {
      ambi_file_drop(out);
      errno = ENOMEM;
      return false;
    }
    ssize_t n = read(fd, out->text + out->len, out->cap - out->len);
    if (n == 0) return true;
    if (n < 0 && again(rt)) continue;
    if (n > 0) out->len += (size_t)n;
    bool too_big = max && out->len > max;
    if (n < 0 || too_big) {
      int why = too_big ? EFBIG : errno;
      ambi_file_drop(out);
      errno = why;
      return false;
    }
  }
}

bool ambi_file_load(const char *path, uint64_t max, const Runtime *rt,
                    FileText *out) {
  int fd;
  do {
    fd = open(path, O_RDONLY | O_CLOEXEC);
  } while (fd < 0 && again(rt));
  if (fd < 0) return false;
  bool ok = ambi_file_read(fd, max, rt, out);
  int why = errno;
  if (ok && rt)
    AMB_LOG(rt, WATCH_INFO, "load", {"file", path, 0},
            {"bytes", NULL, out->len});
  close(fd);
  errno = why;
  return ok;
}

void ambi_file_drop(FileText *f) {
  ambi_free(f->text, f->cap);
  *f = (FileText){0};
}

bool ambi_size_parse(const char *s, uint64_t *bytes) {
  if (*s < '0' || *s > '9') return false;
  char *end;
  errno = 0;
  unsigned long long n = strtoull(s, &end, 10);
  if (errno) return false;
  static const char suffixes[] = "kKmMgGtT";
  unsigned shift = 0;
  if (*end) {
    const char *at = strchr(suffixes, *end);
    if (!at || end[1]) return false;
    shift = 10 * (unsigned)((at - suffixes) / 2 + 1);
  }
  if (shift && n >> (64 - shift)) return false;
  *bytes = (uint64_t)n << shift;
  return true;
}

// ---- looking for a module ---------------------------------------------------

void ambi_module_source_drop(ModuleSource *s) {
  ambi_text_free(s->file);
  ambi_text_free(s->dir);
  ambi_pkg_close(s->pkg);
  *s = (ModuleSource){0};
}

// The real path, copied through our allocator.
static char *real_copy(const char *path) {
  char real[PATH_MAX];
  if (!realpath(path, real)) return NULL;
  return ambi_text_copy(real, strlen(real));
}

static enum ModuleFound take_file(Context *cx, const char *path,
                                  ModuleSource *out) {
  out->file = real_copy(path);
  if (out->file) {
    const char *slash = strrchr(out->file, '/');
    size_t n = slash == out->file ? 1 : (size_t)(slash - out->file);
    out->dir = ambi_text_copy(out->file, n);
  }
  if (out->dir) return MODULE_FOUND;
  no_memory(cx);
  return MODULE_FAILED;
}

static enum ModuleFound take_dir(Context *cx, const char *path,
                                 ModuleSource *out) {
  out->dir = real_copy(path);
  char *text = out->dir ? join(out->dir, "/module.metta", "") : NULL;
  if (!text) {
    no_memory(cx);
    return MODULE_FAILED;
  }
  struct stat st;
  if (stat(text, &st) == 0 && S_ISREG(st.st_mode))
    out->file = text;
  else
    ambi_text_free(text);
  return open_pkg(cx, out->dir, &out->pkg) ? MODULE_FOUND : MODULE_FAILED;
}

// A file or directory at exactly this path.
static enum ModuleFound take_path(Context *cx, const char *path,
                                  ModuleSource *out) {
  struct stat st;
  if (stat(path, &st) != 0) return MODULE_NOT_FOUND;
  if (S_ISDIR(st.st_mode)) return take_dir(cx, path, out);
  return S_ISREG(st.st_mode) ? take_file(cx, path, out) : MODULE_NOT_FOUND;
}

// `path` as seen from dir (NULL: the working directory).
static char *from_dir(const char *dir, const char *path) {
  if (*path == '/' || !dir) return join(path, "", "");
  return join(dir, "/", path);
}

static enum ModuleFound look_in(Context *cx, const char *dir, const char *name,
                                ModuleSource *out) {
  char *base = from_dir(dir, name);
  char *text = base ? join(base, ".metta", "") : NULL;
  enum ModuleFound found = MODULE_FAILED;
  if (!text)
    no_memory(cx);
  else
    found = take_path(cx, text, out);
  if (found == MODULE_NOT_FOUND) found = take_path(cx, base, out);
  ambi_text_free(base);
  ambi_text_free(text);
  return found;
}

static enum ModuleFound take_fs_path(Context *cx, const Module *from,
                                     const char *path, ModuleSource *out) {
  char *full = from_dir(from->dir, path);
  if (!full) {
    no_memory(cx);
    return MODULE_FAILED;
  }
  enum ModuleFound found = take_path(cx, full, out);
  ambi_text_free(full);
  return found;
}

// In the asking module's directory, then in that of the program.
static enum ModuleFound look_around(Context *cx, const Module *from,
                                    const char *name, ModuleSource *out) {
  enum ModuleFound found = look_in(cx, from->dir, name, out);
  const Module *top = cx->rt->modules->all[0];
  if (found == MODULE_NOT_FOUND && from != top)
    found = look_in(cx, top->dir, name, out);
  return found;
}

static enum ModuleFound look_for(Context *cx, const Module *from,
                                 const char *name, ModuleSource *out) {
  if (!is_legal_name(name)) {
    ambi_set_message(cx, "Illegal module name: %s", name);
    return MODULE_FAILED;
  }
  const json_t *info = from->pkg ? from->pkg->root : NULL;
  const json_t *dep = json_object_get(json_object_get(info, "deps"), name);
  if (info && !dep && json_is_true(json_object_get(info, "strict")))
    return MODULE_NOT_FOUND;
  const char *path = text_at(dep, "fs_path"),
             *req = text_at(dep, "version_req");
  if (path) return take_fs_path(cx, from, path, out);
  if (text_at(dep, "git_url")) {
    ambi_set_message(cx, "module %s: git modules are not supported", name);
    return MODULE_FAILED;
  }
  enum ModuleFound found = look_around(cx, from, name, out);
  if (found != MODULE_FOUND || !req) return found;
  const char *version = out->pkg ? text_at(out->pkg->root, "version") : NULL;
  if (meets_requirement(version, req)) return MODULE_FOUND;
  ambi_set_message(cx, "module %s: version %s does not meet %s", name,
                   version ? version : "(none)", req);
  return MODULE_FAILED;
}

// A module that Hyperon would find: with its message set.
static bool is_in_python(Context *cx, const char *dir, const char *name) {
  static const char *const ends[] = {".py", "/__init__.py"};
  char *base = from_dir(dir, name);
  bool is = false;
  for (size_t i = 0; base && !is && i < sizeof ends / sizeof *ends; i++) {
    char *file = join(base, ends[i], "");
    is = file && access(file, F_OK) == 0;
    if (is)
      ambi_set_message(
          cx, "module %s is written in Python, which is not supported: %s",
          name, file);
    ambi_text_free(file);
  }
  ambi_text_free(base);
  return is;
}

enum ModuleFound ambi_module_find(Context *cx, const Module *from,
                                  const char *name, ModuleSource *out) {
  *out = (ModuleSource){0};
  enum ModuleFound found = look_for(cx, from, name, out);
  bool text = found == MODULE_FOUND && out->file;  // a folder may have none
  if (found != MODULE_FAILED && !text && is_in_python(cx, from->dir, name))
    found = MODULE_FAILED;
  if (found != MODULE_FOUND) ambi_module_source_drop(out);
  return found;
}

enum ModuleFound ambi_module_find_path(Context *cx, const Module *from,
                                       const char *path, ModuleSource *out) {
  *out = (ModuleSource){0};
  enum ModuleFound found = take_fs_path(cx, from, path, out);
  if (found == MODULE_NOT_FOUND) found = look_in(cx, from->dir, path, out);
  if (found != MODULE_FOUND) ambi_module_source_drop(out);
  return found;
}
