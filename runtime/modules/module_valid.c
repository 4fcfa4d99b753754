// A walk over the modules and their tree of names.
#include "runtime/modules/module.h"

static bool is_known(const Modules *ms, const Module *m) {
  for (size_t i = 0; i < ms->n; i++)
    if (ms->all[i] == m) return true;
  return false;
}

static bool is_name(const Modules *ms, size_t below, const char *path,
                    size_t len) {
  for (size_t i = 0; i < below; i++)
    if (strlen(ms->names[i].path) == len &&
        memcmp(ms->names[i].path, path, len) == 0)
      return true;
  return false;
}

static bool tree_is_valid(const Modules *ms, const char **why) {
  for (size_t i = 0; i < ms->nnames; i++) {
    const char *path = ms->names[i].path, *colon = strrchr(path, ':');
    if (!is_known(ms, ms->names[i].module))
      return ambi_invalid(why, "a name of no module");
    if (is_name(ms, i, path, strlen(path)))
      return ambi_invalid(why, "a name that stands for two modules");
    if (i == 0 ? strcmp(path, "top") != 0
               : !colon || !is_name(ms, i, path, (size_t)(colon - path)))
      return ambi_invalid(why, "a name in front of its parent, or without one");
  }
  return true;
}

static bool module_is_valid(const Module *m, const char **why) {
  if (!m->path || !m->tokens || !m->space || m->space->cell.kind != CELL_SPACE)
    return ambi_invalid(why, "a module that is not whole");
  if (m->loading && m->loaded)
    return ambi_invalid(why, "a module that is loaded and being loaded");
  return ambi_tokens_is_valid(m->tokens, why) &&
         (!m->exported || ambi_tokens_is_valid(m->exported, why));
}

bool ambi_modules_is_valid(const Modules *ms, const char **why) {
  for (size_t i = 0; i < ms->n; i++) {
    if (ms->all[i]->id != i)
      return ambi_invalid(why, "a module under another's number");
    if (!module_is_valid(ms->all[i], why)) return false;
  }
  if (ms->corelib && !is_known(ms, ms->corelib))
    return ambi_invalid(why, "a core library that is no module");
  return tree_is_valid(ms, why);
}
