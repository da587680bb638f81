"""The board: what it counts, and what it shows."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hub"))

from board import EXERCISES, Progress, page  # noqa: E402


class Board(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "board.json"

    def test_after_five_attempts_stuck_and_solved_stays_solved(self):
        progress = Progress(self.path)
        for _ in range(4):
            progress.record("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "in_progress")
        progress.record("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "stuck")
        progress.record("anna", "lenet", True)
        progress.record("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "solved")
        self.assertEqual(progress.participants["anna"]["lenet"]["attempts"], 6)
        self.assertIsNone(progress.state("anna", "grad_cam"))

    def test_each_participant_counts_once(self):
        progress = Progress(self.path)
        for name, attempts, solved in [("anna", 1, True), ("ben", 5, False), ("chieko", 2, False), ("daiki", 6, True)]:
            for number in range(attempts):
                progress.record(name, "lenet", solved and number == attempts - 1)
        self.assertEqual(progress.count("lenet"), {"solved": 2, "in_progress": 1, "stuck": 1})
        self.assertEqual(progress.count("grad_cam"), {"solved": 0, "in_progress": 0, "stuck": 0})

    def test_results_are_kept_in_the_file_until_a_participant_leaves(self):
        Progress(self.path).record("anna", "lenet", True)
        progress = Progress(self.path)
        self.assertEqual(progress.state("anna", "lenet"), "solved")
        progress.remove("anna")
        progress.remove("nobody")
        self.assertEqual(Progress(self.path).participants, {})

    def test_the_exercises_are_those_of_the_crate(self):
        files = {path.stem: path.read_text() for path in (ROOT / "crate/src/check").glob("*.rs")}
        checks = {name: text for name, text in files.items() if f"pub fn {name}" in text}
        self.assertEqual(set(EXERCISES), set(checks))
        for name, (_, english, japanese) in EXERCISES.items():
            self.assertIn(f'"{english}"', checks[name])
            self.assertIn(f'"{japanese}"', checks[name])

    def test_both_languages_show_all_and_escape_names(self):
        progress = Progress(self.path)
        progress.record("<b>", "lenet", True)
        for language, word in [("en", "tried five times"), ("ja", "5 回以上試した")]:
            text = page(progress, language)
            self.assertIn(word, text)
            self.assertIn("&lt;b&gt;", text)
            self.assertNotIn("<b>", text)
        self.assertIn("notebook 1", page(Progress(self.path.with_name("none")), "en"))


if __name__ == "__main__":
    unittest.main()
