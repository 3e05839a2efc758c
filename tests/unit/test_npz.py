"""Tests of reading and checking .npz files: sound ones, and every fault one by one."""

import io
import pickle
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from medfusion.data import npz
from medfusion.data.expected import expected
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError
from medfusion.planning import data_sets


def sound(flag="breastmnist", size=28, **changes):
    """Arrays in MedMNIST format, with changes."""
    channels = () if INFO[flag]["n_channels"] == 1 else (3,)
    classes = len(INFO[flag]["label"])
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 20), ("val", 10), ("test", 12)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, size, size, *channels), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % classes).astype(np.uint8)[:, None]
    return {key: value for key, value in {**arrays, **changes}.items() if value is not None}


def check(arrays, flag="breastmnist", size=28, official_counts=False):
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/x.npz", **arrays)
        return npz.check("x.npz", npz.read(f"{folder}/x.npz"), expected({"flag": flag}), size, official_counts)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_sound_file_gives_its_arrays_and_nothing_else(tmp_path, save):
    save(tmp_path / "x.npz", **sound(), provenance=np.array("made by hand"), more=np.zeros(3))
    arrays = npz.read(tmp_path / "x.npz")
    assert set(arrays) == {*sound(), "provenance"}
    for key, value in sound().items():
        assert (arrays[key].dtype, arrays[key].shape) == (value.dtype, value.shape)
        assert np.array_equal(arrays[key].read(), value)
    assert str(arrays["provenance"].read()) == "made by hand"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("flag", ["breastmnist", "bloodmnist"])
def test_images_are_read_in_any_slices(tmp_path, monkeypatch, save, order, flag):
    monkeypatch.setattr(npz, "SKIPPED", 3000)
    value = sound(flag)["train_images"]
    save(tmp_path / "x.npz", **sound(flag, train_images=np.asarray(value, order=order)))
    images = npz.Images(npz.read(tmp_path / "x.npz")["train_images"])
    expected = value if value.ndim == 4 else value[..., None]
    assert images.shape == expected.shape
    for start, stop in [(0, 7), (7, 12), (12, 20), (3, 5), (9, 20), (0, 1), (4, 4), (0, 20), (18, 99)]:
        assert np.array_equal(images[start:stop], expected[start:stop])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_memory_does_not_grow_with_the_images(tmp_path, save):
    arrays = sound()
    arrays["train_images"] = np.tile(arrays["train_images"], (2000, 1, 1))  # 31 MB
    arrays["train_labels"] = np.tile(arrays["train_labels"], (2000, 1))
    save(tmp_path / "x.npz", **arrays)
    tracemalloc.start()
    images = npz.Images(npz.read(tmp_path / "x.npz")["train_images"])
    for start in range(0, 40000, 1000):
        images[start : start + 1000]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4e6


@pytest.mark.parametrize(("flag", "size"), [("breastmnist", 28), ("bloodmnist", 28), ("breastmnist", 64)])
def test_sound_arrays_pass(flag, size):
    check(sound(flag, size), flag, size)


def test_flat_and_wider_labels_pass():
    check(sound(val_labels=(np.arange(10) % 2).astype(np.int64)))


CHECK_FAULTS = {
    "floats": ({"train_images": np.zeros((20, 28, 28))}, "train_images has dtype float64; expected uint8"),
    "size": (
        {"val_images": np.zeros((10, 64, 64), np.uint8)},
        r"val_images has shape \(10, 64, 64\); expected \(n, 28, 28\)",
    ),
    "colour": ({"val_images": np.zeros((10, 28, 28, 3), np.uint8)}, "val_images has shape"),
    "scalar": ({"val_images": np.uint8(3).reshape(())}, r"val_images has shape \(\)"),
    "none": ({"test_images": np.zeros((0, 28, 28), np.uint8)}, "test_images holds no image"),
    "count": ({"test_labels": np.zeros((9, 1), np.uint8)}, r"test_labels is uint8 \(9, 1\); expected uint8 \(12, 1\)"),
    "one-hot": ({"test_labels": np.zeros((12, 2), np.uint8)}, "test_labels is"),
    "label dtype": ({"test_labels": np.zeros((12, 1))}, "test_labels is float64"),
    "text": ({"test_labels": np.array(["a", "b"] * 6)}, "test_labels is <U1"),
    "high label": ({"val_labels": np.full((10, 1), 2, np.uint8)}, r"val_labels holds \[2\]; expected 0 to 1"),
    "negative label": ({"val_labels": np.full(10, -1)}, r"val_labels holds \[-1\]; expected 0 to 1"),
    "absent class": ({"val_labels": np.ones((10, 1), np.uint8)}, r"val_labels has no image of class \[0\]"),
}


@pytest.mark.parametrize("fault", CHECK_FAULTS)
def test_each_fault_is_named(fault):
    changes, message = CHECK_FAULTS[fault]
    with pytest.raises(UserError, match=f"x.npz: {message}"):
        check(sound(**changes))


def test_official_counts_are_asked_for_only_where_wanted():
    with pytest.raises(UserError, match="train has 20 images; MedMNIST's breastmnist has 546"):
        check(sound(), official_counts=True)


def test_missing_arrays_are_all_named(tmp_path):
    np.savez(tmp_path / "x.npz", **sound(val_labels=None, test_images=None))
    with pytest.raises(UserError, match="lacks val_labels, test_images"):
        npz.read(tmp_path / "x.npz")


def test_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "x.npz", **sound(train_labels=trap))
    with pytest.raises(UserError, match="train_labels holds Python objects, which are never loaded"):
        npz.read(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", **sound(), provenance=trap)  # no array of MedMNIST: passed over
    assert "provenance" not in npz.read(tmp_path / "x.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken", pickle.dumps({"a": 1})])
def test_what_is_no_npz_file_is_named(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UserError, match="x.npz: not a readable .npz file"):
        npz.read(tmp_path / "x.npz")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(UserError, match="not a readable .npz file"):
            npz.read(path)


def test_a_truncated_file_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", **sound())
    whole = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="x.npz: not a readable .npz file"):
        npz.read(tmp_path / "x.npz")


def test_a_changed_byte_is_found(tmp_path):
    np.savez(tmp_path / "x.npz", **sound())
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[5000] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UserError, match="train_images cannot be read .*; the file is damaged"):
        npz.Images(npz.read(tmp_path / "x.npz")["train_images"])[:]


def test_a_single_array_is_named(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(UserError, match="a single .npy array"):
        npz.read(tmp_path / "x.npy")


def test_a_changed_byte_in_a_compressed_file_is_found(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", **sound())
    whole = (tmp_path / "x.npz").read_bytes()
    start = whole.index(b"train_images.npy") + 36  # the first bytes of the compressed stream
    (tmp_path / "x.npz").write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
    with pytest.raises(UserError):
        npz.Images(npz.read(tmp_path / "x.npz")["train_images"])[:]


def test_a_member_that_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for key, value in sound().items():
            stream = io.BytesIO()
            np.save(stream, value)
            archive.writestr(f"{key}.npy", b"raw" if key == "val_images" else stream.getvalue())
    with pytest.raises(UserError, match="val_images"):
        check(npz.read(tmp_path / "x.npz"))


def hostile_files():
    """Small files that would take much memory where what they declare is believed."""

    def header(shape, size=None, version=2):
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(size or 118) + b"\n"
        return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(4, "little") + text

    return {
        "long header": header("(1, 28, 28)", 3 * 10**7),
        "nested header": b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000,
        "zeros": header("(1000000, 28, 28)") + bytes(1000),
        "side": header(f"({2**40}, 1, 1)"),
        "negative": header("(-1, 28, 28)"),
    }


@pytest.mark.parametrize("name", hostile_files())
@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_hostile_member_takes_no_memory_and_is_named(tmp_path, name, packing):
    content = hostile_files()[name]
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packing) as archive:
        for key in ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"):
            archive.writestr(f"{key}.npy", content if key == "train_images" else b"")
    tracemalloc.start()
    try:
        assert data_sets.declared(tmp_path / "x.npz", "train_images") is None or name in ("zeros", "side")
        with pytest.raises(UserError, match="x.npz: "):
            npz.read(tmp_path / "x.npz")
        with pytest.raises(UserError, match="x.npz: "):
            list(npz.image_blocks(tmp_path / "x.npz", ["train_images"], 2**25, 10**6, print))
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
