"""Tests that what fuzzing found, and what it begins with, is taken or refused in a word (see `make test-fuzz`)."""

import random
import sys
import time
from pathlib import Path

import pytest
import small_package

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))

import doors


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    small_package.make(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(doors.PACKAGE, str(folder))
        yield folder


@pytest.mark.parametrize("door", doors.DOORS)
def test_every_seed_and_finding_goes_through_its_door(door):
    for data in doors.seeds(door):
        began = time.process_time()
        doors.DOORS[door](data)
        assert time.process_time() - began < 5


@pytest.mark.parametrize("door", doors.DOORS)
def test_bytes_that_are_changed_at_random_go_through(door):
    rng = random.Random(door)
    for data in doors.seeds(door):
        for _ in range(3):
            changed = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                changed[rng.randrange(len(changed))] = rng.choice((0, 1, 127, 255, rng.randrange(256)))
            doors.DOORS[door](bytes(changed))
