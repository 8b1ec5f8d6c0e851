# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian's Python and NumPy for ARM64 in a folder, run by qemu: installed, they would take the place of this machine's own.

arm64_packages_of_python=(python3.11-minimal libpython3.11-minimal libpython3.11-stdlib python3-numpy libblas3 liblapack3
  libgfortran5 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libssl3 libc6)

# arm64_unpacked FOLDER
arm64_unpacked() {
  mkdir -p "$1/debs"
  (cd "$1/debs" && apt-get download -q "${arm64_packages_of_python[@]/%/:arm64}")
  local deb
  for deb in "$1"/debs/*.deb; do dpkg -x "$deb" "$1"; done
}

# arm64_python FOLDER WHEEL ARGUMENT...: WHEEL is one that is unpacked. The loader is told where its libraries are.
arm64_python() {
  local folder=$1 wheel=$2 libraries
  shift 2
  libraries=$folder/lib/aarch64-linux-gnu:$folder/usr/lib/aarch64-linux-gnu
  libraries+=:$folder/usr/lib/aarch64-linux-gnu/blas:$folder/usr/lib/aarch64-linux-gnu/lapack
  env PYTHONHOME="$folder/usr" PYTHONPATH="$wheel:$folder/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 \
    qemu-aarch64 -cpu max "$folder/lib/ld-linux-aarch64.so.1" --library-path "$libraries" \
    "$folder/usr/bin/python3.11" "$@"
}

arm64_imported() {
  arm64_python "$1" "$2" -c "import mbconv, platform
assert platform.machine() == 'aarch64' and mbconv.__file__.startswith('$2/'), mbconv.__file__
assert mbconv.usable_isas()[0] == 'neon', mbconv.usable_isas()"
}

# arm64_tests FOLDER WHEEL MODULE...
arm64_tests() { (cd python/tests && arm64_python "$1" "$2" -m unittest "${@:3}"); }
