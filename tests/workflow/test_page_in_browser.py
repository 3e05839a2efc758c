"""The page as a reader's browser shows it: whole, offline, sortable, open to all. Skipped where there is no browser."""

import csv
import itertools
import re

import chromium
import pytest
from chromium import NEEDS_BROWSER, SERIOUS, WIDER, axe

pytestmark = NEEDS_BROWSER

WIDTHS = (360, 768, 1280)
# Pictures wait until they are about to be seen.
FETCH = """Promise.all([...document.images].map(image => {
    image.loading = "eager";
    return image.decode().catch(() => null);
}))"""
MISSING = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.alt)"


@pytest.fixture(scope="module")
def browser():
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def opened(browser, finished):
    """The page, and what the browser complains about or asks the network for."""
    page, complaints = browser.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto((finished.folder / "results/report.html").as_uri())
    yield page
    page.close()
    assert complaints == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_missing_and_nothing_is_wider_than_the_window(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.locator("img").count() > 10
    opened.evaluate(FETCH)
    assert opened.evaluate(MISSING) == []
    assert opened.evaluate(WIDER) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDTHS[0], WIDTHS[-1]])
def test_axe_finds_nothing_serious(opened, scheme, width):
    opened.set_viewport_size({"width": width, "height": 900})
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    found = axe.Axe().run(opened).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found if rule["impact"] in SERIOUS] == []


def test_a_table_sorts_by_a_column_and_back(opened):
    table = opened.locator(".scroll table").first
    header = table.locator("thead .sort").nth(1)

    def first_column():
        return table.locator("tbody").first.locator("tr:not(.group) td:nth-child(2)").all_inner_texts()

    before = first_column()
    header.click()
    descending = first_column()
    header.click()
    assert sorted(before) == sorted(descending)
    assert [float(text[:5]) for text in descending] == sorted((float(text[:5]) for text in before), reverse=True)
    assert [float(text[:5]) for text in first_column()] == sorted(float(text[:5]) for text in before)


def test_a_figures_numbers_can_be_downloaded(opened, tmp_path):
    links = opened.locator("figcaption a[download]:visible")
    assert links.count() > 5
    with opened.expect_download() as waiting:
        links.first.click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    with open(file, encoding="utf-8", newline="") as text:
        rows = list(csv.reader(text))
    assert file.suffix == ".csv"
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1


def test_it_prints_everything_that_is_folded_away(opened):
    assert opened.locator("details:not([open])").count() > 0
    opened.wait_for_function(f"{MISSING}.length === 0")  # pictures that were never seen are on the paper too
    assert opened.pdf().startswith(b"%PDF")
    assert opened.locator("details:not([open])").count() == 0


IN_TWO_SCREENS = "element => (({top, bottom}) => top >= -1 && bottom <= 1600)(element.getBoundingClientRect())"
# What a reader asks first: the element that answers, what it says, and what is clicked before, if anything.
SURE = "#answer details summary"
QUESTIONS = {
    "which system": ("", ".card .headline span", r"\w+"),
    "how good, on how many images": ("", ".card .headline", r"Test (accuracy|AUROC)\s+0\.\d{3}.*test n = \d+"),
    "how sure": ("", ".card .bars .selected .value", r"0\.\d{3} \([01]\.\d{3} to [01]\.\d{3}\)"),
    "is that better than baselines": ("", ".card .bars", r"Nearest neighbour\s+0\.\d+.*Majority class\s+0\.\d+"),
    "which classes, and how they look": ("", ".card .strip >> nth=0", r"Training images of each class.*malignant"),
    "where it fails": ("", ".card .matrix", r"by the class predicted.*malignant"),
    "may it be used on patients": ("", ".card .clauses", r"Not for clinical use"),
    "are these real images": ("", ".banner", r"A program drew the images"),
    "how it was chosen": (SURE, ".answer", r"selected among \d+ systems by validation log loss .* never by its test"),
    "do others differ": (SURE, ".answer", r"By accuracy .* other systems .* significantly from it"),
    "what leaked": (SURE, ".answer", r"test images? ha(s|ve) a near-duplicate"),
    "can its probabilities be trusted": (SURE, ".answer", r"prediction sets, .* hold the true class of \d+"),
    "what it cost": ("nav a[href='#cost']", "#cost p", r"[\d,]+ jobs took .* in all .* of memory each"),
    "what a word means": (".reading a", "#glossary dd", r"Share of images whose predicted class is the true one"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_reader_finds_the_answer_within_two_screens_or_one_click(opened, question):
    click, place, answer = QUESTIONS[question]
    opened.set_viewport_size({"width": 1280, "height": 800})
    if click:
        where = opened.locator(click).first.bounding_box()
        assert where["y"] + where["height"] <= 1600
        opened.locator(click).first.click()
    found = opened.locator(place).first
    assert found.is_visible() and re.search(answer, found.inner_text(), re.S)
    # As seen from where the window is, once the browser has followed the link.
    opened.wait_for_function(IN_TWO_SCREENS, arg=found.element_handle())


def test_each_data_set_is_one_click_away(opened):
    links = opened.locator("nav .answers a")
    assert links.count() == 2
    for link in links.all():
        link.click()
        heading = opened.locator(link.get_attribute("href"))
        opened.wait_for_function("box => Math.abs(box.getBoundingClientRect().top) < 100", arg=heading.element_handle())


# -- words -------------------------------------------------------------------------------------------------------------


def shown(page):
    """The sentence that is shown, if any."""
    box = page.locator("#explanation")
    return box.inner_text() if box.is_visible() else ""


def test_every_marked_word_has_its_sentence_and_the_glossary_has_no_other(opened):
    words = opened.eval_on_selector_all(".term", "all => all.map(word => word.getAttribute('aria-describedby'))")
    entries = opened.eval_on_selector_all("#glossary dd", "all => all.map(entry => entry.id)")
    assert len(words) > 50 and set(words) == set(entries) and len(set(entries)) == len(entries) > 20


def test_a_word_explains_itself_under_the_mouse_with_the_focus_and_at_a_click(opened):
    opened.set_viewport_size({"width": 1280, "height": 800})
    word = opened.locator(".card .term").first
    sentence = opened.locator(f"#{word.get_attribute('aria-describedby')}").text_content()
    assert sentence and shown(opened) == ""
    word.hover()
    opened.wait_for_function("!document.getElementById('explanation').hidden")
    assert shown(opened).endswith(sentence)
    opened.locator("#explanation").hover()  # it stays, so that it can be read with a magnifier
    opened.wait_for_timeout(400)
    assert shown(opened).endswith(sentence)
    opened.keyboard.press("Escape")
    assert shown(opened) == ""
    opened.mouse.move(0, 0)
    opened.locator("nav a").last.focus()
    for _ in range(20):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.classList.contains('term')"):
            break
    assert opened.evaluate("document.activeElement.getAttribute('aria-describedby')") in shown_key(opened)
    opened.keyboard.press("Enter")
    assert shown(opened) == "", "a second press closes"
    opened.keyboard.press(" ")
    assert shown(opened) != ""
    box = opened.locator("#explanation").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280


def shown_key(page):
    """The entry of the glossary that is shown."""
    text = shown(page)
    ids = page.eval_on_selector_all("#glossary dd", "all => all.map(entry => [entry.id, entry.textContent])")
    return [key for key, sentence in ids if text.endswith(sentence)]


def test_a_tap_explains_a_word_and_another_tap_elsewhere_closes(browser, finished):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto((finished.folder / "results/report.html").as_uri())
    word = page.locator(".card .term").first
    word.tap()
    assert shown(page)
    box = page.locator("#explanation").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    page.locator("h1").tap()
    assert shown(page) == ""
    context.close()


def test_the_explanation_is_not_on_paper_and_the_glossary_is(opened):
    opened.emulate_media(media="print")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.locator("#glossary dd").first.is_visible()
    assert not opened.locator("#explanation").is_visible() and not opened.locator(".hint").is_visible()
    assert not any(icon.is_visible() for icon in opened.locator(".icon").all())


# -- tables and figures ------------------------------------------------------------------------------------------------


def test_a_table_with_more_columns_says_so(opened):
    opened.set_viewport_size({"width": 360, "height": 900})
    table = opened.locator(".wide", has=opened.locator("#results-breast"))
    scroll = table.locator(".scroll")
    wait = "([table, name, there]) => table.classList.contains(name) === there"

    def says(name, there):
        opened.wait_for_function(wait, arg=[table.element_handle(), name, there])

    says("after", True)
    says("before", False)
    content = "element => getComputedStyle(element, '::after').content"
    assert "More columns" in table.locator("caption span").evaluate(content)
    scroll.evaluate("element => element.scrollLeft = element.scrollWidth")
    says("after", False)
    says("before", True)
    head, first = table.locator("thead th").nth(1), table.locator("tbody th[scope=row]").first
    assert first.bounding_box()["x"] >= table.bounding_box()["x"] - 1, "which row it is stays in sight"
    assert head.bounding_box()["x"] < 0


@pytest.mark.parametrize("width", [360, 1280])
def test_no_title_is_clipped(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    clipped = """all => all.filter(title => {
        const box = title.getBoundingClientRect();
        return box.left < -1 || box.right > document.documentElement.clientWidth + 1
            || title.scrollWidth > title.clientWidth + 1 && getComputedStyle(title).display !== "inline";
    }).map(title => title.textContent.slice(0, 60))"""
    titles = "h1, h2, h3, summary, .scroll caption span, .group span, figcaption, .clauses li"
    assert opened.eval_on_selector_all(titles, clipped) == []


def test_a_figure_is_enlarged_and_shows_its_numbers(opened):
    opened.set_viewport_size({"width": 1280, "height": 800})
    figure = opened.locator("figure", has=opened.locator("img[alt^='Confusion matrices']")).first
    before = figure.locator("img").bounding_box()["width"]
    figure.locator(".enlarge").focus()
    opened.keyboard.press("Enter")
    dialog = opened.locator("#enlarged")
    assert dialog.is_visible() and dialog.locator("img").bounding_box()["width"] > before
    with opened.expect_download() as waiting:
        figure.locator("a[download]").evaluate("link => link.click()")
    with open(waiting.value.path(), encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert dialog.locator("tbody tr").count() == len(rows) - 1 and dialog.locator("th").count() == len(rows[0])
    cells = dialog.locator("td").all_inner_texts()
    assert cells == [" ".join(cell.split()) for row in rows[1:] for cell in row]
    found = axe.Axe().run(opened).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in SERIOUS] == []
    opened.keyboard.press("Escape")
    assert not dialog.is_visible()
    figure.locator("img").click()
    assert dialog.is_visible()
    dialog.locator(".close").click()
    assert not dialog.is_visible()


def test_the_small_roc_curve_says_its_values(opened):
    opened.set_viewport_size({"width": 1280, "height": 800})
    plot = opened.locator(".roc svg").first
    plot.hover()
    rate, sensitivity = map(float, re.findall(r"\d\.\d{3}", shown(opened)))
    points = plot.locator("polyline:not(.network)").get_attribute("points").split()
    known = [[round(float(number), 1) for number in point.split(",")] for point in points]
    assert [round(100 * rate, 1), round(100 - 100 * sensitivity, 1)] in known
    opened.mouse.move(0, 0)
    opened.wait_for_function("document.getElementById('explanation').hidden")


def test_a_figure_says_the_values_that_its_table_holds(opened, width=1280):
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    figure = opened.locator("figure", has=opened.locator("[aria-label^='ROC and precision']")).first
    with opened.expect_download() as waiting:
        figure.locator("a[download]").click()
    with open(waiting.value.path(), encoding="utf-8", newline="") as file:
        known = [(row["x"], row["y"]) for row in csv.DictReader(file) if row["curve"] == "roc"]
    plate = figure.locator(".plate")
    plate.focus()
    assert plate.locator("img").count() == 0 and plate.locator(".drawing[role=img]").is_visible()
    said = []
    for _ in range(5):
        opened.keyboard.press("ArrowRight")
        name, x, y = re.fullmatch(r"(.+): 1 − specificity (\S+), sensitivity (\S+)", shown(opened)).groups()
        said.append(name)
        assert any(abs(float(x) - float(a)) < 0.004 and abs(float(y) - float(b)) < 0.004 for a, b in known), (x, y)
    # One curve after the other.
    assert len(list(itertools.groupby(said))) == len({*said})
    lit = plate.locator("[data-of].lit")
    assert lit.count() >= 1 and set(lit.evaluate_all("all => all.map(mark => mark.dataset.of)")) == {said[-1]}
    box = lit.first.bounding_box()
    opened.mouse.move(box["x"] + box["width"], box["y"])
    assert ": " in shown(opened)
    plate.locator(".drawing").click()
    dialog = opened.locator("#enlarged")
    assert dialog.locator(".drawing").is_visible()
    box = dialog.locator("[data-of]").first.bounding_box()
    opened.mouse.move(box["x"] + box["width"], box["y"])
    assert opened.evaluate("document.getElementById('explanation').closest('dialog') !== null") and ": " in shown(
        opened
    )


def test_a_row_lights_its_curve(opened):
    opened.set_viewport_size({"width": 1280, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    section = opened.locator("section section", has=opened.locator("figure [aria-label^='ROC and precision']")).first
    row = section.locator(".scroll tbody tr").first
    name = " ".join(row.locator("th").inner_text().split())
    row.hover()
    lit = section.locator(".plate [data-of].lit")
    assert lit.count() >= 1 and set(lit.evaluate_all("all => all.map(mark => mark.dataset.of)")) == {name}
    opened.mouse.move(0, 0)
    assert lit.count() == 0


def test_the_page_stays_short(opened):
    """Half of what the demo's page once had at most: 17,359 words and 97 screens, 29,261 words with all unfolded."""
    opened.set_viewport_size({"width": 1280, "height": 800})
    words = "(document.body.innerText.match(/\\S+/g) ?? []).length"
    assert opened.evaluate(words) < 17_359 / 2
    assert opened.evaluate("document.documentElement.scrollHeight") < 97 * 800 / 2
    opened.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert opened.evaluate(words) < 29_261 / 2


def test_a_page_is_light(finished):
    assert (finished.folder / "results/report.html").stat().st_size < 10e6
