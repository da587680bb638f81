"""Kernels that are ready before they are asked for, and what is left when processes are killed."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import HOME, LAUNCHER, LOAD, NOTEBOOKS, Kernel, children, command, until


def offers():
    return list((HOME / "spare").glob("*.json"))


def own_directories():
    running = HOME / "running"
    return set(os.listdir(running)) if running.exists() else set()


class Keeper:
    """What `cargo xtask lab` starts beside JupyterLab."""

    def __init__(self, **environment):
        for offer in offers():
            offer.unlink()
        self.process = subprocess.Popen(
            [LAUNCHER, "--home", HOME, "spare"],
            cwd=NOTEBOOKS,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )

    def __enter__(self):
        until("a kernel is ready", lambda: offers() or self.process.poll() is not None)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Spare(unittest.TestCase):
    def setUp(self):
        self.before = own_directories(), set(glob.glob("/tmp/evcxr-*"))

    def tearDown(self):
        until("nothing is left", lambda: own_directories() <= self.before[0])
        until("nothing is left", lambda: set(glob.glob("/tmp/evcxr-*")) <= self.before[1])

    def test_one_is_taken_by_one_of_two(self):
        with Keeper():
            [offer] = offers()
            socket = json.loads(offer.read_text())["socket"]
            with Kernel(GASSHUKU_SPARE="1") as first, Kernel(GASSHUKU_SPARE="1") as second:
                # The variable is not the keeper's, so neither may have it: another environment.
                self.assertEqual(first.run("1").result, "1")
                self.assertEqual(second.run("2").result, "2")
        self.assertFalse(os.path.exists(socket))

    def test_two_at_once_get_it_once(self):
        with Keeper(GASSHUKU_SPARE="1"):
            kernels = [Kernel(GASSHUKU_SPARE="1") for _ in range(2)]
            taken = [not any("evcxr_jupyter" in command(child) for child in children(kernel.launcher))
                     for kernel in kernels]
            self.assertEqual(sorted(taken), [False, True])
            for kernel in kernels:
                self.assertTrue(kernel.run(LOAD).ok)
                self.assertEqual(kernel.run("let a = Tensor::from(3); a.int64_value(&[])").result, "3")
                kernel.__exit__()

    def test_none_where_none_is_wanted(self):
        keeper = Keeper(GASSHUKU_SPARE="0")
        self.assertEqual(keeper.process.wait(60), 0)
        self.assertEqual(offers(), [])

    def test_it_ends_with_its_keeper(self):
        with Keeper():
            self.assertTrue(offers())

    def test_a_killed_process_leaves_nothing(self):
        victims = ("launcher", "evcxr_jupyter", "guard")
        for victim in victims:
            with self.subTest(victim):
                kernel = Kernel()
                self.assertEqual(kernel.run("1").result, "1")
                if victim == "launcher":
                    process = kernel.launcher
                else:
                    [process] = [
                        child for child in children(kernel.launcher)
                        if victim in command(child).split("running")[0] and "EVCXR_IS_RUNTIME" not in environment(child)
                    ][:1]
                os.kill(process, signal.SIGKILL)
                if victim == "guard":
                    kernel.__exit__()
                    # The next kernel clears what the guard would have cleared.
                    with Kernel() as next_kernel:
                        self.assertEqual(next_kernel.run("1").result, "1")
                else:
                    until("the launcher ends", lambda: not kernel.manager.is_alive())
                    kernel.client.stop_channels()
                    kernel.manager.cleanup_resources()
                until("its directory goes", lambda: own_directories() <= self.before[0])


def environment(process):
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


class Taken(unittest.TestCase):
    """A kernel that was ready. Its folder for side channels is private: nobody else's is in it."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kt-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        own = {"XDG_RUNTIME_DIR": str(self.folder), "GASSHUKU_SPARE": "1"}
        self.keeper = subprocess.Popen(
            [LAUNCHER, "--home", HOME, "spare"], cwd=NOTEBOOKS, env=os.environ | own,
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_keeper)
        until("a kernel is ready", self.offers)
        [self.holder] = [p for p in children(self.keeper.pid) if command(p).endswith("spare-kernel ")]
        self.own = own

    def end_keeper(self):
        self.keeper.kill()
        self.keeper.wait()

    def offers(self):
        found = []
        for path in (HOME / "spare").glob("*.json"):
            with contextlib.suppress(OSError):
                if str(self.folder) in path.read_text():
                    found.append(path)
        return found

    def take(self):
        kernel = Kernel(**self.own)
        self.addCleanup(kernel.manager.cleanup_resources)
        self.addCleanup(kernel.client.stop_channels)
        self.assertEqual(children(kernel.launcher), [])
        self.end_keeper()
        self.assertEqual(kernel.run("1 + 1").result, "2")
        return kernel

    def assert_nothing_stays(self):
        until("nothing is left", lambda: not [*self.folder.iterdir()])
        until("its directory goes", lambda: not [*(HOME / "running").glob(f"{self.holder}-*")])

    def test_its_launcher_is_killed(self):
        os.kill(self.take().launcher, signal.SIGKILL)
        self.assert_nothing_stays()

    def test_its_holder_is_killed(self):
        kernel = self.take()
        os.kill(self.holder, signal.SIGKILL)
        until("the launcher ends", lambda: not kernel.manager.is_alive())
        self.assert_nothing_stays()

    def test_the_keepers_end_takes_the_offer_back(self):
        self.end_keeper()
        self.assert_nothing_stays()
        self.assertEqual(self.offers(), [])


if __name__ == "__main__":
    unittest.main()
