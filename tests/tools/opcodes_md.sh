#!/bin/sh
# Prints docs/opcodes.md, made from runtime/bytecode/opcodes.def:
#   tests/tools/opcodes_md.sh > docs/opcodes.md
set -eu
cd "$(dirname "$0")/../.."

cat <<'END'
# The instructions of tier 1

Made from `runtime/bytecode/opcodes.def` by `tests/tools/opcodes_md.sh`; change that
table, not this file. `ambit disasm FILE [NAME]` shows them at work.

END

awk '
  /^\/\/ clang-format off/ { rows = 1; print "```text\n" legend "```"; next }
  /^\/\/ clang-format on/ { rows = 0; next }
  /^\/\/ / && !rows { legend = legend substr($0, 4) "\n"; next }
  /^\/\/ / && rows {
    title = substr($0, 4)
    print "\n## " toupper(substr(title, 1, 1)) substr(title, 2)
    in_table = 0
    next
  }
  /^OP\(/ {
    row = $0
    if (!match(row, /^OP\([A-Z0-9_]+, +"[^"]*", [^"]*, ".*"\)$/)) {
      print "row not understood: " row > "/dev/stderr"
      exit 1
    }
    name = row; sub(/^OP\(/, "", name); sub(/,.*/, "", name)
    operands = row; sub(/^[^"]*"/, "", operands); sub(/".*/, "", operands)
    flags = row; sub(/^[^"]*"[^"]*", /, "", flags); sub(/, ".*/, "", flags)
    text = row; sub(/^[^"]*"[^"]*"[^"]*"/, "", text); sub(/"\)$/, "", text)
    gsub(/[<>|]/, "\\\\&", text)
    gsub(/ \| /, " ", flags)
    if (flags == "0") flags = ""
    if (!in_table) {
      print "\n| Name | Operands | Flags | Meaning |\n|---|---|---|---|"
    }
    in_table = 1
    printf "| `%s` | `%s` | %s | %s |\n", name, operands, flags, text
  }
' runtime/bytecode/opcodes.def
