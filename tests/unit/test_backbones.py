"""Tests of pretrained backbones: what they compute, what is refused, how they are configured, exported and asked."""

import json
import os
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import small_backbone
import yaml
from configurations import ROOT, completed
from onnx import TensorProto, helper
from PIL import Image
from specification import jobs as specified
from test_bad_config import plan_everything

from medfusion.errors import UserError
from medfusion.files import hdf5, images
from medfusion.files.artifacts import hash_file
from medfusion.files.calibrations import Calibration
from medfusion.learning import backbones, classifiers
from medfusion.learning.averages import averaged
from medfusion.learning.backbones import Backbone, Input
from medfusion.package import contents, fitted, selection
from medfusion.package.contents import Member, ModelPackage
from medfusion.package.predictor import Predictor
from medfusion.planning import backbones as planned
from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.job_settings import job_settings
from medfusion.planning.jobs import jobs
from medfusion.planning.page_plan import PagePlan
from medfusion.planning.plan import Plan
from medfusion.planning.representatives import Representatives
from medfusion.system_id import SystemId

TAKEN = Input(16, "NCHW", 3, 1 / 255, (0.5, 0.4, 0.3), (0.2, 0.25, 0.5))


def pictures(n=4, side=16, channels=3):
    return np.random.default_rng(1).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


# -- what is computed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_features_are_those_of_scaled_images(tmp_path, layout):
    taken = Input(16, layout, 3, 1 / 255, TAKEN.mean, TAKEN.std)
    backbone = Backbone(small_backbone.write(tmp_path / "b.onnx", layout=layout), taken, "features")
    found, none = backbone(pictures())
    expected = small_backbone.features((pictures() / 255 - TAKEN.mean) / TAKEN.std)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert found.dtype == np.float32 and none.shape == (4, 0) and backbone.width == small_backbone.WIDTH


def test_grey_images_get_three_equal_channels(tmp_path):
    backbone = Backbone(small_backbone.write(tmp_path / "b.onnx"), TAKEN, "features")
    grey = pictures(channels=1)
    np.testing.assert_array_equal(backbone(grey)[0], backbone(np.repeat(grey, 3, axis=3))[0])


def test_a_backbone_for_grey_images_takes_no_colour(tmp_path):
    taken = Input(16, "NCHW", 1, 1.0, (0.0,), (255.0,))
    backbone = Backbone(small_backbone.write(tmp_path / "b.onnx", channels=1), taken, "features")
    grey = pictures(channels=1)
    np.testing.assert_allclose(backbone(grey)[0], small_backbone.features(grey / 255), rtol=1e-4, atol=1e-4)
    with pytest.raises(UserError, match="input.channels: 1, and the images have 3; expected a backbone for 3"):
        backbone(pictures())


def test_images_of_another_size_are_interpolated():
    plain = Input(8, "NHWC", 3, 1.0, (0.0,) * 3, (1.0,) * 3)
    flat = np.full((2, 28, 28, 3), (10, 20, 30), np.uint8)
    np.testing.assert_array_equal(backbones.prepared(flat, plain), np.full((2, 8, 8, 3), (10, 20, 30)))
    # Half the size: each pixel is the mean of the four that it covers.
    large = pictures(side=16)
    means = large.reshape(4, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(backbones.prepared(large, plain), means, atol=0.51)
    # Enlarged: a ramp stays a ramp.
    ramp = np.broadcast_to(np.arange(0, 80, 10, dtype=np.uint8)[:, None], (1, 8, 8))[..., None]
    found = backbones.prepared(ramp, Input(16, "NHWC", 1, 1.0, (0.0,), (1.0,)))[0, :, 0, 0]
    np.testing.assert_allclose(found[2:-2], np.arange(2, 14) * 5 - 2.5, atol=1)


def test_a_file_for_a_fixed_number_of_images_takes_any(tmp_path):
    free = Backbone(small_backbone.write(tmp_path / "free.onnx"), TAKEN, "features")
    three = Backbone(small_backbone.write(tmp_path / "three.onnx", batch=3), TAKEN, "features")
    for n in (1, 3, 7):
        np.testing.assert_allclose(three(pictures(n))[0], free(pictures(n))[0], rtol=1e-5, atol=1e-6)


def test_a_file_that_takes_one_image_whatever_it_says_gets_one(tmp_path):
    shape = helper.make_node("Constant", [], ["shape"], value=helper.make_tensor("s", TensorProto.INT64, [2], [1, 5]))
    nodes = [shape, helper.make_node("Reshape", ["sums", "shape"], ["features"])]
    path = small_backbone.write(tmp_path / "one.onnx", output="sums", nodes=nodes)
    model = onnx.load(path)
    model.graph.output[0].name = "features"
    onnx.save(model, path)
    free = Backbone(small_backbone.write(tmp_path / "free.onnx"), TAKEN, "features")
    found = Backbone(path, TAKEN, "features")(pictures(3))[0]
    np.testing.assert_allclose(found, free(pictures(3))[0], rtol=1e-5, atol=1e-6)


def test_features_are_of_one_image_whatever_is_beside_it(tmp_path):
    """A file that forgets to leave its training mode; and one that scales all images of a batch alike."""
    backbone = Backbone(giving(*BESIDE_OTHERS)(tmp_path / "b.onnx"), TAKEN, None)
    np.testing.assert_array_equal(backbone(pictures(5))[0][:2], backbone(pictures(2))[0])


def test_another_number_of_features_is_one_message(tmp_path):
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["brightest"], axes=[0, 1, 2], keepdims=0),
        helper.make_node("NonZero", ["brightest"], ["lit"]),
        helper.make_node("Squeeze", ["lit"], ["columns"]),
        helper.make_node("ReduceMean", ["images"], ["rows"], axes=[1, 2], keepdims=0),
        helper.make_node("Gather", ["rows", "columns"], ["given"], axis=1),
    ]
    path = giving(*nodes)(tmp_path / "b.onnx")
    backbone, dark = Backbone(path, Input(16, "NCHW", 3, 1.0, (1.0,) * 3, (1.0,) * 3), None), pictures(2)
    dark[:, :, 3:] = 1
    with pytest.raises(UserError, match=f"^{path}: gives 3 features of some images and 16 of others; expected one"):
        backbone(dark)


def test_features_are_averaged_over_views(tmp_path):
    backbone = Backbone(small_backbone.write(tmp_path / "b.onnx"), TAKEN, "features")
    shifted = averaged(backbone, pictures(), ["shifts"])[0]
    padded = np.pad(pictures(), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    views = [backbone(padded[:, top : top + 16, left : left + 16])[0] for top in range(3) for left in range(3)]
    np.testing.assert_allclose(shifted, np.mean(views, axis=0), rtol=1e-4, atol=1e-5)


def test_the_same_images_give_the_same_bytes(tmp_path):
    path = small_backbone.write(tmp_path / "b.onnx")
    first, second = (Backbone(path, TAKEN, "features", threads=2)(pictures(30))[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_the_only_output_needs_no_name(tmp_path):
    path = small_backbone.write(tmp_path / "b.onnx")
    model = onnx.load(path)
    del model.graph.output[1]
    onnx.save(model, path)
    assert Backbone(path, TAKEN, None).output == "features"


# -- what is refused --------------------------------------------------------------------------------------------------


def looping(path):
    """A backbone with a loop in one branch of a condition."""
    body = helper.make_graph(
        [helper.make_node("Loop", ["", "c"], ["x"], body=helper.make_graph([], "b", [], []))], "a", [], []
    )
    return small_backbone.write(path, nodes=[helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)])


def with_weights_elsewhere(path):
    model = onnx.load(small_backbone.write(path))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def with_two_inputs(path):
    model = onnx.load(small_backbone.write(path))
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    onnx.save(model, path)
    return path


def half(path):
    path.write_bytes(small_backbone.write(path).read_bytes()[:-200])
    return path


def text(path):
    path.write_text("no network\n")
    return path


def without_finite_features(path):
    return small_backbone.write(path, output="sums", nodes=[helper.make_node("Log", ["means"], ["features"])])


def giving(*nodes, output=None):
    """A backbone whose only output is "given", which the last of the nodes makes."""

    def make(path):
        model = onnx.load(small_backbone.write(path, nodes=nodes))
        del model.graph.output[:]
        model.graph.output.append(output or helper.make_tensor_value_info("given", TensorProto.FLOAT, None))
        onnx.save(model, path)
        return path

    return make


IN_TRAINING = [
    helper.make_node("Constant", [], ["share"], value=helper.make_tensor("s", TensorProto.FLOAT, [], [0.5])),
    helper.make_node("Constant", [], ["training"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True])),
    helper.make_node("Dropout", ["images", "share", "training"], ["dropped"]),
    helper.make_node("ReduceMean", ["dropped"], ["given"], axes=[2, 3], keepdims=0),
]
# As a batch normalisation in training has it.
BESIDE_OTHERS = [
    helper.make_node("ReduceMean", ["means"], ["batch"], axes=[0], keepdims=1),
    helper.make_node("Sub", ["means", "batch"], ["given"]),
]


def beside_others_by_threes(path):
    model = onnx.load(giving(*BESIDE_OTHERS)(path))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    onnx.save(model, path)
    return path


def drawing(path):
    return small_backbone.write(path, nodes=[helper.make_node("RandomNormal", [], ["noise"], shape=[1])])


REFUSED = {
    "text": (text, {}, "not an ONNX file, or part of one; get it again"),
    "an empty file": (lambda path: path.touch() or path, {}, "not an ONNX file, or part of one; get it again"),
    "half a file": (half, {}, "not an ONNX file, or part of one; get it again"),
    "a loop": (looping, {}, "has a Loop, which could go on for ever; export it with fixed sizes"),
    "random numbers": (drawing, {}, r"draws at random \(RandomNormal\); export it for inference"),
    "weights elsewhere": (with_weights_elsewhere, {}, "has its weights in another file; export it as one file"),
    "two inputs": (with_two_inputs, {}, r"has 2 inputs \(images, mask\); expected one, the images"),
    "no such output": (
        small_backbone.write,
        {"output": "pooled"},
        r"has no output 'pooled'; it has features \(n, 5\), places \(n, 3, 16, 16\)",
    ),
    "several outputs": (
        small_backbone.write,
        {"output": None},
        "has several outputs; name one in options.output: features",
    ),
    "an output of four axes": (
        small_backbone.write,
        {"output": "places"},
        r"its output 'places' has the shape \(n, 3, 16, 16\); expected \(n, features\): name a pooled output",
    ),
    "another size": (
        lambda path: small_backbone.write(path, size=32),
        {},
        r"takes images of the shape \(n, 3, 32, 32\), and its input is said to be \(n, 3, 16, 16\); correct size",
    ),
    "another layout": (
        lambda path: small_backbone.write(path, layout="NHWC"),
        {},
        r"takes images of the shape \(n, 16, 16, 3\), and its input is said to be \(n, 3, 16, 16\)",
    ),
    "other channels": (
        lambda path: small_backbone.write(path, channels=1),
        {},
        r"takes images of the shape \(n, 1, 16, 16\), and its input is said to be \(n, 3, 16, 16\)",
    ),
    "half precision": (
        lambda path: small_backbone.write(path, kind=TensorProto.FLOAT16),
        {},
        r"takes tensor\(float16\); expected tensor\(float\), float32",
    ),
    "a sequence": (
        giving(
            helper.make_node("SequenceConstruct", ["means"], ["given"]),
            output=helper.make_tensor_sequence_value_info("given", TensorProto.FLOAT, None),
        ),
        {"output": "given"},
        r"its output 'given' is seq\(tensor\(float\)\); expected tensor\(float\), numbers",
    ),
    "words": (
        giving(
            helper.make_node("Cast", ["means"], ["given"], to=TensorProto.STRING),
            output=helper.make_tensor_value_info("given", TensorProto.STRING, None),
        ),
        {"output": None},
        r"its output 'given' is tensor\(string\); expected tensor\(float\), numbers",
    ),
    "no features": (
        giving(
            helper.make_node("Constant", [], ["none"], value=helper.make_tensor("n", TensorProto.INT64, [0], [])),
            helper.make_node("Gather", ["means", "none"], ["given"], axis=1),
        ),
        {"output": None},
        r"its output 'given' has the shape \(n, 0\); expected \(n, features\)",
    ),
    "dropout in training": (
        giving(*IN_TRAINING),
        {"output": None},
        "gives other features of the same image each time; export it for inference",
    ),
    "three images that depend on each other": (
        beside_others_by_threes,
        {"output": None},
        "the features of an image depend on the other 2 that it takes; export it for one image",
    ),
    "a million images at once": (
        lambda path: small_backbone.write(path, batch=10**6),
        {},
        "takes 1,000,000 images at once; expected at most 256: export it for any number",
    ),
    "features that are no numbers": (
        without_finite_features,
        {"output": "features"},
        "gives features that are no numbers; look at scale, mean and std",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_backbone_is_refused_in_one_line(tmp_path, case):
    make, changes, message = REFUSED[case]
    path = make(tmp_path / "b.onnx")
    if case == "features that are no numbers":  # its own features are another output now
        model = onnx.load(path)
        model.graph.output[0].name, model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = "features", 3
        onnx.save(model, path)
    with pytest.raises(UserError, match=f"^{path}: {message}") as caught:
        Backbone(path, TAKEN, **{"output": "features", **changes})
    assert "\n" not in str(caught.value)


def test_another_checksum_is_refused_before_the_file_is_read(tmp_path):
    path = text(tmp_path / "b.onnx")
    settings = {"sha256": "0" * 64, "input": vars(TAKEN), "output": None}
    with pytest.raises(UserError, match=f"its SHA-256 is {hash_file(path)}; expected {'0' * 64}: get the file again"):
        backbones.load(path, settings, 1)
    small_backbone.write(path)
    assert backbones.load(path, {**settings, "sha256": hash_file(path), "output": "features"}, 1).width


# -- how they are configured ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files that configs/backbone.yaml names, the backbone a small one."""
    small_backbone.write(tmp_path / "data/efficientnet_lite0_features.onnx", size=224)
    for number in range(30):
        path = tmp_path / f"data/pictures/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


OVERLAY = (ROOT / "configs/backbone.yaml").read_text(encoding="utf-8")


def laid_over(**changes):
    """configs/backbone.yaml with other options, or entries of the network, completed."""
    overlay = yaml.safe_load(OVERLAY)
    network = overlay["networks"]["efficientnet_lite0"]
    for key, value in changes.items():
        if key in ("training", "features"):
            network[key] = value
        elif key in ("derived", "learning_curve"):
            entry = overlay["datasets"]["pictures"]
            (entry["models"] if key == "derived" else entry)[key] = value
        elif value is KeyError:
            del network["options"][key]
        else:
            network["options"][key] = value
    return overlay, lambda: completed(yaml.safe_dump(overlay))


@pytest.mark.usefixtures("folder")
def test_what_an_entry_leaves_out_is_filled_in():
    _, complete = laid_over(
        input={"size": 32}, sha256=KeyError, pretrained_on=KeyError, features={"test_time_augmentation": ["transpose"]}
    )
    network = complete()["networks"]["efficientnet_lite0"]
    taken = network["options"]["input"]
    assert taken == {"size": 32, "layout": "NCHW", "channels": 3, "scale": 1 / 255, "mean": [0] * 3, "std": [1] * 3}
    assert network["options"]["sha256"] is None and network["options"]["in_package"] is True
    assert network["training"] is None and network["features"] == {
        "layers": [],
        "test_time_augmentation": ["transpose"],
    }
    assert set(taken) == set(Input.__dataclass_fields__)


KEY = "networks.efficientnet_lite0"
WRONG = {
    "a missing file": ({"path": "data/x.onnx"}, f"{KEY}.options.path: there is no file 'data/x.onnx'; relative paths"),
    "a folder": (
        {"path": "data/pictures"},
        f"{KEY}.options.path: 'data/pictures' is not a file; expected an ONNX file",
    ),
    "no path": ({"path": KeyError}, f"{KEY}.options.path: required: an ONNX file that turns images into features"),
    "no input": ({"input": KeyError}, f"{KEY}.options.input: required: what the file takes, such as"),
    "no size": ({"input": {"layout": "NHWC"}}, f"{KEY}.options.input: lacks size"),
    "a layout": (
        {"input": {"size": 8, "layout": "HWC"}},
        f"{KEY}.options.input.layout: 'HWC'; expected one of NCHW, NHWC",
    ),
    "two means": (
        {"input": {"size": 8, "mean": [1, 2]}},
        f"{KEY}.options.input.mean: [1, 2]; expected one number, or 3, one a channel",
    ),
    "no spread": ({"input": {"size": 8, "std": 0}}, f"{KEY}.options.input.std: 0; expected a number above 0 or a list"),
    "half a checksum": ({"sha256": "abc"}, f"{KEY}.options.sha256: 'abc'; expected 64 of the characters 0-9 and a-f"),
    "an option of others": ({"dropout": 0.5}, f"{KEY}.options: onnx has no option 'dropout'; known: path, sha256"),
    "training": ({"training": {"epochs": 3}}, f"{KEY}.training: a frozen backbone is not trained; leave training out"),
    "layers": (
        {"features": {"layers": ["features"]}},
        f"{KEY}.features.layers: a frozen backbone has one output, options.output; leave layers out",
    ),
    "a model that is derived": (
        {"derived": {"base": "backbone", "changes": {"features": {"test_time_augmentation": []}}}},
        "datasets.pictures.models.derived.base: 'backbone' is a frozen backbone; expected a network that is trained",
    ),
    "a study": (
        {"learning_curve": {"network": "efficientnet_lite0", "sizes": ["all"], "repeats": [1]}},
        "datasets.pictures.learning_curve.network: 'efficientnet_lite0' is a frozen backbone, and the study trains its",
    ),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_one_message(case):
    changes, message = WRONG[case]
    with pytest.raises(UserError) as caught:
        laid_over(**changes)[1]()
    assert str(caught.value).startswith(f"config:\n  {message}"), caught.value
    assert len(str(caught.value).splitlines()) == 2


def test_a_backbone_that_no_model_has_needs_no_file():
    network = {"architecture": "onnx", "options": {"path": "nowhere.onnx", "input": {"size": 32}}}
    assert completed(yaml.safe_dump({"networks": {"other": network}}))["networks"]["other"]["training"] is None


@pytest.mark.usefixtures("folder")
def test_the_jobs_are_those_of_the_specification():
    overlay, complete = laid_over()
    config = complete()
    plan = Plan(config)
    found = jobs(plan)
    # What the file alone tells is no key that users write.
    written = {
        **config,
        "datasets": {"pictures": {**config["datasets"]["pictures"], **overlay["datasets"]["pictures"]}},
    }
    assert sorted(f"{job.stage}/{job.name}" for job in found) == sorted(specified(written))
    stages = {job.stage for job in found}
    assert {"apply_backbone", "fit_grid", "map_saliency"} <= stages
    assert not stages & {"train_cnn", "extract_features", "learning_curve", "draw_curves", "draw_augmentation"}
    head = next(job for job in found if job.stage == "fit_grid" and job.wildcards["classifier"] == "cnn")
    assert head.config["classifier"]["kind"] == "logistic_regression"
    assert head.config["classifier"]["calibration"] == "temperature"


@pytest.mark.usefixtures("folder")
def test_every_job_can_be_planned():
    plan_everything(laid_over()[1]())


@pytest.mark.usefixtures("folder")
def test_what_an_export_is_made_from():
    config = laid_over(in_package=False)[1]()
    plan = Plan(config)
    exports, wildcards = ExportPlan(plan), SimpleNamespace(dataset="pictures", model="backbone", seed=1)
    folder = "results/pictures/backbone"
    assert plan.features(wildcards) == f"{folder}/backbone.h5"
    assert plan.probabilities("pictures", "backbone", 1, "cnn") == f"{folder}/seed1/cnn/probabilities.h5"
    parts = exports.parts("pictures")
    assert parts["networks"] == {}
    assert parts["classifiers"][SystemId("backbone", 1, "cnn")] == f"{folder}/seed1/cnn/model.skops"
    assert exports.backbone_files(wildcards) == ["data/efficientnet_lite0_features.onnx"]
    assert exports.network_files("pictures") == []  # which run is exported is not known yet
    config["networks"]["efficientnet_lite0"]["options"]["in_package"] = True
    assert exports.network_files("pictures") == ["network.onnx"]
    assert Representatives(plan).studied_network(wildcards) == f"{folder}/seed1/cnn/model.skops"
    page = PagePlan(plan)
    assert f"{folder}/seed1/cnn/best.json" in page.of_dataset("pictures")
    assert not any("curves" in file or "augmentation" in file for file in page.of_dataset("pictures"))
    settings = job_settings(plan)["export_package"](wildcards)
    assert dict(settings["backbones"])["backbone"]["pretrained_on"] == "ImageNet-1k"
    assert settings["networks"] == ["network"]


@pytest.mark.usefixtures("folder")
def test_the_page_says_what_it_is():
    config = laid_over()[1]()
    told = list(planned.described(config, config["datasets"]["pictures"]))
    assert len(told) == 1 and "efficientnet_lite0_features.onnx, pretrained on ImageNet-1k" in told[0]


def test_members_of_a_backbone_are_all_classifiers():
    runs = [SystemId("b", seed, "both") for seed in (1, 2)]
    fusion = {"members": ["cnn", "svm"], "weights": [0.5, 0.5], "temperatures": [1.0, 1.0]}
    networks = [SystemId("b", None, "cnn")]
    found = selection.members(runs, networks, dict.fromkeys(runs, fusion), {"b"})
    assert [member.classifier for member in found] == ["b/seed1/cnn", "b/seed1/svm", "b/seed2/cnn", "b/seed2/svm"]
    assert {member.network for member in found} == {0} and {member.weight for member in found} == {0.25}
    assert selection.kind(SystemId("b", 1, "cnn"), [], {"b"}) == "head"


# -- stages -----------------------------------------------------------------------------------------------------------


def test_the_stage_writes_the_features_of_all_splits(tmp_path):
    import apply_backbone

    path, paths = small_backbone.write(tmp_path / "b.onnx"), []
    description = images.Description("", "multi-class", ("a", "b"), "0" * 64, False)
    for split, n in (("train", 5), ("val", 3), ("test", 2)):
        labels = None if split == "test" else np.arange(n, dtype=np.uint8) % 2
        paths.append(str(tmp_path / f"{split}.h5"))
        images.write_split(paths[-1], split, description, pictures(n, side=28), labels)
    options = {"path": str(path), "sha256": hash_file(path), "input": vars(TAKEN), "output": "features"}
    settings = {"title": "t", "threads": 1, "backbone": options, "test_time_augmentation": ["horizontal_flip"]}
    made = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for file in made:
        apply_backbone.main(SimpleNamespace(images=paths, backbone=str(path), features=str(file)), settings)
    assert made[0].read_bytes() == made[1].read_bytes()
    with hdf5.open_hdf5(made[0]) as file:
        assert file["test/features"].shape == (2, small_backbone.WIDTH) and set(file) == {"train", "val", "test"}
        expected = averaged(Backbone(path, TAKEN, "features"), pictures(5, side=28), ["horizontal_flip"])[0]
        np.testing.assert_array_equal(file["train/features"][:], expected)
        assert file.attrs["backbone"] == hash_file(path) and list(file.attrs["views"]) == ["horizontal_flip"]


# -- exported systems -------------------------------------------------------------------------------------------------


def exported(folder: Path, in_package=True):
    """Write a model package: a head on a backbone; and what it should say of `pictures`."""
    folder.mkdir()
    path = small_backbone.write(folder.parent / "b.onnx")
    features = Backbone(path, TAKEN, "features")(pictures(40))[0]
    labels = np.arange(40) % 2
    logistic = {"kind": "logistic_regression", "calibration": "temperature"}
    head = classifiers.fit(logistic, {"C": 1.0}, features, labels, features, labels, 1)
    fitted.save({"net/seed1/cnn": head}, folder / contents.CLASSIFIERS)
    if in_package:
        (folder / "network.onnx").write_bytes(path.read_bytes())
    told = contents.Backbone("b.onnx", hash_file(path), TAKEN, "drawings")
    network = contents.Network(
        "net", None, None, "network.onnx" if in_package else None, ("features",), ("transpose",), told
    )
    package = ModelPackage(
        name="Test data",
        flag="",
        task="binary-class",
        generated=False,
        label_names=("a", "b"),
        size=16,
        channels=3,
        positive=None,
        networks=(network,),
        members=(Member(0, "net/seed1/cnn", 1.0, 1.0),),
        calibration=Calibration(1.0, 0.5, (0.5, 0.5), None, 0.5),
        libraries={name: metadata.version(name) for name in ("onnxruntime", "scikit-learn", "skops")},
    )
    names = [file.name for file in sorted(folder.iterdir())]
    contents.write(folder, package, {}, {name: folder / name for name in names})
    views = averaged(Backbone(path, TAKEN, "features"), pictures(40), ["transpose"])[0]
    return path, head.predict_proba(views)


def test_a_package_with_its_backbone_answers(tmp_path):
    path, expected = exported(tmp_path / "package")
    path.unlink()
    predictor = Predictor(tmp_path / "package")
    np.testing.assert_allclose(predictor.probabilities(pictures(40)), expected, atol=1e-6)
    assert predictor.package.networks[0].backbone.pretrained_on == "drawings"


def test_a_package_without_its_backbone_asks_for_it(tmp_path):
    path, expected = exported(tmp_path / "package", in_package=False)
    with pytest.raises(UserError, match="needs the backbone b.onnx, which may not be passed on .* --backbone FILE"):
        Predictor(tmp_path / "package")
    other = small_backbone.write(tmp_path / "other.onnx", size=32)
    with pytest.raises(UserError, match=f"SHA-256 is {hash_file(path)}, and not that of {other}"):
        Predictor(tmp_path / "package", 1, [other])
    np.testing.assert_allclose(
        Predictor(tmp_path / "package", 1, [other, path]).probabilities(pictures(40)), expected, atol=1e-6
    )


def forge(folder, change):
    """Change the record of a package, and give it the checksum that it then has."""
    path = folder / contents.RECORD
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop(contents.CHECKSUM)
    change(content)
    path.write_text(json.dumps({**content, contents.CHECKSUM: contents._checksum(content)}), encoding="utf-8")


FORGED = {
    "an endless size": lambda content: content["networks"][0]["backbone"]["input"].update(size=10**6),
    "no spread": lambda content: content["networks"][0]["backbone"]["input"].update(std=[0, 1, 1]),
    "a mean too few": lambda content: content["networks"][0]["backbone"]["input"].update(mean=[0]),
    "a seed": lambda content: content["networks"][0].update(seed=1),
    "no layer": lambda content: content["networks"][0].update(layers=[]),
    "probabilities of its own": lambda content: content["members"][0].update(classifier=None),
    "a trained network without files": lambda content: content["networks"][0].pop("backbone"),
    "a file elsewhere": lambda content: content["networks"][0].update(onnx="../b.onnx"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_record_is_refused(tmp_path, case):
    exported(tmp_path / "package")
    forge(tmp_path / "package", FORGED[case])
    with pytest.raises(UserError, match="not a model package of this program"):
        contents.read(tmp_path / "package")


def test_a_loop_in_a_package_is_refused(tmp_path):
    exported(tmp_path / "package")
    looping(tmp_path / "package/network.onnx")
    digest = hash_file(tmp_path / "package/network.onnx")
    forge(tmp_path / "package", lambda content: content["files"].update({"network.onnx": digest}))
    with pytest.raises(UserError, match="has a Loop"):
        Predictor(tmp_path / "package")


# -- a real one -------------------------------------------------------------------------------------------------------

REAL = Path(os.environ.get("MEDMNIST_DATA") or "/nowhere")


@pytest.mark.skipif(
    not (REAL / "efficientnet_lite0_features.onnx").exists() or not (REAL / "bccd_cropped").exists(),
    reason="MEDMNIST_DATA names no folder with efficientnet_lite0_features.onnx and bccd_cropped",
)
def test_a_real_backbone_tells_white_blood_cells_apart():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from medfusion.data.pictures import Form, prepared

    found, labels = [], []
    for label, name in enumerate(("Eosinophil", "Lymphocyte", "Monocyte")):
        for path in sorted((REAL / "bccd_cropped" / name).iterdir())[:20]:
            with Image.open(path) as picture:
                found.append(prepared(picture, Form("", 128, 3, None)).image)
            labels.append(label)
    taken = Input(224, "NCHW", 3, 1.0, (127.0,) * 3, (128.0,) * 3)
    backbone = Backbone(REAL / "efficientnet_lite0_features.onnx", taken, "features", threads=1)
    features = backbone(np.stack(found))[0]
    assert features.shape == (60, 1280)
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    accuracy = np.mean(cross_val_predict(head, features, labels, cv=5) == np.array(labels))
    assert accuracy > 0.75  # by chance a third
