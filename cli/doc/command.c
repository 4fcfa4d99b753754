// `ambit doc`: of modules that are built in, of files and folders, or of one name.
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doc/doc.h"
#include "cli/lost.h"
#include "cli/near.h"
#include "cli/source/find.h"
#include "memory/alloc.h"
#include "runtime/library/embedded.h"

enum { WIDEST = 90, USUAL_WIDTH = 80, NOT_FOUND = 1 };

typedef struct DocOptions {
  bool html;
  const char *output;
} DocOptions;

static const ToolOption options[] = {
    {"--html", NULL, "as a page of HTML", TOOL_FLAG,
     offsetof(DocOptions, html)},
    {"-o", "FILE", "where to write", TOOL_TEXT, offsetof(DocOptions, output)},
};

static const Tool tool = {
    "doc [OPTION...] [MODULE|FILE|FOLDER|NAME...]",
    "Shows documentation, from the @doc atoms, types and opening comments of\n"
    "modules that are built in, of files, of all MeTTa files of a FOLDER, or "
    "what\n"
    "the built-in modules say of one NAME. Without any: which modules there "
    "are.\n"
    "On a terminal it is shown with $PAGER.\n\n"
    "exit codes: 0 fine, 1 nothing is known of a NAME, 2 usage, 3 a file "
    "cannot be\n"
    "read or parsed\n",
    options, sizeof options / sizeof *options};

typedef struct Docs {
  DocModule *at;
  size_t n, cap;
  Buffer items;  // of names, as text
  int code;
} Docs;

static DocStyle style_of(const DocOptions *o) {
  struct winsize size = {0};
  bool terminal = !o->output && isatty(STDOUT_FILENO);
  DocStyle style = {.bold = terminal && cli_colours(stdout),
                    .width = USUAL_WIDTH};
  if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
    style.width = size.ws_col < WIDEST ? size.ws_col : WIDEST;
  return style;
}

// ---- modules ------------------------------------------------------------------------

static void add_text(Docs *d, const char *name, const char *text, size_t len) {
  Tree t;
  if (!ambi_grow((void **)&d->at, &d->cap, d->n + 1, sizeof *d->at) ||
      !cli_tree_read(&t, text, len)) {
    cli_complain("out of memory");
    d->code = RUN_LIMIT;
    return;
  }
  uint32_t fault = cli_tree_fault(&t);
  if (fault) {
    DiagnosticText in = {.name = name, .text = text, .len = len};
    Diagnostics one = {0};
    cli_diagnostics_add(
        &one, SEVERITY_ERROR, NULL,
        (DiagnosticPlace){&in, t.nodes[fault].begin, t.nodes[fault].begin},
        "%s", cli_tree_fault_text(&t, fault));
    cli_diagnostics_tell(&one);
    d->code = RUN_PARSE;
  } else {
    cli_doc_collect(&d->at[d->n++], name, &t);
  }
  cli_tree_free(&t);
}

static void add_embedded(Docs *d, const EmbeddedFile *f) {
  add_text(d, f->name, f->text, f->len);
}

static const EmbeddedFile *find_embedded(const char *name) {
  const EmbeddedFile *f = ambi_embedded;
  while (f->name && strcmp(f->name, name) != 0)
    f++;
  return f->name ? f : NULL;
}

static void add_file(Docs *d, const char *path) {
  FileText file;
  if (!ambi_file_load(path, 0, NULL, &file)) {
    cli_complain("cannot read %s: %s", path, strerror(errno));
    d->code = RUN_PARSE;
    return;
  }
  add_text(d, path, file.text, file.len);
  ambi_file_drop(&file);
}

static void add_path(Docs *d, const char *word) {
  Paths paths = {0};
  if (!cli_find(&paths, word, cli_is_program)) d->code = RUN_PARSE;
  for (size_t i = 0; i < paths.n; i++)
    add_file(d, paths.at[i]);
  cli_paths_drop(&paths);
}

static void drop(Docs *d) {
  for (size_t i = 0; i < d->n; i++)
    cli_doc_drop(&d->at[i]);
  ambi_free(d->at, d->cap * sizeof *d->at);
  ambi_buffer_drop(&d->items);
}

// ---- names --------------------------------------------------------------------------

static void not_found(Docs *d, const Docs *all, const char *name) {
  const char *nearest = NULL;
  size_t best = CLI_FAR, len = strlen(name);
  for (size_t i = 0; i < all->n; i++)
    for (size_t k = 0; k < all->at[i].nitems; k++) {
      const char *other = all->at[i].items[k].name;
      size_t distance = other ? cli_distance(name, len, other) : CLI_FAR;
      if (distance >= best) continue;
      best = distance;
      nearest = other;
    }
  if (nearest && cli_is_near(best, len))
    cli_complain("nothing is known of %s; did you mean %s?", name, nearest);
  else
    cli_complain("nothing is known of %s, and there is no such file", name);
  if (!d->code) d->code = NOT_FOUND;
}

static bool put_name(Buffer *b, const Docs *all, const char *name,
                     DocStyle style) {
  bool found = false;
  for (size_t i = 0; i < all->n; i++) {
    const DocItem *item = cli_doc_find(&all->at[i], name);
    if (!item) continue;
    if (b->len) ambi_buffer_puts(b, "\n");
    cli_doc_item_text(b, &all->at[i], item, style);
    found = true;
  }
  return found;
}

static void add_all_embedded(Docs *d) {
  for (const EmbeddedFile *f = ambi_embedded; f->name; f++)
    add_embedded(d, f);
}

static bool is_whole(const Docs *d) {
  for (size_t i = 0; i < d->n; i++)
    if (d->at[i].failed) return false;
  return d->code != RUN_LIMIT;
}

static void add_name(Docs *d, const char *name, DocStyle style) {
  Docs all = {0};
  add_all_embedded(&all);
  if (!is_whole(&all))
    cli_lost();
  else if (!put_name(&d->items, &all, name, style))
    not_found(d, &all, name);
  drop(&all);
}

bool cli_doc_name_text(Buffer *b, const char *name, DocStyle style) {
  Docs all = {0};
  add_all_embedded(&all);
  bool found = is_whole(&all) && put_name(b, &all, name, style);
  if (!is_whole(&all)) cli_lost();
  drop(&all);
  return found;
}

static void add_word(Docs *d, const char *word, DocStyle style) {
  const EmbeddedFile *f = find_embedded(word);
  if (access(word, F_OK) == 0)
    add_path(d, word);
  else if (f)
    add_embedded(d, f);
  else if (strchr(word, '/') || cli_is_program(word))
    add_file(d, word);
  else
    add_name(d, word, style);
}

// ---- output ---------------------------------------------------------------------------

static int write_to(const char *path, const Buffer *b) {
  CliFile f;
  if (!cli_file_begin(&f, path)) return RUN_INTERNAL;
  fwrite(b->text, 1, b->len, f.out);
  return cli_file_end(&f) ? RUN_OK : RUN_INTERNAL;
}

// On a terminal by $PAGER, or by less, which ends by itself if all fits.
static void show(Cli *cli, const Buffer *b) {
  const char *pager = getenv("PAGER");
  if (!pager || !*pager) pager = "less -FRX 2>/dev/null || cat";
  fflush(NULL);
  FILE *out = isatty(STDOUT_FILENO) ? popen(pager, "w") : NULL;
  if (out) fwrite(b->text, 1, b->len, out);
  if (out) pclose(out);
  if (!out) cli_write(cli, b->text, b->len);
}

// Everything that was asked for, as text.
static void put_all(Buffer *b, const DocOptions *o, const Docs *d, bool list) {
  DocStyle style = style_of(o);
  ambi_buffer_puts(b, "");
  if (o->html && d->n)
    cli_doc_html(b, d->at, d->n);
  else if (list)
    cli_doc_list_text(b, d->at, d->n, style);
  for (size_t i = 0; i < d->n && !o->html && !list; i++) {
    if (i) ambi_buffer_puts(b, "\n");
    cli_doc_text(b, &d->at[i], style);
  }
  if (d->items.len) ambi_buffer_put(b, d->items.text, d->items.len);
}

static int give(Cli *cli, const DocOptions *o, const Docs *d, bool list) {
  Buffer b = {0};
  bool failed = d->items.failed || !is_whole(d);
  if (!failed) put_all(&b, o, d, list);
  int code = d->code;
  if (failed || b.failed) {
    cli_complain("out of memory");
    code = RUN_LIMIT;
  } else if (o->output && (b.len || !code)) {
    int written = write_to(o->output, &b);
    if (written) code = written;
  } else if (b.len) {
    show(cli, &b);
  }
  ambi_buffer_drop(&b);
  return code;
}

int cli_doc(Cli *cli, int argc, char **argv) {
  DocOptions o = {0};
  ToolWords words;
  Docs d = {0};
  int code = cli_tool_read(&tool, &o, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (!words.n) add_all_embedded(&d);
  for (int i = 0; i < words.n; i++)
    add_word(&d, words.at[i], style_of(&o));
  if (o.html && d.items.len) {
    cli_complain("option --html is for modules and files, not for names");
    code = EXIT_USAGE;
  } else {
    code = give(cli, &o, &d, !words.n);
  }
  drop(&d);
  return code;
}
