#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seeds the faults of faults.txt one at a time into a copy of the tree and runs the quick tests: each must fail.

A fault is built natively, for ARM64 (*_neon.*, run by qemu) or, if this CPU lacks AVX-512, natively and run in one boot
of the emulator (*_avx512.*, *_avx512_vnni.*). Its folder, or its line `tests`, says which tests must see it. A fault that no longer
applies, does not compile or leaves all object code as it was is a failure of its own: it would prove nothing.
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
PACKAGES = WORK / "packages"  # of Python: the libraries that were built
PYTHON = "/usr/bin/python3"
QUICK = ["--budget", "small", "--stop"]
CORE_ALONE = [f"-DMBCONV_{part}=OFF" for part in ("NETWORKS", "CLI", "BENCH", "EXAMPLES")]
LEAST_LIMIT = 60  # seconds; a fault's tests hang if they take longer than this and than twenty runs without a fault
CAUGHT = ("fails", "crashes", "hangs")

# The tests of a file without a line `tests`: the first pattern that matches.
TESTS_OF = (
    (r"networks/(export_tflite|tflite_parts?|quantized_networks)\.py", "tflite_exporter.py"),
    (r"networks/.*\.py", "exporter.py"),
    (r"networks/.*|include/mbconv_networks\.h|cli/image.*", "mbconv_networks_tests"),
    (r"cli/.*", "command*.sh"),
    (r"python/.*", "test_*"),
    (r"litert/.*", "mbconv_litert_tests"),
    (r"include/mbconv\.hpp", "mbconv_cplusplus_tests"),
    (r"kernels/i8/.*(_vnni\.c|_avx512\.h)", "mbconv_twins_tests"),
    (r".*", "mbconv_tests"),
)


class Fault:
    def __init__(self, fields):
        self.name, self.file, self.old, self.new = (fields[key] for key in ("fault", "file", "old", "new"))
        default = next(tests for pattern, tests in TESTS_OF if re.fullmatch(pattern, self.file))
        self.tests = fields.get("tests", default).split()
        avx512 = re.search(r"_avx512(_vnni)?\.", self.file)
        neon = re.search(r"_neon(_dotprod|_i8mm|_assembly|_rows)?\.", self.file)
        self.platform = "neon" if neon else "avx512" if avx512 else "native"
        cpu = "max" if self.file.startswith("kernels/i8/") else "cortex-a53"  # int8 has rows that the latter lacks
        self.emulator = ("qemu-aarch64", "-cpu", cpu) if self.platform == "neon" else ()
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

    def __init__(self, name, source, *options):
        self.folder, self.name = WORK / name, name
        configured = run(["cmake", "-S", TREE / source, "-B", self.folder, *options])
        if configured.returncode:  # the cache may be of a tree of other options
            shutil.rmtree(self.folder)
            configured = run(["cmake", "-S", TREE / source, "-B", self.folder, *options])
        if configured.returncode:
            sys.exit(f"{name}: the tree itself cannot be configured\n{configured.stdout}")

    def make(self, targets):
        made = run(["cmake", "--build", self.folder, "--parallel", os.cpu_count(), "--target", *targets])
        if made.returncode == 0 and self.name == "python":
            made = run(["cmake", "--install", self.folder, "--component", "python", "--prefix", PACKAGES / "_mbconv"])
        return made

    def make_whole(self, targets):
        """Without a fault; remembers what the object code then is."""
        made = self.make(targets)
        if made.returncode:
            sys.exit(f"{self.name}: the tree itself does not build\n{made.stdout}")
        self.healthy = self.objects()

    def objects(self):
        """What identifies all object code."""
        total = hashlib.sha256()
        for path in sorted(self.folder.rglob("*.o")):
            total.update(path.read_bytes())
        return total.hexdigest()

    def seed(self, fault, targets):
        """Builds with the fault; what is wrong with that, or None. undo() must follow."""
        path = TREE / fault.file
        text = path.read_text()
        if text.count(fault.old) != 1:
            return f"its text is {text.count(fault.old)} times in the file"
        path.write_text(text.replace(fault.old, fault.new))
        if path.suffix == ".py":
            compiled = run([PYTHON, "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')", path])
            return "does not compile" if compiled.returncode else None
        made = self.make(targets)
        if made.returncode:
            errors = [line for line in made.stdout.splitlines() if "error" in line]
            return "does not compile: " + (errors or ["?"])[0]
        return "changes no object code" if self.objects() == self.healthy else None

    @staticmethod
    def undo(fault):
        path = TREE / fault.file
        if path.read_bytes() != (ROOT / fault.file).read_bytes():
            shutil.copy(ROOT / fault.file, path)
            os.utime(path)


class Tests:
    """What the word of a line `tests` stands for: targets to build, and commands of which one must fail."""

    def __init__(self, word):
        self.word = word
        self.in_python = bool(re.fullmatch(r"test_[\w*]*", word))
        self.scripts = []
        if self.in_python:
            self.scripts = sorted(path.stem for path in (TREE / "python/tests").glob(word + ".py"))
            self.targets = ["mbconv_python"]
        elif word.endswith((".sh", ".py")):
            self.scripts = sorted((TREE / "tests/networks").glob(word))
            self.targets = ["mbconv_cli"]
        else:
            self.targets = [word]
        if not self.scripts and not word.startswith("mbconv_"):
            sys.exit(f"tests {word}: there are none")

    def commands(self, build, platform, emulator):
        if self.in_python:
            return [[PYTHON, "-B", "-m", "unittest", "-f", module] for module in self.scripts]
        if self.scripts:
            programs = {".sh": ["bash"], ".py": [PYTHON, "-B"]}
            return [[*programs[path.suffix], path, build.folder / "cli" / "mbconv"] for path in self.scripts]
        program = next(path for path in build.folder.rglob(self.word) if path.is_file())
        only = [] if platform == "native" else ["--isa", platform, "--require", platform]
        return [[*emulator, program, *only, *QUICK]]


def judge(status, output):
    """The tests' verdict by their exit status (None: they did not end in time) and what they printed."""
    said = re.search(r"^(?:FAIL|CRASH|ERROR):? ([\w-]+(?:/\w+)?)", output, re.MULTILINE)
    where = said.group(1) if said else "status %s" % status
    if status is None:
        return "hangs", where
    if status == 0:
        return "SURVIVES", ""
    return ("crashes" if "CRASH" in output or status < 0 else "fails"), where


def run_tests(commands, limit):
    """The verdict of the first command that fails, or of the last."""
    environment = dict(os.environ, PYTHONPATH=f"{TREE}/python:{PACKAGES}", OMP_WAIT_POLICY="passive")
    for command in commands:
        folder = TREE / "python/tests" if "unittest" in command else TREE
        try:
            finished = run(command, timeout=limit, env=environment, cwd=folder)
            verdict = judge(finished.returncode, finished.stdout)
        except subprocess.TimeoutExpired as expired:
            output = expired.stdout or ""
            verdict = judge(None, output if isinstance(output, str) else output.decode(errors="replace"))
        if verdict[0] != "SURVIVES":
            break
    return verdict


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
        self.faults, self.done, self.builds = faults, 0, {}

    def settle(self, fault, outcome, detail, seconds):
        fault.outcome, fault.detail, fault.seconds = outcome, detail, seconds
        self.done += 1
        print(f"[{self.done:2}/{len(self.faults)}] {fault.name}: {outcome} {detail} ({seconds:.0f} s)", flush=True)

    def build_of(self, platform, in_python):
        """The build of a platform; AVX-512's is the native one."""
        if in_python:
            return self.build_once("python", "python", f"-DMBCONV_SOURCE={TREE}")
        if platform == "neon":
            toolchain = f"-DCMAKE_TOOLCHAIN_FILE={TREE}/cmake/arm64-linux.cmake"
            return self.build_once("arm64", ".", toolchain, "-DMBCONV_TEST_ADAPTERS=", *CORE_ALONE)
        return self.build_once("native", ".", "-DMBCONV_BENCH=OFF", "-DMBCONV_EXAMPLES=OFF")

    def build_once(self, name, *options):
        if name not in self.builds:
            self.builds[name] = Build(name, *options)
        return self.builds[name]

    def try_here(self, platform, tests, faults):
        tests = [Tests(word) for word in tests]
        if len({test.in_python for test in tests}) > 1:
            sys.exit(f"{faults[0].name}: Python's tests and others in one line")
        build = self.build_of(platform, tests[0].in_python)
        targets = [target for test in tests for target in test.targets]
        build.make_whole(targets)
        commands = [command for test in tests for command in test.commands(build, platform, faults[0].emulator)]
        start = time.monotonic()
        must_pass(f"{platform}, {' '.join(test.word for test in tests)}", run_tests(commands, None))
        limit = max(LEAST_LIMIT, 20 * (time.monotonic() - start))
        for fault in faults:
            start = time.monotonic()
            try:
                problem = build.seed(fault, targets)
                outcome, detail = ("BROKEN", problem) if problem else run_tests(commands, limit)
            finally:
                build.undo(fault)
            self.settle(fault, outcome, detail, time.monotonic() - start)

    def try_emulated(self, word, faults):
        build, programs, start = self.build_of("avx512", False), {}, time.monotonic()
        shutil.rmtree(WORK / "emulated", ignore_errors=True)
        (WORK / "emulated").mkdir()

        def keep(name):
            programs[name] = WORK / "emulated" / name
            program = next(path for path in build.folder.rglob(word) if path.is_file())
            run(["strip", "-o", programs[name], program])

        build.make_whole([word])
        keep("healthy")
        for fault in faults:
            try:
                problem = build.seed(fault, [word])
            finally:
                build.undo(fault)
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
        groups = {}
        for fault in self.faults:
            groups.setdefault((fault.platform, fault.emulator, tuple(fault.tests)), []).append(fault)
        for (platform, _, tests), faults in groups.items():
            if platform == "avx512" and not here:
                self.try_emulated(tests[0], faults)
            else:
                self.try_here(platform, tests, faults)

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
