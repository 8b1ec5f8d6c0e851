#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shell scripts, read by ShellCheck; what ./run does not know is refused before anything is built; what git knows is the
# project, not what a build made of it.
# packages: shellcheck git
# minutes: 1
set -euo pipefail

mapfile -t scripts < <(git ls-files -- run .ci/run '*.sh')
findings=0
for script in "${scripts[@]}"; do shellcheck -x "$script" || findings=$((findings + 1)); done

unknown=("nonsense" "test nonsense" "arm64 --help" "avx512 nonsense" "docs nonsense" "release --nonsense" "clean nonsense" "fuzz nonsense")
for arguments in "${unknown[@]}"; do
  # shellcheck disable=SC2086 # a list of words
  if ./run $arguments > /dev/null 2>&1 || (($? != 2)); then
    echo "./run $arguments: does not end with status 2"
    findings=$((findings + 1))
  fi
done

# A build folder of another name than build/ is easily committed: .gitignore cannot know it.
top_level=(.ci .clang-format .editorconfig .github .gitignore CHANGELOG.md CMakeLists.txt CMakePresets.json CONTRIBUTING.md
  LICENSE README.md SECURITY.md base bench block cli cmake dispatch docs examples include kernels litert networks operators
  python release run tests)
while read -r entry; do
  echo "$entry: not part of the project's top level"
  findings=$((findings + 1))
done < <(git ls-files | sed 's|/.*||' | sort -u | grep -vxFf <(printf '%s\n' "${top_level[@]}"))
while read -r file; do
  echo "$file: made by a build"
  findings=$((findings + 1))
done < <(git ls-files | grep -E '(^|/)CMakeCache\.txt$|\.(o|a|so|obj|dll|exe|pyc)$')

# A part that stands still is ended, and is a failure with a name.
stuck() {
  local here=$PWD
  cd "$1"
  export MBCONV_LOOK_SECONDS=1 MBCONV_STILL_SECONDS=2
  # shellcheck disable=SC2034 # what parts.sh is given
  command=stuck cpus=1
  source "$here/tests/parts.sh"
  begin_parts
  part waits sleep 100000
  wait
  grep -q "^stands still: " "$logs/waits.log" && [[ $(< "$logs/waits.status") == 137\ * ]]
}
folder=$(mktemp -d)
if ! (stuck "$folder") > /dev/null 2>&1; then
  echo "a part that stands still is not ended"
  findings=$((findings + 1))
fi
rm -r "$folder"

# Programs of one of these folders import modules of the others.
while read -r name; do
  echo "$name: in more than one of the folders python/tests, tests/hosts and networks"
  findings=$((findings + 1))
done < <(git ls-files -- 'python/tests/*.py' 'tests/hosts/*.py' 'networks/*.py' | sed 's|.*/||' | sort | uniq -d)

echo "check: $((${#scripts[@]} + ${#unknown[@]} + 4)) cases, $findings findings"
((findings == 0))
