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


# -- what people write instead ----------------------------------------------------------------------------------------

CLASSES = (np.arange(20) % 3).astype(np.uint8)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("classes", [None, "known"])
def test_one_hot_labels_are_named_as_such(tmp_path, k, kind, classes):
    labels = np.eye(k, dtype=kind)[np.arange(20) % k]
    own = {"task": None, "classes": k if classes else None}
    with pytest.raises(
        UserError, match=r"train_labels is .* looks one-hot, .* numpy\.argmax\(labels, axis=1\)"
    ) as caught:
        load(tmp_path / "own.npz", arrays(labels), own=own)
    assert "multi-label" not in str(caught.value)
    turned = np.argmax(labels, axis=1).astype("uint8")
    assert np.array_equal(load(tmp_path / "own.npz", arrays(turned), own=own)[1]["test"][1], np.arange(20) % k)


def test_one_hot_labels_of_a_medmnist_set_are_named_too(tmp_path):
    labels = np.eye(2, dtype=np.uint8)[np.arange(20) % 2]
    with pytest.raises(UserError, match="looks one-hot"):
        load(tmp_path / "x.npz", arrays(labels, channels=()), flag="breastmnist")


def test_several_labels_that_are_one_each_are_told(tmp_path):
    own = {"task": "multi-label", "classes": None}
    alone, _ = load(tmp_path / "own.npz", arrays(np.eye(3, dtype=np.uint8)[CLASSES]), own=own)
    assert len(alone.remarks) == 1 and "every training image has exactly one label" in alone.remarks[0]
    assert load(tmp_path / "own.npz", arrays(several()), own=own)[0].remarks == ()


@pytest.mark.parametrize(
    ("start", "classes", "words"),
    [
        (-1, None, r"holds \[-1, 0, 1\]; expected the numbers of classes from 0 on, here 0 to 2: add 1"),
        (1, None, r"holds \[1, 2, 3\]; expected the numbers of classes from 0 on, here 0 to 2: subtract 1"),
        (-1, 3, r"holds \[-1, 0, 1\]; expected 0 to 2: add 1"),
        (1, 3, r"holds \[1, 2, 3\]; expected 0 to 2: subtract 1"),
        (7, 3, r"holds \[7, 8, 9\]; expected 0 to 2"),
    ],
)
def test_labels_that_begin_elsewhere_are_named_with_what_is_expected(tmp_path, start, classes, words):
    labels = CLASSES.astype(np.int64)[:, None] + start
    with pytest.raises(UserError, match=words):
        load(tmp_path / "own.npz", arrays(labels), own={"task": None, "classes": classes})


@pytest.mark.parametrize("flag", [None, "breastmnist"])
def test_one_channel_may_be_written_out(tmp_path, flag):
    labels = (np.arange(20) % 2).astype(np.uint8)
    flat = arrays(labels, side=28, channels=())
    written = {key: values[..., None] if values.ndim == 3 else values for key, values in flat.items()}
    mixed = {**flat, "val_images": written["val_images"]}
    found = [load(tmp_path / "x.npz", given, flag=flag, size=28) for given in (flat, written, mixed)]
    assert found[0][0] == found[1][0] == found[2][0]
    for split in npz.SPLITS:
        assert np.array_equal(found[0][1][split][0][:], found[1][1][split][0][:])


def test_channels_first_and_fractions_are_told_how_to_turn_round(tmp_path):
    for channels in (1, 3):
        images_ = np.zeros((20, channels, 28, 28), np.uint8)
        with pytest.raises(UserError, match=r"numpy\.moveaxis\(images, 1, -1\)"):
            load(tmp_path / "x.npz", arrays(CLASSES, side=28, train_images=images_), size=28)
    with pytest.raises(UserError, match=r"numpy\.rint\(255 \* images\)"):
        load(tmp_path / "x.npz", arrays(CLASSES, side=28, test_images=np.zeros((20, 28, 28, 3), np.float16)), size=28)


def test_numbers_of_images_that_are_not_medmnists_are_told(tmp_path):
    labels = (np.arange(20) % 2).astype(np.uint8)
    found, _ = load(tmp_path / "x.npz", arrays(labels, side=28, channels=()), flag="breastmnist", size=28)
    assert found.remarks == (
        "not the numbers of images of MedMNIST's BreastMNIST: train 20; official 546, val 20; official 78, "
        "test 20; official 156",
    )
    assert load(tmp_path / "x.npz", arrays(labels), flag=None)[0].remarks == ()


@pytest.mark.parametrize("channels", [(), (3,)])
def test_images_of_one_colour_are_counted_in_every_split(tmp_path, channels):
    given = arrays(CLASSES, channels=channels)
    given["test_images"][:10] = 0
    given["train_images"][4] = 99
    if channels:
        given["train_images"][5, ..., 0] = 7  # one channel alone
    found, _ = load(tmp_path / "x.npz", given)
    assert found.remarks == ("1 of 20 training images are one colour; 10 of 20 test images are one colour",)
    images.write_labels(tmp_path / "labels.h5", "test", found, CLASSES)
    assert images.describe(tmp_path / "labels.h5") == found
