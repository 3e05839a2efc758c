"""Tests of augmentation: against NumPy and OpenCV, exact symmetries, and draws that do not disturb each other."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medfusion.learning import augmentation

NOTHING = {"flip": "none", "rotation": 0, "scale": 0, "contrast": 0}
ALL_KINDS = ["horizontal_flip", "vertical_flip", "transpose"]


def pictures(n=6, height=9, width=9, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def augment(images, seed=0, **changes):
    return augmentation.augment(images, {**NOTHING, **changes}, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", [(9, 9, 3), (8, 8, 1), (7, 10, 3), (10, 7, 1)])
def test_settings_that_change_nothing_give_the_same_images(shape):
    images = pictures(4, *shape)
    before = images.copy()
    assert np.array_equal(augment(images), images)
    augment(images, flip="both", rotation=30, scale=0.2, contrast=0.2)
    assert np.array_equal(images, before)


@pytest.mark.parametrize("shape", [(9, 9, 3), (8, 8, 1), (7, 10, 3), (10, 7, 1)])
@pytest.mark.parametrize("flip", ["horizontal", "vertical", "both"])
def test_flips_are_numpys(flip, shape):
    images = pictures(40, *shape)
    draws = np.random.default_rng(0).random((40, 5))
    across, up = flip != "vertical", flip != "horizontal"
    expected = [
        image[:: -1 if up and draw[1] < 0.5 else 1, :: -1 if across and draw[0] < 0.5 else 1]
        for image, draw in zip(images, draws, strict=True)
    ]
    assert np.array_equal(augment(images, flip=flip), expected)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(2, 40),
    st.floats(0, 180),
    st.floats(0, 0.9),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_rotation_and_scaling_are_opencvs_about_the_centre(height, width, rotation, scale, turn, size):
    draw = np.array([0.9, 0.9, turn, size])
    matrix = augmentation.affine_matrix((height, width), {**NOTHING, "rotation": rotation, "scale": scale}, draw)
    centre = ((width - 1) / 2, (height - 1) / 2)
    # OpenCV's angle is counter-clockwise.
    expected = cv2.getRotationMatrix2D(centre, -rotation * (2 * turn - 1), 1 + scale * (2 * size - 1))
    assert matrix == pytest.approx(expected, abs=1e-4)  # OpenCV keeps the centre in single precision


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_the_centre_stays_and_a_flip_comes_before_the_turn(draw):
    kinds = {"flip": "both", "rotation": 36, "scale": 0.1}
    whole = augmentation.affine_matrix((12, 17), {**NOTHING, **kinds}, np.array(draw))
    assert whole @ [8, 5.5, 1] == pytest.approx([8, 5.5])
    turn, flip = (
        np.vstack([augmentation.affine_matrix((12, 17), {**NOTHING, **part}, np.array(draw)), [0, 0, 1]])
        for part in ({"rotation": 36, "scale": 0.1}, {"flip": "both"})
    )
    assert whole == pytest.approx((turn @ flip)[:2])


@pytest.mark.parametrize("off", [{"flip": "none"}, {"rotation": 0}, {"scale": 0}, {"contrast": 0}])
def test_switching_one_kind_off_leaves_the_other_draws(off):
    everything = {"flip": "both", "rotation": 36, "scale": 0.1, "contrast": 0.1}
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    augmentation.augment(pictures(5), everything, rng)
    augmentation.augment(pictures(5), {**everything, **off}, other)
    assert rng.random() == other.random()


def test_contrast_alone_spreads_pixels_about_their_mean():
    images = pictures(20)
    draws = np.random.default_rng(0).random((20, 5))[:, 4]
    changed = augment(images, contrast=0.3)
    for image, copy, draw in zip(images.astype(float), changed, draws, strict=True):
        expected = (image - image.mean()) * (1 + 0.3 * (2 * draw - 1)) + image.mean()
        assert np.abs(copy - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-9


def test_copies_do_not_depend_on_how_images_come_in_blocks():
    images = pictures(11)
    kinds = {"flip": "both", "rotation": 36, "scale": 0.1, "contrast": 0.1}
    rng = np.random.default_rng(3)
    blocks = [augmentation.augment(images[a:b], {**NOTHING, **kinds}, rng) for a, b in ((0, 4), (4, 5), (5, 11))]
    assert np.array_equal(np.concatenate(blocks), augment(images, seed=3, **kinds))


def test_a_seed_gives_the_same_copies_and_another_seed_others():
    images = pictures(8)
    assert np.array_equal(augment(images, seed=1, rotation=36), augment(images, seed=1, rotation=36))
    assert not np.array_equal(augment(images, seed=1, rotation=36), augment(images, seed=2, rotation=36))


def test_random_rotation_and_scaling_are_opencvs_and_inputs_stay():
    images = pictures(5, 12, 15, 1)
    before = images.copy()
    kinds = {"rotation": 180, "scale": 0.2}
    drawn = augmentation.random_affine(images, kinds, np.random.default_rng(7))
    draws = np.random.default_rng(7).random((5, 4))
    for image, copy, draw in zip(images, drawn, draws, strict=True):
        matrix = augmentation.affine_matrix((12, 15), {**NOTHING, **kinds}, draw)
        expected = cv2.warpAffine(image, matrix, (15, 12), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        assert np.array_equal(copy[..., 0], expected)
    assert np.array_equal(images, before)
    nothing = augmentation.random_affine(images, {"rotation": 0, "scale": 0}, np.random.default_rng(7))
    assert np.array_equal(nothing, images)


def all_symmetries(image):
    return {turned.tobytes() for k in range(4) for turned in (np.rot90(image, k), np.rot90(image, k).swapaxes(0, 1))}


def test_symmetries_are_exact_and_each_occurs():
    image = pictures(1)[0]
    drawn = augmentation.random_symmetries(np.repeat(image[None], 200, 0), ALL_KINDS, 0, np.random.default_rng(0))
    assert {copy.tobytes() for copy in drawn} == all_symmetries(image)


def test_no_symmetries_and_no_shift_change_nothing_and_inputs_stay():
    images = pictures()
    before = images.copy()
    assert np.array_equal(augmentation.random_symmetries(images, [], 0, np.random.default_rng(0)), before)
    augmentation.random_symmetries(images, ALL_KINDS, 2, np.random.default_rng(0))
    assert np.array_equal(images, before)


@pytest.mark.parametrize("shape", [(9, 9, 3), (6, 9, 1)])
def test_a_shift_is_a_window_of_the_reflected_image(shape):
    image = pictures(1, *shape)[0]
    height, width, _ = shape
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {padded[r : r + height, c : c + width].tobytes() for r in range(5) for c in range(5)}
    drawn = augmentation.random_symmetries(np.repeat(image[None], 300, 0), [], 2, np.random.default_rng(0))
    assert {copy.tobytes() for copy in drawn} == windows


@pytest.mark.parametrize("kinds", [[], ALL_KINDS[:1], ALL_KINDS[1:], ALL_KINDS])
def test_views_are_all_combinations_the_images_first(kinds):
    images = pictures(2)
    views = augmentation.views(images, kinds)
    assert len(views) == 2 ** len(kinds)
    assert np.array_equal(views[0], images)
    assert len({view.tobytes() for view in views}) == len(views)
    assert {view[0].tobytes() for view in views} <= all_symmetries(images[0])
    for kind in kinds:
        assert any(np.array_equal(augmentation.SYMMETRIES[kind](images), view) for view in views)


@pytest.mark.parametrize("kinds", [[augmentation.SHIFTS], [ALL_KINDS[0], augmentation.SHIFTS]])
def test_shifted_views_are_the_windows_within_a_pixel_of_each_symmetry(kinds):
    image = pictures(1, 6, 9, 3)[0]
    views = augmentation.views(image[None], kinds)
    assert len(views) == augmentation.number_of_views(kinds) == 9 * 2 ** (len(kinds) - 1)
    assert np.array_equal(views[0][0], image)
    windows = set()
    for symmetry in augmentation.views(image[None], kinds[:-1]):
        padded = np.pad(symmetry[0], ((1, 1), (1, 1), (0, 0)), mode="reflect")
        windows |= {padded[r : r + 6, c : c + 9].tobytes() for r in range(3) for c in range(3)}
    assert {view[0].tobytes() for view in views} == windows and len(windows) == len(views)
    in_turn = augmentation.views(image[None], kinds[::-1])  # the order of the kinds gives the same views
    assert {view[0].tobytes() for view in in_turn} == windows
