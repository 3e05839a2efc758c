"""Tests of the tidy table and of where systems stand."""

import io
import math

import pandas as pd
import pytest
import synthetic

from medfusion.errors import UserError
from medfusion.evaluation import standings
from medfusion.files.artifacts import write_json
from medfusion.files.metric_files import COLUMNS, read_metrics, tidy


def test_the_table_is_the_same_whatever_the_order_of_the_files():
    contents = synthetic.run()
    table = tidy(contents)
    assert list(table.columns) == COLUMNS
    assert table.to_csv() == tidy(contents[::-1]).to_csv()
    again = pd.read_csv(io.StringIO(table.to_csv(index=False)), dtype={"seed": "Int64"})
    assert len(again) == sum(
        len(s[split]) for c in contents for s in c["systems"].values() for split in ("val", "test")
    )
    assert again["seed"].isna().sum() == (table["model"].isin(["votes", "floors"])).sum()


def test_generated_images_are_named_in_every_row():
    assert set(tidy(synthetic.run(generated=True))["name"]) == {"BreastMNIST (generated images)"}


def test_a_file_that_is_no_metrics_file_is_refused(tmp_path):
    write_json(tmp_path / "metrics.json", {"dataset": "breast"})
    with pytest.raises(UserError, match="metrics.json: lacks .*systems"):
        read_metrics([tmp_path / "metrics.json"], {})


def test_validation_decides_who_is_best_and_test_does_not():
    systems = standings.standings(tidy(synthetic.run()), "accuracy")
    assert [row.address for row in systems] == ["net/svm", "net/cnn", "votes/vote_cnn"]
    best = systems[0]
    assert best.test.mean == pytest.approx(0.82) and best.test.sd == pytest.approx(math.sqrt(0.0008))
    assert (best.test.low, best.test.high) == pytest.approx((0.75, 0.89))
    assert (best.test.least, best.test.most, best.test.n, best.seeds) == (0.80, 0.84, 80, 2)
    assert math.isnan(systems[2].test.sd) and not systems[2].seeded


@pytest.mark.parametrize(("criterion", "best"), [("log_loss", "net/cnn"), ("auc", "net/svm"), ("accuracy", "net/svm")])
def test_the_criterion_decides_who_is_best(criterion, best):
    table = tidy(synthetic.run())
    table.loc[(table["metric"] == "log_loss") & (table["system"] == "cnn"), "value"] = 0.01
    found = standings.standings(table, criterion)[0]
    assert found.address == best
    assert found.chosen_by("log_loss") == found.val_log_loss and found.chosen_by("accuracy") == found.val


def test_floors_and_the_size_study_are_no_candidates():
    table = tidy(synthetic.run())
    assert [row.system for row in standings.floors(table)] == ["majority"]
    assert {row.model for row in standings.standings(table, "accuracy")} == {"net", "votes"}


def test_every_model_is_represented_by_its_network_and_its_best():
    contents = synthetic.run()
    systems = standings.standings(tidy(contents), "accuracy")
    shown = standings.representatives(systems)
    assert [row.address for row in shown] == ["net/svm", "net/cnn", "votes/vote_cnn"]
    assert standings.confusions(contents, shown[0]).shape == (2, 2, 2)
