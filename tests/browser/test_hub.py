"""A hub on one machine: a participant logs in and agrees to share, and the facilitator sees the board."""

import os
import pwd
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from conftest import PATIENCE, ROOT, WORK, Cell, Notebook

NAME = "test-browser"
STATE = WORK / "hub"


def free_port():
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return attempt.getsockname()[1]


def remove_participant():
    try:
        user = pwd.getpwnam(f"gasshuku-{NAME}")
    except KeyError:
        return
    shutil.rmtree(ROOT / f"target/kernel/users/{user.pw_uid}", ignore_errors=True)
    shutil.rmtree(ROOT / f"hub/people/{NAME}", ignore_errors=True)
    subprocess.run(["userdel", user.pw_name], check=True)


@pytest.fixture(scope="module")
def hub():
    """The address of a hub, and its passwords for participants and for the facilitator."""
    if os.geteuid() != 0:
        pytest.skip("only root can give each participant an account")
    remove_participant()
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True)
    port = free_port()
    log = STATE / "log"
    command = [os.environ["GASSHUKU_XTASK"], "--root", str(ROOT), "hub"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, f"--port={port}", f"--state={STATE / 'state'}"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE / 1000
    while not answers(address):
        if server.poll() is not None:
            # Rust or the clone is in somebody's home folder.
            pytest.skip(log.read_text())
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    yield address, *((STATE / "state" / name).read_text() for name in ["password", "host_password"])
    server.terminate()
    server.wait()
    subprocess.run(["pkill", "-KILL", "-u", f"gasshuku-{NAME}"], check=False)
    remove_participant()


def answers(address):
    try:
        urllib.request.urlopen(f"{address}/hub/login").close()
        return True
    except (urllib.error.URLError, ConnectionError):
        return False


def log_in(page, address, name, password):
    page.goto(f"{address}/hub/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_check_of_a_participant_reaches_the_board(hub, context, chromium):
    address, password, host_password = hub
    page = context.new_page()
    log_in(page, address, NAME, password)
    notebook = Notebook(page)
    expect(notebook.cells.first).to_contain_text(":dep gasshuku")
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Rust | Idle")
    notebook.screenshot("hub-notebook-1")
    Cell(notebook, 0).run()
    share = Cell(notebook, 1)
    expect(share.locator).to_contain_text("share_progress(true)?;")
    share.run()
    share.write("check::lenet_layers(&nn::VarStore::new(Device::Cpu))")
    share.run()
    expect(share.output).to_contain_text("Not yet: the layers of LeNet")

    with chromium.new_context(locale="en-US") as facilitator:
        board = facilitator.new_page()
        board.set_default_timeout(PATIENCE)
        log_in(board, address, "host", host_password)
        board.goto(f"{address}/services/board/")
        layers = board.get_by_role("row").filter(has_text="the layers of LeNet")
        expect(layers.get_by_role("cell")).to_have_text(["3 · the layers of LeNet", "0", "1", "0"])
        person = board.get_by_role("row").filter(has_text=NAME)
        expect(person).to_contain_text("…")
        Notebook(board).screenshot("hub-board-en")
        board.goto(f"{address}/services/board/?language=ja")
        expect(board.get_by_role("heading")).to_have_text("進み具合")
        Notebook(board).screenshot("hub-board-ja")

        # The page is loaded again every ten seconds.
        share.write("share_progress(false)?;")
        share.run()
        expect(person).to_have_count(0)
        share.write("check::lenet_layers(&nn::VarStore::new(Device::Cpu))")
        share.run()
        expect(share.output).to_contain_text("Not yet: the layers of LeNet")
        assert NAME not in (STATE / "state/board.json").read_text()


def test_a_kernel_is_shut_down_with_its_tab(hub, context):
    address, password, _ = hub
    page = context.new_page()
    log_in(page, address, NAME, password)
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Rust | Idle")
    assert kernels(page) == 1
    # With changes, JupyterLab would ask whether to save them.
    page.keyboard.press("ControlOrMeta+S")
    expect(page.locator("#jp-main-dock-panel .jp-mod-dirty")).to_have_count(0)
    page.locator("#jp-main-dock-panel .lm-mod-current .lm-TabBar-tabCloseIcon").click()
    deadline = time.monotonic() + PATIENCE / 1000
    while kernels(page):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def kernels(page):
    """How many kernels the participant's server has."""
    return page.evaluate(
        """async (url) => {
            const token = document.cookie.match(/_xsrf=([^;]+)/)[1];
            const answer = await fetch(url, {headers: {"X-XSRFToken": token}});
            return (await answer.json()).length;
        }""",
        f"/user/{NAME}/api/kernels",
    )
