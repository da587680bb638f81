"""Runs notebook kernels as JupyterLab does. A worker of `cargo xtask bench`.

Prints "ready", then answers each line on stdin with one line of JSON, and ends with the input:

start           a new kernel shows a tensor: {"seconds", "steps"}
cells NOTEBOOK  a new kernel runs a notebook: {"cells"}, for each the seconds until its work begins
mistakes        new kernels get a first wrong cell each: {"seconds"}
figures         a new kernel draws a line chart with plotters, and then another: {"seconds"}
long N M        a new kernel runs N cells, each of which keeps one of M variables: {"seconds"}, and after the
                first twenty and the last {"memory"} in bytes and {"files"}
watch           a kernel trains a new network: {"images_per_second"} of the epochs after the first
memory          a new kernel trains: {"memory", "disk"} in bytes
"""

import argparse
import gzip
import json
import os
import queue
import re
import subprocess
import sys
import time
from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

TIMEOUT = 1200
MARK = "__gasshuku_work_begins__"
IN_RUST = [
    ':dep gasshuku = { path = "../../crate" }\nuse gasshuku::prelude::*;',
    'let training_set = load(&fashion_mnist(), "../../data", Split::Train)?;',
    "training_set.images.get(0).size()",
]
IN_PYTHON = [
    "import torch, torchvision",
    "training_set = torchvision.datasets.FashionMNIST({images!r})",
    "training_set.data[:1].shape",
]
IN_RUST_TRAINING = """{{ {before}
let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
let settings = TrainingSettings {{ epochs: 5, ..Default::default() }};
let history = train(&model, &training_set, &settings)?;
let rest = &history.epochs[1..];
let images: f64 = rest.iter().map(|epoch| epoch.images_per_second * epoch.seconds).sum();
let seconds: f64 = rest.iter().map(|epoch| epoch.seconds).sum();
println!("SPEED {{}}", images / seconds); }}"""
# Without this variable the crate prints lines instead of showing pictures.
WITHOUT_FRONT = 'unsafe { std::env::remove_var("EVCXR_FRONT") };'
# From plotters' documentation.
FIGURE = """use plotters::prelude::*;
evcxr_figure((WIDTH, 480), |root| {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("y = x²", ("sans-serif", 30))
        .margin(5)
        .x_label_area_size(30)
        .y_label_area_size(30)
        .build_cartesian_2d(-1.0..1.0, -0.1..1.0)?;
    chart.configure_mesh().draw()?;
    let points = (-50..=50).map(|x| f64::from(x) / 50.0).map(|x| (x, x * x));
    chart.draw_series(LineSeries::new(points, &RED))?
        .label("y = x²")
        .legend(|(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], RED));
    chart.configure_series_labels().border_style(&BLACK).draw()?;
    Ok(())
})"""

MISTAKES = ["let f = |x: i32| x + 1;", "let a = Tensor::", "let a: u8 = String::new();"]
TRAINING_IN_PYTHON = """
from torch import nn
from torchvision import transforms
torch.set_num_threads({threads})
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
training_set.transform = transform
model = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Sigmoid(), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2),
    nn.Sigmoid(), nn.Flatten(), nn.Linear(256, 120), nn.Linear(120, 64), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters())
for x, y in torch.utils.data.DataLoader(training_set, 100, shuffle=True, num_workers=2):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


class Kernel:
    """A kernel from its start to its end."""

    def __init__(self, spec, folder, environment):
        self.manager = KernelManager(kernel_name="rust")
        if spec:
            self.manager._kernel_spec = spec
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **environment})
        self.client = self.manager.blocking_client()
        self.client.start_channels()

    def __enter__(self):
        self.client.wait_for_ready(timeout=TIMEOUT)
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    @property
    def process(self):
        return self.manager.provisioner.process.pid

    def run(self, source, wrong=False):
        """The seconds until the cell prints MARK (or until its end), and its outputs."""
        start = time.perf_counter()
        request = self.client.execute(source, stop_on_error=False, allow_stdin=False)
        begun, outputs = None, []
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=TIMEOUT)
            except queue.Empty:
                sys.exit(f"no answer in {TIMEOUT} s to:\n{source}")
            now = time.perf_counter() - start
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return begun or now, "".join(outputs)
            if kind == "error" and not wrong:
                sys.exit(f"this cell failed with {content['evalue']}:\n{source}")
            if kind == "stream" and MARK in content["text"]:
                begun = begun or now
            outputs.append(str(content.get("text") or content.get("data", "")))


class Worker:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.root / "notebooks" / "en"
        self.spec, self.environment = None, {}
        if arguments.kernel == "ipykernel":
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            self.spec = KernelSpec(argv=argv, display_name="Python", language="python")
            packages = Path(arguments.python).parent.parent.glob("lib/python*/site-packages")
            self.environment = {"PYTHONPATH": os.pathsep.join(map(str, packages))}
            self.images = decompressed(arguments.root)
        if arguments.kernel in ("gasshuku", "unwatched"):
            self.environment = {"GASSHUKU_SPARE": "0"}
        if arguments.kernel == "spare":
            self.start_spare_kernels()
        if arguments.kernel.startswith("stock"):
            argv = [str(arguments.root / ".venv/bin/evcxr_jupyter"), "--control_file", "{connection_file}"]
            self.spec = KernelSpec(
                argv=argv, display_name="Rust", language="rust", interrupt_mode="message"
            )

    def start_spare_kernels(self):
        """Does what `cargo xtask lab` does. The program ends with this process."""
        home = self.arguments.root / "target/kernel"
        self.spares = home / "spare"
        for spare in self.spares.glob("*.json"):
            spare.unlink()
        launcher = self.arguments.root / ".venv/bin/evcxr-prewarm"
        command = [launcher, "--home", home, "spare"]
        subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL)

    def wait_for_spare(self):
        while not any(self.spares.glob("*.json")):
            time.sleep(0.1)

    def kernel(self):
        return Kernel(self.spec, self.folder, self.environment)

    @property
    def cells(self):
        python = self.arguments.kernel == "ipykernel"
        return [cell.format(images=str(self.images)) for cell in IN_PYTHON] if python else IN_RUST

    def start(self):
        if self.arguments.kernel == "spare":
            self.wait_for_spare()
        start = time.perf_counter()
        with self.kernel() as kernel:
            steps = [time.perf_counter() - start]
            for cell in self.cells:
                seconds, outputs = kernel.run(cell)
                steps.append(seconds)
            if "[1, 28, 28]" not in outputs:
                sys.exit(f"instead of a tensor's shape came: {outputs}")
            return {"seconds": time.perf_counter() - start, "steps": steps}

    def run_cells(self, name):
        notebook = json.loads((self.folder / f"{name}.ipynb").read_text())
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        self.use_compiled_crates()
        with self.kernel() as kernel:
            # A kernel may answer before it can run cells.
            kernel.run("let _ready = 1;")
            if self.arguments.kernel == "stock-cache":
                kernel.run(":cache 500")
            return {"cells": [kernel.run(marked(cell))[0] for cell in cells if cell.strip()]}

    def use_compiled_crates(self):
        """Gives evcxr as it comes a folder in which the crates are compiled already."""
        if self.arguments.kernel.startswith("stock"):
            folder = self.arguments.root / "target/bench" / self.arguments.kernel
            is_new = not folder.exists()
            folder.mkdir(exist_ok=True)
            self.environment = {"EVCXR_TMPDIR": str(folder)}
            if is_new:
                with self.kernel() as kernel:
                    kernel.run(IN_RUST[0])

    def mistakes(self):
        """The first wrong cell of a kernel, after one that loads the crate."""
        self.use_compiled_crates()
        seconds = []
        for mistake in MISTAKES:
            with self.kernel() as kernel:
                kernel.run(IN_RUST[0])
                seconds.append(kernel.run(mistake, wrong=True)[0])
        return {"seconds": seconds}

    def figures(self):
        self.use_compiled_crates()
        with self.kernel() as kernel:
            kernel.run(IN_RUST[0])
            return {"seconds": [kernel.run(FIGURE.replace("WIDTH", width))[0] for width in ("640", "641")]}

    def long(self, count, variables):
        """Runs cells that define variables. When all are defined, they define them again."""
        with self.kernel() as kernel:
            kernel.run(IN_RUST[0])
            answer = {"seconds": [], "memory": [], "files": []}
            for number in range(int(count)):
                cell = f"let v{number % int(variables)} = vec![{number}, 2];"
                answer["seconds"].append(kernel.run(cell)[0])
                if number in (19, int(count) - 1):
                    answer["memory"].append(sum(map(memory_of, descendants(kernel.process))))
                    answer["files"].append(sum(path.is_file() for folder in self.directories(kernel) for path in folder.rglob("*")))
            return answer

    def directories(self, kernel):
        """The directory of the kernel, in a list."""
        return list((self.arguments.root / "target/kernel/running").glob(f"{kernel.process}-*"))

    def watch(self):
        before = WITHOUT_FRONT if self.arguments.kernel == "unwatched" else ""
        with self.kernel() as kernel:
            for cell in IN_RUST[:2]:
                kernel.run(cell)
            _, outputs = kernel.run(IN_RUST_TRAINING.format(before=before))
            speed = re.search(r"SPEED ([0-9.]+)", str(outputs))
            if not speed:
                sys.exit(f"instead of a speed came: {outputs}")
            return {"images_per_second": float(speed[1])}

    def memory(self):
        with self.kernel() as kernel:
            if self.arguments.kernel == "ipykernel":
                for cell in [*self.cells, TRAINING_IN_PYTHON.format(threads=self.arguments.threads)]:
                    kernel.run(cell)
            else:
                notebook = json.loads((self.folder / "04_train.ipynb").read_text())
                for cell in notebook["cells"]:
                    if cell["cell_type"] == "code":
                        kernel.run("".join(cell["source"]))
            return {
                "memory": sum(map(memory_of, descendants(kernel.process))),
                "disk": sum(map(own_bytes, self.directories(kernel))),
            }


def decompressed(root):
    """A folder with the files as torchvision expects them."""
    folder = root / "target/bench/images"
    raw = folder / "FashionMNIST/raw"
    raw.mkdir(parents=True, exist_ok=True)
    for path in (root / "data/fashion-mnist").glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


def marked(cell):
    """The cell with a statement at its beginning that prints MARK. evcxr's commands must stay first."""
    lines = cell.split("\n")
    commands = 0
    while commands < len(lines) and lines[commands].startswith(":"):
        commands += 1
    return "\n".join([*lines[:commands], f'println!("{MARK}");', *lines[commands:]])


def descendants(process):
    """The process and all of its descendants."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    found, new = [], [process]
    while new:
        found += new
        new = [child for parent in new for child in parents.get(parent, [])]
    return found


def memory_of(process):
    """The bytes of a process in memory. Shared memory counts in part (PSS)."""
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def own_bytes(folder):
    """The bytes on the disk of files without hard links in other folders."""
    files = [path.lstat() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    return sum(file.st_blocks * 512 for file in files if file.st_nlink == 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", choices=["gasshuku", "unwatched", "spare", "ipykernel", "stock", "stock-cache"], required=True)
    parser.add_argument("--root", type=Path, required=True, help="the workshop's folder")
    parser.add_argument("--python", required=True, help="the Python with PyTorch and torchvision")
    parser.add_argument("--threads", type=int, required=True)
    worker = Worker(parser.parse_args())
    # Output of kernels goes to stderr, because stdout is for the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    commands = {
        "start": worker.start,
        "cells": worker.run_cells,
        "mistakes": worker.mistakes,
        "figures": worker.figures,
        "long": worker.long,
        "watch": worker.watch,
        "memory": worker.memory,
    }
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        answer = commands[word](*rest)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
