"""A participant's share of the machine, in real control groups."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hub"))

from shares import Shares  # noqa: E402


def run(code, enter):
    return subprocess.run([sys.executable, "-c", code], preexec_fn=enter, capture_output=True, text=True)


class Groups(unittest.TestCase):
    def setUp(self):
        self.shares = Shares()
        if self.shares.why_not:
            self.skipTest(self.shares.why_not)
        self.addCleanup(self.remove)

    def remove(self):
        self.shares.end("test")
        for tree in self.shares.trees.values():
            if (tree / "test").exists():
                (tree / "test").rmdir()

    def test_who_takes_more_memory_than_allowed_is_ended(self):
        enter = self.shares.join("test", 100_000_000, None)
        self.assertEqual(run("print(len(bytearray(20_000_000)))", enter).stdout, "20000000\n")
        self.assertEqual(run("print(len(bytearray(300_000_000)))", enter).returncode, -9)

    def test_two_processes_share_the_limit(self):
        enter = self.shares.join("test", 100_000_000, None)
        child = "import subprocess, sys; kept = bytearray(b'1' * 60_000_000); print(subprocess.run("
        child += "[sys.executable, '-c', 'len(bytes(60_000_000) + b\"1\")']).returncode)"
        outcome = run(child, enter)
        self.assertTrue(outcome.returncode == -9 or outcome.stdout == "-9\n", outcome)

    def test_what_is_left_running_is_ended(self):
        enter = self.shares.join("test", None, None)
        left = subprocess.Popen(["sleep", "1000"], preexec_fn=enter, start_new_session=True)
        self.assertIn(left.pid, self.shares.processes("test"))
        self.shares.end("test")
        self.assertEqual(left.wait(), -9)
        self.assertGreater(self.shares.processor_seconds("test"), 0)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mount = Path(folder.name)

    def test_version_2_has_one_group_with_all_limits(self):
        (self.mount / "cgroup.controllers").write_text("cpu memory pids")
        shares = Shares(self.mount)
        shares.join("anna", 2_000_000_000, 1.5)
        group = self.mount / "gasshuku-hub/anna"
        self.assertEqual((group / "memory.max").read_text(), "2000000000")
        self.assertEqual((group / "cpu.max").read_text(), "150000 100000")
        self.assertEqual((group / "pids.max").read_text(), "2048")
        for above in [self.mount, self.mount / "gasshuku-hub"]:
            self.assertEqual((above / "cgroup.subtree_control").read_text(), "+memory +cpu +pids")
        shares.join("anna", None, None)
        self.assertEqual((group / "memory.max").read_text(), "max")
        self.assertEqual((group / "cpu.max").read_text(), "max 100000")

    def test_version_1_has_a_group_for_each_limit(self):
        for kind in ["memory", "cpu", "pids", "cpuacct"]:
            (self.mount / kind).mkdir()
        Shares(self.mount).join("anna", 2_000_000_000, 1.5)
        read = lambda path: (self.mount / path).read_text()  # noqa: E731
        self.assertEqual(read("memory/gasshuku-hub/anna/memory.limit_in_bytes"), "2000000000")
        self.assertEqual(read("cpu/gasshuku-hub/anna/cpu.cfs_quota_us"), "150000")
        self.assertEqual(read("pids/gasshuku-hub/anna/pids.max"), "2048")
        self.assertFalse((self.mount / "cpu/gasshuku-hub/anna/memory.limit_in_bytes").exists())

    def test_without_groups_the_reason_is_told(self):
        os.rmdir(self.mount)
        shares = Shares(self.mount)
        self.mount.mkdir()
        self.assertIn("cannot be made", shares.why_not)
        shares.join("anna", 1, 1)()
        self.assertEqual(shares.processes("anna"), set())


if __name__ == "__main__":
    unittest.main()
