"""Means over folds and differences of systems: by hand, against SciPy, and on data without a signal."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medfusion.evaluation import crossvalidation, partition_tables
from medfusion.report import partitions

FOLDS = [0.80, 0.90, 0.70, 0.80, 0.85]


def test_the_interval_is_students_with_the_corrected_variance():
    """Variance of five folds, .0055; corrected by 1/5 + 1/4."""
    found = crossvalidation.summarise(FOLDS, 0.25, 0.95)
    error = np.sqrt((1 / 5 + 1 / 4) * np.var(FOLDS, ddof=1))
    assert found.mean == pytest.approx(0.81) and found.folds == 5
    assert found.sd == pytest.approx(0.0741620, abs=1e-7)
    assert (found.low, found.high) == pytest.approx((0.81 - 2.7764451 * error, 0.81 + 2.7764451 * error), abs=1e-7)


def test_limits_stay_where_the_measure_can_be():
    found = crossvalidation.summarise([0.9, 1.0, 1.0], 0.5, 0.95)
    assert found.high == 1.0
    assert crossvalidation.summarise([0.9, 1.0, 1.0], 0.5, 0.95, (0.0, np.inf)).high > 1


def test_a_plain_t_test_is_the_case_without_overlap():
    """With no correction the p value is that of Student's test of one sample."""
    differences = [0.02, 0.01, 0.03, -0.01, 0.02]
    found = crossvalidation.compare(differences, 0.0, 0.01, 0.95)
    expected = stats.ttest_1samp(differences, 0)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_probabilities_are_those_of_the_shifted_t_distribution():
    differences = np.array([0.02, 0.01, 0.03, -0.01, 0.02])
    found = crossvalidation.compare(differences, 0.25, 0.01, 0.95)
    draws = np.random.default_rng(0).standard_t(4, 2_000_000)
    draws = differences.mean() + draws * np.sqrt(0.45 * differences.var(ddof=1))
    shares = [(draws < -0.01).mean(), (np.abs(draws) <= 0.01).mean(), (draws > 0.01).mean()]
    assert (found.worse, found.equivalent, found.better) == pytest.approx(shares, abs=2e-3)
    assert found.worse + found.equivalent + found.better == pytest.approx(1)


def test_without_a_region_of_equivalence_its_probability_is_nothing():
    """Not less either, by what rounding leaves of 1."""
    rng = np.random.default_rng(0)
    found = [crossvalidation.compare(rng.normal(0.01, 0.02, 10), 0.25, 0.0, 0.95).equivalent for _ in range(300)]
    assert min(found) >= 0 and max(found) < 1e-12


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.05, 0.06, 0.05, 0.04, 0.05], "better"),
        ([-0.05, -0.06, -0.05, -0.04, -0.05], "worse"),
        ([0.001, -0.001, 0.0, 0.002, 0.001], "practically equivalent"),
        ([0.05, -0.06, 0.05, 0.01, -0.02], "undecided"),
        ([0.0, 0.0, 0.0], "practically equivalent"),
        ([0.5, 0.5, 0.5], "better"),
        ([1.1e-16, 1.1e-16, 1.1e-16], "practically equivalent"),  # the order of sums alone
    ],
)
def test_verdicts(differences, verdict):
    assert (found := crossvalidation.compare(differences, 0.25, 0.01, 0.95)).verdict(found.p, 0.05) == verdict
    if verdict == "practically equivalent" and np.ptp(differences) < 1e-9:
        found = crossvalidation.compare(differences, 0.25, 0.0, 0.95)
        assert (found.p, found.better, found.worse) == (1, 0, 0)


def test_what_is_detectable_is_found_with_the_power_that_it_says():
    """Normal differences of that mean: the test of level .05 finds four in five of them."""
    spread, folds = 0.02, 25
    rng = np.random.default_rng(1)
    sample = rng.normal(0, spread, folds)
    sample = (sample - sample.mean()) / sample.std(ddof=1) * spread
    effect = crossvalidation.compare(sample, 0.0, 0.01, 0.95).detectable
    draws = rng.normal(effect, spread, (4000, folds))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.04)


def test_nothing_is_better_where_there_is_no_signal():
    """Labels of a coin, 5 x 5 folds, two classifiers: in at most one of twenty experiments a difference is found."""
    rng = np.random.default_rng(3)
    found, repeats = [], 200
    for _ in range(repeats):
        points, labels = rng.normal(size=(60, 4)), rng.integers(0, 2, 60)
        distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
        differences = []
        for _ in range(5):
            for test in np.array_split(rng.permutation(60), 5):
                train = np.setdiff1d(np.arange(60), test)
                nearest = labels[train][distances[np.ix_(test, train)].argmin(axis=1)]
                centres = np.stack([points[train][labels[train] == label].mean(axis=0) for label in (0, 1)])
                central = ((points[test][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
                differences.append((nearest == labels[test]).mean() - (central == labels[test]).mean())
        found.append(crossvalidation.compare(differences, 0.25, 0.01, 0.95))
    assert np.mean([one.p < 0.05 for one in found]) <= 0.07
    assert np.mean([one.verdict(one.p, 0.05) in ("better", "worse") for one in found]) <= 0.05


SETTINGS = {
    "scheme": "crossvalidation",
    "pool": ["train", "val"],
    "folds": 4,
    "repeats": 1,
    "threshold": 0.95,
    "confidence": 0.95,
    "practically_equivalent": 0.01,
    "compare": [["a/cnn", "a/svm"], ["a/svm", "a/cnn"]],
}


@pytest.fixture
def values():
    """Two systems in four folds of ten test images; the second with two seeds, of which the mean counts."""
    rows = []
    for fold, (accuracy, loss) in enumerate([(0.8, 0.5), (0.9, 0.4), (0.7, 0.6), (0.8, 0.5)], start=1):
        address = (f"data/crossvalidation/repeat1-fold{fold}", "a")
        rows += [(*address, 1, "cnn", metric, value, 10) for metric, value in
                 (("accuracy", accuracy), ("auroc", accuracy), ("log_loss", loss))]  # fmt: skip
        rows += [(*address, seed, "svm", metric, value + shift, 10)
                 for seed, shift in ((1, -0.2), (2, 0.0)) for metric, value in
                 (("accuracy", accuracy), ("auroc", accuracy), ("log_loss", loss - 0.1 * fold))]  # fmt: skip
    return pd.DataFrame(rows, columns=["dataset", "model", "seed", "system", "metric", "value", "n"])


def test_tables(values):
    found = partition_tables.tabulate(values, 40, SETTINGS)
    assert (found.partitions, found.tested, found.trained) == (4, 10, 30)
    measures = found.measures.set_index(["system", "metric"])
    assert measures.loc[("a/cnn", "accuracy"), "mean"] == pytest.approx(0.8)
    assert measures.loc[("a/svm", "accuracy"), "mean"] == pytest.approx(0.7)  # of both seeds
    one = crossvalidation.summarise([0.8, 0.9, 0.7, 0.8], 10 / 30, 0.95)
    assert measures.loc[("a/cnn", "accuracy"), "high"] == pytest.approx(one.high)
    compared = found.comparisons.set_index(["first", "metric"])
    assert compared.loc[("a/cnn", "accuracy"), "mean"] == pytest.approx(0.1)
    assert compared.loc[("a/cnn", "accuracy"), "verdict"] == "better"  # by as much in every fold
    # Of log loss the lower is better: the second has .1 and .1 * fold less.
    assert compared.loc[("a/cnn", "log_loss"), "mean"] == pytest.approx(-0.35)
    assert compared.loc[("a/svm", "log_loss"), "mean"] == pytest.approx(0.35)
    row = compared.loc[("a/cnn", "log_loss")]
    assert row["p_adjusted"] == pytest.approx(min(2 * row["p"], 1))


def test_the_page_says_what_was_divided_and_what_was_found(values):
    found = partition_tables.tabulate(values, 40, SETTINGS)
    text = partitions.text(found, "Toys", SETTINGS)
    assert text.startswith("# Toys: cross-validation\n")
    assert "the images of train and val, 4 folds, once;" in text
    assert "ran on 30 images (training and validation), and was tested on the 10 others" in text
    assert "| `a/cnn` | 0.800 (" in text
    pooled = partitions.text(found, "Toys", {**SETTINGS, "pool": ["train", "val", "test"]})
    assert "Divided: all images, those of the test split among them, 4 folds" in pooled
    values.loc[values["dataset"].str.endswith("fold2"), "n"] = 13
    values.loc[values["dataset"].str.endswith("fold3"), "n"] = 7
    assert "was tested on the 10 others (7 to 13);" in partitions.text(
        partition_tables.tabulate(values, 40, SETTINGS), "Toys", SETTINGS
    )
    assert (
        "| `a/cnn` against `a/svm` | accuracy | +0.100 (+0.100 to +0.100) | 0.00 / 0.00 / 1.00 | better | < 0.0001 |"
        in text
    )
