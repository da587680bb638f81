"""The values for Kubernetes name what there is. Against the chart's own schema they are checked by hand (hub/README.md)."""

import os
import subprocess
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKSHOP = "/home/participant/gasshuku/"


class Values(unittest.TestCase):
    def setUp(self):
        self.values = yaml.safe_load((ROOT / "hub/kubernetes/values.yaml").read_text())

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

    def test_nobody_gets_in_before_the_passwords_are_set(self):
        shared = self.values["hub"]["config"]["SharedPasswordAuthenticator"]
        self.assertEqual(shared, {"user_password": "", "admin_password": ""})


if __name__ == "__main__":
    unittest.main()
