"""Tests of curves, operating points and net benefit: by hand, and against scikit-learn."""

import math

import numpy as np
import pytest
import synthetic
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

import assess_discrimination
from medfusion.errors import UserError
from medfusion.evaluation.discrimination import (
    FALSE_POSITIVE_RATES,
    RECALLS,
    THRESHOLDS,
    Chosen,
    RankedImages,
    curve_classes,
    mean_band,
    measure,
    precisions_at,
    predictive_values,
    rates_at,
    sensitivities,
)
from medfusion.figures import drawing
from medfusion.figures.discrimination_figures import curve_numbers, curves
from medfusion.files import calibrations, discriminations, images, probabilities
from medfusion.files.artifacts import read_record, write_json
from medfusion.files.images import Description
from medfusion.report import discrimination as account
from medfusion.report import page_card
from medfusion.report.page_components import Section
from medfusion.system_id import SystemId
from medfusion.tasks import BINARY, MULTI_CLASS, MULTI_LABEL

OPTIONS = {"positive": 0, "prevalences": [0.05], "replicates": 200, "confidence": 0.95, "seed": 0}
# Scores of the first class, highest first, and what the images are: 1 for that class.
BY_HAND = {"positive": np.array([1, 1, 0, 1, 0, 0, 0, 0, 1, 0], bool), "scores": np.arange(10, 0, -1) / 11}


def counts(positive, scores):
    return RankedImages(positive, scores).counts(np.ones((len(scores), 1)))


def of_first(positive, scores):
    """Labels and probabilities of two classes, of which the first is the positive one."""
    return np.where(positive, 0, 1), np.column_stack([scores, 1 - scores])


def named(measures):
    return {measure.metric: measure for measure in measures}


def at(places, place):
    return int(np.flatnonzero(np.isclose(places, place))[0])


def random_case(n=300, classes=2, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        values = np.round(values, 1) + 1e-3
        values /= values.sum(axis=1, keepdims=True)
        values = np.round(values, 2)
        values[:, -1] = 1 - values[:, :-1].sum(axis=1)
    return labels, values


def test_counts_by_hand():
    hits, false = counts(**BY_HAND)
    assert hits.tolist() == [[0, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4]]
    assert false.tolist() == [[0, 0, 0, 1, 1, 2, 3, 4, 5, 5, 6]]


def test_equal_scores_are_called_together():
    hits, false = counts(np.array([True, False, True]), np.array([0.5, 0.5, 0.2]))
    assert (hits.tolist(), false.tolist()) == ([[0, 1, 2]], [[0, 1, 1]])


def test_curves_by_hand():
    hits, false = counts(**BY_HAND)
    roc, precision = sensitivities(hits, false)[0], precisions_at(hits, false)[0]
    assert roc[0] == 0.5 and roc[-1] == 1  # two of four before the first false alarm
    assert roc[at(FALSE_POSITIVE_RATES, 0.17)] == 0.75  # one of six others: past 1/6
    assert precision[at(RECALLS, 0)] == precision[at(RECALLS, 0.5)] == 1
    assert precision[at(RECALLS, 0.51)] == precision[at(RECALLS, 0.75)] == 0.75
    assert precision[at(RECALLS, 1)] == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("share", "sensitivity", "specificity"),
    # at a specificity of .8 one false alarm of six is allowed (.833); a sensitivity of .75 is had with that one
    [(0.8, 0.75, 1 - 5 / 6), (0.75, 0.75, 1 - 1 / 6), (0.5, 0.75, 1.0), (1.0, 0.5, 1 - 5 / 6)],
)
def test_rates_at_a_rate_by_hand(share, sensitivity, specificity):
    found = rates_at(*counts(**BY_HAND), share)
    assert found[0].item() == pytest.approx(sensitivity)
    assert found[1].item() == pytest.approx(specificity)


def test_there_are_no_rates_where_one_class_has_no_image():
    for positive in ([True, True], [False, False]):
        assert np.isnan(np.concatenate(rates_at(*counts(np.array(positive), np.array([0.2, 0.7])), 0.9))).all()


def test_a_share_is_reached_in_spite_of_rounding():
    """One false alarm in ten is a specificity of 0.9, though 1 - 0.9 is a little less than a tenth."""
    positive = np.array([True, False] + [True] + [False] * 9)
    sensitivity, _ = rates_at(*counts(positive, np.arange(12, 0, -1) / 13), 0.9)
    assert sensitivity.item() == 1


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_those_of_scikit_learn(ties):
    labels, values = random_case(ties=ties)
    hits, false = counts(labels == 1, values[:, 1])
    rates, theirs, _ = roc_curve(labels, values[:, 1], drop_intermediate=False)
    assert sensitivities(hits, false)[0] == pytest.approx(np.interp(FALSE_POSITIVE_RATES, rates, theirs))
    precision, recall, _ = precision_recall_curve(labels, values[:, 1])
    for place, ours in zip(RECALLS[1:], precisions_at(hits, false)[0][1:], strict=True):
        # theirs come from the lowest threshold: of those that reach the recall the highest is the last
        assert ours == pytest.approx(precision[np.flatnonzero(recall >= place - 1e-9)[-1]])
    assert np.sum(np.diff(hits[0]) * hits[0, 1:] / (hits[0, 1:] + false[0, 1:])) / hits[0, -1] == pytest.approx(
        average_precision_score(labels, values[:, 1])
    )


@pytest.mark.parametrize("positive", [0, 1])
def test_areas_of_two_classes_are_those_of_scikit_learn(positive):
    labels, values = random_case()
    found = named(measure(labels, values, BINARY, Chosen(), **{**OPTIONS, "positive": positive})[0])
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels, values[:, 1]))
    theirs = average_precision_score(labels == positive, values[:, positive])
    assert found["average_precision"].value == pytest.approx(theirs)
    for one in found.values():
        assert math.isnan(one.value) or one.low <= one.value <= one.high, one


def test_means_over_classes_are_those_of_scikit_learn():
    labels, values = random_case(classes=4)
    measures, drawn = measure(labels, values, MULTI_CLASS, Chosen(), **{**OPTIONS, "positive": None})
    found = named(measures)
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels, values, multi_class="ovr"))
    assert found["average_precision"].value == pytest.approx(average_precision_score(np.eye(4)[labels], values))
    for label in range(4):
        rates, theirs, _ = roc_curve(labels == label, values[:, label], drop_intermediate=False)
        assert drawn.classes["roc"][label] == pytest.approx(np.interp(FALSE_POSITIVE_RATES, rates, theirs))
        assert found[f"auroc[{label}]"].value == pytest.approx(roc_auc_score(labels == label, values[:, label]))
    for name in ("roc", "precision_recall"):
        value, low, high = drawn.bands[name]
        assert value == pytest.approx(drawn.classes[name].mean(axis=0))
        assert (low <= value).all() and (value <= high).all()
    assert "net_benefit" not in drawn.bands and not any("specificity_at" in name for name in found)


def test_several_labels_at_once_have_a_curve_each():
    rng = np.random.default_rng(1)
    labels = (rng.random((200, 3)) < [0.4, 0.2, 0.03]).astype(int)
    labels[0], labels[1] = 1, 0
    values = np.clip(0.4 * labels + 0.5 * rng.random(labels.shape), 0, 1)
    measures, drawn = measure(labels, values, MULTI_LABEL, Chosen(), **{**OPTIONS, "positive": None})
    found = named(measures)
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels, values))
    assert found["average_precision"].value == pytest.approx(average_precision_score(labels, values))
    called = values[:, 2] > 0.5
    assert found["sensitivity_default[2]"].value == pytest.approx(called[labels[:, 2] == 1].mean())
    assert np.isfinite(drawn.bands["roc"]).all() and np.isfinite(drawn.bands["precision_recall"]).all()


def test_operating_points_by_hand():
    labels, values = of_first(**BY_HAND)
    found = named(measure(labels, values, BINARY, Chosen(1.0, 0.65), **OPTIONS)[0])
    # above 0.5: five images, three of them positive; from 0.65 on: three, two of them positive
    assert [found[f"{name}_default[0]"].value for name in ("sensitivity", "specificity", "precision", "npv")] == [
        *(3 / 4, 4 / 6, 3 / 5, 4 / 5)
    ]
    assert [found[f"{name}_chosen[0]"].value for name in ("sensitivity", "specificity", "precision", "npv")] == [
        *(2 / 4, 5 / 6, 2 / 3, 5 / 7)
    ]
    assert (found["sensitivity_default[0]"].n, found["specificity_default[0]"].n) == (4, 6)
    assert (found["sensitivity_at_specificity[90]"].value, found["sensitivity_at_specificity[90]"].n) == (0.5, 4)
    assert (found["specificity_at_sensitivity[90]"].value, found["specificity_at_sensitivity[90]"].n) == (
        *(pytest.approx(1 / 6), 6),
    )


def test_the_threshold_from_validation_is_on_tempered_probabilities():
    labels, values = of_first(np.array([True, False]), np.array([0.9, 0.2]))
    hot = named(measure(labels, values, BINARY, Chosen(3.0, 0.7), **OPTIONS)[0])
    assert hot["sensitivity_chosen[0]"].value == 0  # 0.9 is 0.675 then
    assert named(measure(labels, values, BINARY, Chosen(1.0, 0.7), **OPTIONS)[0])["sensitivity_chosen[0]"].value == 1


def test_net_benefit_by_hand():
    labels, values = of_first(**BY_HAND)
    benefit = measure(labels, values, BINARY, Chosen(), **OPTIONS)[1].bands["net_benefit"][0]
    # from 0.5 on five images are called, two of them wrongly; from 0.8 on two, both rightly
    assert benefit[at(THRESHOLDS, 0.5)] == pytest.approx(3 / 10 - 2 / 10)
    assert benefit[at(THRESHOLDS, 0.8)] == pytest.approx(2 / 10)
    assert benefit[at(THRESHOLDS, 0.05)] == pytest.approx(4 / 10 - 6 / 10 * 0.05 / 0.95)  # all are called
    assert benefit[at(THRESHOLDS, 0.95)] == 0


def test_predictive_values_by_bayes_and_at_the_prevalence_of_the_images():
    ppv, npv = predictive_values(30, 40, 90, 120, 0.1, 0.95)
    assert ppv[0] == pytest.approx(0.75 * 0.1 / (0.75 * 0.1 + 0.25 * 0.9))
    assert npv[0] == pytest.approx(0.75 * 0.9 / (0.75 * 0.9 + 0.25 * 0.1))
    ppv, npv = predictive_values(30, 40, 90, 120, 40 / 160, 0.95)
    assert (ppv[0], npv[0]) == (pytest.approx(30 / 60), pytest.approx(90 / 100))


def test_intervals_of_predictive_values_cover():
    rng = np.random.default_rng(2)
    true = 0.8 * 0.1 / (0.8 * 0.1 + 0.1 * 0.9), 0.9 * 0.9 / (0.9 * 0.9 + 0.2 * 0.1)
    covered = np.zeros(2)
    for found, spared in zip(rng.binomial(42, 0.8, 2000), rng.binomial(114, 0.9, 2000), strict=True):
        limits = predictive_values(int(found), 42, int(spared), 114, 0.1, 0.95)
        covered += [low <= value <= high for value, (_, low, high) in zip(true, limits, strict=True)]
    assert (np.abs(covered / 2000 - 0.95) < 0.015).all(), covered / 2000


@pytest.mark.parametrize(("found", "spared"), [(0, 6), (4, 6), (4, 0), (0, 0), (2, 6), (4, 3)])
def test_predictive_values_at_the_edge_have_an_interval_or_are_none(found, spared):
    for value, low, high in predictive_values(found, 4, spared, 6, 0.3, 0.95):
        assert math.isnan(value) == math.isnan(low) == math.isnan(high)
        assert math.isnan(value) or (0 <= low <= value <= high <= 1 and low < high)
    assert math.isnan(predictive_values(0, 4, 6, 6, 0.3, 0.95)[0][0])  # nothing is called so


def test_bands_cover_at_a_rate():
    """Sensitivity at a false-positive rate of 0.2 of two normal distributions, in 100 draws of 80 and 120 images."""
    rng, place, covered = np.random.default_rng(3), at(FALSE_POSITIVE_RATES, 0.2), 0
    true = 1 - 0.5 * math.erfc((1.5 - 0.8416212) / math.sqrt(2))
    positive = np.arange(200) < 80
    for seed in range(100):
        scores = 1 / (1 + np.exp(-(rng.normal(size=200) + 1.5 * positive)))
        labels, values = of_first(positive, scores)
        _, low, high = measure(labels, values, BINARY, Chosen(), **{**OPTIONS, "seed": seed, "replicates": 100})[
            1
        ].bands["roc"]
        covered += low[place] <= true <= high[place]
    assert 0.88 <= covered / 100 <= 1


def test_a_band_is_the_same_in_any_order_of_equal_images():
    labels, values = random_case(n=60, ties=True)
    first = measure(labels, values, BINARY, Chosen(), **OPTIONS)[1]
    again = measure(labels, values, BINARY, Chosen(), **OPTIONS)[1]
    for name, band in first.bands.items():
        assert np.array_equal(band, again.bands[name])


def test_the_mean_over_runs_has_wider_limits_than_the_mean_of_limits():
    runs = [np.stack([[value], [value - 0.1], [value + 0.1]]) for value in (0.5, 0.6, 0.7)]
    value, low, high = mean_band(runs, "roc", 0.95)[:, 0]
    assert value == pytest.approx(0.6) and low < 0.5 and high > 0.7
    assert np.array_equal(mean_band(runs[:1], "roc", 0.95), runs[0])


def test_of_two_classes_one_has_a_curve():
    assert curve_classes(BINARY, 2, 0) == [0] and curve_classes(BINARY, 2, None) == [1]
    assert curve_classes(MULTI_CLASS, 3, 1) == [0, 1, 2]


def test_labels_that_are_none_are_refused():
    with pytest.raises(ValueError, match="expected every class"):
        measure(np.zeros(4, int), np.full((4, 2), 0.5), BINARY, Chosen(), **OPTIONS)


# -- the stage, its file, the figure, the page ------------------------------------------------------------------------


@pytest.fixture
def assessed(tmp_path):
    """What the stage writes of two seeds of a network and an SVM, and the nearest neighbour."""

    def run(positive=0, classes=2, decision=0.3):
        task = BINARY if classes == 2 else MULTI_CLASS
        names = ("malignant", "normal, benign") if classes == 2 else tuple("abcdefgh"[:classes])
        description = Description("breastmnist" if classes == 2 else "bloodmnist", task, names, "0" * 64, False)
        labels, _ = random_case(80, classes)
        images.write_labels(tmp_path / "labels.h5", "test", description, labels)
        runs = [("net", seed, system) for seed in (1, 2) for system in ("cnn", "svm")]
        runs += [("ensembles", None, "ensemble_cnn")]
        files = []
        for number, _ in enumerate([*runs, "baseline"]):
            files.append(str(tmp_path / f"{number}.h5"))
            _, values = random_case(80, classes, seed=0)
            noise = np.random.default_rng(number).random(values.shape)
            values = (values + noise) / (values + noise).sum(axis=1, keepdims=True)
            probabilities.write(files[-1], description, {"test": values}, 1.0)
        chosen = calibrations.Calibration(1.2, 0.5, (0.5,) * classes, decision, 0.5)
        found = {SystemId(*run): chosen for run in runs}
        calibrations.write(
            tmp_path / "calibration.json",
            calibrations.Calibrations("breast", task, positive, None, 0.9, 0.1, (20,) * classes, found),
        )
        ranking = synthetic.write_ranking(tmp_path / "ranking.csv", synthetic.run())
        words = ["--settings", "x", "--systems", *files[:-1], "--baseline", files[-1], "--ranking", ranking]
        words += ["--calibration", str(tmp_path / "calibration.json"), "--test-labels", str(tmp_path / "labels.h5")]
        words += ["--discrimination", str(tmp_path / "out.json")]
        settings = {"dataset": "breast", "systems": [list(run) for run in runs], "positive": positive}
        settings |= {"prevalences": [0.05], "replicates": 100, "confidence": 0.95, "bootstrap_seed": 0}
        assess_discrimination.main(assess_discrimination.parser().parse_args(words), settings)
        return tmp_path / "out.json"

    return run


def read(path):
    return discriminations.read(path, {"breast": {"name": "some data"}})


def test_the_stage_measures_the_selected_system_its_network_and_the_baseline(assessed):
    found = read(assessed())
    assert [curve.address for curve in found.curves] == ["net/svm", "net/cnn", "baselines/nearest_neighbour"]
    assert [curve.seeds for curve in found.curves] == [[1, 2], [1, 2], [None]]
    assert found.positive == "malignant" and found.images_with == sum(random_case(80)[0] == 0)
    labels, _ = random_case(80)
    areas = [
        roc_auc_score(labels == 0, probabilities.read(assessed().parent / f"{number}.h5", "test")[:, 0])
        for number in (1, 3)
    ]
    area = found.score("net/svm", "auroc")
    assert area is not None and area.mean == pytest.approx(np.mean(areas))
    assert found.score("baselines/nearest_neighbour", "sensitivity_chosen[0]") is None
    assert found.score("net/svm", "sensitivity_chosen[0]").low < found.score("net/svm", "sensitivity_chosen[0]").mean


def test_the_figure_draws_what_was_measured(assessed):
    found = read(assessed())
    with drawing.style("white"):
        figure = curves(found)
    assert len(figure.axes) == 3
    for axes, name in zip(figure.axes, ("roc", "precision_recall", "net_benefit"), strict=True):
        drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(found.places[name])]
        for curve in found.curves:
            assert any(np.array_equal(values, curve.bands[name][0]) for values in drawn), name
    points = {(line.get_marker(), line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines}
    for rule, marker in (("default", "o"), ("chosen", "D")):
        point = discriminations.operating_point(found, "net/svm", rule, 0)
        assert (marker, 1 - point.specificity, point.sensitivity) in points
    area = found.score("net/svm", "auroc")
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(f"AUROC {area.mean:.3f} ({area.low:.3f} to {area.high:.3f})" in text for text in said)
    numbers = curve_numbers(found)
    assert set(numbers["curve"]) == {"roc", "precision_recall", "net_benefit"} and set(numbers["class"]) == {""}


def test_several_classes_have_thin_lines_and_no_net_benefit(assessed):
    found = read(assessed(positive=None, classes=3, decision=None))
    with drawing.style("white"):
        figure = curves(found)
    assert len([axes for axes in figure.axes if axes.get_title()]) == 2
    thin = [line for line in figure.axes[0].lines if line.get_linewidth() == 0.8]
    assert len(thin) == 3
    assert set(curve_numbers(found)["class"]) == {"", "a", "b", "c"}
    section = Section("x", "x")
    account.fill(section, found)
    assert not section.notes and not section.tables
    assert page_card._roc(found) is None


def test_tables_count_images(assessed):
    found, section = read(assessed()), Section("x", "x")
    account.fill(section, found)
    rates, counts_of, predictive = section.tables
    with_label = found.images_with
    point = discriminations.operating_point(found, "net/svm", "chosen", 0)
    first, second = counts_of.bodies[0].rows
    called, missed = (cell.sort for cell in first.cells[3:5])
    assert called == pytest.approx(point.sensitivity * with_label) and called + missed == pytest.approx(with_label)
    assert second.cells[4].sort == pytest.approx(point.specificity * (80 - with_label))
    score = found.score("net/svm", "sensitivity_at_specificity[90]")
    assert rates.bodies[0].rows[0].cells[1].text == f"{score.mean:.3f} ± {score.sd:.3f}"
    assert f"of {with_label}, {score.low:.3f} to {score.high:.3f}" in rates.bodies[0].rows[0].cells[1].note
    assert [row.cells[0].text.replace("\xa0", " ") for row in predictive.bodies[0].rows][1:] == ["5 %"]


def test_the_card_has_the_curve_of_two_classes(assessed):
    found = read(assessed())
    roc = page_card._roc(found)
    assert roc.text.startswith("ROC curve for malignant, area 0.")
    assert len(roc.selected.split()) == len(found.places["roc"]) == len(roc.network.split())
    assert len(roc.band.split()) == 2 * len(found.places["roc"])
    assert roc.selected.split()[-1] == "100,0" and [kind for kind, _, _ in roc.marks] == ["default", "chosen"]


def test_a_run_that_nothing_was_chosen_for_is_named(assessed, tmp_path):
    assessed()
    content = read_record(tmp_path / "calibration.json", ())
    del content["systems"]["net/svm"]["2"]
    write_json(tmp_path / "calibration.json", content)
    original = calibrations.write
    calibrations.write = lambda *_: None
    try:
        with pytest.raises(UserError, match="calibration.json: lacks net/svm, seed 2; delete it and run again"):
            assessed()
    finally:
        calibrations.write = original


@pytest.mark.parametrize(
    "change",
    [
        {"curves": [{"address": "net/svm", "seeds": [1], "bands": {"roc": {}}, "classes": {}}]},
        {"curves": []},
        {"groups": []},
        {"places": {"roc": [0, 1]}},
        {"places": "roc"},
    ],
)
def test_a_file_that_holds_something_else_is_named(assessed, tmp_path, change):
    write_json(tmp_path / "broken.json", {**read_record(assessed(), ()), **change})
    with pytest.raises(UserError, match="broken.json: not what assess_discrimination writes .*; delete it"):
        read(tmp_path / "broken.json")


def test_a_file_of_another_data_set_is_named(assessed):
    with pytest.raises(UserError, match="of the data set 'breast', not of blood; delete it"):
        discriminations.read(assessed(), {"blood": {"name": "x"}})
