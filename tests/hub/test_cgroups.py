"""The limits of a participant, in real control groups and in files that look like them."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hub"))

from cgroups import ControlGroups  # noqa: E402


def run(code, enter):
    return subprocess.run([sys.executable, "-c", code], preexec_fn=enter, capture_output=True, text=True)


class Groups(unittest.TestCase):
    def setUp(self):
        self.groups = ControlGroups()
        if self.groups.error:
            self.skipTest(self.groups.error)
        self.addCleanup(self.remove)

    def remove(self):
        self.groups.kill_processes("test")
        for hierarchy in self.groups.hierarchies.values():
            if (hierarchy / "test").exists():
                (hierarchy / "test").rmdir()

    def test_a_process_that_takes_too_much_memory_is_killed(self):
        enter = self.groups.create("test", 100_000_000, None)
        self.assertEqual(run("print(len(bytearray(20_000_000)))", enter).stdout, "20000000\n")
        self.assertEqual(run("print(len(bytearray(300_000_000)))", enter).returncode, -9)

    def test_two_processes_share_the_limit(self):
        enter = self.groups.create("test", 100_000_000, None)
        child = "import subprocess, sys; kept = bytearray(b'1' * 60_000_000); print(subprocess.run("
        child += "[sys.executable, '-c', 'len(bytes(60_000_000) + b\"1\")']).returncode)"
        outcome = run(child, enter)
        self.assertTrue(outcome.returncode == -9 or outcome.stdout == "-9\n", outcome)

    def test_processes_that_are_left_are_killed(self):
        enter = self.groups.create("test", None, None)
        left = subprocess.Popen(["sleep", "1000"], preexec_fn=enter, start_new_session=True)
        self.assertIn(left.pid, self.groups.processes("test"))
        self.groups.kill_processes("test")
        self.assertEqual(left.wait(), -9)
        self.assertGreater(self.groups.cpu_seconds("test"), 0)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mount = Path(folder.name)

    def test_version_2_has_one_group_with_all_limits(self):
        (self.mount / "cgroup.controllers").write_text("cpu memory pids")
        groups = ControlGroups(self.mount)
        groups.create("anna", 2_000_000_000, 1.5)
        group = self.mount / "gasshuku-hub/anna"
        self.assertEqual((group / "memory.max").read_text(), "2000000000")
        self.assertEqual((group / "cpu.max").read_text(), "150000 100000")
        self.assertEqual((group / "pids.max").read_text(), "2048")
        for above in [self.mount, self.mount / "gasshuku-hub"]:
            self.assertEqual((above / "cgroup.subtree_control").read_text(), "+memory +cpu +pids")
        groups.create("anna", None, None)
        self.assertEqual((group / "memory.max").read_text(), "max")
        self.assertEqual((group / "cpu.max").read_text(), "max 100000")

    def test_version_1_has_a_group_for_each_limit(self):
        for kind in ["memory", "cpu", "pids", "cpuacct"]:
            (self.mount / kind).mkdir()
        ControlGroups(self.mount).create("anna", 2_000_000_000, 1.5)
        read = lambda path: (self.mount / path).read_text()  # noqa: E731
        self.assertEqual(read("memory/gasshuku-hub/anna/memory.limit_in_bytes"), "2000000000")
        self.assertEqual(read("cpu/gasshuku-hub/anna/cpu.cfs_quota_us"), "150000")
        self.assertEqual(read("pids/gasshuku-hub/anna/pids.max"), "2048")
        self.assertFalse((self.mount / "cpu/gasshuku-hub/anna/memory.limit_in_bytes").exists())

    def test_without_groups_there_is_a_reason_and_no_limit(self):
        os.rmdir(self.mount)
        groups = ControlGroups(self.mount)
        self.mount.mkdir()
        self.assertIn("cannot be made", groups.error)
        groups.create("anna", 1, 1)()
        self.assertEqual(groups.processes("anna"), set())


if __name__ == "__main__":
    unittest.main()
