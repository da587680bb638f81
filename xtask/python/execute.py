"""Executes one notebook in its kernel, as "Run all" does, and prints a report as JSON.

A cell fails if its reply is "error"; then the cells after it are not run. It also fails if it writes to stderr,
which no cell of the workshop should do.
"""

import argparse
import json
import os
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError


def error_message(cell):
    """The error of an executed cell, or None."""
    for output in cell.outputs:
        if output.output_type == "error":
            return output.evalue or "\n".join(output.traceback)
    written = [o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
    return "".join(written).strip() or None


def run(notebook, folder, timeout):
    """Executes the cells up to the first that fails. Returns their number and the failures."""
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
        pass  # The error is among the cell's outputs.
    except (DeadKernelError, RuntimeError, TimeoutError) as error:
        executed = [number for number, cell in enumerate(cells, 1) if cell.execution_count]
        failures.append(failure(cells, max(executed, default=0), str(error)))
    for number, cell in enumerate(cells, 1):
        if message := error_message(cell):
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
    parser.add_argument("--folder", required=True, help="the kernel's working folder")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one cell")
    parser.add_argument("--ipynb", help="the file for the executed notebook")
    parser.add_argument("--html", help="the file for the executed notebook as a page")
    arguments = parser.parse_args()
    # Output of the kernel goes to stderr, because stdout is for the report.
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notebook = nbformat.read(arguments.notebook, as_version=4)
    report = run(notebook, arguments.folder, arguments.timeout)
    if arguments.ipynb:
        nbformat.write(notebook, arguments.ipynb)
    if arguments.html:
        write_html(notebook, arguments.html)
    json.dump(report, stdout)
    stdout.close()
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
