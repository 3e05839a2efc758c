"""Tests that no title, name or line of a figure is clipped or covers another, by the extents of what is drawn."""

import itertools

import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from medfusion.figures import curve_figures, drawing, fitting, result_figures
from medfusion.naming import Names

NAMES = {
    "short": "net/cnn",
    "usual": "compact_resnet/cnn_svm_forest_chosen (mean of 10 seeds)",
    "words": "a system with a name of many words, " * 6,
    "one word": "w" * 255,
    "wide letters": "WMÆ肺_" * 30,
    "dollars": "cost_$a_{1}$/" * 12,
}


@pytest.fixture(autouse=True)
def _style():
    with drawing.style("whitegrid"):
        yield


def drawn(figure, tmp_path):
    """The extents of all words of a saved figure, and its own."""
    drawing.save(figure, tmp_path / "figure.png")
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    numbers = {label for axes in figure.axes for label in axes.get_xticklabels()}  # those outside are not drawn
    words = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    words = [text for text in words if text not in numbers]
    return [(text, text.get_window_extent(renderer)) for text in words], figure.bbox


def assert_inside(figure, tmp_path):
    words, whole = drawn(figure, tmp_path)
    assert words
    for text, place in words:
        assert place.x0 >= whole.x0 - 1 and place.x1 <= whole.x1 + 1, text
        assert place.y0 >= whole.y0 - 1 and place.y1 <= whole.y1 + 1, text


def said(text):
    return "".join(text.split())


@pytest.mark.parametrize(
    ("name", "systems", "classes"),
    [*((name, 3, 2) for name in NAMES), ("usual", 1, 2), ("words", 4, 3), ("wide letters", 4, 3), ("usual", 2, 5)],
)
def test_titles_of_confusion_matrices_are_whole_whatever_their_length(tmp_path, name, systems, classes):
    matrices = {f"{number} {NAMES[name]}": np.full((1, classes, classes), 5) for number in range(systems)}
    labels = [f"class {number} {NAMES[name]}" for number in range(classes)]
    figure = result_figures.confusions(matrices, labels if name != "one word" else "abcde"[:classes], NAMES[name])
    assert_inside(figure, tmp_path)
    titles = {axes: axes.get_title() for axes in figure.axes}
    assert [said(title) for title in titles.values()] == [said(title) for title in matrices]
    renderer = FigureCanvasAgg(figure).get_renderer()
    places = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    for one, other in itertools.combinations(places, 2):
        assert not one.overlaps(other)
    for axes in figure.axes:
        assert axes.bbox.width > 60 and axes.title.get_fontsize() >= fitting.SMALLEST


def test_a_title_that_fits_stays_as_it_is(tmp_path):
    figure = result_figures.confusions({"net/cnn": np.full((1, 2, 2), 5)}, ["a", "b"], "data")
    size, letters = figure.get_size_inches().tolist(), figure.axes[0].title.get_fontsize()
    drawing.save(figure, tmp_path / "figure.svg")
    assert figure.axes[0].get_title() == "net/cnn" and figure.axes[0].title.get_fontsize() == letters
    assert figure.get_size_inches().tolist() == size


@pytest.mark.parametrize("name", NAMES)
def test_rows_legends_and_lines_below_are_whole_whatever_their_length(tmp_path, name):
    words = NAMES[name]
    runs = pd.DataFrame({"system": ["net/a" + words, "net/b"], "value": [0.8, 0.9], "low": 0.7, "high": 0.95})
    runs["confidence"] = 0.95
    assert_inside(result_figures.seeds(runs, {"majority": 0.7}, [], Names(), "official", words), tmp_path)
    comparisons = synthetic.comparisons()
    comparisons["systems"][0]["system"] = words
    assert_inside(result_figures.differences(comparisons, Names(), words), tmp_path)
    areas = pd.DataFrame({"system": [words, words], "label": ["a", "b"], "images": 5, "value": 0.8})
    assert_inside(result_figures.label_areas(areas.assign(low=0.7, high=0.9), words), tmp_path)


def test_titles_of_parts_of_a_figure_are_fitted_into_their_part(tmp_path):
    figure = Figure(figsize=(8, 3), layout="constrained")
    for part in figure.subfigures(1, 2):
        part.subplots().plot([0, 1])
        part.suptitle("a name without end " * 8)
    words, whole = drawn(figure, tmp_path)
    titles = [place for text, place in words if "name" in text.get_text()]
    assert titles[0].x1 <= whole.x1 / 2 + 1 <= titles[1].x0 + 2


def test_curves_of_many_runs_are_whole(tmp_path):
    loss = np.linspace(1, 0.2, 4)
    table = {"epoch": range(4), "loss": loss, "accuracy": loss, "val_loss": loss, "val_accuracy": loss}
    assert_inside(curve_figures.training_curves({1: pd.DataFrame(table)}, "data of a long name " * 10), tmp_path)
