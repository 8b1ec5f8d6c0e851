# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Cases of a check: try, judge, refuse and part count them, finish ends the check. The script that sources this says where it works.
: "${work:?}"

cases=0
findings=0

# attempt COMMAND...: sets `status`. A function stops at its first failure, as a script does; therefore this must not be
# called as a condition.
attempt() {
  set +e
  (set -e; "$@") > "$work/output" 2>&1
  status=$?
  set -e
}

# nothing: fails, and shows it, if there is anything to read.
nothing() { awk '{print} END {exit NR > 0}'; }

# try WHAT COMMAND...: it must succeed.
try() {
  local what=$1 status
  shift
  cases=$((cases + 1))
  attempt "$@"
  if ((status == 0)); then
    echo "ok: $what"
  else
    echo "FAILED: $what: status $status of: $*"
    sed 's/^/    /' "$work/output"
    findings=$((findings + 1))
  fi
}

# refuse WHAT MESSAGE COMMAND...: it must fail and say so.
refuse() {
  local what=$1 message=$2 status
  shift 2
  cases=$((cases + 1))
  attempt "$@"
  if ((status != 0)) && tr '\n' ' ' < "$work/output" | tr -s ' ' | grep -qF "$message"; then
    echo "ok: $what"
  else
    echo "FAILED: $what: status $status, expected is a failure with \"$message\", of: $*"
    sed 's/^/    /' "$work/output"
    findings=$((findings + 1))
  fi
}

# judge WHAT COMMAND...: like try, as a condition: what it prints is seen as it comes.
judge() {
  local what=$1
  shift
  cases=$((cases + 1))
  if ! "$@"; then
    echo "FAILED: $what"
    findings=$((findings + 1))
  fi
}

# part COMMAND...: it ends with a line of cases and findings, which are added; if it does not, that is a finding.
part() {
  local line part_cases part_findings
  "$@" 2>&1 | tee "$work/part.log" || true
  line=$(grep -E '^check: [0-9]+ cases, [0-9]+ findings$' "$work/part.log" | tail -n 1 || true)
  if [[ -z $line ]]; then
    echo "FAILED: $*"
    line="check: 1 cases, 1 findings"
  fi
  read -r _ part_cases _ part_findings _ <<< "$line"
  cases=$((cases + part_cases)) findings=$((findings + part_findings))
}

finish() {
  echo "check: $cases cases, $findings findings"
  ((findings == 0))
}
