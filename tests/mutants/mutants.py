#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seeds the faults of faults.txt one at a time into a copy of the tree and runs the quick tests: each must fail.

A fault is built natively, for ARM64 (*_neon.*, run by qemu) or, if this CPU lacks AVX-512, natively and run in one boot
of the emulator (*_avx512.*). A fault that no longer applies, does not compile or leaves all object code as it was is a
failure of its own: it would prove nothing.
"""
import argparse
import hashlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
TREE = WORK / "tree"
QUICK = ["--budget", "small", "--stop"]
CORE_ALONE = [f"-DMBCONV_{part}=OFF" for part in ("NETWORKS", "CLI", "BENCH", "EXAMPLES")]
CAUGHT = ("fails", "crashes", "hangs")


class Fault:
    def __init__(self, fields):
        self.name, self.file, self.old, self.new = (fields[key] for key in ("fault", "file", "old", "new"))
        self.platform = "neon" if "_neon." in self.file else "avx512" if "_avx512." in self.file else "native"
        self.outcome, self.detail, self.seconds = None, "", 0.0


def read_faults(path):
    faults, fields = [], {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        key, value = line.split(None, 1)
        fields[key] = value.strip()
        if key == "new":
            faults.append(Fault(fields))
            fields = {}
    if fields or len({fault.name for fault in faults}) < len(faults):
        sys.exit(f"{path}: a fault is cut off, or two have one name")
    return faults


def run(command, **options):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)


def copy_tree():
    """The files that git knows or would; those that are as before keep their time, so that they are not built again."""
    listing = run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"])
    names = {name for name in listing.stdout.splitlines() if (ROOT / name).is_file()}
    if listing.returncode or not names:
        sys.exit("git cannot list the tree: " + listing.stdout)
    for name in names:
        source, target = ROOT / name, TREE / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for target in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(target.relative_to(TREE)) not in names:
            target.unlink()


class Build:
    """The tests of one architecture, built from the copy."""

    def __init__(self, name, *options):
        self.folder = WORK / name
        self.program = self.folder / "tests" / "mbconv_tests"
        configured = run(["cmake", "-S", TREE, "-B", self.folder, "-DMBCONV_TEST_ADAPTERS=", *CORE_ALONE, *options])
        if configured.returncode or self.make().returncode:
            sys.exit(f"{name}: the tree itself does not build\n{configured.stdout}\n{self.make().stdout}")
        self.healthy = self.objects()

    def make(self):
        return run(["cmake", "--build", self.folder, "--target", "mbconv_tests", "--parallel", os.cpu_count()])

    def objects(self):
        """What identifies the library's object code."""
        total = hashlib.sha256()
        for path in sorted(self.folder.glob("CMakeFiles/mbconv_objects.dir/**/*.o")):
            total.update(path.read_bytes())
        return total.hexdigest()

    def seed(self, fault):
        """Builds with the fault; what is wrong with that, or None. The copy is whole again afterwards."""
        path = TREE / fault.file
        text = path.read_text()
        if text.count(fault.old) != 1:
            return f"its text is {text.count(fault.old)} times in the file"
        try:
            path.write_text(text.replace(fault.old, fault.new))
            made = self.make()
        finally:
            path.write_text(text)
        if made.returncode:
            errors = [line for line in made.stdout.splitlines() if "error" in line]
            return "does not compile: " + (errors or ["?"])[0]
        return "changes no object code" if self.objects() == self.healthy else None


def judge(status, output):
    """The tests' verdict by their exit status (None: they did not end in time) and what they printed."""
    said = re.search(r"^(?:FAIL|CRASH) ([\w-]+/\w+)", output, re.MULTILINE)
    where = said.group(1) if said else "status %s" % status
    if status is None:
        return "hangs", where
    if status == 0:
        return "SURVIVES", ""
    return ("crashes" if "CRASH" in output or status < 0 else "fails"), where


def run_tests(command, limit):
    try:
        finished = run(command + QUICK, timeout=limit)
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or ""
        return judge(None, output if isinstance(output, str) else output.decode(errors="replace"))
    return judge(finished.returncode, finished.stdout)


def run_emulated(programs):
    """Several programs in one boot: {name: (outcome, where)}. guest.c runs them."""
    guest = WORK / "guest"
    made = run(["gcc", "-O2", "-Wall", "-static", "-o", guest, pathlib.Path(__file__).with_name("guest.c")])
    if made.returncode:
        sys.exit(made.stdout)
    files = [str(path) for path in programs.values()] + [str(TREE / "tests" / "golden")]
    libraries = run(["ldd", *list(programs.values())[:1]])
    files += re.findall(r"/[^ ]+\.so[^ ]*", libraries.stdout)
    environment = dict(os.environ, FILES=" ".join(files), MEMORY="512",
                       CACHE=str(ROOT / "build" / "emulator"))
    finished = run([ROOT / "tests/emulator/run.sh", guest, *programs.values(), "--", "--isa", "avx512", "--require",
                    "avx512", *QUICK], env=environment)
    (WORK / "emulator.log").write_text(finished.stdout)
    verdicts = {}
    for name, path in programs.items():
        part = re.search(rf"^guest: begin {path}$(.*?)^guest: end (-?\d+)$", finished.stdout, re.MULTILINE | re.DOTALL)
        lost = ("LOST", "see build/mutants/emulator.log")
        verdicts[name] = judge(int(part.group(2)), part.group(1)) if part else lost
    return verdicts


def must_pass(what, verdict):
    print(f"without a fault, {what}: {'passes' if verdict[0] == 'SURVIVES' else verdict}", flush=True)
    if verdict[0] != "SURVIVES":
        sys.exit("the tests fail without any fault")


class Session:
    def __init__(self, faults):
        self.faults, self.done = faults, 0

    def settle(self, fault, outcome, detail, seconds):
        fault.outcome, fault.detail, fault.seconds = outcome, detail, seconds
        self.done += 1
        print(f"[{self.done:2}/{len(self.faults)}] {fault.name}: {outcome} {detail} ({seconds:.0f} s)", flush=True)

    def on_platform(self, platform):
        return [fault for fault in self.faults if fault.platform == platform]

    def try_here(self, build, faults, command, limit, what):
        build.make()  # without the last fault
        must_pass(what, run_tests(command, 10 * limit))
        for fault in faults:
            start = time.monotonic()
            problem = build.seed(fault)
            outcome, detail = ("BROKEN", problem) if problem else run_tests(command, limit)
            self.settle(fault, outcome, detail, time.monotonic() - start)

    def try_emulated(self, build, faults):
        programs, start = {}, time.monotonic()
        shutil.rmtree(WORK / "emulated", ignore_errors=True)
        (WORK / "emulated").mkdir()

        def keep(name):
            programs[name] = WORK / "emulated" / name
            run(["strip", "-o", programs[name], build.program])

        build.make()
        keep("healthy")
        for fault in faults:
            problem = build.seed(fault)
            if problem:
                self.settle(fault, "BROKEN", problem, 0)
            else:
                keep(fault.name)
        print(f"booting the emulator for {len(programs) - 1} faults", flush=True)
        verdicts = run_emulated(programs)
        must_pass("AVX-512 in the emulator", verdicts["healthy"])
        each = (time.monotonic() - start) / len(programs)
        for fault in faults:
            if not fault.outcome:
                self.settle(fault, *verdicts[fault.name], each)

    def run(self, emulator):
        copy_tree()
        flags = set(pathlib.Path("/proc/cpuinfo").read_text().split())
        here = {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= flags and not emulator
        if self.on_platform("native") or self.on_platform("avx512"):
            build = Build("native")
        if self.on_platform("native"):
            self.try_here(build, self.on_platform("native"), [build.program], 60, "natively")
        if self.on_platform("avx512") and here:
            command = [build.program, "--isa", "avx512", "--require", "avx512"]
            self.try_here(build, self.on_platform("avx512"), command, 60, "AVX-512 natively")
        elif self.on_platform("avx512"):
            self.try_emulated(build, self.on_platform("avx512"))
        if self.on_platform("neon"):
            build = Build("arm64", f"-DCMAKE_TOOLCHAIN_FILE={TREE}/cmake/arm64-linux.cmake")
            command = ["qemu-aarch64", "-cpu", "cortex-a53", build.program, "--isa", "neon", "--require", "neon"]
            self.try_here(build, self.on_platform("neon"), command, 300, "NEON under qemu")

    def report(self):
        print(f"\n{'fault':38} {'file':30} {'outcome':9} {'where':24} {'seconds':>7}")
        for fault in self.faults:
            print(f"{fault.name:38} {fault.file:30} {fault.outcome:9} {fault.detail:24} {fault.seconds:7.0f}")
        caught = sum(fault.outcome in CAUGHT for fault in self.faults)
        print(f"{caught} caught of {len(self.faults)}")
        return caught == len(self.faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of faults; default: all")
    parser.add_argument("--count", type=int, help="so many of them, chosen by --seed")
    parser.add_argument("--seed", default="", help="any text, such as a commit's hash")
    parser.add_argument("--emulator", action="store_true", help="for AVX-512, even if this CPU has it")
    options = parser.parse_args()
    faults = read_faults(pathlib.Path(__file__).with_name("faults.txt"))
    if options.names:
        unknown = set(options.names) - {fault.name for fault in faults}
        if unknown:
            sys.exit("no such fault: " + " ".join(sorted(unknown)))
        faults = [fault for fault in faults if fault.name in options.names]
    if options.count is not None:
        faults = random.Random(options.seed).sample(faults, min(options.count, len(faults)))
    session = Session(faults)
    session.run(options.emulator)
    return 0 if session.report() else 1


if __name__ == "__main__":
    sys.exit(main())
