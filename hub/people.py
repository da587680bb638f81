"""People of one machine: an account, a folder, and a share of the machine for each of them."""

import asyncio
import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Unicode

from shares import Shares

# Before the name that a participant types: nobody becomes `root` or `www-data` by calling himself so.
PREFIX = "gasshuku-"


# Two useradd at once would find the list of accounts locked.
MAKING_ACCOUNT = threading.Lock()


def account(name, folder):
    """The account of a participant, made where there is none. Only root may call this."""
    with MAKING_ACCOUNT:
        try:
            return pwd.getpwnam(PREFIX + name)
        except KeyError:
            return make_account(name, folder)


def make_account(name, folder):
    command = ["useradd", "--no-create-home", "--user-group", "--shell", "/bin/bash"]
    command += ["--home-dir", str(folder), "--comment", "participant of gasshuku", PREFIX + name]
    subprocess.run(command, check=True, capture_output=True)
    return pwd.getpwnam(PREFIX + name)


def own_folder(path, person):
    """Makes a folder that nobody else may enter. Its parent is root's, so that no link leads elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    os.chown(path, person.pw_uid, person.pw_gid, follow_symlinks=False)


class PersonSpawner(LocalProcessSpawner):
    """Starts a participant's server under an account of its own, with limits on memory and processors."""

    root = Unicode(help="The clone of the workshop").tag(config=True)
    people = Unicode(help="The folder of people's folders").tag(config=True)

    def folder(self):
        return Path(self.people) / self.user.name

    def person(self):
        person = pwd.getpwnam(PREFIX + self.user.name)
        # An account that has been there before the workshop is not ours to hand out.
        if Path(person.pw_dir) != self.folder():
            raise RuntimeError(f"the account {person.pw_name} has another home: {person.pw_dir}")
        return person

    def prepare(self):
        """The account and the folders; what lies in them is written by the person, not by root."""
        account(self.user.name, self.folder())
        person = self.person()
        own_folder(self.folder(), person)
        own_folder(Path(self.root) / "target/kernel/users" / str(person.pw_uid), person)
        command = [sys.executable, str(Path(__file__).with_name("first_login.py"))]
        subprocess.run(
            command + [self.root, str(self.folder())],
            check=True,
            cwd="/",
            user=person.pw_uid,
            group=person.pw_gid,
            extra_groups=[],
            umask=0o077,
            env={"HOME": str(self.folder()), "PATH": os.environ["PATH"]},
        )

    def make_preexec_fn(self, name):
        person = self.person()
        groups = os.getgrouplist(person.pw_name, person.pw_gid)
        if Shares.here().why_not:
            self.log.warning("Memory and processors of %s are not limited: %s", name, Shares.here().why_not)
        join = Shares.here().join(name, self.mem_limit, self.cpu_limit)

        def preexec():
            join()
            os.setgid(person.pw_gid)
            os.setgroups(groups)
            os.setuid(person.pw_uid)
            os.umask(0o077)
            os.chdir(person.pw_dir)

        return preexec

    def user_env(self, env):
        env["USER"] = env["LOGNAME"] = self.person().pw_name
        env["HOME"] = str(self.folder())
        env["SHELL"] = "/bin/bash"
        return env

    def get_args(self):
        return super().get_args() + [f"--ServerApp.root_dir={self.folder() / 'notebooks'}"]

    async def start(self):
        # Not in the hub's own thread: it answers others meanwhile.
        await asyncio.to_thread(self.prepare)
        return await super().start()

    async def stop(self, now=False):
        await super().stop(now)
        Shares.here().end(self.user.name)
