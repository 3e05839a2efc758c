"""Tests of slices: what is measured by site or sex, that a worse one shows, and that no difference raises no alarm."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy.stats import fisher_exact, permutation_test
from sklearn.metrics import roc_auc_score

from medfusion.evaluation import metrics, slices
from medfusion.evaluation.paired_tests import area, area_interval
from medfusion.files import slice_files
from medfusion.naming import Names
from medfusion.report import slices as told
from medfusion.report.page_components import Section

OPTIONS = {"positive": 0, "replicates": 499, "confidence": 0.95, "seed": 0}


def system(right, labels):
    """Probabilities (n, 2) that are right where they should be, of various confidence."""
    sure = 0.5 + 0.4 * np.random.default_rng(9).random(len(labels)) + 0.01
    own = np.where(right, sure, 1 - sure)
    return np.stack([np.where(labels == label, own, 1 - own) for label in (0, 1)], axis=1)


def made(rng, n=900, worse=0.0, sites="ABC"):
    """Labels, whether each image is right (90 %, at the first site less), and the sites in turn."""
    labels, site = rng.integers(0, 2, n), np.array(list(sites))[np.arange(n) % len(sites)]
    return labels, rng.random(n) < 0.9 - worse * (site == sites[0]), site


def assessed(labels, right, columns, patients=None, **options):
    found = {name: slices.values(name, list(column)) for name, column in columns.items()}
    runs = [system(one, labels) for one in np.atleast_2d(right)]
    return slices.assess(labels, runs, "binary-class", found, patients, **{**OPTIONS, **options})


def test_a_site_that_is_worse_by_ten_points_shows():
    labels, right, site = made(np.random.default_rng(3), n=1500, worse=0.1)
    whole, *found = assessed(labels, right, {"site": site, "sex": np.array(["f", "m"])[np.arange(1500) % 2]})
    assert whole.images == 1500 and whole.measures[0].value == right.mean()
    first = next(one for one in found if one.value == "A")
    assert first.significant and first.difference.low < -0.1 < first.difference.high < 0
    assert first.measures[0].value == right[site == "A"].mean()
    assert not any(one.significant for one in found if one.column == "sex")


def test_the_worse_site_shows_on_the_page():
    labels, right, site = made(np.random.default_rng(3), n=1500, worse=0.1)
    text = told_of(assessed(labels, right, {"site": site}))
    assert "differs significantly from that on all others: site A 0." in text[0]


def test_no_difference_raises_no_alarm_beyond_the_level():
    """In so many data sets with two columns and seven slices, at most 5 % have any alarm: 4 standard errors allowed."""
    rng, repeats, alarms = np.random.default_rng(0), 100, 0
    for _ in range(repeats):
        labels, right, site = made(rng, n=300)
        other = rng.choice(list("wxyz"), 300)
        alarms += any(
            one.significant for one in assessed(labels, right, {"site": site, "other": other}, replicates=199)
        )
    assert alarms / repeats <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize("per_patient", [1, 4])
def test_the_level_and_the_interval_of_a_difference_hold(per_patient):
    """Rejections where there is none, and intervals that hold a difference of 10 points, of a few hundred samples."""
    rng, repeats, rejected, covered = np.random.default_rng(1), 200, 0, 0
    for truth in (0.0, 0.1):
        for repeat in range(repeats):
            of_patient = np.where(np.arange(200) < 60, 0.9 - truth, 0.9)
            spread = rng.beta(3 * of_patient, 3 * (1 - of_patient)) if per_patient > 1 else of_patient
            patients = np.repeat(np.arange(200), per_patient)
            right = (rng.random(len(patients)) < spread[patients]).astype(float)
            found = slices.accuracy_difference(
                right, patients < 60, patients if per_patient > 1 else None, 199, 0.95, repeat
            )
            rejected += truth == 0 and found.p < 0.05
            covered += truth > 0 and found.low <= -truth <= found.high
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    margin = 4 * math.sqrt(0.05 * 0.95 / repeats)
    assert rejected / repeats <= 0.05 + margin and covered / repeats >= 0.95 - margin


def test_a_difference_without_an_error_is_not_certain():
    found = slices.accuracy_difference(np.ones(200), np.arange(200) < 50, None, 199, 0.95, 0)
    assert (found.value, found.p) == (0, 1) and found.low < -0.03 < 0.03 < found.high


def test_p_values_are_near_those_of_other_permutation_tests():
    rng = np.random.default_rng(5)
    right, members = (rng.random(300) < 0.85).astype(float), np.arange(300) < 80
    right[:14] = 0
    found = slices.accuracy_difference(right, members, None, 4999, 0.95, 0)
    table = [[right[part].sum(), (1 - right[part]).sum()] for part in (members, ~members)]
    other = permutation_test(
        (right[members], right[~members]), lambda x, y: x.mean() - y.mean(), n_resamples=4999, rng=rng
    )
    assert found.value == pytest.approx(right[members].mean() - right[~members].mean())
    assert found.p == pytest.approx(fisher_exact(table)[1], abs=0.02)
    assert found.p == pytest.approx(other.pvalue, abs=0.02)


def test_patients_that_are_counted_twice_add_nothing():
    """Each image of a patient twice: as independent images the interval shrinks, by patients it stays as wide."""
    labels, right, site = made(np.random.default_rng(2), n=600)
    once = assessed(labels, right, {"site": site})
    twice = [np.repeat(part, 2) for part in (labels, right, site)]
    naive = assessed(twice[0], twice[1], {"site": twice[2]})
    clustered = assessed(twice[0], twice[1], {"site": twice[2]}, np.repeat(np.arange(600), 2))

    def widths(found, metric):
        return [next(one.high - one.low for one in part.measures if one.metric == metric) for part in found]

    for metric in ("accuracy", "sensitivity"):
        np.testing.assert_allclose(widths(clustered, metric), widths(once, metric), rtol=0.1)
        assert all(np.array(widths(clustered, metric)) > 1.2 * np.array(widths(naive, metric)))
    gaps = [found[1].difference.high - found[1].difference.low for found in (naive, clustered, once)]
    assert gaps[1] > 1.2 * gaps[0] and gaps[1] == pytest.approx(gaps[2], rel=0.1)


def test_an_auroc_of_images_that_are_there_twice_has_the_interval_of_once():
    labels, right, _ = made(np.random.default_rng(2), n=600)
    values = system(right, labels)
    once = area_interval(labels, area(labels, values, "binary-class"), 0.95)
    twice, found = labels.repeat(2), area(labels.repeat(2), values.repeat(2, axis=0), "binary-class")
    assert slices.clustered_area(twice, found, np.arange(600).repeat(2), 0.95) == pytest.approx(once, abs=1e-12)
    naive = slices.clustered_area(twice, found, np.arange(1200), 0.95)
    assert naive == pytest.approx(area_interval(twice, found, 0.95), abs=1e-9)
    assert naive[1] - naive[0] < 0.8 * (once[1] - once[0])


def test_an_auroc_of_few_patients_has_the_variance_of_obuchowski():
    """Five patients a class with five images each: her sums over patients, written out."""
    labels, patients = np.repeat([0, 1], 25), np.repeat(np.arange(10), 5)
    rng = np.random.default_rng(1)
    scores = rng.random(50) + 0.6 * labels + rng.normal(0, 0.3, 10)[patients]
    scores = (scores - scores.min() + 0.1) / (np.ptp(scores) + 0.2)
    values = np.column_stack([1 - scores, scores])
    above = (scores[labels == 1][:, None] > scores[labels == 0]).astype(float)
    components = [1 - above.mean(axis=0), above.mean(axis=1)]  # of the images without, and with the label
    auroc = above.mean()
    of_patients = [(part - part.mean()).reshape(5, 5).sum(axis=1) / 25 for part in components]
    error = math.sqrt(sum(5 / 4 * np.square(sums).sum() for sums in of_patients))
    middle, half = math.log(auroc / (1 - auroc)), 1.959964 * error / (auroc * (1 - auroc))
    expected = [1 / (1 + math.exp(-limit)) for limit in (middle - half, middle + half)]
    found = slices.clustered_area(labels, area(labels, values, "binary-class"), patients, 0.95)
    assert found == pytest.approx(expected, abs=1e-6)


def test_many_slices_leave_room_for_a_significant_one():
    """However few replicates: the smallest p value that permutations can give is not above the adjusted level."""
    labels, right, _ = made(np.random.default_rng(3), n=600)
    columns = {f"column {number}": np.array(list("abcdef"))[np.arange(600) % 6] for number in range(5)}
    columns["site"] = np.where(np.arange(600) < 60, "bad", "good")
    right[:60] = False
    found = assessed(labels, right, columns, replicates=100)
    assert [one.value for one in found if one.significant] == ["bad", "good"]


def test_patients_that_are_all_alike_are_no_division_by_zero():
    with np.errstate(all="raise"):
        low, high = slices.clustered(np.tile([True, False], 15), np.arange(15).repeat(2), 200, 0.95, 0)
    assert low < 0.5 < high


def test_the_interval_of_a_share_of_correlated_images_covers():
    """90 % of the images right, patients of about four images that are right or wrong together: 95 % intervals."""
    rng, covered, repeats = np.random.default_rng(0), 0, 300
    for repeat in range(repeats):
        patients = np.repeat(np.arange(30), rng.poisson(3, 30) + 1)
        right = rng.random(len(patients)) < rng.beta(2.1, 2.1 / 9, 30)[patients]
        low, high = slices.clustered(right, patients, 300, 0.95, repeat)
        covered += low <= 0.9 <= high
    assert covered / repeats >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / repeats)


def test_measures_are_those_of_other_implementations():
    labels, right, site = made(np.random.default_rng(4), n=400)
    whole, first, *_ = assessed(labels, right, {"site": site})
    own = site == "A"
    values = {one.metric: one for one in first.measures}
    assert values["accuracy"][1:4] == (right[own].mean(), *metrics.wilson(right[own].sum(), own.sum(), 0.95))
    assert values["sensitivity"].value == right[own & (labels == 0)].mean()
    assert values["sensitivity"].n == np.sum(own & (labels == 0))
    assert values["specificity"].value == right[own & (labels == 1)].mean()
    probabilities = system(right, labels)
    assert values["auroc"].value == pytest.approx(roc_auc_score(labels[own], probabilities[own, 1]))
    limits = area_interval(labels[own], area(labels[own], probabilities[own], "binary-class"), 0.95)
    assert (values["auroc"].low, values["auroc"].high) == pytest.approx(limits, abs=1e-9)
    assert whole.right == right.sum()


def test_limits_of_several_runs_allow_for_other_seeds():
    labels, right, site = made(np.random.default_rng(4), n=400)
    runs = np.stack([right, right & (np.random.default_rng(1).random(400) < 0.9)])
    both = assessed(labels, runs, {"site": site})[1].measures[0]
    each = [assessed(labels, run, {"site": site})[1].measures[0] for run in runs]
    assert both.value == pytest.approx(np.mean([one.value for one in each]))
    assert both.high - both.low > max(one.high - one.low for one in each)


def test_of_few_images_or_patients_there_are_counts_alone():
    labels, right, _ = made(np.random.default_rng(6), n=300)
    site = np.array(["A"] * 17 + ["B"] * 283)
    small, large = assessed(labels, right, {"site": site})[1:]
    assert small.difference is None and large.difference is None
    assert math.isnan(small.measures[0].low) and small.right == right[:17].sum()
    text = "\n".join(cell.text for row in table_of([small, small, large]) for cell in row.cells)
    assert f"{right[:17].sum()} of 17" in text
    patients = np.arange(300) // 10
    site = np.array(["A"] * 90 + ["B"] * 210)
    few, many = assessed(labels, right, {"site": site}, patients)[1:]
    assert (few.images, few.patients) == (90, 9) and math.isnan(few.measures[0].low) and few.difference is None
    assert (many.images, many.patients) == (210, 21) and not math.isnan(many.measures[0].low)


def test_of_two_values_one_is_tested():
    labels, right, site = made(np.random.default_rng(3), n=900, worse=0.1, sites="AB")
    _, first, second = assessed(labels, right, {"site": site})
    assert first.difference.value == -second.difference.value
    assert (first.difference.low, first.difference.high) == (-second.difference.high, -second.difference.low)
    assert first.p_adjusted == second.p_adjusted == first.difference.p, "a family of one"


def test_numbers_are_cut_at_their_quartiles():
    ages = [str(20 + number) for number in range(40)] + ["unknown"]
    found = slices.values("age", ages)
    assert found.order == ["20 to 29", "30 to 39", "40 to 49", "50 to 59", "unknown"]
    assert found.of_image[0] == "20 to 29" and found.of_image[-1] == "unknown"
    assert slices.values("centre", ["10", "9", "2"]).order == ["2", "9", "10"], "few numbers are names"
    assert slices.values("note", [f"text {number}" for number in range(21)]) is None
    assert slices.values("age", ["60", "60", "60"]).order == ["60"]
    days = [str(20230101 + number) for number in range(40)]
    assert slices.values("date", days).order[0] == "20230101 to 20230110"
    assert slices.values("age", ["60", "61+"]).order == ["60", "61+"]


# -- told -------------------------------------------------------------------------------------------------------------


def content(found, **more):
    given = {"dataset": "breast", "generated": False, "label_names": ["ill", "well"], "system": "net/cnn", "seeds": [1]}
    given |= {"positive": 0, "confidence": 0.95, "with_patients": False, "without_row": 0}
    given |= {"shared": {"train": 0, "val": 0, "either": 0}, "left_out": [], "slices": slice_files.rows(found)}
    return {**given, **more}


def told_of(found, **more):
    section = Section("s", "S")
    told.fill(section, slice_files.Assessed(content(found, **more), found), Names(), ("ill", "well"), "Own")
    return section.notes


def table_of(found):
    section = Section("s", "S")
    whole = slices.Slice("", "", 300, None, 1.0, found[0].measures)
    told.fill(section, slice_files.Assessed(content([whole, *found]), [whole, *found]), Names(), ("ill", "well"), "Own")
    return [row for body in section.tables[0].bodies for row in body.rows]


def test_the_file_gives_back_what_was_written(tmp_path):
    labels, right, site = made(np.random.default_rng(3), n=330, worse=0.1)
    site[:5] = "D"
    found = assessed(labels, right, {"site": site}, np.arange(330) // 2)
    (tmp_path / "slices.json").write_text(json.dumps(content(found)))
    read = slice_files.read(tmp_path / "slices.json").slices
    assert slice_files.rows(read) == slice_files.rows(found)
    assert [(one.value, one.significant, one.p_adjusted) for one in read][1:3] == [
        (one.value, one.significant, one.p_adjusted) for one in found
    ][1:3]
    slice_files.write_table(tmp_path / "slices.csv", found, "breast", "net/cnn")
    table = pd.read_csv(tmp_path / "slices.csv")
    gaps = table[table["metric"] == "accuracy_difference"]
    assert gaps["slice"].tolist() == ["A", "B", "C"] and gaps["p_adjusted"].notna().all()
    assert table[table["slice"] == "D"]["low"].isna().all()


def test_warnings_stand_with_the_result():
    labels, right, site = made(np.random.default_rng(3), n=300)
    notes = told_of(
        assessed(labels, right, {"site": site}),
        shared={"train": 2, "val": 1, "either": 2},
        without_row=7,
        left_out=[["note", 31]],
    )
    text = "\n".join(notes)
    assert "In none of 3 comparisons" in notes[0]
    assert "2 patients have images in both training and test split" in text
    assert "1 patient has images in both validation and test split" in text
    assert "say nothing of 7 of 300 test images" in text and "Left out: note, with 31 values" in text
    assert told.NO_PATIENTS in text


def test_the_order_of_patients_does_not_matter():
    numbers = slices.numbered(["b", "a", "b", "", ""])
    assert numbers[0] == numbers[2] and len(set(numbers)) == 4
    assert synthetic.config()
