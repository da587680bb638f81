"""Executes one notebook in its kernel, as "Run all" would, and tells how it went as JSON.

A cell fails that answers "error", and one that writes to stderr: evcxr answers "ok" to a panic and
to an Err, and only its words on stderr tell. nbclient drops such words when they come after the
cell's end, hence a loop of our own.
"""

import argparse
import json
import os
import queue
import sys
import time

import nbformat
from jupyter_client import KernelManager

MARK = "__gasshuku_last_words__"
LAST_WORDS = f'println!("{MARK}"); eprintln!("{MARK}");'


class KernelLost(Exception):
    pass


class Session:
    def __init__(self, kernel_name, folder, timeout):
        self.timeout = timeout
        self.outputs = {}
        self.idle = set()
        self.manager = KernelManager(kernel_name=kernel_name)
        self.manager.start_kernel(cwd=folder)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=timeout)
        except RuntimeError as error:
            self.close()
            raise KernelLost(f"the kernel did not start: {error}") from error

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()

    def start(self, source, outputs):
        request = self.client.execute(source, stop_on_error=False, allow_stdin=False)
        self.outputs[request] = outputs
        return request

    def wait(self, done):
        """Takes in messages until done() says so. Each goes to the cell it belongs to, however late."""
        deadline = time.monotonic() + self.timeout
        while not done():
            if time.monotonic() > deadline:
                raise KernelLost(f"not finished after {self.timeout} s")
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                if not self.manager.is_alive():
                    raise KernelLost("the kernel has died") from None
                continue
            request = message["parent_header"].get("msg_id")
            if request in self.outputs:
                self.take(request, message)

    def take(self, request, message):
        kind, content = message["msg_type"], message["content"]
        outputs = self.outputs[request]
        if kind == "status" and content["execution_state"] == "idle":
            self.idle.add(request)
        elif kind == "stream":
            if outputs and outputs[-1].get("name") == content["name"]:
                outputs[-1]["text"] += content["text"]
            else:
                outputs.append(nbformat.v4.output_from_msg(message))
        elif kind in ("execute_result", "display_data", "error"):
            outputs.append(nbformat.v4.output_from_msg(message))

    def hear_last_words(self, last_cell):
        """What a cell wrote to stderr comes before what a later one writes there."""
        heard = []
        self.start(LAST_WORDS, heard)
        self.wait(lambda: MARK in stderr(heard) or any(o.output_type == "error" for o in heard))
        late = stderr(heard).replace(MARK, "").strip()
        if late:
            last_cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=late))


def stderr(outputs):
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr")


def failure(cell):
    """What went wrong in an executed cell, or None."""
    for output in cell.outputs:
        if output.output_type == "error":
            return output.evalue or "\n".join(output.traceback)
    return stderr(cell.outputs).strip() or None


def run(notebook, folder, timeout):
    """Executes the cells up to the first that answers "error", as Jupyter does."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    failures = []
    session = None
    number = 0
    try:
        session = Session(notebook.metadata.get("kernelspec", {}).get("name", "rust"), folder, timeout)
        executed = []
        for number, cell in enumerate(cells, 1):
            if not cell.source.strip():
                continue
            start = time.monotonic()
            request = session.start(cell.source, cell.outputs)
            session.wait(lambda: request in session.idle)
            cell.execution_count = number
            cell.metadata["seconds"] = round(time.monotonic() - start, 2)
            executed.append(cell)
            if any(output.output_type == "error" for output in cell.outputs):
                break
        if executed:
            session.hear_last_words(executed[-1])
    except KernelLost as lost:
        failures.append({"cell": number, "line": first_line(cells, number), "message": str(lost)})
    finally:
        if session:
            session.close()
    for position, cell in enumerate(cells, 1):
        message = failure(cell)
        if message:
            failures.append({"cell": position, "line": first_line(cells, position), "message": message})
    failures.sort(key=lambda found: found["cell"])
    return {
        "cells": len(cells),
        "seconds": [cell.metadata.get("seconds") for cell in cells],
        "failures": failures,
    }


def first_line(cells, number):
    return cells[number - 1].source.strip().split("\n")[0] if number else ""


def write_html(notebook, path):
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(notebook)
    with open(path, "w", encoding="utf-8") as file:
        file.write(html)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook")
    parser.add_argument("--folder", required=True, help="where the kernel works")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one cell")
    parser.add_argument("--ipynb", help="where the executed notebook goes")
    parser.add_argument("--html", help="where the executed notebook goes as a page")
    arguments = parser.parse_args()
    # What the kernel prints belongs to stderr: stdout is for the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notebook = nbformat.read(arguments.notebook, as_version=4)
    report = run(notebook, arguments.folder, arguments.timeout)
    if arguments.ipynb:
        nbformat.write(notebook, arguments.ipynb)
    if arguments.html:
        write_html(notebook, arguments.html)
    json.dump(report, answer)
    answer.close()
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
