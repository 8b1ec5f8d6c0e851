#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A fresh Debian, twice, in folders that debootstrap fills. One has Python and pip and no compiler: there the wheel is
# installed as a user would, and README's lines of Python run. The other has nothing but apt: there `./run demo` of a clean
# clone does all the set-up. The chroots are removed at the end.
# packages: debootstrap git
# on request: it downloads 1 GB of Debian's packages, and zig, which builds the wheel
# minutes: 5
set -euo pipefail

work=$PWD/build/check-chroot
source tests/cases.sh
root=()
((EUID == 0)) || root=(sudo)
# shellcheck disable=SC2317 # by trap
removed() { "${root[@]}" rm -rf --one-file-system "$work/python" "$work/bare"; }
removed
trap removed EXIT
rm -rf "$work"
mkdir -p "$work"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# in_chroot NAME COMMAND...: as root there, in its own namespaces: what it mounts and starts ends with it. Nothing of this
# machine's environment comes along, nor do its libraries and programs.
in_chroot() {
  # shellcheck disable=SC2016 # the inner shell's
  "${root[@]}" unshare --mount --pid --fork --kill-child bash -c \
    'mount -t proc proc "$0/proc"; mount --rbind /sys "$0/sys"; exec chroot "$0" env -i "${@}"' "$work/$1" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive PIP_CERT=/etc/ssl/certs/ca-certificates.crt "${@:2}"
}
# timed WHAT COMMAND...: like try; says how long it took.
timed() {
  local start=$SECONDS
  try "$@"
  echo "    $((SECONDS - start)) s"
}
installed() { # installed NAME PACKAGE...
  in_chroot "$1" apt-get -q update
  in_chroot "$1" apt-get -q install -y --no-install-recommends "${@:2}"
}
no_tools() { # no_tools NAME: what compiles or links
  # shellcheck disable=SC2016 # the inner shell's
  in_chroot "$1" sh -c 'for tool in cc gcc g++ c++ c99 clang tcc as ld make ninja cmake; do command -v $tool; done; true' | nothing
}

fresh() {
  "${root[@]}" debootstrap --variant=minbase "$suite" "$work/python"
  "${root[@]}" cp -a "$work/python" "$work/bare"
}
timed "two chroots of Debian" fresh

# ---- A wheel, where there is no compiler ---------------------------------------------------------------------------

# From a clean clone, with a zig of its own: another check may be making wheels here.
git clone -q . "$work/clone"
tag=manylinux2014_$(uname -m)
wheel() {
  "$work/clone/run" wheels "manylinux-$(uname -m)"
  ls "$work"/clone/build/wheels/mbconv-*-py3-none-"$tag".whl
}
timed "a wheel is made" wheel

python_alone() {
  installed python python3 python3-pip python3-venv
  no_tools python
  # The authorities that this machine trusts, in case that it reaches PyPI by a proxy.
  "${root[@]}" cp /etc/ssl/certs/ca-certificates.crt "$work/python/etc/ssl/certs/"
  "${root[@]}" mkdir "$work/python/dist"
  "${root[@]}" cp "$work"/clone/build/wheels/*.whl "$work/python/dist"
}
timed "Python and pip, and nothing that compiles" python_alone

program() { # program PAGE TEXT: the first one of the page that has this text
  python3 -B - "$@" <<'END'
import pathlib, re, sys
programs = re.findall(r"```python\n(.*?)```", pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)
print(next(program for program in programs if sys.argv[2] in program))
END
}
# runs ENVIRONMENT PROGRAM TEXT: prints it.
runs() {
  echo "$2" > "$work/program.py"
  "${root[@]}" cp "$work/program.py" "$work/python/root/program.py"
  in_chroot python "/opt/$1/bin/python" /root/program.py | tee "$work/printed"
  grep -E "$3" "$work/printed"
}
# shellcheck disable=SC2016 # the inner shell's
by_pip() { # by_pip ENVIRONMENT OPTION...
  in_chroot python python3 -m venv "${@:2}" "/opt/$1"
  in_chroot python sh -c '"$0" -m pip install /dist/mbconv-*.whl' "/opt/$1/bin/python"
}
timed "pip install dist/...whl, with NumPy from PyPI" by_pip alone
try "pip finds nothing missing" in_chroot python /opt/alone/bin/python -m pip check
try "python/README's program on NumPy" runs alone "$(program python/README.md "np, mbconv")" 'scratch'
try "python/README's program in int8" runs alone "$(program python/README.md mbconv.int8)" '^int8 '
timed "Debian's NumPy, PyTorch and torchvision" installed python python3-numpy python3-torch python3-torchvision
timed "pip install dist/...whl, which takes that NumPy" by_pip debian --system-site-packages
try "README's three lines of Python" runs debian "$(program README.md torchvision)" 'mbconv: 18 modules replaced, 1 kept'
try "there is still nothing that compiles" no_tools python

# ---- The sources, where there is nothing ---------------------------------------------------------------------------

clone() {
  no_tools bare
  rm -rf "$work/clone/build"
  [[ -z $(git -C "$work/clone" status --porcelain --ignored) ]]
  "${root[@]}" cp -a "$work/clone" "$work/bare/root/mbconv"
}
try "a clean clone, and nothing that compiles" clone
demo() {
  in_chroot bare /root/mbconv/run demo | tee "$work/printed"
  grep -E '^scalar +sleef .* yes ' "$work/printed"
}
timed "./run demo" demo
refuse "a compiler would have been seen" /usr/bin/gcc no_tools bare

finish
