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

    def test_five_attempts_are_many_and_what_is_solved_stays_so(self):
        progress = Progress(self.path)
        for _ in range(4):
            progress.tell("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "at_it")
        progress.tell("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "stuck")
        progress.tell("anna", "lenet", True)
        progress.tell("anna", "lenet", False)
        self.assertEqual(progress.state("anna", "lenet"), "solved")
        self.assertEqual(progress.people["anna"]["lenet"]["attempts"], 6)
        self.assertIsNone(progress.state("anna", "grad_cam"))

    def test_each_person_counts_once(self):
        progress = Progress(self.path)
        for name, attempts, solved in [("anna", 1, True), ("ben", 5, False), ("chieko", 2, False), ("daiki", 6, True)]:
            for number in range(attempts):
                progress.tell(name, "lenet", solved and number == attempts - 1)
        self.assertEqual(progress.count("lenet"), {"solved": 2, "at_it": 1, "stuck": 1})
        self.assertEqual(progress.count("grad_cam"), {"solved": 0, "at_it": 0, "stuck": 0})

    def test_it_outlives_the_service_and_forgets_who_leaves(self):
        Progress(self.path).tell("anna", "lenet", True)
        progress = Progress(self.path)
        self.assertEqual(progress.state("anna", "lenet"), "solved")
        progress.forget("anna")
        progress.forget("nobody")
        self.assertEqual(Progress(self.path).people, {})

    def test_the_exercises_are_those_of_the_crate(self):
        files = {path.stem for path in (ROOT / "crate/src/check").glob("*.rs")} - {"mod"}
        self.assertEqual(set(EXERCISES), files)
        for name, (_, english, japanese) in EXERCISES.items():
            check = (ROOT / f"crate/src/check/{name}.rs").read_text()
            self.assertIn(f'say("{english}", "{japanese}")', check)

    def test_both_languages_show_all_and_quote_what_was_typed(self):
        progress = Progress(self.path)
        progress.tell("<b>", "lenet", True)
        for language, word in [("en", "tried five times"), ("ja", "5 回以上試した")]:
            text = page(progress, language)
            self.assertIn(word, text)
            self.assertIn("&lt;b&gt;", text)
            self.assertNotIn("<b>", text)
        self.assertIn("notebook 1", page(Progress(self.path.with_name("none")), "en"))


if __name__ == "__main__":
    unittest.main()
