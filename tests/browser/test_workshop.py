"""What participants do in the browser."""

import re

import pytest
from playwright.sync_api import expect

from conftest import RED, Cell, write_settings


def test_another_learning_rate_gives_another_curve(open_notebook):
    notebook = open_notebook("en/04_train")
    training = notebook.run_up_to("train(&model, &training_set, &settings)")
    for epoch in range(1, 6):
        expect(training.output).to_contain_text(f"{epoch}/5")
    expect(training.picture).to_have_attribute("alt", re.compile("over 5 epochs"))
    before = training.picture.get_attribute("alt")

    settings = notebook.cell("let settings = TrainingSettings")
    settings.replace("learning_rate", "    learning_rate: 1e-3,")
    settings.run()
    expect(settings.output).to_contain_text("0.001")
    make_model = Cell(notebook, training.index - 1).run()
    expect(make_model.error).to_have_count(0)
    training.run()
    expect(training.picture).to_have_attribute("alt", re.compile("over 5 epochs"))
    assert training.picture.get_attribute("alt") != before
    assert notebook.failures() == []


def test_a_training_in_the_background_is_watched_and_stopped(open_notebook):
    notebook = open_notebook("en/04_train")
    for part in ["let training_set", "let choice", "let settings"]:
        notebook.cell(part).run()
    start = notebook.cell("let mut background_model")
    # So many that no machine is done before it is stopped.
    epochs = "epochs: 1_000_000, checkpoint: None, ..settings.clone()"
    start.replace("let longer", f"let longer = TrainingSettings {{ {epochs} }};")
    start.run()
    watch = notebook.cell("training.follow(2)").run()
    expect(watch.output).to_contain_text("2/1000000")
    expect(watch.picture).to_have_attribute("alt", re.compile("of 6,000 validation images"))
    notebook.screenshot("background")
    stopped = notebook.cell("training.stop()").run()
    epochs = int(re.search(r"(\d+) whole epochs", stopped.output.inner_text()).group(1))
    assert epochs >= 2
    expect(stopped.output).to_contain_text("accuracy")
    assert notebook.failures() == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_training_is_watched_and_stopped_and_everything_is_kept(open_notebook, settings, theme):
    write_settings(settings, f"JupyterLab {theme}")
    try:
        notebook = open_notebook("en/04_train")
        for part in ["let training_set", "let choice"]:
            notebook.cell(part).run()
        hyperparameters = notebook.cell("let settings = TrainingSettings")
        # So many that no machine is done before it is stopped.
        hyperparameters.replace("epochs: 5,", "    epochs: 1_000_000,")
        hyperparameters.replace("checkpoint: Some", "    checkpoint: None,")
        hyperparameters.run()
        training = notebook.cell("train(&model, &training_set, &settings)")
        Cell(notebook, training.index - 1).run()
        training.start()
        bar = training.output.locator("[role=progressbar]")

        # Within an epoch: the bar moves, the curve grows, and the first epoch is not over.
        expect(bar).to_contain_text("epoch 1 of 1000000")
        share, curve = bar.get_attribute("aria-valuenow"), training.picture.get_attribute("src")
        expect(bar).not_to_have_attribute("aria-valuenow", share)
        expect(training.picture).not_to_have_attribute("src", curve)
        # A browser on a busy machine may miss an epoch.
        expect(bar).to_contain_text(re.compile(r"epoch (?!1 )\d+ of 1000000"))
        expect(training.picture).to_have_attribute("alt", re.compile(r"over \d+ epoch"))
        expect(training.prompt).to_have_text("[*]:")
        expect(training.output.locator(".jp-OutputArea-output")).to_have_count(1)
        # Not to the picture: the next one may take its place meanwhile.
        training.output.scroll_into_view_if_needed()
        notebook.screenshot(f"watched-{theme.lower()}")

        notebook.interrupt()
        training.wait()
        expect(bar).to_have_count(0)
        stopped = re.compile(
            r"stopped in epoch \d+ of 1000000, .* the model keeps what it has learned, and training it again goes on from there"
        )
        assert len([line for line in training.lines() if stopped.fullmatch(line)]) == 1
        # The picture and the table stay.
        expect(training.picture).to_have_attribute("alt", re.compile(r"over \d+ epochs?"))
        expect(training.output).to_contain_text("1/1000000")
        training.picture.scroll_into_view_if_needed()
        notebook.screenshot(f"stopped-{theme.lower()}")
        score = notebook.cell("let result = score(&model, &test_set)").run()
        expect(score.output).to_contain_text("accuracy")
        assert notebook.failures() == []
    finally:
        write_settings(settings, "JupyterLab Light")


def test_a_loop_of_ones_own_shows_its_progress(open_notebook):
    notebook = open_notebook("en/04_train")
    for part in ["let training_set", "fn training_step"]:
        notebook.cell(part).run()
    loop = notebook.cell("LiveCurve::new")
    # So often that no machine is done before it is stopped.
    loop.replace("for (images, labels)", "for (images, labels) in progress_bar((0..100_000).flat_map(|_| training_set.shuffled_batches(100, 1)).flatten()) {")
    loop.start()
    bar = loop.output.locator("[role=progressbar]")
    expect(bar).to_contain_text("the loop")
    curve = loop.picture.get_attribute("alt")
    expect(loop.picture).not_to_have_attribute("alt", curve)
    loop.output.scroll_into_view_if_needed()
    notebook.screenshot("own-loop")
    notebook.interrupt()
    loop.wait()
    expect(loop.output).to_contain_text("stopped after")
    expect(bar).to_have_count(0)
    expect(loop.picture).to_have_attribute("alt", re.compile(r"loss over [\d,]+ steps, at last"))
    assert notebook.failures() == []


def test_the_second_interrupt_ends_what_does_not_listen(open_notebook):
    notebook = open_notebook("en/02_visualize")
    deaf = notebook.cell("let first")
    deaf.write("""let deaf = true;
println!("It has begun.");
while deaf { std::hint::spin_loop() }""")
    deaf.start()
    expect(deaf.output).to_contain_text("It has begun.")
    notebook.interrupt()
    expect(deaf.output).to_contain_text("Pressing ■ again ends the process")
    notebook.interrupt()
    deaf.wait()
    expect(deaf.error).to_contain_text("all variables are gone")
    notebook.screenshot("interrupted-twice")
    after = notebook.cell("let training_set").run()
    expect(after.error).to_have_count(0)


def test_another_class_gives_another_heat_map(open_notebook):
    notebook = open_notebook("en/07_explain")
    for part in ["let training_set", "let boot", "let index"]:
        notebook.cell(part).run()
    shown = notebook.cell("test_set.image(index)?").run()
    expect(shown.picture).to_have_attribute("alt", re.compile("Ankle boot"))
    before = shown.picture.get_attribute("src")
    notebook.cell("let index").replace("let class", 'let class = "Sneaker";')
    notebook.cell("let index").run()
    shown.run()
    expect(shown.picture).to_have_attribute("alt", re.compile("Sneaker"))
    assert shown.picture.get_attribute("src") != before
    assert notebook.failures() == []


def test_a_typing_error_is_explained_and_costs_nothing(open_notebook):
    notebook = open_notebook("en/02_visualize")
    load = notebook.cell("let training_set").run()
    first = notebook.cell("let first")
    first.replace("training_set.show", "training_set.shwo(&first)?")
    first.run()
    expect(first.output).to_contain_text("no method named `shwo`")
    # The compiler names what is meant, and the place.
    expect(first.output).to_contain_text("show")
    notebook.screenshot("typing-error")
    first.replace("training_set.shwo", "training_set.show(&first)?")
    first.run()
    expect(first.picture).to_be_visible()
    expect(load.output).not_to_contain_text("error")


def test_a_wrong_name_says_which_there_are(open_notebook):
    notebook = open_notebook("en/02_visualize")
    notebook.cell("let training_set").run()
    first = notebook.cell("let first")
    first.write('training_set.show(&training_set.indices_of("Hat", 20)?)?')
    first.run()
    expect(first.error).to_contain_text("Hat")
    expect(first.error).to_contain_text("Ankle boot")


# How a cell fails: the last line of its code, and how the sentence begins that says so.
FAILURES = {
    "question mark": ('training_set.indices_of("Hat", 20)?', "error: "),
    "libtorch": ("numbers.f_view([7])?", "error: "),
    "panic": ("let last = [1, 2, 3][numbers.dim() + 6];", "panic: index out of bounds"),
    "panic of the last value": ("[1, 2, 3][numbers.dim() + 6]", "panic: index out of bounds"),
    "panic in libtorch": ("let wrong = numbers.view([7]);", "panic: "),
}
# What nobody needs of an error: frames of C++ and of Rust, and the words around them.
STACK = re.compile(r"frame #|Exception raised|backtrace|\.cpp|\.rs\b|thread '", re.IGNORECASE)


@pytest.mark.parametrize("failure", FAILURES)
def test_after_a_failed_cell_no_other_is_executed(open_notebook, failure):
    code, sentence = FAILURES[failure]
    notebook = open_notebook("en/02_visualize")
    first = notebook.cell("let first")
    first.write(f"let numbers = Tensor::from_slice(&[1.0, 2.0, 3.0]);\n{code}")
    notebook.start_all()
    expect(first.prompt).to_have_text(f"[{first.index + 1}]:")
    for index in range(first.index + 1, notebook.cells.count()):
        expect(Cell(notebook, index).prompt).to_have_text("[ ]:")
    # All that is said stands in the one error.
    expect(first.output.locator(".jp-OutputArea-output")).to_have_count(1)
    said = first.error.inner_text().splitlines()
    assert said[0].startswith(sentence)
    assert not STACK.search(said[0])
    expect(first.error.locator(RED)).to_have_count(1)
    first.locator.scroll_into_view_if_needed()
    notebook.screenshot(f"failed-{failure.replace(' ', '-')}")
    # If another had been executed since, this would have a higher number.
    after = notebook.cell("fn images_of").run()
    expect(after.prompt).to_have_text(f"[{first.index + 2}]:")
    expect(after.error).to_have_count(0)
    # The place of a panic in tch is within tch, which tells nobody anything.
    place = [] if failure == "panic in libtorch" else [f"cell line 2: {code}"]
    assert said[1:] == place


def test_a_display_moves_while_its_cell_runs(open_notebook, tmp_path):
    notebook = open_notebook("en/02_visualize")
    notebook.cell("let training_set").run()
    cell = notebook.cell("let first")
    # Each step waits for a file.
    cell.write(f"""fn wait_for(step: usize) {{
    let file = std::path::Path::new("{tmp_path}").join(step.to_string());
    while !file.exists() {{
        std::thread::sleep(std::time::Duration::from_millis(10));
    }}
}}
fn picture_of(step: usize, dataset: &Dataset) -> Result<Figure> {{
    let image = dataset.images.get(step as i64);
    show_images(&format!("Step {{step}} of 3"), &[image], &["image".to_string()])
}}
let shown = display(&picture_of(0, &training_set)?);
for step in 1..=3 {{
    wait_for(step);
    shown.update(&picture_of(step, &training_set)?);
}}
wait_for(4);
println!("done");""")
    cell.start()
    for step in range(4):
        expect(cell.picture).to_have_attribute("alt", re.compile(f"Step {step} of 3"))
        expect(cell.prompt).to_have_text("[*]:")
        expect(cell.output.locator(".jp-OutputArea-output")).to_have_count(1)
        cell.picture.scroll_into_view_if_needed()
        notebook.screenshot(f"display-step-{step}")
        (tmp_path / str(step + 1)).touch()
    cell.wait()
    expect(cell.output.locator(".jp-OutputArea-output")).to_have_count(2)
    expect(cell.picture).to_have_count(1)
    expect(cell.picture).to_have_attribute("alt", re.compile("Step 3 of 3"))
    expect(cell.output).to_contain_text("done")
    cell.picture.scroll_into_view_if_needed()
    notebook.screenshot("display-done")
    assert notebook.failures() == []


def test_pictures_stand_where_they_are_shown(open_notebook):
    notebook = open_notebook("en/02_visualize")
    notebook.cell("let training_set").run()
    cell = notebook.cell("let first")
    cell.write("""println!("one");
training_set.show(&[0, 1])?.show();
println!("two");
training_set.show(&[2, 3])?.show();
println!("three");""")
    cell.run()
    outputs = cell.output.locator(".jp-OutputArea-output")
    expect(outputs).to_have_text(["one", "", "two", "", "three"])
    for index in [1, 3]:
        expect(outputs.nth(index).locator("img")).to_have_count(1)
    assert notebook.failures() == []


def test_a_cell_asks(open_notebook):
    notebook = open_notebook("en/02_visualize")
    notebook.cell("let training_set").run()
    cell = notebook.cell("let first")
    cell.write("""let name = input("Your name? ")?;
println!("Hello, {name}!");""")
    cell.start()
    expect(cell.output.locator(".jp-Stdin-prompt")).to_contain_text("Your name?")
    box = cell.output.locator("input.jp-Stdin-input")
    notebook.screenshot("input-asked")
    box.fill("Ada Lovelace")
    box.press("Enter")
    cell.wait()
    expect(cell.output).to_contain_text("Hello, Ada Lovelace!")
    expect(box).to_have_count(0)
    notebook.screenshot("input-answered")
    assert notebook.failures() == []


def test_restart_and_run_all(open_notebook):
    notebook = open_notebook("en/02_visualize")
    notebook.cell("let training_set").run()
    notebook.restart_and_run_all()
    assert notebook.failures() == []
    assert notebook.pictures().count() > 4


def test_two_notebooks_at_once(open_notebook):
    define, predict = open_notebook("en/03_define"), open_notebook("ja/02_visualize")
    for notebook in [define, predict]:
        notebook.start_all()
    for notebook in [define, predict]:
        notebook.wait_for_the_last()
        assert notebook.failures() == []


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_picture_has_words_and_fits(open_notebook, settings, theme, language):
    """In both themes, wide and narrow; the screenshots are there to be looked at."""
    write_settings(settings, f"JupyterLab {theme}")
    try:
        notebook = open_notebook(f"{language}/02_visualize")
        notebook.run_all()
        assert notebook.failures() == []
        for picture in notebook.pictures().all():
            assert len(picture.get_attribute("alt")) > 20
        for width in [1400, 800]:
            notebook.page.set_viewport_size({"width": width, "height": 1000})
            for index, part in enumerate(["training_set.show(&shirts)", "show_confusion"]):
                cell = notebook.cell(part)
                cell.picture.scroll_into_view_if_needed()
                inside = cell.picture.evaluate(
                    "image => image.clientWidth <= image.closest('.jp-OutputArea').clientWidth"
                )
                assert inside, f"{part} is wider than its cell at {width}"
                notebook.screenshot(f"{language}-{theme.lower()}-{width}-{index}")
    finally:
        write_settings(settings, "JupyterLab Light")
