#!/bin/sh
# Writes C arrays holding MeTTa files: embed.sh OUT ARRAY FILE...
# Each file NAME.metta becomes a row { "NAME", text, length } of the array.
set -eu
out=$1
array=$2
shift 2
{
  echo '#include "runtime/library/embedded.h"'
  for f in "$@"; do
    name=$(basename "$f" .metta | tr -c 'a-zA-Z0-9\n' '_')
    echo "static const unsigned char text_$name[] = {"
    od -An -v -tx1 "$f" | sed 's/\([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '0};'
  done
  echo "extern const EmbeddedFile $array[];"
  echo "const EmbeddedFile $array[] = {"
  for f in "$@"; do
    base=$(basename "$f" .metta)
    name=$(echo "$base" | tr -c 'a-zA-Z0-9\n' '_')
    echo "{\"$base\", (const char *)text_$name, sizeof text_$name - 1},"
  done
  echo '{0, 0, 0}};'
} >"$out.tmp"
mv "$out.tmp" "$out"
