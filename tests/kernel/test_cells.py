"""How long cells take and what they can use: first mistakes, many variables, other crates, no tricks."""

import statistics
import time
import unittest

from support import HOME, LOAD, NOTEBOOKS, Kernel

# Without the tricks, these took 20 to 47 s.
SECONDS_FOR_A_MISTAKE = 5


class Mistakes(unittest.TestCase):
    def test_the_first_one_of_a_kernel_is_reported_soon(self):
        mistakes = {
            "let f = |x: i32| x + 1;": "closure",
            "let a = Tensor::": "Tensor",
            "let a: u8 = String::new();": "mismatched types",
        }
        for code, text in mistakes.items():
            with self.subTest(code), Kernel() as kernel:
                self.assertTrue(kernel.run(LOAD).ok)
                start = time.monotonic()
                cell = kernel.run(code)
                seconds = time.monotonic() - start
                self.assertIn(text, cell.reply["evalue"])
                self.assertLess(seconds, SECONDS_FOR_A_MISTAKE)


class ManyCells(unittest.TestCase):
    def test_cells_take_no_longer_with_many_variables(self):
        with Kernel() as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            seconds = []
            for number in range(120):
                start = time.monotonic()
                self.assertTrue(kernel.run(f"let v{number} = vec![{number}, 2];").ok)
                seconds.append(time.monotonic() - start)
            first, last = statistics.median(seconds[:20]), statistics.median(seconds[-20:])
            self.assertLess(last, 1.5 * first + 0.1)
            self.assertEqual(kernel.run("v0[0] + v119[0]").result, "119")
            running = HOME / "running"
            directories = [d for d in running.iterdir() if d.name.startswith(f"{kernel.launcher}-")]
            [directory] = directories
            self.assertLessEqual(len(list(directory.rglob("libcode_*"))), 2)


class Language(unittest.TestCase):
    def test_it_does_not_change_with_the_current_folder(self):
        with Kernel(NOTEBOOKS.with_name("ja")) as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            self.assertTrue(kernel.run('std::env::set_current_dir("/")?;').ok)
            self.assertIn("訓練の設定", kernel.run("TrainingSettings::default()").result)


class Crates(unittest.TestCase):
    def test_another_crate(self):
        with Kernel() as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            self.assertTrue(kernel.run("let t = Tensor::from_slice(&[1_i64, 2]);").ok)
            cell = kernel.run(':dep serde_json = "1"\nserde_json::to_string(&t.size()).unwrap()')
            self.assertTrue(cell.ok, cell.reply)
            self.assertEqual(cell.result, '"[2]"')

    def test_another_crate_without_a_network(self):
        with Kernel(CARGO_NET_OFFLINE="true") as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            cell = kernel.run(':dep serde_json = "1"\nserde_json::json!([Tensor::from(3).int64_value(&[])]).to_string()')
            self.assertTrue(cell.ok, cell.reply)
            self.assertEqual(cell.result, '"[3]"')

    def test_without_tricks(self):
        with Kernel(GASSHUKU_PLAIN="1") as kernel:
            self.assertTrue(kernel.run("let a = 1;").ok)
            self.assertEqual(kernel.run("a + 1").result, "2")


if __name__ == "__main__":
    unittest.main()
