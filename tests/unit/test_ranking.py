"""Tests of which system is selected, and of the file that says so."""

import argparse
import math
from pathlib import Path

import numpy as np
import pytest
import synthetic

import rank_systems
from medfusion.errors import UserError
from medfusion.evaluation import metrics, ranking
from medfusion.evaluation.bootstrap import replicate_weights
from medfusion.evaluation.selection_frequency import frequencies
from medfusion.files import images, probabilities, rankings
from medfusion.files.artifacts import write_json
from medfusion.files.images import Description
from medfusion.files.metric_files import tidy
from medfusion.learning import choosing
from medfusion.tools import snapshot_checks


def test_validation_decides_who_is_best_and_test_does_not():
    systems = synthetic.ranked(tidy(synthetic.run()), "accuracy").systems
    assert [row.address for row in systems] == ["net/svm", "net/cnn", "ensembles/ensemble_cnn"]
    best = systems[0]
    assert best.test_accuracy.mean == pytest.approx(0.82) and best.test_accuracy.sd == pytest.approx(math.sqrt(0.0008))
    assert (best.test_accuracy.low, best.test_accuracy.high) == pytest.approx(
        (0.5610, 1.0), abs=1e-4
    )  # 0.82 minus the root of 0.05² + (12.706 · 0.02)²
    assert (best.test_accuracy.least, best.test_accuracy.most, best.test_accuracy.n, best.runs) == (0.80, 0.84, 80, 2)
    assert math.isnan(systems[2].test_accuracy.sd) and not systems[2].seeded


@pytest.mark.parametrize(
    ("criterion", "best"), [("log_loss", "net/cnn"), ("auroc", "net/svm"), ("accuracy", "net/svm")]
)
def test_the_criterion_decides_who_is_best(criterion, best):
    table = tidy(synthetic.run())
    table.loc[(table["metric"] == "log_loss") & (table["system"] == "cnn"), "value"] = 0.01
    found = synthetic.ranked(table, criterion).systems[0]
    assert found.address == best
    assert found.on_validation("log_loss") == found.val_log_loss


def test_baselines_and_the_size_study_are_no_candidates():
    table = tidy(synthetic.run())
    assert [row.system for row in synthetic.ranked(table, "accuracy").baselines] == ["majority"]
    assert {row.model for row in synthetic.ranked(table, "accuracy").systems} == {"net", "ensembles"}


def test_every_model_is_represented_by_its_network_and_its_best():
    contents = synthetic.run()
    systems = synthetic.ranked(tidy(contents), "accuracy").systems
    shown = ranking.representatives(systems)
    assert [row.address for row in shown] == ["net/svm", "net/cnn", "ensembles/ensemble_cnn"]
    assert ranking.confusions(contents, shown[0]).shape == (2, 2, 2)


def test_a_ranking_is_read_as_it_was_written(tmp_path):
    table = tidy(synthetic.run())
    table["system"] = table["system"].replace({"cnn": "=cnn,1"})
    written = synthetic.ranked(table)
    rankings.write(tmp_path / "ranking.csv", written, "=data")
    found = rankings.read(tmp_path / "ranking.csv")
    assert str(found) == str(written) and len(found.systems) == 3 and len(found.baselines) == 1
    assert found.systems[0].equally_good and not found.systems[1].equally_good


def row(text, column, value, number=1):
    """The text of a table with another value in one cell."""
    lines = [line.split(",") for line in text.splitlines()]
    lines[number][lines[0].index(column)] = value
    return "\n".join(map(",".join, lines))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: row(text, "rank", "7"),
        lambda text: "\n".join(text.splitlines()[::4]),
        lambda text: text + text.splitlines()[-1],
        lambda text: row(text, "runs", "inf"),
        lambda text: row(text, "runs", "0"),
        lambda text: row(text, "test_accuracy_n", "60.5"),
        lambda text: row(text, "val_auroc_mean", "inf"),
        lambda text: row(text, "val_accuracy_sd", "high"),
        lambda text: row(text, "val_accuracy_low", ""),
        lambda text: row(text, "seeded", "maybe"),
        lambda text: row(text, "selection_frequency", "1.5"),
        lambda text: row(text, "selection_frequency", ""),  # of a candidate
        lambda text: row(text, "val_accuracy_sd", ""),  # of two runs
        lambda text: "\n".join(text.splitlines()[index] for index in (0, -1, *range(1, 4))),  # the baseline first
    ],
)
def test_what_is_no_ranking_is_named(tmp_path, spoil):
    path = tmp_path / "ranking.csv"
    synthetic.write_ranking(path, synthetic.run())
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UserError, match="ranking.csv: not the ranking of a data set's systems; delete it"):
        rankings.read(path)


def test_a_ranking_of_other_systems_is_named(tmp_path):
    path = tmp_path / "ranking.csv"
    synthetic.write_ranking(path, synthetic.run())
    known = ranking.candidates(tidy(synthetic.run()))
    assert known == {"net/cnn", "net/svm", "ensembles/ensemble_cnn"} and rankings.read(path, known).systems
    with pytest.raises(UserError, match=r"ranking.csv: not of the systems that there are \(net/cnn, net/forest\)"):
        rankings.read(path, known - {"net/cnn"} | {"net/forest"})


# The stage, on probabilities of two classes. Log losses are worked out here with another formula.

LABELS = np.arange(200) % 2
DESCRIPTION = Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, True)


@pytest.fixture
def rank(tmp_path):
    """Runs the stage on the probability of the true class, by model, seed and system; the ranking."""

    def run(right, criterion="log_loss"):
        files, contents = [], {}
        images.write_split(tmp_path / "val.h5", "val", DESCRIPTION, np.zeros((200, 4, 4, 1), np.uint8), LABELS)
        for (model, seed, system), own in right.items():
            files.append(str(tmp_path / f"{model}{seed}{system}.h5"))
            values = np.where(np.arange(2) == LABELS[:, None], own[:, None], 1 - own[:, None])
            probabilities.write(files[-1], DESCRIPTION, {"val": values}, 1.0)
            content = contents.setdefault((model, seed), synthetic.metrics(model, seed, {}, generated=True))
            measured = synthetic.system(float(np.mean(own > 0.5)), 0.5)
            loss = next(row for row in measured["val"] if row["metric"] == "log_loss")
            loss["value"] = float(np.mean(np.log1p((1 - own) / own)))
            content["systems"][system] = measured
        for number, content in enumerate(contents.values()):
            write_json(tmp_path / f"metrics{number}.json", content)
        found = [str(tmp_path / f"metrics{number}.json") for number in range(len(contents))]
        words = ["--metrics", *found, "--systems", *files, "--val", str(tmp_path / "val.h5")]
        args = rank_systems.parser().parse_args(["--settings", "x", *words, "--ranking", str(tmp_path / "ranking.csv")])
        settings = {"dataset": "breast", "criterion": criterion, "replicates": 200, "bootstrap_seed": 0}
        rank_systems.main(args, settings | {"systems": list(map(list, right))})
        assert "breast (generated images)" in Path(args.ranking).read_text().splitlines()[1]
        return rankings.read(args.ranking).systems

    return run


def two_systems(gap, seeds=(1, 2)):
    """An accurate system, and one that is less so and has a log loss that is lower by so many standard errors."""
    rng = np.random.default_rng(3)
    own = {("net", seed, "svm"): np.clip(rng.normal(0.75, 0.2, 200), 0.02, 0.98) for seed in seeds}
    other = {}
    for (model, seed, _), values in own.items():
        changed = np.clip(values + rng.normal(0, 0.02, 200), 0.02, 0.98)
        changed[:3] = 0.49  # three mistakes more
        values[:3] = 0.51
        other[model, seed, "cnn"] = changed
    losses = np.mean([np.log(other[model, seed, "cnn"] / own[model, seed, "svm"]) for model, seed, _ in own], axis=0)
    error = losses.std() / math.sqrt(200)
    shift = gap * error - losses.mean()  # of the mean log loss: all of the second are multiplied by one factor
    other = {run: np.minimum(values * math.exp(shift), 0.999) for run, values in other.items()}
    return own | other


@pytest.mark.parametrize(("gap", "selected"), [(0.7, "net/svm"), (1.4, "net/cnn")])
def test_of_those_within_a_standard_error_the_most_accurate_is_selected(rank, gap, selected):
    systems = rank(two_systems(gap))
    assert [system.address for system in systems][0] == selected
    lower = min(systems, key=lambda system: system.val_log_loss.mean)
    assert lower.address == "net/cnn" and lower.val_accuracy.mean < 1
    assert [system.equally_good for system in systems] == [True, gap < 1]


@pytest.mark.parametrize("criterion", choosing.CRITERIA)
def test_selection_frequencies_are_those_of_the_rule_on_images_drawn_anew(criterion):
    """The rule of `choosing` on the drawn images themselves, replicate by replicate."""
    rng = np.random.default_rng(1)
    systems = [np.clip(0.3 + 0.4 * LABELS + rng.normal(0, 0.25, 200), 0.01, 0.99) for _ in range(3)]
    systems.append(np.clip(systems[0] + rng.normal(0, 0.03, 200), 0.01, 0.99))
    systems = [np.stack([1 - values, values], axis=1) for values in systems]
    parts = {
        name: np.array([choosing.contributions(values, LABELS, name) for values in systems])
        for name in choosing.CRITERIA
    }
    measures = [choosing.measure(values, LABELS) for values in systems]
    found = frequencies(measures, parts, LABELS, criterion, 300, 5)
    expected = np.zeros(4)
    for weights in replicate_weights(LABELS, 300, 5):
        for column in weights.T:
            drawn = np.repeat(np.arange(200), column.astype(int))
            again = [choosing.measure(values[drawn], LABELS[drawn]) for values in systems]
            of_drawn = [choosing.contributions(values[drawn], LABELS[drawn], criterion) for values in systems]
            expected[choosing.equally_good(again, criterion, of_drawn.__getitem__)[0]] += 1
    assert found.sum() == pytest.approx(1) and (found > 0.05).sum() > 1
    # Areas of drawn images are found to first order.
    np.testing.assert_allclose(found, expected / 300, atol=0.05 if criterion == "auroc" else 1e-12)


def test_a_system_that_is_better_by_far_is_always_selected():
    losses = np.linspace(0.1, 0.2, 200)
    parts = np.stack([losses - losses.mean(), losses - losses.mean()]) / 200
    measures = [{"log_loss": value, "accuracy": 0.5} for value in (0.9, 0.15)]
    found = frequencies(measures, {"log_loss": parts, "accuracy": 0 * parts}, LABELS, "log_loss", 50, 0)
    assert found.tolist() == [0, 1]


def test_another_criterion_selects_another_system(rank):
    assert rank(two_systems(1.4), "accuracy")[0].address == "net/svm"


def test_standard_errors_of_log_losses_are_those_after_the_temperature(tmp_path):
    own = np.random.default_rng(0).uniform(0.1, 0.9, 200)
    values = np.where(np.arange(2) == LABELS[:, None], own[:, None], 1 - own[:, None])
    probabilities.write(tmp_path / "a.h5", DESCRIPTION, {"val": values}, 2.5)
    found = rank_systems.contributions(tmp_path / "a.h5", LABELS, "log_loss")["log_loss"]
    losses = np.log1p(((1 - own) / own) ** (1 / 2.5))
    assert np.linalg.norm(found) == pytest.approx(losses.std() / math.sqrt(200), rel=1e-5)
    areas = rank_systems.contributions(tmp_path / "a.h5", LABELS, "auroc")["auroc"]
    assert np.array_equal(areas, choosing.contributions(probabilities.read(tmp_path / "a.h5", "val"), LABELS, "auroc"))


def test_measures_without_probabilities_are_named(rank, tmp_path):
    right = {("net", 1, "cnn"): np.full(200, 0.6), ("net", 1, "svm"): np.full(200, 0.7)}
    rank(right)
    args = argparse.Namespace(metrics=[tmp_path / "metrics0.json"], systems=[tmp_path / "net1cnn.h5"])
    args.val, args.ranking = tmp_path / "val.h5", tmp_path / "o.csv"
    with pytest.raises(UserError, match="metrics0.json: measures of net/svm, which is no candidate; delete it"):
        settings = {"dataset": "breast", "criterion": "log_loss", "replicates": 200, "bootstrap_seed": 0}
        rank_systems.main(args, settings | {"systems": [["net", 1, "cnn"]]})
    assert not (tmp_path / "o.csv").exists()


def test_a_single_run_keeps_its_interval_and_equal_seeds_have_that_of_their_images():
    one = ranking.interval_of_mean(np.array([0.8]), np.array([0.7]), np.array([0.88]), 0.95)
    three = ranking.interval_of_mean(np.full(3, 0.8), np.full(3, 0.7), np.full(3, 0.88), 0.95)
    assert one == pytest.approx((0.7, 0.88)) and three == pytest.approx((0.7, 0.88))


def test_the_interval_keeps_to_what_the_measure_can_be():
    """Not to where those of the runs happen to lie; and a calibration error can lie below its own interval."""
    runs = np.array([0.3, 0.5]), np.array([0.25, 0.42]), np.array([0.36, 0.6])
    assert ranking.interval_of_mean(*runs, 0.95, ranking.bounds("log_loss"))[1] == pytest.approx(1.673, abs=1e-3)
    assert ranking.interval_of_mean(*runs, 0.95, ranking.bounds("accuracy"))[1] == 1
    assert ranking.interval_of_mean(*runs, 0.95, ranking.bounds("mcc"))[0] < -0.5
    low, high = ranking.interval_of_mean(np.array([0.02, 0.022]), np.full(2, 0.03), np.full(2, 0.06), 0.95)
    assert low == pytest.approx(0.021 - 12.706 * 0.001, abs=1e-4) and high > 0.06


@pytest.mark.parametrize(("spread", "seeds"), [(0.0, 3), (0.02, 3), (0.02, 10), (0.05, 5)])
def test_the_interval_of_a_mean_holds_what_new_images_and_new_seeds_give(spread, seeds):
    """Runs of seeds of different accuracy on the same images, half of whose errors they share."""
    rng, n, held, times = np.random.default_rng(seeds), 200, 0, 600
    for _ in range(times):
        accuracies = rng.normal(0.85, spread, seeds).clip(0, 1)
        shared, own = rng.random(n), rng.random((seeds, n))
        values = np.where(rng.random(n) < 0.5, shared, own) < accuracies[:, None]
        counts = values.sum(axis=1)
        limits = np.array([metrics.wilson(count, n, 0.95) for count in counts])
        low, high = ranking.interval_of_mean(counts / n, *limits.T, 0.95)
        held += low <= 0.85 <= high
    assert held / times > 0.94


def test_intervals_over_seeds_end_where_values_can():
    """The two lists of what values a measure can have say the same."""
    assert {name: ranking.bounds(name)[0] for name in snapshot_checks.LOWEST} == snapshot_checks.LOWEST
    assert all(ranking.bounds(name)[1] >= 2 for name in snapshot_checks.HIGHEST)
