"""A folder of pictures as a data set: planned, run again when a picture changes, and run from end to end."""

import numpy as np
import pytest
from conftest import copy_project
from PIL import Image

SHAPES = ("circle", "square", "stripes")


def picture(kind, rng, side=40):
    """A colour picture of a shape, with noise."""
    y, x = np.mgrid[:side, :side] - side / 2
    inside = {
        "circle": np.hypot(x, y) < side / 3,
        "square": np.maximum(abs(x), abs(y)) < side / 3,
        "stripes": x % 8 < 4,
    }
    values = 60 + 100 * inside[kind][..., None] * [1, 0.6, 0.3] + rng.normal(0, 20, (side, side, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


@pytest.fixture
def project(tmp_path):
    """A project with forty pictures of each of three shapes, two of each patient."""
    result = copy_project(tmp_path / "project", "folder.yaml")
    rng = np.random.default_rng(0)
    for kind in SHAPES:
        folder = result.folder / "pictures" / kind
        folder.mkdir(parents=True)
        for number in range(40):
            picture(kind, rng).save(folder / f"p{number // 2}_{number}.{'png' if number % 2 else 'jpg'}")
    return result


def test_a_changed_added_or_removed_picture_runs_the_stage_again(project):
    first = project.folder / "pictures/circle/p0_1.png"
    project.snakemake("-j", "1", "results/own/images/train.h5")
    assert project.planned("results/own/images/train.h5") == {}
    plan = {"prepare_folder": 1}
    before = first.read_bytes()
    picture("circle", np.random.default_rng(1)).save(first)
    assert project.planned("results/own/images/train.h5") == plan
    project.snakemake("-j", "1", "results/own/images/train.h5")
    assert project.planned("results/own/images/train.h5") == {}
    first.unlink()
    assert project.planned("results/own/images/train.h5") == plan
    first.write_bytes(before)
    (first.parent / "p99_0.png").write_bytes(before)
    assert project.planned("results/own/images/train.h5") == plan
    (first.parent / "notes.txt").write_text("no picture", encoding="utf-8")
    project.snakemake("-j", "1", "results/own/images/train.h5")
    assert project.planned("results/own/images/train.h5") == {}


def test_what_is_wrong_with_the_folder_is_one_line(project):
    (project.folder / "pictures/empty").mkdir()
    done = project.snakemake("-n", check=False)
    assert done.returncode != 0
    assert "datasets.own.path: pictures/empty: no picture; every class needs some" in done.stdout + done.stderr
    (project.folder / "pictures/empty").rmdir()
    (project.folder / "pictures/circle/p0_0.jpg").write_bytes(b"no picture")
    done = project.snakemake("-j", "1", "results/own/images/train.h5", check=False)
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "error: pictures/circle/p0_0.jpg: no picture that can be read" in text and "Traceback" not in text
    assert not (project.folder / "results/own/images/train.h5").exists()


@pytest.mark.slow
def test_a_folder_runs_from_end_to_end(project):
    project.snakemake("-j", "2", "report", "export")
    page = (project.folder / "results/report.html").read_text(encoding="utf-8")
    assert "Own pictures" in page and all(shape in page for shape in SHAPES)
    assert "in its place a linear classifier on 20 Nyström features" in page
    best = project.json("results/own/small/seed1/svm_rbf/best.json")
    assert (best["estimator"], best["nystroem_components"]) == ("nystroem", 20)
    assert best["fitted_images"] == best["training_images"] > 60
    assert project.json("results/own/small/seed1/random_forest/best.json")["fitted_images"] == 60
    assert (project.folder / "results/own/export/model_package.json").exists()
