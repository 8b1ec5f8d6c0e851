# SPDX-License-Identifier: MIT
"""Times contenders side by side: in rounds, each in turn and in a new order, with the FMA peak probed between them.

With one thread the clock is the thread's CPU time, which leaves out what other programs and the hypervisor took; for a
peer that works on threads of its own it is the process's. With more it is the wall clock.
"""

import dataclasses
import gc
import random
import statistics
import time

BATCH_SECONDS = 100e-6  # long against reading the clock, short against the time between disturbances
SLICE_SECONDS = {1: 3e-3, 2: 10e-3}  # of one contender in one round; more with threads, which must wake up first
WARM_SECONDS = {1: 0.3e-3, 2: 1e-3}  # before it, untimed
LEFT_OUT = 0.02  # of the fastest readings: a virtual machine's CPU clocks now and then take off too much
MIN_ROUNDS = 5
MIN_READINGS = 4  # of a slice: where cores are taken away, the first ones may last as long as all of it should


@dataclasses.dataclass(frozen=True)
class Time:
    us_min: float
    us_median: float
    overhead_us: float  # what an empty call takes, already taken off
    on_own_threads: bool


class Contestant:
    def __init__(self, name, peer, threads):
        self.name, self.peer, self.threads = name, peer, threads
        self.clock = time.CLOCK_MONOTONIC if threads > 1 else self._cpu_clock()
        self.calls = self._calls_per_batch()
        self.readings, self.empty_readings = [], []

    def _cpu_clock(self):
        peer = self.peer
        peer.time(2, time.CLOCK_THREAD_CPUTIME_ID)
        process, thread = time.process_time(), time.thread_time()
        peer.time(5, time.CLOCK_THREAD_CPUTIME_ID)
        thread, process = time.thread_time() - thread, time.process_time() - process
        return time.CLOCK_THREAD_CPUTIME_ID if thread > 0.9 * process else time.CLOCK_PROCESS_CPUTIME_ID

    def _calls_per_batch(self):
        calls = 1
        while self.peer.time(calls, self.clock) < BATCH_SECONDS:
            calls *= 2
        return calls

    def run_slice(self):
        warm = time.perf_counter() + WARM_SECONDS[min(self.threads, 2)]
        while time.perf_counter() < warm:
            self.peer.time(1, self.clock)
        end = time.perf_counter() + SLICE_SECONDS[min(self.threads, 2)]
        enough = len(self.readings) + MIN_READINGS
        while time.perf_counter() < end or len(self.readings) < enough:
            self.readings.append(self.peer.time(self.calls, self.clock) / self.calls)
        if self.peer.has_overhead:
            self.empty_readings += [self.peer.time_empty(10, self.clock) / 10 for _ in range(5)]

    def result(self):
        overhead = fastest(self.empty_readings, self.threads) if self.empty_readings else 0.0
        own = self.clock == time.CLOCK_PROCESS_CPUTIME_ID
        best, median = fastest(self.readings, self.threads), statistics.median(self.readings)
        return Time(1e6 * (best - overhead), 1e6 * (median - overhead), 1e6 * overhead, own)


def measure(contestants, threads, seconds, probe):
    """Rounds for so many seconds. Returns the Time of each contestant by name, and the FMA peak of a core in FLOP/s."""
    order, rounds, probes = list(contestants), 0, []
    shuffle = random.Random(1).shuffle
    end = time.perf_counter() + seconds
    gc.disable()
    try:
        while rounds < MIN_ROUNDS or time.perf_counter() < end:
            shuffle(order)
            for contestant in order:
                if threads > 1:
                    _settle()
                contestant.run_slice()
                probes += [1 / probe(), 1 / probe()]
            rounds += 1
    finally:
        gc.enable()
    return {contestant.name: contestant.result() for contestant in contestants}, 1 / fastest(probes, 1)


def fastest(readings, threads):
    """The smallest, but for 2% of them where they are of a CPU clock."""
    left_out = int(LEFT_OUT * len(readings)) + (len(readings) >= 10) if threads == 1 else 0
    return sorted(readings)[left_out]


def _settle():
    """Waits until the last contender's threads have gone to sleep: many spin for a while after their work."""
    for _ in range(200):
        before = time.process_time()
        time.sleep(1e-3)
        if time.process_time() - before < 0.2e-3:
            return
