"""The values for Kubernetes agree with the image, with the configuration for one machine, and with the chart.

The chart is not part of the repository. Where `helm` is installed, GASSHUKU_CHART names the chart's folder
(hub/README.md).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import yaml
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[2]
WORKSHOP = "/home/participant/gasshuku/"
VALUES = ROOT / "hub/kubernetes/values.yaml"
README = ROOT / "hub/README.md"


def one_machine():
    """JupyterHub's configuration on one machine."""
    options = {
        "address": "http://127.0.0.1:8000",
        "board_port": 8003,
        "environment": {},
        "host": "host",
        "host_password": "",
        "hub_port": 8001,
        "idle_minutes": 30,
        "language": "en",
        "memory": 3_000_000_000,
        "password": "",
        "people": "/people",
        "processors": 2,
        "proxy": "/proxy",
        "proxy_port": 8002,
        "root": str(ROOT),
        "state": "/state",
        "tls_certificate": None,
        "tls_key": None,
    }
    environment = {"GASSHUKU_HUB": str(ROOT / "hub"), "GASSHUKU_HUB_OPTIONS": json.dumps(options)}
    config = Config()
    path = ROOT / "hub/jupyterhub_config.py"
    with patch.dict(os.environ, environment):
        exec(compile(path.read_text(), path, "exec"), {"get_config": lambda: config})
    return config


def values():
    return yaml.safe_load(VALUES.read_text())


class Values(unittest.TestCase):
    def setUp(self):
        self.values = values()

    def test_the_server_starts_from_what_is_in_the_image(self):
        dockerfile = (ROOT / "Dockerfile").read_text()
        self.assertIn(f"WORKDIR {WORKSHOP[:-1]}\n", dockerfile)
        self.assertIn("FROM workshop AS hub\n", dockerfile)
        (command,) = self.values["singleuser"]["cmd"]
        script = ROOT / command.removeprefix(WORKSHOP)
        self.assertTrue(os.access(script, os.X_OK))
        subprocess.run(["sh", "-n", script], check=True)
        self.assertIn(f"own={self.values['singleuser']['storage']['homeMountPath']}\n", script.read_text())

    def test_names_are_as_on_one_machine(self):
        pattern = self.values["hub"]["config"]["Authenticator"]["username_pattern"]
        self.assertIn(f'username_pattern = r"{pattern}"', (ROOT / "hub/jupyterhub_config.py").read_text())

    def test_servers_have_the_options_of_one_machine(self):
        config = one_machine()
        start = (ROOT / "hub/kubernetes/start").read_text()
        for option in config.Spawner.args:
            self.assertIn(f"{option} \\\n", start)
        (culler,) = [service for service in config.JupyterHub.services if service["name"] == "idle-culler"]
        self.assertIn(f"--timeout={self.values['cull']['timeout']}", culler["command"])
        # One machine has these options by default.
        self.assertIn("default_value_t = 30)]\n    idle_minutes", (ROOT / "xtask/src/hub.rs").read_text())

    def test_nobody_gets_in_before_the_passwords_are_set(self):
        shared = self.values["hub"]["config"]["SharedPasswordAuthenticator"]
        self.assertEqual(shared, {"user_password": "", "admin_password": ""})


class Board(unittest.TestCase):
    def setUp(self):
        self.values = values()
        self.service = self.values["hub"]["services"]["board"]
        self.url = urlsplit(self.service["url"])

    def test_the_service_is_as_on_one_machine(self):
        config = one_machine()
        (service,) = [service for service in config.JupyterHub.services if service["name"] == "board"]
        self.assertEqual(self.url.port, urlsplit(service["url"]).port)
        self.assertEqual(self.service["oauth_no_confirm"], service["oauth_no_confirm"])
        self.assertLessEqual(set(service["environment"]), set(self.service["environment"]))
        self.assertEqual(Path(service["command"][-1]), ROOT / "hub/board.py")
        # JupyterHub asks a participant's own token whose it is. The board itself may do nothing.
        self.assertNotIn("loadRoles", self.values["hub"])
        self.assertEqual([role["name"] for role in config.JupyterHub.load_roles], ["idle-culler"])

    def test_checks_are_sent_to_the_same_path_as_on_one_machine(self):
        checks = urlsplit(self.values["singleuser"]["extraEnv"]["GASSHUKU_BOARD"])
        self.assertEqual(checks.netloc, self.url.netloc)
        self.assertEqual(checks.path, urlsplit(one_machine().Spawner.environment["GASSHUKU_BOARD"]).path)

    def test_the_program_is_the_file_that_helm_is_told_to_put_there(self):
        ((key, file),) = self.values["hub"]["extraFiles"].items()
        self.assertEqual(self.service["command"], ["python3", file["mountPath"]])
        for readme in [README, README.with_name("README.ja.md")]:
            self.assertIn(f"--set-file hub.extraFiles.{key}.stringData=hub/board.py", readme.read_text())

    def test_its_port_is_open_to_the_proxy_and_the_participants(self):
        port = self.url.port
        hub = self.values["hub"]
        (extra,) = hub["service"]["extraPorts"]
        self.assertEqual((extra["port"], extra["targetPort"]), (port, port))
        (ingress,) = hub["networkPolicy"]["ingress"]
        self.assertEqual(ingress["ports"], [{"port": port}])
        for pod in [self.values["proxy"]["chp"], self.values["singleuser"]]:
            (egress,) = pod["networkPolicy"]["egress"]
            self.assertEqual(egress["ports"], [{"port": port}])

    def test_it_listens_where_other_pods_reach_it(self):
        with socket.socket() as attempt:
            attempt.bind(("127.0.0.1", 0))
            port = attempt.getsockname()[1]
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        environment = {
            **os.environ,
            **self.service["environment"],
            "GASSHUKU_BOARD_FILE": f"{folder.name}/board.json",
            "JUPYTERHUB_API_TOKEN": "token",
            "JUPYTERHUB_CLIENT_ID": "service-board",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/board/",
            "JUPYTERHUB_SERVICE_URL": f"http://hub:{port}",
        }
        board = subprocess.Popen([sys.executable, "-B", ROOT / "hub/board.py"], env=environment)
        self.addCleanup(board.wait)
        self.addCleanup(board.terminate)
        # Not 127.0.0.1, where it listens on one machine.
        connect(("127.0.0.2", port))


def connect(address):
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(address).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Chart(unittest.TestCase):
    """What Helm makes of the values; it checks them against the chart's schema first."""

    @classmethod
    def setUpClass(cls):
        chart = os.environ.get("GASSHUKU_CHART")
        if not chart or not shutil.which("helm"):
            raise unittest.SkipTest("there is no helm, or GASSHUKU_CHART does not name the chart's folder")
        command = ["helm", "template", "gasshuku", chart, "--values", str(VALUES)]
        command += ["--set-file", f"hub.extraFiles.board.stringData={ROOT / 'hub/board.py'}"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        documents = [document for document in yaml.safe_load_all(output) if document]
        cls.objects = {(document["kind"], document["metadata"]["name"]): document for document in documents}
        cls.values = values()

    def test_the_hub_has_the_program(self):
        secret = self.objects["Secret", "hub"]
        self.assertEqual(secret["stringData"]["board"].strip(), (ROOT / "hub/board.py").read_text().strip())
        pod = self.objects["Deployment", "hub"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: mount.get("subPath") for mount in container["volumeMounts"]}
        program = self.values["hub"]["services"]["board"]["command"][-1]
        self.assertEqual(mounts[program], "board")
        file = Path(self.values["hub"]["services"]["board"]["environment"]["GASSHUKU_BOARD_FILE"])
        self.assertIn(str(file.parent), mounts)
        self.assertEqual(pod["hostAliases"], [{"ip": "127.0.0.1", "hostnames": ["hub"]}])

    def test_others_find_the_board_at_the_hub(self):
        url = urlsplit(self.values["hub"]["services"]["board"]["url"])
        service = self.objects["Service", url.hostname]["spec"]
        self.assertIn(url.port, [port["targetPort"] for port in service["ports"] if port["port"] == url.port])
        # Kubernetes names the variables from which the chart reads JupyterHub's port after the first.
        self.assertEqual(service["ports"][0]["port"], 8081)

    def test_policies_let_the_proxy_and_the_participants_through(self):
        labels = self.objects["Deployment", "hub"]["spec"]["template"]["metadata"]["labels"]
        for name in ["proxy", "singleuser"]:
            rules = self.objects["NetworkPolicy", name]["spec"]["egress"]
            self.assertTrue(any(is_open(rule, "to", labels) for rule in rules), name)
        rules = self.objects["NetworkPolicy", "hub"]["spec"]["ingress"]
        proxy = self.objects["Deployment", "proxy"]["spec"]["template"]["metadata"]["labels"]
        # The chart's default, which the values leave alone.
        participant = {"hub.jupyter.org/network-access-hub": "true"}
        for labels in [proxy, participant]:
            self.assertTrue(any(is_open(rule, "from", labels) for rule in rules), labels)


def is_open(rule, direction, labels):
    """Whether a rule of a network policy lets the board's traffic pass to, or from, pods with these labels."""
    if {"port": 8003} not in rule.get("ports", []):
        return False
    wanted = [peer.get("podSelector", {}).get("matchLabels") for peer in rule[direction]]
    return any(selector and selector.items() <= labels.items() for selector in wanted)


if __name__ == "__main__":
    unittest.main()
