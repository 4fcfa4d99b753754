#!/bin/sh
# usage: check_objects.sh BUILD
# What only the compiled objects tell: that no folder calls one above it, that the
# library calls nothing it must not, and that nothing global changes but what is
# named here. Exit status 1: something does.
set -eu
cd "$(dirname "$0")/.."
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

status=0
complain() { # complain TEXT FILE
  [ -s "$2" ] || return 0
  echo "$1:" >&2
  cat "$2" >&2
  status=1
}

# folder: folders whose symbols it may use; everybody: every folder that is there
rows='
memory: memory
runtime: memory runtime
compiler_thread: memory runtime compiler_thread
scheduler: memory runtime scheduler
cli: memory runtime compiler_thread scheduler cli
'
# Objects lie where their sources do; sources that are gone may have left some. The
# embedded library and the boot image belong to the runtime.
objects() {
  find "$build/CMakeFiles" -path "*.dir/$1/*.o" ! -path '*_test.dir/*' ! -path '*/make/*' |
    sort -u | while read -r object; do
    source=${object#*.dir/}
    [ ! -f "${source%.o}" ] || echo "$object"
  done
  [ "$1" != runtime ] ||
    find "$build/CMakeFiles" -path '*.dir/embedded.c.o' -o -path '*.dir/boot_image.c.o'
}

for folder in memory runtime compiler_thread scheduler cli; do
  objects $folder >"$work/objects"
  : >"$work/$folder.defined"
  : >"$work/$folder.used"
  [ -s "$work/objects" ] || continue
  xargs nm -P --defined-only -g <"$work/objects" | awk 'NF > 2 {print $1}' |
    sort -u >"$work/$folder.defined"
  xargs nm -A -P --undefined-only <"$work/objects" |
    sed -n 's/^\([^:]*\): \([^ ]*\) U.*/\2 \1/p' | sort -u >"$work/$folder.used"
done
[ -s "$work/memory.defined" ] || {
  echo "check_objects.sh: no objects in $build; build first" >&2
  exit 1
}

# ---- upward calls -------------------------------------------------------------

# The one meeting point of two folders on the same floor.
meeting='scheduler/system\.c\.o uses .* of compiler_thread/$'

: >"$work/bad"
echo "$rows" | while IFS=: read -r folder allowed; do
  [ -n "$folder" ] || continue
  for other in memory runtime compiler_thread scheduler cli; do
    case " $allowed " in *" $other "*) continue ;; esac
    join "$work/$folder.used" "$work/$other.defined" |
      awk -v o="$other" '{print "  " $2 " uses " $1 " of " o "/"}' |
      grep -v "$meeting" >>"$work/bad" || true
  done
done
complain 'calls that point upward' "$work/bad"

# ---- what the library must not call --------------------------------------------

# symbol: the one file that may (-: nobody)
doors='
malloc memory/alloc.c
calloc memory/alloc.c
realloc memory/alloc.c
reallocarray memory/alloc.c
free memory/alloc.c
strdup -
strndup -
aligned_alloc memory/alloc.c
posix_memalign memory/alloc.c
mmap memory/pages.c
munmap memory/pages.c
mprotect memory/pages.c
mremap memory/large.c
abort memory/check.c
exit -
_exit -
fork -
signal -
sigaction -
puts -
printf -
putchar -
stdout -
longjmp -
setlocale -
'
# Machine code is made in pages of its own, and so are large blocks; files are mapped by
# memory/mapping.c.
exception='^  .*(compiler_thread|memory/(large|mapping)\.c).* uses (mmap|munmap|mprotect|mremap)$'
sort "$work/memory.used" "$work/runtime.used" "$work/compiler_thread.used" \
  "$work/scheduler.used" >"$work/used"
echo "$doors" | while read -r symbol file; do
  [ -n "$symbol" ] || continue
  awk -v s="$symbol" -v f="$file" \
    '$1 == s && (f == "-" || index($2, "/" f ".o") == 0) {print "  " $2 " uses " s}' "$work/used"
done | grep -vE "$exception" >"$work/bad" || true
complain 'calls that the library must not make, or through one door only' "$work/bad"

# ---- what changes and is global ------------------------------------------------

# The counters and switches of the whole process, and the list that debuggers look for.
counters='alloc.c.o (attempts|failing_one)$|account.c.o (bytes_out|bytes_limit|begun|key|has_key)$|stress.c.o ambi_stress_switches$'
counters="$counters|gdb.c.o (lock|__jit_debug_descriptor)\$"
# cli/ is a program and may have such; compilers keep counters of their own.
for folder in memory runtime compiler_thread scheduler; do
  objects $folder
done | while read -r object; do
  objdump -t "$object" | awk -v o="  $object" \
    '$2 != "df" && / (\.data|\.bss|\*COM\*)(\.|\t| )/ && $NF !~ /^\.(data|bss)/ && !/\.data\.rel\.ro/ {print o, $NF}'
done | grep -vE "$counters|__(sancov|llvm|asan|odr)|___asan|\\.L" >"$work/bad" || true
complain 'global things that change' "$work/bad"
exit $status
