# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2046,SC2154 # words are split on purpose; `run` sets what is not set here
# The parts of `./run test` and `./run check`, which source this. A part is a command whose output goes to $logs/NAME.log;
# parts run beside each other, as many as there are CPUs. `test` sums up every line `set <isa>: <n> cases, ...` in the
# logs, `check` tables each part's last line `check: <n> cases, <n> findings`.

logs=build/$command-logs
machine=$(uname -m)

# ---- Running parts -------------------------------------------------------------------------------------------------

elapsed() { printf '%2d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

begin_parts() {
  mkdir -p build
  exec 9> "$logs.lock"
  if ! flock --nonblock 9; then
    say "another './run $command' is at work in this folder"
    exit 1
  fi
  rm -rf "$logs"
  mkdir -p "$logs"
  set -m # every part is a process group of its own, which goes with us
  trap stop_parts EXIT
}

stop_parts() {
  local group
  for group in $(jobs -p); do kill -- "-$group" 2>/dev/null || true; done
}

# part NAME COMMAND...
part() {
  local name=$1
  shift
  while (($(jobs -pr | wc -l) >= cpus)); do wait -n || true; done
  echo "[$(elapsed)] $name ..."
  run_part "$name" "$@" 9>&- & # the lock is ours alone
}

run_part() {
  local name=$1 start=$SECONDS status work watcher
  shift
  set +e
  (set -euo pipefail && "$@") > "$logs/$name.log" 2>&1 < /dev/null &
  work=$!
  watch_part "$work" "$logs/$name.log" &
  watcher=$!
  wait "$work"
  status=$?
  kill "$watcher" 2> /dev/null
  echo "$status $((SECONDS - start))" > "$logs/$name.status"
  if ((status == 0)); then
    echo "[$(elapsed)] $name passed in $((SECONDS - start)) s"
  else
    echo "[$(elapsed)] $name FAILED with status $status after $((SECONDS - start)) s; the end of $logs/$name.log:"
    tail -n 60 "$logs/$name.log"
  fi
}

# tree_of PROCESS: it and all that it began, a line each: number, and ticks of CPU time with those of children that ended.
tree_of() {
  cat /proc/[0-9]*/stat 2> /dev/null | sed -E 's/^([0-9]+) .*\) /\1 /' | awk -v root="$1" '
    {parent[$1] = $3; ticks[$1] = $13 + $14 + $15 + $16}
    END {
      for (process in parent) {
        for (at = process; at in parent && at != root;) at = parent[at]
        if (at == root) print process, ticks[process]
      }
    }'
}

# A part that stands still, a thread or a download that waits for ever, is ended after ten minutes in which it used less
# than a second of CPU time: a machine that is only slow uses it. What its processes waited in goes to the log.
# watch_part PROCESS LOG
watch_part() {
  local used last=0 since=$SECONDS process
  while sleep "${MBCONV_LOOK_SECONDS:-15}" > /dev/null 2>&1; do
    used=$(tree_of "$1" | awk '{sum += $2} END {print sum + 0}')
    if ((used < last || used - last >= $(getconf CLK_TCK))); then
      last=$used since=$SECONDS
      continue
    fi
    if ((SECONDS - since < ${MBCONV_STILL_SECONDS:-600})); then continue; fi
    {
      echo "stands still: $((SECONDS - since)) s without a second of CPU time"
      for process in $(tree_of "$1" | cut -d ' ' -f 1); do
        echo "process $process in $(cat "/proc/$process/wchan" 2> /dev/null): $(tr '\0' ' ' 2> /dev/null < "/proc/$process/cmdline")"
        if command -v gdb > /dev/null && ! grep -qxE 'bash|sh|sleep|tee|timeout' "/proc/$process/comm" 2> /dev/null; then
          gdb -p "$process" -batch -ex 'thread apply all backtrace 8' 2> /dev/null | grep -E '^(Thread|#)' || true
        fi
      done
    } >> "$2"
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $(tree_of "$1" | cut -d ' ' -f 1)
    return
  done
}

# finish_parts SET...: waits, sums up and exits; each of the sets must have been tested.
finish_parts() {
  wait
  local name broken=0
  for name in "$logs"/*.status; do
    # A part that failed without a failed case counts as one.
    if [[ $(< "$name") != 0\ * ]] && ! grep -qE '^set .*, [1-9][0-9]* failed' "${name%.status}.log"; then
      broken=$((broken + 1))
    fi
  done
  awk -v required="${*:-$(required_sets)}" -v broken="$broken" '
    /^set [a-z0-9]+: [0-9]+ cases, [0-9]+ failed, [0-9]+ skipped$/ {
      isa = substr($2, 1, length($2) - 1)
      cases[isa] += $3; failed[isa] += $5; skipped[isa] += $7
    }
    END {
      count = split(required, sets, " ")
      for (i = 1; i <= count; i++) {
        isa = sets[i]
        printf "set %s: %d cases, %d failed, %d skipped\n", isa, cases[isa], failed[isa], skipped[isa]
        if (!cases[isa]) broken++
        passes += cases[isa] - failed[isa]; failures += failed[isa]; skips += skipped[isa]
      }
      printf "%d passed, %d failed, %d skipped\n", passes, failures + broken, skips
      exit (failures + broken > 0)
    }' "$logs"/*.log
}

# ---- The checks: files of tests/checks ------------------------------------------------------------------------------

# checks_of WHICH: the longest first, as the line `# minutes: <n>` of each says. Those with a line `# on request` are only
# among them if WHICH is `all`.
checks_of() {
  local file
  for file in tests/checks/*.sh; do
    if [[ $1 != all ]] && grep -q '^# on request' "$file"; then continue; fi
    echo "$(sed -n 's/^# minutes: //p' "$file") $(basename "$file" .sh)"
  done | sort -k1,1nr -k2 | cut -d ' ' -f 2
}

# packages_of CHECK...: what the line `# packages:` of each says.
packages_of() { local check; for check in "$@"; do sed -n 's/^# packages: //p' "tests/checks/$check.sh"; done; }

# finish_checks CHECK...: waits, draws the table and exits. A check that failed without saying so counts as a finding.
finish_checks() {
  wait
  local check status seconds line cases findings passed=0 failed=0
  printf '\n%-20s %12s %9s %8s\n' check cases findings seconds
  for check in "$@"; do
    read -r status seconds < "$logs/$check.status"
    line=$(grep -E '^check: [0-9]+ cases, [0-9]+ findings$' "$logs/$check.log" | tail -n 1 || true)
    read -r cases findings <<< "$(sed -E 's/^check: ([0-9]+) cases, ([0-9]+) findings$/\1 \2/' <<< "${line:-check: 0 cases, 0 findings}")"
    if ((status != 0 && findings == 0)) || ((cases == 0)); then findings=$((findings + 1)); fi
    printf '%-20s %12d %9d %8d\n' "$check" "$cases" "$findings" "$seconds"
    if ((findings)); then failed=$((failed + 1)); else passed=$((passed + 1)); fi
  done
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

# ---- What this CPU can run, and what the others are emulated by ----------------------------------------------------

cpu_has() {
  local flag
  for flag in "$@"; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}

# Those of f32. The suite i8 runs int8's avx2_vnni and avx512_vnni under avx2 and avx512, where the CPU has them, and
# mbconv_twins_tests where it has not; neon_dotprod and neon_i8mm under neon.
native_sets() {
  echo scalar
  if [[ $machine == aarch64 ]]; then echo neon; fi
  if cpu_has avx2 fma; then echo avx2; fi
  if cpu_has avx512f avx512vl avx512bw avx512dq; then echo avx512; fi
}

required_sets() { if [[ $machine == x86_64 ]]; then echo scalar avx2 avx512 neon; else echo scalar neon; fi; }

# The sets of this architecture that this very CPU lacks.
emulated_sets() {
  local isa here
  here=" $(native_sets | tr '\n' ' ')"
  if [[ $machine == x86_64 ]]; then
    for isa in avx2 avx512; do [[ $here == *" $isa "* ]] || echo "$isa"; done
  fi
}

packages_of_other_cpus() {
  if [[ $machine == x86_64 ]]; then echo "${arm64_packages[@]}"; fi
  if [[ -n $(emulated_sets) ]]; then echo "${emulator_packages[@]}"; fi
}

# ---- The parts -----------------------------------------------------------------------------------------------------

all_parts() {
  local isa counted=()
  build default
  if [[ $machine == x86_64 ]]; then build default mbconv_twins_tests; fi
  if [[ -n $(emulated_sets) ]]; then part emulator emulated $(emulated_sets); fi
  for isa in $(native_sets); do
    part "native-$isa" but_longest_sweeps default --isa "$isa" --require "$isa"
    part "networks-$isa" networks_tests_of default --isa "$isa" --require "$isa"
  done
  if [[ $machine == x86_64 ]]; then part twins twins; fi
  # Of each what its parts below need, no benchmark.
  build shared
  build no-sleef
  if [[ $machine == x86_64 ]]; then counted=(mbconv_instructions); fi
  build clang mbconv mbconv_tests mbconv_networks_tests mbconv_cli "${counted[@]}"
  build asan mbconv_tests mbconv_networks_tests mbconv_cplusplus_tests
  build tsan mbconv_tests mbconv_networks_tests
  if [[ $machine == x86_64 ]]; then
    build arm64-linux mbconv mbconv_tests mbconv_networks_tests mbconv_cli
    build arm64-linux-clang mbconv mbconv_tests mbconv_networks_tests
  fi
  part asan but_sweeps asan
  part asan-networks networks_tests_of asan --budget small
  part asan-cplusplus build/asan/tests/cplusplus/mbconv_cplusplus_tests
  part cplusplus build/default/tests/cplusplus/mbconv_cplusplus_tests
  part clang but_sweeps clang
  if [[ $machine == x86_64 ]]; then
    arm64_parts
    part arm64-networks emulated_networks
    part no-fma without_fma
  fi
  part tsan thread_sanitized
  part no-sleef tests_of no-sleef --budget small
  part no-sleef-networks networks_tests_of no-sleef --budget small
  part pytorch live_pytorch
  part networks networks
  part command command_line
  part full-disk tests/full_disk.sh build/default
  part bench-csv tests/bench_csv.sh build/default
  part headers headers
  part binaries binaries default clang
  if [[ $machine == x86_64 ]] && cpu_has avx2 fma; then part instructions instructions default clang; fi
}

# The oldest CPU and one of everything by gcc, one between them by Clang; `./run check arm64` does the rest. Networks in
# f32 run the same kernels on all of them, in int8 others.
arm64_parts() {
  arm64_tests_as cortex-a53 arm64-linux
  arm64_tests_as max arm64-linux quantized quantized-files
  arm64_tests_as cortex-a76 arm64-linux-clang quantized quantized-files
  part arm64-binaries python3 tests/check_binary.py build/arm64-linux build/arm64-linux-clang
}

# arm64_tests_as CPU PRESET
arm64_tests_as() {
  local tests=build/$2/tests
  part "$2-$1" qemu-aarch64 -cpu "$1" "$tests/mbconv_tests" --budget small --require scalar --require neon
  part "$2-$1-networks" qemu-aarch64 -cpu "$1" "$tests/networks/mbconv_networks_tests" --budget small \
    --require scalar --require neon "${@:3}"
}

tests_of() { "build/$1/tests/mbconv_tests" "${@:2}"; }

# suites_but PATTERN: all others
suites_but() { tests_of default --list | sed -n 's/^suites: //p' | tr ' ' '\n' | grep -vxE "$1"; }

networks_tests_of() { "build/$1/tests/networks/mbconv_networks_tests" "${@:2}"; }

# GELU's sweep over every float and int8's over every sum take minutes: `./run check sweeps`.
but_longest_sweeps() {
  tests_of "$@" $(suites_but 'gelu|i8-sums')
  tests_of "$@" --budget small gelu i8-sums
}

# SiLU's is run once, by the default build.
but_sweeps() {
  tests_of "$1" $(suites_but 'silu|gelu|i8-sums')
  tests_of "$1" --budget small silu gelu i8-sums
}

# GCC's thread sanitizer does not start where addresses are randomised by more bits than it knows of.
thread_sanitized() {
  local fixed=()
  if setarch -R true; then fixed=(setarch -R); fi
  "${fixed[@]}" build/tsan/tests/mbconv_tests threads faults
  "${fixed[@]}" build/tsan/tests/mbconv_tests --budget small i8-strategies
  "${fixed[@]}" build/tsan/tests/networks/mbconv_networks_tests sharing
}

# Int8's kernels with VNNI, compiled without it, on the sets that this CPU has; `emulated` does the others.
twins() {
  local isa arguments=()
  for isa in $(native_sets); do arguments+=(--isa "$isa" --require "$isa"); done
  build/default/tests/twins/mbconv_twins_tests --budget small "${arguments[@]}"
}

# emulated SET...: all suites in one boot of a PC that has AVX-512.
emulated() {
  local isa arguments=()
  for isa in "$@"; do arguments+=(--isa "$isa" --require "$isa"); done
  FILES=$PWD/tests/golden ALSO=build/default/tests/twins/mbconv_twins_tests \
    tests/emulator/run.sh build/default/tests/mbconv_tests --budget small "${arguments[@]}"
}

without_fma() {
  qemu-x86_64 -cpu Nehalem build/default/tests/mbconv_tests --isa scalar --require scalar --budget small \
    $(suites_but signals)
  refused Nehalem avx2
  refused Haswell avx512
}

# refused CPU SET: a program that asks for a set which the CPU lacks is told so, and not killed by SIGILL.
refused() {
  local message status=0
  message=$(MBCONV_ISA=$2 qemu-x86_64 -cpu "$1" build/default/examples/mbconv_demo 2>&1) || status=$?
  echo "$2 on $1: status $status: $message"
  ((status > 0 && status < 126)) && [[ $message == *"$2"* ]]
}

# PyTorch computes new cases, with a seed that nobody has seen.
live_pytorch() {
  local seed=$RANDOM$RANDOM
  echo "seed $seed"
  rm -rf build/golden-live
  /usr/bin/python3 tests/golden/generate.py --seed "$seed" --out build/golden-live
  MBCONV_GOLDEN_DIR=$PWD/build/golden-live tests_of default golden
}

# Whole networks and images through the command `mbconv`, against torchvision.
networks() {
  local isa runners=()
  for isa in $(native_sets); do runners+=("$isa=build/default/cli/mbconv"); done
  /usr/bin/python3 -B tests/networks/exporter.py
  /usr/bin/python3 -B tests/networks/tflite_exporter.py build/default/cli/mbconv
  /usr/bin/python3 -B tests/networks/images.py "${runners[-1]}"
  /usr/bin/python3 -B tests/networks/parity.py "${runners[@]}"
}

# The command mbconv: what it says, writes and takes.
command_line() {
  local script
  for script in tests/networks/command*.sh; do "$script" build/default/cli/mbconv; done
}

# The floats of ARM64 are those of this CPU. Its command has no thread pool: on threads, `mbconv_tests` runs there.
emulated_networks() {
  local sets
  mapfile -t sets < <(native_sets)
  /usr/bin/python3 -B tests/networks/parity.py "${sets[-1]}=build/default/cli/mbconv" \
    "neon=qemu-aarch64 -cpu cortex-a53 build/arm64-linux/cli/mbconv" --small --threads
}

binaries() {
  python3 tests/check_binary.py --shared build/shared/libmbconv.so "${@/#/build/}"
}

instructions() {
  local preset
  for preset in "$@"; do "build/$preset/tests/mbconv_instructions" tests/instructions/limits.txt; done
}

headers() {
  local strict=(-pedantic -Wall -Wextra -Werror) compiler header example
  for header in include/mbconv.h include/mbconv_i8.h include/mbconv_networks.h; do
    for compiler in gcc clang; do "$compiler" -std=c99 "${strict[@]}" -Iinclude -fsyntax-only -x c "$header"; done
    for compiler in g++ clang++; do "$compiler" -std=c++17 "${strict[@]}" -Iinclude -fsyntax-only -x c++ "$header"; done
  done
  for compiler in g++ clang++; do
    "$compiler" -std=c++17 "${strict[@]}" -Wshadow -Wconversion -Iinclude -fsyntax-only -x c++ include/mbconv.hpp
  done
  for header in pthreadpool openmp; do
    for compiler in gcc clang; do
      "$compiler" -std=c99 "${strict[@]}" -fopenmp -Iinclude -fsyntax-only -x c - <<< "#include <mbconv_$header.h>"
    done
    for compiler in g++ clang++; do
      "$compiler" -std=c++17 "${strict[@]}" -fopenmp -Iinclude -fsyntax-only -x c++ - <<< "#include <mbconv_$header.h>"
    done
  done
  awk '/^```c$/ {inside = 1; next} /^```$/ && inside {exit} inside' README.md > "$logs/readme.c"
  sed -n '/^ \*     #include <mbconv.h>/,/^ \*     }$/s/^ \*     \?//p' include/mbconv.h > "$logs/manual.c"
  for example in readme manual; do
    cc -std=c11 "${strict[@]}" -Iinclude -o "$logs/$example" "$logs/$example.c" \
      -Lbuild/shared -lmbconv -Wl,-rpath,"$PWD/build/shared"
    "$logs/$example"
  done
  sed -n '/^ \*     #include <mbconv_networks.h>/,/^ \*     }$/s/^ \*     \?//p' include/mbconv_networks.h > "$logs/network.c"
  cc -std=c11 "${strict[@]}" -Iinclude -o "$logs/network" "$logs/network.c" \
    -Lbuild/shared/networks -Lbuild/shared -lmbconv_networks -lmbconv -Wl,-rpath,"$PWD/build/shared:$PWD/build/shared/networks"
  /usr/bin/python3 -B networks/export.py --random mobilenet_v2_0.5 "$logs/network.safetensors"
  "$logs/network" "$logs/network.safetensors" | grep -E '^mobilenet_v2_0\.5: -?[0-9.e+-]+$'
}
