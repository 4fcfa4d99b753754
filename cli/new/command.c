// `ambit new`: a project to begin with: a module, a program, a test, pkg-info.json.
//
// What is made is laid out, passes its test and is documented, so that each tool has
// something to work on.
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "memory/alloc.h"

typedef struct NewFile {
  const char *path;  // in the project's folder; % is the project's name
  const char *text;  // likewise
} NewFile;

static const NewFile files[] = {
    {"pkg-info.json",
     "{\n  \"name\": \"%\",\n  \"version\": \"0.1.0\",\n  \"strict\": false,\n"
     "  \"deps\": {}\n}\n"},
    {"module.metta",
     "; %: what it is for, in one sentence.\n\n"
     "(@doc greet\n"
     "  (@desc \"Greets somebody\")\n"
     "  (@params ((@param \"The name\")))\n"
     "  (@return \"The greeting\"))\n"
     "(: greet (-> String String))\n"
     "(= (greet $name) (format-args \"Hello, {}!\" ($name)))\n"},
    {"main.metta", "; A program that uses the module.\n\n"
                   "!(import! &self ./module.metta)\n"
                   "!(println! (greet \"world\"))\n"},
    {"tests/%_test.metta",
     "; What the module promises. Run with: ambit test\n\n"
     "!(import! &self ../module.metta)\n"
     "!(assertEqual (greet \"world\") \"Hello, world!\")\n"},
    {"README.md", "# %\n\n"
                  "    ambit main.metta          run the program\n"
                  "    ambit test                run the tests\n"
                  "    ambit check .             look for mistakes\n"
                  "    ambit fmt .               lay it out\n"
                  "    ambit doc module.metta    show the documentation\n\n"
                  "A program beside this folder uses the module with `(import! "
                  "&self %)`.\n"},
};
static const char *const folders[] = {"", "/tests"};

static const Tool tool = {
    "new NAME",
    "Makes a folder NAME with a project to begin with: a module, a program "
    "that\n"
    "uses it, a test, and pkg-info.json. NAME may be a path; its last part, "
    "of\n"
    "letters, digits, - and _, is the name of the module.\n\n"
    "exit codes: 0 fine, 2 usage, 5 something cannot be written\n",
    NULL, 0};

static bool is_name(const char *s) {
  bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
  while ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
         (*s >= '0' && *s <= '9') || *s == '-' || *s == '_')
    s++;
  return letter && !*s;
}

static void fill_in(Buffer *b, const char *text, const char *name) {
  for (; *text; text++) {
    if (*text == '%')
      ambi_buffer_puts(b, name);
    else
      ambi_buffer_put(b, text, 1);
  }
}

static bool make_folder(const char *project, const char *folder) {
  Buffer path = {0};
  ambi_buffer_puts(&path, project);
  ambi_buffer_puts(&path, folder);
  if (path.failed) errno = ENOMEM;
  bool ok = !path.failed && mkdir(path.text, 0777) == 0;
  if (!ok)
    cli_complain("cannot make %s%s: %s", project, folder, strerror(errno));
  ambi_buffer_drop(&path);
  return ok;
}

static bool make_file(const char *project, const NewFile *file,
                      const char *name) {
  Buffer path = {0}, text = {0};
  ambi_buffer_puts(&path, project);
  ambi_buffer_puts(&path, "/");
  fill_in(&path, file->path, name);
  fill_in(&text, file->text, name);
  CliFile f;
  bool ok = !path.failed && !text.failed;
  if (!ok) cli_complain("out of memory");
  ok = ok && cli_file_begin(&f, path.text);
  if (ok) {
    fwrite(text.text, 1, text.len, f.out);
    ok = cli_file_end(&f);
  }
  ambi_buffer_drop(&path);
  ambi_buffer_drop(&text);
  return ok;
}

int cli_new(Cli *cli, int argc, char **argv) {
  ToolWords words;
  int code = cli_tool_read(&tool, NULL, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (words.n > 1) return cli_tool_refuse(&tool, words.at[1]);
  const char *project = words.n ? words.at[0] : "";
  const char *slash = strrchr(project, '/');
  const char *name = slash ? slash + 1 : project;
  if (!is_name(name)) {
    cli_complain("new needs a NAME that begins with a letter and has letters, "
                 "digits, - and _ only");
    return EXIT_USAGE;
  }
  bool ok = true;
  for (size_t i = 0; i < sizeof folders / sizeof *folders && ok; i++)
    ok = make_folder(project, folders[i]);
  for (size_t i = 0; i < sizeof files / sizeof *files && ok; i++)
    ok = make_file(project, &files[i], name);
  if (ok)
    fprintf(cli->out, "%s is there; to begin:\n  cd %s\n  ambit test\n",
            project, project);
  return ok ? RUN_OK : RUN_INTERNAL;
}
