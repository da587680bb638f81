"""A load test: participants log in and run notebooks 1 to 4. Measures waiting times, memory and CPU time.

They work at the pace of the time plan, or faster. Logins, HTTP and WebSocket connections and kernels are real; there is
no browser. Run it as root on the machine of the hub, with the hub's Python (hub/README.md has the command).
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

from cgroups import ControlGroups
from spawner import ACCOUNT_PREFIX

# Notebooks and minutes, from notebooks/facilitators.md.
TIME_PLAN = [("01_load", 20), ("02_visualize", 35), ("03_define", 40), ("04_train", 45)]
# Seconds. Longer than any cell takes.
TIMEOUT = 600


class Participant:
    """A participant of the hub, and the kernels of the notebooks that are open."""

    def __init__(self, name, address, password):
        self.name = name
        self.address = address
        self.password = password
        # The hub of a test has a certificate of its own.
        self.client = httpx.AsyncClient(
            base_url=address, follow_redirects=True, timeout=180, verify=False
        )
        self.kernels = []

    async def log_in(self):
        """Logs in, and waits for the page of JupyterLab. Returns the seconds that this took."""
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
        # As the page does that JupyterHub shows meanwhile.
        while True:
            page = await self.client.get(f"/user/{self.name}/lab")
            if page.status_code == 200 and page.url.path.startswith(f"/user/{self.name}/lab"):
                return time.monotonic() - begin
            if time.monotonic() - begin > TIMEOUT:
                raise RuntimeError(f"no JupyterLab for {self.name}: {page.status_code} {page.url}")
            await asyncio.sleep(0.5)

    def cookies(self):
        """The cookies of the participant's server, among them its XSRF token."""
        path = f"/user/{self.name}/"
        return {
            cookie.name: cookie.value
            for cookie in self.client.cookies.jar
            if path.startswith(cookie.path)
        }

    async def open(self, notebook):
        """Starts a notebook's kernel. Returns a connection to it."""
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
            request_timeout=TIMEOUT,
        )
        return Kernel(await websocket_connect(request))

    async def shut_down(self, kernel):
        await self.client.delete(
            f"/user/{self.name}/api/kernels/{kernel}",
            headers={"X-XSRFToken": self.cookies()["_xsrf"]},
        )


class Kernel:
    """A connection to a kernel."""

    def __init__(self, socket):
        self.socket = socket

    async def execute(self, code):
        """Runs a cell. Returns None, or what went wrong."""
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id,
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
        async with asyncio.timeout(TIMEOUT):
            while not (replied and idle):
                text = await self.socket.read_message()
                if text is None:
                    return "the connection was closed"
                if isinstance(text, bytes):
                    continue
                message = json.loads(text)
                if message["parent_header"].get("msg_id") != message_id:
                    continue
                kind, content = message["header"]["msg_type"], message["content"]
                if kind == "execute_reply":
                    replied = True
                    if content["status"] != "ok":
                        failure = f"{content.get('ename')}: {content.get('evalue')}"
                idle |= kind == "status" and content["execution_state"] == "idle"
        return failure


def cells(root, language, notebook):
    """The id and the code of each code cell."""
    path = root / "notebooks" / language / f"{notebook}.ipynb"
    all_cells = json.loads(path.read_text())["cells"]
    return [(cell["id"], "".join(cell["source"])) for cell in all_cells if cell["cell_type"] == "code"]


class Measurements:
    def __init__(self):
        # Seconds.
        self.logins = []
        # Seconds, notebook and cell, whether it was the first of the notebook.
        self.cells = []
        self.failures = []
        # Bytes: of all participants together, and of each.
        self.peak = 0
        self.peaks = {}


async def take_part(participant, options, measurements, random):
    """Logs in within the first five minutes of the plan, and runs the notebooks at a slightly irregular pace."""
    await asyncio.sleep(random.uniform(0, 5 * 60 / options.compress))
    measurements.logins.append(await participant.log_in())
    for notebook, minutes in TIME_PLAN:
        kernel = await participant.open(f"{options.language}/{notebook}.ipynb")
        while len(participant.kernels) > options.open_notebooks:
            await participant.shut_down(participant.kernels.pop(0))
        await run_cells(participant, kernel, notebook, minutes * 60 / options.compress, options, measurements, random)


async def run_cells(participant, kernel, notebook, seconds, options, measurements, random):
    """Runs a notebook's cells at even distances, half a distance early or late. Returns after `seconds`."""
    begin = time.monotonic()
    code = cells(options.root, options.language, notebook)
    pause = seconds / len(code)
    for number, (cell, text) in enumerate(code):
        due = begin + (number + random.uniform(-0.5, 0.5)) * pause
        await asyncio.sleep(max(0, due - time.monotonic()))
        sent = time.monotonic()
        failure = await kernel.execute(text)
        measurements.cells.append((time.monotonic() - sent, f"{notebook} {cell}", number == 0))
        if failure:
            measurements.failures.append(f"{participant.name} {notebook} {cell}: {failure}")
    await asyncio.sleep(max(0, begin + seconds - time.monotonic()))


def memory(names):
    """The bytes that each participant's processes use. A shared page counts in parts, for each process that has it."""
    used = dict.fromkeys(names, 0)
    users = {}
    for name in names:
        try:
            users[pwd.getpwnam(ACCOUNT_PREFIX + name).pw_uid] = name
        except KeyError:
            # Has not logged in yet.
            pass
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = users.get(process.stat().st_uid)
            if name:
                for line in (process / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        used[name] += int(line.split()[1]) * 1024
        except (OSError, ProcessLookupError):
            pass
    return used


async def watch_memory(names, measurements):
    while True:
        used = await asyncio.to_thread(memory, names)
        measurements.peak = max(measurements.peak, sum(used.values()))
        for name, size in used.items():
            measurements.peaks[name] = max(measurements.peaks.get(name, 0), size)
        await asyncio.sleep(2)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(options, measurements, seconds, cpu_seconds):
    """Prints a table in Markdown. seconds: of the whole run; cpu_seconds: of all participants, None if not known."""
    if not measurements.cells:
        print("no cell was run", *measurements.failures, sep="\n")
        return
    firsts = [took for took, _, first in measurements.cells if first]
    others = [took for took, _, first in measurements.cells if not first] or firsts
    slowest = max(measurements.cells)
    logins, peaks = measurements.logins, measurements.peaks.values()
    cpu = cores = "not known"
    if cpu_seconds is not None:
        cpu = f"{cpu_seconds / options.people:.0f} s"
        cores = f"{cpu_seconds / seconds:.2f} of {os.cpu_count()}"
    rows = [
        ("participants", options.people),
        ("time plan compressed", f"{options.compress:g} ×"),
        ("open notebooks at most", options.open_notebooks),
        ("cells run, failed", f"{len(measurements.cells)}, {len(measurements.failures)}"),
        ("login to JupyterLab: median, slowest", f"{statistics.median(logins):.1f} s, {max(logins):.1f} s"),
        ("a notebook's first cell: median, slowest", f"{statistics.median(firsts):.1f} s, {max(firsts):.1f} s"),
        ("other cells: median, 95 %, 99 %", ", ".join(f"{percentile(others, share):.2f} s" for share in [0.5, 0.95, 0.99])),
        ("slowest cell", f"{slowest[0]:.1f} s ({slowest[1]})"),
        ("memory of all at most", f"{measurements.peak / 1e9:.2f} GB"),
        ("memory of one at most: median, largest", f"{statistics.median(peaks) / 1e6:.0f} MB, {max(peaks) / 1e6:.0f} MB"),
        ("processor time a participant", cpu),
        ("processors in use, mean", cores),
    ]
    print("| | |\n| --- | ---: |")
    for name, value in rows:
        print(f"| {name} | {value} |")
    for failure in measurements.failures[:10]:
        print(f"\nfailed: {failure}")


def cpu_seconds(names):
    return [ControlGroups.of_this_machine().cpu_seconds(name) for name in names]


async def main(options):
    names = [f"load-{number}" for number in range(options.people)]
    measurements = Measurements()
    participants = [Participant(name, options.address, options.password) for name in names]
    before = cpu_seconds(names)
    watcher = asyncio.create_task(watch_memory(names, measurements))
    begin = time.monotonic()
    try:
        outcomes = await asyncio.gather(
            *(
                take_part(participant, options, measurements, random.Random(participant.name))
                for participant in participants
            ),
            return_exceptions=True,
        )
    except asyncio.CancelledError:
        # After Ctrl-C, the report is about what was measured so far.
        outcomes = ["interrupted"]
    seconds = time.monotonic() - begin
    watcher.cancel()
    measurements.failures += [repr(outcome) for outcome in outcomes if outcome is not None]
    after = cpu_seconds(names)
    used = None if None in after else sum(new - (old or 0) for new, old in zip(after, before))
    report(options, measurements, seconds, used)
    return 1 if measurements.failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--compress", type=float, default=10, help="how many times faster than the time plan")
    parser.add_argument("--open-notebooks", type=int, default=2, help="how many notebooks a participant leaves open")
    parser.add_argument("--language", default="en")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--password", help="the room's; else that of this clone's hub")
    options = parser.parse_args()
    if options.password is None:
        options.password = (options.root / "target/hub/state/password").read_text().strip()
    raise SystemExit(asyncio.run(main(options)))
