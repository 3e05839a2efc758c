"""Tests of the tidy table and of where systems stand."""

import io

import pandas as pd
import pytest
import synthetic

from medfusion.errors import UserError
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
    assert again["seed"].isna().sum() == (table["model"].isin(["ensembles", "baselines"])).sum()


def test_generated_images_are_named_in_every_row():
    assert set(tidy(synthetic.run(generated=True))["name"]) == {"BreastMNIST (generated images)"}


def test_a_file_that_is_no_metrics_file_is_refused(tmp_path):
    write_json(tmp_path / "metrics.json", {"dataset": "breast"})
    with pytest.raises(UserError, match="metrics.json: lacks .*systems"):
        read_metrics([tmp_path / "metrics.json"], {})
