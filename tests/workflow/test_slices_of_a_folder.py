"""Metadata of a folder of pictures: slices are those of the table, and a changed one runs again what reads it alone."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import copy_project
from test_folder import SHAPES, picture

TARGET = "results/own/slices.csv"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A project of a hundred pictures of each of three shapes, six of each patient, of two sites, with its slices."""
    project = copy_project(tmp_path_factory.mktemp("metadata") / "project", "folder.yaml")
    rng, rows = np.random.default_rng(0), []
    for kind in SHAPES:
        folder = project.folder / "pictures" / kind
        folder.mkdir(parents=True)
        for number in range(100):
            picture(kind, rng).save(folder / f"{number}.png")
            who = number // 2
            rows.append((f"{kind}/{number}.png", f"p{who}", "mf"[who % 2], 20 + who, "AB"[who // 25]))
    table = pd.DataFrame(rows, columns=["file", "patient", "sex", "age", "site"])
    table.to_csv(project.folder / "patients.csv", index=False)
    overlay = yaml.safe_load(project.overlay.read_text(encoding="utf-8"))
    overlay["datasets"]["own"] |= {"split": {"shares": [0.3, 0.1, 0.6]}, "metadata": "patients.csv"}
    project.overlay.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    project.snakemake("-j", "2", TARGET)
    return project


@pytest.mark.slow
def test_slices_are_those_of_the_table(done):
    pictures = pd.read_csv(done.folder / "results/own/pictures.csv")
    assert (pictures.groupby("group")["split"].nunique() == 1).all(), "a patient in two splits"
    known = pd.read_csv(done.folder / "patients.csv").set_index("file")
    test = known.loc[pictures[pictures["split"] == "test"]["path"]]
    found = pd.read_csv(done.folder / TARGET)
    accuracy = found[found["metric"] == "accuracy"].set_index("slice")
    assert (accuracy.loc["A", "images"], accuracy.loc["A", "patients"]) == (
        (test["site"] == "A").sum(),
        test[test["site"] == "A"]["patient"].nunique(),
    )
    assert set(found["column"].dropna()) == {"sex", "age", "site"}


@pytest.mark.slow
def test_a_changed_table_runs_again_what_reads_it(done):
    path = done.folder / "patients.csv"
    before = path.read_text(encoding="utf-8")
    assert not done.planned(TARGET)
    path.touch()
    assert not done.planned(TARGET)
    path.write_text(before.replace(",A\n", ",C\n"), encoding="utf-8")
    assert done.planned(TARGET) == {"assess_slices": 1}
    path.write_text(before.replace(",p1,", ",p2,"), encoding="utf-8")
    assert {"prepare_folder", "train_cnn", "assess_slices"} <= set(done.planned(TARGET))
    path.write_text(before.replace("file,", "name,"), encoding="utf-8")
    failed = done.snakemake("-n", TARGET, check=False)
    text = failed.stdout + failed.stderr
    assert failed.returncode and "datasets.own.metadata: patients.csv: lacks the column 'file'" in text
    assert "Traceback" not in text
    path.write_text(before, encoding="utf-8")
    assert not done.planned(TARGET)
