"""Spare kernels, and what is left when processes are killed."""

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

from support import HOME, LAUNCHER, LOAD, NOTEBOOKS, Kernel, descendants, command_line, wait_until


def registered():
    return list((HOME / "spare").glob("*.json"))


def kernel_directories():
    running = HOME / "running"
    return set(os.listdir(running)) if running.exists() else set()


class Keeper:
    """The keeper that `cargo xtask lab` starts beside JupyterLab."""

    def __init__(self, **environment):
        for entry in registered():
            entry.unlink()
        self.process = subprocess.Popen(
            [LAUNCHER, "--home", HOME, "spare"],
            cwd=NOTEBOOKS,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )

    def __enter__(self):
        wait_until("a kernel is ready", lambda: registered() or self.process.poll() is not None)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Spare(unittest.TestCase):
    def setUp(self):
        self.before = kernel_directories(), set(glob.glob("/tmp/evcxr-*"))

    def tearDown(self):
        wait_until("nothing is left", lambda: kernel_directories() <= self.before[0])
        wait_until("nothing is left", lambda: set(glob.glob("/tmp/evcxr-*")) <= self.before[1])

    def test_a_kernel_with_another_environment_is_not_taken(self):
        with Keeper():
            [entry] = registered()
            socket = json.loads(entry.read_text())["socket"]
            with Kernel(GASSHUKU_SPARE="1") as first, Kernel(GASSHUKU_SPARE="1") as second:
                # The keeper does not have the variable. So neither kernel may be the spare one.
                self.assertEqual(first.run("1").result, "1")
                self.assertEqual(second.run("2").result, "2")
        self.assertFalse(os.path.exists(socket))

    def test_one_of_two_launchers_gets_it(self):
        with Keeper(GASSHUKU_SPARE="1"):
            kernels = [Kernel(GASSHUKU_SPARE="1") for _ in range(2)]
            taken = [not any("evcxr_jupyter" in command_line(child) for child in descendants(kernel.launcher))
                     for kernel in kernels]
            self.assertEqual(sorted(taken), [False, True])
            for kernel in kernels:
                self.assertTrue(kernel.run(LOAD).ok)
                self.assertEqual(kernel.run("let a = Tensor::from(3); a.int64_value(&[])").result, "3")
                kernel.__exit__()

    def test_none_is_kept_if_they_are_turned_off(self):
        keeper = Keeper(GASSHUKU_SPARE="0")
        self.assertEqual(keeper.process.wait(60), 0)
        self.assertEqual(registered(), [])

    def test_it_ends_with_its_keeper(self):
        with Keeper():
            self.assertTrue(registered())

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
                        child for child in descendants(kernel.launcher)
                        if victim in command_line(child).split("running")[0] and "EVCXR_IS_RUNTIME" not in environment(child)
                    ][:1]
                os.kill(process, signal.SIGKILL)
                if victim == "guard":
                    kernel.__exit__()
                    # The next kernel removes what the guard would have removed.
                    with Kernel() as next_kernel:
                        self.assertEqual(next_kernel.run("1").result, "1")
                else:
                    wait_until("the launcher ends", lambda: not kernel.manager.is_alive())
                    kernel.client.stop_channels()
                    kernel.manager.cleanup_resources()
                wait_until("its directory is removed", lambda: kernel_directories() <= self.before[0])


def environment(process):
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


class Taken(unittest.TestCase):
    """A spare kernel that was taken. Its side channel is in a folder of this test."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kt-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        environment = {"XDG_RUNTIME_DIR": str(self.folder), "GASSHUKU_SPARE": "1"}
        self.keeper = subprocess.Popen(
            [LAUNCHER, "--home", HOME, "spare"], cwd=NOTEBOOKS, env=os.environ | environment,
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_keeper)
        wait_until("a kernel is ready", self.registered)
        [self.holder] = [p for p in descendants(self.keeper.pid) if command_line(p).endswith("spare-kernel ")]
        self.environment = environment

    def end_keeper(self):
        self.keeper.kill()
        self.keeper.wait()

    def registered(self):
        found = []
        for path in (HOME / "spare").glob("*.json"):
            with contextlib.suppress(OSError):
                if str(self.folder) in path.read_text():
                    found.append(path)
        return found

    def take(self):
        kernel = Kernel(**self.environment)
        self.addCleanup(kernel.manager.cleanup_resources)
        self.addCleanup(kernel.client.stop_channels)
        self.assertEqual(descendants(kernel.launcher), [])
        self.end_keeper()
        self.assertEqual(kernel.run("1 + 1").result, "2")
        return kernel

    def assert_nothing_stays(self):
        wait_until("nothing is left", lambda: not [*self.folder.iterdir()])
        wait_until("its directory is removed", lambda: not [*(HOME / "running").glob(f"{self.holder}-*")])

    def test_its_launcher_is_killed(self):
        os.kill(self.take().launcher, signal.SIGKILL)
        self.assert_nothing_stays()

    def test_its_holder_is_killed(self):
        kernel = self.take()
        os.kill(self.holder, signal.SIGKILL)
        wait_until("the launcher ends", lambda: not kernel.manager.is_alive())
        self.assert_nothing_stays()

    def test_the_entry_is_removed_when_the_keeper_ends(self):
        self.end_keeper()
        self.assert_nothing_stays()
        self.assertEqual(self.registered(), [])


if __name__ == "__main__":
    unittest.main()
