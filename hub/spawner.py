"""Starts each participant's server under an account of its own, with limits on memory and processors."""

import asyncio
import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Unicode

from cgroups import ControlGroups

# Before the name that a participant types: the name `root` does not lead to root's account.
ACCOUNT_PREFIX = "gasshuku-"

# useradd locks the list of accounts; a second one at the same time would fail.
CREATING_ACCOUNT = threading.Lock()


def ensure_account(name, home):
    """Creates the account of a participant if there is none. Only root may call this."""
    with CREATING_ACCOUNT:
        try:
            pwd.getpwnam(ACCOUNT_PREFIX + name)
        except KeyError:
            create_account(name, home)


def create_account(name, home):
    command = ["useradd", "--no-create-home", "--user-group", "--shell", "/bin/bash"]
    command += ["--home-dir", str(home), "--comment", "participant of gasshuku", ACCOUNT_PREFIX + name]
    subprocess.run(command, check=True, capture_output=True)


def make_private_folder(path, account):
    """Makes a folder that only the account may enter. Its parent belongs to root, so no link leads elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


class AccountSpawner(LocalProcessSpawner):
    """Starts a participant's server under the account `gasshuku-NAME`."""

    root = Unicode(help="The clone of the workshop").tag(config=True)
    people = Unicode(help="The folder that contains a folder for each participant").tag(config=True)

    def folder(self):
        return Path(self.people) / self.user.name

    def account(self):
        account = pwd.getpwnam(ACCOUNT_PREFIX + self.user.name)
        # An account of this name that the hub has not created belongs to somebody else.
        if Path(account.pw_dir) != self.folder():
            raise RuntimeError(f"the account {account.pw_name} has another home: {account.pw_dir}")
        return account

    def prepare(self):
        """Makes the account and its folders. The account itself fills them, not root."""
        ensure_account(self.user.name, self.folder())
        account = self.account()
        make_private_folder(self.folder(), account)
        make_private_folder(Path(self.root) / "target/kernel/users" / str(account.pw_uid), account)
        command = [sys.executable, str(Path(__file__).with_name("participant_folder.py"))]
        subprocess.run(
            command + [self.root, str(self.folder())],
            check=True,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            umask=0o077,
            env={"HOME": str(self.folder()), "PATH": os.environ["PATH"]},
        )

    def make_preexec_fn(self, name):
        account = self.account()
        groups = os.getgrouplist(account.pw_name, account.pw_gid)
        control_groups = ControlGroups.of_this_machine()
        if control_groups.error:
            self.log.warning("Memory and processors of %s are not limited: %s", name, control_groups.error)
        enter = control_groups.create(name, self.mem_limit, self.cpu_limit)

        def preexec():
            enter()
            os.setgid(account.pw_gid)
            os.setgroups(groups)
            os.setuid(account.pw_uid)
            os.umask(0o077)
            os.chdir(account.pw_dir)

        return preexec

    def user_env(self, env):
        env["USER"] = env["LOGNAME"] = self.account().pw_name
        env["HOME"] = str(self.folder())
        env["SHELL"] = "/bin/bash"
        return env

    def get_args(self):
        return super().get_args() + [f"--ServerApp.root_dir={self.folder() / 'notebooks'}"]

    async def start(self):
        # In another thread, so that the hub answers the other participants meanwhile.
        await asyncio.to_thread(self.prepare)
        return await super().start()

    async def stop(self, now=False):
        await super().stop(now)
        ControlGroups.of_this_machine().kill_processes(self.user.name)
