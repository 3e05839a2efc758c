"""Tests of compare_systems on small files, and of what the page says of its comparisons."""

import argparse
import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic
from scipy.stats import binomtest, norm

import compare_systems
from medfusion.errors import UserError
from medfusion.evaluation import comparisons, paired_tests
from medfusion.files import images, probabilities
from medfusion.files.artifacts import read_json, write_json
from medfusion.files.images import Description
from medfusion.files.metric_files import tidy
from medfusion.files.rankings import Score
from medfusion.naming import Names
from medfusion.report import paired
from medfusion.report.page_components import Section

DESCRIPTION = Description("breastmnist", "binary-class", ("malignant", "normal"), "0" * 64, True)
LABELS = np.arange(60) % 2
# Wrong on the first images: so many of them.
WRONG = {
    ("net", 1, "cnn"): 6,
    ("net", 2, "cnn"): 8,
    ("net", 1, "svm"): 20,
    ("net", 2, "svm"): 8,
    ("ensembles", None, "ensemble_cnn"): 6,
    ("baselines", None, "majority"): 30,
}

NAMES = Names({"net/svm": "SVM on Net"})


@pytest.fixture
def compare(tmp_path):
    """Runs the stage: on the images that have a near-duplicate, by index, and with other settings."""

    def run(near_duplicates=range(20, 40), **settings):
        (tmp_path / "out.json").unlink(missing_ok=True)
        images.write_labels(tmp_path / "labels.h5", "test", DESCRIPTION, LABELS.astype(np.uint8))
        files = []
        for (model, seed, system), wrong in WRONG.items():
            predicted = np.where(np.arange(60) < wrong, 1 - LABELS, LABELS)
            certainty = np.random.default_rng(wrong).uniform(0.55, 0.95, 60)
            values = np.where(np.arange(2) == predicted[:, None], certainty[:, None], 1 - certainty[:, None])
            files.append(str(tmp_path / f"{model}{seed}{system}.h5"))
            probabilities.write(files[-1], DESCRIPTION, {"test": values}, 1.0)
        scores = {
            ("net", 1): {"cnn": (0.9, 0.9), "svm": (0.8, 0.7)},
            ("net", 2): {"cnn": (0.9, 0.9), "svm": (0.8, 0.9)},
        }
        scores |= {("ensembles", None): {"ensemble_cnn": (0.85, 0.9)}, ("baselines", None): {"majority": (0.5, 0.5)}}
        contents = [synthetic.metrics(*run, systems, generated=True) for run, systems in scores.items()]
        across = {"first": "train", "second": "test", "indices": list(near_duplicates)}
        summary = {"threshold": 0.95, "splits": [across], "images": {"test": settings.pop("n", 60)}}
        write_json(tmp_path / "summary.json", summary)
        args = argparse.Namespace(
            ranking=synthetic.write_ranking(tmp_path / "ranking.csv", contents),
            systems=files,
            test_labels=str(tmp_path / "labels.h5"),
            near_duplicates=str(tmp_path / "summary.json"),
            comparisons=str(tmp_path / "out.json"),
        )
        own = {"title": "t", "dataset": "breast", "systems": [list(key) for key in WRONG], "replicates": 400}
        own |= {"confidence": 0.95, "bootstrap_seed": 0, "fusions": {}, "primary": None}
        compare_systems.main(args, own | settings)
        return read_json(args.comparisons)

    return run


def test_every_other_system_is_compared_with_the_best_on_validation_in_the_order_of_validation(compare):
    found = compare()
    assert (found["best"], found["family"], found["n"], found["generated"]) == ("net/cnn", 3, 60, True)
    assert [row["system"] for row in found["systems"]] == ["ensembles/ensemble_cnn", "net/svm", "baselines/majority"]
    ensemble, svm, majority = found["systems"]
    assert [row["runs"] for row in found["systems"]] == [1, 2, 1]
    # Means of 7 wrong against 6, 14 and 30, of 60.
    differences = [row["accuracy"]["difference"] for row in found["systems"]]
    assert differences == pytest.approx([1 / 60, -7 / 60, -23 / 60])
    # 14 images that one seed of the network alone gets right and that of the svm does not: half an image each.
    p = binomtest(0, 14).pvalue
    assert svm["accuracy"]["p"] == pytest.approx(p)
    assert svm["accuracy"]["p_adjusted"] == pytest.approx(2 * p)
    # 22 images that both seeds gain and two that one does: no other pattern is as extreme, but its mirror image.
    assert majority["accuracy"]["p"] == pytest.approx(2 * 0.5**24)
    assert majority["accuracy"]["p_adjusted"] == pytest.approx(6 * 0.5**24)
    assert ensemble["accuracy"]["p"] == pytest.approx(2 * 0.5**2)
    assert [row["accuracy"]["significant"] for row in found["systems"]] == [False, True, True]
    for row in found["systems"]:
        for measure in ("accuracy", "auroc"):
            one = row[measure]
            assert one["low"] <= one["difference"] <= one["high"]
            assert paired.leaves_out_0(one) == (one["p"] < 0.05)


def test_both_parts_of_the_test_images_are_measured_apart(compare):
    near_duplicates = compare(near_duplicates=[0, 1, 2, 3, *range(50, 60)])["near_duplicates"]
    assert near_duplicates["parts"] == {"with": {"classes": [7, 7], "n": 14}, "without": {"classes": [23, 23], "n": 46}}
    best = near_duplicates["systems"][0]
    assert best["system"] == "net/cnn" and [run["seed"] for run in best["runs"]] == [1, 2]
    first = best["runs"][0]
    assert first["with"]["accuracy"]["value"] == pytest.approx(10 / 14)
    assert first["without"]["accuracy"]["value"] == pytest.approx(44 / 46)
    interval = binomtest(44, 46).proportion_ci(0.95, "wilson")
    assert first["without"]["accuracy"]["low"] == pytest.approx(interval.low)
    assert first["without"]["auroc"]["low"] <= first["without"]["auroc"]["value"] <= first["without"]["auroc"]["high"]
    assert len(near_duplicates["systems"]) == 4


def test_few_near_duplicates_have_an_accuracy_but_no_auroc(compare):
    first = compare(near_duplicates=[0, 7])["near_duplicates"]["systems"][0]["runs"][0]
    assert first["with"]["accuracy"]["value"] == 0.5 and first["with"]["auroc"] is None
    assert first["without"]["auroc"] is not None


@pytest.mark.parametrize("near_duplicates", [[], range(60)])
def test_images_that_all_have_a_near_duplicate_or_none_are_not_parted(compare, near_duplicates):
    assert compare(near_duplicates=near_duplicates)["near_duplicates"] == {
        "threshold": 0.95,
        "images": len(near_duplicates),
        "parts": {},
        "systems": [],
    }


def test_the_same_bytes_twice(compare, tmp_path):
    contents = []
    for _ in range(2):
        compare()
        contents.append((tmp_path / "out.json").read_bytes())
    assert contents[0] == contents[1]


def test_counts_of_other_images_are_refused(compare, tmp_path):
    with pytest.raises(UserError, match="summary.json: not of training images and 60 test images"):
        compare(n=61)
    assert not (tmp_path / "out.json").exists()


def test_measures_of_a_system_that_is_not_to_be_compared_are_refused(compare, monkeypatch):
    monkeypatch.delitem(WRONG, ("ensembles", None, "ensemble_cnn"))
    with pytest.raises(
        UserError, match="not of the systems that are to be compared .ensembles/ensemble_cnn.; delete it"
    ):
        compare()


def section_of(fill, *arguments):
    section = Section("key", "title")
    fill(section, *arguments)
    return section


def rows(table):
    return {
        row.cells[0].text: [(cell.text, cell.note) for cell in row.cells[1:]] for b in table.bodies for row in b.rows
    }


def test_the_table_of_differences():
    section = section_of(paired.differences, synthetic.comparisons(), NAMES, "BreastMNIST")
    table = section.tables[0]
    assert table.caption == "Every system minus the selected one (BreastMNIST, test n = 80)"
    assert len(table.head) == len(table.bodies[0].rows[0].cells) == 6
    found = rows(table)
    assert list(found) == ["SVM on Net", "net/cnn", "ensembles/ensemble_cnn", "baselines/majority"]
    assert found["net/cnn"] == [
        ("lower accuracy", "detectable: 0.0500 of AUROC"),
        ("−0.040", "−0.070 to −0.010"),
        ("0.0400", "0.0133 unadjusted"),
        ("+0.0100", "−0.0200 to +0.0400"),
        ("0.900", "0.300 unadjusted"),
    ]
    method, exploratory = section.method
    assert "over the 3 comparisons of a measure" in method and "At 0.05 or more" in method
    assert exploratory == paired.UNDECLARED
    assert section.notes == [] and section.files == []


PAIRS = [["net/svm", "net/cnn"], ["net/cnn", "baselines/majority"]]


def test_primary_comparisons_are_a_family_of_their_own(compare):
    found = compare(primary={"measure": "accuracy", "compare": PAIRS})
    assert found["family"] == 3  # of the others, as without
    first, second = found["primary"]["pairs"]
    assert (first["first"], first["second"], second["second"]) == ("net/svm", "net/cnn", "baselines/majority")
    assert first["accuracy"]["difference"] == pytest.approx(-7 / 60)
    # Of two tests in place of three.
    p = binomtest(0, 14).pvalue
    assert first["accuracy"]["p_adjusted"] == pytest.approx(p)
    assert second["accuracy"]["p_adjusted"] == pytest.approx(4 * 0.5**24)


def test_the_page_gives_primary_comparisons_first_and_calls_the_others_exploratory(compare):
    found = compare(primary={"measure": "accuracy", "compare": PAIRS})
    answers = paired.primary_answers(found, Names())
    assert answers[0].startswith(
        "Primary comparison (one of 2 declared in the configuration): net/svm minus net/cnn, accuracy −0.117 ("
    )
    assert answers[0].endswith(": lower accuracy.") and answers[1].endswith(": higher accuracy.")
    assert paired.answer(found).startswith("Exploratory: by accuracy")
    section = section_of(paired.differences, found, Names(), "BreastMNIST")
    assert [table.caption.partition(" (")[0] for table in section.tables][0] == "Primary comparisons"
    assert section.method[1] == paired.DECLARED
    assert paired.primary_answers(compare(), Names()) == []


def test_systems_with_the_same_predictions_are_tested_once(compare, monkeypatch):
    for seed in (1, 2):  # the svm becomes the network
        monkeypatch.setitem(WRONG, ("net", seed, "svm"), WRONG["net", seed, "cnn"])
    found = compare()
    svm = next(row for row in found["systems"] if row["system"] == "net/svm")
    assert svm["same_as"] == "net/cnn" and found["family"] == 2
    assert (svm["accuracy"]["difference"], svm["accuracy"]["p"]) == (0, 1)
    assert paired.relation(svm, Names()) == "the same predictions as net/cnn, counted once"
    assert "of the 2 other systems" not in paired.answer(found)


def test_the_detectable_difference_is_that_of_the_standard_error_at_holms_first_step(compare):
    """14 of 60 images on which one of two seeds differs: mean differences of 0 and -1/2."""
    (svm,) = (row for row in compare()["systems"] if row["system"] == "net/svm")
    gaps = np.repeat([0.0, -0.5], [46, 14])
    reach = norm.isf(0.05 / 2 / 3) + norm.ppf(0.8)
    assert svm["accuracy"]["detectable"] == pytest.approx(reach * gaps.std() / np.sqrt(60))


def test_a_difference_as_large_as_the_detectable_one_is_found_four_times_in_five():
    rng, n, found = np.random.default_rng(5), 400, []
    for _ in range(400):
        first, second = rng.random((2, n)) < [[0.9], [0.8119]]
        runs = [
            [comparisons.MeasuredRun(right, paired_tests.Area(0.5, np.zeros(n)), np.zeros(n))]
            for right in (first, second)
        ]
        (one,) = comparisons.compare_pairs(np.zeros(n, int), [(runs[0], runs[1])], "accuracy", 0.95)
        found.append((one.detectable, one.significant))
    detectable, significant = np.mean(found, axis=0)
    # sd of a paired difference of independent answers: sqrt(.09 + .1527); times 2.80 / 20
    assert detectable == pytest.approx(0.069, abs=0.002)
    assert significant == pytest.approx(norm.cdf(0.0881 / 0.0246 - 1.96), abs=0.05)


def test_the_page_says_why_a_lower_row_may_have_a_higher_test_figure():
    def system(accuracy):
        score = Score(accuracy, 0, accuracy, accuracy, accuracy, accuracy, 100)
        return SimpleNamespace(test_accuracy=score, test_auroc=replace(score, mean=1 - accuracy))

    systems = [system(value) for value in (0.85, 0.87, 0.8504, 0.86)]
    assert paired.higher_on_test(systems, False).startswith(
        "2 of the other systems have a higher test accuracy, up to 0.870. This is not an error:"
    )
    assert paired.higher_on_test(systems[2:1:-1] + systems[:1], False) == ""
    assert paired.higher_on_test(systems[:2], True) == ""
    assert paired.higher_on_test(systems[:1], False) == ""


def test_a_verdict_never_contradicts_the_interval_that_is_printed():
    """Whatever is clear before adjustment alone is said to be so, and no limit of such an interval is rounded to 0."""
    entry = copy.deepcopy(synthetic.comparisons()["systems"][0])
    entry["accuracy"] |= {"difference": -0.0204, "low": -0.0404, "high": -0.0004, "p": 0.045, "p_adjusted": 0.09}
    entry["accuracy"]["significant"] = False
    assert paired.verdict(entry) == "no significant difference (before adjustment: lower accuracy)"
    assert paired.with_limits(entry, "accuracy") == "−0.0204 (−0.0404 to −0.0004)"
    entry["accuracy"]["significant"] = True
    assert paired.verdict(entry) == "lower accuracy"


def test_the_answer_counts_candidates_and_says_which_are_higher():
    comparisons = synthetic.comparisons()
    assert "1 of the 2 other systems does not differ significantly from it; by AUROC" in paired.answer(comparisons)
    higher = copy.deepcopy(comparisons)
    higher["systems"][1]["accuracy"]["significant"] = True
    higher["systems"].pop(0)
    assert paired.answer(higher) == (
        "By accuracy (sign flips over images), the other system differs significantly from it; by AUROC "
        "(DeLong), the other system does not differ significantly from it; 1 has a higher accuracy (Holm's "
        "correction for 3 comparisons of either)."
    )
    assert paired.answer({**comparisons, "systems": []}) == paired.answer(None) == ""


def test_the_table_of_parts_has_means_over_seeds_and_no_auroc_of_few_images():
    section = section_of(
        paired.without_duplicates, synthetic.comparisons(), Names(), ["malignant", "normal"], "BreastMNIST"
    )
    found = rows(section.tables[0])
    assert found["net/svm"] == [
        ("0.790 ± 0.014", "0.628 to 0.952"),
        ("0.790 ± 0.014", "0.628 to 0.952"),
        ("0.850 ± 0.014", "0.688 to 1.000"),
        ("–", ""),
    ]
    assert (
        "without one: n = 50 (20 malignant, 30 normal); with one: n = 30 (3 malignant, 27 normal)" in section.notes[0]
    )
    alone = synthetic.comparisons()
    alone["near_duplicates"] |= {"parts": {}, "systems": []}
    assert not section_of(paired.without_duplicates, alone, Names(), ["malignant", "normal"], "BreastMNIST")


def test_the_first_table_has_accuracies_without_near_duplicates_where_these_are_many():
    comparisons = synthetic.comparisons()
    title, cells = paired.apart_from_duplicates(comparisons)
    assert title == "Accuracy without near-duplicates, n = 50"
    assert (cells["net/svm"].text, cells["net/svm"].note) == ("0.790 ± 0.014", "0.628 to 0.952")
    assert cells["baselines/majority"].text == "0.600"
    comparisons["near_duplicates"]["images"] = 4
    assert paired.apart_from_duplicates(comparisons) is None
    assert paired.apart_from_duplicates(None) is None


ENTRY = synthetic.config()["datasets"]["breast"]


def test_a_system_that_learned_from_no_near_duplicate_is_said_to():
    words = " on the others. It learned from none of these near-duplicates."
    comparisons, model = synthetic.comparisons(), ENTRY["models"]["net"]
    assert not paired.duplicates_clause(comparisons, ENTRY).endswith(words)
    entry = {**ENTRY, "models": {"net": {**model, "drop_near_duplicates_of": ["test"]}, "other": model}}
    assert paired.duplicates_clause(comparisons, entry).endswith(words)
    assert paired.duplicates_clause({**comparisons, "best": "ensembles/ensemble_cnn"}, entry).endswith(words)
    mixed = {**entry, "ensembles": {"ensemble_cnn": ["net/cnn", "other/cnn"]}}
    assert not paired.duplicates_clause({**comparisons, "best": "ensembles/ensemble_cnn"}, mixed).endswith(words)


def test_where_many_test_images_have_a_near_duplicate_that_is_told_first():
    comparisons = synthetic.comparisons()
    assert paired.duplicates_first(comparisons, NAMES, "BreastMNIST", ENTRY) == (
        "38\xa0% of the test images of BreastMNIST (30 of 80) have a near-duplicate among the training images (pixel "
        "correlation of 0.95 or more): on these the selected system (SVM on Net) has accuracy 0.850 ± 0.014 "
        "(0.688 to 1.000); on the others, accuracy 0.790 ± 0.014 (0.628 to 0.952), AUROC 0.790 ± 0.014 (0.628 to "
        "0.952)."
    )
    comparisons["near_duplicates"]["images"] = 4
    assert paired.duplicates_first(comparisons, NAMES, "BreastMNIST", ENTRY) == ""
    comparisons["near_duplicates"] |= {"images": 80, "parts": {}, "systems": []}
    assert "(80 of 80)" in paired.duplicates_first(comparisons, NAMES, "x", ENTRY)
    assert paired.duplicates_first(comparisons, NAMES, "x", ENTRY).endswith("cannot be measured.")


AUDIT = {
    "threshold": 0.95,
    "images": {"test": 80},
    "splits": [{"first": "train", "second": "test", "images": {"0.95": 30}, "turned": 0, "indices": list(range(30))}],
}


def test_the_sentence_on_numbers_compares_both_parts():
    assert paired.duplicates_sentence(AUDIT, synthetic.comparisons(), ENTRY) == (
        "30 of 80 test images have a near-duplicate (pixel correlation of 0.95 or more) among the training images: on "
        "these the selected system's accuracy is 0.850 ± 0.014 (0.688 to 1.000), on the others 0.790 ± 0.014 (0.628 to "
        "0.952)."
    )
    none = {
        **AUDIT,
        "splits": [{"first": "train", "second": "test", "images": {"0.95": 0}, "turned": 0, "indices": []}],
    }
    assert paired.duplicates_sentence(none, synthetic.comparisons(), ENTRY).startswith(
        "No test image has a near-duplicate"
    )
    assert paired.duplicates_sentence(AUDIT, None, ENTRY).endswith("among the training images.")
    mirrored = {**AUDIT["splits"][0], "images": {"0.95": 26}, "turned": 4}
    assert "(pixel correlation of 0.95 or more; 4 of them mirrored or turned)" in paired.duplicates_sentence(
        {**AUDIT, "splits": [mirrored]}, None, ENTRY
    )
    assert paired.duplicates_sentence(None, None, ENTRY) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.83, "inside {}: 1 of 2 lies above it."),
        (0.82, "inside {}: 1 of 2 lies above it and 1 equals it."),
        (0.95, "above {}: 0 of 2 lie above it."),
        (0.7, "below {}: 2 of 2 lie above it."),
    ],
)
def test_a_published_figure_is_placed_among_our_seeds(value, words):
    words = words.format("the range of our 2 seeds (0.820 to 0.900, mean 0.860 ± 0.057)")
    table = tidy(synthetic.run())
    entry = {"system": "net/cnn", "name": "the original", "accuracy": value, "source": None}
    systems, comparisons = synthetic.ranked(table, "accuracy").systems, synthetic.comparisons()
    first, second = paired.published([entry], systems, table, comparisons, "official", Names())
    assert first == f"The {value:.3f} of the original for net/cnn lies {words}"
    assert second == (
        "Against the selected system, the accuracy of net/cnn differs by −0.040 (95\xa0% interval −0.070 to −0.010; "
        "p 0.0133, adjusted 0.0400): lower accuracy."
    )


def test_a_published_figure_of_a_single_run_is_held_against_its_interval():
    table = tidy(synthetic.run())
    entry = {"system": "ensembles/ensemble_cnn", "name": "them", "accuracy": 0.95, "source": "one run"}
    sentences = paired.published(
        [entry], synthetic.ranked(table, "accuracy").systems, table, None, "surrogate", Names()
    )
    assert sentences == [
        "The 0.950 of them (one run) for ensembles/ensemble_cnn lies inside the interval of our run (0.900 to 1.000, "
        "around "
        "0.950); it was measured on another split."
    ]
    others = [{**entry, "system": None}, {**entry, "accuracy": None}, {**entry, "system": "no/such"}]
    assert paired.published(others, synthetic.ranked(table, "accuracy").systems, table, None, "official", Names()) == []


# -- what fusion adds -------------------------------------------------------------------------------------------------


def test_a_fusion_is_held_against_its_best_member_on_validation(compare):
    found = compare(fusions={"net/svm": ["net/cnn", "net/svm"], "net/cnn": ["net/svm"]})["fusions"]
    assert [(entry["system"], entry["member"]) for entry in found] == [("net/cnn", "net/svm"), ("net/svm", "net/cnn")]
    first, second = found
    for measure in ("log_loss", "auroc"):
        assert first[measure]["difference"] == pytest.approx(-second[measure]["difference"])
        assert (first[measure]["low"], first[measure]["high"]) == pytest.approx(
            (-second[measure]["high"], -second[measure]["low"])
        )
    assert first["log_loss"]["difference"] < 0 < first["auroc"]["difference"]


def test_the_page_says_what_fusion_adds():
    found = synthetic.comparisons()
    assert paired.fusion_answer(found, NAMES) == (
        "What fusion adds: net/fused lowers log loss against its best member, SVM on Net (log loss −0.0051 (−0.0082 to "
        "−0.0021), AUROC +0.0004 (−0.0008 to +0.0016))."
    )
    section = Section("differences", "Differences")
    paired.fusions(section, found, Names(), "BreastMNIST")
    (table,) = section.tables
    assert table.caption == "What fusion adds (BreastMNIST)"
    assert [cell.text for cell in table.bodies[0].rows[0].cells] == [
        "net/fused", "net/svm", "lowers log loss", "−0.0051", "+0.0004"
    ]  # fmt: skip
    assert paired.fusion_answer({**found, "fusions": []}, NAMES) == paired.fusion_answer(None, NAMES) == ""
