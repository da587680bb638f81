"""JupyterLab as a participant opens it, in a headless Chromium.

Nothing is saved: the notebooks that are opened, edited and run here stay as they are committed.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "browser"
SCREENSHOTS = WORK / "screenshots"
TOKEN = "workshop"
# A cell of the workshop takes seconds at most; a machine with two cores that runs two kernels more.
PATIENCE = 120_000  # milliseconds
expect.set_options(timeout=PATIENCE)
# What stands beside a cell that has been run; [*] while it runs.
NUMBERED = re.compile(r"^\[\d+\]:$")
# What a cell says on stderr, and the error it ends with: JupyterLab shows both in the same way.
RED_GROUND = "[data-mime-type='application/vnd.jupyter.stderr']"
RED = ".ansi-red-intense-fg"
SETTINGS = {
    "docmanager-extension/plugin": {"autosave": False},
    # Cells out of sight stay in the page, where they can be looked at.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def write_settings(folder, theme):
    themes = {"apputils-extension/themes": {"theme": theme}}
    for name, settings in (SETTINGS | themes).items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))


@pytest.fixture(scope="session")
def settings():
    folder = WORK / "settings"
    write_settings(folder, "JupyterLab Light")
    return folder


@pytest.fixture(scope="session")
def address(settings):
    """Of a server started by the participants' own command."""
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(WORK / "workspaces"),
    }
    command = [os.environ["GASSHUKU_XTASK"], "--root", str(ROOT), "lab", "--no-browser"]
    server = subprocess.Popen(
        [*command, "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = (WORK / "server.log").open("w")
    for line in server.stderr:
        log.write(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        pytest.fail(f"JupyterLab has ended; what it says is in {log.name}")
    # What it says from now on must not fill the pipe.
    copier = subprocess.Popen(["cat"], stdin=server.stderr, stdout=log)
    yield found.group()
    server.terminate()
    server.wait()
    copier.wait()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["GASSHUKU_CHROMIUM"],
            # In a container, and as root, there is no sandbox.
            args=["--no-sandbox"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def open_notebook(context, address, request):
    """Opens notebooks by name; their kernels end with the test."""

    def open_one(name):
        page = context.new_page()
        page.goto(f"{address}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
        notebook = Notebook(page)
        notebook.wait_for(ROOT / "notebooks" / f"{name}.ipynb")
        opened.append(notebook)
        return notebook

    opened = []
    yield open_one
    for number, notebook in enumerate(opened):
        # The last look: if the test has failed, it may say why.
        notebook.screenshot(f"{request.node.name}-end-{number}")
        notebook.page.evaluate(SHUT_DOWN, TOKEN)


SHUT_DOWN = """async (token) => {
    const headers = {Authorization: `token ${token}`};
    const sessions = await (await fetch('/api/sessions', {headers})).json();
    for (const session of sessions) {
        await fetch(`/api/sessions/${session.id}`, {method: 'DELETE', headers});
    }
}"""


class Notebook:
    """A notebook in a page, handled by what a participant sees."""

    def __init__(self, page: Page):
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")

    def wait_for(self, path):
        """Until all cells are there, and the kernel is."""
        cells = json.loads(path.read_text())["cells"]
        count = sum(cell["cell_type"] == "code" for cell in cells)
        expect(self.cells.locator(".cm-content")).to_have_count(count)
        status = self.page.locator("#jp-main-statusbar")
        expect(status).to_contain_text("Rust | Idle")

    def run_up_to(self, text):
        """Runs the code cells from the top to the one that has this in its source, one by one."""
        last = self.cell(text)
        for index in range(last.index + 1):
            Cell(self, index).run()
        return last

    def cell(self, text):
        """The code cell that has this in its source."""
        sources = self.cells.locator(".cm-content")
        found = [place for place, source in enumerate(sources.all_inner_texts()) if text in source]
        assert len(found) == 1, f"{len(found)} cells have {text!r} in them"
        return Cell(self, found[0])

    def menu(self, name, item):
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.get_by_role("menuitem", name=item).click()

    def start_all(self):
        self.menu("Run", re.compile("^Run All Cells"))

    def run_all(self):
        self.start_all()
        self.wait_for_the_last()

    def restart_and_run_all(self):
        self.menu("Kernel", re.compile("^Restart Kernel and Run All Cells"))
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self.wait_for_the_last()

    def interrupt(self):
        """Presses ■."""
        self.page.get_by_role("button", name="Interrupt the kernel").click()

    def wait_for_the_last(self):
        prompt = self.cells.last.locator(".jp-InputPrompt").first
        expect(prompt).to_have_text(NUMBERED)

    def failures(self):
        """What cells say on stderr, and the errors they end with."""
        return self.page.locator(RED_GROUND).all_inner_texts()

    def pictures(self):
        return self.page.locator(".jp-OutputArea-output img")

    def screenshot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


class Cell:
    """A code cell: what stands in it, and what it answers."""

    def __init__(self, notebook, index):
        self.index = index
        self.page = notebook.page
        self.locator = notebook.cells.nth(index)
        self.prompt = self.locator.locator(".jp-InputPrompt").first
        self.output = self.locator.locator(".jp-Cell-outputArea")
        self.picture = self.output.locator("img")
        # What it fails with when it runs: the first word is red. What it says on stderr is not.
        self.error = self.output.locator(RED_GROUND, has=self.page.locator(RED))

    def lines(self):
        """What it says, line by line."""
        return self.output.inner_text().splitlines()

    def write(self, text):
        """Replaces the source."""
        self.locator.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)

    def replace(self, line, text):
        """Replaces the line that has this in it."""
        self.locator.locator(".cm-line", has_text=line).click()
        self.page.keyboard.press("End")
        self.page.keyboard.press("Shift+Home")
        self.page.keyboard.insert_text(text)

    def start(self):
        """Shift + Enter."""
        before = self.prompt.inner_text()
        self.locator.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        expect(self.prompt).not_to_have_text(before)
        return self

    def wait(self):
        """Until the answer is whole."""
        expect(self.prompt).to_have_text(NUMBERED)
        return self

    def run(self):
        return self.start().wait()
