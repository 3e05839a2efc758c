"""Tests of the network architectures: sizes, shapes, probabilities, options."""

import math
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest
from configurations import completed

from medfusion.errors import UserError
from medfusion.files.archives import make_zip_reproducible
from medfusion.learning import architectures, backend, networks
from medfusion.learning.architectures.registry import ARCHITECTURES, COMMON_LAYERS, LAYERS, OPTIONS, halvings
from medfusion.learning.backend import keras
from medfusion.tasks import BINARY, MULTI_CLASS, MULTI_LABEL

SMALL = {
    "compact_resnet": {"widths": [4, 8]},
    "resnet28": {"blocks": 1},
    "keras_application": {"application": "MobileNetV3Small", "input_size": 32},
}
OURS = [name for name in OPTIONS if name != "keras_application"]


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


def kinds(model, *types):
    return [layer for layer in model.layers if isinstance(layer, types)]


def test_every_architecture_is_registered_under_the_name_of_its_file():
    files = Path(architectures.__file__).parent.glob("[a-z]*.py")
    assert {path.stem for path in files} - {"registry"} == {*OPTIONS}
    assert {name: module.__name__ for name, module in ARCHITECTURES.items()} == {
        name: architectures.module(name) for name in OPTIONS
    }


def test_a_network_is_a_file_and_an_entry_as_the_notes_for_contributors_say(monkeypatch):
    notes = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = textwrap.dedent(notes.partition("```python\n")[2].partition("```")[0])
    perceptron = types.ModuleType("perceptron")
    exec(code, vars(perceptron))
    monkeypatch.setitem(sys.modules, architectures.module("perceptron"), perceptron)
    monkeypatch.setitem(OPTIONS, "perceptron", perceptron.OPTIONS)
    monkeypatch.setitem(LAYERS, "perceptron", [*COMMON_LAYERS, *perceptron.LAYERS])
    config = completed(
        "{networks: {perceptron: {architecture: perceptron, options: {widths: [16, 8]}}}, "
        "datasets: {breast: {models: {perceptron: {network: perceptron}}}}}"
    )
    built = networks.build("perceptron", (28, 28, 1), 2, config["networks"]["perceptron"]["options"])
    assert built.get_layer("features").output.shape == (None, 8)
    assert built(np.zeros((2, 28, 28, 1), np.uint8)).shape == (2, 1)


def test_the_originals_network_has_its_number_of_parameters():
    assert networks.build("blood_cnn", (28, 28, 3), 8, {}).count_params() == 243_272


@pytest.mark.parametrize(("shape", "classes"), [((28, 28, 1), 2), ((32, 32, 3), 5)])
@pytest.mark.parametrize("architecture", OPTIONS)
def test_images_become_probabilities_and_features(architecture, shape, classes):
    model = networks.build(architecture, shape, classes, SMALL.get(architecture, {}))
    assert model.input_shape == (None, *shape)
    assert keras.backend.standardize_dtype(model.inputs[0].dtype) == "uint8"
    assert len(model.get_layer("features").output.shape) == 2
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    values = keras.ops.convert_to_numpy(model(images, training=False))
    assert values.dtype == np.float32
    assert values.shape == (3, 1 if classes == 2 else classes)
    assert (values >= 0).all() and (values <= 1).all()
    if classes > 2:
        assert values.sum(axis=1) == pytest.approx(1, abs=1e-5)


DEFAULT_NETWORKS = [rule["network"] for rule in completed()["defaults"]["by_images"]]


@pytest.mark.parametrize("side", [28, 64, 128, 224])
@pytest.mark.parametrize("name", DEFAULT_NETWORKS)
def test_default_networks_take_every_size_and_end_in_an_average(name, side):
    entry = completed()["networks"][name]
    assert halvings(entry["architecture"], entry["options"]) < math.log2(side)
    for channels, classes, task in ((1, 2, BINARY), (3, 11, MULTI_CLASS), (1, 14, MULTI_LABEL)):
        model = networks.build(entry["architecture"], (side, side, channels), classes, entry["options"], task)
        assert kinds(model, keras.layers.GlobalAveragePooling2D)
        assert model.output_shape == (None, 1 if task == BINARY else classes)
        assert kinds(model, keras.layers.ReLU)[0].output.shape[1] <= 64, "too many positions to be affordable"
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 1), dtype=np.uint8)
    values = keras.ops.convert_to_numpy(model(images, training=False))
    assert values.shape == (2, 14) and (values > 0).all() and (values < 1).all()
    assert not np.allclose(values.sum(axis=1), 1), "a sigmoid for each label, no softmax"


def test_a_stride_of_one_is_the_network_as_it_was():
    with_key = networks.build("compact_resnet", (224, 224, 1), 2, {"widths": [4, 8], "stem_stride": 1})
    assert kinds(with_key, keras.layers.ReLU)[0].output.shape[1:3] == (224, 224)
    auto = networks.build("compact_resnet", (224, 224, 1), 2, {"widths": [4, 8], "stem_stride": "auto"})
    assert kinds(auto, keras.layers.ReLU)[0].output.shape[1:3] == (56, 56)


@pytest.mark.parametrize("architecture", OURS)
def test_every_regulariser_can_be_switched_on_and_off(architecture):
    dropouts = {key for key in OPTIONS[architecture] if key.endswith("dropout")}
    normalised = {"batch_norm": True, "batch_norm_momentum": 0.8} if "batch_norm" in OPTIONS[architecture] else {}
    off = {**SMALL.get(architecture, {}), **dict.fromkeys(dropouts, 0.0), "l2": 0.0}
    off |= {"batch_norm": False} if normalised else {}
    bare = networks.build(architecture, (28, 28, 1), 2, off)
    assert not kinds(bare, keras.layers.BatchNormalization)
    assert not bare.losses
    assert {layer.rate for layer in kinds(bare, keras.layers.Dropout)} == {0.0}
    assert "features" in [layer.name for layer in bare.layers]
    on = {**off, **dict.fromkeys(dropouts, 0.25), "l2": 0.01, **normalised}
    full = networks.build(architecture, (28, 28, 1), 2, on)
    assert {layer.momentum for layer in kinds(full, keras.layers.BatchNormalization)} == (
        {0.8} if normalised else set()
    )
    assert {layer.rate for layer in kinds(full, keras.layers.Dropout)} == {0.25}
    convolutions = kinds(full, keras.layers.Conv2D)
    assert all(layer.kernel_regularizer.l2 == pytest.approx(0.01) for layer in convolutions)
    assert len(full.losses) >= len(convolutions)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_residual_network_has_six_layers_a_block_and_two_more(blocks):
    model = networks.build("resnet28", (28, 28, 3), 8, {"blocks": blocks})
    convolutions = [layer for layer in kinds(model, keras.layers.Conv2D) if layer.kernel_size == (3, 3)]
    assert len(convolutions) + len(kinds(model, keras.layers.Dense)) == 6 * blocks + 2
    assert model.get_layer("features").output.shape == (None, 64)


def test_widths_shape_the_compact_network():
    model = networks.build("compact_resnet", (28, 28, 3), 8, {"widths": [4, 8, 8, 12]})
    assert model.get_layer("features").output.shape == (None, 12)
    assert len(kinds(model, keras.layers.Add)) == 3
    sides = [layer.output.shape[1] for layer in kinds(model, keras.layers.Add)]
    assert sides == [14, 14, 7]  # halved where the width grows


def test_images_that_are_too_small_are_the_users_to_mend():
    with pytest.raises(UserError, match=r"network 'breast_cnn' cannot take images of shape \(6, 6, 1\)"):
        networks.build("breast_cnn", (6, 6, 1), 2, {})


def test_two_saved_networks_with_the_same_weights_have_the_same_bytes(tmp_path):
    models = []  # both alive: own addresses
    for name in ("a.keras", "b.keras"):
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        models.append(networks.build("breast_cnn", (10, 10, 1), 2, {}))
        models[-1].save(tmp_path / name)
        make_zip_reproducible(tmp_path / name)
    equal = (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert equal


def test_a_network_loads_from_its_rewritten_file(tmp_path):
    model = networks.build("breast_cnn", (10, 10, 1), 2, {})
    model.save(tmp_path / "model.keras")
    make_zip_reproducible(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(before, after)


def test_the_layers_are_those_of_the_built_networks():
    shallow = {**SMALL, "compact_resnet": {"widths": [4]}}
    assert set(LAYERS) == set(OPTIONS)
    for architecture, known in LAYERS.items():
        whole = {} if architecture in OURS else SMALL[architecture]
        for options in (whole, {"batch_norm": False, **shallow.get(architecture, {})}):
            keras.utils.clear_session()  # names are counted on from one network to the next
            layers = [layer.name for layer in networks.build(architecture, (28, 28, 3), 8, options).layers]
            assert set(known) <= set(layers)


@pytest.mark.parametrize(("widths", "sides"), [([4, 8, 16, 32, 64, 128], 1), ([4, 4, 8, 4], 14)])
def test_widths_that_grow_halve_the_image(widths, sides):
    network = networks.build("compact_resnet", (28, 28, 1), 2, {"widths": widths})
    assert network.get_layer("features").input.shape[1] == sides
    assert -(-28 // 2 ** halvings("compact_resnet", {"widths": widths})) == sides
