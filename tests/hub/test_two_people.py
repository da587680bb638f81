"""Two participants of a hub, as HTTP clients: each has an account, and cannot reach what the other has."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hub"))

from cgroups import ControlGroups  # noqa: E402
from load import Participant, cells  # noqa: E402
from spawner import ACCOUNT_PREFIX  # noqa: E402

NAMES = ["test-first", "test-second", "root"]
PEOPLE = ROOT / "hub/people"
KERNELS = ROOT / "target/kernel"
# What all participants share. Kernels write only below `users`.
SHARED = [KERNELS / "template", KERNELS / "bin", KERNELS / "config", KERNELS / "content", ROOT / "crate"]


def free_ports():
    """The first of four ports in a row that are free."""
    for first in range(18100, 19000, 10):
        try:
            for port in range(first, first + 4):
                with socket.socket() as attempt:
                    attempt.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise RuntimeError("no ports are free")


def file_states(folders):
    """Of each file: its inode, size, and times of change, which also change with a new link to it."""
    found = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            status = path.lstat()
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def remove_people():
    for name in NAMES:
        ControlGroups.of_this_machine().kill_processes(name)
        try:
            user = pwd.getpwnam(ACCOUNT_PREFIX + name)
        except KeyError:
            continue
        shutil.rmtree(KERNELS / "users" / str(user.pw_uid), ignore_errors=True)
        subprocess.run(["userdel", ACCOUNT_PREFIX + name], check=True, capture_output=True)
    for name in NAMES:
        shutil.rmtree(PEOPLE / name, ignore_errors=True)


def account(name):
    return pwd.getpwnam(ACCOUNT_PREFIX + name)


def as_participant(name, *command):
    user = account(name)
    return subprocess.run(
        command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", capture_output=True, text=True
    )


class TwoPeople(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        remove_people()
        cls.state = tempfile.mkdtemp()
        port = free_ports()
        cls.address = f"http://127.0.0.1:{port}"
        cls.before = file_states(SHARED)
        cls.output = open(Path(cls.state) / "output", "w+")
        command = [os.environ["GASSHUKU_XTASK"], "--root", str(ROOT), "hub"]
        cls.hub = subprocess.Popen(
            [*command, "--port", str(port), "--state", cls.state + "/state"],
            stdout=cls.output,
            stderr=subprocess.STDOUT,
        )
        try:
            cls.wait_for_page()
            cls.password = (Path(cls.state) / "state/password").read_text()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def wait_for_page(cls):
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(cls.address + "/hub/login").close()
                return
            except (urllib.error.URLError, ConnectionError):
                if cls.hub.poll() is not None or time.monotonic() > deadline:
                    cls.output.seek(0)
                    raise AssertionError(f"the hub does not answer:\n{cls.output.read()}")
                time.sleep(0.2)

    @classmethod
    def tearDownClass(cls):
        cls.hub.terminate()
        cls.hub.wait()
        remove_people()
        cls.output.close()
        shutil.rmtree(cls.state)
        # The proxy ends with the hub.
        with socket.socket() as attempt:
            assert attempt.connect_ex(("127.0.0.1", int(cls.address.rpartition(":")[2]))) != 0

    def test_1_both_run_the_first_cells_of_notebook_1(self):
        async def take_part(name):
            participant = Participant(name, self.address, self.password)
            await participant.log_in()
            kernel = await participant.open("en/01_load.ipynb")
            for _, code in cells(ROOT, "en", "01_load")[:2]:
                self.assertIsNone(await kernel.execute(code))
            write = 'std::fs::write("../../target/models/mine.safetensors", "mine")?;'
            self.assertIsNone(await kernel.execute(write))
            return participant

        async def both():
            await asyncio.gather(*(take_part(name) for name in NAMES[:2]))

        asyncio.run(both())
        for name in NAMES[:2]:
            model = PEOPLE / name / "target/models/mine.safetensors"
            self.assertEqual(model.read_text(), "mine")
            self.assertEqual(model.stat().st_uid, account(name).pw_uid)
            (kernel,) = (KERNELS / "users" / str(account(name).pw_uid) / "running").iterdir()
            # Compiled crates, hundreds of MB, are links to what all share.
            own = sum(path.lstat().st_size for path in kernel.rglob("*"))
            self.assertLess(own, 30_000_000)
        self.assertNotEqual(account(NAMES[0]).pw_uid, account(NAMES[1]).pw_uid)

    def test_2_nobody_reaches_the_files_of_another(self):
        first, second = NAMES[:2]
        for owner, other in [(first, second), (second, first)]:
            folder = PEOPLE / owner
            kernels = KERNELS / "users" / str(account(owner).pw_uid)
            for path in [folder / "notebooks/en/01_load.ipynb", folder / "target/models/mine.safetensors"]:
                self.assertEqual(as_participant(owner, "cat", path).returncode, 0)
                self.assertIn("Permission denied", as_participant(other, "cat", path).stderr)
                self.assertIn("Permission denied", as_participant(other, "cp", "/dev/null", path).stderr)
            for path in [folder, kernels]:
                self.assertIn("Permission denied", as_participant(other, "ls", path).stderr)
                self.assertIn("Permission denied", as_participant(other, "touch", path / "x").stderr)
                self.assertIn("Permission denied", as_participant(other, "mv", path, f"{path}-mine").stderr)
        secrets = Path(self.state) / "state"
        for path in [secrets / "host_password", secrets / "jupyterhub.sqlite"]:
            self.assertIn("Permission denied", as_participant(first, "cat", path).stderr)

    def test_3_shared_files_are_unchanged(self):
        self.assertEqual(file_states(SHARED), self.before)
        for path in [ROOT / "crate/src/lib.rs", KERNELS / "settings.json", ROOT / "data", ROOT / ".venv"]:
            denied = as_participant(NAMES[0], "touch", path / "x" if path.is_dir() else path)
            self.assertIn("Permission denied", denied.stderr, path)

    def test_4_the_name_root_does_not_lead_to_roots_account(self):
        async def log_in():
            await Participant("root", self.address, self.password).log_in()

        asyncio.run(log_in())
        self.assertNotEqual(account("root").pw_uid, 0)
        servers = [
            path for path in Path("/proc").glob("[0-9]*") if path.stat().st_uid == account("root").pw_uid
        ]
        self.assertTrue(servers)

    def test_5_the_wrong_password_opens_nothing(self):
        async def log_in():
            participant = Participant(NAMES[0], self.address, "wrong")
            page = await participant.client.get("/hub/login")
            token = participant.client.cookies.get("_xsrf", path="/hub/")
            data = {"username": NAMES[0], "password": "wrong", "_xsrf": token}
            answer = await participant.client.post("/hub/login", data=data)
            self.assertEqual(page.status_code, 200)
            self.assertEqual(answer.status_code, 403)

        asyncio.run(log_in())


class Folder(unittest.TestCase):
    """What participant_folder.py does, without a hub."""

    def setUp(self):
        sys.path.insert(0, str(ROOT / "hub"))
        self.folder = Path(tempfile.mkdtemp())

    def tearDown(self):
        shutil.rmtree(self.folder)

    def test_files_that_exist_are_not_changed(self):
        from participant_folder import prepare

        prepare(ROOT, self.folder)
        notebook = self.folder / "notebooks/en/01_load.ipynb"
        self.assertEqual(notebook.read_bytes(), (ROOT / "notebooks/en/01_load.ipynb").read_bytes())
        notebook.write_text("mine")
        (self.folder / "notebooks/ja/02_visualize.ipynb").unlink()
        prepare(ROOT, self.folder)
        self.assertEqual(notebook.read_text(), "mine")
        self.assertTrue((self.folder / "notebooks/ja/02_visualize.ipynb").is_file())
        self.assertEqual((self.folder / "data").resolve(), (ROOT / "data").resolve())


if __name__ == "__main__":
    unittest.main()
