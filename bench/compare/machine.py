# SPDX-License-Identifier: MIT
"""What the commands share: the machine, messages, and the parsing of arguments."""

import argparse
import pathlib
import platform
import sys
import time


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def last_level_cache():
    """In bytes."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    caches = pathlib.Path("/sys/devices/system/cpu/cpu0/cache")
    sizes = [path.read_text(encoding="ascii").strip() for path in caches.glob("index*/size")]
    return max((int(size[:-1]) * units[size[-1]] for size in sizes), default=32 << 20)


def warn_if_busy():
    """Waiting threads spin: where another program wants a core, figures of several threads are wrong by orders."""

    def ticks():
        with open("/proc/stat", encoding="utf-8") as lines:
            times = [int(ticks) for ticks in lines.readline().split()[1:]]
        return sum(times[:8]), times[3] + times[4]  # all, idle

    total, idle = ticks()
    time.sleep(0.5)
    total, idle = (after - before for after, before in zip(ticks(), (total, idle)))
    busy = 100 * (1 - idle / max(total, 1))
    if busy > 5:
        say(f"other programs keep {busy:.0f}% of the CPUs busy: these figures will suffer")


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def choice_list(choices):
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in choices]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(choices)}")
        return chosen

    return parse
