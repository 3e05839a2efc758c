"""Tests of model packages whose files were changed and checksums were redone: one line, no crash, no end of memory."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import small_package
from configurations import GRIDS
from sklearn.tree import DecisionTreeClassifier

from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file
from medfusion.learning import classifiers
from medfusion.package import checks, contents, fitted, network_checks
from medfusion.package.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
FEATURES, LABELS = RNG.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    small_package.make(folder)
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def sealed(folder, change=lambda content: None):
    """Redo all checksums of a model package, after a change of its record."""
    path = folder / contents.RECORD
    content = json.loads(path.read_text(encoding="utf-8"))
    content["files"] = {name: hash_file(folder / name) for name in content["files"]}
    change(content)
    del content[contents.CHECKSUM]
    path.write_text(json.dumps({**content, contents.CHECKSUM: contents._checksum(content)}), encoding="utf-8")


def rewritten(path, change, compression=zipfile.ZIP_STORED):
    """Write an archive anew with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members = change(members) or members
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def model(kind, cell, calibration="none"):
    return classifiers.fit({"kind": kind, "calibration": calibration}, cell, FEATURES, LABELS, FEATURES, LABELS, 1)


def refused(path):
    with pytest.raises(UserError) as caught:
        fitted.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


SOUND = {
    "forest": ("random_forest", {"n_estimators": 3}, "none"),
    "calibrated forest": ("random_forest", {"n_estimators": 3}, "temperature"),
    "tree of few leaves": ("decision_tree", {"max_leaf_nodes": 5}, "none"),
    "svm": ("svm", {"C": 1.0, "kernel": "poly"}, "temperature"),
    "linear probe": ("logistic_regression", {"C": 1.0}, "none"),
    "svm, by Platt": ("svm", {"C": 1.0, "kernel": "rbf", "gamma": 0.1}, "sigmoid"),
}


def test_every_kind_of_classifier_is_tried():
    assert {kind for kind, *_ in SOUND.values()} == set(GRIDS), "add the new kind to SOUND"


@pytest.mark.parametrize("name", SOUND)
def test_what_we_fit_is_taken(name, tmp_path):
    own = model(*SOUND[name])
    fitted.save({"x": own}, tmp_path / "m.skops")
    found = fitted.load(tmp_path / "m.skops")["x"]
    np.testing.assert_array_equal(found.predict_proba(FEATURES), own.predict_proba(FEATURES))


def node_array(members):
    """The name and the array of the first tree's nodes."""
    for name, content in members.items():
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(content))
            if array.dtype.names:
                return name, array.copy()
    raise AssertionError("no tree")


def with_nodes(**fields):
    def change(members):
        name, array = node_array(members)
        for field, (index, value) in fields.items():
            array[field][index] = value
        file = io.BytesIO()
        np.save(file, array)
        members[name] = file.getvalue()

    return change


TREES = {
    "a child beyond the last": with_nodes(left_child=(0, 10**6)),
    "a child below the first": with_nodes(right_child=(0, -7)),
    "a node that is its own child": with_nodes(left_child=(0, 0)),
    "a leaf with one child": with_nodes(left_child=(0, -1)),
    "a feature that is none": with_nodes(feature=(0, 10**6)),
    "a feature below the first": with_nodes(feature=(0, -2)),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_whose_nodes_lead_elsewhere_is_refused(name, tmp_path):
    path = tmp_path / "m.skops"
    fitted.save({"x": model("decision_tree", {"max_depth": 4})}, path)
    rewritten(path, TREES[name])
    assert "a tree whose nodes lead elsewhere" in refused(path)


def schema(change):
    """A change of each node that describes a tree."""

    def changed(members):
        content = json.loads(members["schema.json"])
        trees = [node for node in checks._nodes(content) if node["__loader__"] == "TreeNode"]
        for tree in trees:
            change(tree, tree["__reduce__"]["args"]["content"])
        assert trees
        members["schema.json"] = json.dumps(content).encode()

    return changed


SCHEMAS = {
    "a tree of several outputs": schema(lambda tree, args: args[2].update(content="99999999", __id__=10**6)),
    "two objects with one identity": schema(lambda tree, args: args[0].update(content="4")),
    "a tree without features": schema(lambda tree, args: args[0].update(content="-1", __id__=10**6)),
    "an object of sklearn.tree._tree.Splitter": schema(lambda tree, args: tree.update(__class__="Splitter")),
}


@pytest.mark.parametrize("message", SCHEMAS)
def test_objects_that_are_none_of_ours_are_refused(message, tmp_path):
    path = tmp_path / "m.skops"
    fitted.save({"x": model("decision_tree", {"max_depth": 4})}, path)
    rewritten(path, SCHEMAS[message])
    assert message in refused(path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("_n_support", [10**6, 1, 1]),
        ("_n_support", [-1, 1, 1]),
        ("_dual_coef_", np.zeros((1, 1))),
        ("_intercept_", np.zeros(1)),
        ("support_", np.zeros(1, np.int32)),
        ("support_vectors_", np.full((3, 5), np.nan)),
        ("degree", 10**9),
        ("kernel", "precomputed"),
        ("_gamma", float("inf")),
        ("_sparse", True),
    ],
)
def test_an_svm_whose_numbers_do_not_fit_is_refused(part, value, tmp_path):
    own = model("svm", {"C": 1.0, "kernel": "rbf"}, "temperature")
    svc = own.estimator[-1]
    setattr(svc, part, np.asarray(value, np.int32) if part == "_n_support" else value)
    fitted.save({"x": own}, tmp_path / "m.skops")
    assert "an SVM whose numbers do not fit together" in refused(tmp_path / "m.skops")


def test_threads_of_its_own_are_refused(tmp_path):
    own = model("random_forest", {"n_estimators": 2})
    fitted.save({"x": own.set_params(n_jobs=1000)}, tmp_path / "m.skops")
    assert "threads of its own" in refused(tmp_path / "m.skops")


def test_an_archive_that_grows_is_refused(tmp_path):
    path = tmp_path / "m.skops"
    fitted.save({"x": model("decision_tree", {"max_depth": 2})}, path)
    rewritten(path, lambda members: {**members, "bomb.npy": bytes(200_000_000)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000 and "compressed members" in refused(path)


def test_a_tree_of_another_classifier_is_refused(tmp_path):
    own = model("decision_tree", {"max_depth": 2})
    own.n_features_in_ = 4
    fitted.save({"x": own}, tmp_path / "m.skops")
    assert "a tree that is not of its classifier" in refused(tmp_path / "m.skops")
    other = DecisionTreeClassifier().fit(FEATURES, np.column_stack([LABELS, LABELS]))
    fitted.save({"x": other}, tmp_path / "m.skops")
    assert "a tree of several outputs" in refused(tmp_path / "m.skops")


# -- networks ---------------------------------------------------------------------------------------------------------


def loop():
    """A graph that counts for ever."""
    condition = onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    number = onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, [])
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["c"], ["d"])],
        "b",
        [number, condition],
        [onnx.helper.make_tensor_value_info("d", onnx.TensorProto.BOOL, [])],
    )
    return onnx.helper.make_node("Loop", ["", "t"], [], body=body)


def appended(*nodes):
    def change(network):
        network.graph.node.extend(nodes)

    return change


def external(network):
    tensor = network.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def far_border(network):
    node = next(node for node in network.graph.node if node.op_type == "Conv")
    node.attribute.extend([onnx.helper.make_attribute("pads", [10**6] * 4)])


NETWORKS = {
    "the operation 'Loop'": appended(loop()),
    "the operation 'Expand'": appended(onnx.helper.make_node("Expand", ["a", "b"], ["c"])),
    "the operation 'Relu'": appended(onnx.helper.make_node("Relu", ["a"], ["b"], domain="other")),
    "weights in another file": external,
    "a number in 'Conv' that is too large": far_border,
    "more than the steps": appended(*[onnx.helper.make_node("Relu", ["a"], ["b"])] * 2001),
}


@pytest.mark.parametrize("message", NETWORKS)
def test_a_network_that_is_none_of_ours_is_refused(copied, message):
    network = onnx.load(copied / "network.onnx")
    NETWORKS[message](network)
    (copied / "network.onnx").write_bytes(network.SerializeToString())
    sealed(copied)
    with pytest.raises(UserError, match=f"network.onnx: cannot be loaded .*{message}.*; get the model package again"):
        Predictor(copied)


def test_the_operations_are_those_of_our_networks(whole):
    network_checks.check_network(whole / "network.onnx")
    used = {node.op_type for node in onnx.load(whole / "network.onnx").graph.node}
    assert used <= network_checks.OPERATIONS and not {"Loop", "If", "Scan", "Expand", "Tile", "Range"} & (
        network_checks.OPERATIONS
    )


# -- the record -------------------------------------------------------------------------------------------------------

RECORDS = {
    "views": lambda content: content["networks"][0].update(views=["horizontal_flip"] * 40),
    "networks": lambda content: content["networks"][0].update(seed="x"),
    "size": lambda content: content.update(size=10**6),
    "label_names": lambda content: content.update(label_names=["a", "a"]),
    "members": lambda content: content["members"][0].update(network=True),
    "generated": lambda content: content.update(generated="no"),
    "libraries": lambda content: content.update(libraries={"numpy": [1]}),
    "OverflowError": lambda content: content["calibration"].update(referral=10**400),
    "by_class": lambda content: content["calibration"].update(by_class=[float("nan")] * 2),
}


@pytest.mark.parametrize("message", RECORDS)
def test_a_record_with_other_values_is_refused_in_one_line(copied, message):
    sealed(copied, RECORDS[message])
    done = subprocess.run(
        [sys.executable, ROOT / "workflow_scripts/predict.py", copied, "x.png"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 1 and message in done.stderr and len(done.stderr.splitlines()) == 1
