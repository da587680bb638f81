"""Limits on a participant's memory and processors, with Linux's control groups.

A limit with setrlimit would apply to each process alone; a control group limits all processes of a participant together.
"""

import os
import signal
from pathlib import Path

# Kernels have many threads. The limit only stops programs that start processes without end.
MAX_TASKS = 2048
PARENT_GROUP = "gasshuku-hub"
PERIOD = 100_000  # microseconds


class ControlGroups:
    """A group for each participant, in version 2 (one hierarchy) or 1 (a hierarchy for each kind of limit).

    Where there can be no groups, `error` says why, and nothing is limited.
    """

    def __init__(self, mount=Path("/sys/fs/cgroup")):
        self.hierarchies = {}
        self.error = None
        try:
            if (mount / "cgroup.controllers").exists():
                self.version = 2
                self.hierarchies[""] = create_version_2(mount)
            else:
                self.version = 1
                for kind in ["memory", "cpu", "pids", "cpuacct"]:
                    self.hierarchies[kind] = mount / kind / PARENT_GROUP
                    self.hierarchies[kind].mkdir(exist_ok=True)
        except OSError as error:
            self.hierarchies = {}
            self.error = f"control groups cannot be made: {error}"

    _of_this_machine = None

    @classmethod
    def of_this_machine(cls):
        if cls._of_this_machine is None:
            cls._of_this_machine = cls()
        return cls._of_this_machine

    def create(self, name, memory, processors):
        """Creates a participant's groups. Returns a function that moves the process which calls it into them.

        memory: bytes, or None for no limit; processors: a number (0.5 is half of one), or None for no limit.
        """
        quota = "max" if processors is None else str(int(processors * PERIOD))
        limits = {
            2: {
                "memory.max": str(memory or "max"),
                "cpu.max": f"{quota} {PERIOD}",
                "pids.max": str(MAX_TASKS),
            },
            1: {
                "memory.limit_in_bytes": str(memory or -1),
                "cpu.cfs_quota_us": "-1" if quota == "max" else quota,
                "pids.max": str(MAX_TASKS),
            },
        }
        for kind, hierarchy in self.hierarchies.items():
            group = hierarchy / name
            group.mkdir(exist_ok=True)
            for file, value in limits[self.version].items():
                if kind in ("", file.split(".")[0]):
                    (group / file).write_text(value)
        files = [str(hierarchy / name / "cgroup.procs") for hierarchy in self.hierarchies.values()]

        def enter():
            for file in files:
                descriptor = os.open(file, os.O_WRONLY)
                os.write(descriptor, b"0")
                os.close(descriptor)

        return enter

    def cpu_seconds(self, name):
        """The CPU time of a participant's processes, ended ones included. None if it is not known."""
        try:
            if self.version == 1:
                return int((self.hierarchies["cpuacct"] / name / "cpuacct.usage").read_text()) / 1e9
            lines = (self.hierarchies[""] / name / "cpu.stat").read_text().split("\n")
            return int(dict(line.split() for line in lines if line)["usage_usec"]) / 1e6
        except (OSError, KeyError):
            return None

    def processes(self, name):
        """The process ids of a participant."""
        found = set()
        for hierarchy in self.hierarchies.values():
            try:
                found |= {int(line) for line in (hierarchy / name / "cgroup.procs").read_text().split()}
            except OSError:
                pass
        return found

    def kill_processes(self, name):
        """Ends what is left after a server: kernels are in process groups of their own, and go on without it."""
        for process in self.processes(name):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


def create_version_2(mount):
    """The parent group in version 2. The limits of a group must be switched on in the group above it."""
    parent = mount / PARENT_GROUP
    parent.mkdir(exist_ok=True)
    for group in [mount, parent]:
        (group / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    return parent
