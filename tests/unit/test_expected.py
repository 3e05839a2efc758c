"""Tests of what a file must hold: several labels at once, and files of a user's own that are none of MedMNIST's."""

import numpy as np
import pytest

from medfusion.data import npz, preparation
from medfusion.data.expected import expected
from medfusion.errors import UserError
from medfusion.files import images
from medfusion.tasks import BINARY, MULTI_CLASS, MULTI_LABEL, ORDINAL

OWN = {"flag": None, "size": 20, "source": "file", "sha256": None, "own": {"task": None, "classes": None}}


def arrays(labels, side=20, channels=(3,), **changes):
    """A file's arrays, with the same labels in every split."""
    rng = np.random.default_rng(0)
    result = {}
    for split in npz.SPLITS:
        result[f"{split}_images"] = rng.integers(0, 256, (len(labels), side, side, *channels), dtype=np.uint8)
        result[f"{split}_labels"] = np.asarray(labels)
    return {**result, **changes}


def several(n=20, k=3):
    labels = np.zeros((n, k), np.uint8)
    labels[np.arange(n), np.arange(n) % k] = 1
    labels[::7] = 1
    labels[-1] = 0
    return labels


def load(path, given, **settings):
    np.savez(path, **given)
    return preparation.load(path, {**OWN, **settings})


@pytest.mark.parametrize(
    ("word", "classes", "task"),
    [(None, 2, BINARY), (None, 4, MULTI_CLASS), ("multi-class", 4, MULTI_CLASS), ("ordinal-regression", 4, ORDINAL)],
)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_file_says_classes_and_channels(tmp_path, word, classes, task, known, channels):
    labels = (np.arange(20) % classes).astype(np.uint8)[:, None]
    own = {"task": word, "classes": classes if known else None}
    description, splits = load(tmp_path / "own.npz", arrays(labels, channels=channels), own=own)
    assert (description.flag, description.task, description.generated) == ("", task, False)
    assert description.label_names == tuple(map(str, range(classes)))
    assert splits["val"][0].shape == (20, 20, 20, *(channels or (1,)))
    assert np.array_equal(splits["test"][1], labels[:, 0])


@pytest.mark.parametrize("known", [3, None])
def test_several_labels_stay_as_they_are(tmp_path, known):
    labels = several()
    description, splits = load(tmp_path / "own.npz", arrays(labels), own={"task": "multi-label", "classes": known})
    assert (description.task, description.label_names) == (MULTI_LABEL, ("0", "1", "2"))
    images.write_labels(tmp_path / "labels.h5", "test", description, splits["test"][1])
    assert np.array_equal(images.read_labels(tmp_path / "labels.h5"), labels)
    assert images.describe(tmp_path / "labels.h5") == description


FAULTS = {
    "several labels unsaid": (several(), {}, {}, "say task: multi-label if an image may have several labels at once"),
    "one column": (np.zeros((20, 1), np.uint8), {}, {"task": "multi-label"}, r"expected uint8 \(20, 2 to 62\), 0 or 1"),
    "other labels": (several(), {}, {"task": "multi-label", "classes": 5}, r"expected uint8 \(20, 5\)"),
    "a label of 2": (several() * 2, {}, {"task": "multi-label"}, r"holds \[2\]; expected 0 to 1"),
    "a label on none": (several() * np.uint8([1, 0, 1]), {}, {"task": "multi-label"}, r"label \[1\] on none or all"),
    "a label on all": (several() | np.uint8([0, 0, 1]), {}, {"task": "multi-label"}, r"label \[2\] on none or all"),
    "one class": (np.zeros((20, 1), np.uint8), {}, {}, "holds one class alone; expected at least two"),
    "more than a byte": (np.arange(20)[:, None] * 15, {}, {}, "holds 285; expected the numbers of at most 256 classes"),
    "an identity": (np.arange(20)[:, None] * 10**11, {}, {}, "holds 1900000000000; expected the numbers"),
    "many absent": (np.arange(20)[:, None] * 13, {}, {}, r"no image of class \[1, 2, 3, 4, 5, \.\.\.\]"),
    "positive": (
        np.arange(20)[:, None] % 2,
        {},
        {"positive": 5},
        "train_labels are 0 to 1; config.yaml has positive: 5",
    ),
    "too many classes": (np.arange(20)[:, None] % 4, {}, {"classes": 3}, r"holds \[3\]; expected 0 to 2"),
    "a class too few": (np.arange(20)[:, None] % 4, {}, {"classes": 5}, r"no image of class \[4\]"),
    "a side": (
        np.arange(20)[:, None] % 2,
        {"size": 28},
        {},
        r"expected \(n, 28, 28\) or .* or \(n, 28, 28, 3\)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_array_and_way_out(tmp_path, fault):
    labels, settings, own, message = FAULTS[fault]
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path / "own.npz", arrays(labels), **settings, own={**OWN["own"], **own})
    assert str(caught.value).startswith(f"{tmp_path / 'own.npz'}: train_")


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
def test_several_labels_stored_column_by_column_are_taken(tmp_path, kind):
    """As pandas gives them."""
    own = {"task": "multi-label", "classes": None}
    stored = [np.asarray(several(), kind, order=order) for order in "CF"]
    whole = [load(tmp_path / f"{number}.npz", arrays(labels), own=own) for number, labels in enumerate(stored)]
    assert whole[0][0] == whole[1][0]
    assert all(np.array_equal(labels, whole[1][1][split][1]) for split, (_, labels) in whole[0][1].items())


def test_splits_that_differ_in_channels_are_refused(tmp_path):
    labels = np.arange(20)[:, None] % 2
    grey = np.zeros((20, 20, 20), np.uint8)
    with pytest.raises(UserError, match=r"val_images has shape \(20, 20, 20\); expected \(n, 20, 20, 3\)"):
        load(tmp_path / "own.npz", arrays(labels, val_images=grey))


def test_chestmnist_has_fourteen_labels_for_each_image(tmp_path):
    def stored(arrays):
        np.savez(tmp_path / "x.npz", **arrays)
        return npz.read(tmp_path / "x.npz")

    wanted = expected({"flag": "chestmnist"})
    assert (wanted.multi_label, len(wanted.label_names), wanted.channels) == (True, 14, 1)
    given = arrays(several(30, 14), 28, ())
    assert npz.check("x.npz", stored(given), wanted, 28, official_counts=False)["val"].shape == (30, 14)
    with pytest.raises(UserError, match=r"val_labels is uint8 \(30, 1\); expected uint8 \(30, 14\), 0 or 1 for each"):
        npz.check(
            "x.npz", stored({**given, "val_labels": np.zeros((30, 1), np.uint8)}), wanted, 28, official_counts=False
        )
    with pytest.raises(UserError, match="MedMNIST's chestmnist has 78468"):
        npz.check("x.npz", stored(given), wanted, 28, official_counts=True)
