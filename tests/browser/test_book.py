"""The book of the executed notebooks, as somebody reads it who has installed nothing."""

import os
import re
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect

from conftest import ROOT, SCREENSHOTS, SHUT_DOWN, TOKEN, Notebook

BOOK = Path(os.environ["GASSHUKU_BOOK"])
NOTEBOOKS = [
    "01_load",
    "02_visualize",
    "03_define",
    "04_train",
    "05_save",
    "06_predict",
    "07_explain",
    "08_own_images",
]
PAGES = ["index"] + [
    f"{language}/{page}"
    for language in ["en", "ja"]
    for page in ["index", *NOTEBOOKS, "facilitators", "search"]
]
TELEPHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def served():
    """The book's address on a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=BOOK))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def page(context):
    page = context.new_page()
    page.set_viewport_size(DESKTOP)
    return page


def open_page(page, name):
    """From the disk, as it is opened after `cargo xtask book`."""
    page.goto((BOOK / f"{name}.html").as_uri())


class Links(HTMLParser):
    """What a page leads to and loads, and the places in it that can be led to."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.places = [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes[name] for name in ["id", "name"] if attributes.get(name)}
        self.targets += [attributes[name] for name in ["href", "src"] if attributes.get(name)]


def test_every_link_leads_somewhere():
    pages = {path: Links(path.read_text()) for path in BOOK.rglob("*.html")}
    assert {str(path.relative_to(BOOK).with_suffix("")) for path in pages} == {*PAGES, "search"}
    for path, links in pages.items():
        for target in links.targets:
            address = urlsplit(target)
            if address.scheme:
                assert address.scheme in ("https", "data"), f"{path} has {target}"
                continue
            file = (path.parent / unquote(address.path)).resolve() if address.path else path
            assert file.is_file(), f"{path} leads to {target}"
            assert file.suffix != ".ipynb", f"{path} leads to {target}"
            if address.fragment and file in pages and "svg-" not in address.fragment:
                places = pages[file].places
                assert unquote(address.fragment) in places, f"{path} leads to {target}"


def test_no_page_asks_another_host(context, served):
    page = context.new_page()
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("response", lambda answer: answer.status < 400 or failed.append(answer.url))
    for name in PAGES:
        page.goto(f"{served}/{name}.html", wait_until="networkidle")
        # Pictures are fetched when they come into sight.
        for picture in page.locator("article img").all():
            picture.scroll_into_view_if_needed()
    assert len(asked) > len(PAGES)
    elsewhere = {url for url in asked if not url.startswith((f"{served}/", "data:"))}
    assert elsewhere == set()
    assert failed == []


def test_figures_have_their_captions_as_labels(page):
    open_page(page, "en/02_visualize")
    figures = page.locator("article svg")
    expect(figures).to_have_count(2)
    # Ten charts, each with a caption of its own.
    expect(figures.first).to_have_attribute("aria-label", re.compile("^A first look: Ankle boot, T-shirt/top, "))
    expect(page.get_by_role("img", name="The pixels of 1,000 images", exact=True)).to_be_visible()
    open_page(page, "ja/04_train")
    expect(page.get_by_role("img", name="損失: 訓練は青、検証は赤", exact=True)).to_be_visible()
    # A figure without a caption.
    open_page(page, "en/07_explain")
    expect(page.get_by_role("img", name="Exercise: Grad-CAM by hand", exact=True)).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_words_and_every_page_fits_a_telephone(page, name):
    page.set_viewport_size(TELEPHONE)
    open_page(page, name)
    for picture in page.locator("img").all():
        assert picture.get_attribute("alt").strip(), f"{name}: {picture.get_attribute('src')[:80]}"
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    widths = page.locator("article img, article svg").evaluate_all(
        "pictures => pictures.map(picture => picture.getBoundingClientRect().right)"
    )
    assert max(widths, default=0) <= TELEPHONE["width"]


@pytest.mark.parametrize("from_server", [False, True])
@pytest.mark.parametrize(
    "language, word, found, absent",
    [
        ("en", "convolution", "03_define", "convolutionism"),
        ("en", "overfit", "08_own_images", "underfat"),
        ("ja", "畳み込み", "03_define", "畳み雪"),
        ("ja", "過学習", "08_own_images", "過学雪"),
        ("ja", "混同行列", "02_visualize", "混同行麒"),
        # One character, and a word in other letters within the Japanese.
        ("ja", "層", "03_define", "麒"),
        ("ja", "5×5のフィルタ6枚", "03_define", "5×5の麒麟"),
    ],
)
def test_search(page, served, from_server, language, word, found, absent):
    folder = f"{served}/{language}" if from_server else (BOOK / language).as_uri()
    page.goto(f"{folder}/01_load.html")
    box = page.locator(".sidebar-search")
    box.fill(word)
    box.press("Enter")
    results = page.locator("#search-results")
    expect(results.locator(f"li a[href*='{found}.html']").first).to_be_visible()
    page.goto(f"{folder}/search.html?q={absent}")
    expect(results.locator(".search-summary")).not_to_be_empty()
    expect(results.locator("li")).to_have_count(0)


def test_what_was_searched_marks_nothing_in_japanese(page):
    """Two characters of 畳み込み are part of 読み込み."""
    open_page(page, "ja/search")
    page.goto(page.url + "?q=畳み込み")
    expect(page.locator("#search-results li").first).to_be_visible()
    open_page(page, "ja/facilitators")
    expect(page.locator("article")).to_contain_text("読み込み")
    expect(page.locator(".highlighted")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_hints_are_folded_and_open(page, language):
    open_page(page, f"{language}/02_visualize")
    hints = page.locator("details")
    # Two exercises, each with two hints and a solution.
    expect(hints).to_have_count(6)
    for hint in hints.all():
        inside = hint.locator(":scope > :not(summary)").last
        expect(inside).to_be_hidden()
        hint.locator("summary").click()
        expect(inside).to_be_visible()
    expect(hints.nth(2).locator(".highlight-rust")).to_contain_text("bins / 256")


def test_the_way_through_the_book(page):
    open_page(page, "index")
    page.get_by_role("link", name="1 · Load").click()
    expect(page.locator("h1")).to_contain_text("1 · Load")
    page.locator(".next-page").click()
    expect(page.locator("h1")).to_contain_text("2 · Visualize")
    # The same page in the other language, and back.
    page.get_by_role("link", name="日本語").click()
    expect(page.locator("h1")).to_contain_text("2 · 可視化")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator(".next-page")).to_contain_text("次へ")
    page.locator(".prev-page").click()
    expect(page.locator("h1")).to_contain_text("1 · 読み込み")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_contain_text("1 · Load")
    page.locator(".sidebar-tree").get_by_role("link", name="5 · Save").click()
    page.locator("article").get_by_role("link", name="4 · Train").click()
    expect(page.locator("h1")).to_contain_text("4 · Train")


@pytest.mark.parametrize(
    "language, codespaces, binder",
    [
        ("en", "Open in Codespaces", "Open in Binder"),
        ("ja", "Codespaces で開く", "Binder で開く"),
    ],
)
def test_notebooks_lead_to_places_that_run_them(page, language, codespaces, binder):
    open_page(page, f"{language}/07_explain")
    expect(page.get_by_role("link", name=codespaces)).to_have_attribute(
        "href", "https://codespaces.new/owner/gasshuku?quickstart=1"
    )
    expect(page.get_by_role("link", name=binder)).to_have_attribute(
        "href",
        "https://mybinder.org/v2/gh/owner/gasshuku/HEAD"
        f"?urlpath=lab/tree/notebooks/{language}/07_explain.ipynb",
    )
    # What is no notebook cannot be run.
    open_page(page, f"{language}/facilitators")
    expect(page.get_by_role("link", name=binder)).to_have_count(0)


def test_formulas_are_set(page):
    open_page(page, "en/07_explain")
    assert "$" not in page.locator("article p").all_inner_texts()
    weight = page.locator("math[display=block] msub", has_text="α").first
    weight.scroll_into_view_if_needed()
    page.evaluate("document.fonts.ready")
    letter, index = [weight.locator("> *").nth(place).bounding_box() for place in [0, 1]]
    # The index of αₖ hangs 3.7 pixels lower than α; with a font that is not made for formulas, 0.4.
    assert index["y"] > letter["y"] + 2
    assert page.evaluate("document.fonts.check('16px \"STIX Two Math\"')")


@pytest.mark.parametrize("scheme, dark", [("light", False), ("dark", True)])
@pytest.mark.parametrize("size", [TELEPHONE, DESKTOP], ids=["telephone", "desktop"])
def test_light_and_dark(chromium, scheme, dark, size):
    """The screenshots are there to be looked at."""
    context = chromium.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name in ["index", "en/02_visualize", "ja/07_explain"]:
        open_page(page, name)
        colours = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        ground, ink = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in colours]
        assert (ground < 50 and ink > 150) if dark else (ground > 240 and ink < 50), colours
        for place in [0, 1, 2]:
            page.evaluate("part => scrollTo(0, document.body.scrollHeight * part / 3)", place)
            file = f"book-{name.replace('/', '-')}-{size['width']}-{scheme}-{place}.png"
            page.screenshot(path=SCREENSHOTS / file)
    context.close()


@pytest.mark.parametrize(
    "link, notebook", [("1 · Load", "en/01_load.ipynb"), ("1 · 読み込み", "ja/01_load.ipynb")]
)
def test_jupyterlab_opens_on_the_same_page(context, address, link, notebook):
    page = context.new_page()
    first = context.request.get(f"{address}/?token={TOKEN}").url
    assert urlsplit(first).path == "/lab/tree/welcome.md"
    page.goto(f"{address}/lab/tree/welcome.md?token={TOKEN}&reset")
    welcome = page.locator(".jp-MarkdownViewer")
    expect(welcome.locator("h1")).to_contain_text("gasshuku")
    assert welcome.locator("img").get_attribute("alt")
    welcome.get_by_role("link", name=link).click()
    page.wait_for_url(f"**/lab/tree/{notebook}")
    expect(page.locator(".jp-Notebook h1")).to_contain_text(link)
    Notebook(page).wait_for(ROOT / "notebooks" / notebook)
    page.evaluate(SHUT_DOWN, TOKEN)
