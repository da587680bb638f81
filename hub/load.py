"""Participants who go through notebooks 1 to 4 at the time plan's pace, compressed: how long they wait, what they take.

Real logins, HTTP and WebSocket connections, and kernels; what is not there is a browser. To be run as root on the
machine of the hub, with the Python of the hub (hub/README.md has the command).
"""

import argparse
import asyncio
import json
import os
import pwd
import random
import statistics
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from people import PREFIX
from shares import Shares

# Minutes of the time plan in notebooks/facilitators.md.
PLAN = [("01_load", 20), ("02_visualize", 35), ("03_define", 40), ("04_train", 45)]
# Longer than any cell takes that goes well.
PATIENCE = 600


class Participant:
    """One who has logged in."""

    def __init__(self, name, address, password):
        self.name = name
        self.address = address
        self.password = password
        # The hub of a test has a certificate of its own.
        self.client = httpx.AsyncClient(
            base_url=address, follow_redirects=True, timeout=180, verify=False
        )
        self.kernels = []

    async def arrive(self):
        """Logs in, and waits until JupyterLab's page is there; seconds."""
        begin = time.monotonic()
        page = await self.client.get("/hub/login")
        page.raise_for_status()
        answer = await self.client.post(
            "/hub/login",
            params={"next": "/hub/spawn"},
            data={
                "username": self.name,
                "password": self.password,
                "_xsrf": self.client.cookies.get("_xsrf", path="/hub/"),
            },
        )
        answer.raise_for_status()
        # The page that waits asks the same.
        while True:
            page = await self.client.get(f"/user/{self.name}/lab")
            if page.status_code == 200 and page.url.path.startswith(f"/user/{self.name}/lab"):
                return time.monotonic() - begin
            if time.monotonic() - begin > PATIENCE:
                raise RuntimeError(f"no JupyterLab for {self.name}: {page.status_code} {page.url}")
            await asyncio.sleep(0.5)

    def cookies(self):
        """Those of the participant's own server, and its token against forged requests."""
        path = f"/user/{self.name}/"
        return {
            cookie.name: cookie.value
            for cookie in self.client.cookies.jar
            if path.startswith(cookie.path)
        }

    async def open(self, notebook):
        """Starts a notebook's kernel and connects to it."""
        answer = await self.client.post(
            f"/user/{self.name}/api/sessions",
            json={"path": notebook, "name": "", "type": "notebook", "kernel": {"name": "rust"}},
            headers={"X-XSRFToken": self.cookies()["_xsrf"]},
        )
        answer.raise_for_status()
        kernel = answer.json()["kernel"]["id"]
        self.kernels.append(kernel)
        address = self.address.replace("http", "ws", 1)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies().items())
        parts = urlsplit(self.address)
        request = HTTPRequest(
            f"{address}/user/{self.name}/api/kernels/{kernel}/channels",
            headers={"Cookie": cookies, "Origin": f"{parts.scheme}://{parts.netloc}"},
            validate_cert=False,
            connect_timeout=60,
            request_timeout=PATIENCE,
        )
        return Kernel(await websocket_connect(request))

    async def close(self, kernel):
        await self.client.delete(
            f"/user/{self.name}/api/kernels/{kernel}",
            headers={"X-XSRFToken": self.cookies()["_xsrf"]},
        )


class Kernel:
    """A connection to a kernel."""

    def __init__(self, socket):
        self.socket = socket

    async def execute(self, code):
        """Runs a cell; an error's name and words, or None."""
        number = uuid.uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "session": "load",
            "username": "",
            "version": "5.3",
            "date": "",
        }
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.write_message(json.dumps({**message, "channel": "shell", "buffers": []}))
        failure, replied, idle = None, False, False
        async with asyncio.timeout(PATIENCE):
            while not (replied and idle):
                text = await self.socket.read_message()
                if text is None:
                    return "the connection was closed"
                if isinstance(text, bytes):
                    continue
                message = json.loads(text)
                if message["parent_header"].get("msg_id") != number:
                    continue
                kind, content = message["header"]["msg_type"], message["content"]
                if kind == "execute_reply":
                    replied = True
                    if content["status"] != "ok":
                        failure = f"{content.get('ename')}: {content.get('evalue')}"
                idle |= kind == "status" and content["execution_state"] == "idle"
        return failure


def cells(root, language, notebook):
    """The code of a notebook's cells, with their ids."""
    path = root / "notebooks" / language / f"{notebook}.ipynb"
    every = json.loads(path.read_text())["cells"]
    return [(cell["id"], "".join(cell["source"])) for cell in every if cell["cell_type"] == "code"]


class Log:
    def __init__(self):
        self.arrivals, self.runs, self.failures = [], [], []
        self.peak, self.peaks = 0, {}


async def take_part(participant, options, log, chance):
    """Comes within the first minutes, and works at a pace of one's own."""
    factor = options.compress
    await asyncio.sleep(chance.uniform(0, 5 * 60 / factor))
    log.arrivals.append(await participant.arrive())
    for notebook, minutes in PLAN:
        code = cells(options.root, options.language, notebook)
        pause = minutes * 60 / factor / len(code)
        kernel = await participant.open(f"{options.language}/{notebook}.ipynb")
        # The notebook before stays open; those before it are closed, or were idle for too long.
        while len(participant.kernels) > 2:
            await participant.close(participant.kernels.pop(0))
        begin = time.monotonic()
        for number, (cell, text) in enumerate(code):
            # Half a pause early or late, for nobody works in step.
            due = begin + (number + chance.uniform(-0.5, 0.5)) * pause
            await asyncio.sleep(max(0, due - time.monotonic()))
            sent = time.monotonic()
            failure = await kernel.execute(text)
            log.runs.append((time.monotonic() - sent, f"{notebook} {cell}", number == 0))
            if failure:
                log.failures.append(f"{participant.name} {notebook} {cell}: {failure}")
        rest = begin + minutes * 60 / factor - time.monotonic()
        await asyncio.sleep(max(0, rest))


def memory(names):
    """Bytes of each person's processes, shared pages divided among those who share them."""
    found = dict.fromkeys(names, 0)
    users = {pwd.getpwnam(PREFIX + name).pw_uid: name for name in names if is_account(name)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = users.get(process.stat().st_uid)
            if name:
                for line in (process / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        found[name] += int(line.split()[1]) * 1024
        except (OSError, ProcessLookupError):
            pass
    return found


def is_account(name):
    try:
        return bool(pwd.getpwnam(PREFIX + name))
    except KeyError:
        return False


async def watch(names, log):
    while True:
        now = await asyncio.to_thread(memory, names)
        log.peak = max(log.peak, sum(now.values()))
        for name, size in now.items():
            log.peaks[name] = max(log.peaks.get(name, 0), size)
        await asyncio.sleep(2)


def percent(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(options, log, seconds, processor):
    """A table in Markdown."""
    if not log.runs:
        print("no cell was run", *log.failures, sep="\n")
        return
    times = [took for took, _, first in log.runs if not first]
    firsts = [took for took, _, first in log.runs if first]
    times = times or firsts
    slowest = max(log.runs)
    rows = [
        ("participants", options.people),
        ("time plan compressed", f"{options.compress:g} ×"),
        ("cells run, failed", f"{len(log.runs)}, {len(log.failures)}"),
        ("login to JupyterLab: median, slowest", f"{statistics.median(log.arrivals):.1f} s, {max(log.arrivals):.1f} s"),
        ("a notebook's first cell: median, slowest", f"{statistics.median(firsts):.1f} s, {max(firsts):.1f} s"),
        ("other cells: median, 95 %, 99 %", ", ".join(f"{percent(times, share):.2f} s" for share in [0.5, 0.95, 0.99])),
        ("slowest cell", f"{slowest[0]:.1f} s ({slowest[1]})"),
        ("memory of all at most", f"{log.peak / 1e9:.2f} GB"),
        ("memory of one at most: median, largest", f"{statistics.median(log.peaks.values()) / 1e6:.0f} MB, {max(log.peaks.values()) / 1e6:.0f} MB"),
        ("processor time a participant", "not known" if processor is None else f"{processor / options.people:.0f} s"),
        ("processors in use, mean", "not known" if processor is None else f"{processor / seconds:.2f} of {os.cpu_count()}"),
    ]
    print("| | |\n| --- | ---: |")
    for name, value in rows:
        print(f"| {name} | {value} |")
    for failure in log.failures[:10]:
        print(f"\nfailed: {failure}")


async def main(options):
    names = [f"load-{number}" for number in range(options.people)]
    log = Log()
    participants = [Participant(name, options.address, options.password) for name in names]
    used = lambda: [Shares.here().processor_seconds(name) for name in names]  # noqa: E731
    before = used()
    watcher = asyncio.create_task(watch(names, log))
    begin = time.monotonic()
    try:
        outcomes = await asyncio.gather(
            *(
                take_part(participant, options, log, random.Random(name))
                for participant, name in zip(participants, names)
            ),
            return_exceptions=True,
        )
    except asyncio.CancelledError:
        # Ctrl-C: what was measured so far is shown.
        outcomes = ["interrupted"]
    seconds = time.monotonic() - begin
    watcher.cancel()
    log.failures += [repr(outcome) for outcome in outcomes if outcome is not None]
    after = used()
    known = None not in after
    processor = sum(new - (old or 0) for new, old in zip(after, before)) if known else None
    report(options, log, seconds, processor)
    return 1 if log.failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--compress", type=float, default=10, help="how many times faster than the time plan")
    parser.add_argument("--language", default="en")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--password", help="the room's; else that of this clone's hub")
    options = parser.parse_args()
    if options.password is None:
        options.password = (options.root / "target/hub/state/password").read_text().strip()
    raise SystemExit(asyncio.run(main(options)))
