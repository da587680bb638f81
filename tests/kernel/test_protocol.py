"""Jupyter's protocol: requests while a cell runs, comms, keys, clients."""

import tempfile
import unittest
from pathlib import Path

import zmq

from support import TIMEOUT, Kernel, OneKernel, wait_until


class RequestsWhileACellRuns(OneKernel):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.gate = Path(self.folder.name) / "gate"
        code = f"while !std::path::Path::new({str(self.gate)!r}).exists() {{ }}".replace("'", '"')
        self.request = self.kernel.start('println!("running");\n' + code)
        self.kernel.wait_for(self.request, lambda kind, c: kind == "stream")

    def tearDown(self):
        self.gate.touch()
        self.assertTrue(self.kernel.finish(self.request).ok)
        self.folder.cleanup()

    def test_they_are_answered_at_once(self):
        client = self.kernel.client
        self.assertEqual(self.kernel.reply(client.complete("Ten", 3))["matches"], [])
        self.assertFalse(self.kernel.reply(client.inspect("Tensor", 3))["found"])
        info = self.kernel.reply(client.kernel_info())
        self.assertEqual(info["language_info"]["name"], "Rust")
        self.assertEqual(self.kernel.reply(client.comm_info())["comms"], {})
        self.assertEqual(self.kernel.reply(client.history())["history"], [])
        self.assertEqual(self.kernel.reply(client.is_complete("fn f() {"))["status"], "incomplete")
        self.assertFalse(self.gate.exists())


class Protocol(OneKernel):
    def test_a_comm_is_closed(self):
        message = self.kernel.client.session.msg("comm_open", {"comm_id": "7", "target_name": "x", "data": {}})
        self.kernel.client.shell_channel.send(message)
        request = ""
        while request != message["header"]["msg_id"] or published["msg_type"] != "comm_close":
            published = self.kernel.client.get_iopub_msg(timeout=TIMEOUT)
            request = published["parent_header"].get("msg_id")
        self.assertEqual(published["content"]["comm_id"], "7")

    def test_heartbeats_of_each_client_are_answered(self):
        port = self.kernel.manager.get_connection_info()["hb_port"]
        for word in (b"one", b"two", b"three"):
            with zmq.Context.instance().socket(zmq.REQ) as socket:
                socket.linger = 0
                socket.connect(f"tcp://127.0.0.1:{port}")
                socket.send(word)
                self.assertTrue(socket.poll(30_000))
                self.assertEqual(socket.recv(), word)

    def test_messages_with_another_key_are_ignored(self):
        with Kernel() as kernel:
            stranger = kernel.manager.blocking_client()
            stranger.session.key = b"another key"
            stranger.start_channels()
            stranger.kernel_info()
            stranger.execute('println!("by a stranger");')
            cell = kernel.run('println!("own");')
            self.assertEqual(cell.text(), "own\n")
            stranger.stop_channels()

    def test_clients_come_and_go(self):
        with Kernel() as kernel:
            for number in range(3):
                self.assertEqual(kernel.run(f"{number}").result, str(number))
                kernel.client.stop_channels()
                kernel.connect()
            wait_until("heartbeats are answered", kernel.client.hb_channel.is_beating)

    def test_connection_files_are_private(self):
        with tempfile.TemporaryDirectory(prefix="kt-", dir="/tmp") as folder:
            with Kernel(XDG_RUNTIME_DIR=folder):
                [file] = Path(folder).glob("evcxr-*/connection.json")
                self.assertEqual(file.stat().st_mode & 0o777, 0o600)
                self.assertEqual(file.parent.stat().st_mode & 0o777, 0o700)


if __name__ == "__main__":
    unittest.main()
