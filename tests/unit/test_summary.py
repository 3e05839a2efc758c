"""Tests of the results as Markdown."""

import synthetic

from medfusion.files import reliabilities
from medfusion.files.artifacts import write_json
from medfusion.report import summary


def text(tmp_path, generated=False):
    config = synthetic.config()
    config["evaluation"]["replicates"] = 100
    config["datasets"]["breast"]["learning_curve"] = {"network": "net", "repeats": [1, 2], "sizes": [100, "all"]}
    write_json(tmp_path / "reliability.json", synthetic.reliability(generated))
    trust = reliabilities.read(tmp_path / "reliability.json", {"breast": {"name": "BreastMNIST"}})
    return summary.summary(config, synthetic.run(generated), [trust], [], {"date": "2026-01-01"})


def test_every_system_and_published_figure_has_a_row(tmp_path):
    rows = [line for line in text(tmp_path).splitlines() if line.startswith("|")]
    for name in ("`net/cnn`", "`net/svm`", "`votes/vote_cnn`", "`floors/majority`", "*the original study*"):
        assert sum(name in row for row in rows) == (1 if "*" in name or "floors" in name else 2), name
    svm = next(row for row in rows if "`net/svm`" in row)
    assert "0.820 ± 0.028" in svm  # of 0.80 and 0.84
    assert "0.750 to 0.890" in svm


def test_tables_are_rectangular_and_the_size_study_is_there(tmp_path):
    blocks = [block.splitlines() for block in text(tmp_path).split("\n\n") if block.startswith("|")]
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1
    assert any(line.startswith("| 100 | 0.610") for block in blocks for line in block)


def test_generated_images_are_named(tmp_path):
    assert "## BreastMNIST (generated images), n = 80" in text(tmp_path, generated=True)


def test_how_far_probabilities_can_be_trusted_has_a_row_a_system(tmp_path):
    block = text(tmp_path).split("### How far the probabilities can be trusted, n = 80 test images")[1]
    _, _, table, *_ = block.split("\n\n")
    head, _, *rows = table.splitlines()
    assert "recall of malignant at 0.5" in head
    assert [row.split("`")[1] for row in rows] == ["net/svm", "net/cnn", "votes/vote_cnn"]
