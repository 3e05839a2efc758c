"""Tests of wrong data files: each is one message, whatever is wrong, and nothing but sound arrays comes through."""

import io
import random
import struct
import time
import zipfile

import numpy as np
import pytest

from medfusion.data import npz, preparation
from medfusion.data.expected import expected
from medfusion.errors import UserError

SETTINGS = {"flag": "breastmnist", "size": 28, "source": "file", "label": "Own images", "sha256": None}
COUNTS = {"train": 20, "val": 10, "test": 12}
EXPECTED = "train_images, train_labels, val_images, val_labels, test_images, test_labels"


def sound():
    """Arrays in MedMNIST format, 28×28 grey in two classes."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in COUNTS.items():
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
    return arrays


def saved(**changes):
    """The bytes of an .npz file with changes to its arrays."""
    stream = io.BytesIO()
    np.savez(stream, **{key: value for key, value in {**sound(), **changes}.items() if value is not None})
    return stream.getvalue()


def member(array):
    """The bytes of an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def claiming(shape, dtype="|u1", version=(1, 0)):
    """An .npy file whose header declares a shape that its 100 bytes do not fill."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header + bytes(100)


def zipped(compression=zipfile.ZIP_STORED, **members):
    """An .npz file whose members are sound except for those given as bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for key, array in sound().items():
            archive.writestr(f"{key}.npy", members.get(key, member(array)))
    return stream.getvalue()


def patched(content, offset, value, field="<H"):
    """An archive with one field of the first member changed in its directory entry and local header."""
    content = bytearray(content)
    struct.pack_into(field, content, content.index(b"PK\x01\x02") + offset + 2, value)
    struct.pack_into(field, content, offset, value)
    return bytes(content)


OTHER_MEMBERS = io.BytesIO()
with zipfile.ZipFile(OTHER_MEMBERS, "w") as _archive:
    _archive.writestr("train_images.png", b"")
NAN = np.full((20, 28, 28), np.nan)
# What the file holds, and what is said of it after its name.
FAULTS = {
    "an empty file": (b"", "not a readable .npz file (File is not a zip file); get it again"),
    "text": (b"label,image\n0,1\n", "not a readable .npz file (File is not a zip file); get it again"),
    "half a file": (saved()[:20_000], "not a readable .npz file (File is not a zip file); get it again"),
    "one array": (member(np.zeros(3)), "a single .npy array; expected a .npz file in MedMNIST format"),
    "other members": (
        OTHER_MEMBERS.getvalue(),
        f"lacks {EXPECTED}; a MedMNIST file holds {EXPECTED}",
    ),
    "other arrays": (saved(**dict.fromkeys(sound())), f"lacks {EXPECTED}; a MedMNIST file holds {EXPECTED}"),
    "a missing array": (saved(val_labels=None), f"lacks val_labels; a MedMNIST file holds {EXPECTED}"),
    "a member that is no array": (
        zipped(val_images=b"raw"),
        "val_images cannot be read (EOF: reading magic string, expected 8 bytes got 3); the file is damaged, "
        "get it again",
    ),
    "an encrypted member": (
        patched(saved(), 6, 1),
        "train_images cannot be read (File 'train_images.npy' is encrypted, password required for extraction); "
        "the file is damaged, get it again",
    ),
    "an unknown compression": (
        patched(saved(), 8, 97),
        "train_images cannot be read (neither stored nor deflated, as NumPy packs); the file is damaged, get it again",
    ),
    "a shape of 100 GB": (
        zipped(train_images=claiming((127551020, 28, 28))),
        "train_images cannot be read ((127551020, 28, 28) of uint8 declared, 100 bytes stored); the file is damaged, "
        "get it again",
    ),
    "a shape of 100 GB in both headers": (
        patched(zipped(train_images=claiming((5000000, 28, 28))), 22, 5000000 * 784 + 128, "<I"),
        "train_images cannot be read (3920000128 bytes cannot come from 228); the file is damaged, get it again",
    ),
    "a negative shape": (
        zipped(train_images=claiming((-1, -100))),
        "train_images cannot be read ((-1, -100) of uint8 declared, 100 bytes stored); the file is damaged, "
        "get it again",
    ),
    "an unknown version": (
        zipped(train_images=claiming((100,), version=(3, 0))),
        "train_images cannot be read (version (3, 0) of the .npy format; expected 1.0 or 2.0); the file is damaged, "
        "get it again",
    ),
    "objects as images": (
        saved(train_images=np.array([{}] * 20, dtype=object)),
        "train_images holds Python objects, which are never loaded; expected uint8",
    ),
    "objects as labels": (
        saved(test_labels=np.array([[0]] * 12, dtype=object)),
        "test_labels holds Python objects, which are never loaded; expected uint8",
    ),
    "images that are no numbers": (
        saved(train_images=NAN),
        "train_images has dtype float64; expected uint8 (0 to 255); of values from 0 to 1 that is "
        "numpy.rint(255 * images).astype('uint8')",
    ),
    "images of 0 to 1": (
        saved(val_images=np.zeros((10, 28, 28), np.float32)),
        "val_images has dtype float32; expected uint8 (0 to 255); of values from 0 to 1 that is "
        "numpy.rint(255 * images).astype('uint8')",
    ),
    "signed images": (
        saved(val_images=np.zeros((10, 28, 28), np.int8)),
        "val_images has dtype int8; expected uint8 (0 to 255)",
    ),
    "wide images": (
        saved(val_images=np.zeros((10, 28, 28), ">u2")),
        "val_images has dtype >u2; expected uint8 (0 to 255)",
    ),
    "larger images": (
        saved(test_images=np.zeros((12, 64, 64), np.uint8)),
        "test_images has shape (12, 64, 64); expected (n, 28, 28) or (n, 28, 28, 1)",
    ),
    "images in colour": (
        saved(train_images=np.zeros((20, 28, 28, 3), np.uint8)),
        "train_images has shape (20, 28, 28, 3); expected (n, 28, 28) or (n, 28, 28, 1)",
    ),
    "one image": (
        saved(train_images=np.zeros((28, 28), np.uint8)),
        "train_images has shape (28, 28); expected (n, 28, 28) or (n, 28, 28, 1)",
    ),
    "a number": (saved(train_images=np.uint8(1)), "train_images has shape (); expected (n, 28, 28) or (n, 28, 28, 1)"),
    "no images": (
        saved(test_images=np.zeros((0, 28, 28), np.uint8)),
        "test_images holds no image; every split needs some of each class",
    ),
    "fewer labels than images": (
        saved(val_labels=np.zeros((9, 1), np.uint8)),
        "val_labels is uint8 (9, 1); expected uint8 (10, 1), one per image",
    ),
    "one-hot labels": (
        saved(val_labels=np.zeros((10, 2), np.uint8)),
        "val_labels is uint8 (10, 2); expected uint8 (10, 1), one per image",
    ),
    "labels with a point": (
        saved(val_labels=np.zeros((10, 1))),
        "val_labels is float64 (10, 1); expected uint8 (10, 1), one per image",
    ),
    "labels that are yes or no": (
        saved(val_labels=np.zeros((10, 1), bool)),
        "val_labels is bool (10, 1); expected uint8 (10, 1), one per image",
    ),
    "labels in words": (
        saved(val_labels=np.array([["a"]] * 10)),
        "val_labels is <U1 (10, 1); expected uint8 (10, 1), one per image",
    ),
    "a label too high": (saved(val_labels=np.full((10, 1), 7, np.uint8)), "val_labels holds [7]; expected 0 to 1"),
    "a negative label": (saved(val_labels=np.full((10, 1), -1)), "val_labels holds [-1]; expected 0 to 1"),
    "labels that are row numbers": (
        saved(val_labels=np.arange(10, dtype=np.int64)),
        "val_labels holds [2, 3, 4, 5, 6, ...]; expected 0 to 1",
    ),
    "a missing class": (
        saved(val_labels=np.ones((10, 1), np.uint8)),
        "val_labels has no image of class [0]; every split needs each class",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_fault_is_one_message_that_names_file_and_array(fault, tmp_path):
    content, message = FAULTS[fault]
    path = tmp_path / "eigene Bilder ü.npz"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        preparation.load(path, SETTINGS)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("place", ["absent.npz", ".", "file/x.npz"])
def test_what_is_no_file_is_one_message(place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"not a readable .npz file \(.*\); get it again"):
        preparation.load(tmp_path / place, SETTINGS)


UNUSUAL = {
    "columns first": {"train_images": np.asfortranarray(sound()["train_images"])},
    "big-endian labels": {"train_labels": sound()["train_labels"].astype(">i8")},
    "flat labels": {"train_labels": sound()["train_labels"][:, 0]},
    "wide unsigned labels": {"train_labels": sound()["train_labels"].astype(np.uint64)},
    "members of no interest": {"more": np.array([{}], dtype=object)},
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_what_is_unusual_but_sound_gives_the_same_splits(kind, tmp_path):
    (tmp_path / "x.npz").write_bytes(saved(**UNUSUAL[kind]))
    _, splits = preparation.load(tmp_path / "x.npz", SETTINGS)
    for split, (images, labels) in splits.items():
        assert images[:].dtype == labels.dtype == np.uint8
        assert np.array_equal(images[:][..., 0], sound()[f"{split}_images"])
        assert np.array_equal(labels, sound()[f"{split}_labels"][:, 0])


def damaged(content, random):
    """A file with some of its bytes changed, cut off, left out or doubled, most of them where headers are."""
    content = bytearray(content)
    headers = [content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")]
    for _ in range(random.randint(1, 4)):
        near = random.choice(headers) + random.randint(0, 160)
        place = min(random.choice([near, random.randrange(len(content))]), len(content) - 1)
        kind = random.choice(["flip", "flip", "set", "cut", "remove", "double"])
        if kind == "flip":
            content[place] ^= 1 << random.randrange(8)
        elif kind == "set":
            content[place] = random.choice([0, 1, 127, 128, 255])
        elif kind == "cut":
            del content[max(place, 1) :]
        elif kind == "remove":
            del content[place : place + random.randint(1, 50)]
        else:
            content[place:place] = content[place : place + random.randint(1, 50)]
        if not content:
            break
    return bytes(content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.filterwarnings("ignore")
def test_no_damage_whatever_gets_through_or_is_a_traceback(compression, tmp_path):
    whole = zipped(compression, train_images=member(np.zeros((20, 28, 28), np.uint8)))
    path, refused, start = tmp_path / "x.npz", 0, time.process_time()
    for seed in range(1000):
        path.write_bytes(damaged(whole, random.Random(seed)))
        try:
            arrays = npz.read(path)
            npz.check(path, arrays, expected({"flag": "breastmnist"}), 28, official_counts=False)
            for split in npz.SPLITS:
                assert len(npz.Images(arrays[f"{split}_images"])[:]) == len(arrays[f"{split}_labels"])
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            refused += 1
        else:
            for split in npz.SPLITS:
                assert arrays[f"{split}_images"].dtype == np.uint8
                assert len(arrays[f"{split}_images"]) == len(arrays[f"{split}_labels"])
    assert refused > 500
    assert time.process_time() - start < 30
