#!/bin/sh
# Includes point down only: each folder may include from the folders named in
# its row, always by the path from the root. Exit status 1: something does not.
set -eu
cd "$(dirname "$0")/.."

# folder: folders it may include
rows='
memory: memory
runtime: memory runtime
compiler_thread: memory runtime compiler_thread
scheduler: memory runtime scheduler include
cli: memory runtime compiler_thread scheduler cli include
'
# The one meeting point of two folders on the same floor.
exception='^scheduler/system\.c:[0-9]*:.*"compiler_thread/'

found=$(
  echo "$rows" | while IFS=: read -r folder allowed; do
    [ -d "$folder" ] || continue
    pattern=$(echo "$allowed" | sed 's/^ *//; s/ *$//; s/  */|/g')
    grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
      --include='*.c' --include='*.h' --include='*.cpp' "$folder" |
      grep -vE "include[[:space:]]*\"($pattern)/" | grep -v "$exception" || true
  done
)
[ -z "$found" ] && exit 0
echo "includes that point upward, or not from the root:" >&2
echo "$found" >&2
exit 1
