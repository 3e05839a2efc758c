"""Tests of reading datasets in blocks."""

import h5py
import numpy as np
import pytest

from medfusion.errors import UserError
from medfusion.files import hdf5


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(20).reshape(10, 2)
    return tmp_path / "a.h5"


@pytest.mark.parametrize(("most", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (100, [10])])
def test_blocks_are_the_whole_in_order(path, most, sizes):
    found = list(hdf5.blocks(path, "x", most))
    assert [len(block) for block in found] == sizes
    assert np.array_equal(np.concatenate(found), np.arange(20).reshape(10, 2))


def test_blocks_are_bounded_in_bytes_and_hold_whole_chunks(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(100, dtype=np.uint8).reshape(25, 4), chunks=(3, 4))
    monkeypatch.setattr(hdf5, "BLOCK_BYTES", 32)  # eight rows, of which six are two chunks
    found = list(hdf5.blocks(tmp_path / "a.h5", "x"))
    assert [len(block) for block in found] == [6, 6, 6, 6, 1]
    assert np.array_equal(np.concatenate(found).ravel(), np.arange(100))


@pytest.mark.parametrize("numbers", [[0, 3, 4, 9], [5], [], list(range(10))], ids=str)
@pytest.mark.parametrize("block", [3, 4096])
def test_rows_are_those_asked_for(path, monkeypatch, numbers, block):
    monkeypatch.setattr(hdf5.blocks, "__defaults__", (block,))
    found = hdf5.rows(path, "x", np.array(numbers, int))
    assert np.array_equal(found, np.arange(20).reshape(10, 2)[numbers])


def test_a_missing_dataset_is_one_message(path):
    with pytest.raises(UserError, match=r"a\.h5: damaged or incomplete \(.*; delete it and run again"):
        list(hdf5.blocks(path, "y"))
