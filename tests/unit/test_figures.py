"""Tests of the figures: what they show, and that equal content gives equal bytes."""

import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.figure import Figure
from sklearn.tree import DecisionTreeClassifier

from medfusion import naming
from medfusion.evaluation import ranking
from medfusion.figures import (
    choice_figures,
    curve_figures,
    drawing,
    reliability_figures,
    result_figures,
    study_figures,
)
from medfusion.files import reliabilities, svg_numbers
from medfusion.files.artifacts import write_json
from medfusion.files.metric_files import tidy
from medfusion.learning import studies
from medfusion.naming import Names


@pytest.fixture(autouse=True)
def _style():
    with drawing.style("whitegrid"):
        yield


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def grid(**keys):
    rows = [
        dict(zip(keys, values, strict=True))
        for values in np.stack(np.meshgrid(*keys.values()), -1).reshape(-1, len(keys))
    ]
    table = pd.DataFrame(rows)
    scores = {
        "accuracy": np.linspace(0.7, 0.9, len(table)),
        "auroc": 0.9,
        "log_loss": np.linspace(0.5, 0.3, len(table)),
    }
    return table.assign(**scores, seconds=1.0)


def selection(table, row, **more):
    """What best.json says of a grid."""
    cell = {key: value for key, value in table.iloc[row].items() if key not in choice_figures.SCORES}
    return {"hyperparameters": cell, "selection": "folds", "criterion": "log_loss", "compared_images": 9, **more}


def history(epochs):
    loss = np.linspace(1, 0.2, epochs)
    columns = {"loss": loss, "accuracy": 1 - loss, "val_loss": loss + 0.1, "val_accuracy": 0.9 - loss}
    return pd.DataFrame({"epoch": np.arange(1, epochs + 1), **columns})


def test_equal_content_gives_equal_bytes_and_no_date(tmp_path):
    for name in ("a.svg", "b.svg"):
        figure = curve_figures.training_curves({1: history(5), 2: history(7)}, "some data")
        drawing.save(figure, tmp_path / name)
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert b"<dc:date>" not in content


def test_a_layout_that_differs_in_the_last_digit_gives_equal_bytes(tmp_path):
    for name, shift in (("a.svg", 0), ("b.svg", 1e-15)):
        figure = Figure(figsize=(3, 2), layout="none")
        for left in (0.1, 0.6):
            figure.add_axes((left + shift, 0.1 + shift, 0.3, 0.8)).plot([0, 1])
        drawing.save(figure, tmp_path / name)
    content = (tmp_path / "a.svg").read_text()
    assert content == (tmp_path / "b.svg").read_text()
    clips = re.findall(r'<clipPath id="(\w+)"', content)
    assert len(clips) == 2 and set(clips) == set(re.findall(r"url\(#(\w+)\)", content))


def test_an_svg_is_compact_and_letters_keep_their_size_and_place(tmp_path):
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([0, 1 / 3, 1 / 2], [0, 1 / 7, 0])
    axes.set_title("<a title> & more")
    drawing.save(figure, tmp_path / "x.svg")
    with matplotlib.rc_context({"svg.hashsalt": "medfusion"}):
        figure.savefig(tmp_path / "full.svg", metadata=drawing.METADATA[".svg"])
    text, full = ((tmp_path / name).read_text() for name in ("x.svg", "full.svg"))
    assert "<!--" not in text and "\n " not in text and len(text) < 0.75 * len(full)
    assert not re.search(r' (?:d|transform)="[^"]*\d\.\d{3}[^"]*"', text.replace("scale(0.015625)", ""))
    assert "scale(0.015625)" in text  # of letters, whose outlines are thousands of units high
    drawn, meant = (list(map(place, ElementTree.fromstring(one).iter(LETTER))) for one in (text, full))
    assert len(drawn) > 20 and drawn == pytest.approx(meant, abs=0.1)
    lines = [re.findall(r"[\d.]+", path.get("d", "")) for path in ElementTree.fromstring(full).iter(PATH)]
    short = [re.findall(r"[\d.]+", path.get("d", "")) for path in ElementTree.fromstring(text).iter(PATH)]
    assert len(short) == len(lines)
    for one, other in zip(short, lines, strict=True):
        assert list(map(float, one)) == pytest.approx(list(map(float, other)), abs=0.006)


LETTER, PATH = (f"{{http://www.w3.org/2000/svg}}{name}" for name in ("use", "path"))


def place(use):
    """Of a letter, from the start of its line; of a mark, from that of the figure."""
    moved = re.match(r"translate\((\S+) 0\)", use.get("transform", ""))
    return float(moved[1] if moved else use.get("x", 0))


def test_an_svg_holds_its_numbers_and_gives_them_back(tmp_path):
    numbers = pd.DataFrame({"class": ["a & b", "<c>, d"], "value": [0.1, 2]})
    path = tmp_path / "a.svg"
    drawing.save(curve_figures.training_curves({1: history(5)}, "some data"), path)
    bare = path.read_bytes()
    drawing.save(curve_figures.training_curves({1: history(5)}, "some data"), path, numbers)
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    rest, text = svg_numbers.take_out(path.read_bytes())
    assert rest == bare
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(text)), numbers)
    assert svg_numbers.take_out(bare) == (bare, "")


def test_the_numbers_of_each_figure_are_those_that_it_draws():
    curves = curve_figures.training_numbers({1: history(5), 2: history(7)})
    assert list(curves["seed"]) == [1] * 5 + [2] * 7
    cells = choice_figures.grid_numbers({"svm": grid(C=[1, 2]), "tree": grid(depth=[3])})
    assert list(cells.columns) == ["classifier", "C", "accuracy", "auroc", "log_loss", "depth"]
    assert "seconds" not in cells
    point = {"weights": [0.3, 0.7], "accuracy": 0.9, "log_loss": 0.2}
    weights = choice_figures.fusion_numbers({"f": {"members": ["cnn", "svm"], "curve": [point]}, "g": {"curve": None}})
    assert weights.to_dict("records") == [
        {"fusion": "f", "weight_cnn": 0.3, "weight_svm": 0.7, "accuracy": 0.9, "log_loss": 0.2}
    ]
    counts = result_figures.confusion_numbers({"s": np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])}, ["a", "b"])
    assert counts[(counts["run"] == 2) & (counts["true"] == "b") & (counts["predicted"] == "a")]["images"].item() == 7


def test_training_curves_draw_every_seed_and_name_data_and_seeds():
    figure = curve_figures.training_curves({1: history(5), 2: history(7)}, "some data")
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert [len(line.get_xdata()) for line in lines] == [5, 5, 7, 7]
    assert any("some data" in text and "seeds 1, 2" in text for text in texts(figure))


def test_training_size_has_a_logarithmic_axis_and_error_bars():
    points = pd.DataFrame({"size": [100, 100, 800, 800], "repeat": [1, 2, 1, 2], "value": [0.5, 0.7, 0.8, 0.9]})
    figure = curve_figures.training_size(points, "some data")
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["800", "100"]
    mean = axes.containers[0].lines[0]
    assert mean.get_ydata() == pytest.approx([0.6, 0.85])


@pytest.mark.parametrize(
    ("keys", "panels"),
    [
        ({"C": [1, 10]}, 1),
        ({"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, 1),
        ({"depth": [5, 10], "split": [2, 5, 10], "leaf": [1, 2, 4]}, 2),
        ({"depth": [5, 10, 20], "split": [2, 5], "leaf": [1, 2, 4], "trees": [5, 9]}, 4),
    ],
)
def test_a_grid_shows_every_cell_and_marks_the_chosen_once(keys, panels):
    table = grid(**keys)
    figure = choice_figures.grids({"some": table}, {"some": selection(table, 1)}, "some data")
    axes = figure.axes if hasattr(figure, "axes") else []
    axes = axes or [a for part in figure.subfigs for a in part.axes]
    assert len(axes) == panels
    shown = sorted(text.get_text() for a in axes for text in a.texts)
    assert shown == sorted(f"{value:.3f}" for value in table["log_loss"])
    assert sum(len(a.patches) for a in axes) == 1
    assert any("over folds" in text for text in texts(figure))


def test_grids_of_one_cell_are_said_not_to_compare():
    figure = choice_figures.grids({"one": grid(C=[1], kernel=[2])}, {}, "some data")
    assert any("nothing was compared" in text for text in texts(figure))


def test_a_fusion_marks_its_choice_and_the_original_weight():
    curve = [{"weights": [1 - w, w], "accuracy": 0.8 + 0.1 * w, "log_loss": 1 - w} for w in (0.0, 0.5, 1.0)]
    content = {"members": ["cnn", "svm"], "weights": [0.5, 0.5], "criterion": "accuracy", "curve": curve}
    fixed = {"members": ["cnn", "svm"], "weights": [0.3, 0.7], "criterion": None, "curve": []}
    for as_original, expected in ((True, {0.5, 0.7}), (False, {0.5})):
        contents = {"chosen": {**content, "as_original": as_original}, "fixed": fixed}
        figure = choice_figures.fusions(contents, "some data")
        assert {float(line.get_xdata()[0]) for line in figure.axes[0].lines[1:]} == expected
        assert len(figure.axes) == 2


def test_a_fusion_of_three_shows_its_best_points_with_the_chosen_first():
    curve = [
        {"weights": [a / 4, b / 4, (4 - a - b) / 4], "accuracy": 0.8, "log_loss": 1 + a + 0.1 * b}
        for a in range(5)
        for b in range(5 - a)
    ]
    content = {"members": ["cnn", "svm", "rf"], "weights": [0, 0, 1], "criterion": "log_loss", "curve": curve}
    figure = choice_figures.fusions({"three": content}, "some data")
    loss = figure.axes[2]
    drawn, chosen = loss.lines
    assert list(drawn.get_xdata()) == sorted(row["log_loss"] for row in curve)
    assert (float(chosen.get_xdata()[0]), int(chosen.get_ydata()[0])) == (1.0, 0)


def test_weights_chosen_by_the_area_are_drawn_and_told_by_it():
    curve = [
        {"weights": [1 - w, w], "accuracy": 0.8, "log_loss": 1 - w, "auroc": 0.9 + w / 20} for w in (0.0, 0.5, 1.0)
    ]
    content = {"members": ["cnn", "svm"], "weights": [0, 1], "criterion": "auroc", "curve": curve}
    figure = choice_figures.fusions({"chosen": {**content, "as_original": True}}, "some data")
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "validation accuracy",
        "validation log loss",
        "validation auroc",
    ]
    assert list(choice_figures.fusion_numbers({"f": content})["auroc"]) == [row["auroc"] for row in curve]


def test_a_choice_beyond_the_best_points_is_shown_with_its_rank():
    curve = [
        {"weights": [a / 9, b / 9, (9 - a - b) / 9], "accuracy": 0.8, "log_loss": 1 + a + 0.1 * b}
        for a in range(10)
        for b in range(10 - a)
    ]
    content = {"members": ["cnn", "svm", "rf"], "weights": [1, 0, 0], "criterion": "log_loss", "curve": curve}
    figure = choice_figures.fusions({"three": content}, "some data")
    bars, loss = figure.axes[0], figure.axes[2]
    assert [label.get_text() for label in bars.get_yticklabels()][-2:] == ["14", "55"]
    assert float(loss.lines[1].get_xdata()[0]) == 10


def test_confusions_show_mean_counts_and_shares_with_real_names():
    counts = np.array([[[8, 2], [1, 9]], [[6, 4], [1, 9]]])
    figure = result_figures.confusions({"net/cnn": counts}, ["malignant", "normal, benign"], "some data")
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["7.0\n70%", "3.0\n30%", "1.0\n10%", "9.0\n90%"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["malignant", "normal,\nbenign"]


def test_seeds_mark_published_figures_at_their_system_and_below():
    table = tidy(synthetic.run())
    systems = synthetic.ranked(table, "accuracy").systems
    published = synthetic.config()["datasets"]["breast"]["published"]
    figure = result_figures.seeds(
        ranking.runs(table, systems), {"majority": 0.7}, published, Names(), "official", "some data"
    )
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["net/svm", "net/cnn", "ensembles/ensemble_cnn", "ResNet-18 (28) (published)"]
    diamonds = {line.get_ydata()[0]: line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "D"}
    assert diamonds == {0: 0.853, 3: 0.863}


def test_seeds_of_generated_images_stand_beside_no_published_figures():
    table = tidy(synthetic.run())
    published = synthetic.config()["datasets"]["breast"]["published"]
    runs = ranking.runs(table, synthetic.ranked(table, "accuracy").systems)
    figures = {
        images: result_figures.seeds(runs, {}, published, Names(), images, "some data")
        for images in ("generated", "surrogate", "file")
    }
    assert not [line for line in figures["generated"].axes[0].lines if line.get_marker() == "D"]
    legend = [text.get_text() for text in figures["surrogate"].legends[0].get_texts()]
    assert "published elsewhere, on another split" in legend
    legend = [text.get_text() for text in figures["file"].legends[0].get_texts()]
    assert "published elsewhere" in legend  # on which images, nothing here says


def test_differences_fill_what_is_distinguishable_and_leave_baselines_out():
    figure = result_figures.differences(synthetic.comparisons(), naming.Names(), "some data")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["net/cnn", "ensembles/ensemble_cnn"]
    points = {line.get_ydata()[0]: line for line in figure.axes[0].lines if line.get_marker() in "oD"}
    assert {position: line.get_xdata()[0] for position, line in points.items()} == {0: -0.04, 1: 0.02}
    assert [(points[i].get_marker(), points[i].get_markerfacecolor() == "white") for i in (0, 1)] == [
        ("D", False),
        ("o", True),
    ]
    intervals = [tuple(line.get_xdata()) for line in figure.axes[0].lines if len(set(line.get_xdata())) == 2]
    assert intervals == [pytest.approx((-0.07, -0.01)), pytest.approx((-0.01, 0.05))]


def test_the_numbers_of_differences_are_those_that_are_drawn():
    numbers = result_figures.difference_numbers(synthetic.comparisons())
    assert list(numbers["system"]) == ["net/cnn", "ensembles/ensemble_cnn"]
    assert numbers[["difference", "low", "high", "p_adjusted", "significant"]].values.tolist() == [
        [-0.04, pytest.approx(-0.07), pytest.approx(-0.01), 0.04, True],
        [0.02, pytest.approx(-0.01), pytest.approx(0.05), 0.6, False],
    ]


def test_a_system_without_company_is_said_to_be_alone():
    alone = {**synthetic.comparisons(), "systems": []}
    assert "net/svm is the only system: there is nothing to compare it with." in texts(
        result_figures.differences(alone, naming.Names(), "some data")
    )


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    path = tmp_path_factory.mktemp("trust") / "reliability.json"
    write_json(path, synthetic.reliability())
    return reliabilities.read(path, {"breast": {"name": "some data"}})


def test_reliability_diagrams_show_every_run_before_and_after(trusted):
    figure = reliability_figures.diagrams(trusted)
    panels = [axes for part in figure.subfigs for axes in part.axes]
    assert len(panels) == 8  # two systems, before and after, each with a histogram
    run = trusted.content["drawn"][1]
    assert run["address"] == "net/svm" and run["seed"] == 1
    for panel, when in zip(panels[:2], ("before", "after"), strict=True):
        bins = run[when]["diagram"]["bins"]
        drawn = [line for line in panel.lines if len(line.get_xdata()) == len(bins)]
        assert len(drawn) == 2  # seeds
        assert drawn[1].get_ydata() == pytest.approx([row["accuracy"] for row in bins])
        low, high = np.transpose([[segment[0, 1], segment[1, 1]] for segment in panel.collections[0].get_segments()])
        assert low == pytest.approx([row["low"] for row in bins])
        assert high == pytest.approx([row["high"] for row in bins])
    heights = [patch.get_height() for patch in panels[2].patches]
    assert heights == run["before"]["diagram"]["histogram"]
    shown = texts(figure)
    assert any("some data · test n = 80" in text for text in shown)
    assert "net/svm (seeds 1, 2)" in shown and "net/cnn (seeds 1, 2)" in shown


def test_risk_coverage_starts_with_all_images_and_marks_the_threshold(trusted):
    figure = reliability_figures.risk_coverage(trusted)
    axes = figure.axes[0]
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(curves) == 4 and all(curve.get_xdata()[0] == 0 for curve in curves)
    table = trusted.table[(trusted.table["model"] == "net") & (trusted.table["system"] == "svm")]
    expected = [
        table[table["metric"] == metric]["value"].mean() for metric in ("abstention_rate", "selective_accuracy")
    ]
    diamonds = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "D"]
    assert diamonds[0] == pytest.approx(expected)
    assert any("net/svm: seeds 1, 2" in text for text in texts(figure))


def test_coverage_is_drawn_by_class_against_the_intended(trusted):
    figure = reliability_figures.conformal(trusted)
    left, right = figure.axes
    table = trusted.table[(trusted.table["model"] == "net") & (trusted.table["system"] == "svm")]
    for column, (axes, what) in enumerate(((left, "coverage"), (right, "size"))):
        points = [x for line in axes.lines if line.get_marker() in ("o", "s") for x in line.get_xdata()]
        wanted = [f"{scheme}_{what}{part}" for scheme in ("marginal", "by_class") for part in ("", "[0]", "[1]")]
        expected = [table[table["metric"] == metric]["value"].mean() for metric in wanted]
        assert sorted(points) == pytest.approx(sorted(expected)), column
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "all classes",
        "malignant\n(60 test, 30 validation)",
        "normal, benign\n(20 test, 10 validation)",
    ]
    assert any("net/svm, seeds 1, 2" in text for text in texts(figure))


def test_the_numbers_of_reliability_are_those_that_are_drawn(trusted):
    bins = reliability_figures.diagram_numbers(trusted)
    first = trusted.content["drawn"][0]
    part = bins[(bins["system"] == "net/cnn") & (bins["seed"] == 1) & (bins["temperature"] == "after")]
    assert part[["confidence", "accuracy", "low", "high", "n"]].to_dict("records") == first["after"]["diagram"]["bins"]
    points = reliability_figures.risk_coverage_numbers(trusted)
    part = points[(points["system"] == "net/cnn") & (points["seed"] == 1)]
    curve = first["after"]["curve"]
    assert part["accuracy"].tolist() == curve["accuracy"][: len(part)] and part["abstention_rate"].max() <= 0.8
    sets = reliability_figures.conformal_numbers(trusted)
    assert sets["class"].tolist() == ["all classes", "malignant", "normal, benign"] * 2
    assert sets["n"].tolist() == [80, 60, 20] * 2
    assert (sets["low"] <= sets["coverage"]).all() and (sets["coverage"] <= sets["high"]).all()


def test_figures_of_reliability_repeat_exactly(trusted, tmp_path):
    for draw in (reliability_figures.diagrams, reliability_figures.risk_coverage, reliability_figures.conformal):
        for name in ("a.svg", "b.svg"):
            drawing.save(draw(trusted), tmp_path / name)
        assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_deep_tree_is_drawn_to_a_readable_depth():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(300, 5)), rng.integers(0, 3, 300)
    shape = studies.tree_shape(DecisionTreeClassifier(random_state=0).fit(features, labels))
    figure = study_figures.tree(shape, ["a", "b", "c"], "some data")
    boxes = [text for text in texts(figure) if " images\n" in text]
    assert 2**study_figures.TREE_DEPTH <= len(boxes) < 2 ** (study_figures.TREE_DEPTH + 1)
    assert any("300 images" in text for text in boxes)
    assert any("nodes further down not drawn" in text for text in texts(figure))


def test_a_tree_of_one_leaf_is_drawn():
    shape = studies.tree_shape(DecisionTreeClassifier().fit(np.zeros((4, 1)), [0, 0, 1, 1]))
    figure = study_figures.tree(shape, ["a", "b"], "some data")
    assert any("leaf" in text for text in texts(figure))


def test_the_plane_states_variance_and_test_accuracy():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = rng.normal(size=(60, 4)) + 4 * labels[:, None]
    plane = studies.plane(features, labels, [features[:20]], 40, 0, grid=10)
    figure = study_figures.plane(plane, labels[:20], ["a", "b"], "some data")
    assert any("% of variance" in text for text in texts(figure))
    assert any("test accuracy in this plane 1.000" in text for text in texts(figure))


def test_class_names_stay_apart():
    assert naming.class_names(["granulocytes(a)", "granulocytes(b)"]) == ["granulocytes(a)", "granulocytes(b)"]
