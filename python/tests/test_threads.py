# SPDX-License-Identifier: MIT
"""The pool: results, concurrency, rest, and the process's other habits."""

import concurrent.futures
import gc
import os
import pickle
import time
import unittest

import numpy as np

import mbconv
from reference import Random

SIDE, CHANNELS, EXPANDED = 16, 16, 96


def small_block():
    random = Random()
    return mbconv.Block(
        expand=random.conv(EXPANDED, CHANNELS), depthwise=random.conv(EXPANDED, 1, 3, 3),
        project=random.conv(CHANNELS, EXPANDED), activation="relu6",
    )  # fmt: skip


def threads_of_process():
    return set(os.listdir("/proc/self/task"))


def nanoseconds(thread):
    """Of the CPU's time that a thread has had."""
    with open(f"/proc/self/task/{thread}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


class Pool(unittest.TestCase):
    def setUp(self):
        self.block, self.x = small_block(), Random(2).floats(1, SIDE, SIDE, CHANNELS)
        self.expected = self.block(self.x)

    def test_many_runs(self):
        """Short ones back to back, then with pauses in which the threads fall asleep."""
        for pool in (mbconv.Threads(2), mbconv.Threads(5)):
            for _ in range(2000):
                np.testing.assert_array_equal(self.block(self.x, threads=pool), self.expected)
            for _ in range(100):
                time.sleep(5e-4)
                np.testing.assert_array_equal(self.block(self.x, threads=pool), self.expected)

    def test_number(self):
        """It stands for a pool of so many threads, which the process keeps."""
        before = threads_of_process()
        for count in (11, np.int64(11), np.array(11)):
            np.testing.assert_array_equal(self.block(self.x, threads=count), self.expected)
            self.assertEqual(len(threads_of_process() - before), 10)

    def test_threads_that_share_a_pool(self):
        def run(_):
            return all((self.block(self.x, threads=2) == self.expected).all() for _ in range(300))

        with concurrent.futures.ThreadPoolExecutor(4) as executor:
            self.assertTrue(all(executor.map(run, range(8))))

    def test_rest(self):
        """Threads without work take no time."""
        pool = mbconv.Threads(4)
        self.block(self.x, threads=pool)
        time.sleep(0.05)
        start = time.process_time()
        time.sleep(0.5)
        self.assertLess(time.process_time() - start, 0.05)

    def test_wake(self):
        """A thread that fell asleep works again."""
        before = threads_of_process()
        pool = mbconv.Threads(2)
        (worker,) = threads_of_process() - before
        random = Random()
        wide, x = mbconv.Pointwise(conv=random.conv(512, 512)), random.floats(4000, 512)
        for _ in range(3):
            time.sleep(0.05)
            start = nanoseconds(worker)
            for _ in range(1000):  # where others want the CPU, it may come too late for a run
                wide(x, threads=pool)
                if nanoseconds(worker) - start > 1e6:
                    break
            else:
                self.fail("the thread has not worked")

    def test_end(self):
        """They end with the object."""
        before = threads_of_process()
        pool = mbconv.Threads(6)
        self.assertEqual(len(threads_of_process() - before), 5)
        self.block(self.x, threads=pool)
        del pool
        gc.collect()
        self.assertEqual(threads_of_process(), before)

    def test_fork(self):
        """A child has none of its parent's threads, and starts its own."""
        pool = mbconv.Threads(3)
        self.block(self.x, threads=pool)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                runs = [self.block(self.x, threads=each) for each in (pool, 2) for _ in range(50)]
                same = all((run == self.expected).all() for run in runs)
                status = 0 if same and len(threads_of_process()) >= 3 else 2
            finally:
                os._exit(status)  # pylint: disable=protected-access # nothing of the parent's test
        for _ in range(60000):  # ten minutes: it has to share the CPU with others
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.01)
        else:
            os.kill(child, 9)
            self.fail("the child hangs")
        self.assertEqual(status, 0)

    def test_pickle(self):
        self.assertEqual(pickle.loads(pickle.dumps(mbconv.Threads(3))).count, 3)

    def test_released_lock(self):
        """Other Python threads go on during a run."""
        random = Random()
        wide = mbconv.Pointwise(conv=random.conv(512, 512))
        x = random.floats(20000, 512)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            running = executor.submit(wide, x)
            steps = 0
            while not running.done():
                steps += 1
        self.assertGreater(steps, 1000)


if __name__ == "__main__":
    unittest.main()
