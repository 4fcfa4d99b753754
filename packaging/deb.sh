#!/bin/bash
# Makes the Debian packages of a build: deb.sh BUILD FOLDER.
#
# Each package is one part of what `cmake --install` brings (packaging/install.cmake), moved
# to where Debian has such files, stripped, and described. DEBFULLNAME and DEBEMAIL say whose
# packages they are. A build gives the same bytes each time.
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

changelog() { dpkg-parsechangelog -l "$here/debian/changelog" -S "$1"; }
version=$(changelog Version)
maintainer=$(changelog Maintainer)
maintainer="${DEBFULLNAME:-${maintainer% <*}} <${DEBEMAIL:-$(expr "$maintainer" : '.*<\(.*\)>')}>"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(changelog Timestamp)}"
arch=$(dpkg-architecture -qDEB_HOST_ARCH)
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
if ! grep -qx "CMAKE_PROJECT_VERSION:STATIC=$version" "$build/CMakeCache.txt"; then
  echo "deb.sh: $build is not of version $version, which packaging/debian/changelog tells of" >&2
  exit 1
fi

install_part() { # PART PACKAGE
  DESTDIR="$work/$2" cmake --install "$build" --prefix /usr --component "$1" >/dev/null
}

# Libraries of several architectures stand side by side.
to_multiarch() { # PACKAGE
  local lib=$work/$1/usr/lib
  if [ ! -d "$lib/$triplet" ]; then
    mv "$lib" "$lib-here"
    mkdir -p "$lib"
    mv "$lib-here" "$lib/$triplet"
  fi
  # shellcheck disable=SC2016
  find "$lib" -name ambit.pc -exec sed -i -e 's|^prefix=.*|prefix=${pcfiledir}/../../..|' \
    -e "s|^libdir=.*|libdir=\${prefix}/lib/$triplet|" {} +
}

# What the objects of a package need, by the packages they were linked with.
needs_of() { # PACKAGE FILE
  (cd "$work" && dpkg-shlibdeps -O "$1/$2" 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
}

documents() { # PACKAGE
  local doc=$work/$1/usr/share/doc/$1
  mkdir -p "$doc"
  cp "$here/debian/copyright" "$doc/copyright"
  gzip -9nc "$here/debian/changelog" >"$doc/changelog.gz"
  chmod 644 "$doc/copyright" "$doc/changelog.gz"
}

control() { # PACKAGE SECTION MULTIARCH DEPENDS, further fields on standard input
  local tree=$work/$1
  mkdir -p "$tree/DEBIAN"
  documents "$1"
  (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  {
    printf '%s: %s\n' Package "$1" Source ambit Version "$version" Section "$2" Priority optional \
      Architecture "$arch" Multi-Arch "$3" Maintainer "$maintainer" \
      Installed-Size "$(du -sk --apparent-size "$tree/usr" | cut -f1)"
    [ -z "$4" ] || echo "Depends: $4"
    cat
  } | grep -vx 'Source: '"$1" >"$tree/DEBIAN/control"
}

bundle() { # PACKAGE
  find "$work/$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz -z"${AMBIT_XZ_LEVEL:-6}" --build "$work/$1" "$out" >/dev/null
  echo "$out/$1_${version}_$arch.deb"
}

mkdir "$work/debian"
printf 'Source: ambit\n\nPackage: ambit\nArchitecture: any\n' >"$work/debian/control"

# ---- ambit ----------------------------------------------------------------------

install_part program ambit
install_part library libambit0
install_part development libambit-dev
usr=$work/ambit/usr
strip --strip-unneeded -R .comment -R .note "$usr/bin/ambit"
gzip -9n "$usr/share/man/man1/ambit.1" "$work/libambit-dev/usr/share/man/man3/libambit.3"
mv "$usr/share/zsh/site-functions" "$usr/share/zsh/vendor-completions"
mkdir -p "$work/libambit-dev/usr/share/doc/libambit-dev/examples"
mv "$usr/share/doc/ambit/examples/c" "$work/libambit-dev/usr/share/doc/libambit-dev/examples/"
needs=$(needs_of ambit usr/bin/ambit)
control ambit interpreters foreign "$needs" <<'END'
Suggests: libcapstone4, vim
Description: runs programs in MeTTa, the language of OpenCog Hyperon
 MeTTa is a language of rules and spaces of atoms, in which an expression may
 have several results, or none. This program compiles its rules to bytecode,
 and to machine code what is called often, and searches with choice points and
 backtracking. It has a prompt, a checker, a formatter, a test runner, and a
 language server for editors.
END

# ---- libambit0 ------------------------------------------------------------------

to_multiarch libambit0
object=usr/lib/$triplet/libambit.so.$version
strip --strip-unneeded -R .comment -R .note "$work/libambit0/$object"
chmod 644 "$work/libambit0/$object"
needs=$(needs_of libambit0 "$object")
control libambit0 libs same "$needs" <<'END'
Description: MeTTa as a C library
 MeTTa is a language of rules and spaces of atoms, the language of OpenCog
 Hyperon. With this library a C program evaluates it, asks spaces, and gives it
 operations of its own.
END
echo "libambit 0 libambit0 (>= $version)" >"$work/libambit0/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$work/libambit0/DEBIAN/triggers"
printf 'libambit.so.0 libambit0 #MINVER#\n* Build-Depends-Package: libambit-dev\n' >"$work/symbols"
(cd "$work" && dpkg-gensymbols -q -c0 -v"$version" -plibambit0 -Plibambit0 -e"libambit0/$object" \
  -Isymbols -Olibambit0/DEBIAN/symbols >/dev/null)

# ---- libambit-dev ---------------------------------------------------------------

to_multiarch libambit-dev
strip --strip-debug -R .comment -R .note --enable-deterministic-archives \
  "$work/libambit-dev/usr/lib/$triplet/libambit.a"
control libambit-dev libdevel same "libambit0 (= $version)" <<'END'
Recommends: libasmjit-dev, libgmp-dev, libjansson-dev, libpcre2-dev
Description: MeTTa as a C library: header and static library
 MeTTa is a language of rules and spaces of atoms, the language of OpenCog
 Hyperon. Here is what C programs are built with that use libambit. The
 packages that are recommended are needed to link statically.
END

for package in ambit libambit0 libambit-dev; do
  bundle "$package"
done
