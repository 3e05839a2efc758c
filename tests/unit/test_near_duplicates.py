"""Tests of the search for near-duplicates: against brute force, in any blocks, with images without correlation."""

import argparse
import itertools
import json

import numpy as np
import pytest

import audit_duplicates
from medfusion.data import duplicate_search, near_duplicates
from medfusion.figures import drawing
from medfusion.files.images import Description, read_images, write_labels, write_split
from medfusion.naming import display_names

DESCRIPTION = Description("toys", "multi-class", ("apple", "pear (green)"), "0" * 64, True)
TOYS = {"name": "Toys", "label_names": None}
SHOWN = display_names(DESCRIPTION, TOYS)


def _split(folder, name, images, labels):
    path = folder / f"{name}.h5"
    write_split(path, name, DESCRIPTION, images, labels)
    return near_duplicates.Split(name, path, labels)


@pytest.fixture
def splits(tmp_path):
    """Random images with planted near-duplicates, duplicates and a conflict of labels; two images are constant."""
    rng = np.random.default_rng(5)
    sizes = {"train": 23, "val": 9, "test": 14}
    arrays = {name: rng.integers(40, 200, (n, 8, 8, 3), dtype=np.uint8) for name, n in sizes.items()}
    labels = {name: rng.integers(0, 2, n, dtype=np.uint8) for name, n in sizes.items()}
    train, val, test = arrays.values()
    test[3] = train[7]
    labels["train"][7], labels["test"][3] = 0, 1
    train[20] = train[2]
    labels["train"][[2, 20]] = 1
    val[1] = train[11] - 40  # another brightness: r = 1, yet not the same bytes
    test[8] = train[11] + rng.integers(0, 30, train[11].shape, dtype=np.uint8)
    labels["train"][11] = labels["val"][1] = labels["test"][8] = 0
    train[0] = test[5] = 77
    return [_split(tmp_path, name, arrays[name], labels[name]) for name in sizes]


def _brute_force(splits, threshold):
    """{(split, index, split, index): correlation} of all pairs that reach the threshold."""
    rows = [(s.name, i, image.ravel()) for s in splits for i, image in enumerate(read_images(s.path))]
    found = {}
    for (name_a, i, a), (name_b, j, b) in itertools.combinations(rows, 2):
        if a.std() and b.std() and (r := np.corrcoef(a, b)[0, 1]) >= threshold:
            found[name_a, i, name_b, j] = r
    return found


def _as_dictionary(pairs):
    return {(r.split_a, r.index_a, r.split_b, r.index_b): r.correlation for r in pairs.itertuples()}


def _between(summary, first, second):
    return next(entry for entry in summary["splits"] if (entry["first"], entry["second"]) == (first, second))


PLAIN = ("train", "test")


def _turned(first, second, threshold):
    """The images of the second that correlate with some other orientation of one of the first."""
    found = set()
    for turns, mirrored in itertools.product(range(4), (False, True)):
        if (turns, mirrored) != (0, False):
            other = np.rot90(first, turns, axes=(1, 2))
            other = other[:, :, ::-1] if mirrored else other
            with np.errstate(invalid="ignore"):
                both = np.corrcoef(np.concatenate([other, second]).reshape(len(first) + len(second), -1))
            found |= set(np.flatnonzero((both[: len(first), len(first) :] >= threshold).any(axis=0)).tolist())
    return found


@pytest.mark.parametrize("threshold", [-0.999, 0.05, 0.5, 0.95])
def test_pairs_are_those_of_brute_force(splits, threshold):
    pairs, summary = near_duplicates.find(splits, threshold)
    expected = _brute_force(splits, threshold)
    assert _as_dictionary(pairs) == pytest.approx(expected, abs=1e-12)
    assert summary["pairs"] == summary["pairs_listed"] == len(expected)
    for entry in summary["splits"]:
        between = [key for key in expected if (key[0], key[2]) == (entry["first"], entry["second"])]
        assert entry["pairs"][f"{threshold:g}"] == len(between)
        if entry["first"] != entry["second"]:
            found = {key[3] for key in between}
            assert entry["images"][f"{threshold:g}"] == len(found)
            # Of the same bytes, but without a correlation.
            found |= {5} if (entry["first"], entry["second"]) == PLAIN else set()
            of_split = {split.name: read_images(split.path) for split in splits}
            turned = _turned(of_split[entry["first"]], of_split[entry["second"]], threshold)
            assert entry["turned"] == len(turned - found)
            assert entry["indices"] == sorted(found | turned)
    labels = {(split.name, i): label for split in splits for i, label in enumerate(split.labels.tolist())}
    strongest = {}
    for (*ends,), r in expected.items():
        first, second = tuple(ends[:2]), tuple(ends[2:])
        if labels[first] != labels[second]:
            for own, other in ((first, second), (second, first)):
                strongest.setdefault(own, []).append((r, other))
    listed = {(split, index): (other, number) for split, index, other, number in summary["opposite_labels"]}
    assert listed == {own: max(found)[1] for own, found in strongest.items()}
    assert list(listed) == [image for image in labels if image in listed]
    assert threshold != 0.95 or listed[("train", 7)] == ("test", 3)


@pytest.mark.parametrize("block", [1, 2, 5, 23])
def test_blocks_change_nothing(splits, block):
    whole, whole_summary = near_duplicates.find(splits, 0.1, listed=40)
    pairs, summary = near_duplicates.find(splits, 0.1, listed=40, block=block)
    assert pairs.to_csv() == whole.to_csv()
    assert summary == whole_summary


@pytest.mark.parametrize("threshold", [-0.999, 0.3, 0.95])
@pytest.mark.parametrize(
    "limits",
    [{"FEW": 1, "MANY": 2}, {"FEW": 3, "MANY": 40}, {"HELD": 192 * 4}, {"MOST_PAIRS": 5}, {"WORKED": 1}],
    ids=str,
)
def test_limits_of_the_search_change_nothing(splits, monkeypatch, threshold, limits):
    whole, whole_summary = near_duplicates.find(splits, threshold)
    for name, value in limits.items():
        monkeypatch.setattr(duplicate_search, name, value)
    pairs, summary = near_duplicates.find(splits, threshold, block=6)
    assert pairs.to_csv() == whole.to_csv()
    assert summary == whole_summary


def test_no_pair_just_above_the_threshold_is_lost(tmp_path):
    """Many near-duplicates of every strength around the threshold, in images of smooth patches."""
    rng = np.random.default_rng(0)
    basis = np.stack(
        [
            np.outer(np.sin(a * np.linspace(0, 3, 12)), np.cos(b * np.linspace(0, 3, 12)))
            for a, b in rng.integers(1, 4, (6, 2))
        ]
    )
    patches = np.tensordot(rng.normal(size=(300, 6)), basis, 1)
    noise = rng.normal(size=patches.shape) * rng.uniform(0, 0.5, (300, 1, 1)) * patches.std(axis=(1, 2), keepdims=True)
    images = np.concatenate([patches, patches + noise])
    images = np.clip(128 + 30 * images / images.std(), 0, 255).astype(np.uint8)[..., None]
    split = _split(tmp_path, "train", images, np.zeros(600, np.uint8))
    flat = images.reshape(600, -1).astype(float)
    expected = np.corrcoef(flat)[np.triu_indices(600, 1)]
    for threshold in (0.9, 0.95, 0.99):
        _, summary = near_duplicates.find([split], threshold)
        # Correlations so near to the threshold that NumPy may round them to the other side are none of its business.
        assert abs(summary["pairs"] - np.sum(expected >= threshold)) <= np.sum(np.abs(expected - threshold) < 1e-12)
        assert summary["pairs"] > 50


def test_a_cut_table_keeps_the_strongest_and_the_counts_stay_complete(splits):
    everything, complete = near_duplicates.find(splits, 0.0)
    pairs, summary = near_duplicates.find(splits, 0.0, listed=30, block=7)
    across = everything[everything["split_a"] != everything["split_b"]]
    assert len(across) > 30
    assert _as_dictionary(pairs) == _as_dictionary(across.head(30))
    assert across["correlation"].is_monotonic_decreasing
    assert summary["pairs_listed"] == 30
    assert {**summary, "pairs_listed": 0} == {**complete, "pairs_listed": 0}


def test_planted_duplicates_and_conflicts_are_counted(splits):
    pairs, summary = near_duplicates.find(splits, 0.95)
    assert all(entry["turned"] == 0 for entry in summary["splits"] if "turned" in entry)
    identical = {(r.split_a, r.index_a, r.split_b, r.index_b) for r in pairs[pairs["identical"]].itertuples()}
    assert identical == {("train", 7, "test", 3), ("train", 2, "train", 20)}
    assert (pairs.loc[pairs["identical"], "correlation"] == 1).all()

    within = _between(summary, "train", "train")
    assert within["pairs"] == {"0.95": 1, "0.99": 1, "0.999": 1, "identical": 1}
    assert within["images"]["identical"] == 2
    assert within["conflicting_labels"]["identical"] == 0

    across = _between(summary, "train", "test")
    assert across["pairs"] == {"0.95": 2, "0.99": 1, "0.999": 1, "identical": 2}  # one of them of one colour
    assert across["indices"] == [3, 5, 8]
    plain = int(splits[0].labels[0] != splits[2].labels[5])
    assert across["conflicting_labels"] == {"0.95": 1, "0.99": 1, "0.999": 1, "identical": 1 + plain}

    brighter = _between(summary, "train", "val")
    assert brighter["pairs"] == {"0.95": 1, "0.99": 1, "0.999": 1, "identical": 0}


def test_a_planted_leak_is_found_mirrored_and_turned(tmp_path):
    """Test images that are copies of training images, in any orientation and brightness."""
    rng = np.random.default_rng(2)
    train, test = (rng.integers(20, 200, (n, 8, 8, 1), dtype=np.uint8) for n in (30, 12))
    for number, (turns, mirrored) in enumerate(itertools.product(range(4), (False, True))):
        copied = np.rot90(train[number], turns)
        test[number] = (copied[:, ::-1] if mirrored else copied) + 5 * number
    files = [_split(tmp_path, name, pixels, np.zeros(len(pixels), np.uint8)) for name, pixels in
             (("train", train), ("test", test))]  # fmt: skip
    _, summary = near_duplicates.find(files, 0.95)
    across = _between(summary, *PLAIN)
    assert across["indices"] == list(range(8))
    assert across["images"]["0.95"] == 1 and across["turned"] == 7


def test_constant_images_are_counted_apart(splits):
    with np.errstate(all="raise"):
        pairs, summary = near_duplicates.find(splits, -1.0)
    assert summary["constant_images"] == {"train": 1, "val": 0, "test": 1}
    assert pairs.notna().all(axis=None)
    assert ("train", 0) not in set(zip(pairs["split_a"], pairs["index_a"], strict=True))
    assert 5 not in _between(summary, "val", "test")["indices"]


def test_images_of_one_colour_are_identical_by_their_bytes(tmp_path):
    """Twenty black images a class in each of three splits, one white in test: counted for every pair of splits."""
    black, labels = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 0, 1, 1], np.uint8)
    test = black.copy()
    test[3] = 255
    made = [
        _split(tmp_path, name, values, labels) for name, values in (("train", black), ("val", black), ("test", test))
    ]
    pairs, summary = near_duplicates.find(made, 0.95)
    across, within = _between(summary, "train", "test"), _between(summary, "train", "train")
    assert len(pairs) == summary["pairs"] == 0 and across["pairs"]["0.95"] == across["images"]["0.95"] == 0
    assert across["pairs"]["identical"] == 4 * 3 and across["images"]["identical"] == 3
    assert across["conflicting_labels"]["identical"] == 2 * 1 + 2 * 2 and across["indices"] == [0, 1, 2]
    assert within["pairs"]["identical"] == 6 and within["conflicting_labels"]["identical"] == 4
    assert within["images"]["identical"] == 4 and _between(summary, "test", "test")["images"]["identical"] == 3


def test_limits_below_the_threshold_are_left_out(splits):
    _, summary = near_duplicates.find(splits, 0.995)
    assert list(_between(summary, "val", "test")["pairs"]) == ["0.995", "0.999", "identical"]


def test_no_pairs_still_give_a_table_and_a_figure(tmp_path):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (3, 4, 8, 8, 1), dtype=np.uint8)
    labels = np.zeros(4, np.uint8)
    splits = [_split(tmp_path, name, noise[i], labels) for i, name in enumerate(("train", "val", "test"))]
    pairs, summary = near_duplicates.find(splits, 0.95)
    assert pairs.to_csv(index=False).strip() == ",".join(near_duplicates.COLUMNS)
    assert summary["pairs"] == 0
    with drawing.style("white"):
        drawing.save(near_duplicates.draw_pairs(pairs, 0, splits, SHOWN, 0.95), tmp_path / "pairs.png")
    assert (tmp_path / "pairs.png").stat().st_size


def test_captions_name_both_labels_where_they_differ_and_round_down(splits):
    pairs, _ = near_duplicates.find(splits, 0.95)
    captions = [near_duplicates._caption(row, DESCRIPTION.label_names) for row in pairs.itertuples()]
    assert "train 7, test 3\nidentical\napple ≠\npear" in captions
    row = next(pairs[~pairs["identical"]].itertuples())._replace(correlation=0.99999)
    assert "r = 0.9999" in near_duplicates._caption(row, DESCRIPTION.label_names)


def test_several_labels_are_told_by_one_number_and_named_again(splits):
    labels = np.array([[1, 0], [1, 1], [0, 0]], np.uint8)
    assert near_duplicates.codes(labels).tolist() == [1, 3, 0]
    assert [near_duplicates._label_text(code, ("apple", "pear"), True) for code in (1, 3, 0)] == [
        "apple",
        "apple, pear",
        "no label",
    ]
    plain = np.array([2, 0], np.uint8)
    assert near_duplicates.codes(plain) is plain


def test_the_stage_writes_the_same_bytes_twice(splits, tmp_path):
    train, val, test = splits
    write_labels(tmp_path / "labels.h5", "test", DESCRIPTION, test.labels)
    contents = []
    for run in ("first", "second"):
        outputs = {
            "pairs": tmp_path / run / "pairs.csv",
            "summary": tmp_path / run / "summary.json",
            "montage": tmp_path / run / "pairs.png",
        }
        args = argparse.Namespace(
            images=[train.path, val.path, test.path], test_labels=tmp_path / "labels.h5", **outputs
        )
        audit_duplicates.main(args, {"threshold": 0.95, "style": "whitegrid", **TOYS})
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]
    summary = json.loads(contents[0][1])
    assert summary["generated"] is True
    assert "Toys" not in contents[0][1].decode()  # another label is no reason to compare systems anew
    assert contents[0][2].startswith(b"\x89PNG")
