"""The board: which exercises the room has solved, for who holds the workshop. A service of JupyterHub.

Fed by the crate's checks (crate/src/notebook/board.rs), for those who have said yes in notebook 1. Nothing leaves
the hub; what is known lies in one file.
"""

import html
import json
import os
from pathlib import Path

from jupyterhub.services.auth import HubAuth, HubOAuthCallbackHandler, HubOAuthenticated
from jupyterhub.utils import url_path_join
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler, authenticated

# In the order of the notebooks: named as the modules of crate/src/check, with the titles of their reports.
EXERCISES = {
    "pixel_histogram": (2, "the histogram of the pixels", "ピクセル値のヒストグラム"),
    "images_of_class": (2, "the images of one class", "1 つのクラスの画像"),
    "lenet_layers": (3, "the layers of LeNet", "LeNet の層"),
    "lenet": (3, "the way through LeNet", "LeNet の順伝播"),
    "training_step": (4, "the training step", "訓練の 1 ステップ"),
    "learning_rate": (4, "a better learning rate", "もっと良い学習率"),
    "save_and_load": (5, "save and load", "保存と読み込み"),
    "photograph": (6, "a photograph of your own", "自分の写真"),
    "grad_cam": (7, "Grad-CAM by hand", "手作りの Grad-CAM"),
}
WORDS = {
    "en": {
        "title": "Board",
        "exercise": "Exercise",
        "solved": "solved",
        "at_it": "at it",
        "stuck": "tried five times",
        "person": "Participant",
        "nobody": "Nobody has let a check tell the board yet. Participants are asked in notebook 1.",
        "attempts": "attempts",
    },
    "ja": {
        "title": "進み具合",
        "exercise": "演習",
        "solved": "解けた",
        "at_it": "取り組み中",
        "stuck": "5 回以上試した",
        "person": "参加者",
        "nobody": "まだ誰の結果も届いていません。参加者にはノートブック 1 で許可を尋ねています。",
        "attempts": "回試行",
    },
}
# From so many attempts on, somebody may want help.
STUCK = 5
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin-bottom: 2em; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: .3em .6em; text-align: center }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
.solved { background: #d9efd9 } .at_it { background: #fff3c9 } .stuck { background: #f9d5cf; font-weight: bold }
td.zero { background: none; color: #aaa; font-weight: normal }
"""


class Progress:
    """What people have tried and solved: name → exercise → {attempts, solved}."""

    def __init__(self, path):
        self.path = path
        try:
            self.people = json.loads(path.read_text())
        except FileNotFoundError:
            self.people = {}

    def tell(self, name, exercise, solved):
        """One check. What is solved stays solved, and is not counted on."""
        found = self.people.setdefault(name, {}).setdefault(
            exercise, {"attempts": 0, "solved": False}
        )
        if not found["solved"]:
            found["attempts"] += 1
            found["solved"] = solved
        self.write()

    def forget(self, name):
        self.people.pop(name, None)
        self.write()

    def write(self):
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.people))
        unfinished.rename(self.path)

    def state(self, name, exercise):
        """`solved`, `stuck`, `at_it`, or None for what was not tried."""
        found = self.people[name].get(exercise)
        if found is None:
            return None
        if found["solved"]:
            return "solved"
        return "stuck" if found["attempts"] >= STUCK else "at_it"

    def count(self, exercise):
        states = [self.state(name, exercise) for name in self.people]
        return {state: states.count(state) for state in ["solved", "at_it", "stuck"]}


def page(progress, language):
    """The board as HTML."""
    words, column = WORDS[language], {"en": 1, "ja": 2}[language]
    marks = {"solved": "✓", "at_it": "…", "stuck": "!", None: ""}
    rows = []
    for exercise, names in EXERCISES.items():
        counts = progress.count(exercise).items()
        cells = "".join(
            f'<td class="{state}{"" if number else " zero"}">{number}</td>' for state, number in counts
        )
        rows.append(f"<tr><td>{names[0]} · {html.escape(names[column])}</td>{cells}</tr>")
    heads = "".join(f"<th>{words[state]}</th>" for state in ["solved", "at_it", "stuck"])
    summary = f"<table><tr><th>{words['exercise']}</th>{heads}</tr>{''.join(rows)}</table>"
    people = []
    for name in sorted(progress.people):
        cells = []
        for exercise in EXERCISES:
            state = progress.state(name, exercise)
            tries = progress.people[name].get(exercise, {}).get("attempts", 0)
            title = f' title="{tries} {words["attempts"]}"' if state else ""
            cells.append(f'<td class="{state or ""}"{title}>{marks[state]}</td>')
        people.append(f"<tr><td>{html.escape(name)}</td>{''.join(cells)}</tr>")
    numbers = "".join(
        f'<th title="{html.escape(names[column])}">{names[0]}</th>' for names in EXERCISES.values()
    )
    each = f"<table><tr><th>{words['person']}</th>{numbers}</tr>{''.join(people)}</table>"
    other = "ja" if language == "en" else "en"
    link = f'<a href="?language={other}">{"日本語" if other == "ja" else "English"}</a>'
    body = summary + (each if people else f"<p>{words['nobody']}</p>") + link
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{words["title"]}</title>'
        f'<meta http-equiv="refresh" content="10"><style>{STYLE}</style><h1>{words["title"]}</h1>{body}</html>'
    )


class Page(HubOAuthenticated, RequestHandler):
    """For who holds the workshop: JupyterHub asks who it is, and only administrators may use its services."""

    @authenticated
    def get(self):
        language = self.get_query_argument("language", self.get_browser_locale().code[:2])
        self.set_header("Cache-Control", "no-store")
        self.write(page(self.settings["progress"], "ja" if language == "ja" else "en"))


class Tell(RequestHandler):
    """For the checks: a kernel shows whose it is by the token of its server."""

    def check_xsrf_cookie(self):
        """There are no cookies here."""

    def person(self):
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        user = self.settings["auth"].user_for_token(token) if kind == "token" and token else None
        if user is None or user.get("kind") != "user":
            raise HTTPError(403)
        return user["name"]

    def post(self):
        name = self.person()
        try:
            told = json.loads(self.request.body)
            exercise, solved = told["exercise"], told["solved"]
        except (ValueError, KeyError, TypeError):
            raise HTTPError(400) from None
        if exercise not in EXERCISES or not isinstance(solved, bool):
            raise HTTPError(400)
        self.settings["progress"].tell(name, exercise, solved)

    def delete(self):
        self.settings["progress"].forget(self.person())


def application(progress, auth, prefix, secret):
    return Application(
        [
            (prefix, Page),
            (url_path_join(prefix, "oauth_callback"), HubOAuthCallbackHandler),
            (url_path_join(prefix, "checks"), Tell),
        ],
        progress=progress,
        auth=auth,
        cookie_secret=secret,
    )


if __name__ == "__main__":
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    progress = Progress(Path(os.environ["GASSHUKU_BOARD_FILE"]))
    server = HTTPServer(application(progress, HubAuth(), prefix, os.urandom(32)), max_body_size=1000)
    port = int(os.environ["JUPYTERHUB_SERVICE_URL"].rpartition(":")[2].strip("/"))
    server.listen(port, "127.0.0.1")
    IOLoop.current().start()
