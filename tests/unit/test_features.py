"""Tests of applying a network: its file, features of a layer, probabilities, and averages over views."""

import numpy as np
import pytest

from medfusion.errors import UserError
from medfusion.learning import augmentation, averages, backend, features, networks
from medfusion.learning.backend import keras

SHAPE = (10, 10, 1)
KINDS = ["horizontal_flip", "transpose"]


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


@pytest.fixture(scope="module")
def binary(configured):
    return networks.build("breast_cnn", SHAPE, 2, {})


@pytest.fixture(scope="module")
def multi(configured):
    return networks.build("breast_cnn", SHAPE, 3, {})


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, *SHAPE), dtype=np.uint8)


def apply(network, images, layers=("features",), views=()):
    return features.apply(features.extractor(network, layers), images, list(views))


def test_a_sigmoid_becomes_two_columns(binary, images):
    _, values = apply(binary, images)
    expected = keras.ops.convert_to_numpy(binary(images))[:, 0]
    assert values.shape == (7, 2)
    assert values.dtype == np.float32
    assert values[:, 1] == pytest.approx(expected, rel=1e-6)
    assert values.sum(axis=1) == pytest.approx(1)


def test_features_and_probabilities_of_many_classes(multi, images):
    vectors, values = apply(multi, images)
    assert (vectors.shape, vectors.dtype) == ((7, 128), np.float32)
    assert values.shape == (7, 3)
    assert values == pytest.approx(keras.ops.convert_to_numpy(multi(images)))
    dense = multi.get_layer("probabilities")
    logits = vectors @ dense.get_weights()[0] + dense.get_weights()[1]
    assert values.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()


def test_a_spatial_layer_is_flattened(multi, images):
    layer = next(layer for layer in multi.layers if isinstance(layer, keras.layers.Conv2D))
    assert apply(multi, images, [layer.name])[0].shape == (7, 8 * 8 * 32)


@pytest.mark.parametrize(("kinds", "number"), [(KINDS, 4), ([KINDS[0], augmentation.SHIFTS], 18)])
@pytest.mark.parametrize("name", ["binary", "multi"])
def test_views_are_averaged(name, kinds, number, images, request):
    network = request.getfixturevalue(name)
    vectors, values = apply(network, images, views=kinds)
    single = [apply(network, np.ascontiguousarray(view)) for view in augmentation.views(images, kinds)]
    assert len(single) == number
    assert vectors == pytest.approx(np.mean([f for f, _ in single], axis=0), abs=1e-5)
    assert values == pytest.approx(np.mean([p for _, p in single], axis=0), abs=1e-5)
    assert not np.allclose(vectors, single[0][0])


def test_features_over_all_symmetries_ignore_how_the_image_lies(multi, images):
    upright = apply(multi, images, views=augmentation.SYMMETRIES)
    turned = apply(multi, np.rot90(images, axes=(1, 2)), views=augmentation.SYMMETRIES)
    for first, second in zip(upright, turned, strict=True):
        assert first == pytest.approx(second, abs=1e-5)


def test_steps_change_no_result(multi, images, monkeypatch):
    whole = apply(multi, images)
    monkeypatch.setattr(averages, "BATCH", 3)
    for first, second in zip(whole, apply(multi, images), strict=True):
        assert first == pytest.approx(second, abs=1e-6)


def test_an_unknown_layer_is_named_with_those_there_are(multi):
    with pytest.raises(
        UserError, match="features.layers: the network has no layer 'feature'; it has images, .*features"
    ):
        features.extractor(multi, ["feature"])


def test_a_loaded_network_with_a_layer_that_flattens_gives_several_layers(tmp_path):
    networks.build("breast_cnn", (28, 28, 1), 2, {}).save(tmp_path / "model.keras")
    keras.utils.clear_session()  # names are given from the start, as in a process of its own
    network = features.load_network(tmp_path / "model.keras")
    names = ["features", network.layers[1].name]
    found, _ = apply(network, np.zeros((2, 28, 28, 1), np.uint8), names)
    assert found.shape == (2, 128 + 784)


def test_several_layers_stand_side_by_side(multi, images):
    names = ["features", multi.layers[1].name]  # the second scales the image
    both = apply(multi, images, names)[0]
    assert np.array_equal(both, np.hstack([apply(multi, images, [name])[0] for name in names]))
    assert both[:, -images[0].size :] == pytest.approx(images.reshape(len(images), -1) / 255, abs=1e-7)


def test_a_saved_network_says_the_same(tmp_path, multi, images):
    multi.save(tmp_path / "model.keras")
    loaded = features.load_network(tmp_path / "model.keras")
    for first, second in zip(apply(multi, images), apply(loaded, images), strict=True):
        assert np.array_equal(first, second)


def test_a_network_that_holds_code_is_refused(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    model.save(tmp_path / "model.keras")
    with pytest.raises(UserError, match="model.keras: not a network of this workflow .*delete it and run again"):
        features.load_network(tmp_path / "model.keras")


@pytest.mark.parametrize("content", [None, b"", b"no zip", "half"])
def test_a_damaged_network_is_named(tmp_path, multi, content):
    path = tmp_path / "model.keras"
    if content == "half":
        multi.save(path)
        content = path.read_bytes()[:-2000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="model.keras: not a network of this workflow"):
        features.load_network(path)
