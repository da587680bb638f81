"""As many kernels on one machine as a room of participants needs."""

import glob
import os
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import HOME, LOAD, Kernel, wait_until

KERNELS = 30
# The memory of a kernel that has loaded the images, and that compiles.
BYTES_PER_KERNEL = 500_000_000


def kernels_that_fit():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return min(KERNELS, int(line.split()[1]) * 1024 // BYTES_PER_KERNEL)
    return KERNELS


def left_behind():
    running = HOME / "running"
    return {*(os.listdir(running) if running.exists() else ()), *glob.glob("/tmp/evcxr-*")}


class ManyKernels(unittest.TestCase):
    def test_all_start_at_once_and_nothing_is_left(self):
        count = kernels_that_fit()
        print(f"{count} kernels at once", flush=True)
        before = left_behind()
        with ThreadPoolExecutor(count) as people:
            shapes = list(people.map(self.load_and_show, range(count)))
        self.assertEqual(shapes, ["[1, 28, 28]"] * count)
        wait_until("nothing is left", lambda: left_behind() <= before)

    def load_and_show(self, _):
        with Kernel() as kernel:
            for code in (LOAD, 'let set = load(&fashion_mnist(), "../../data", Split::Train)?;'):
                cell = kernel.run(code)
                self.assertTrue(cell.ok, cell.reply)
            return kernel.run("set.images.get(0).size()").result


if __name__ == "__main__":
    unittest.main()
