"""Tests of what follows from the kind of task: outputs, membership, strata."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medfusion import tasks
from medfusion.data.medmnist_info import INFO
from medfusion.learning.subsets import at_most, stratified_subset


def test_the_kinds_are_medmnists():
    assert {entry["task"] for entry in INFO.values()} == {
        tasks.BINARY, tasks.MULTI_CLASS, tasks.ORDINAL, tasks.MULTI_LABEL,
    }  # fmt: skip
    assert [flag for flag, entry in INFO.items() if tasks.is_multi_label(entry["task"])] == ["chestmnist"]


@pytest.mark.parametrize(("word", "task"), [(None, tasks.MULTI_CLASS), *tasks.WORDS.items()])
def test_the_configurations_words_stand_for_tasks(word, task):
    assert tasks.task_of(word, 5) == task


def test_membership_is_one_hot_or_the_labels_themselves():
    assert tasks.membership(np.array([2, 0]), 3).tolist() == [[False, False, True], [True, False, False]]
    labels = np.array([[1, 0, 1], [0, 0, 0]], np.uint8)
    assert np.array_equal(tasks.membership(labels, 3), labels.astype(bool))


def several(seed, n=60, k=4):
    return (np.random.default_rng(seed).random((n, k)) < [0.5, 0.3, 0.1, 0.05]).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_an_image_counts_to_the_rarest_of_its_labels(seed):
    labels = several(seed)
    counts = labels.sum(axis=0)
    for row, stratum in zip(labels, tasks.strata(labels), strict=True):
        own = np.flatnonzero(row)
        assert stratum == (4 if not own.size else min(own, key=lambda label: (counts[label], label)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(10, 60))
def test_a_subset_has_each_stratum_in_its_share(seed, size):
    labels = several(seed)
    chosen = stratified_subset(labels, size, 0)
    assert len(set(chosen.tolist())) == size
    whole, part = (np.bincount(tasks.strata(values), minlength=5) for values in (labels, labels))
    part = np.bincount(tasks.strata(labels)[chosen], minlength=5)
    assert ((part > 0) == (whole > 0)).all()
    assert np.abs(part - whole * size / 60).max() < 5
    assert np.array_equal(at_most(labels, 60, 0), np.arange(60))


def test_classes_that_exclude_each_other_are_their_own_strata():
    labels = np.array([2, 0, 1, 1])
    assert tasks.strata(labels) is labels
