#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ./run release: a clone of this commit, elsewhere, at another time, with another umask and time zone, gives the same bytes;
# what it gives is whole; a tree that is changed or disagrees about the version is refused. The source distribution for
# Python has the files of the project, and no others.
# packages: git python3 python3-venv python3-setuptools-whl python3-wheel-whl
# minutes: 1
set -euo pipefail

work=$PWD/build/check-release
source tests/cases.sh
rm -rf "$work"
mkdir -p "$work"

git clone -q . "$work/clone"
release() { "$work/clone/run" release "$1"; }
elsewhere() (
  umask 077
  mv "$work/clone" "$work/moved"
  trap 'mv "$work/moved" "$work/clone"' EXIT
  find "$work/moved" -path '*/.git' -prune -o -exec touch -d 2001-02-03 {} +
  TZ=Asia/Kathmandu LC_ALL=C "$work/moved/run" release "$1"
)
same() { diff -r "$work/first" "$work/second"; }
try "a release is made" release "$work/first"
try "once more, under other circumstances" elsewhere "$work/second"
try "it has the same bytes" same
sums() {
  cd "$work/first"
  sha256sum -c --strict SHA256SUMS
  [[ $(find . -type f | wc -l) == 3 && $(wc -l < SHA256SUMS) == 2 ]]
}
try "the checksums are right, and there is one for each file" sums

tarball() {
  mkdir -p "$work/tarball"
  tar -xf "$work"/first/mbconv-*-source.tar.gz -C "$work/tarball" --strip-components=1
  diff <(git ls-files | sort) <(cd "$work/tarball" && find . -type f -o -type l | sed 's|^\./||' | sort)
  cmake -S "$work/tarball" -B "$work/configured" -DMBCONV_NETWORKS=OFF -DMBCONV_CLI=OFF -DMBCONV_BENCH=OFF
}
try "the tarball has the files of the project, and CMake takes it" tarball

# The bill of materials: each file once, with its checksum; every relation is between what there is.
bill() {
  python3 - "$work/first"/mbconv-*.spdx.json "$work/tarball" <<'END'
import hashlib, json, pathlib, re, sys
bill, tree = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
there = {"./" + str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}
named = [file["fileName"] for file in bill["files"]]
assert sorted(named) == sorted(there), set(named) ^ there
for file in bill["files"]:
    data = (tree / file["fileName"]).read_bytes()
    for found in file["checksums"]:
        assert hashlib.new(found["algorithm"].lower(), data).hexdigest() == found["checksumValue"], file["fileName"]
known = [item["SPDXID"] for item in bill["packages"] + bill["files"]] + [bill["SPDXID"]]
assert len(known) == len(set(known)) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in known)
for relation in bill["relationships"]:
    assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= set(known), relation
sums = sorted(file["checksums"][0]["checksumValue"] for file in bill["files"])
code = bill["packages"][0]["packageVerificationCode"]["packageVerificationCodeValue"]
assert hashlib.sha1("".join(sums).encode()).hexdigest() == code
# The libraries are those that CMake looks for.
cmake = (tree / "cmake/dependencies.cmake").read_text()
wanted = set(re.findall(r"^mbconv_need\(MBCONV_(?!BENCH)\w+ (\S+) ", cmake, re.M)) | {"libcpu-features-dev"}
listed = {item["comment"].rsplit(": ", 1)[1].rstrip(".") for item in bill["packages"][1:]}
assert wanted == listed, wanted ^ listed
END
}
try "the bill of materials names each file, and the libraries that CMake looks for" bill

# ---- What is refused -------------------------------------------------------------------------------------------------

# changed FILE CHANGE: with a change by sed, committed or not.
changed() {
  git -C "$work/clone" reset -q --hard
  sed -i "$2" "$work/clone/$1"
}
uncommitted() { changed README.md '1s/$/ /'; release "$work/refused"; }
refuse "changes that are not committed" "not committed" uncommitted
added() { git -C "$work/clone" reset -q --hard; touch "$work/clone/include/new.h"; release "$work/refused"; }
refuse "a new file" "include/new.h" added
rm -f "$work/clone/include/new.h"
other_version() {
  changed "$1" "$2"
  git -C "$work/clone" -c user.name=check -c user.email=check commit -qam "another version"
  release "$work/refused" || { git -C "$work/clone" reset -q --hard HEAD~; return 1; }
}
refuse "CMake has another version" "disagree" other_version CMakeLists.txt 's/(mbconv VERSION [0-9.]*/(mbconv VERSION 9.9.9/'
refuse "Debian's package has another version" "cmake/debian/changelog says" \
  other_version cmake/debian/changelog '1s/([0-9.]*)/(9.9.9)/'
nothing_made() { [[ ! -e $work/refused ]]; }
try "nothing was made then" nothing_made

# ---- The source distribution -----------------------------------------------------------------------------------------

export PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/share/python-wheels PIP_DISABLE_PIP_VERSION_CHECK=1
sdist() {
  (cd "$work/clone/python" && "$work/venv/bin/python" -B -c \
    'import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])' "$1")
}
# What lies about in the tree is not packed; the same bytes a second time.
distributions() {
  /usr/bin/python3 -m venv "$work/venv"
  "$work/venv/bin/python" -m pip install --quiet --ignore-installed setuptools wheel
  sdist "$work/sdist"
  mkdir -p "$work/clone/kernels/__pycache__" "$work/clone/python/mbconv/__pycache__" "$work/clone/include/.vscode"
  touch "$work/clone/kernels/__pycache__/gelu.pyc" "$work/clone/include/mbconv.h.orig" "$work/clone/kernels/.swp" \
    "$work/clone/include/.vscode/settings" "$work/clone/block/plan.o" "$work/clone/block/plan.c~"
  sdist "$work/sdist-again"
  cmp "$work"/sdist/mbconv-*.tar.gz "$work"/sdist-again/mbconv-*.tar.gz
}
try "two source distributions, one of a tree with leftovers, are the same bytes" distributions
# The library's files, the package's, and what setuptools writes.
packed() {
  tar -tzf "$work"/sdist/mbconv-*.tar.gz | sed -n 's|^mbconv-[^/]*/\(.*[^/]\)$|\1|p' | sort > "$work/packed"
  {
    git ls-files -- CMakeLists.txt LICENSE base block cmake dispatch include kernels litert operators | sed 's|^|library/|'
    git ls-files -- python | sed -n 's|^python/||; /^tests\/\|^bench\/\|^\.gitignore$/d; p'
    printf '%s\n' PKG-INFO setup.cfg
  } | sort | diff - "$work/packed"
}
try "it has the library's files and the package's, all of them and no others" packed

finish
