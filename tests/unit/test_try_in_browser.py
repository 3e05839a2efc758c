"""The page on which a system is tried, in a browser: it says what `predict` says. Skipped where there is no browser."""

import base64
import itertools
import json
import shutil
import sys
from dataclasses import replace

import all_pictures
import chromium
import memory_limits
import numpy as np
import pytest
import small_package
import try_server
from chromium import NEEDS_BROWSER, SERIOUS, WIDER, axe
from configurations import GRIDS
from PIL import Image
from test_pictures import HOSTILE

import predict
from medfusion.data import pictures
from medfusion.data.pictures import Form
from medfusion.files.artifacts import read_json
from medfusion.learning import classifiers, input_check, input_fitting
from medfusion.learning.calibration import prediction_sets
from medfusion.package import try_files
from medfusion.package.predictor import Predictor
from medfusion.package.web_parts import Arrays, described, described_check

pytestmark = NEEDS_BROWSER

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
        prediction_set: rows.filter((row) => row.cells[2].textContent === "yes").map((row) => row.cells[0].textContent),
        refer: document.getElementById("refer").classList.contains("refer"),
        at_threshold: document.getElementById("threshold").dataset.reached,
        unlike_training: document.getElementById("unlike").dataset.unlike,
        unlike_score: Number(document.getElementById("unlike").dataset.score),
        notes: text("notes"),
        refusal: text("refusal"),
        pixels: document.body.dataset.state === "refused" ? [] : [...pixels],
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
    """Model packages of eight classes in colour, of two in grey, and of two from pictures of 12 bits; their pages."""
    folder = tmp_path_factory.mktemp("packages")
    result = {}
    for kind, channels, classes in (("blood", 3, 8), ("breast", 1, 2)):
        images, labels = by_brightness(channels, classes)
        package, _ = small_package.make(folder / kind, channels, classes, kind == "blood", images, labels)
        check = {"blood": "nearest", "breast": "relative_mahalanobis"}[kind]
        package = small_package.add_check(folder / kind, package, images, check)
        calibration = replace(package.calibration, temperature=0.3, marginal=0.8, referral=0.7)
        result[kind] = folder / kind, try_server.changed(folder / kind, package, calibration=calibration), images
    shutil.copytree(folder / "breast", folder / "deep")
    _, package, images = result["breast"]
    others = {"bits": 12, "networks": (replace(package.networks[0], views=("vertical_flip", "transpose", "shifts")),)}
    others["calibration"] = replace(package.calibration, marginal=None, temperature=1.0)
    others["input_check"] = None  # as in packages of before there was one
    result["deep"] = folder / "deep", try_server.changed(folder / "deep", package, **others), images
    return {kind: (*parts, try_server.write(*parts)) for kind, parts in result.items()}


@pytest.fixture(scope="module")
def address(made):
    with try_server.served([page for *_, page in made.values()], try_server.runtime()) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def opened(browser, address):
    """Open the page of a system when it is ready; the browser must complain of nothing, and ask nobody else."""
    pages, complaints = [], []

    def open_page(kind, script="", **options):
        page = browser.new_page(**options)
        page.add_init_script(script)
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


def predicted(folder, files, tmp_path, monkeypatch):
    """What `predict` says of the same pictures, by their names."""
    (tmp_path / "pictures").mkdir()
    for name, content in files.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["predict.py", str(folder), "pictures", "--out", "found.json"])
    with memory_limits.restored(), pytest.raises(SystemExit):
        predict.main()
    content = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    return {
        "images": {entry["image"].partition("/")[2]: entry for entry in content["images"]},
        "refused": {entry["file"].partition("/")[2]: entry["reason"] for entry in content["refused"]},
    }


def check_same(found, own, package, image, name):
    """What the page says, `found`, against a record of `predict`."""
    seen = np.array(found["pixels"], np.uint8).reshape(28, 28, 4)[..., : package.channels]
    far = int(np.abs(seen.astype(int) - image).max())
    # Decoders of JPEG may round differently; Chromium's and Pillow's do not.
    assert far <= (1 if name.endswith(".jpg") else 0), name
    if not far:
        np.testing.assert_allclose(found["probabilities"], list(own["probabilities"].values()), atol=1e-4, err_msg=name)
        for key in ("class", "prediction_set", "refer"):
            assert found[key] == own[key], (name, key)
        if "unlike_training" in own:
            assert found["unlike_training"] == str(own["unlike_training"]).lower(), name
            assert found["unlike_score"] == pytest.approx(own["unlike_score"], rel=1e-3, abs=1e-3), name
        else:
            assert found.get("unlike_training") is None
        if "at_threshold" in own:
            assert found["at_threshold"] == str(own["at_threshold"]).lower(), name
    assert found["notes"] == ("; ".join(own["notes"]) or "taken as it is"), name
    return not far


@pytest.mark.parametrize("kind", ["blood", "breast"])
def test_it_says_of_pictures_of_all_kinds_what_predict_says(made, opened, kind, tmp_path, monkeypatch):
    folder, package, _, _ = made[kind]
    files = all_pictures.make()
    expected = predicted(folder, files, tmp_path, monkeypatch)["images"]
    answers = {(entry["class"], *entry["prediction_set"], entry["refer"]) for entry in expected.values()}
    assert len(answers) >= 4, "pictures that get one answer compare nothing"
    form, page, same = Form(package.flag, package.size, package.channels), opened(kind), 0
    for name, content in files.items():
        image = pictures.read(tmp_path / "pictures" / name, form).image
        same += check_same(shown(page, name, content), expected[name], package, image, name)
    assert len(expected) == len(files) and same >= 50


def test_pictures_of_12_bits_many_views_and_sets_of_everything(made, opened, tmp_path, monkeypatch):
    folder, package, images, _ = made["deep"]
    deep = [np.rint(image.astype(int) / 255 * 4095).astype(int) for image in images[:3]]
    files = {f"{number}.png": all_pictures.png(values, 0, 16) for number, values in enumerate(deep)}
    files["bright.png"] = all_pictures.png(deep[0] + 4000, 0, 16)
    expected, page = predicted(folder, files, tmp_path, monkeypatch), opened("deep")
    form = Form(package.flag, package.size, package.channels, package.bits)
    for name, own in expected["images"].items():
        image = pictures.read(tmp_path / "pictures" / name, form).image
        found = shown(page, name, files[name])
        assert check_same(found, own, package, image, name) and len(found["prediction_set"]) == 2
    assert len(expected["images"]) == 3 and set(expected["refused"]) == {"bright.png"}
    assert shown(page, "bright.png", files["bright.png"])["refusal"] == f"Refused: {expected['refused']['bright.png']}."


# Their readers come upon something else first.
DIFFERENT_WORDS = {"vast.png", "header only.png", "wrong crc.png"}


def test_what_predict_refuses_is_refused_in_the_same_words(made, opened, tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 4096, (30, 30))
    clear = all_pictures.chunk(b"PLTE", bytes(768)) + all_pictures.chunk(b"tRNS", b"\0")
    files = {name: content for name, (content, _) in HOSTILE.items()} | {
        "deep.png": all_pictures.png(values, 0, 16),
        "clear.png": all_pictures.png(values % 256, 3, parts=clear),
        "clear grey.png": all_pictures.png(values % 256, 0, parts=all_pictures.chunk(b"tRNS", b"\0\x07")),
        "clear 16 bits.png": all_pictures.png(np.dstack([values, values]), 4, 16),
    }
    refused, page = predicted(made["breast"][0], files, tmp_path, monkeypatch)["refused"], opened("breast")
    assert set(refused) == set(files)
    for name, content in files.items():
        found = shown(page, name, content)["refusal"]
        expected = "Refused: " if name in DIFFERENT_WORDS else f"Refused: {refused[name]}."
        assert found.startswith(expected), name
    assert page.locator("#answer").is_hidden()
    Image.fromarray(made["breast"][2][0, ..., 0]).save(tmp_path / "sound.png")
    assert shown(page, "sound.png", (tmp_path / "sound.png").read_bytes())["refusal"] == ""


CELLS = {
    "svm": [
        {"kernel": "rbf", "gamma": 0.05},
        {"kernel": "poly", "degree": 2, "coef0": 1.0},
        {"kernel": "sigmoid", "gamma": 0.01},
        {"kernel": "linear", "C": 0.1},
    ],
    "logistic_regression": [{"C": 1.0}],
    "random_forest": [{"n_estimators": 7, "max_depth": 4}],
    "decision_tree": [{"max_depth": 3}],
}
assert set(CELLS) == set(GRIDS), "add the new kind of classifier to CELLS"
COMPUTED = """async ([parts, content, vectors]) => {
    const { withArrays } = await import("./system.js");
    const { fromBase64 } = await import("./decode.js");
    const { probabilities } = await import("./classifiers.js");
    const described = withArrays(parts, fromBase64(content).buffer);
    return described.map((part) => vectors.map((vector) => probabilities(part, Float32Array.from(vector))));
}"""


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("calibration", ["none", "temperature", "sigmoid"])
def test_every_kind_of_classifier_says_what_it_says_in_python(opened, classes, calibration):
    rng = np.random.default_rng(classes)
    features = (3 * rng.normal(size=(120, 10)) + 1).astype(np.float32)
    labels = (features[:, 0] + rng.normal(size=120)).argsort().argsort() * classes // 120
    settings = [(kind, cell, components) for kind in CELLS for cell in CELLS[kind] for components in (None, 30)]
    fitted = [
        classifiers.fit(
            {"kind": kind, "calibration": calibration}, cell, features, labels, features, labels, 1, components
        )
        for kind, cell, components in settings
        # An SVM has probabilities only after a calibration; nothing but its kernel is approximated.
        if (calibration != "none" or kind != "svm" or components) and (kind == "svm" or not components)
    ]
    arrays = Arrays()
    parts = [described(model, arrays) for model in fitted]
    content = base64.b64encode(arrays.content()).decode()
    found = opened("breast").evaluate(COMPUTED, [parts, content, features[:30].tolist()])
    assert len(found) == len(fitted) >= 7
    for model, values in zip(fitted, found, strict=True):
        np.testing.assert_allclose(values, model.predict_proba(features[:30]), atol=1e-5, err_msg=str(model))


SETS = """async ([rows, thresholds]) => {
    const { predictionSet } = await import("./system.js");
    return thresholds.map((threshold) => rows.map((row) => predictionSet(row, threshold)));
}"""


@pytest.mark.parametrize("classes", [2, 3, 8])
def test_prediction_sets_of_any_probabilities_are_those_of_python_and_never_empty(opened, classes):
    rng = np.random.default_rng(classes)
    values = rng.dirichlet(np.full(classes, 0.4), 300)
    values[:100] = rng.multinomial(16, np.full(classes, 1 / classes), 100) / 16  # many equals
    values[100:150] = values[:50] * rng.uniform(1 - 1e-4, 1 + 1e-4, (50, classes))  # that rounding broke
    thresholds = [0.0, 0.3, 0.77, 0.9999, 1.0, None]
    found = np.array(opened("breast").evaluate(SETS, [values.tolist(), thresholds]))
    np.testing.assert_array_equal(found, [prediction_sets(values, threshold) for threshold in thresholds])
    assert found.any(axis=2).all() and found[-1].all() and not found[0].all()


SCORED = """async ([parts, content, vectors, images, size, channels]) => {
    const { withArrays } = await import("./system.js");
    const { fromBase64 } = await import("./decode.js");
    const { score } = await import("./check.js");
    const checks = withArrays(parts, fromBase64(content).buffer);
    return checks.map((check) => vectors.map((vector, n) =>
        score(check, Float32Array.from(vector), Uint8Array.from(images[n]), size, channels)));
}"""


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width, pool", [(10, 1), (290, 1), (11, 2)])
def test_every_kind_of_input_check_says_what_it_says_in_python(opened, width, pool, channels):
    rng = np.random.default_rng(width)
    images = np.stack([all_pictures.scene(rng, 9, 9, channels) for _ in range(160)])
    images[0], images[1], images[2] = 0, 255, rng.integers(0, 256, (9, 9, channels))
    features = rng.normal(size=(160, width)) @ rng.normal(size=(width, width))
    values, found = input_check.pooled(features, pool), input_check.statistics(images)
    data = values[40:100], np.arange(60) % 2, found[40:100], (values[100:], found[100:])
    checks, arrays = input_fitting.fit(input_check.KINDS, *data, 0.05, pool), Arrays()
    parts = [described_check(check, arrays) for check in checks.values()]
    given = [features[:40].astype(np.float32).tolist(), images[:40].reshape(40, -1).tolist(), 9, channels]
    scores = opened("breast").evaluate(SCORED, [parts, base64.b64encode(arrays.content()).decode(), *given])
    for check, own in zip(checks.values(), scores, strict=True):
        expected = input_check.scores(check, features[:40].astype(np.float32), images[:40])
        np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6, err_msg=check.kind)
        assert np.ptp(expected) > 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(opened, scheme, width):
    page = opened("blood", viewport={"width": width, "height": 900}, color_scheme=scheme)
    for act in (lambda: None, page.locator(".samples button").first.click):
        act()
        state(page, "ready", "mapped")
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        found = axe.Axe().run(page).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found if rule["impact"] in SERIOUS] == []
        assert page.evaluate(WIDER) <= 0


def test_a_sample_is_answered_by_keyboard_alone_and_told_to_those_who_hear_the_page(opened):
    page = opened("blood")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    state(page, "mapped")
    assert page.locator("[aria-pressed=true]").count() == 1
    spoken = page.locator("[role=status]").text_content()
    assert spoken.startswith(page.locator("#class").text_content()) and "%" in spoken
    assert "GENERATED" in page.locator("#warning").text_content()
    assert "Not a medical device" in page.locator("#warning").text_content()


GIVE = """([kind, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    if (bytes.length) transfer.items.add(new File([bytes], "x.png", { type: "image/png" }));
    const options = { bubbles: true, cancelable: true };
    document.dispatchEvent(kind === "paste"
        ? new ClipboardEvent(kind, { ...options, clipboardData: transfer })
        : new DragEvent(kind, { ...options, dataTransfer: transfer }));
}"""

# What the worker finds, kept for the test.
LISTEN = """const Own = Worker;
Worker = class extends Own {
    constructor(...given) {
        super(...given);
        this.addEventListener("message", ({ data }) => { if (data.kind === "map") window.falls = [...data.falls]; });
    }
};"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_pictures_are_pasted_and_dropped(made, opened, kind, tmp_path):
    page = opened("breast", LISTEN)
    Image.fromarray(made["breast"][2][0, ..., 0]).save(tmp_path / "x.png")
    page.evaluate(GIVE, [kind, base64.b64encode((tmp_path / "x.png").read_bytes()).decode()])
    state(page, "answered", "mapped")
    page.evaluate(GIVE, [kind, ""])
    for _ in range(PATIENCE // 50):  # the page forbids the eval that wait_for_function asks a second time with
        if page.evaluate("window.falls"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("window.falls")
    state(page, "refused")  # and stays so: where the last picture was looked at may be found only now
    assert page.locator("#refusal").text_content().startswith("Refused: what was ")


def test_where_it_looks_is_where_hiding_changes_the_answer(made, opened, tmp_path):
    """A map is the same as that of the system in Python, computed the slow way."""
    folder, _, images, page_folder = made["breast"]
    page, system = opened("breast", LISTEN), Predictor(folder)
    least_sure = int(system.predict(images).probabilities.max(axis=1).argmin())
    image = images[least_sure : least_sure + 1]
    Image.fromarray(image[0, ..., 0]).save(tmp_path / "x.png")
    shown(page, "x.png", (tmp_path / "x.png").read_bytes())
    state(page, "mapped")
    fill = read_json(page_folder / try_files.SYSTEM)["fill"]
    (whole,), (label,) = system.predict(image)[:2]
    falls, hidden = np.zeros((28, 28)), np.zeros((28, 28))
    for top, left in itertools.product([*range(0, 23, 3), 23], repeat=2):
        copy = image.copy()
        copy[0, top : top + 5, left : left + 5] = fill
        falls[top : top + 5, left : left + 5] += whole[label] - system.predict(copy).probabilities[0, label]
        hidden[top : top + 5, left : left + 5] += 1
    found = np.array(page.evaluate("window.falls")).reshape(28, 28)
    np.testing.assert_allclose(found, falls / hidden, atol=1e-4)
    assert np.abs(found).max() > 0.01


def test_a_browser_that_computes_otherwise_is_told_apart(made, browser, tmp_path):
    *_, page_folder = made["breast"]
    copy = shutil.copytree(page_folder, tmp_path / "other/try")
    system = read_json(copy / try_files.SYSTEM)
    system["samples"][0]["probabilities"][0] += 0.001
    (copy / try_files.SYSTEM).write_text(json.dumps(system), encoding="utf-8")
    with try_server.served([copy], try_server.runtime()) as address:
        page = browser.new_page()
        page.goto(address)
        state(page, "failed")
        assert "computes otherwise than `predict`" in page.locator("#refusal").text_content()
        page.close()
