"""The page as a reader's browser shows it: whole, offline, sortable, open to all. Skipped where there is no browser."""

import csv

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
    header = table.locator("thead button").nth(1)

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
    links = opened.locator("a[download]")
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
