"""The settings of JupyterLab that the hub gives to participants."""

import os
import sys
import unittest
from pathlib import Path
from unittest.mock import patch

from jupyterlab_server.settings_utils import get_settings

ROOT = Path(__file__).resolve().parents[2]
LAB = Path(sys.prefix) / "share/jupyter/lab"


def setting(plugin, name):
    """A setting as JupyterLab reads it, where the participant has not chosen another one."""
    settings, _ = get_settings(str(LAB / "settings"), str(LAB / "schemas"), "/nowhere", schema_name=plugin)
    return settings["schema"]["properties"][name]["default"]


class Settings(unittest.TestCase):
    def test_a_kernel_is_shut_down_with_its_tab(self):
        tracker = "@jupyterlab/notebook-extension:tracker"
        with patch.dict(os.environ):
            os.environ.pop("JUPYTER_CONFIG_PATH", None)
            self.assertFalse(setting(tracker, "kernelShutdown"))
            os.environ["JUPYTER_CONFIG_PATH"] = str(ROOT / "hub/jupyter")
            self.assertTrue(setting(tracker, "kernelShutdown"))

    def test_both_hubs_name_the_folder_of_the_settings(self):
        configuration = (ROOT / "hub/jupyterhub_config.py").read_text()
        self.assertIn('c.Spawner.environment["JUPYTER_CONFIG_PATH"] = str(HUB / "jupyter")', configuration)
        start = (ROOT / "hub/kubernetes/start").read_text()
        self.assertIn("export JUPYTER_CONFIG_PATH=$workshop/hub/jupyter\n", start)


if __name__ == "__main__":
    unittest.main()
