"""Tests of what figures and the page say of corrupted images."""

import csv
import io
import math
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import synthetic

from medfusion.data import medmnist_c
from medfusion.evaluation import corruptions as measured
from medfusion.figures import corruption_figures, drawing
from medfusion.files import corrupted_files
from medfusion.files.calibrations import Calibration
from medfusion.files.corrupted_files import COLUMNS, UNTOUCHED, Condition
from medfusion.files.metric_files import tidy
from medfusion.naming import Names
from medfusion.report import corruptions as told
from medfusion.report.page_components import Section

LABELS = np.arange(40) % 2
NAMES = ["malignant", "normal"]
SYSTEMS = synthetic.ranked(tidy(synthetic.run())).systems


def said(wrong, rng):
    """Probabilities of two classes, wrong of so many images of the first class."""
    predicted = LABELS.copy()
    predicted[np.flatnonzero(LABELS == 0)[:wrong]] = 1
    high = rng.uniform(0.6, 0.95, len(LABELS))
    return np.where(predicted[:, None] == np.arange(2), high[:, None], 1 - high[:, None])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two systems of one model and one that is not ranked; every corruption of Breast, each one severity worse."""
    rng, rows = np.random.default_rng(0), []
    for system in ("cnn", "svm"):
        conditions = [(UNTOUCHED, said(2, rng))]
        conditions += [
            (Condition(name, level), said(2 * level + (name == "pixelate"), rng))
            for name in medmnist_c.corruptions("breastmnist")
            for level in medmnist_c.SEVERITIES
        ]
        chosen = Calibration(1.0, 0.4, (0.4, 0.4), None, 0.7)
        found = measured.measure(
            LABELS, conditions, chosen, "binary-class", ece_bins=3, replicates=50, confidence=0.95, seed=0
        )
        rows += [("breast", "net", 1, system, name, level, *one) for name, level, one in found]
    path = tmp_path_factory.mktemp("corruptions") / "corruptions.csv"
    corrupted_files.write_table(path, pd.DataFrame(rows, columns=COLUMNS))
    return corrupted_files.read(path)


def test_the_table_is_read_as_it_was_written(table):
    assert measured.names(table) == list(medmnist_c.corruptions("breastmnist"))
    found = measured.Measured(table, "net/svm")
    assert found.at("clean", "0", "accuracy").value == 0.95
    assert found.at("clean", "0", "balanced_error").value == pytest.approx(0.05)
    assert measured.drawn(table, SYSTEMS) == ["net/svm", "net/cnn"]


CALLED = Names({"net/svm": "SVM on Net"})


def test_each_corruption_has_a_panel_with_accuracy_and_abstention_of_each_system(table):
    with drawing.style("whitegrid"):
        figure = corruption_figures.severities(table, ["net/svm", "net/cnn"], CALLED, "some data")
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == [corruption_figures.words(name) for name in measured.names(table)]
    for axes in panels:
        solid, dashed, *_ = axes.lines
        assert len(axes.lines) == 4 and solid.get_linestyle() == "-" and dashed.get_linestyle() == "--"
        assert solid.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    drawn = panels[1].lines[0].get_ydata()
    assert drawn.tolist() == pytest.approx([1 - wrong / 40 for wrong in (2, 2, 4, 6, 8, 10)])
    words = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    assert any("some data" in text and "n = 40" in text for text in words)
    assert {"SVM on Net", "net/cnn"} <= set(words)  # what has no name is called by its address


def test_the_numbers_are_those_that_are_drawn_and_figures_repeat_exactly(table, tmp_path):
    numbers = corruption_figures.severity_numbers(table, ["net/svm"])
    own = numbers[(numbers["corruption"] == "motion_blur") & (numbers["metric"] == "accuracy")]
    assert own["value"].tolist() == pytest.approx([0.95, 0.95, 0.9, 0.85, 0.8, 0.75])
    assert set(numbers["n"]) == {40} and set(numbers["system"]) == {"net/svm"}
    with drawing.style("whitegrid"):
        for name in ("a.svg", "b.svg"):
            drawing.save(
                corruption_figures.severities(table, ["net/svm"], CALLED, "some data"), tmp_path / name, numbers
            )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def section_of(table, comparable=True, flag="breastmnist", size=28):
    section = Section("key", "title")
    told.fill(section, table, SYSTEMS, NAMES, flag, comparable, size, "BreastMNIST")
    return section


def column(table, name):
    (body,) = table.bodies
    return [row.cells[table.head.index(name)] for row in body.rows]


def test_the_summary_has_clean_and_corrupted_values_of_each_system(table):
    summary = section_of(table).tables[0]
    assert [cell.text for cell in column(summary, "System")] == ["net/svm", "net/cnn"]
    assert column(summary, "Corruption error")[0].note.endswith("; was 0.050")
    assert column(summary, "Accuracy")[0].note.endswith("; was 0.950")
    assert [row.kind for row in summary.bodies[0].rows] == ["selected", ""]
    # The mean over seven corruptions and five severities, of which one corruption is wrong once more.
    error = (np.mean([2, 4, 6, 8, 10]) + 1 / 7) / 40
    assert column(summary, "Corruption error")[0].text == f"{error:.3f}"
    assert column(summary, "Relative")[0].text == f"{error / 0.05:.2f}"
    assert all(len(row.cells) == len(summary.head) for row in summary.bodies[0].rows)


def test_the_class_that_a_corruption_hits_most_is_named(table):
    by_corruption = section_of(table).tables[1]
    hit = column(by_corruption, "Class hit most")
    assert [cell.text for cell in hit] == ["–", *["malignant"] * 7]
    assert hit[1].note == "recall 0.900, then 0.650"


def test_alexnet_is_named_on_medmnist_s_own_images_alone(table):
    section = section_of(table)
    errors = {name: (6 + (name == "pixelate")) / 40 for name in measured.names(table)}
    ratios = measured.against_alexnet(errors, 0.05, "breastmnist")
    assert column(section.tables[0], "BE, AlexNet = 1")[0].text == f"{ratios[0]:.2f}"
    assert column(section.tables[0], "rBE, AlexNet = 1")[0].text == f"{ratios[1]:.2f}"
    assert column(section.tables[1], "Error of AlexNet at 224 px")[0].text == "0.145"
    some = table[table["severity"] != "4"]
    for other in (section_of(table, comparable=False), section_of(table, flag=None), section_of(some)):
        assert "AlexNet" not in " ".join([*other.notes, *other.method, *other.tables[0].head, *other.tables[1].head])


@pytest.mark.parametrize(
    ("size", "how", "smaller"),
    [(28, "enlarged to 224 pixels and shrunk", True), (224, "at their own size", False), (None, "enlarged", False)],
)
def test_only_small_images_are_said_to_be_enlarged(table, size, how, smaller):
    text = " ".join(section_of(table, size=size).method)
    assert how in text and ("That AlexNet saw 224 pixels, these systems see 28" in text) == smaller
    assert ("enlarged" in text) == (size != 224)


def test_every_severity_is_in_a_file_with_intervals(table):
    *_, last = section_of(table).files
    assert last.label == "By corruption and severity: net/cnn"
    rows = list(csv.DictReader(io.StringIO(unquote(last.uri.partition(",")[2]))))
    assert len(rows) == 35 and {row["data"] for row in rows} == {"BreastMNIST, test n = 40"}
    assert all(" to " in row["Accuracy: interval or note"] for row in rows)
    at = measured.Measured(table, "net/cnn").at
    accuracies = [at(name, level, "accuracy").value for name in measured.names(table) for level in "12345"]
    assert [row["Accuracy"] for row in rows] == [f"{value:.3f}" for value in accuracies]


def test_without_errors_on_clean_images_there_is_no_relative_error(table):
    perfect = table.copy()
    perfect.loc[perfect["metric"] == "relative_error", "value"] = math.inf
    assert column(section_of(perfect).tables[0], "Relative")[0].text == "–"


def test_the_worst_corruption_is_told_and_where_the_system_does_not_notice(table):
    (found,) = [note for note in section_of(table).notes if note.startswith("net/svm")]
    assert "95.0\xa0% of these images as they are" in found
    assert "fewest under pixelate of severity 5: 72.5\xa0%" in found
    at = measured.Measured(table, "net/svm").at
    places = [(name, level) for name in measured.names(table) for level in "12345"]
    lowest = min(places, key=lambda place: at(*place, "selective_accuracy").value)
    assert f"under {corruption_figures.words(lowest[0])} of severity {lowest[1]}: " in found
