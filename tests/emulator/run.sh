#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh BINARY [ARGUMENT...]: runs a program on an emulated PC whose CPU has AVX-512 (README.md tells how).
# Prints what the program prints, as it comes, and exits with its status (125: none came back). However slow the machine
# is, the emulator is ended only when it does not get on: see `watch`.
#   ALSO=PROGRAM          run after it with the same arguments; needs no other libraries
#   FILES="A B"       files and directories copied into the guest's root under their absolute names
#   ENVIRONMENT="A=b" set for the program       QUIET=20   minutes       MEMORY=256  megabytes
#   CACHE=DIR         where the unpacked kernel, the ROM and init are kept (default: build/emulator)
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${CACHE:-$here/../../build/emulator}
memory=${MEMORY:-256}
mkdir -p "$cache"
cache=$(readlink -f "$cache")
work=$(mktemp -d) emulator=''
trap 'if [ -n "$emulator" ]; then kill "$emulator" 2> /dev/null || true; fi; rm -rf "$work"' EXIT

# Debian's smallest kernel, taken out of its package; nothing is installed.
fetch_kernel() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  [ -n "$package" ] || { echo "run.sh: apt knows no linux-image-cloud-amd64: run apt-get update first" >&2; exit 125; }
  (cd "$work" && apt-get download -q "$package" && dpkg-deb -x ./*.deb kernel) >&2
  python3 "$here/vmlinux.py" "$work"/kernel/boot/vmlinuz-* "$work/vmlinux"
  mv "$work/vmlinux" "$cache/vmlinux"
}

build_machine() {
  if [ ! -s "$cache/vmlinux" ]; then fetch_kernel; fi
  if [ ! "$cache/init" -nt "$here/init.c" ]; then gcc -O2 -static -o "$cache/init" "$here/init.c"; fi
  if [ ! "$cache/rom.bin" -nt "$here/rom.S" ]; then
    gcc -c -m32 -o "$work/rom.o" "$here/rom.S"
    ld -m elf_i386 -Ttext 0 -e 0 -o "$work/rom.elf" "$work/rom.o"
    objcopy -O binary -j .text "$work/rom.elf" "$cache/rom.bin"
  fi
}

# The guest's files: init, the program, its loader and shared libraries, FILES.
build_root() {
  local binary=$1 root=$work/root file
  shift
  mkdir -p "$root"/{dev,proc,sys,tmp}
  cp "$cache/init" "$root/init"
  cp "$binary" "$root/program"
  if [ -n "${ALSO:-}" ]; then cp "$ALSO" "$root/also"; fi
  for file in $(ldd "$binary" | grep -oE '/[^ ]+') ${FILES:-}; do
    mkdir -p "$root$(dirname "$file")"
    cp -RL "$file" "$root$file"
  done
  printf '%s\0' /program "$@" > "$root/arguments"
  # shellcheck disable=SC2086 # ENVIRONMENT is a list of words
  # Bochs loses the upper halves of vector registers in XSAVEC, which glibc uses to bind functions lazily.
  printf '%s\0' GLIBC_TUNABLES=glibc.cpu.hwcaps=-XSAVEC,-XSAVES TMPDIR=/tmp ${ENVIRONMENT:-} > "$root/environment"
  (cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) > "$work/initrd"
}

build_machine
build_root "$@"

# clearcpuid=321,323 noxsaves: the kernel too must keep off XSAVEC and XSAVES, whose size Bochs also reports wrong.
# The rest leaves out what costs emulated time.
python3 "$here/disk.py" "$cache/vmlinux" "$work/initrd" "$work/disk" "$memory" \
  "console=ttyS0,115200 quiet loglevel=0 clearcpuid=321,323 noxsaves acpi=off pci=off noapic nosmp nokaslr nopku \
mitigations=off tsc=reliable lpj=100000 nowatchdog noreplace-smp random.trust_cpu=on panic=-1 8250.nr_uarts=1 \
rcupdate.rcu_cpu_stall_suppress=1"

# Skylake-X: Linux hangs on Bochs' later models.
cat > "$work/bochsrc" <<END
config_interface: textconfig
display_library: rfb, options="timeout=0"
megs: $memory
cpu: model=corei7_skylake_x, count=1, ips=50000000, reset_on_triple_fault=0
romimage: file=$cache/rom.bin
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
plugin_ctrl: e1000=0, es1370=0, sb16=0
ata0-master: type=disk, path=$work/disk, mode=flat, cylinders=0
boot: disk
speaker: enabled=1, mode=none
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none
com1: enabled=1, mode=file, dev=$work/serial
port_e9_hack: enabled=1
log: $work/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
END
echo continue > "$work/debugger"
: > "$work/serial"
bochs -f "$work/bochsrc" -rc "$work/debugger" > "$work/bochs.out" 2>&1 < /dev/null &
emulator=$!

# Seconds of CPU time that the emulator has had; nothing if it is gone.
cpu_seconds() {
  local fields
  fields=$(sed 's/.*) //' "/proc/$emulator/stat" 2> /dev/null) || return 0
  awk -v ticks="$(getconf CLK_TCK)" '{print int(($12 + $13) / ticks)}' <<< "$fields"
}

# Prints what is new of the guest's output.
show() {
  tail -c "+$((shown + 1))" "$work/serial" > "$work/new"
  shown=$((shown + $(stat -c %s "$work/new")))
  tr -d '\r' < "$work/new"
}

# Waits for the emulator. Ends it when it has computed for QUIET minutes, by its own CPU time, since the guest printed
# something, or when by the clock it has not computed anything for as long. How busy the machine is does not matter.
watch() {
  local quiet=$((${QUIET:-20} * 60)) step=2 cpu=0 at_output=0 idle=0 before
  while kill -0 "$emulator" 2> /dev/null; do
    sleep "$step"
    before=$cpu shown_before=$shown
    cpu=$(cpu_seconds)
    show
    [ -n "$cpu" ] || break
    if ((shown > shown_before)); then at_output=$cpu; fi
    if ((cpu > before)); then idle=0; else idle=$((idle + step)); fi
    if ((cpu - at_output >= quiet || idle >= quiet)); then
      echo "run.sh: no output during $((cpu - at_output)) s of CPU time, no CPU time for $idle s: ended" >&2
      kill "$emulator" 2> /dev/null || true
      break
    fi
  done
  wait "$emulator" || true
  emulator=''
  show
}

shown=0
watch
status=$(tr -d '\r' < "$work/serial" | sed -n 's/^emulator: exit status \([0-9]*\)$/\1/p' | tail -n 1)
if [ -z "$status" ]; then
  echo "run.sh: the guest gave no exit status" >&2
  tail -n 5 "$work/bochs.out" >&2
  exit 125
fi
exit "$status"
