"""Tests of the files that are whole or absent, and equal when their content is equal."""

import errno
import json
import os
import resource
import zipfile

import h5py
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier

from medfusion.errors import UserError
from medfusion.files import archives, artifacts, hdf5
from medfusion.learning import classifiers


def test_a_file_appears_when_the_block_ends_and_in_new_folders(tmp_path):
    path = tmp_path / "new" / "folder ü" / "table.csv"
    with artifacts.replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("there", [True, False], ids=["older file stays", "no file appears"])
@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_what_was_there(tmp_path, there, fault):
    path = tmp_path / "table.csv"
    if there:
        path.write_text("older")
    with pytest.raises(fault), artifacts.replacing(path) as temporary:
        temporary.write_text("half")
        raise fault
    assert [file.read_text() for file in tmp_path.iterdir()] == (["older"] if there else [])


def growing_table(path):
    with hdf5.create_hdf5(path) as file:
        rows = file.create_dataset("rows", (0, 16), np.float32, maxshape=(None, 16), compression="gzip")
        for end in range(1000, 20000, 1000):
            rows.resize(end, axis=0)
            rows[end - 1000 :] = np.random.default_rng(end).random((1000, 16))


def npz(path):
    with artifacts.replacing(path) as temporary:
        np.savez(temporary, rows=np.zeros(100_000))


def forest(path):
    classifiers.save(
        RandomForestClassifier(20).fit(np.random.default_rng(0).random((200, 3)), np.arange(200) % 2), path
    )


WRITERS = {
    "a.h5": growing_table,
    "a.npz": npz,
    "a.skops": forest,
    "a.txt": lambda path: artifacts.write_text(path, "x" * 200_000),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_cannot_be_written_to_its_end_is_named_and_leaves_nothing(tmp_path, name):
    """With a limit on the size of files, which stands for a full disk: the same path through every library."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            WRITERS[name](tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_fault_in_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, artifacts.replacing(tmp_path / "a.txt"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename == str(tmp_path / "other")


def test_a_temporary_name_says_who_writes(tmp_path):
    assert artifacts.writer_of(artifacts.temporary_name(tmp_path / "a.h5")) == os.getpid()
    for name in ("a.h5", ".hidden", ".1", ".1.", "1.a.h5", ".12a.h5"):
        assert artifacts.writer_of(tmp_path / name) is None


def test_an_hdf5_file_that_is_not_finished_does_not_appear(tmp_path):
    path = tmp_path / "values.h5"
    with pytest.raises(RuntimeError), hdf5.create_hdf5(path, unit="mm") as file:
        file["values"] = np.zeros(3)
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_an_hdf5_file_carries_its_attributes_and_has_the_same_bytes_again(tmp_path):
    for name in ("a.h5", "b.h5"):
        with hdf5.create_hdf5(tmp_path / name, unit="mm", count=3) as file:
            file.create_dataset("values", data=np.arange(3), compression="gzip")
    with hdf5.open_hdf5(tmp_path / "a.h5") as file:
        assert dict(file.attrs) == {"unit": "mm", "count": 3}
        assert file["values"][:].tolist() == [0, 1, 2]
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_json_survives_writing_and_is_the_same_whatever_the_order_of_keys(tmp_path):
    artifacts.write_json(tmp_path / "a.json", {"b": [1, 0.1, None], "a": "ü ±"})
    artifacts.write_json(tmp_path / "b.json", {"a": "ü ±", "b": [1, 0.1, None]})
    assert artifacts.read_json(tmp_path / "a.json") == {"a": "ü ±", "b": [1, 0.1, None]}
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.json").read_text(encoding="utf-8")
    assert "ü ±" in text


def test_content_that_is_not_json_leaves_no_file(tmp_path):
    with pytest.raises(TypeError):
        artifacts.write_json(tmp_path / "a.json", {"a": object()})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b'{"a": 1} more'])
def test_damaged_json_names_the_file(tmp_path, content):
    path = tmp_path / "weights.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="weights.json.*delete it and run again"):
        artifacts.read_json(path)


def test_damaged_hdf5_names_the_file(tmp_path):
    whole = tmp_path / "whole.h5"
    with h5py.File(whole, "w") as file:
        file["values"] = np.zeros(1000)
    for content in (None, b"", b"not HDF5", whole.read_bytes()[:-500]):
        path = tmp_path / "damaged.h5"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match="damaged.h5.*delete it and run again"), hdf5.open_hdf5(path):
            pass


def test_a_fault_of_the_reader_is_not_blamed_on_the_file(tmp_path):
    with h5py.File(tmp_path / "whole.h5", "w"):
        pass
    with pytest.raises(ZeroDivisionError), hdf5.open_hdf5(tmp_path / "whole.h5"):
        raise ZeroDivisionError


def write_zip(path, members, date):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (*date, 1, 2, 4)), content)


def test_a_keras_archive_forgets_when_it_was_saved(tmp_path):
    weights = bytes(range(256)) * 20
    for name, year in (("a.keras", 2024), ("b.keras", 2025)):
        metadata = json.dumps({"keras_version": "3", "date_saved": f"{year}-01-02"})
        members = {"metadata.json": metadata, "config.json": '{"a": 1}', "model.weights.h5": weights}
        ordered = members if year == 2024 else dict(reversed(members.items()))
        write_zip(tmp_path / name, ordered, (year, 1, 2))
        archives.make_zip_reproducible(tmp_path / name)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("metadata.json")) == {"keras_version": "3"}
        assert archive.read("model.weights.h5") == weights


def test_different_content_keeps_different_bytes(tmp_path):
    for name in ("a", "b"):
        write_zip(tmp_path / name, {"config.json": name}, (2024, 1, 2))
        archives.make_zip_reproducible(tmp_path / name)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_skops_archive_forgets_addresses_and_loads_as_before(tmp_path):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    forests = []
    for name in ("a.skops", "b.skops"):
        forests.append(RandomForestClassifier(4, random_state=1).fit(features, labels))  # both alive: own addresses
        skops.io.dump(forests[-1], tmp_path / name)
        archives.make_zip_reproducible(tmp_path / name)
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.skops") as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
    loaded = skops.io.load(tmp_path / "a.skops", trusted=["sklearn.tree._tree.Tree"])
    assert np.array_equal(loaded.predict_proba(features), forests[0].predict_proba(features))


def test_what_lies_between_the_fields_of_an_array_is_no_part_of_an_archive(tmp_path):
    """The nodes of a tree have such gaps, which loading leaves as it finds them."""
    gapped = np.dtype({"names": ["a", "b"], "formats": ["u1", "i8"], "offsets": [0, 8], "itemsize": 16})
    files = []
    for filling in (0, 255):
        values = np.full(3 * 16, filling, np.uint8).view(gapped)
        values["a"], values["b"] = [1, 2, 3], [4, 5, 6]
        files.append(tmp_path / f"{filling}.skops")
        skops.io.dump(values, files[-1])
        archives.make_zip_reproducible(files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert skops.io.load(files[1])["b"].tolist() == [4, 5, 6]
