#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's packages: made, read by lintian, installed in a root of their own that knows the packages of this machine, used,
# and removed.
# packages: g++ make ninja-build pkg-config lintian dpkg-dev fakeroot libpthreadpool-dev
# minutes: 1
set -euo pipefail

work=$PWD/build/check-packages
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work/debs" "$work/bin" "$work/debian"
root=$work/root
lib=$root/usr/lib/$(cc -print-multiarch)
export PKG_CONFIG_PATH=$lib/pkgconfig

packages() {
  cmake --preset package -G Ninja -B "$work/build"
  cmake --build "$work/build" --parallel 2
  cd "$work/build"
  cpack -G DEB -B "$work/debs"
}
try "the packages are made" packages
debs=("$work"/debs/*.deb)

names() { dpkg-deb -f "$1" Package; }
all_there() {
  local deb
  for deb in "${debs[@]}"; do names "$deb"; done | sort |
    diff - <(printf '%s\n' libmbconv-dev libmbconv-networks-dev libmbconv-networks0.2 libmbconv0.2 mbconv)
}
try "they are the five" all_there

# What lintian warns of: CPack's own scripts call ldconfig, and the command has no manual page.
linted() {
  lintian --allow-root --fail-on error,warning \
    --suppress-tags maintscript-calls-ldconfig,no-manual-page,unknown-field "${debs[@]}"
}
try "lintian has neither errors nor warnings" linted
for deb in "${debs[@]}"; do
  name=$(names "$deb")
  documents() {
    dpkg-deb --fsys-tarfile "$deb" | tar xO "./usr/share/doc/$name/copyright" | grep -F 'MERCHANTABILITY'
    dpkg-deb --fsys-tarfile "$deb" | tar xO "./usr/share/doc/$name/changelog.gz" | zcat > "$work/changelog"
    [[ $(dpkg-parsechangelog -l "$work/changelog" -S Version) == $(dpkg-deb -f "$deb" Version) ]]
  }
  try "$name: copyright and changelog, of this version" documents
done

# ---- A root of their own ----------------------------------------------------------------------------------------------

# dpkg there; its scripts run here, but with an ldconfig that does not touch this machine.
dpkg_there() {
  local as_root=()
  if ((EUID)); then as_root=(fakeroot); fi
  PATH=$work/bin:$PATH:/usr/sbin:/sbin "${as_root[@]}" dpkg --root="$root" --force-script-chrootless --no-triggers "$@"
}
printf '#!/bin/sh\necho called >> %q\n' "$work/ldconfig-calls" > "$work/bin/ldconfig"
chmod +x "$work/bin/ldconfig"
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
cp /var/lib/dpkg/status "$root/var/lib/dpkg/"
cp /var/lib/dpkg/info/*.list "$root/var/lib/dpkg/info/"

install_two() { dpkg_there --install "$work"/debs/libmbconv0.2_*.deb "$work"/debs/libmbconv-dev_*.deb; }
try "libmbconv0.2 and libmbconv-dev are installed" install_two
try "ldconfig was called" grep -x called "$work/ldconfig-calls"
refuse "without libmbconv-networks0.2 there is no mbconv" "depends on libmbconv-networks0.2" \
  dpkg_there --install "$work"/debs/mbconv_*.deb

linked() {
  # shellcheck disable=SC2046 # a list of words
  cc -o "$work/$1" examples/block.c $(pkg-config "${@:2}" --cflags --libs mbconv)
  LD_LIBRARY_PATH=$lib "$work/$1"
}
try "pkg-config --libs mbconv links and runs" linked block
try "pkg-config --static --libs mbconv links and runs" linked block_with_all --static
linked_statically() {
  local flags
  flags=$(pkg-config --static --libs mbconv)
  # shellcheck disable=SC2046,SC2086 # lists of words
  cc -o "$work/block_static" examples/block.c $(pkg-config --cflags mbconv) ${flags/-lmbconv/-l:libmbconv.a}
  ldd "$work/block_static" | awk '/libmbconv/' | nothing
  "$work/block_static"
}
try "pkg-config --static --libs mbconv has all that libmbconv.a needs" linked_statically
# Every library that the static one is linked with comes from a package that libmbconv-dev depends on, or from libc's.
all_depended_on() {
  local flag file package
  for flag in $(pkg-config --static --libs-only-l mbconv); do
    for file in "lib${flag#-l}.so" "lib${flag#-l}.a"; do
      file=$(realpath -s "$(cc -print-file-name="$file")")
      [[ -f $file ]] || continue # ours, which this machine does not have, or of the other kind
      package=$(dpkg -S "$file" | sed -n '1s/:.*//p')
      echo "$flag: $file of $package"
      [[ $package == libc6-dev || $depended, == *" $package,"* ]]
      break
    done
  done
}
depended=$(dpkg-deb -f "$work"/debs/libmbconv-dev_*.deb Depends)
try "libmbconv-dev depends on what its static library needs" all_depended_on
found() {
  cmake -G Ninja -S examples/static_and_shared -B "$work/consumer" -DCMAKE_PREFIX_PATH="$root/usr"
  cmake --build "$work/consumer"
  "$work/consumer/block_static"
  "$work/consumer/block_shared"
}
try "find_package" found
depends() {
  cd "$work"
  printf 'Source: block\n\nPackage: block\nArchitecture: any\n' > debian/control
  dpkg-shlibdeps -O -L"$root/var/lib/dpkg/info/libmbconv0.2.shlibs" -l"$lib" block | tee /dev/stderr | grep -F 'libmbconv0.2 (>= '
}
try "a package of a program gets to depend on libmbconv0.2" depends

install_rest() { dpkg_there --install "${debs[@]}"; }
try "all are installed" install_rest
command_runs() { LD_LIBRARY_PATH=$lib "$root/usr/bin/mbconv" info; }
try "the command runs" command_runs
networks() {
  sed -n '/^ \*     #include <mbconv_networks.h>/,/^ \*     }$/s/^ \*     \?//p' include/mbconv_networks.h \
    > "$work/network.c"
  # shellcheck disable=SC2046 # a list of words
  cc -o "$work/network" "$work/network.c" $(pkg-config --static --cflags --libs mbconv_networks)
}
try "pkg-config --static --libs mbconv_networks links" networks

remove() {
  dpkg_there --purge mbconv libmbconv-networks-dev libmbconv-networks0.2 libmbconv-dev libmbconv0.2
  find "$root" -name '*mbconv*' | nothing
}
try "they are removed, and nothing is left" remove

finish
