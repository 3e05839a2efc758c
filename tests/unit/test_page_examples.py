"""Tests of what the page says of single test images: counts, verdicts, caveats, nothing to show."""

from urllib.parse import unquote

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint
from synthetic import maps, selection

from medfusion.files import example_files
from medfusion.files.artifacts import write_json
from medfusion.files.images import Description
from medfusion.naming import Names
from medfusion.report.page_components import Picture, Section
from medfusion.report.page_examples import ExamplePages, central_share

DESCRIPTION = Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)
NAMES = ["malignant", "normal, benign (both)"]


@pytest.fixture
def pages(tmp_path):
    def make(weights=None, **changes):
        write_json(tmp_path / "examples.json", selection() | changes)
        example_files.write_maps(tmp_path / "maps.h5", DESCRIPTION, maps())
        paths = str(tmp_path / "examples.json"), str(tmp_path / "maps.h5")
        fusion = {"members": ["cnn", "svm"], "weights": weights or [0.5, 0.5]}
        return ExamplePages(*paths, NAMES, "Own images", 0.95, {("net", 1, "fused"): fusion}, Names())

    return make


def test_without_gradients_there_is_occlusion_alone(tmp_path):
    write_json(tmp_path / "examples.json", selection())
    example_files.write_maps(tmp_path / "maps.h5", DESCRIPTION, maps(gradcam=False))
    page = ExamplePages(
        str(tmp_path / "examples.json"), str(tmp_path / "maps.h5"), NAMES, "Own images", 0.95, {}, Names()
    )
    method = filled(page)[1].method[0]
    assert method.startswith("There is no Grad-CAM") and "Occlusion (Zeiler" in method
    picture = told(page, "saliency")
    assert picture.title == "Occlusion" and "Grad-CAM" not in picture.caption
    assert "with a coloured map each" in picture.alt


def filled(page):
    """Both sections."""
    sections = Section("m", "Errors"), Section("a", "Saliency maps")
    page.fill(*sections)
    return sections


def told(page, kind):
    return page.captioned(Picture(f"breast/examples/{kind}", "A title", "?", "?", "data:", 1, 1))


def cells(table):
    return [[(cell.text, cell.note) for cell in row.cells] for body in table.bodies for row in body.rows]


def text(share):
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def wilson(count, total):
    low, high = proportion_confint(count, total, method="wilson")
    return f"{text(low)} to {text(high)}"


def test_the_table_of_network_and_svm_says_what_fusion_made_of_it(pages):
    table = filled(pages())[0].tables[0]
    assert table.head == ["Test images on which", "Images", "net/fused is right on"]
    assert cells(table) == [
        [
            ("network right, SVM right", ""),
            ("2", f"{text(0.4)} of 5, {wilson(2, 5)}"),
            ("2", f"{text(1)} of 2, {wilson(2, 2)}"),
        ],
        [
            ("network right, SVM wrong", ""),
            ("1", f"{text(0.2)} of 5, {wilson(1, 5)}"),
            ("1", f"{text(1)} of 1, {wilson(1, 1)}"),
        ],
        [("network wrong, SVM right", ""), ("0", f"{text(0)} of 5, {wilson(0, 5)}"), ("–", "")],
        [
            ("network wrong, SVM wrong", ""),
            ("2", f"{text(0.4)} of 5, {wilson(2, 5)}"),
            ("0", f"{text(0)} of 2, {wilson(0, 2)}"),
        ],
        [("all", ""), ("5", ""), ("3", f"{text(0.6)} of 5, {wilson(3, 5)}")],
    ]
    assert "net/cnn (seed 1)" in table.caption and "Own images, test n = 5" in table.caption


def test_confused_classes_have_counts_and_shares_of_the_true_class(pages):
    table = filled(pages())[0].tables[1]
    assert cells(table)[0] == [
        ("malignant", ""),
        ("normal, benign", ""),
        ("1", ""),
        (text(0.5), f"of 2, {wilson(1, 2)}"),
    ]


@pytest.mark.parametrize(
    ("settled", "verdict"),
    [
        ((2, 1, 0, 0), "their fusion on 3: it is right as often as the better of the two."),
        ((2, 0, 0, 0), "their fusion on 2: it loses 1 image against the better of the two."),
        ((2, 1, 0, 2), "their fusion on 5: it gains 2 images over the better of the two."),
    ],
)
def test_why_fusion_helps_or_does_not(pages, settled, verdict):
    found = selection()["disagreements"]
    for row, count in zip(found["table"], settled, strict=True):
        row["fusion"] = count
    note = filled(pages(disagreements=found))[0].notes[1]
    assert note.endswith(verdict)
    assert f"settles {settled[1] + settled[2]} of these 1 rightly" in note
    assert "right on 3 images, the SVM on 2" in note


def test_a_fusion_of_one_member_is_called_so(pages):
    note = filled(pages(weights=[0.0, 1.0]))[0].notes[1]
    assert "gave net/svm all the weight: it is net/svm under another name" in note
    assert "settles" not in note


def test_captions_and_alternative_texts_state_counts(pages):
    page = pages()
    shown = {kind: told(page, kind) for kind in ("errors", "confused", "disagreements", "saliency")}
    assert "All 2 errors of net/svm (seed 1)" in shown["errors"].caption
    assert "2 images: 1 × malignant as normal, benign; 1 × normal, benign as malignant" in shown["errors"].alt
    assert "Malignant taken for normal, benign, 1 image of 2" in shown["confused"].alt
    assert "1 image that the network alone gets right, 0 that the SVM alone gets right" in shown["disagreements"].alt
    assert "1 right and 2 wrong examples of 2 classes" in shown["saliency"].alt
    for picture in shown.values():
        assert picture.alt.startswith("A title. ") and "Own images, test n = 5" in picture.alt
        assert picture.caption.endswith(" Test n = 5.")
    other = Picture("breast/results/seeds", "A title", "?", "?", "data:", 1, 1)
    assert page.captioned(other) is other


def test_the_caveats_of_the_maps_are_there(pages):
    section = filled(pages())[1]
    notes = " ".join([*section.notes, *section.method])
    assert "4 × 4 positions on images of 28 × 28 pixels" in notes and "7.0 × 7.0 pixels" in notes
    assert "Adebayo et al. 2018" in notes and "not why" in notes


def test_numbers_behind_a_gallery(pages):
    def numbers(kind):
        uri = told(pages(), kind).numbers
        return unquote(uri.partition(",")[2]).splitlines()

    assert numbers("errors") == [
        "index,true,predicted,probability",
        '4,malignant,"normal, benign",0.95',
        '2,"normal, benign",malignant,0.8',
    ]
    assert len(numbers("saliency")) == 4 and len(numbers("confused")) == 3
    assert [line.partition(",")[0] for line in numbers("disagreements")] == ["system", "cnn", "svm", "fused"]


def test_nothing_to_show_is_said(pages):
    page = pages(wrong=0, errors=[], confused=[], disagreements=None)
    errors, _ = filled(page)
    assert errors.tables == []
    assert "is wrong on 0 of 5 test images." in errors.notes[0]
    assert "There is no SVM that net/cnn could be compared with." in errors.notes[1]
    for kind in ("errors", "confused", "disagreements"):
        assert told(page, kind).alt and told(page, kind).numbers == ""


def test_without_a_fusion_the_table_ends_with_the_counts(pages):
    examples = selection()
    examples["studied"]["fusion"] = None
    for row in examples["disagreements"]["table"]:
        row["fusion"] = None
    page = pages(**examples)
    errors, _ = filled(page)
    assert errors.tables[0].head == ["Test images on which", "Images"]
    assert "usion" not in errors.notes[1] + errors.tables[0].caption + told(page, "disagreements").caption


def test_the_share_of_the_fall_in_the_middle():
    found = maps(12)  # the middle are positions 3 to 8, the fall lies at 0 to 4
    assert central_share(found) == pytest.approx(4 / 25)
    found.occlusion[:] = np.minimum(found.occlusion, 0)
    assert central_share(found) is None
