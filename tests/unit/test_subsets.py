"""Tests of stratified subsets: size, shares, determinism, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medfusion.errors import UserError
from medfusion.learning.subsets import stratified_subset


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_size_is_exact_and_shares_are_within_one(data):
    # Every class large enough for at least one image by its share: the common case.
    counts = data.draw(st.lists(st.integers(10, 60), min_size=2, max_size=6))
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    size = data.draw(st.integers(-(-len(labels) // min(counts)), len(labels)))
    chosen = stratified_subset(labels, size, data.draw(st.integers(0, 9)))
    assert len(chosen) == size
    assert np.array_equal(chosen, np.unique(chosen))
    assert chosen.min() >= 0 and chosen.max() < len(labels)
    taken = np.bincount(labels[chosen], minlength=len(counts))
    assert np.abs(taken - np.array(counts) * size / len(labels)).max() < 1
    assert taken.min() >= 1


def test_one_rare_class_is_not_lost():
    labels = np.array([0] * 500 + [1] * 400 + [2] * 2)
    assert np.bincount(labels[stratified_subset(labels, 10, 0)]).min() == 1


def test_several_rare_classes_are_not_lost():
    labels = np.array([0] * 1000 + list(range(1, 10)))
    assert np.bincount(labels[stratified_subset(labels, 10, 0)], minlength=10).tolist() == [1] * 10


def test_all_images_are_all_indices():
    labels = np.array([1, 0, 1, 1, 2])
    assert stratified_subset(labels, 5, 0).tolist() == [0, 1, 2, 3, 4]


def test_a_seed_gives_the_same_subset_and_another_seed_another():
    labels = np.arange(300) % 3
    assert np.array_equal(stratified_subset(labels, 30, 1), stratified_subset(labels, 30, 1))
    assert not np.array_equal(stratified_subset(labels, 30, 1), stratified_subset(labels, 30, 2))


@pytest.mark.parametrize("size", [0, 2, 31, 1000])
def test_impossible_sizes_are_the_users_to_mend(size):
    with pytest.raises(UserError, match=rf"{size} images; expected 3 \(one of each class\) to 30 \(all\)"):
        stratified_subset(np.arange(30) % 3, size, 0)
