"""Tests of the settings files of jobs: what is planned is what a job reads, whatever else was written meanwhile."""

import os

import pytest

from medfusion.planning.identity import Identity


@pytest.fixture
def planned(tmp_path):
    """A function that plans one job with a value and returns the identity and the job's settings file."""

    def plan(value, locked=False):
        identity = Identity({"vote": lambda wildcards: {"value": value}}, 1, tmp_path, lambda: locked)
        return identity, tmp_path / identity.settings("vote")(["breast", "all"])

    return plan


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe\x00", b"[1]"])
def test_settings_that_are_garbage_are_written_anew(planned, garbage):
    _, file = planned(1)
    text = file.read_bytes()
    file.write_bytes(garbage)
    planned(1)
    assert file.read_bytes() == text
    assert os.listdir(file.parent) == [file.name]


def test_the_settings_of_a_run_that_lives_are_left_alone(planned):
    running, file = planned(1)
    text = file.read_text()
    planned(2, locked=True)
    assert file.read_text() == text


def test_a_new_job_has_settings_although_another_run_lives(planned):
    _, file = planned(1, locked=True)
    assert '"value": 1' in file.read_text()


def test_when_jobs_start_their_settings_are_those_that_were_planned(planned):
    starting, file = planned(1)
    planned(2)
    starting.write()
    assert '"value": 1' in file.read_text()
