"""Systems averaged over folds: what is planned, put together and said; prediction sets by CV+."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from configurations import completed
from synthetic import metrics, reliability, write_ranking
from test_damaged_artifacts import DESCRIPTION, DIVISIONS, POOLED, made, run  # noqa: F401

from medfusion.data.partitioning import divide
from medfusion.errors import UserError
from medfusion.evaluation.cross_conformal import prediction_sets
from medfusion.files import fold_ensembles, images, pools, probabilities, rankings, reliabilities
from medfusion.learning.calibration import choose_temperature, scale
from medfusion.planning.job_settings import job_settings
from medfusion.planning.jobs import jobs
from medfusion.planning.plan import Plan
from medfusion.report import fold_ensembles as report

PATH = "breast/crossvalidation/ensembles"


def plan(**more):
    wanted = {"folds": 3, "repeats": 2, "models": ["breast_resnet"], "compare": [], **more}
    return Plan(completed(yaml.safe_dump({"datasets": {"breast": {"crossvalidation": wanted}}})))


def test_they_are_planned_where_they_are_asked_for():
    def listed(found):
        return [job for job in jobs(found, ["crossvalidation"]) if job.wildcards.get("dataset") == PATH]

    assert not listed(plan()) and not plan().fold_ensembles
    found = plan(ensembles=True)
    stages = [job.stage for job in listed(found)]
    assert stages.count("ensemble_folds") == 2 * 3 and stages.count("evaluate") == 2
    assert {"rank_systems", "calibrate", "assess_reliability", "summarise_fold_ensembles"} < set(stages)
    assert not [job for job in jobs(found) if "ensembles" in job.wildcards.get("dataset", "")]
    one = SimpleNamespace(dataset=PATH, model="breast_resnet", seed="2", system="cnn")
    folds = [f"results/breast/crossvalidation/repeat2-fold{fold}/breast_resnet/seed2" for fold in (1, 2, 3)]
    assert found.of_folds(one) == [f"{fold}/features.h5" for fold in folds]
    assert found.of_folds_on_given(one) == [f"{fold}/given_test.h5" for fold in folds]
    assert job_settings(found)["ensemble_folds"](one)["divisions"] == [
        {"pool": POOLED, "folds": 3, "fold": fold, "seed": 2} for fold in (1, 2, 3)
    ]
    assert found.test_labels(one) == "results/breast/test_labels.h5"
    assert found.val_labels(one) == f"results/{PATH}/breast_resnet/seed1/cnn/folds.h5"


def test_what_folds_say_is_put_in_its_place(made):  # noqa: F811
    """Each image has the probabilities of the fold that tested it, all after one temperature."""
    rng = np.random.default_rng(0)
    paths = [made / f"{split}.h5" for split in ("train", "val", "test")]
    pool = pools.read(paths, None, made / "groups.csv", POOLED)
    first = np.clip(0.5 + rng.normal(0.1 - 0.2 * pool.labels, 0.45), 0.001, 0.999)
    wanted = np.column_stack([first, 1 - first]).astype(np.float32)
    for division in DIVISIONS:
        rows = divide(pool.labels, pool.groups, pool.sizes, division, DESCRIPTION.label_names)["test"]
        probabilities.write(
            made / f"fold{division['fold']}.h5", pool.divided({**division, "threads": 1}), {"test": wanted[rows]}, 1.0
        )
    given = rng.dirichlet([1, 1], 12)
    fold_ensembles.write_given(made / "given_test.h5", DESCRIPTION, [{"cnn": given[:7]}, {"cnn": given[7:]}])
    run("ensemble_folds", made)
    found, temperature = fold_ensembles.read(made / "out.h5")
    assert temperature == choose_temperature(wanted.astype(float), pool.labels) > 1
    assert np.array_equal(found.out_of_fold, scale(wanted, temperature))
    assert np.array_equal(images.read_labels(made / "out.h5"), pool.labels)
    assert probabilities.temperature(made / "out.h5") == 1
    mean = probabilities.read(made / "out.h5", "test")  # of three folds that say the same
    assert np.allclose(mean, scale(given.astype(np.float32), temperature), atol=1e-6)
    (made / "fold1.h5").replace(made / "fold3.h5")
    probabilities.write(made / "fold1.h5", pool.divided({**DIVISIONS[0], "threads": 1}), {"test": wanted[:8]}, 1.0)
    with pytest.raises(UserError, match=r"fold3\.h5: of other images than those of fold 3; delete it"):
        run("ensemble_folds", made)


def by_definition(out_of_fold, fold, labels, members, coverage):
    """Romano, Sesia & Candes 2020, equation 8, image by image."""
    n, result = len(labels), np.zeros(members.shape[1:], bool)
    for row in range(members.shape[1]):
        for label in range(members.shape[2]):
            lower = sum(
                1 - out_of_fold[image, labels[image]] < 1 - members[fold[image], row, label] for image in range(n)
            )
            result[row, label] = lower < coverage * (n + 1)
    return result


def exchangeable(rng, images_of_fold, folds, tested, classes=3):
    """Labels and probabilities of images out of fold and of new ones; each fold errs in its own way."""
    n = images_of_fold * folds
    labels, new = rng.integers(0, classes, n), rng.integers(0, classes, tested)
    fold, shift = np.arange(n) % folds, rng.normal(0, 0.4, (folds, classes))

    def said(truth, noise, own):
        odds = np.exp(noise + 1.2 * np.eye(classes)[truth] + own)
        return odds / odds.sum(axis=1, keepdims=True)

    noise = rng.normal(0, 1, (tested, classes))  # what is hard in an image is so for each fold
    members = np.stack([said(new, noise, shift[one]) for one in range(folds)])
    return said(labels, rng.normal(0, 1, (n, classes)), shift[fold]), fold, labels, members, new


@pytest.mark.parametrize("coverage", [0.55, 0.9])
def test_prediction_sets_are_those_of_the_definition(coverage):
    *parts, _ = exchangeable(np.random.default_rng(1), 9, 4, 30)
    parts[0], parts[3] = parts[0].round(1), parts[3].round(1)  # with equal scores
    assert np.array_equal(prediction_sets(*parts, coverage), by_definition(*parts, coverage))
    out_of_fold, fold, labels, members = parts
    for label in range(3):
        own = labels == label
        of_class = by_definition(out_of_fold[own], fold[own], labels[own], members, coverage)[:, label]
        assert np.array_equal(prediction_sets(*parts, coverage, by_class=True)[:, label], of_class)


def test_they_cover_what_is_intended():
    rng, held = np.random.default_rng(2), {False: [], True: []}
    for _ in range(60):
        *parts, new = exchangeable(rng, 40, 5, 100)
        for by_class in held:
            sets = prediction_sets(*parts, 0.9, by_class)
            held[by_class].append(sets[np.arange(100), new].mean())
    for shares in held.values():  # a little more, because folds differ
        assert 0.89 < np.mean(shares) < 0.94


def test_few_images_of_a_class_leave_it_in_every_set():
    out_of_fold, labels = np.full((8, 2), 0.5), np.array([0] * 6 + [1] * 2)
    members = np.stack([np.tile([1.0, 0.0], (3, 1))] * 2)
    sets = prediction_sets(out_of_fold, np.arange(8) % 2, labels, members, 0.9, by_class=True)
    assert sets.all()  # of so few even the least probable class cannot be left out


def test_what_is_said(tmp_path):
    ranking = write_ranking(tmp_path / "ranking.csv", [metrics("net", 1, {"cnn": (0.8, 0.8), "svm": (0.9, 0.7)})])
    (tmp_path / "reliability.json").write_text(json.dumps(reliability()))
    measured = reliabilities.read(tmp_path / "reliability.json", {"breast": {"name": "Toys", "label_names": None}})
    rows = {row["metric"]: row for group in measured.content["groups"][:1] for row in group["systems"]["svm"]["test"]}
    share = reliabilities_share(0.9)
    repeat = report.Repeat(1, 1.25, dict.fromkeys(report.SETS, [share] * 3), {report.OTHERS: (share, None)}, rows)
    settings = {"criterion": "log_loss", "folds": 5, "confidence": 0.95}
    text = report.text(rankings.read(ranking).systems, [repeat], measured, 624, settings)
    assert text.startswith("# Toys: systems averaged over folds\n") and "`net/svm`, selected" in text
    assert "each of the 624 images" in text and "the log loss of these, after the temperature;" in text
    assert "| temperature of the folds | 1.250 |" in text and "too few" in text
    assert " intended, one threshold): hold the true class | 0.900 (0.800 to 1.000)" in text


def reliabilities_share(value):
    from medfusion.evaluation.metrics import Measure

    return Measure("coverage", value, value - 0.1, value + 0.1, 40)
