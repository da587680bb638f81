"""Runs kernels as frontends do, with jupyter_client."""

import os
import time
import unittest
from pathlib import Path

from jupyter_client import KernelManager

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks" / "en"
HOME = ROOT / "target" / "kernel"
LAUNCHER = ROOT / ".venv" / "bin" / "evcxr-prewarm"
# In seconds, for what must happen sooner or later. No test relies on how soon.
TIMEOUT = 300
LOAD = ':dep gasshuku = { path = "../../crate" }\nuse gasshuku::prelude::*;'


class Cell:
    """The outcome of a cell: its reply, and the messages that were published for it, in order."""

    def __init__(self):
        self.reply, self.published = None, []

    @property
    def ok(self):
        return self.reply["status"] == "ok"

    def contents(self, kind):
        """The contents of the published messages of that kind."""
        return [content for found, content in self.published if found == kind]

    def text(self, name="stdout"):
        return "".join(c["text"] for c in self.contents("stream") if c["name"] == name)

    @property
    def result(self):
        results = self.contents("execute_result")
        return results[-1]["data"]["text/plain"] if results else None

    @property
    def kinds(self):
        """The kinds of the messages that are shown."""
        hidden = ("status", "execute_input")
        return [kind for kind, _ in self.published if kind not in hidden]


class Kernel:
    def __init__(self, folder=NOTEBOOKS, **environment):
        environment = {"GASSHUKU_SPARE": "0"} | environment
        self.manager = KernelManager(kernel_name="rust")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **environment})
        self.connect()
        self.cells = {}

    def connect(self):
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    @property
    def launcher(self):
        return self.manager.provisioner.process.pid

    def start(self, code, **options):
        """Sends a cell; returns the id of the request."""
        options = {"allow_stdin": False} | options
        request = self.client.execute(code, **options)
        self.cells[request] = Cell()
        return request

    def receive(self):
        """Receives one published message; returns the id of its request, and the message."""
        message = self.client.get_iopub_msg(timeout=TIMEOUT)
        request = message["parent_header"].get("msg_id")
        if request in self.cells:
            self.cells[request].published.append((message["msg_type"], message["content"]))
        return request, message

    def wait_for(self, request, matches):
        """Waits for a message that is published for the cell and matches."""
        while True:
            found, message = self.receive()
            if found == request and matches(message["msg_type"], message["content"]):
                return message

    def finish(self, request):
        """Waits for the end of the cell; returns its outcome."""
        self.wait_for(
            request, lambda kind, c: kind == "status" and c["execution_state"] == "idle"
        )
        cell = self.cells[request]
        while cell.reply is None:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            answered = self.cells.get(reply["parent_header"].get("msg_id"))
            if answered:
                answered.reply = reply["content"]
        return cell

    def run(self, code, **options):
        return self.finish(self.start(code, **options))

    def interrupt(self):
        self.manager.interrupt_kernel()

    def reply(self, request):
        """The reply to another request than a cell."""
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]


class OneKernel(unittest.TestCase):
    """Tests that share one kernel with the workshop's crate."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = Kernel()
        assert cls.kernel.run(LOAD).ok

    @classmethod
    def tearDownClass(cls):
        cls.kernel.__exit__()

    def run_ok(self, code, **options):
        cell = self.kernel.run(code, **options)
        self.assertTrue(cell.ok, cell.reply)
        return cell


def wait_until(what, holds):
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, f"it never came true that {what}"
        time.sleep(0.05)


def descendants(process):
    """The ids of all processes below a process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    found, new = [], [process]
    while new:
        new = [child for parent in new for child in parents.get(parent, [])]
        found += new
    return found


def command_line(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
