"""What benchmarks/crossvalidate.py deals: every image is tested on once, and never beside itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from medfusion.files import images
from medfusion.planning.config import complete

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def crossvalidate():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import crossvalidate

    yield crossvalidate
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def dealt(crossvalidate, tmp_path_factory):
    """Twenty training and ten validation images, each known by the grey value of its first pixel.

    Of each three that follow one another the last is the first with a little noise.
    """
    folder = tmp_path_factory.mktemp("dealt")
    description = images.Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 250, (30, 28, 28, 1), dtype=np.uint8)
    pixels[2::3] = pixels[::3] + rng.integers(0, 5, (10, 28, 28, 1), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(30)
    paths = [folder / "train.h5", folder / "val.h5"]
    for path, rows in zip(paths, (slice(0, 20), slice(20, 30)), strict=True):
        images.write_split(path, path.stem, description, pixels[rows], (np.arange(30) % 2)[rows])
    return [np.load(path) for path in crossvalidate.deal(paths, folder, 5, 0.95)]


def rows(file, split):
    return file[f"{split}_images"][:, 0, 0]


def test_every_image_is_tested_on_once(dealt):
    assert sorted(np.concatenate([rows(file, "test") for file in dealt])) == list(range(30))


def test_splits_hold_each_image_once_with_its_label(dealt):
    for file in dealt:
        everything = np.concatenate([rows(file, split) for split in ("train", "val", "test")])
        assert sorted(everything) == list(range(30))
        for split in ("train", "val", "test"):
            assert np.array_equal(file[f"{split}_labels"][:, 0], rows(file, split) % 2)


def test_the_overlay_is_a_configuration(crossvalidate, tmp_path):
    """Of the chosen model alone, and of ensembles that it can cast."""
    config = crossvalidate.timing.config()
    files = [tmp_path / f"fold{fold}.npz" for fold in (1, 2)]
    for file in files:
        file.touch()
    overlay = crossvalidate.folds(config, "breast", ["breast_resnet"], files, tmp_path / "results")
    first, schema = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("config.yaml", "schemas/config.schema.yaml")
    )
    update_config(first, overlay)
    found = complete(first, schema)["datasets"]
    assert list(found) == ["fold1", "fold2"]
    for fold in found.values():
        assert (list(fold["models"]), list(fold["ensembles"])) == (["breast_resnet"], ["ensemble_resnet"])
        assert fold["augmentation"] == config["datasets"]["breast"]["augmentation"]


def test_a_fold_is_validated_on_before_it_is_tested_on(dealt):
    for this, following in zip(dealt, [*dealt[1:], dealt[0]], strict=True):
        assert np.array_equal(rows(this, "val"), rows(following, "test"))


def test_near_duplicates_are_in_one_fold(dealt):
    for file in dealt:
        own = set(rows(file, "test").tolist())
        assert all(((number in own) == (number + 2 in own)) for number in range(0, 30, 3))


def test_images_of_one_colour_are_near_duplicates_of_their_like(crossvalidate, tmp_path):
    description = images.Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)
    pixels = np.random.default_rng(0).integers(0, 250, (6, 28, 28, 1), dtype=np.uint8)
    pixels[[1, 4]] = 7
    images.write_split(tmp_path / "train.h5", "train", description, pixels, np.arange(6) % 2)
    found = crossvalidate.groups([tmp_path / "train.h5"], pixels, 0.95)
    assert found[1] == found[4] and len(set(found)) == 5


def test_every_benchmark_that_make_calls_starts():
    """Each imports the others by name."""
    for program in ("run.py", "large.py"):
        command = [sys.executable, str(ROOT / "benchmarks" / program), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0 and "usage:" in done.stdout, done.stderr
