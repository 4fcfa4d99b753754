// Modules: space, tokens, resource directory, name path (semantics section 12).
//
// Modules hang in one tree of names below "top"; a name may be an alias of a
// module loaded before from the same file. The modules compiled into the
// program have their place in the tree from the start and are loaded at the
// first use.
#ifndef AMBIT_RUNTIME_MODULE_H
#define AMBIT_RUNTIME_MODULE_H

#include "runtime/library/embedded.h"
#include "runtime/runtime.h"

typedef struct PkgInfo PkgInfo;

struct Module {
  char *path;  // "top", "top:mod", "top:a:b"
  Space *space;
  Tokens *tokens;
  Tokens *exported;  // what import! brings along (built-in modules), or NULL
  char *dir;         // resource directory, NULL if none
  uint32_t id;       // as print-mods! shows
  bool loading;
  struct PkgInfo *pkg;  // parsed pkg-info.json or NULL
  char *file;           // its text, or directory if it has no text, or NULL
  const EmbeddedFile *embedded;  // its text when built in
  bool loaded;
};

typedef struct ModuleName {
  char *path;
  Module *module;
} ModuleName;

typedef struct Modules {
  Module **all;  // by id
  size_t n, cap;
  ModuleName *names;  // the tree, parents before children
  size_t nnames, names_cap;
  Module *corelib;
  unsigned nesting;  // scripts running inside one another
  Limits ceiling;    // the limits from outside, which pragmas may not exceed
  bool has_ceiling;
} Modules;

// Where the text of a module is.
typedef struct ModuleSource {
  char *file;  // real path of the text; NULL: a directory without a text
  char *dir;   // real path of the resource directory
  PkgInfo *pkg;
} ModuleSource;

bool ambi_modules_open(Runtime *rt);  // core library and the built-in modules
void ambi_modules_close(Runtime *rt);
bool ambi_modules_is_valid(const Modules *ms, const char **why);
// The top module whose files stand in `dir` (NULL: the working directory).
Module *ambi_module_top(Runtime *rt);
bool ambi_module_set_dir(Module *m, const char *dir);
// Finds, or loads and runs, a module by the name a program used in `from`.
// NULL with cx->message (reason) or cx->error_reason set, or cx->stop.
Module *ambi_module_load(Context *cx, Module *from, const char *name);
// The same for a file or directory; the module becomes a child of top.
Module *ambi_module_load_path(Context *cx, Module *from, const char *path);
// Runs the text of a module, not loading it, inside `into`. The results of its
// last form go to cx->many. False as above.
bool ambi_module_include(Context *cx, Module *into, const char *name);
// Makes `m` a dependency of `into` (rules, tokens). No-op the second time.
bool ambi_module_import(Module *into, Module *m);
// The tree of names as text, one line a module.
void ambi_modules_print(Runtime *rt, Buffer *b);

// ---- names and files (module_find.c) ----------------------------------------
// "mod", "self:mod", "top:mod" as written in `from` -> absolute name path, made
// with ambi_alloc (free with its length + 1). NULL with cx->message or cx->stop.
char *ambi_module_absolute(Context *cx, const Module *from, const char *name);
const char *ambi_module_last_name(const char *path);
// The text of module `name`, looked for as `from` may see it.
enum ModuleFound {
  MODULE_FOUND,
  MODULE_NOT_FOUND,
  MODULE_FAILED  // cx->message or cx->stop is set
};
enum ModuleFound ambi_module_find(Context *cx, const Module *from,
                                  const char *name, ModuleSource *out);
enum ModuleFound ambi_module_find_path(Context *cx, const Module *from,
                                       const char *path, ModuleSource *out);
void ambi_module_source_drop(ModuleSource *s);
void ambi_pkg_close(PkgInfo *p);
// Does it end like the name of a file?
bool ambi_module_is_file_name(const char *name);
// Is it a path rather than a module name: NAME.metta, ./NAME, ../NAME?
bool ambi_module_is_path(const char *name);
char *ambi_text_copy(const char *s, size_t len);  // NUL-terminated; or NULL
void ambi_text_free(char *s);                     // made by ambi_text_copy

// A whole file or stream in memory. False with errno (EFBIG: more than `max`
// bytes, 0 = no limit; EINTR: `rt`, if there is one, was cancelled). Free text
// with cap.
typedef struct FileText {
  char *text;
  size_t len, cap;
} FileText;
bool ambi_file_read(int fd, uint64_t max, const Runtime *rt, FileText *out);
bool ambi_file_load(const char *path, uint64_t max, const Runtime *rt,
                    FileText *out);
void ambi_file_drop(FileText *f);

// "64M" -> bytes; suffixes k M G T, powers of 1024. False: not a size.
bool ambi_size_parse(const char *s, uint64_t *bytes);

#endif
