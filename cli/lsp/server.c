// The conversation with an editor: who may say what when, and who answers.
#include <errno.h>
#include <string.h>

#include "cli/lost.h"
#include "cli/lsp/lsp.h"

enum {  // of JSON-RPC and the protocol
  NO_JSON = -32700,
  NO_REQUEST = -32600,
  NO_METHOD = -32601,
  NO_PARAMS = -32602,
  NOT_YET = -32002
};

typedef struct Server {
  Wire wire;
  Documents documents;
  bool begun, shut, over;
} Server;

// ---- answers ----------------------------------------------------------------

static void reply(Server *s, const json_t *id, json_t *result) {
  lsp_write(&s->wire, id,
            json_pack("{s:s,s:O,s:o}", "jsonrpc", "2.0", "id", id, "result",
                      result ? result : json_null()));
}

static void refuse(Server *s, const json_t *id, int code, const char *why) {
  json_t *to = id ? json_incref((json_t *)(uintptr_t)id) : json_null();
  lsp_write(&s->wire, to,
            json_pack("{s:s,s:O,s:{s:i,s:s}}", "jsonrpc", "2.0", "id", to,
                      "error", "code", code, "message", why));
  json_decref(to);
}

static json_t *capabilities(void) {
  return json_pack(
      "{s:{s:s,s:{s:b,s:i,s:b},s:b,s:{s:[s,s]},s:b,s:b,s:b,s:b,s:b},s:{s:s}}",
      "capabilities", "positionEncoding", "utf-16", "textDocumentSync",
      "openClose", 1, "change", 2, "save", 1, "hoverProvider", 1,
      "completionProvider", "triggerCharacters", "$", "&", "definitionProvider",
      1, "referencesProvider", 1, "documentFormattingProvider", 1,
      "documentSymbolProvider", 1, "codeActionProvider", 1, "serverInfo",
      "name", "ambit");
}

static const struct {
  const char *method;
  LspAnswer *answer;
} requests[] = {
    {"textDocument/hover", lsp_hover},
    {"textDocument/completion", lsp_completion},
    {"textDocument/definition", lsp_definition},
    {"textDocument/references", lsp_references},
    {"textDocument/formatting", lsp_formatting},
    {"textDocument/documentSymbol", lsp_symbols},
    {"textDocument/codeAction", lsp_actions},
};

static const char *uri_in(const json_t *params) {
  return json_string_value(
      json_object_get(json_object_get(params, "textDocument"), "uri"));
}

static void answer(Server *s, const json_t *id, const char *method,
                   const json_t *params) {
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    if (strcmp(requests[i].method, method) != 0) continue;
    Document *d = lsp_find(&s->documents, uri_in(params));
    if (d)
      reply(s, id, requests[i].answer(d, params));
    else
      refuse(s, id, NO_PARAMS, "the document is not open");
    return;
  }
  refuse(s, id, NO_METHOD, method);
}

// ---- requests and notifications ---------------------------------------------

static void on_request(Server *s, const json_t *id, const char *method,
                       const json_t *params) {
  if (strcmp(method, "initialize") == 0 && !s->begun) {
    s->begun = true;
    reply(s, id, capabilities());
  } else if (!s->begun) {
    refuse(s, id, NOT_YET, "initialize comes first");
  } else if (s->shut) {
    refuse(s, id, NO_REQUEST, "the server was shut down");
  } else if (strcmp(method, "shutdown") == 0) {
    s->shut = true;
    reply(s, id, NULL);
  } else {
    answer(s, id, method, params);
  }
}

static void publish(Server *s, const char *uri, json_t *all) {
  lsp_write(&s->wire, NULL,
            json_pack("{s:s,s:s,s:{s:s,s:o}}", "jsonrpc", "2.0", "method",
                      "textDocument/publishDiagnostics", "params", "uri", uri,
                      "diagnostics", all));
}

static void on_open(Server *s, const json_t *params) {
  const json_t *text =
      json_object_get(json_object_get(params, "textDocument"), "text");
  const char *uri = uri_in(params);
  if (uri && json_is_string(text))
    lsp_open(&s->documents, uri, json_string_value(text),
             json_string_length(text));
}

static void on_change(Server *s, const json_t *params) {
  Document *d = lsp_find(&s->documents, uri_in(params));
  json_t *changes = json_object_get(params, "contentChanges"), *change;
  size_t i;
  if (!d) return;
  json_array_foreach(changes, i, change) lsp_change(d, change);
}

static void on_close(Server *s, const json_t *params) {
  const char *uri = uri_in(params);
  if (!lsp_find(&s->documents, uri)) return;
  publish(s, uri, json_array());
  lsp_close(&s->documents, uri);
}

// What was saved may be what another document imports.
static void on_save(Server *s) {
  for (size_t i = 0; i < s->documents.n; i++) {
    Document *d = s->documents.at[i];
    json_t *same = json_pack("{s:s#}", "text", d->text, (int)d->len);
    if (same) lsp_change(d, same);
    json_decref(same);
  }
}

static void on_notification(Server *s, const char *method,
                            const json_t *params) {
  if (strcmp(method, "exit") == 0) s->over = true;
  if (!s->begun || s->shut) return;
  if (strcmp(method, "textDocument/didOpen") == 0) on_open(s, params);
  if (strcmp(method, "textDocument/didChange") == 0) on_change(s, params);
  if (strcmp(method, "textDocument/didClose") == 0) on_close(s, params);
  if (strcmp(method, "textDocument/didSave") == 0) on_save(s);
}

static void on_message(Server *s, const json_t *m) {
  const json_t *id = json_object_get(m, "id");
  const char *method = json_string_value(json_object_get(m, "method"));
  const json_t *params = json_object_get(m, "params");
  bool response = json_object_get(m, "result") || json_object_get(m, "error");
  if (!method && response) return;  // nothing was asked of the editor
  if (!method || (id && !json_is_integer(id) && !json_is_string(id)))
    refuse(s, id, NO_REQUEST, "a method, and an id of a request, are expected");
  else if (id)
    on_request(s, id, method, params);
  else
    on_notification(s, method, params);
}

// Diagnostics wait until nothing more has come, as while somebody types.
static void tell_diagnostics(Server *s) {
  for (size_t i = 0; i < s->documents.n; i++) {
    Document *d = s->documents.at[i];
    if (d->told) continue;
    d->told = true;
    publish(s, d->uri, lsp_diagnostics(d));
  }
}

int cli_lsp(Cli *cli, int argc, char **argv) {
  static const Tool tool = {
      .usage = "lsp",
      .about =
          "Answers an editor on standard input and output, by the Language "
          "Server Protocol:\ndiagnostics of check, hover, completion, "
          "definition, references, formatting.\n"};
  ToolWords words;
  int code = cli_tool_read(&tool, NULL, argc, argv, &words, cli->out);
  if (code >= 0) return code;
  if (words.n) return cli_tool_refuse(&tool, words.at[0]);
  Server s = {.wire = {.out = cli->out}};
  while (!s.over && !s.wire.broken) {
    json_t *message;
    WireRead r = lsp_read(&s.wire, false, &message);
    if (r == WIRE_NONE) {
      tell_diagnostics(&s);
      r = lsp_read(&s.wire, true, &message);
    }
    if (r == WIRE_END) break;
    if (r == WIRE_BAD)
      refuse(&s, NULL, NO_JSON, "this is no message");
    else
      on_message(&s, message);
    // It may have been a change of a text, which is not the editor's any more then.
    if (cli_losses() != s.wire.losses) lsp_close_all(&s.documents);
    json_decref(message);
  }
  lsp_close_all(&s.documents);
  lsp_wire_drop(&s.wire);
  if (s.wire.broken && s.wire.broken != EPIPE)
    cli_complain("cannot write the output: %s", strerror(s.wire.broken));
  if (s.wire.broken) return RUN_INTERNAL;
  return s.over && s.shut ? RUN_OK : 1;
}
