#!/bin/sh
# What threads share: all atomics come from memory/atomic.h, and every field that
# more than one thread looks at says whose it is, in a tag that opens its comment.
# The tags are explained in memory/atomic.h. Exit status 1: something does not.
set -eu
cd "$(dirname "$0")/.."

status=0
complain() { # complain TEXT LINES
  [ -n "$2" ] || return 0
  printf '%s:\n%s\n' "$1" "$2" >&2
  status=1
}

folders='memory runtime cli'
for folder in compiler_thread scheduler; do
  [ -d $folder ] && folders="$folders $folder"
done
lines() { # lines PATTERN: where it stands in code, comments left out
  # shellcheck disable=SC2086
  grep -rnE --include='*.c' --include='*.h' --include='*.cpp' "$1" $folders |
    grep -vE '^[^:]*:[0-9]*: *(//|\*)' || true
}

complain 'atomics that do not come from memory/atomic.h' "$(
  lines '(_Atomic|\batomic_|__atomic_|__sync_|\bstdatomic|memory_order_|std::atomic|\bvolatile\b)' |
    grep -v '^memory/atomic\.h:' | grep -vE '(asm|__asm__) volatile' || true
)"

# A declaration ends with its tag, on its own line, or on the next where it goes on there
# or that is a comment; or the struct that it stands in opens with one, for all fields.
tag='//.*[[]((own|lock|evaluator)>all|init|own|lock(:[a-z]+)?|all~?|compiler|evaluator)[]]'
# shellcheck disable=SC2086
complain 'shared without a tag that says whose it is' "$(
  find $folders -name '*.[ch]' ! -path memory/atomic.h | sort | xargs awk -v tag="$tag" '
    FNR == 1 { if (late != "") print late; late = ""; all = 0 }
    late != "" {
      own = late ~ /;/ && $0 !~ /^ *\/\//  # what follows is another field
      if (own || $0 !~ tag) print late
      late = ""
    }
    /struct.*[{]/ { all = $0 ~ tag }
    /^[}]/ { all = 0 }
    all || /^ *\/\// || /static inline|[(]void[)]|^ *(return|if|while)/ { next }
    /AMB_ATOMIC[(][^)]*[)][ *]*[A-Za-z_]|[^.>A-Za-z0-9_]x_[a-z_][a-z_][a-z_]+( = [^;]*)?;/ {
      if ($0 !~ tag) late = FILENAME ":" FNR ":" $0
    }
    END { if (late != "") print late }'
)"
complain 'tags nobody has explained' "$(
  lines '//.*\[(init|own|lock|all|compiler|evaluator)[]:>~]' | grep -vE "$tag" || true
)"
exit $status
