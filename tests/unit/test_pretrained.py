"""Tests of networks of keras.applications: what they see, what they start from, what learns, what is refused."""

import hashlib
import inspect
import re
import sys

import h5py
import numpy as np
import pytest
import yaml
from configurations import ROOT, completed
from test_sources import CONTENT, no_folder_and_no_proxy, official, server  # noqa: F401
from test_training import DEFAULTS, in_memory

from medfusion.data import sources
from medfusion.data.datafiles import FOLDER_VARIABLE
from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file
from medfusion.learning import backend, features, networks, pretrained, training
from medfusion.learning.architectures.registry import OPTIONS
from medfusion.learning.averages import averaged
from medfusion.learning.backend import keras
from medfusion.learning.keras_applications import APPLICATIONS, smallest
from medfusion.package import network_checks, onnx_networks, predictor
from medfusion.planning import pretraining

SMALL = {"application": "MobileNetV3Small", "input_size": 32}


@pytest.fixture(scope="module", autouse=True)
def configured():
    backend.configure(threads=1, seed=0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory, configured):
    """Weights of a file, whose batch normalisation has learnt something."""
    network = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights([value + rng.uniform(0.05, 0.1, value.shape) for value in layer.get_weights()])
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    network.save_weights(path)
    return path, network


# -- what they see ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["VGG16", "ResNet50V2", "DenseNet121", "EfficientNetB0", "MobileNetV3Small"])
def test_images_are_preprocessed_as_the_network_wants_them(name, channels):
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 6, channels), dtype=np.uint8)
    inputs = keras.Input((5, 6, channels), dtype="uint8")
    found = keras.Model(inputs, pretrained.preprocessed(keras.layers.Rescaling(1 / 255)(inputs), name))(images)
    module = sys.modules[getattr(keras.applications, name).__module__]
    expected = module.preprocess_input(np.repeat(images, 3 // channels, axis=3).astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_images_are_enlarged_in_training_and_outside_alike():
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    x = pretrained.enlarged(keras.layers.Rescaling(1 / 255)(inputs), 16)
    model = keras.Model(inputs, keras.layers.Dropout(0.9)(x))
    assert model(images).shape == (2, 16, 16, 3) and features.places(model) == 256
    np.testing.assert_array_equal(model(images), model(images, training=False))  # what follows is not in training


def test_the_table_is_what_keras_asks_for():
    functions = {name for name, one in vars(keras.applications).items() if inspect.isfunction(one)}
    assert set(APPLICATIONS) == functions
    for name, published in APPLICATIONS.items():
        module = getattr(keras.applications, name).__module__.replace(".resnet_v2", ".resnet")
        source = inspect.getsource(sys.modules[module])
        least = re.search(r"min_size=(\d+)|rows < (\d+)", source)
        assert int(least[1] or least[2]) == smallest(name)
        assert published.hash in source if published.hash else "file_hash" not in source


def test_keras_asks_for_the_published_file(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file", lambda name, url, **more: asked.append((url, more.get("file_hash")))
    )
    monkeypatch.setattr(keras.Model, "load_weights", lambda self, path: None)
    keras.applications.MobileNetV3Small(include_top=False, weights="imagenet", input_shape=(32, 32, 3))
    published = APPLICATIONS["MobileNetV3Small"]
    assert asked == [(published.url, published.hash)]


# -- as ONNX ----------------------------------------------------------------------------------------------------------

FAMILIES = (
    *("MobileNetV3Small", "MobileNetV2", "EfficientNetB0", "EfficientNetV2B0", "DenseNet121", "ResNet50"),
    *("ResNet50V2", "VGG16", "NASNetMobile", "Xception", "InceptionV3"),
)


def for_onnx(name):
    """A network of random weights whose normalisation does something."""
    options = {**networks.ARCHITECTURES["keras_application"].OPTIONS, "application": name, "weights": None}
    model = networks.build("keras_application", (28, 28, 3), 3, {**options, "input_size": max(32, smallest(name))})
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights(
                [
                    value + rng.uniform(-0.1, 0.1, value.shape) * (place < 2)
                    for place, value in enumerate(layer.get_weights())
                ]
            )
    return features.extractor(model, ["features"])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_says_the_same_as_onnx(name, tmp_path):
    model = for_onnx(name)
    onnx_networks.convert(model, tmp_path / "network.onnx", ["a", "b", "c"])
    network_checks.check_network(tmp_path / "network.onnx")
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28, 3), dtype=np.uint8)
    ours = features.apply(model, images, [])
    theirs = averaged(predictor.load(tmp_path / "network.onnx", 1), images, [])
    assert onnx_networks.compare(name, ours, theirs)["images"] == 4  # or it refuses them


@pytest.mark.slow
@pytest.mark.long
def test_convnext_cannot_be_written_as_onnx(tmp_path):
    with pytest.raises(UserError, match="cannot be written as ONNX"):
        onnx_networks.convert(for_onnx("ConvNeXtTiny"), tmp_path / "network.onnx", ["a", "b", "c"])


# -- what they start from, and what learns ----------------------------------------------------------------------------


def train(weights=None, options=(), **changes):
    backend.configure(threads=1, seed=3)
    rng = np.random.default_rng(0)
    labels = (np.arange(12) % 3).astype(np.uint8)
    images = (rng.integers(0, 60, (12, 28, 28, 1)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    given = {
        **OPTIONS["keras_application"],
        **SMALL,
        "weights": weights and "x",
        **dict(options),
    }
    settings = {**DEFAULTS, "images": "original", "learning_rate": 0.01, **changes}
    network = {"architecture": "keras_application", "options": given, "training": settings}
    return training.train(
        in_memory([images], labels), in_memory([images], labels), network, 3, 1, lambda _: None, weights=weights
    )


def backbone(model):
    return {
        f"{layer.name}/{number}": value
        for layer in model.layers[:-1]
        for number, value in enumerate(layer.get_weights())
    }


def test_a_frozen_network_keeps_its_weights_and_learns_its_last_layer(weights):
    path, original = weights
    model, history = train(str(path), epochs=2)
    kept = backbone(model)
    expected = {
        f"{layer.name}/{number}": value for layer in original.layers for number, value in enumerate(layer.get_weights())
    }
    for name, value in expected.items():
        np.testing.assert_array_equal(kept[name], value)  # those of batch normalisation too
    assert len(history) == 2 and np.abs(model.layers[-1].bias.numpy()).max() > 0
    images = np.random.default_rng(1).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    found, _ = features.apply(features.extractor(model, ["features"]), images, [])
    seen = keras.ops.image.resize(np.repeat(images, 3, axis=3).astype(np.float32), (32, 32), "bicubic")
    np.testing.assert_allclose(found, original(seen, training=False).numpy().mean(axis=(1, 2)), rtol=1e-3, atol=1e-4)


def test_fine_tuning_lets_the_last_stage_learn(weights):
    path, _ = weights
    tuned = {"fine_tune": {"last_stage": 1, "all": 0, "learning_rate": 1e-3}}
    start = backbone(train(str(path), epochs=1)[0])
    last = backbone(train(str(path), tuned, epochs=1)[0])
    changed = {name.split("/")[0] for name in start if not np.array_equal(start[name], last[name])}
    assert "conv_1" in changed and "conv" not in changed and not any(name.endswith("bn") for name in changed)


@pytest.mark.slow
@pytest.mark.long
def test_all_phases_follow_each_other_and_give_the_same_weights_twice(weights):
    path, _ = weights
    start = backbone(train(str(path), epochs=1)[0])
    model, history = train(str(path), {"fine_tune": {"last_stage": 1, "all": 2, "learning_rate": 1e-3}})
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert [row["learning_rate"] for row in history] == pytest.approx([0.01, 1e-3, 1e-3, 1e-3])
    assert not np.array_equal(backbone(model)["conv/0"], start["conv/0"])
    again, _ = train(str(path), {"fine_tune": {"last_stage": 1, "all": 2, "learning_rate": 1e-3}})
    for name, value in backbone(model).items():
        np.testing.assert_array_equal(backbone(again)[name], value)


def test_random_weights_are_all_trained_and_batch_normalisation_with_them():
    model, _ = train()
    assert all(layer.trainable for layer in model.layers)
    assert np.abs(backbone(model)["conv_bn/2"]).max() > 0


def test_weights_that_are_configured_are_never_random_instead():
    with pytest.raises(UserError, match="starts from weights, imagenet: give their file"):
        train(options={"weights": "imagenet"})


@pytest.mark.slow
def test_efficientnet_is_loaded_as_keras_loads_imagenets_weights(monkeypatch, tmp_path):
    plain = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.float32([0.5, 0.4, 0.3]), np.float32([0.2, 0.3, 0.4]), np.int64(0)])
    path = str(tmp_path / "efficientnetb0_notop.h5")
    plain.save_weights(path.replace(".h5", ".weights.h5"))
    path = path.replace(".h5", ".weights.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: path)
    theirs = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=(32, 32, 3))
    inputs = keras.Input((32, 32, 3))
    ours = keras.Model(inputs, pretrained.application(inputs, "EfficientNetB0", path))
    first = [next(one for one in model.layers if one.name == "stem_conv_pad") for model in (theirs, ours)]
    stems = [keras.Model(model.input, layer.output) for model, layer in zip((theirs, ours), first, strict=True)]
    images = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(stems[1](images), stems[0](255 * images), rtol=1e-4, atol=1e-5)


# -- what is refused --------------------------------------------------------------------------------------------------


def build(path, **options):
    return networks.build("keras_application", (32, 32, 3), 3, {**SMALL, "file": str(path), "sha256": None, **options})


def test_files_that_do_not_fit_are_one_line(weights, tmp_path):
    path, _ = weights
    build(path, sha256=hash_file(path))
    with pytest.raises(UserError, match="its SHA-256 is .*, and options.sha256 says 000"):
        build(path, sha256="0" * 64)
    half = tmp_path / "half.weights.h5"
    half.write_bytes(path.read_bytes()[:-5000])
    other = tmp_path / "other.weights.h5"
    networks.build("breast_cnn", (28, 28, 1), 2, {}).save_weights(other)
    empty = tmp_path / "empty.h5"
    h5py.File(empty, "w").close()
    for file in (half, other, empty, tmp_path / "absent.keras"):
        with pytest.raises(UserError, match="not weights of MobileNetV3Small without its classes") as caught:
            build(file)
        assert "\n" not in str(caught.value)


def test_images_that_are_too_small_are_one_line():
    with pytest.raises(UserError, match="cannot take images of shape"):
        networks.build("keras_application", (28, 28, 3), 3, {"application": "MobileNetV3Small"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{}", "options.application: required: a network of keras.applications"),
        ("{application: MobileNetV3small}", "unknown 'MobileNetV3small'; did you mean 'MobileNetV3Small'"),
        ("{application: VGG16, weights: x.onnx}", "expected imagenet, or a file that ends in .h5"),
        ("{application: VGG16, input_size: 64, weights: absent.h5}", "options.weights: there is no file 'absent.h5'"),
        ("{application: VGG16}", "options.input_size: 28 pixels a side; VGG16 takes 32 or more"),
        ("{application: Xception, input_size: 64}", "options.input_size: 64 pixels a side; Xception takes 71 or more"),
        (
            "{application: VGG16, input_size: 64, fine_tune: {last_stage: 0, all: 0, learning_rate: 1.0e-5}}",
            "no epochs of last_stage nor of all",
        ),
        ("{application: VGG16, batch_norm: true}", "keras_application has no option 'batch_norm'"),
    ],
)
def test_configurations_that_do_not_fit_are_one_line_before_any_job(options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        completed(overlay(options))


def test_the_overlay_that_users_start_from_is_sound():
    network = yaml.safe_load((ROOT / "configs/keras_application.yaml").read_text(encoding="utf-8"))["networks"]
    models = {"breast": {"models": {"own": {"network": "efficientnet"}}}}
    config = completed(yaml.safe_dump({"networks": network, "datasets": models}))
    assert [part for part, _ in training.phases(config["networks"]["efficientnet"])] == ["head", "last_stage", "all"]


def overlay(options):
    return (
        f"{{networks: {{own: {{architecture: keras_application, options: {options}}}}}, "
        "datasets: {breast: {models: {own: {network: own}}}}}"
    )


def test_what_page_and_plan_say_of_it():
    config = completed(overlay("{application: MobileNetV2, input_size: 32}"))
    network = config["networks"]["own"]
    assert pretraining.weights(network, "data") == f"data/{APPLICATIONS['MobileNetV2'].file}"
    (said,) = pretraining.described(config, config["datasets"]["breast"])
    assert "MobileNetV2, pretrained on ImageNet, is kept as it is, with a new last layer" in said
    random = completed(overlay("{application: MobileNetV2, input_size: 32, weights: ~}"))
    assert not list(pretraining.described(random, random["datasets"]["breast"]))


# -- how weights are obtained -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "learned"),
    [
        ({}, True),
        ({"weights": None, "fine_tune": None}, True),
        ({"weights": "imagenet", "fine_tune": None}, False),
        ({"weights": "imagenet", "fine_tune": {"last_stage": 1, "all": 0}}, True),
    ],
)
def test_features_are_learned_unless_a_pretrained_network_gets_a_last_layer_alone(options, learned):
    assert pretraining.learns_features({"options": options}) == learned


def test_weights_come_from_the_server_whole_and_checked(server, tmp_path, capfd):  # noqa: F811
    url, target = f"http://127.0.0.1:{server.server_port}/x_notop.h5", tmp_path / "data" / "x_notop.h5"
    for published in (hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest(), None):
        target.unlink(missing_ok=True)
        assert sources.obtain_weights(url, published, target) == url
        assert target.read_bytes() == CONTENT
    assert "100%" in capfd.readouterr().err
    asked = server.asked
    assert sources.obtain_weights(url, None, target) == str(target) and server.asked == asked


def test_weights_come_from_the_folder_of_a_machine_without_network(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x_notop.h5").write_bytes(CONTENT)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    target, published = tmp_path / "data" / "x_notop.h5", hashlib.sha256(CONTENT).hexdigest()
    assert sources.obtain_weights("http://127.0.0.1:9/x_notop.h5", published, target) == str(folder / "x_notop.h5")
    assert target.read_bytes() == CONTENT


def test_without_network_one_message_names_the_ways_out(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PAUSE", 0.01)
    target = tmp_path / "data" / "x_notop.h5"
    with pytest.raises(UserError) as caught:
        sources.obtain_weights("http://127.0.0.1:9/x_notop.h5", "0" * 32, target)
    for words in (
        f"put the file at {target}",
        FOLDER_VARIABLE,
        "http://127.0.0.1:9/x_notop.h5",
        "options.weights: PATH",
    ):
        assert words in str(caught.value)
    assert not target.exists()
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"half")
    with pytest.raises(UserError, match=f"move {target} away"):
        sources.obtain_weights("http://127.0.0.1:9/x_notop.h5", "0" * 32, target)
    assert target.read_bytes() == b"half"


# -- focal loss -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 3])
def test_focal_loss_is_that_of_lin_et_al(units):
    inputs = keras.Input((3,))
    activation = "sigmoid" if units == 1 else "softmax"
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation, name="probabilities")(inputs))
    training.compile_model(model, {**DEFAULTS, "loss": "focal"}, 10)
    x, labels = np.random.default_rng(0).normal(size=(5, 3)), np.arange(5) % max(units, 2)
    p = keras.ops.convert_to_numpy(model(x)).astype(np.float64)
    true = (np.where(labels, p[:, 0], 1 - p[:, 0])) if units == 1 else p[np.arange(5), labels]
    found = model.evaluate(x, training.one_hot(labels, units), verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(-((1 - true) ** 2 * np.log(true)).mean(), rel=1e-4)
