"""Tests that no artifact runs code: a crafted file of each kind is refused, and its trap does not spring."""

import ast
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import skops.io
import tensorflow_ready  # noqa: F401
from sklearn.tree import DecisionTreeClassifier

from medfusion.data import npz
from medfusion.errors import UserError
from medfusion.files import artifacts, images, probabilities
from medfusion.learning import classifiers, features
from medfusion.learning.backend import keras

PROGRAMS = Path(artifacts.__file__).resolve().parents[2]
MARKER = "sprung"


class Trap:
    """Makes the file MARKER in the working folder when it is unpickled."""

    def __reduce__(self):
        return open, (MARKER, "w")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working folder in which nothing springs."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not Path(MARKER).exists()


def refused(load, *arguments):
    """The message with which a loader refuses a file: one line that names it."""
    with pytest.raises(UserError) as caught:
        load(*arguments)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(arguments[0]))
    return message


def test_the_trap_springs_where_it_is_unpickled():
    pickle.loads(pickle.dumps(Trap())).close()
    assert Path(MARKER).exists()
    Path(MARKER).unlink()


# -- .npz -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["train_images", "test_labels"])
def test_an_npz_with_a_pickled_array(key):
    arrays = {f"{split}_{part}": np.zeros(3, np.uint8) for split in npz.SPLITS for part in ("images", "labels")}
    np.savez("x.npz", **{**arrays, key: np.array([Trap()], dtype=object)})
    assert "holds Python objects, which are never loaded" in refused(npz.read, "x.npz")


def test_a_pickle_that_is_no_array_of_medmnist_is_passed_over():
    arrays = {f"{split}_{part}": np.zeros(3, np.uint8) for split in npz.SPLITS for part in ("images", "labels")}
    np.savez("x.npz", **arrays, provenance=np.array([Trap()], dtype=object))
    assert set(npz.read("x.npz")) == set(arrays)


def test_a_pickle_in_the_place_of_any_file():
    for name, load in (
        ("x.npz", npz.read),
        ("x.keras", features.load_network),
        ("x.skops", classifiers.load),
        ("x.h5", images.read_images),
        ("x.json", artifacts.read_json),
    ):
        Path(name).write_bytes(pickle.dumps(Trap()))
        refused(load, name)


# -- .keras -----------------------------------------------------------------------------------------------------------


def keras_file(path, change):
    """A small network in a .keras file whose configuration was changed."""
    inputs = keras.Input((4,), name="images")
    keras.Model(inputs, keras.layers.Dense(2, name="features")(inputs)).save("sound.keras")
    with zipfile.ZipFile("sound.keras") as sound, zipfile.ZipFile(path, "w") as crafted:
        for name in sound.namelist():
            content = sound.read(name)
            if name == "config.json":
                content = json.dumps(change(json.loads(content)))
            crafted.writestr(name, content)
    return path


def dense(config):
    """The entry of the Dense layer in a network's configuration."""
    return next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")


def as_callable(module, name, **arguments):
    """A network's configuration in which a layer is another callable."""

    def change(config):
        entry = {"module": module, "class_name": name, "registered_name": name, "config": arguments}
        dense(config).update(entry)
        return config

    return change


def as_activation(module, name):
    """A network's configuration in which an activation is any function."""

    def change(config):
        entry = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        dense(config)["config"]["activation"] = entry
        return config

    return change


CRAFTED = {
    "os.system as a layer": as_callable("os", "system", command=f"touch {MARKER}"),
    "exec as a layer": as_callable("builtins", "exec", source=f"open('{MARKER}', 'w')"),
    "subprocess as a layer": as_callable("subprocess", "Popen", args=["touch", MARKER]),
    "pickle.loads as a layer": as_callable("pickle", "loads", data="x"),
    "os.system as an activation": as_activation("os", "system"),
    "eval as an activation": as_activation("builtins", "eval"),
    "a helper of Keras that downloads": as_callable(
        "keras.utils", "get_file", fname=MARKER, origin="file:///etc/hosts"
    ),
    "os.system as the network": lambda config: {
        "module": "os",
        "class_name": "system",
        "config": {"command": f"touch {MARKER}"},
        "registered_name": "system",
    },
    "a layer in the place of a network": dense,
    "text in the place of a network": lambda config: "keras",
}


@pytest.mark.parametrize("craft", CRAFTED)
def test_a_network_whose_configuration_names_what_is_no_layer(craft):
    refused(features.load_network, keras_file("x.keras", CRAFTED[craft]))


def test_the_crafted_files_differ_from_a_sound_one_only_there():
    assert features.load_network(keras_file("x.keras", lambda config: config)).get_layer("features")


def test_a_network_with_code_in_a_layer():
    inputs = keras.Input((4,))
    layer = keras.layers.Lambda(lambda x: Path(MARKER).touch() or x, output_shape=(4,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer, "call", lambda x: x)  # so that saving does not spring it
        keras.Model(inputs, layer(inputs)).save("x.keras")
    with zipfile.ZipFile("x.keras") as archive:
        assert "__lambda__" in archive.read("config.json").decode()
    refused(features.load_network, "x.keras")


# -- .skops -----------------------------------------------------------------------------------------------------------


def skops_file(path, change):
    """A fitted tree in a skops file whose schema was changed."""
    skops.io.dump(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), "sound.skops")
    with zipfile.ZipFile("sound.skops") as sound, zipfile.ZipFile(path, "w") as crafted:
        for name in sound.namelist():
            content = sound.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                content = json.dumps({**schema, **change(schema)})
            crafted.writestr(name, content)
    return path


def calling(module, name, *arguments):
    """A skops schema that calls a function when it is loaded, as a pickle would."""
    known = {"__module__": "builtins", "__id__": 9, "is_json": True}
    values = [{**known, "__class__": "str", "__loader__": "JsonNode", "content": json.dumps(a)} for a in arguments]
    parts = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "__id__": 8, "content": values}
    return lambda schema: {
        "__class__": name,
        "__module__": module,
        "__loader__": "ReduceNode",
        "__id__": 7,
        "reduce": parts,
        "content": {},
    }


SKOPS = {
    "os.system": calling("os", "system", f"touch {MARKER}"),
    "builtins.open": calling("builtins", "open", MARKER, "w"),
    "an object of any class": lambda schema: {"__module__": "subprocess", "__class__": "Popen"},
    "a function": lambda schema: {
        "__loader__": "FunctionNode",
        "__module__": "os",
        "__class__": "system",
        "content": {},
    },
    "a method": lambda schema: {"__loader__": "MethodNode", "__module__": "os", "__class__": "system", "content": {}},
    "an operator": lambda schema: {
        "__loader__": "OperatorFuncNode",
        "__module__": "operator",
        "__class__": "methodcaller",
        "attrs": {},
    },
    "an unknown loader": lambda schema: {"__loader__": "PickleNode"},
    "a loader's name of another kind": lambda schema: {"__loader__": ["ReduceNode"]},
}


@pytest.mark.parametrize("craft", SKOPS)
def test_a_classifier_file_that_names_what_is_not_trusted(craft):
    refused(classifiers.load, skops_file("x.skops", SKOPS[craft]))


def test_the_crafted_classifiers_differ_from_a_sound_one_only_there():
    assert classifiers.load(skops_file("x.skops", lambda schema: {})).get_depth() == 1


@pytest.mark.parametrize("content", [DecisionTreeClassifier(), np.zeros(3), {"a": 1}, "text"], ids=repr)
def test_a_skops_file_without_a_fitted_classifier(content):
    skops.io.dump(content, "x.skops")
    refused(classifiers.load, "x.skops")


# -- .h5 --------------------------------------------------------------------------------------------------------------


def test_a_pickle_in_an_hdf5_file_stays_bytes():
    trap = np.void(pickle.dumps(Trap()))
    with h5py.File("x.h5", "w") as file:
        file["images"] = trap
        file["val/probabilities"] = trap
        file.attrs["label_names"] = trap
        for key in ("name", "flag", "task", "sha256", "generated"):
            file.attrs[key] = "x"
    refused(images.read_images, "x.h5")
    refused(probabilities.read, "x.h5", "val")
    refused(images.describe, "x.h5")


# -- the library ------------------------------------------------------------------------------------------------------

UNSAFE = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "marshal", "shelve", "torch"}


@pytest.mark.parametrize("path", sorted(PROGRAMS.rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_can_unpickle(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not {name.partition(".")[0] for name in names} & UNSAFE
        if isinstance(node, ast.Call):
            set_to = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert set_to.get("allow_pickle", "False") == "False"
            assert set_to.get("safe_mode", "True") == "True"
            if ast.unparse(node.func).endswith("skops.io.load"):
                assert set_to["trusted"] == "TRUSTED"
            assert ast.unparse(node.func) not in ("eval", "exec", "np.load", "yaml.load", "pd.read_pickle")
