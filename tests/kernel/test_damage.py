"""What a notebook reports when a file was removed or cut short after set-up."""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

from support import HOME, LAUNCHER, LOAD, NOTEBOOKS, ROOT, Kernel


class DamagedKernel(Kernel):
    """A kernel with another home."""

    def __init__(self, folder):
        spec = {
            "argv": [str(LAUNCHER), "--home", str(folder / "home"), "kernel", "{connection_file}"],
            "display_name": "Rust",
            "language": "rust",
            "interrupt_mode": "message",
        }
        (folder / "kernels/rust").mkdir(parents=True)
        (folder / "kernels/rust/kernel.json").write_text(json.dumps(spec))
        specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
        self.manager = KernelManager(kernel_name="rust", kernel_spec_manager=specs)
        environment = {**os.environ, "GASSHUKU_SPARE": "0"}
        self.manager.start_kernel(cwd=str(NOTEBOOKS), env=environment)
        self.connect()
        self.cells = {}


class Damage(unittest.TestCase):
    def setUp(self):
        # On the file system of the real home, so that files can be linked instead of copied.
        temporary = tempfile.TemporaryDirectory(dir=ROOT / "target")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        home = self.folder / "home"
        home.mkdir()
        for name in ("bin", "config", ".cargo", "sysroot", "sysroot-empty", "template"):
            if (HOME / name).exists():
                shutil.copytree(
                    HOME / name, home / name, symlinks=True, copy_function=link_or_copy
                )
        self.template = home / "template"
        self.settings = home / "settings.json"
        shutil.copy(HOME / "settings.json", self.settings)

    def change_settings(self, change):
        settings = json.loads(self.settings.read_text())
        change(settings)
        self.settings.write_text(json.dumps(settings))

    def assert_reported(self, *texts):
        """Every cell must report it, and the kernel must not end."""
        with DamagedKernel(self.folder) as kernel:
            for code in (LOAD, "1 + 1"):
                reply = kernel.run(code).reply
                self.assertEqual(reply["status"], "error")
                for text in (*texts, "cargo xtask setup"):
                    self.assertIn(text, reply["evalue"])
            self.assertTrue(kernel.manager.is_alive())

    def test_an_undamaged_copy_works(self):
        with DamagedKernel(self.folder) as kernel:
            cell = kernel.run(LOAD + "\nTensor::from_slice(&[1.0, 2.0]).size()")
            self.assertTrue(cell.ok, cell.reply)
            self.assertEqual(cell.result, "[2]")

    def test_parts_of_the_template(self):
        for path in ("Cargo.lock.crate", "target/debug/.fingerprint", "target"):
            with self.subTest(path):
                damaged = self.template / path
                damaged.rename(self.folder / "kept")
                self.assert_reported(f"template/{path} is missing")
                (self.folder / "kept").rename(damaged)
                shutil.rmtree(self.folder / "kernels")

    def test_a_library_that_was_cut_short(self):
        library = next(
            path
            for path in json.loads(self.settings.read_text())["files"]
            if "libtorch_cpu" in path
        )
        cut = self.folder / Path(library).name
        with open(library, "rb") as whole:
            cut.write_bytes(whole.read(100_000))

        def change(settings):
            settings["files"][str(cut)] = settings["files"].pop(library)

        self.change_settings(change)
        self.assert_reported(f"{cut.name} has 100000 bytes instead of")

    def test_an_evcxr_that_was_cut_short(self):
        def change(settings):
            cut = self.folder / "evcxr_jupyter"
            with open(settings["evcxr"], "rb") as whole:
                cut.write_bytes(whole.read(100_000))
            cut.chmod(0o755)
            settings["files"][str(cut)] = settings["files"].pop(settings["evcxr"])
            settings["evcxr"] = str(cut)

        self.change_settings(change)
        self.assert_reported("evcxr_jupyter has 100000 bytes instead of")

    def test_an_evcxr_that_does_not_run(self):
        def change(settings):
            bad = self.folder / "evcxr_jupyter"
            bad.write_text("#!/bin/sh\nexit 99\n")
            bad.chmod(0o755)
            settings["evcxr"] = str(bad)

        self.change_settings(change)
        self.assert_reported("ended before it could answer (exit status 99)")


def link_or_copy(source, target):
    """Links a file if possible: cargo and rustc do not change files, they replace them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    unittest.main()
