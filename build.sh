#!/bin/bash
# Builds, runs and tests Ambit. One type, one verb; `./build.sh help` lists them.
set -eu
cd "$(dirname "$0")"

packages="cmake ninja-build gcc g++ pkg-config libgmp-dev libjansson-dev
  libpcre2-dev libxxhash-dev libck-dev libasmjit-dev check libedit-dev perl libio-pty-perl"
case ${CC:-} in
clang*)
  packages="$packages clang"
  export CXX=${CXX:-${CC/clang/clang++}} # one compiler for both languages
  ;;
esac

help() {
  cat <<'END'
usage: ./build.sh [type] [verb] [arguments]

types  release   -O2, no assertions, in build/ (default)
       debug     -O1 with assertions
       asan      assertions, AddressSanitizer and UndefinedBehaviorSanitizer
       ubsan     assertions and UndefinedBehaviorSanitizer
       tsan      assertions and ThreadSanitizer
       stress    assertions, collection at every call, structures walked
       noise     asan, and threads change places in front of atomic operations
       Every type but release is built in build/<type>/.

verbs  build               the program `ambit` (default)
       run FILE [ARGS]     builds quietly, then runs the program
       test [PROVE ARGS]   builds all tests and runs them under prove
       bench [ARGS]        builds, then runs bench/run (bench/README.md)
       fuzz [TARGET...] [SECONDS]
                           builds the fuzz targets with clang, in build/fuzz/,
                           and runs each for so long (tests/fuzz/run)
       valgrind [PROVE ARGS]
                           builds all tests and runs them with the program under
                           valgrind, without more words tests/matrix.t
       soak [COUNT] [OPTIONS]
                           builds the tests, then runs so many generated programs
                           (1000000) in both tiers (docs/testing.md)
       soak memory [SECONDS]
                           one process that does the same work for so long (600):
                           does its memory stay what it was? (tests/soak/memory)
       soak actors [SECONDS]
                           actors killed at random, limited and left without memory
                           for so long (600): is anything lost, stuck or left behind?
       nightly [--minutes N] [SECONDS] [PART...]
                           all of it: lint, the tests of every type, with gcc and
                           with clang, soak, and each fuzz target for so long (1200);
                           what was interrupted goes on where it was; with --minutes
                           all ends after about so long (tests/nightly)
       package             Debian packages, in packages/ of the build folder:
                           ambit, libambit0, libambit-dev
       fmt                 formats every C file in place
       docs                makes docs/opcodes.md from opcodes.def, and docs/reference/
                           from what is built in and its examples
       lint                checks formatting, the direction of includes and calls,
                           what threads share, doors that the library must use,
                           and that `docs` would change nothing
       clean               removes the build of this type
       help                this text

environment
       CC, CXX             the compilers, e.g. CC=clang ./build.sh
       JOBS                parallel compilations (default: all processors)
END
}

# Missing packages are installed by root; others are told the command.
need_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake will tell
  local missing="" p
  for p in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
      missing="$missing $p"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >&2
    # shellcheck disable=SC2086
    apt-get install -q -y --no-install-recommends $missing >&2
  else
    echo "apt-get install -y$missing"
    exit 1
  fi
}

cmake_options() {
  case $type in
  release) echo -DCMAKE_BUILD_TYPE=Release ;;
  debug) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON ;;
  asan) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON -DAMB_SANITIZE=address,undefined ;;
  ubsan) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON -DAMB_SANITIZE=undefined ;;
  tsan) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON -DAMB_SANITIZE=thread ;;
  stress) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON -DAMB_STRESS=ON ;;
  noise) echo -DCMAKE_BUILD_TYPE=Debug -DAMB_DEBUG=ON -DAMB_SANITIZE=address,undefined \
    -DAMB_NOISE=ON ;;
  esac
}

# A build folder remembers its compiler; another CC starts it afresh.
fresh_if_other_compiler() {
  local cache=$dir/CMakeCache.txt used
  [ -n "${CC:-}" ] && [ -f "$cache" ] || return 0
  used=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$cache")
  [ "$used" = "$(command -v "${CC%% *}")" ] || echo --fresh
}

build() { # build [CMAKE OPTIONS]
  need_packages
  # shellcheck disable=SC2046
  cmake -S . -B "$dir" -G Ninja $(fresh_if_other_compiler) $(cmake_options) "$@"
  cmake --build "$dir" --parallel "${JOBS:-$(nproc)}"
}

build_quietly() { # as build, but shows the output only when it fails
  local log
  log=$(mktemp)
  [ -x "$dir/ambit" ] || echo "building in $dir/, which takes some minutes" >&2
  if ! build "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
  fi
  rm -f "$log"
}

# How much slower than a release build the tests may be.
slowdown() {
  case $type in
  release) echo 1 ;;
  debug | ubsan) echo 3 ;;
  *) echo 10 ;;
  esac
}

run_tests() {
  build -DAMB_TESTS=ON
  export AMBIT="$PWD/$dir/ambit" AMBIT_BUILD="$PWD/$dir"
  export AMBIT_SLOW="${AMBIT_SLOW:-$(slowdown)}" CK_TIMEOUT_MULTIPLIER
  CK_TIMEOUT_MULTIPLIER=$(slowdown)
  [ $# -gt 0 ] || set -- -r tests
  exec prove -j 2 "$@"
}

# What is made of tables, below a folder that looks like this one.
make_docs() { # FOLDER
  mkdir -p "$1/docs"
  rm -rf "$1/docs/reference"
  tests/tools/opcodes_md.sh >"$1/docs/opcodes.md"
  tests/tools/reference_md.pl "$1/docs/reference"
}

docs_are_made() {
  local made status=0
  made=$(mktemp -d)
  make_docs "$made"
  diff -u docs/opcodes.md "$made/docs/opcodes.md" >&2 || status=1
  diff -ru docs/reference "$made/docs/reference" >&2 || status=1
  rm -rf "$made"
  [ $status = 0 ] || echo "renew them: ./build.sh docs" >&2
  return $status
}

c_files() {
  find memory runtime compiler_thread scheduler cli include tests bench examples \
    -name '*.[ch]' -o -name '*.cpp' 2>/dev/null | sort
}

type=release
case ${1:-} in
release | debug | asan | ubsan | tsan | stress | noise)
  type=$1
  shift
  ;;
esac
dir=build
[ "$type" = release ] || dir=build/$type
verb=${1:-build}
[ $# -eq 0 ] || shift

case $verb in
build) build -DAMB_TESTS=OFF ;;
run)
  build_quietly -DAMB_TESTS=OFF
  exec "$dir/ambit" "$@"
  ;;
test) run_tests "$@" ;;
bench)
  command -v python3 >/dev/null || {
    echo "bench/run needs python3" >&2
    exit 1
  }
  build_quietly -DAMB_TESTS=OFF
  AMBIT="$PWD/$dir/ambit" exec bench/run "$@"
  ;;
valgrind)
  command -v valgrind >/dev/null || {
    echo "apt-get install valgrind" >&2
    exit 1
  }
  build -DAMB_TESTS=ON
  export AMBIT="$PWD/tests/tools/memcheck" AMBIT_CHECKED="$PWD/$dir/ambit"
  # Memory for machine code cannot be mapped there.
  export AMBIT_SLOW="${AMBIT_SLOW:-60}" AMBIT_MODES="${AMBIT_MODES:-tier0,tier1}"
  [ $# -gt 0 ] || set -- tests/matrix.t
  exec prove "$@"
  ;;
fuzz) exec tests/fuzz/run "$@" ;;
soak)
  build_quietly -DAMB_TESTS=ON
  if [ "${1:-}" = memory ]; then
    AMBIT="$PWD/$dir/ambit" exec tests/soak/memory --seconds "${2:-600}" \
      --plot "$dir/memory.svg"
  fi
  if [ "${1:-}" = actors ]; then
    CK_DEFAULT_TIMEOUT=0 exec "$dir/unit/chaos_test" "${2:-600}" "${3:-$RANDOM}"
  fi
  count=1000000
  case ${1:-} in [0-9]*)
    count=$1
    shift
    ;;
  esac
  mkdir -p "$dir/found"
  exec "$dir/soak" --count "$count" --jobs "${JOBS:-$(nproc)}" --save "$dir/found" "$@"
  ;;
nightly) exec tests/nightly "$@" ;;
package)
  packages="$packages dpkg-dev"
  build_quietly -DAMB_TESTS=OFF
  packaging/deb.sh "$dir" "$dir/packages"
  if command -v lintian >/dev/null; then
    lintian --fail-on error,warning "$dir"/packages/*.deb
  fi
  ;;
fmt) c_files | xargs clang-format -i ;;
docs) make_docs . ;;
lint)
  status=0
  c_files | xargs clang-format --dry-run -Werror || status=1
  tests/check_layers.sh || status=1
  tests/check_shared.sh || status=1
  build_quietly
  tests/check_objects.sh "$dir" || status=1
  docs_are_made || status=1
  exit $status
  ;;
clean) rm -rf "$dir" ;;
help | -h | --help) help ;;
*)
  echo "build.sh: no type or verb named '$verb'" >&2
  help >&2
  exit 2
  ;;
esac
