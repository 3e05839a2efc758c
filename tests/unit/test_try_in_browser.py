"""The page on which a system is tried, in a reader's browser: it says what `predict` says. Skipped where there is none."""

import contextlib
import json
import resource
import shutil
import sys
from dataclasses import replace

import all_pictures
import numpy as np
import pytest
import small_package
import try_server
from PIL import Image
from test_pictures import HOSTILE

import predict
from medfusion.data import pictures
from medfusion.data.pictures import Form
from medfusion.errors import UserError
from medfusion.learning import approximate, classifiers
from medfusion.package import inputs
from medfusion.package.web_parts import Arrays, described

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: make browser installs it")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: make browser installs it")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

SERIOUS = ("serious", "critical")
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PATIENCE = 60_000  # milliseconds
# What the page shows, and the pixels that the system sees.
SHOWN = """() => {
    const text = (id) => document.getElementById(id).textContent;
    const rows = [...document.querySelectorAll("#classes tr")];
    const crop = document.getElementById("crop");
    const pixels = crop.getContext("2d").getImageData(0, 0, crop.width, crop.height).data;
    return {
        class: text("class"),
        probabilities: rows.map((row) => Number(row.querySelector("data").value)),
        prediction_set: rows.filter((row) => row.lastChild.textContent === "yes").map((row) => row.cells[0].textContent),
        refer: document.getElementById("refer").classList.contains("refer"),
        at_threshold: document.getElementById("threshold").dataset.reached,
        notes: text("notes"),
        refusal: document.getElementById("refusal").hidden ? "" : text("refusal"),
        pixels: [...pixels],
    };
}"""


def by_brightness(channels, classes):
    """Images, and to which part of them each belongs by its mean: what pictures get different answers for."""
    rng = np.random.default_rng(classes)
    images = np.stack([all_pictures.scene(rng, 28, 28, channels) for _ in range(160)])
    order = images.mean(axis=(1, 2, 3)).argsort().argsort()
    return images, order * classes // len(images)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Model packages of eight classes in colour, of two in grey, and of two in grey from pictures of 12 bits; pages of each."""
    folder = tmp_path_factory.mktemp("packages")
    result = {}
    for kind, channels, classes in (("blood", 3, 8), ("breast", 1, 2)):
        images, labels = by_brightness(channels, classes)
        package, _ = small_package.make(folder / kind, channels, classes, kind == "blood", images, labels)
        calibration = replace(package.calibration, temperature=0.3, marginal=0.8)
        result[kind] = folder / kind, try_server.changed(folder / kind, package, calibration=calibration), images
    shutil.copytree(folder / "breast", folder / "deep")
    _, package, images = result["breast"]
    result["deep"] = folder / "deep", try_server.changed(folder / "deep", package, bits=12), images
    return {kind: (*parts, try_server.write(*parts)) for kind, parts in result.items()}


@pytest.fixture(scope="module")
def address(made):
    with try_server.served([page for *_, page in made.values()], try_server.runtime()) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        for last in (False, False, True):  # on a busy machine Chromium dies at its start now and then
            try:
                running = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
                break
            except sync_api.Error:
                if last:
                    raise
        yield running
        running.close()


@pytest.fixture
def opened(browser, address):
    """Open the page of a system when it is ready; the browser must complain of nothing, and ask nobody else anything."""
    pages, complaints = [], []

    def open_page(kind, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if foreign(request.url) else None)
        page.goto(f"{address}/{kind} page/")
        state(page, "ready", "failed")
        assert page.locator("#refusal").text_content() == ""
        return page

    def foreign(url):
        return not url.startswith((address, "data:", "blob:"))

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def state(page, *names):
    page.locator(", ".join(f"body[data-state={name}]" for name in names)).wait_for(timeout=PATIENCE)


def shown(page, name, content):
    """What the page says of a picture."""
    page.locator("#file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    state(page, "answered", "mapped", "refused")
    return page.evaluate(SHOWN)


@contextlib.contextmanager
def unlimited_memory():
    """`predict` limits the memory of its process, which here is that of other tests too."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def predicted(folder, files, tmp_path, monkeypatch):
    """What `predict` says of the same pictures, by their names."""
    (tmp_path / "pictures").mkdir()
    for name, content in files.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["predict.py", str(folder), "pictures", "--out", "found.json"])
    with unlimited_memory(), pytest.raises(SystemExit):
        predict.main()
    content = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    return {entry["image"].partition("/")[2]: entry for entry in content["images"]}


@pytest.mark.parametrize("kind", ["blood", "breast"])
def test_it_says_of_pictures_of_all_kinds_what_predict_says(made, opened, kind, tmp_path, monkeypatch):
    folder, package, _, _ = made[kind]
    files = all_pictures.make()
    expected = predicted(folder, files, tmp_path, monkeypatch)
    assert len(expected) == len(files) >= 50
    answers = {(entry["class"], *entry["prediction_set"], entry["refer"]) for entry in expected.values()}
    assert len(answers) > 4, "pictures that get one answer compare nothing"
    form, page = Form(package.flag, package.size, package.channels, package.bits), opened(kind)
    for name, content in files.items():
        found, own = shown(page, name, content), expected[name]
        image = pictures.read(tmp_path / "pictures" / name, form).image
        seen = np.array(found["pixels"], np.uint8).reshape(28, 28, 4)[..., : package.channels]
        far = np.abs(seen.astype(int) - image).max()
        assert far == 0, (name, far)
        np.testing.assert_allclose(found["probabilities"], list(own["probabilities"].values()), atol=1e-4, err_msg=name)
        for key in ("class", "prediction_set", "refer"):
            assert found[key] == own[key], (name, key)
        assert found["notes"] == ("; ".join(own["notes"]) or "taken as it is"), name
        if "at_threshold" in own:
            assert found["at_threshold"] == str(own["at_threshold"]).lower(), name
