"""Tests of what the terminal says at the end of a run."""

import synthetic
from configurations import completed

from medfusion.files.artifacts import write_json
from medfusion.report import outcome


def test_the_selected_system_is_named_with_its_interval_and_what_leaked(tmp_path):
    config = completed("datasets: {blood: ~}")
    (tmp_path / "breast").mkdir()
    synthetic.write_ranking(tmp_path / "breast/ranking.csv", synthetic.run())
    (line,) = outcome.lines(config, str(tmp_path))
    assert line == "breast: selected net/svm: test accuracy 0.820 (0.561 to 1.000), AUROC 0.820, n = 80."
    compared = synthetic.comparisons()
    compared["near_duplicates"] = {"images": 30, "parts": {}, "systems": []}
    write_json(tmp_path / "breast/comparisons.json", compared | {"n": 80})
    (line,) = outcome.lines(config, str(tmp_path))
    assert line.endswith(
        "n = 80. 38\N{NO-BREAK SPACE}% of the test images have a near-duplicate among the training images."
    )
