"""What participants do in the browser."""

import re

import pytest
from playwright.sync_api import expect

from conftest import write_settings


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
    notebook.cell("let model = LeNet::new").run()
    training.run()
    expect(training.picture).to_have_attribute("alt", re.compile("over 5 epochs"))
    assert training.picture.get_attribute("alt") != before
    assert notebook.failures() == []


def test_a_training_in_the_background_is_watched_and_stopped(open_notebook):
    notebook = open_notebook("en/04_train")
    for part in ["let training_set", "let choice", "let model", "let settings"]:
        notebook.cell(part).run()
    start = notebook.cell("let apprentice")
    # So many that no machine is done before it is stopped.
    epochs = "epochs: 1_000_000, checkpoint: None, ..settings.clone()"
    start.replace("let longer", f"let longer = TrainingSettings {{ {epochs} }};")
    start.run()
    watch = notebook.cell("training.follow(2)").run()
    expect(watch.output).to_contain_text("2/1000000")
    expect(watch.picture).to_have_attribute("alt", re.compile(r"epoch \d+ of 1000000, .* left\."))
    mistakes = notebook.cell("training.show_mistakes").run()
    expect(mistakes.picture).to_have_attribute("alt", re.compile("of 6,000 validation images"))
    notebook.screenshot("background")
    stopped = notebook.cell("training.stop()").run()
    epochs = int(re.search(r"(\d+) whole epochs", stopped.output.inner_text()).group(1))
    assert epochs >= 2
    expect(stopped.output).to_contain_text("accuracy")
    assert notebook.failures() == []


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
    expect(first.output).to_contain_text("Hat")
    expect(first.output).to_contain_text("Ankle boot")


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
