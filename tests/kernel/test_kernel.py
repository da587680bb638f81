"""The kernel as a frontend sees it: errors, ■, displays, floods, input, types, variables."""

import os
import statistics
import tempfile
import time
import unittest
from pathlib import Path

from support import HOME, LOAD, PATIENCE, Kernel, until

# Generous: without what stands before evcxr, these took 20 to 47 s.
SECONDS_FOR_A_MISTAKE = 5


class OneKernel(unittest.TestCase):
    """Tests that share a kernel with the workshop's crate."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = Kernel()
        assert cls.kernel.run(LOAD).ok

    @classmethod
    def tearDownClass(cls):
        cls.kernel.__exit__()

    def run_ok(self, code, **options):
        cell = self.kernel.run(code, **options)
        self.assertTrue(cell.ok, cell.reply)
        return cell


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
        [error] = cell.of("error")
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


class Words(OneKernel):
    def test_text_without_an_end(self):
        self.assertEqual(self.run_ok('print!("x");').text(), "x")
        cell = self.run_ok('print!("x"); 5')
        self.assertEqual((cell.text(), cell.result), ("x", "5"))
        cell = self.run_ok('println!("a"); print!("b"); eprint!("c");')
        self.assertEqual((cell.text(), cell.text("stderr")), ("a\nb", "c"))

    def test_a_flood_is_cut_and_its_result_arrives(self):
        cell = self.run_ok('for i in 0..11_700 { println!("{i}"); }\n"the result"')
        self.assertEqual(cell.result, '"the result"')
        self.assertEqual(len(cell.text().splitlines()), 1_000)
        self.assertIn("10,700 more lines", cell.text("stderr"))
        self.assertLess(len(cell.published), 100)

    def test_a_large_tensor_shows_its_corners(self):
        cell = self.run_ok("Tensor::zeros([1000, 1000], (Kind::Float, Device::Cpu))")
        self.assertLess(len(cell.result.splitlines()), 20)
        self.assertIn("...", cell.result)

    def test_late_words_belong_to_the_cell_of_their_thread(self):
        with tempfile.TemporaryDirectory() as folder:
            gate = Path(folder) / "gate"
            code = f"""let late = std::thread::spawn(|| {{
                while !std::path::Path::new({str(gate)!r}).exists() {{ std::thread::yield_now(); }}
                println!("late");
            }});""".replace("'", '"')
            first = self.kernel.start(code)
            self.kernel.finish(first)
            gate.touch()
            # Compiled before it begins: the words come by first.
            second = self.run_ok('late.join().unwrap(); println!("own");')
            self.assertIn("own\n", second.text())
            both = self.kernel.cells[first].text() + second.text()
            self.assertEqual(sorted(both.splitlines()), ["late", "own"])

    def test_displays_stand_where_they_are_made(self):
        code = """let set = load(&fashion_mnist(), "../../data", Split::Test)?;
let figure = show_images(&set, 6)?;
figure.show();
println!("between");
figure.show();"""
        cell = self.kernel.run(code)
        if not cell.ok:
            cell = self.kernel.run(
                'let figure = show_schedule(&TrainingSettings::default(), 100)?;\n'
                'figure.show();\nprintln!("between");\nfigure.show();'
            )
        self.assertTrue(cell.ok, cell.reply)
        self.assertEqual(cell.kinds, ["display_data", "stream", "display_data"])

    def test_a_display_is_updated_in_place(self):
        code = 'let first = Tensor::from(1); let second = Tensor::from(2);\n'
        code += "let shown = display(&first);\nshown.update(&second);"
        cell = self.run_ok(code)
        [made], [updated] = cell.of("display_data"), cell.of("update_display_data")
        self.assertEqual(made["transient"], updated["transient"])
        self.assertNotEqual(made["data"], updated["data"])

    def test_a_cell_asks(self):
        request = self.kernel.start('let name = input("Your name: ")?;\nname', allow_stdin=True)
        asked = self.kernel.client.get_stdin_msg(timeout=PATIENCE)
        self.assertIn("Your name", asked["content"]["prompt"])
        self.kernel.client.input("Ada")
        self.assertEqual(self.kernel.finish(request).result, '"Ada"')


class Questions(OneKernel):
    """What is answered while a cell runs."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.gate = Path(self.folder.name) / "gate"
        code = f"while !std::path::Path::new({str(self.gate)!r}).exists() {{ }}".replace("'", '"')
        self.request = self.kernel.start('println!("running");\n' + code)
        self.kernel.wait_for(self.request, lambda kind, c: kind == "stream")

    def tearDown(self):
        self.gate.touch()
        self.assertTrue(self.kernel.finish(self.request).ok)
        self.folder.cleanup()

    def test_they_are_answered_at_once(self):
        client = self.kernel.client
        self.assertEqual(self.kernel.answer(client.complete("Ten", 3))["matches"], [])
        self.assertFalse(self.kernel.answer(client.inspect("Tensor", 3))["found"])
        info = self.kernel.answer(client.kernel_info())
        self.assertEqual(info["language_info"]["name"], "Rust")
        self.assertEqual(self.kernel.answer(client.comm_info())["comms"], {})
        self.assertEqual(self.kernel.answer(client.history())["history"], [])
        self.assertEqual(self.kernel.answer(client.is_complete("fn f() {"))["status"], "incomplete")
        self.assertFalse(self.gate.exists())


class Stop(unittest.TestCase):
    """■, in kernels of their own."""

    def test_the_first_stops_what_listens_and_keeps_all(self):
        with Kernel() as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            load = 'let set = load(&fashion_mnist(), "../../data", Split::Train)?;\nlet kept = 7;'
            self.assertTrue(kernel.run(load).ok)
            kernel.interrupt()
            self.assertEqual(kernel.run("kept").result, "7", "nothing ran, nothing was stopped")
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

    def test_the_second_ends_the_process_and_says_so(self):
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

    def test_a_cell_that_reads_its_input_is_told(self):
        with Kernel() as kernel:
            code = "let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap();"
            request = kernel.start(code)
            told = kernel.wait_for(request, lambda kind, c: kind == "stream")
            self.assertIn("input(", told["content"]["text"])
            kernel.interrupt()
            kernel.interrupt()
            self.assertFalse(kernel.finish(request).ok)
            self.assertEqual(kernel.run("1 + 1").result, "2")


class Mistakes(unittest.TestCase):
    def test_the_first_of_a_kernel_is_answered_soon(self):
        mistakes = {
            "let f = |x: i32| x + 1;": "closure",
            "let a = Tensor::": "Tensor",
            "let a: u8 = String::new();": "mismatched types",
        }
        for code, words in mistakes.items():
            with self.subTest(code), Kernel() as kernel:
                self.assertTrue(kernel.run(LOAD).ok)
                start = time.monotonic()
                cell = kernel.run(code)
                seconds = time.monotonic() - start
                self.assertIn(words, cell.reply["evalue"])
                self.assertLess(seconds, SECONDS_FOR_A_MISTAKE)


class Long(unittest.TestCase):
    def test_many_variables_and_cells_cost_no_more_than_few(self):
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
            own = HOME / "running"
            directories = [d for d in own.iterdir() if d.name.startswith(f"{kernel.launcher}-")]
            [directory] = directories
            self.assertLessEqual(len(list(directory.rglob("libcode_*"))), 2)

    def test_a_further_crate(self):
        with Kernel() as kernel:
            self.assertTrue(kernel.run(LOAD).ok)
            self.assertTrue(kernel.run("let t = Tensor::from_slice(&[1_i64, 2]);").ok)
            cell = kernel.run(':dep serde_json = "1"\nserde_json::to_string(&t.size()).unwrap()')
            self.assertTrue(cell.ok, cell.reply)
            self.assertEqual(cell.result, '"[2]"')

    def test_another_clients_key_is_no_key(self):
        with Kernel() as kernel:
            stranger = kernel.manager.blocking_client()
            stranger.session.key = b"another key"
            stranger.start_channels()
            stranger.kernel_info()
            stranger.execute('println!("by a stranger");')
            cell = kernel.run('println!("own");')
            self.assertEqual(cell.text(), "own\n")
            stranger.stop_channels()

    def test_clients_come_and_go(self):
        with Kernel() as kernel:
            for number in range(3):
                self.assertEqual(kernel.run(f"{number}").result, str(number))
                kernel.client.stop_channels()
                kernel.connect()
            until("the heart beats", kernel.client.hb_channel.is_beating)

    def test_without_tricks(self):
        with Kernel(GASSHUKU_PLAIN="1") as kernel:
            self.assertTrue(kernel.run("let a = 1;").ok)
            self.assertEqual(kernel.run("a + 1").result, "2")


if __name__ == "__main__":
    unittest.main()
