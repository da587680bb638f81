"""Executes one notebook in its kernel, as "Run all" would, and tells how it went as JSON.

A cell fails that answers "error"; the ones after it are not run. One that writes to stderr fails, too:
the workshop's cells have nothing to complain about.
"""

import argparse
import json
import os
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


def complaint(cell):
    """What went wrong in an executed cell, or None."""
    for output in cell.outputs:
        if output.output_type == "error":
            return output.evalue or "\n".join(output.traceback)
    written = [o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
    return "".join(written).strip() or None


def run(notebook, folder, timeout):
    """Executes the cells up to the first that fails, and lists what went wrong."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "rust"),
        resources={"metadata": {"path": folder}},
        timeout=timeout,
        startup_timeout=timeout,
    )
    failures = []
    try:
        client.execute()
    except CellExecutionError:
        pass  # The cell has it among its outputs.
    except (DeadKernelError, RuntimeError, TimeoutError) as error:
        executed = [number for number, cell in enumerate(cells, 1) if cell.execution_count]
        failures.append(failure(cells, max(executed, default=0), str(error)))
    for number, cell in enumerate(cells, 1):
        if message := complaint(cell):
            failures.append(failure(cells, number, message))
    return {"cells": len(cells), "failures": failures}


def failure(cells, number, message):
    line = cells[number - 1].source.strip().split("\n")[0] if number else ""
    return {"cell": number, "line": line, "message": message}


def write_html(notebook, path):
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter().from_notebook_node(notebook)
    with open(path, "w", encoding="utf-8") as file:
        file.write(html)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook")
    parser.add_argument("--folder", required=True, help="where the kernel works")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one cell")
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
