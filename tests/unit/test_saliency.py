"""Tests of saliency maps: maps that are known beforehand, views, every architecture, the file of maps."""

import numpy as np
import pytest
import synthetic

from medfusion.errors import UserError
from medfusion.files import example_files
from medfusion.files.images import Description
from medfusion.learning import augmentation, backend, networks, occlusion, saliency
from medfusion.learning.architectures.registry import OPTIONS
from medfusion.learning.backend import keras

DESCRIPTION = Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


def pointwise(weights, biases=None):
    """A network of two channels A0 = x and A1 = 10 − x, averaged and weighed: its maps are known."""
    inputs = keras.Input((4, 4, 1), dtype="uint8")
    scaled = keras.layers.Rescaling(1.0)(inputs)
    x = keras.layers.Conv2D(2, 1, name="channels")(scaled)
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    outputs = len(weights[0])
    last = keras.layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")
    network = keras.Model(inputs, last(pooled))
    network.get_layer("channels").set_weights([np.array([[[[1.0, -1.0]]]]), np.array([0.0, 10.0])])
    last.set_weights([np.array(weights, float), np.array(biases or [0.0] * outputs)])
    return network


IMAGES = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_gradcam_of_a_network_whose_map_is_known(label):
    weights = np.array([[3.0, -1.0, 0.5], [-1.0, 2.0, 0.25]])
    found = saliency.gradcam(pointwise(weights, [1, 2, 3]), IMAGES, np.array([label]), [])
    x = IMAGES[0, :, :, 0].astype(float)
    # The score is w0 · mean(x) + w1 · mean(10 − x): each position has 1/16 of the gradient.
    expected = np.maximum(weights[0, label] * x + weights[1, label] * (10 - x), 0) / 16
    assert found.dtype == np.float32 and found.shape == (1, 4, 4)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_gradcam_of_a_single_output_takes_class_0_for_its_opposite():
    x = IMAGES[0, :, :, 0].astype(float)
    score = 2 * x - (10 - x)
    both = np.repeat(IMAGES, 2, axis=0)
    found = saliency.gradcam(pointwise([[2.0], [-1.0]]), both, np.array([0, 1]), [])
    np.testing.assert_allclose(found, [np.maximum(-score, 0) / 16, np.maximum(score, 0) / 16], rtol=1e-5)


def test_gradcam_does_not_depend_on_how_many_images_go_together(monkeypatch):
    network = networks.build("resnet28", (28, 28, 1), 3, {"blocks": 1})
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    together = saliency.gradcam(network, images, np.arange(3), [])
    monkeypatch.setattr(saliency, "IMAGES", 2)
    np.testing.assert_allclose(saliency.gradcam(network, images, np.arange(3), []), together, atol=1e-6)


@pytest.mark.parametrize(
    "kinds", [["horizontal_flip"], ["horizontal_flip", "transpose"], list(augmentation.SYMMETRIES)]
)
def test_maps_of_all_views_are_turned_back(kinds):
    turn = augmentation.SYMMETRIES
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 1), dtype=np.uint8)
    seen = []

    def of_images(block):
        seen.append(block)
        rows, columns = np.indices(block.shape[1:3])
        return block * (1.0 + rows + 10 * columns)[None, :, :, None]  # a map that knows where it is

    found = saliency._averaged(of_images, images, kinds)
    expected = []
    for bits in range(2 ** len(kinds)):
        applied = [kind for place, kind in enumerate(kinds) if bits >> place & 1]
        view = images
        for kind in applied:
            view = turn[kind](view)
        back = of_images(view)
        for kind in reversed(applied):
            back = turn[kind](back)
        expected.append(back)
    np.testing.assert_allclose(found, np.mean(expected, axis=0))
    views = sorted(view.tobytes() for view in augmentation.views(images, kinds))
    assert sorted(block.tobytes() for block in seen[: len(views)]) == views


def test_maps_of_shifted_views_are_averaged_where_they_lie():
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 1), dtype=np.uint8)
    kinds = ["horizontal_flip", augmentation.SHIFTS]
    shifted = np.mean(augmentation.views(images, [augmentation.SHIFTS]), axis=0)
    # The mirror of a mirror's mean over its shifts is the mean over the shifts of the image.
    np.testing.assert_allclose(saliency._averaged(lambda block: block.astype(float), images, kinds), shifted)
    np.testing.assert_allclose(saliency._averaged(lambda block: block.astype(float), images, kinds[::-1]), shifted)


def corner(height, width):
    """A network that looks at the upper left pixel alone."""
    inputs = keras.Input((height, width, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    last = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(inputs, last(flat))
    weights = np.zeros((height * width, 1))
    weights[0] = 4
    last.set_weights([weights, np.zeros(1)])
    return network


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(("label", "sign"), [(1, 1), (0, -1)])
def test_occlusion_finds_the_corner_that_a_network_looks_at(label, sign):
    images = np.full((1, 3, 4, 1), 255, np.uint8)
    says = saliency.probabilities(corner(3, 4), [])
    found = occlusion.occlusion(says, images, np.array([label]), np.array([51], np.uint8), 2, 1)
    fall = sign * (sigmoid(4) - sigmoid(4 * 51 / 255))
    # Of the squares that hide a pixel, one hides the corner; one, two or four hide the pixels next to it.
    expected = np.zeros((3, 4))
    expected[:2, :2] = fall / np.array([[1, 2], [2, 4]])
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_occlusion_averages_over_views_and_hides_every_pixel(monkeypatch):
    images = np.full((1, 4, 4, 1), 255, np.uint8)
    says = saliency.probabilities(corner(4, 4), ["horizontal_flip"])
    arguments = (says, images, np.array([1]), np.array([0], np.uint8), 2, 2)
    found = occlusion.occlusion(*arguments)
    fall = (sigmoid(4) - sigmoid(0)) / 2  # in one of two views
    expected = np.zeros((4, 4))
    expected[:2] = fall
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    monkeypatch.setattr(occlusion, "PIXELS", 1)  # one copy at a time
    np.testing.assert_allclose(occlusion.occlusion(*arguments), found, atol=1e-7)


def test_the_last_square_stands_at_the_end():
    assert occlusion._steps(28, 5, 3) == [0, 3, 6, 9, 12, 15, 18, 21, 23]
    assert occlusion._steps(4, 2, 2) == [0, 2]
    assert occlusion.patch_and_stride((3, 3)) == (1, 1)


@pytest.mark.parametrize(
    ("architecture", "options", "side"),
    [
        ("breast_cnn", {}, 11),
        ("breast_cnn", {"batch_norm": True}, 11),
        ("blood_cnn", {}, 7),
        ("blood_cnn", {"batch_norm": False, "dropout": 0.0}, 7),
        ("five_layer", {}, 2),
        ("resnet28", {"blocks": 1}, 7),
        ("compact_resnet", {"widths": [4, 6, 8]}, 7),
        ("keras_application", {"application": "MobileNetV3Small", "weights": None, "input_size": 64}, 2),
    ],
)
def test_every_architecture_has_maps_on_its_own_grid(architecture, options, side):
    network = networks.build(architecture, (28, 28, 1), 2, options)
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    found = saliency.gradcam(network, images, np.array([0, 1]), [])
    assert found.shape == (2, side, side)
    assert np.isfinite(found).all() and (found >= 0).all()
    assert saliency.spatial_layer(network).output.shape[1:3] == (side, side)
    tried = {"breast_cnn", "blood_cnn", "five_layer", "resnet28", "compact_resnet", "keras_application"}
    assert set(OPTIONS) == tried, "try the new one"


def test_a_network_without_pooling_is_asked_at_its_last_spatial_layer():
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(2, 1)(inputs)
    x = keras.layers.Conv2D(3, 2, name="wanted")(x)
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    assert saliency.spatial_layer(network).name == "wanted"
    numbers = keras.Input((4,))
    with pytest.raises(ValueError, match="no layer with a spatial output"):
        saliency.spatial_layer(keras.Model(numbers, keras.layers.Dense(2)(numbers)))


def test_maps_come_back_as_they_were_written(tmp_path):
    maps = synthetic.maps()
    for name in ("a.h5", "b.h5"):
        example_files.write_maps(tmp_path / name, DESCRIPTION, maps)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    read = example_files.read_maps(tmp_path / "a.h5", [0, 4])
    for name, value in vars(maps).items():
        np.testing.assert_array_equal(getattr(read, name), value)
    assert read.of(2)[0][0, 0] == 1
    with pytest.raises(UserError, match="a.h5: of other images than the selected ones"):
        example_files.read_maps(tmp_path / "a.h5", [0, 1])
