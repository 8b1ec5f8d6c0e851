# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Programs for Windows under wine, for the checks that source this; cases.sh comes before.
: "${work:?}"
export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='

# windows PROGRAM ARGUMENT...: under wine, which says on stderr what it misses of a desktop.
windows() { wine "$@" 2> "$work/stderr"; }

# sets COMMAND...: its last lines say that scalar, and what else this CPU has, ran without a failure.
isas=(scalar)
grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && isas+=(avx2)
grep -qw avx512f /proc/cpuinfo && grep -qw avx512dq /proc/cpuinfo && grep -qw avx512vl /proc/cpuinfo && isas+=(avx512)
sets() {
  local isa
  "$@" | tee "$work/sets"
  for isa in "${isas[@]}"; do grep -q "^set $isa: [1-9][0-9]* cases, 0 failed, 0 skipped" "$work/sets"; done
}
