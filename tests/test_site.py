"""The site in a real browser: one page a pair, its switch, its folds, and who it asks for what."""

import re
from statistics import NormalDist

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks as tool
from tools import pages
from tools.phrasebook import index, rows, used_in
from tools.translations import PAIRS
from utils.data import bayes_accuracy

ALL = ["index", "phrasebook", "furnace", *PAIRS]
OTHERS = ["search", "zh/01_six_steps", "zh/furnace", "zh/index", "zh/search"]
WIDTHS = (1680, 1280, 390)
TOP = "each => each.getBoundingClientRect().top"
CUT = """all => all.filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => each.innerText)"""


def twin(word, tail="", plot="", **metadata):
    output = nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": plot})
    cells = [
        new_markdown_cell(f"# A pair in {word}", id="title"),
        new_markdown_cell("## Data\nThe same words.", id="data"),
        new_markdown_cell(f"### Batches\nOnly {word}.", id="how-batches"),
        new_code_cell("points = 1", id="points"),
        new_code_cell(f"plot(){tail}", id="plot", outputs=[output], metadata=metadata),
    ]
    return new_notebook(cells=cells)


class TestZip:
    """Two notebooks become the source of one page."""

    def test_what_is_equal_stands_once_and_what_differs_beside_each_other(self):
        zipped = pages.zip_twins(twin("TensorFlow", "  # a"), twin("PyTorch", "  # b"))
        text = "\n".join(cell.source for cell in zipped.cells)
        assert text.count("# A pair") == text.count("The same words.") == 1
        assert text.count("### Batches") == text.count("points = 1") == 1
        assert "{container} words twin tensorflow\nOnly TensorFlow." in text
        assert "{container} words twin pytorch\nOnly PyTorch." in text
        plots = [cell for cell in zipped.cells if cell.source.startswith("plot()")]
        assert [cell.metadata["tags"] for cell in plots] == [
            ["twin", "tensorflow"],
            ["twin", "pytorch"],
        ]
        for cell_id in ("data", "how-batches", "points", "plot"):
            assert text.count(f'id="{cell_id}"') == 1

    def test_equal_code_with_unequal_figures_is_shown_twice_each_described(self):
        zipped = pages.zip_twins(twin("TensorFlow", plot="Figure\nloss"), twin("PyTorch", plot="x"))
        alts = [c.metadata["mystnb"]["image"]["alt"] for c in zipped.cells if c.source == "plot()"]
        assert alts == ["Figure loss", "x"]

    def test_other_ids_are_refused(self):
        other = twin("PyTorch")
        other.cells[3].id = "labels"
        with pytest.raises(ValueError, match=r"differ: \['labels', 'points'\]"):
            pages.zip_twins(twin("TensorFlow"), other)


def test_the_landing_page_takes_sections_from_the_readme():
    readme = (
        "# T\n\n## A\nsee [x](notebooks/01_a_pytorch.ipynb) and [y](utils/data.py)\n\n## B\nb\n"
    )
    page = pages.landing("top\n\n<!-- README: A -->\n", readme, "")
    assert page.startswith('top\n\n## A\nsee <a href="01_a.html?view=pytorch">x</a> and y')
    assert "## B" not in page
    chinese = pages.landing("<!-- README: A -->\n", readme, "", readme.replace("## A", "## 甲"))
    assert chinese.startswith("## 甲\nsee")
    with pytest.raises(KeyError, match="C"):
        pages.landing("<!-- README: C -->", readme, "")


@pytest.mark.parametrize("name", PAIRS)
def test_every_phrase_is_used_in_a_cell(name):
    """An entry whose code no cell uses would lead nowhere."""
    twins = pages.pairs(tool.NOTEBOOKS)[name]
    indices = [index(twin) for twin in twins]
    for step, *entries in rows(twins[0]):
        for cells, entry in zip(indices, entries, strict=True):
            assert "`" not in entry or used_in(cells, entry), f"{step}: {entry}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    assert pages.build(tool.NOTEBOOKS, folder) == 0, "Sphinx warned; see above"
    return folder


def test_internal_links_all_resolve(site):
    anchors = {
        path: set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))
        for path in [*site.glob("*.html"), *site.glob("zh/*.html")]
    }
    for path in anchors:
        for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', path.read_text(encoding="utf-8")):
            if re.match(r"https?:|mailto:", link):
                continue
            target, _, anchor = link.partition("#")
            place = (path.parent / (target.partition("?")[0] or path.name)).resolve()
            assert place.exists(), f"{path.name}: {link}"
            if anchor and place in anchors:
                assert anchor in anchors[place], f"{path.name}: {link}"


@pytest.fixture
def visit(browser, site):
    """Open a page in a fresh profile; the profile is the same for all pages of a test."""
    contexts = {}

    def go(name, width=1680, **options):
        key = (width, *sorted(options.items()))
        if key not in contexts:
            size = {"width": width, "height": 1000}
            contexts[key] = browser.new_context(viewport=size, **options)
        page = contexts[key].new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        name, mark, rest = re.fullmatch(r"([^?#]+)([?#]?)(.*)", name).groups()
        page.goto(f"{(site / f'{name}.html').as_uri()}{mark}{rest}")
        return page

    yield go
    for context in contexts.values():
        context.close()


def visible(page, side):
    return page.locator(f".twin.{side}").first.is_visible()


def pressed(page):
    return page.locator('.view-switch:visible button[aria-pressed="true"]').first.get_attribute(
        "value"
    )


def test_side_by_side_twins_begin_at_the_same_height(visit):
    page = visit("01_six_steps")
    assert pressed(page) == "both"
    boxes = [
        page.eval_on_selector_all(
            f".twin.{side}", "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        for side in tool.FRAMEWORKS
    ]
    assert len(boxes[0]) == len(boxes[1]) > 20
    for first, second in zip(*boxes, strict=True):
        assert abs(first["top"] - second["top"]) < 1
        assert first["right"] <= second["left"]


def test_a_choice_holds_across_pages_and_visits_and_is_in_the_address(visit):
    page = visit("01_six_steps")
    page.locator(".view-switch:visible button[value=pytorch]").click()
    assert (visible(page, "tensorflow"), visible(page, "pytorch")) == (False, True)
    assert "view=pytorch" in page.url
    page = visit("02_model_styles")
    assert pressed(page) == "pytorch"
    assert not visible(page, "tensorflow")


def test_the_address_asks_for_a_view(visit):
    page = visit("03_training_loops?view=tensorflow")
    assert (visible(page, "tensorflow"), visible(page, "pytorch")) == (True, False)
    assert pressed(visit("01_six_steps?view=nonsense")) == "tensorflow", "kept, nonsense ignored"


def test_by_keyboard(visit):
    page = visit("01_six_steps")
    page.locator(".view-switch:visible button[value=tensorflow]").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert pressed(page) == "pytorch"
    assert not visible(page, "tensorflow")


def test_the_cell_in_sight_stays_where_it_is(visit):
    page = visit("01_six_steps#step-4")
    first = """[...document.querySelectorAll(".anchor")].find(
        each => each.getBoundingClientRect().top > 80)"""
    cell, before = page.evaluate(f"(e => [e.id, e.getBoundingClientRect().top])({first})")
    button = page.locator(".view-switch:visible button[value=pytorch]")
    button.evaluate("each => each.click()")  # Playwright's click would scroll the page first
    assert pressed(page) == "pytorch"
    assert abs(page.locator(f"#{cell}").evaluate(TOP) - before) < 2


def test_a_narrow_screen_shows_one_framework_at_a_time(visit):
    page = visit("01_six_steps", width=390)
    assert (visible(page, "tensorflow"), visible(page, "pytorch")) == (True, False)
    page.locator(".view-switch:visible button[value=pytorch]").click()
    assert (visible(page, "tensorflow"), visible(page, "pytorch")) == (False, True)


def test_without_javascript_both_stand_below_each_other_named(visit):
    page = visit("01_six_steps", java_script_enabled=False)
    first, second = (page.locator(f".twin.{side}").first for side in tool.FRAMEWORKS)
    assert first.bounding_box()["y"] < second.bounding_box()["y"]
    assert first.bounding_box()["x"] == second.bounding_box()["x"]
    assert not page.locator(".view-switch").first.is_visible()
    # Chromium evaluates this although the page itself may run no script.
    name = "each => getComputedStyle(each, '::before').content"
    assert (first.evaluate(name), second.evaluate(name)) == ('"TensorFlow"', '"PyTorch"')


def test_lines_of_80_characters_fit_side_by_side(visit):
    page = visit("01_six_steps")
    blocks = [each for each in page.locator(".twin .cell_input pre").all() if each.is_visible()]
    assert len(blocks) > 20
    for block in blocks:
        wide = block.evaluate("each => each.scrollWidth > each.clientWidth")
        assert not wide or max(map(len, block.inner_text().splitlines())) > 80, block.inner_text()


def test_checks_and_answers_are_folded_under_words_that_say_so(visit):
    page = visit("01_six_steps")
    summaries = page.locator("details.hide summary").all_inner_texts()
    assert {text.strip() for text in summaries} >= {"Show the check", "Show the answer"}
    assert page.locator("details.hide[open]").count() == 0


@pytest.mark.parametrize("name", [*ALL, *OTHERS])
def test_every_page(visit, name):
    """Its cells can be linked to, its pictures are described; it asks nobody, and it fits."""
    page = visit(name)
    assert page.asked
    assert not [url for url in page.asked if not url.startswith(("file:", "data:"))]
    assert page.errors == []
    if name in PAIRS:
        found = set(page.eval_on_selector_all("[id]", "all => all.map(each => each.id)"))
        cells = tool.read(tool.NOTEBOOKS / f"{name}_pytorch.ipynb").cells  # ids are its twin's
        assert {cell.id for cell in cells[1:]} <= found
    shown = ".cell_output .output, .cell_output pre, .pst-scrollable-table-container"
    assert page.eval_on_selector_all(shown, CUT) == [], "beside each other, but not whole"
    alts = page.eval_on_selector_all("article img", "all => all.map(each => each.alt)")
    assert all(len(alt) > 20 for alt in alts), alts
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "scrolls sideways"


def test_a_phrase_leads_to_its_cell(visit):
    page = visit("phrasebook")
    link = page.locator('article a[href*="view=pytorch#"]').first
    anchor = link.get_attribute("href").partition("#")[2]
    link.click()
    page.wait_for_load_state("load")
    assert pressed(page) == "pytorch"
    assert 0 <= page.locator(f"#{anchor}").evaluate(TOP) < 1000


def test_the_other_language_keeps_page_view_and_place(visit):
    page = visit("01_six_steps?view=pytorch")
    page.locator("#train").evaluate("each => each.scrollIntoView({ behavior: 'instant' })")
    page.evaluate("scrollBy({ top: -100, behavior: 'instant' })")
    page.locator(".language-switch:visible").first.evaluate("each => each.click()")
    page.wait_for_url("**/zh/01_six_steps.html?view=pytorch#train")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert pressed(page) == "pytorch"
    assert page.locator("h1").inner_text().startswith("六个步骤")
    page.wait_for_timeout(300)
    assert 0 <= page.locator("#train").evaluate(TOP) < 1000
    page.locator(".language-switch:visible").first.evaluate("each => each.click()")
    page.wait_for_url(re.compile(r"(?<!zh)/01_six_steps.html\?view=pytorch#"))


def test_chinese_pages_have_chinese_words_and_the_same_code(visit, site):
    words = visit("zh/01_six_steps").locator("body").inner_text()
    for word in ("炼丹师", "并排显示", "当前页面", "显示检查", "更多"):
        assert word in words, word
    codes = [visit(f"{where}01_six_steps").locator(".cell_input pre") for where in ("", "zh/")]
    assert codes[0].all_inner_texts() == codes[1].all_inner_texts()


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("search?q=phrasebook", "phrasebook"),
        *((f"zh/search?q={word}", "") for word in ("梯度裁剪", "火候", "optimizer")),
    ],
)
def test_the_search_finds(visit, query, name):
    page = visit(query)
    page.locator(f'#search-results li a[href*="{name}.html"]').first.wait_for(timeout=10_000)


@pytest.mark.parametrize("name", ["index", "01_six_steps", "phrasebook", "furnace", "zh/index"])
@pytest.mark.parametrize("rules", [{}, {"runOnly": "color-contrast"}], ids=["light", "dark"])
def test_nothing_serious_for_readers_with_a_disability(visit, name, rules):
    """In the dark scheme only the colours are others."""
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name, color_scheme="dark" if rules else "light")
    options = {"resultTypes": ["violations"], "selectors": False, **rules}
    found = Axe().run(page, options=options).response["violations"]
    serious = {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] in ("serious", "critical")
    }
    assert serious == {}


# The furnace


def shown(page, name):
    return page.locator(f"#furnace-{name}").inner_text()


def wait_for(page, condition):
    page.wait_for_function(condition, timeout=60_000)


def test_the_furnace_has_the_losses_of_the_reference(visit):
    """50 epochs in the page from pair 05's start; the reference trains while the site is built."""
    page = visit("furnace")
    page.locator("#furnace-check").click()
    wait_for(page, "document.getElementById('furnace-checked').textContent.includes('epoch 50:')")
    assert shown(page, "checked").endswith("the same numbers")
    assert float(re.search(r"difference ([\d.e-]+)", shown(page, "checked"))[1]) < 1e-6
    assert page.evaluate("new Set(FURNACE.losses.map(each => each.toFixed(4))).size") > 40


def test_the_furnace_notices_another_number(visit):
    page = visit("furnace")
    page.evaluate("LOSSES.crossentropy.slope = (z, label) => sigmoid(z) - label + 1e-3")
    page.locator("#furnace-check").click()
    wait_for(page, "document.getElementById('furnace-checked').textContent.includes('NOT')")


def test_play_pause_step_and_reset_by_mouse(visit):
    page = visit("furnace?points=400")
    assert [shown(page, each) for each in ("epoch", "steps", "parameters")] == ["0", "0", "61"]
    page.locator("#furnace-step").click()
    assert shown(page, "steps") == "1"
    page.locator("#furnace-play").click()
    wait_for(page, "document.getElementById('furnace-epoch').textContent > 2")
    page.locator("#furnace-play").click()
    wait_for(page, "document.getElementById('furnace-play').textContent === 'Play'")
    paused = shown(page, "steps")
    page.wait_for_timeout(300)
    assert shown(page, "steps") == paused, "it went on after the pause"
    page.locator("#furnace-reset").click()
    assert shown(page, "steps") == "0"


def test_play_by_keyboard_learns_and_stops_after_50_epochs(visit):
    page = visit("furnace?points=2000&rate=0.01")
    first = float(shown(page, "accuracy"))
    page.locator("#furnace-play").focus()
    page.keyboard.press("Space")
    wait_for(page, "document.getElementById('furnace-epoch').textContent === '50'")
    wait_for(page, "document.getElementById('furnace-play').textContent === 'Play'")
    ceiling = float(shown(page, "ceiling"))
    assert ceiling == pytest.approx(bayes_accuracy(), abs=5e-5)
    assert first < 0.8 < float(shown(page, "accuracy")) < ceiling + 0.015


def test_the_ceiling_follows_the_ingredients(visit):
    cut = f"{bayes_accuracy('truncated_normal'):.4f}"
    assert shown(visit("furnace?noise=truncated"), "ceiling") == cut
    assert shown(visit("furnace?thickness=0.5"), "ceiling") == f"{NormalDist().cdf(3):.4f}"


def test_the_setting_is_in_the_address_and_survives_a_reload(visit):
    page = visit("furnace")
    page.locator("[name=units2]").fill("5")
    page.locator("[name=units2]").press("Tab")
    assert "units2=5" in page.url
    assert shown(page, "parameters") == "43"
    page.reload()
    assert shown(page, "parameters") == "43"
    assert page.locator("[name=units2]").input_value() == "5"


@pytest.mark.parametrize(
    "bad", ["rate=abc", "units1=-3", "points=1000000", "noise=red", "batch=2.5", "thickness="]
)
def test_a_bad_address_falls_back_with_a_word(visit, bad):
    page = visit(f"furnace?{bad}")
    assert bad.partition("=")[0] in shown(page, "words")
    assert "not allowed" in shown(page, "words")
    assert shown(page, "parameters") == "61"
    assert page.errors == []


def test_reduced_motion_stands_still_while_it_trains(visit):
    page = visit("furnace?points=400", reduced_motion="reduce")
    picture = "document.getElementById('furnace-plane').toDataURL()"
    before = page.evaluate(picture)
    page.locator("#furnace-play").click()
    wait_for(page, "history.length > 3 && playing")
    assert page.evaluate(picture) == before
    wait_for(page, "document.getElementById('furnace-epoch').textContent === '50'")
    assert page.evaluate(picture) != before


def test_pointing_at_a_unit_lights_its_line(visit):
    page = visit("furnace?points=400")
    picture = "document.getElementById('furnace-plane').toDataURL()"
    before = page.evaluate(picture)
    page.locator("#furnace-units canvas").first.hover()
    assert page.evaluate(picture) != before
    assert page.locator("#furnace-units canvas").count() == 12


@pytest.mark.parametrize("framework", tool.FRAMEWORKS)
def test_the_code_of_a_setting_runs(visit, framework):
    if lack := tool.lacks(framework):
        pytest.skip(lack)
    page = visit("furnace?points=100&units1=3&units2=5&loss=squared&noise=truncated&batch=50")
    side = list(tool.FRAMEWORKS).index(framework)
    said = tool.fresh(page.locator("#furnace-code pre").nth(side).text_content())
    assert said == f"parameters: {shown(page, 'parameters')}" == "parameters: 35"


def test_the_furnace_is_a_lesson_of_at_most_350_lines():
    text = (pages.SITE / "_static" / "furnace.js").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
