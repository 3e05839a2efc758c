"""Tests of the generated images: format, determinism, class make-up, errors and planted near-duplicates."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import generate
from medfusion.data import npz, synthetic_images
from medfusion.data.expected import expected
from medfusion.data.medmnist_info import INFO

FLAGS = sorted(flag for flag in INFO if "3d" not in flag)
CHANNEL_SHAPE = {flag: () if INFO[flag]["n_channels"] == 1 else (3,) for flag in FLAGS}
ONE_CLASS = [flag for flag in FLAGS if flag != "chestmnist"]
COUNTS = {"train": 60, "val": 20, "test": 40}


@pytest.fixture(scope="module", params=FLAGS)
def flag_and_arrays(request):
    return request.param, synthetic_images.generate(request.param, 28, COUNTS, seed=3)


def test_the_registry_holds_consistent_entries():
    assert sorted(synthetic_images.SYNTHETIC_SETS) == FLAGS
    for flag, synthetic_set in synthetic_images.SYNTHETIC_SETS.items():
        assert len(synthetic_set.class_fractions) == len(INFO[flag]["label"])
        assert synthetic_set.several == (flag == "chestmnist")
        assert synthetic_set.several or sum(synthetic_set.class_fractions) == pytest.approx(1)
        assert synthetic_set.channels == (CHANNEL_SHAPE[flag] or (1,))[0]


def test_arrays_have_the_medmnist_format(flag_and_arrays):
    flag, arrays = flag_and_arrays
    expected_keys = {f"{split}_{kind}" for split in COUNTS for kind in ("images", "labels")}
    assert set(arrays) == expected_keys | {"provenance"}
    for split, n in COUNTS.items():
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (n, 28, 28, *CHANNEL_SHAPE[flag])
        assert labels.shape == ((n, 14) if flag == "chestmnist" else (n, 1))


@pytest.mark.parametrize("size", [28, 64, 128, 224])
@pytest.mark.parametrize("flag", FLAGS)
def test_every_set_at_every_size_is_what_medmnist_says_of_it(flag, size, tmp_path):
    arrays = synthetic_images.generate(flag, size, dict.fromkeys(synthetic_images.SPLITS, 15), seed=2)
    np.savez(tmp_path / "made.npz", **arrays)
    made = npz.read(tmp_path / "made.npz")
    labels = npz.check("made", made, expected({"flag": flag}), size, official_counts=False)
    assert {len(found) for found in labels.values()} == {15}
    assert arrays["train_images"].std() > 5


def test_provenance_names_the_seed_and_survives_a_file_without_pickle(flag_and_arrays):
    _, arrays = flag_and_arrays
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    stream.seek(0)
    with np.load(stream, allow_pickle=False) as stored:
        provenance = stored["provenance"]
    assert provenance.shape == ()
    assert provenance.dtype.kind == "U"
    assert provenance.item() == "generated images (medfusion synthetic images, seed 3)"


def test_images_have_contrast_and_are_not_all_clipped(flag_and_arrays):
    _, arrays = flag_and_arrays
    images = arrays["train_images"].astype(float)
    assert images.std(axis=(1, 2)).min() > 2
    assert np.mean((images == 0) | (images == 255)) < 0.2


@pytest.mark.parametrize("flag", FLAGS)
def test_blocks_are_the_same_images_whatever_their_size(flag, monkeypatch):
    whole = synthetic_images.generate(flag, 28, COUNTS, seed=3)
    monkeypatch.setattr(synthetic_images, "BLOCK_BYTES", 7 * 28 * 28)
    drawn = synthetic_images.Drawing(flag, 28, COUNTS, seed=3)
    for split in synthetic_images.SPLITS:
        blocks = list(drawn.images(split))
        assert max(map(len, blocks)) <= 7
        assert np.array_equal(np.concatenate(blocks), whole[f"{split}_images"])


def test_generated_files_are_those_that_numpy_would_write(tmp_path):
    settings = {"flag": "bloodmnist", "size": 28, "seed": 3, **COUNTS}
    generate.main(SimpleNamespace(npz=str(tmp_path / "a.npz")), settings)
    np.savez(tmp_path / "b.npz", **synthetic_images.generate("bloodmnist", 28, COUNTS, seed=3))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("flag", FLAGS)
def test_same_seed_gives_the_same_bytes_whatever_the_global_state(flag):
    counts = dict.fromkeys(synthetic_images.SPLITS, 15)
    np.random.seed(1)
    first = synthetic_images.generate(flag, 28, counts, seed=11)
    np.random.seed(2)
    second = synthetic_images.generate(flag, 28, counts, seed=11)
    assert {key: value.tobytes() for key, value in first.items()} == {
        key: value.tobytes() for key, value in second.items()
    }


@pytest.mark.parametrize("flag", FLAGS)
def test_another_seed_or_another_split_gives_other_images(flag):
    counts = dict.fromkeys(synthetic_images.SPLITS, 15)
    first, second = (synthetic_images.generate(flag, 28, counts, seed) for seed in (11, 12))
    for split in synthetic_images.SPLITS:
        assert not np.array_equal(first[f"{split}_images"], second[f"{split}_images"])
    assert not np.array_equal(first["train_images"], first["val_images"])


def test_the_train_split_does_not_depend_on_the_other_counts():
    few, many = (
        synthetic_images.generate("breastmnist", 16, {"train": 8, "val": n, "test": n}, seed=5) for n in (4, 12)
    )
    np.testing.assert_array_equal(few["train_images"], many["train_images"])


@settings(max_examples=12, deadline=None)
@given(
    flag=st.sampled_from(ONE_CLASS),
    counts=st.fixed_dictionaries({split: st.integers(11, 40) for split in synthetic_images.SPLITS}),
    size=st.sampled_from([16, 17, 28]),
    seed=st.integers(0, 2**63),
)
def test_every_class_is_in_every_split_at_about_its_fraction(flag, counts, size, seed):
    arrays = synthetic_images.generate(flag, size, counts, seed)
    fractions = np.array(synthetic_images.SYNTHETIC_SETS[flag].class_fractions)
    for split, n in counts.items():
        per_class = np.bincount(arrays[f"{split}_labels"][:, 0], minlength=fractions.size)
        assert per_class.size == fractions.size
        assert per_class.sum() == n
        assert per_class.min() >= 1
        # Rounding moves a class by less than 1; classes raised to one image may cost another a few.
        assert np.all(np.abs(per_class - n * fractions) < 1 + np.sum(n * fractions < 1))
        assert arrays[f"{split}_images"].shape[:3] == (n, size, size)


def test_one_image_per_class_is_enough():
    arrays = synthetic_images.generate("bloodmnist", 16, dict.fromkeys(synthetic_images.SPLITS, 8), seed=0)
    for split in synthetic_images.SPLITS:
        assert sorted(arrays[f"{split}_labels"][:, 0]) == list(range(8))


def test_each_of_several_labels_is_on_about_its_share_of_the_images():
    arrays = synthetic_images.generate("chestmnist", 16, {"train": 200, "val": 15, "test": 40}, seed=0)
    fractions = np.array(synthetic_images.SYNTHETIC_SETS["chestmnist"].class_fractions)
    for split, n in (("train", 200), ("val", 15), ("test", 40)):
        labels = arrays[f"{split}_labels"]
        np.testing.assert_array_equal(labels.sum(axis=0), np.maximum(1, np.round(fractions * n)))
    assert arrays["train_labels"].sum(axis=1).max() > 1


def test_labels_are_shuffled(flag_and_arrays):
    _, arrays = flag_and_arrays
    assert np.any(np.diff(arrays["train_labels"][:, 0].astype(int)) < 0)


@pytest.mark.parametrize("flag", FLAGS)
def test_about_one_percent_of_the_test_images_are_near_duplicates_of_the_same_class(flag):
    arrays = synthetic_images.generate(flag, 28, {"train": 60, "val": 15, "test": 200}, seed=4)
    train, test = (arrays[f"{split}_images"].astype(float) for split in ("train", "test"))
    distance = np.array([np.abs(train - image).reshape(len(train), -1).mean(axis=1) for image in test])
    nearest = distance.argmin(axis=1)
    is_duplicate = distance.min(axis=1) < 5
    assert is_duplicate.sum() == round(synthetic_images.DUPLICATE_FRACTION * 200)
    assert np.all(distance.min(axis=1)[is_duplicate] > 0)
    np.testing.assert_array_equal(arrays["test_labels"][is_duplicate], arrays["train_labels"][nearest[is_duplicate]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"flag": "cifar"}, ["'cifar'", "bloodmnist, breastmnist"]),
        ({"size": 15}, ["size 15", "16"]),
        ({"counts": {"train": 8, "val": 7, "test": 8}}, ["count 7", "'val'", "8 or more"]),
        ({"counts": {"train": 8, "test": 8}}, ["['test', 'train']", "train, val, test"]),
        ({"seed": -1}, ["seed -1", "0 or more"]),
    ],
)
def test_a_bad_argument_is_named_together_with_what_is_allowed(change, named):
    arguments = {"flag": "bloodmnist", "size": 28, "counts": dict.fromkeys(synthetic_images.SPLITS, 8), "seed": 0}
    with pytest.raises(ValueError) as caught:
        synthetic_images.generate(**(arguments | change))
    for part in named:
        assert part in str(caught.value)
