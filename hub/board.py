"""The board: a service of JupyterHub that shows the facilitator which exercises the participants have solved.

The checks in notebooks send their results here (crate/src/notebook/board.rs), if the participant agreed in notebook 1.
Nothing leaves the hub. The results are in one file.
"""

import html
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubAuth, HubOAuthCallbackHandler, HubOAuthenticated
from jupyterhub.utils import url_path_join
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler, authenticated

# By the names of the functions in crate/src/check, in the order of the notebooks: notebook, English and Japanese title.
EXERCISES = {
    "pixel_histogram": (2, "the histogram of the pixels", "ピクセル値のヒストグラム"),
    "images_of_class": (2, "the images of one class", "1 つのクラスの画像"),
    "lenet_layers": (3, "the layers of LeNet", "LeNet の層"),
    "lenet": (3, "the forward pass of LeNet", "LeNet の順伝播"),
    "training_step": (4, "the training step", "訓練の 1 ステップ"),
    "learning_rate": (4, "a better learning rate", "もっと良い学習率"),
    "save_and_load": (5, "save and load", "保存と読み込み"),
    "photograph": (6, "a photograph of your own", "自分の写真"),
    "grad_cam": (7, "Grad-CAM by hand", "手作りの Grad-CAM"),
}
TEXTS = {
    "en": {
        "title": "Board",
        "exercise": "Exercise",
        "solved": "solved",
        "in_progress": "in progress",
        "stuck": "tried five times",
        "participant": "Participant",
        "no_results": "No results yet. Participants are asked for their consent in notebook 1.",
        "attempts": "attempts",
    },
    "ja": {
        "title": "進み具合",
        "exercise": "演習",
        "solved": "解けた",
        "in_progress": "取り組み中",
        "stuck": "5 回以上試した",
        "participant": "参加者",
        "no_results": "まだ誰の結果も届いていません。参加者にはノートブック 1 で許可を尋ねています。",
        "attempts": "回試行",
    },
}
# In the order of the columns.
STATES = ["solved", "in_progress", "stuck"]
# After so many attempts, the participant may need help.
STUCK_ATTEMPTS = 5
STYLE = """
body { font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin-bottom: 2em; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: .3em .6em; text-align: center }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
.solved { background: #d9efd9 } .in_progress { background: #fff3c9 } .stuck { background: #f9d5cf; font-weight: bold }
td.zero { background: none; color: #aaa; font-weight: normal }
"""


class Progress:
    """What participants have tried and solved: name → exercise → {attempts, solved}. Kept in a JSON file."""

    def __init__(self, path):
        self.path = path
        try:
            self.participants = json.loads(path.read_text())
        except FileNotFoundError:
            self.participants = {}

    def record(self, name, exercise, solved):
        """Counts one check. After an exercise is solved, its checks are no longer counted."""
        result = self.participants.setdefault(name, {}).setdefault(
            exercise, {"attempts": 0, "solved": False}
        )
        if not result["solved"]:
            result["attempts"] += 1
            result["solved"] = solved
        self.write()

    def remove(self, name):
        self.participants.pop(name, None)
        self.write()

    def write(self):
        temporary = self.path.with_suffix(".unfinished")
        temporary.write_text(json.dumps(self.participants))
        temporary.rename(self.path)

    def state(self, name, exercise):
        """`solved`, `stuck` or `in_progress`; None for an exercise that was not tried."""
        result = self.participants[name].get(exercise)
        if result is None:
            return None
        if result["solved"]:
            return "solved"
        return "stuck" if result["attempts"] >= STUCK_ATTEMPTS else "in_progress"

    def count(self, exercise):
        states = [self.state(name, exercise) for name in self.participants]
        return {state: states.count(state) for state in STATES}


def page(progress, language):
    """The board as HTML."""
    texts = TEXTS[language]
    participants = participants_table(progress, language) if progress.participants else f"<p>{texts['no_results']}</p>"
    other, name = ("ja", "日本語") if language == "en" else ("en", "English")
    link = f'<a href="?language={other}">{name}</a>'
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{texts["title"]}</title>'
        f'<meta http-equiv="refresh" content="10"><style>{STYLE}</style><h1>{texts["title"]}</h1>'
        f"{exercises_table(progress, language)}{participants}{link}</html>"
    )


def exercises_table(progress, language):
    """For each exercise, how many participants are in which state."""
    texts = TEXTS[language]
    rows = []
    for exercise in EXERCISES:
        notebook, title = heading(exercise, language)
        cells = "".join(
            f'<td class="{state}{"" if number else " zero"}">{number}</td>'
            for state, number in progress.count(exercise).items()
        )
        rows.append(f"<tr><td>{notebook} · {title}</td>{cells}</tr>")
    heads = "".join(f"<th>{texts[state]}</th>" for state in STATES)
    return f"<table><tr><th>{texts['exercise']}</th>{heads}</tr>{''.join(rows)}</table>"


def participants_table(progress, language):
    """For each participant, the state of each exercise."""
    texts = TEXTS[language]
    marks = {"solved": "✓", "in_progress": "…", "stuck": "!", None: ""}
    rows = []
    for name in sorted(progress.participants):
        cells = []
        for exercise in EXERCISES:
            state = progress.state(name, exercise)
            attempts = progress.participants[name].get(exercise, {}).get("attempts", 0)
            tooltip = f' title="{attempts} {texts["attempts"]}"' if state else ""
            cells.append(f'<td class="{state or ""}"{tooltip}>{marks[state]}</td>')
        rows.append(f"<tr><td>{html.escape(name)}</td>{''.join(cells)}</tr>")
    headings = [heading(exercise, language) for exercise in EXERCISES]
    heads = "".join(f'<th title="{title}">{notebook}</th>' for notebook, title in headings)
    return f"<table><tr><th>{texts['participant']}</th>{heads}</tr>{''.join(rows)}</table>"


def heading(exercise, language):
    """The number of the exercise's notebook, and its title as HTML."""
    notebook, english, japanese = EXERCISES[exercise]
    return notebook, html.escape(japanese if language == "ja" else english)


class BoardHandler(HubOAuthenticated, RequestHandler):
    """Shows the board. JupyterHub lets only its administrators use a service."""

    @authenticated
    def get(self):
        language = self.get_query_argument("language", self.get_browser_locale().code[:2])
        self.set_header("Cache-Control", "no-store")
        self.write(page(self.settings["progress"], "ja" if language == "ja" else "en"))


class ChecksHandler(RequestHandler):
    """Receives the results of checks. The token of a participant's server says whose they are."""

    def check_xsrf_cookie(self):
        """Kernels send a token and no cookies."""

    def participant(self):
        kind, _, token = self.request.headers.get("Authorization", "").partition(" ")
        user = self.settings["auth"].user_for_token(token) if kind == "token" and token else None
        if user is None or user.get("kind") != "user":
            raise HTTPError(403)
        return user["name"]

    def post(self):
        name = self.participant()
        try:
            check = json.loads(self.request.body)
            exercise, solved = check["exercise"], check["solved"]
        except (ValueError, KeyError, TypeError):
            raise HTTPError(400) from None
        if exercise not in EXERCISES or not isinstance(solved, bool):
            raise HTTPError(400)
        self.settings["progress"].record(name, exercise, solved)

    def delete(self):
        self.settings["progress"].remove(self.participant())


def application(progress, auth, prefix, cookie_secret):
    return Application(
        [
            (prefix, BoardHandler),
            (url_path_join(prefix, "oauth_callback"), HubOAuthCallbackHandler),
            (url_path_join(prefix, "checks"), ChecksHandler),
        ],
        progress=progress,
        auth=auth,
        cookie_secret=cookie_secret,
    )


if __name__ == "__main__":
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    progress = Progress(Path(os.environ["GASSHUKU_BOARD_FILE"]))
    server = HTTPServer(application(progress, HubAuth(), prefix, os.urandom(32)), max_body_size=1000)
    port = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
    # "" is all addresses of the machine.
    server.listen(port, os.environ.get("GASSHUKU_BOARD_ADDRESS", "127.0.0.1"))
    IOLoop.current().start()
