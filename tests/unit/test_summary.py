"""Tests of the results as Markdown."""

import pytest
import synthetic

from medfusion.files import reliabilities
from medfusion.files.artifacts import write_json
from medfusion.files.metric_files import tidy
from medfusion.report import summary

BELOW = "| system | accuracy | p | adjusted p | AUROC | p | adjusted p | against the selected system |"


def text(tmp_path, generated=False, decision=True, **trusted):
    config = synthetic.config()
    config["evaluation"]["replicates"] = 100
    config["datasets"]["breast"]["learning_curve"] = {"network": "net", "repeats": [1, 2], "sizes": [100, "all"]}
    write_json(tmp_path / "reliability.json", {**synthetic.reliability(generated, decision), **trusted})
    trust = {"breast": reliabilities.read(tmp_path / "reliability.json", {"breast": {"name": "BreastMNIST"}})}
    compared = {"breast": synthetic.comparisons(generated)}
    contents = synthetic.run(generated)
    ranked = {"breast": synthetic.ranked(tidy(contents))}
    return summary.summary(config, contents, ranked, compared, trust, [], {"date": "2026-01-01"})


def test_every_system_and_published_figure_has_a_row(tmp_path):
    rows = [line for line in text(tmp_path).splitlines() if line.startswith("|")]
    systems = ("Net alone (`net/cnn`)", "SVM on Net (`net/svm`)", "Ensemble of Net (`ensembles/ensemble_cnn`)")
    for name in (*systems, "Majority class (`baselines/majority`)", "the original study"):
        assert sum(row.startswith(f"| {name}") for row in rows[: rows.index(BELOW)]) == 1, name
    svm = next(row for row in rows if "`net/svm`" in row)
    assert "0.820 ± 0.028" in svm  # of 0.80 and 0.84
    assert "0.561 to 1.000" in svm


def test_what_near_duplicates_do_is_said_first(tmp_path):
    first = text(tmp_path).split("\n\n")[1]
    assert first.startswith("38\xa0% of the test images of BreastMNIST (30 of 80) have a near-duplicate")


def test_the_interval_says_what_it_is_of(tmp_path):
    assert "of several seeds that of their mean, which allows for other images and other seeds" in text(tmp_path)


def test_tables_are_rectangular_and_the_size_study_is_there(tmp_path):
    blocks = [block.splitlines() for block in text(tmp_path).split("\n\n") if block.startswith("|")]
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1
    assert any(line.startswith("| 100 | 0.610") for block in blocks for line in block)


def test_every_other_system_is_compared_with_the_best(tmp_path):
    lines = text(tmp_path).splitlines()
    start = lines.index(BELOW)
    assert lines[start + 2 : start + 5] == [
        "| Net alone | −0.040 (−0.070 to −0.010) | 0.0133 | 0.0400 | +0.0100 (−0.0200 to +0.0400) | 0.300 | 0.900 | "
        "lower accuracy |",
        "| Ensemble of Net | +0.020 (−0.010 to +0.050) | 0.200 | 0.600 | +0.0100 (−0.0200 to +0.0400) | "
        "0.333 | "
        "1.000 | no significant difference |",
        "| Majority class | −0.120 (−0.150 to −0.090) | < 0.0001 | < 0.0001 | −0.3000 (−0.3300 to −0.2700) | "
        "0.0003 | 0.0010 | lower accuracy, lower AUROC |",
    ]


def test_generated_images_are_named(tmp_path):
    assert "## BreastMNIST (generated images), n = 80" in text(tmp_path, generated=True)


def test_how_far_probabilities_can_be_trusted_has_a_row_a_system(tmp_path):
    block = text(tmp_path).split("### How far the probabilities can be trusted, n = 80 test images")[1]
    _, _, table, *_ = block.split("\n\n")
    head, _, *rows = table.splitlines()
    assert "sensitivity to malignant at 0.5" in head
    assert [row.split("|")[1].strip() for row in rows] == ["SVM on Net", "Net alone", "Ensemble of Net"]


@pytest.mark.parametrize(
    ("trusted", "words"),
    [
        ({"decision": False}, "referred to a human."),
        (
            {"sensitivity": None},
            "decision threshold, on the probability after the temperature, for the highest balanced ",
        ),
        ({"sensitivity": 0.9}, "after the temperature, to find 90\N{NO-BREAK SPACE}% of the images of malignant.\n"),
        (
            {"sensitivity": 0.9, "validation": [8, 32]},
            "of malignant. Validation has too few images of malignant to choose ",
        ),
    ],
)
def test_the_rule_of_the_decision_threshold_is_named(tmp_path, trusted, words):
    assert words in text(tmp_path, **trusted)
