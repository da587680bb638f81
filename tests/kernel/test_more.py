"""What else a frontend meets: lines without an end before a failure, comms, keys, the holder of a kernel."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import zmq

from support import HOME, LAUNCHER, LOAD, NOTEBOOKS, PATIENCE, Kernel, children, command, until


class OneKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="kt-", dir="/tmp")
        cls.kernel = Kernel(XDG_RUNTIME_DIR=cls.folder)
        assert cls.kernel.run(LOAD).ok

    @classmethod
    def tearDownClass(cls):
        cls.kernel.__exit__()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def assert_fails_after_half_a_line(self, failure):
        self.assertTrue(self.kernel.run("let before = 6;").ok)
        cell = self.kernel.run(f'let never = 5;\nprint!("half");\n{failure}')
        self.assertEqual((cell.reply["status"], cell.text()), ("error", "half"))
        # evcxr, too, must know that it has failed.
        self.assertEqual(self.kernel.run("before").result, "6")

    def test_a_panic_after_half_a_line(self):
        self.assert_fails_after_half_a_line('panic!("then");')

    def test_a_failed_question_mark_after_half_a_line(self):
        self.assert_fails_after_half_a_line('let text = std::fs::read_to_string("/none")?;')

    def test_cells_that_wait_run_if_the_frontend_wants_that(self):
        first = self.kernel.start('panic!("first");', stop_on_error=False)
        second = self.kernel.start("5 + 1")
        self.assertEqual(self.kernel.finish(first).reply["status"], "error")
        self.assertEqual(self.kernel.finish(second).result, "6")

    def test_nobody_answers_with_an_empty_line(self):
        self.assertEqual(self.kernel.run('input("Anybody?")?.len()').result, "0")

    def test_a_comm_is_closed(self):
        message = self.kernel.client.session.msg("comm_open", {"comm_id": "7", "target_name": "x", "data": {}})
        self.kernel.client.shell_channel.send(message)
        request = ""
        while request != message["header"]["msg_id"] or published["msg_type"] != "comm_close":
            published = self.kernel.client.get_iopub_msg(timeout=PATIENCE)
            request = published["parent_header"].get("msg_id")
        self.assertEqual(published["content"]["comm_id"], "7")

    def test_the_heart_beats_for_each_client(self):
        port = self.kernel.manager.get_connection_info()["hb_port"]
        for word in (b"one", b"two", b"three"):
            with zmq.Context.instance().socket(zmq.REQ) as socket:
                socket.linger = 0
                socket.connect(f"tcp://127.0.0.1:{port}")
                socket.send(word)
                self.assertTrue(socket.poll(30_000))
                self.assertEqual(socket.recv(), word)

    def test_connection_files_are_for_their_owner(self):
        [file] = Path(self.folder).glob("evcxr-*/connection.json")
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(file.parent.stat().st_mode & 0o777, 0o700)


class WithoutNetwork(unittest.TestCase):
    def test_a_crate_of_the_lock_file(self):
        with Kernel(CARGO_NET_OFFLINE="true") as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            cell = kernel.run(':dep serde_json = "1"\nserde_json::json!([Tensor::from(3).int64_value(&[])]).to_string()')
            self.assertTrue(cell.ok, cell.reply)
            self.assertEqual(cell.result, '"[3]"')


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
