"""Each person's share of memory and processors, by Linux's control groups.

A limit of the process (setrlimit) would hold for each of a person's processes, not for all of them together.
"""

import os
import signal
from pathlib import Path

# Kernels have many threads; this only stops what multiplies without end.
MOST_TASKS = 2048
OURS = "gasshuku-hub"
PERIOD = 100_000  # microseconds


class Shares:
    """Groups of version 2 (one tree) or 1 (a tree for each kind of limit)."""

    def __init__(self, mount=Path("/sys/fs/cgroup")):
        self.trees = {}
        self.why_not = None
        try:
            if (mount / "cgroup.controllers").exists():
                self.version = 2
                self.trees[""] = two(mount)
            else:
                self.version = 1
                for kind in ["memory", "cpu", "pids", "cpuacct"]:
                    self.trees[kind] = mount / kind / OURS
                    self.trees[kind].mkdir(exist_ok=True)
        except OSError as error:
            self.trees = {}
            self.why_not = f"control groups cannot be made: {error}"

    _here = None

    @classmethod
    def here(cls):
        """Those of this machine."""
        if cls._here is None:
            cls._here = cls()
        return cls._here

    def join(self, name, memory, processors):
        """Makes a person's groups, and gives what puts the process that calls it into them.

        memory: bytes, or None; processors: how many (0.5 is half of one), or None.
        """
        quota = "max" if processors is None else str(int(processors * PERIOD))
        limits = {
            2: {
                "memory.max": str(memory or "max"),
                "cpu.max": f"{quota} {PERIOD}",
                "pids.max": str(MOST_TASKS),
            },
            1: {
                "memory.limit_in_bytes": str(memory or -1),
                "cpu.cfs_quota_us": "-1" if quota == "max" else quota,
                "pids.max": str(MOST_TASKS),
            },
        }
        for kind, tree in self.trees.items():
            group = tree / name
            group.mkdir(exist_ok=True)
            for file, value in limits[self.version].items():
                if kind in ("", file.split(".")[0]):
                    (group / file).write_text(value)
        files = [str(tree / name / "cgroup.procs") for tree in self.trees.values()]

        def enter():
            for file in files:
                descriptor = os.open(file, os.O_WRONLY)
                os.write(descriptor, b"0")
                os.close(descriptor)

        return enter

    def processor_seconds(self, name):
        """What a person has used of the processors so far, ended processes included; None: it is not known."""
        try:
            if self.version == 1:
                return int((self.trees["cpuacct"] / name / "cpuacct.usage").read_text()) / 1e9
            lines = (self.trees[""] / name / "cpu.stat").read_text().split("\n")
            return int(dict(line.split() for line in lines if line)["usage_usec"]) / 1e6
        except (OSError, KeyError):
            return None

    def processes(self, name):
        """Those that a person has, by their numbers."""
        found = set()
        for tree in self.trees.values():
            try:
                found |= {int(line) for line in (tree / name / "cgroup.procs").read_text().split()}
            except OSError:
                pass
        return found

    def end(self, name):
        """Ends what a server has left running: kernels are in process groups of their own."""
        for process in self.processes(name):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


def two(mount):
    """Our group in version 2; a group's limits must be switched on in the one above it."""
    ours = mount / OURS
    ours.mkdir(exist_ok=True)
    for group in [mount, ours]:
        (group / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    return ours
