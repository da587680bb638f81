"""The output of cells: text, floods, displays, and questions to the user."""

import tempfile
import unittest
from pathlib import Path

from support import TIMEOUT, OneKernel


class Output(OneKernel):
    def test_text_without_a_line_end(self):
        self.assertEqual(self.run_ok('print!("x");').text(), "x")
        cell = self.run_ok('print!("x"); 5')
        self.assertEqual((cell.text(), cell.result), ("x", "5"))
        cell = self.run_ok('println!("a"); print!("b"); eprint!("c");')
        self.assertEqual((cell.text(), cell.text("stderr")), ("a\nb", "c"))

    def test_a_flood_is_cut_and_the_result_arrives(self):
        cell = self.run_ok('for i in 0..11_700 { println!("{i}"); }\n"the result"')
        self.assertEqual(cell.result, '"the result"')
        self.assertEqual(len(cell.text().splitlines()), 1_000)
        self.assertIn("10,700 more lines", cell.text("stderr"))
        self.assertLess(len(cell.published), 100)

    def test_a_large_tensor_shows_its_corners(self):
        cell = self.run_ok("Tensor::zeros([1000, 1000], (Kind::Float, Device::Cpu))")
        self.assertLess(len(cell.result.splitlines()), 20)
        self.assertIn("...", cell.result)

    def test_the_last_value_has_a_useful_display(self):
        self.assertIn("41,806", self.run_ok("LeNet::new(&LeNetSettings::default(), Device::Cpu)?").result)
        test_set = 'load(&fashion_mnist(), "../../data", Split::Test)'
        start = "10,000 images of shape [1, 28, 28] in 10 classes: T-shirt/top, Trouser"
        self.assertTrue(self.run_ok(test_set).result.startswith(start))
        self.assertEqual(self.run_ok("Some(Tensor::from(3))").result, "[3]\nTensor[[], Int]")
        self.assertEqual(self.run_ok("None::<Tensor>").result, "None")
        refused = self.run_ok("Tensor::from(3).f_view([7])").result
        self.assertEqual(refused, "Err: shape '[7]' is invalid for input of size 1")
        self.assertEqual(self.run_ok("Some(5)").result, "Some(5)")

    def test_late_text_belongs_to_the_cell_of_its_thread(self):
        with tempfile.TemporaryDirectory() as folder:
            gate = Path(folder) / "gate"
            code = f"""let late = std::thread::spawn(|| {{
                while !std::path::Path::new({str(gate)!r}).exists() {{ std::thread::yield_now(); }}
                println!("late");
            }});""".replace("'", '"')
            first = self.kernel.start(code)
            self.kernel.finish(first)
            gate.touch()
            # The second cell is compiled before it begins, and the text arrives before that.
            second = self.run_ok('late.join().unwrap(); println!("own");')
            self.assertIn("own\n", second.text())
            both = self.kernel.cells[first].text() + second.text()
            self.assertEqual(sorted(both.splitlines()), ["late", "own"])

    def test_displays_are_shown_where_they_are_made(self):
        code = """let figure = show_schedule(&TrainingSettings::default(), 100)?;
figure.show();
println!("between");
figure.show();"""
        cell = self.run_ok(code)
        self.assertEqual(cell.kinds, ["display_data", "stream", "display_data"])

    def test_a_display_is_updated_in_place(self):
        code = 'let first = Tensor::from(1); let second = Tensor::from(2);\n'
        code += "let shown = display(&first);\nshown.update(&second);"
        cell = self.run_ok(code)
        [made], [updated] = cell.contents("display_data"), cell.contents("update_display_data")
        self.assertEqual(made["transient"], updated["transient"])
        self.assertNotEqual(made["data"], updated["data"])

    def test_a_cell_asks_the_user(self):
        request = self.kernel.start('let name = input("Your name: ")?;\nname', allow_stdin=True)
        asked = self.kernel.client.get_stdin_msg(timeout=TIMEOUT)
        self.assertIn("Your name", asked["content"]["prompt"])
        self.kernel.client.input("Ada")
        self.assertEqual(self.kernel.finish(request).result, '"Ada"')

    def test_a_question_without_a_frontend_gets_an_empty_answer(self):
        self.assertEqual(self.kernel.run('input("Anybody?")?.len()').result, "0")


if __name__ == "__main__":
    unittest.main()
