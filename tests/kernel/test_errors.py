"""The error messages of cells that fail."""

import unittest

from support import OneKernel


class Errors(OneKernel):
    def assert_fails(self, code, name, value, line):
        cell = self.kernel.run(code)
        reply = cell.reply
        self.assertEqual(reply["status"], "error")
        self.assertEqual((reply["ename"], reply["evalue"]), (name, value))
        traceback = "\n".join(reply["traceback"])
        if line:
            self.assertIn(line, traceback)
        for noise in ("frame #", "backtrace", "RUST_BACKTRACE", "Exception raised"):
            self.assertNotIn(noise, traceback)
        [error] = cell.contents("error")
        self.assertEqual(error["evalue"], value)
        self.assertEqual(cell.text("stderr"), "")
        return cell

    def test_a_panic(self):
        self.assert_fails("let a = 1;\npanic!(\"made to {a}\");", "panic", "made to 1", "cell line 2")

    def test_an_index_out_of_bounds(self):
        code = "let list: Vec<i32> = vec![];\nlist[3]"
        value = "index out of bounds: the len is 0 but the index is 3"
        self.assert_fails(code, "panic", value, "cell line 2")

    def test_a_failed_question_mark(self):
        code = 'std::fs::read_to_string("/not/there")?;'
        self.assert_fails(code, "error", "No such file or directory (os error 2)", "cell line 1")

    def test_libtorchs_errors(self):
        value = "shape '[7]' is invalid for input of size 3"
        make = "let three = Tensor::from_slice(&[1.0, 2.0, 3.0]);\n"
        cell = self.kernel.run(make + "three.f_view([7])?;")
        self.assertEqual(cell.reply["ename"], "error")
        self.assertTrue(cell.reply["evalue"].endswith(value), cell.reply)
        self.assertNotIn("frame #", "\n".join(cell.reply["traceback"]))
        self.assert_fails(make + "three.view([7]);", "panic", value, None)

    def test_a_compile_error(self):
        cell = self.kernel.run("not_there")
        self.assertEqual(cell.reply["ename"], "compile error")
        self.assertIn("not_there", cell.reply["evalue"])
        self.assertIn("not_there", "\n".join(cell.reply["traceback"]))

    def test_cells_that_wait_are_not_run_after_an_error(self):
        self.run_ok("let kept = vec![1, 2];")
        first = self.kernel.start("panic!(\"first\");")
        second = self.kernel.start("println!(\"second\");")
        self.assertEqual(self.kernel.finish(first).reply["status"], "error")
        waiting = self.kernel.finish(second)
        self.assertEqual(waiting.reply["status"], "aborted")
        self.assertEqual(waiting.text(), "")
        self.assertEqual(self.run_ok("kept.len()").result, "2")

    def test_cells_that_wait_run_without_stop_on_error(self):
        first = self.kernel.start('panic!("first");', stop_on_error=False)
        second = self.kernel.start("5 + 1")
        self.assertEqual(self.kernel.finish(first).reply["status"], "error")
        self.assertEqual(self.kernel.finish(second).result, "6")

    def assert_fails_after_an_unfinished_line(self, failure):
        self.assertTrue(self.kernel.run("let before = 6;").ok)
        cell = self.kernel.run(f'let never = 5;\nprint!("half");\n{failure}')
        self.assertEqual((cell.reply["status"], cell.text()), ("error", "half"))
        # evcxr must know, too, that the cell has failed.
        self.assertEqual(self.kernel.run("before").result, "6")

    def test_a_panic_after_an_unfinished_line(self):
        self.assert_fails_after_an_unfinished_line('panic!("then");')

    def test_a_failed_question_mark_after_an_unfinished_line(self):
        self.assert_fails_after_an_unfinished_line('let text = std::fs::read_to_string("/none")?;')

    def test_a_call_that_fails_keeps_the_model_it_was_given(self):
        self.run_ok(
            "let images = Tensor::zeros([4, 1, 28, 28], (Kind::Uint8, Device::Cpu));\n"
            "let labels = Tensor::from_slice(&[0_i64, 1, 0, 1]);\n"
            'let four = Dataset::new(&images, &labels, &["even", "odd"])?;\n'
            "let two_classes = LeNetSettings { classes: 2, ..Default::default() };\n"
            "let mut network = Some(LeNet::new(&two_classes, Device::Cpu)?);"
        )
        train = (
            "let training = train_in_background(&mut network, &four,"
            " &TrainingSettings { epochs: EPOCHS, ..Default::default() })?;"
        )
        failed = self.kernel.run(train.replace("EPOCHS", "0"))
        self.assertEqual(failed.reply["evalue"], "epochs is 0, but it must be at least 1")
        self.assertEqual(self.run_ok("network.is_some()").result, "true")
        self.run_ok(train.replace("EPOCHS", "1"))
        self.assertEqual(self.run_ok("network.is_some()").result, "false")
        self.run_ok("let (network, _) = training.wait()?;")


if __name__ == "__main__":
    unittest.main()
