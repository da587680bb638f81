"""■, the interrupt button."""

import unittest

from support import LOAD, Kernel


class Interrupt(unittest.TestCase):
    def test_the_first_one_stops_the_cell_and_keeps_all_variables(self):
        with Kernel() as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            load = 'let set = load(&fashion_mnist(), "../../data", Split::Train)?;\nlet kept = 7;'
            self.assertTrue(kernel.run(load).ok)
            kernel.interrupt()
            self.assertEqual(kernel.run("kept").result, "7", "nothing ran, so nothing was stopped")
            cells = {
                "a loop over mini-batches": "loop { let mut batches = 0; "
                'for _ in set.batches(100)? { if batches == 0 { println!("running"); } '
                "batches += 1; } if interrupted() { break; } }",
                "a loop that asks": 'println!("running"); while !interrupted() { }',
            }
            for name, code in cells.items():
                with self.subTest(name):
                    request = kernel.start(code)
                    kernel.wait_for(request, lambda kind, c: kind == "stream")
                    kernel.interrupt()
                    self.assertTrue(kernel.finish(request).ok)
                    self.assertEqual(kernel.run("kept").result, "7")
            train = """let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
let settings = TrainingSettings { epochs: 500, checkpoint: None, ..TrainingSettings::default() };
println!("running");
let history = train(&model, &set, &settings)?;"""
            request = kernel.start(train)
            kernel.wait_for(request, lambda kind, c: kind == "stream" and "running" in c["text"])
            kernel.interrupt()
            cell = kernel.finish(request)
            self.assertTrue(cell.ok, cell.reply)
            self.assertIn("stopped", cell.text())
            self.assertEqual(kernel.run("history.epochs.len() < 500").result, "true")
            self.assertEqual(kernel.run("kept").result, "7")

    def test_the_second_one_ends_the_process(self):
        with Kernel() as kernel:
            kernel.run("let lost = 1;")
            request = kernel.start('println!("running"); loop { }')
            kernel.wait_for(request, lambda kind, c: kind == "stream")
            kernel.interrupt()
            advice = kernel.wait_for(request, lambda kind, c: kind == "stream")
            self.assertEqual(advice["content"]["name"], "stderr")
            self.assertIn("again", advice["content"]["text"])
            kernel.interrupt()
            cell = kernel.finish(request)
            self.assertEqual(cell.reply["status"], "error")
            self.assertIn("second ■", cell.reply["evalue"])
            self.assertEqual(kernel.run("1 + 1").result, "2")
            self.assertFalse(kernel.run("lost").ok)

    def test_a_cell_that_reads_its_standard_input_gets_advice(self):
        with Kernel() as kernel:
            code = "let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();"
            request = kernel.start(code)
            advice = kernel.wait_for(request, lambda kind, c: kind == "stream")
            self.assertIn("input(", advice["content"]["text"])
            kernel.interrupt()
            kernel.interrupt()
            self.assertFalse(kernel.finish(request).ok)
            self.assertEqual(kernel.run("1 + 1").result, "2")


if __name__ == "__main__":
    unittest.main()
