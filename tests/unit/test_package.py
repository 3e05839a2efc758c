"""Tests of exported systems: ONNX that says the same, packages that are whole, and what they predict."""

import dataclasses
import json
import shutil

import numpy as np
import onnxruntime
import pytest
import small_package
import tensorflow_ready  # noqa: F401
from sklearn.metrics import roc_auc_score
from synthetic import metrics, ranked

import export_package
from medfusion.errors import UserError
from medfusion.evaluation import reliability
from medfusion.files import images, probabilities, reliabilities
from medfusion.files.images import Description
from medfusion.files.metric_files import tidy
from medfusion.learning import backbones, calibration, classifiers, networks
from medfusion.learning.averages import averaged
from medfusion.learning.backend import keras
from medfusion.learning.calibration import scale
from medfusion.learning.features import apply, extractor, load_network
from medfusion.package import card, contents, fitted, onnx_networks, selection
from medfusion.package.contents import Member
from medfusion.package.predictor import Predictor, load
from medfusion.system_id import SystemId


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole package, not to be changed, with some images."""
    folder = tmp_path_factory.mktemp("package")
    return folder, *small_package.make(folder)


@pytest.fixture
def copied(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made[0], tmp_path / "copy")


# -- networks ---------------------------------------------------------------------------------------------------------

OPTIONS = {
    "breast_cnn": {"batch_norm": True},
    "blood_cnn": {},
    "five_layer": {},
    "resnet28": {"blocks": 1},
    "compact_resnet": {"widths": [4, 8, 8, 16]},
}


@pytest.mark.parametrize(
    ("architecture", "classes", "layers"),
    [
        ("breast_cnn", 2, ["max_pooling2d"]),
        ("blood_cnn", 3, ["features"]),
        ("five_layer", 3, ["features"]),
        ("resnet28", 2, ["features", "rescaling"]),
        ("compact_resnet", 3, ["re_lu"]),
    ],
)
def test_every_architecture_says_the_same_in_onnx(tmp_path, architecture, classes, layers):
    keras.utils.clear_session()  # layers are numbered from the start, as in a process of their own
    keras.utils.set_random_seed(3)
    network = networks.build(architecture, (28, 28, 3), classes, OPTIONS[architecture])
    rng = np.random.default_rng(0)
    for weights in network.weights:  # moving averages too, which start as 0 and 1
        if "seed" not in weights.name:
            weights.assign(weights + rng.uniform(0, 0.1, weights.shape))
    model = extractor(network, layers)
    onnx_networks.convert(model, tmp_path / "network.onnx", ["a", "b"])
    images = rng.integers(0, 256, (7, 28, 28, 3), dtype=np.uint8)
    ours = apply(model, images, ["transpose"])
    theirs = averaged(load(tmp_path / "network.onnx"), images, ["transpose"])
    found = onnx_networks.compare(architecture, ours, theirs)
    assert found["images"] == 7 and found["probabilities"] <= 1e-5
    assert theirs[1].shape == (7, classes)


def test_the_same_network_gives_the_same_bytes(tmp_path):
    model = extractor(networks.build("compact_resnet", (28, 28, 1), 2, {"widths": [4, 8]}), ["features"])
    for name in ("a.onnx", "b.onnx"):
        onnx_networks.convert(model, tmp_path / name, ["a", "b"])
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_what_onnx_does_not_know_is_one_message(tmp_path):
    images = keras.Input((4, 4, 1), dtype="uint8", name="images")
    x = keras.layers.Conv2D(2, 1, activation="gelu")(keras.layers.Rescaling(1 / 255)(images))
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    model = keras.Model(images, [x, keras.layers.Dense(2, activation="softmax")(x)])
    with pytest.raises(UserError, match=r"^model.keras: what it computes cannot be written as ONNX \(No Op registered"):
        onnx_networks.convert(model, tmp_path / "network.onnx", ["a", "b"], "model.keras")
    assert not (tmp_path / "network.onnx").exists()


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("change", [2e-5, np.nan])
def test_outputs_that_differ_are_refused(output, change):
    ours = (np.full((3, 4), 0.5), np.full((3, 2), 0.5))
    theirs = tuple(values.copy() for values in ours)
    assert onnx_networks.compare("x", ours, theirs) == {"images": 3, "features": 0.0, "probabilities": 0.0}
    theirs[output][1, 1] += change
    with pytest.raises(UserError, match=f"x: its {onnx_networks.OUTPUTS[output]} in ONNX differ"):
        onnx_networks.compare("x", ours, theirs)


def test_features_may_differ_by_a_share_of_the_largest():
    ours = (np.full((3, 4), 50.0), np.full((3, 2), 0.5))
    theirs = (ours[0] + 4e-4, ours[1])
    assert onnx_networks.compare("x", ours, theirs)["features"] == pytest.approx(4e-4)


# -- what is predicted ------------------------------------------------------------------------------------------------


def test_probabilities_are_the_weighted_mean_of_members_and_then_calibrated(made):
    folder, package, images = made
    model = extractor(load_network(folder / "network.keras"), ["features"])
    features, own = apply(model, images, small_package.VIEWS)
    svm = fitted.load(folder / contents.CLASSIFIERS)[small_package.KEY].predict_proba(features)
    sure = own ** (1 / 0.8)  # the network's temperature as a member
    expected = 0.25 * sure / sure.sum(axis=1, keepdims=True) + 0.75 * svm
    predictor = Predictor(folder)
    np.testing.assert_allclose(predictor.probabilities(images), expected, atol=1e-5)
    found = predictor.predict(images)
    scaled = np.sqrt(expected)  # a temperature of 2
    scaled /= scaled.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, scaled, atol=1e-5)
    np.testing.assert_array_equal(found.labels, expected.argmax(axis=1))
    np.testing.assert_array_equal(found.sets, 1 - found.probabilities <= 0.55)
    np.testing.assert_array_equal(found.at_threshold, found.probabilities[:, 0] >= 0.45)
    confident = found.probabilities.max(axis=1) >= 0.5
    np.testing.assert_array_equal(found.referred, ~confident)


def test_one_image_is_predicted_as_among_others(made):
    folder, _, images = made
    predictor = Predictor(folder)
    alone = np.concatenate([predictor.probabilities(image[None]) for image in images[:5]])
    np.testing.assert_allclose(alone, predictor.probabilities(images)[:5], atol=1e-6)


@pytest.fixture
def exported(made, tmp_path):
    """A model package with validation images and the probabilities that the workflow has for them; compares them."""
    folder, package, pictures = made
    description = Description(package.flag, package.task, package.label_names, "0" * 64, False)
    images.write_split(tmp_path / "val.h5", "val", description, pictures, None)
    own = Predictor(folder).probabilities(pictures)

    def compare(values=own, calibration=package.calibration):
        probabilities.write(tmp_path / "own.h5", description, {"val": values}, 1.0)
        copy = shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True)
        files = list(json.loads((folder / contents.RECORD).read_text())["files"])
        changed = dataclasses.replace(package, calibration=calibration)
        contents.write(copy, changed, {}, {name: copy / name for name in files})
        export_package.compare(copy, tmp_path / "val.h5", tmp_path / "own.h5", 1)

    return own, package.calibration, compare


def test_a_package_that_decides_as_the_workflow_is_exported(exported):
    own, _, compare = exported
    compare()
    compare(own + np.array([[3e-7, -3e-7]]))


@pytest.mark.parametrize("decides", ["set", "referral", "threshold"])
def test_a_package_that_decides_otherwise_on_one_image_is_refused_however_close_its_probabilities(exported, decides):
    own, calibration, compare = exported
    scaled = scale(own, calibration.temperature)
    middle = np.sort(scaled[:, 0])[20]  # of one image, to which a threshold is far too close
    less = np.sort(scaled.min(axis=1))[20]  # of the class that is less probable: sets always hold the other
    changes = {"set": {"marginal": 1 - less}, "threshold": {"decision": middle}}
    changes["referral"] = {"referral": np.sort(scaled.max(axis=1))[20]}
    with pytest.raises(UserError, match="own.h5: of 40 validation images the exported system decides otherwise on"):
        for step in (1e-6, -1e-6):  # on one side of the image, or the other
            compare(own + np.array([[step, -step]]), dataclasses.replace(calibration, **changes[decides]))


def test_a_package_of_other_probabilities_is_refused(exported):
    own, _, compare = exported
    with pytest.raises(UserError, match="gives other probabilities to 40"):
        compare(own[::-1] * 0.5 + 0.25)


# -- packages ----------------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(made):
    folder, package, _ = made
    assert contents.read(folder) == package


def test_the_network_alone_says_of_which_classes_its_probabilities_are(made):
    folder, package, _ = made
    told = onnxruntime.InferenceSession(folder / "network.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(told["label_names"]) == list(package.label_names)


@pytest.mark.parametrize("name", ["network.onnx", "network.keras", "classifiers.skops", "README.md"])
def test_a_changed_or_missing_file_is_refused(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: not as it was exported"):
        Predictor(copied)
    (copied / name).unlink()
    with pytest.raises(UserError, match=f"{name}: is missing"):
        Predictor(copied)


CHANGES = {
    "its checksum differs": lambda content: content["calibration"].update(temperature=1.0),
    "holds no record": lambda content: None,
    "lacks schema": lambda content: content.pop("schema"),
    "schema 1; this program reads 5": lambda content: content.update(schema=1),
}


@pytest.mark.parametrize("message", CHANGES)
def test_a_changed_record_is_refused(copied, message):
    path = copied / contents.RECORD
    content = json.loads(path.read_text())
    CHANGES[message](content)
    path.write_text(json.dumps([] if "no record" in message else content))
    with pytest.raises(UserError, match=message):
        Predictor(copied)


def forge(folder, change):
    """Change a model package's record, and its checksum with it."""
    path = folder / contents.RECORD
    content = json.loads(path.read_text())
    change(content)
    del content[contents.CHECKSUM]
    path.write_text(json.dumps({**content, contents.CHECKSUM: contents._checksum(content)}))


def test_a_record_that_names_a_file_elsewhere_is_refused(copied):
    (copied.parent / "outside").write_text("")
    forge(copied, lambda content: content["files"].update({"../outside": "0" * 64}))
    with pytest.raises(UserError, match="lies outside the model package"):
        Predictor(copied)


FORGED = {
    "label_names": lambda content: content.update(label_names=["one"]),
    "size": lambda content: content.update(size="x"),
    "channels": lambda content: content.update(channels=2),
    "positive": lambda content: content.update(positive=7),
    "members": lambda content: content["members"][0].update(network=9),
    "weights": lambda content: content["members"][0].update(weight=0.5),
    "temperature": lambda content: content["calibration"].update(temperature=0),
    "referral": lambda content: content["calibration"].update(referral=float("inf")),
    "classifiers.skops": lambda content: content["files"].pop(contents.CLASSIFIERS),
    "its parts do not fit together": lambda content: content.update(size=64),
}


@pytest.mark.parametrize("message", FORGED)
def test_a_record_whose_values_make_no_system_is_refused(copied, message):
    forge(copied, FORGED[message])
    with pytest.raises(UserError, match=f"{message}.*(export it|get the model package) again"):
        Predictor(copied)


def test_a_package_that_answers_nothing_sensible_is_refused(copied, monkeypatch):
    monkeypatch.setattr(Predictor, "said", lambda self, images: (np.full((len(images), 2), np.nan), None))
    with pytest.raises(UserError, match="its answers are no probabilities of its classes; get the model package again"):
        Predictor(copied)


def test_a_folder_that_is_no_package_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no model_package.json"):
        Predictor(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        Predictor(tmp_path / "none")


def test_no_classifiers_are_an_empty_file_of_them(tmp_path):
    fitted.save({}, tmp_path / "none.skops")
    assert fitted.load(tmp_path / "none.skops") == {}
    (tmp_path / "text.skops").write_text("text")
    with pytest.raises(UserError, match="holds no classifiers"):
        fitted.load(tmp_path / "text.skops")


def test_the_same_classifiers_give_the_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 5)), np.arange(60) % 3
    forest = {"kind": "random_forest", "calibration": "none"}
    model = classifiers.fit(forest, {"n_estimators": 5}, features, labels, features, labels, 1)
    classifiers.save(model, tmp_path / "model.skops")
    for name in ("a.skops", "b.skops"):  # loaded twice, because loading fills only what has a name
        fitted.save({"x": classifiers.load(tmp_path / "model.skops")}, tmp_path / name)
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    found = fitted.load(tmp_path / "a.skops")["x"].predict_proba(features)
    np.testing.assert_array_equal(found, model.predict_proba(features))


# -- which system -----------------------------------------------------------------------------------------------------


def run():
    """Two seeds of a model whose svm is the best single system, and a better ensemble."""
    return tidy(
        [
            metrics("net", 1, {"cnn": (0.80, 0.99), "svm": (0.86, 0.80)}),
            metrics("net", 2, {"cnn": (0.82, 0.99), "svm": (0.88, 0.84)}),
            metrics("other", 1, {"cnn": (0.869, 0.99)}),
            metrics("ensembles", None, {"all": (0.95, 0.95)}),
        ]
    )


def chosen_of(table, address, criterion):
    return selection.choose(ranked(table, criterion).systems, table, address, criterion)


def test_the_best_single_system_on_validation_is_chosen_and_its_best_seed():
    chosen = chosen_of(run(), None, "accuracy")
    assert chosen.run == ("net", 2, "svm") and chosen.ranked.runs == 2


@pytest.mark.parametrize(
    ("address", "expected"),
    [("ensembles/all", ("ensembles", None, "all")), ("net/cnn", ("net", 2, "cnn")), ("other/cnn", ("other", 1, "cnn"))],
)
def test_a_named_system_is_chosen(address, expected):
    assert chosen_of(run(), address, "accuracy").run == expected


def test_of_equal_seeds_the_first_is_chosen():
    table = tidy([metrics("net", seed, {"cnn": (0.8, 0.5 + seed / 10)}) for seed in (3, 1, 2)])
    assert chosen_of(table, None, "accuracy").run == ("net", 1, "cnn")


def trusted():
    """Labels, probabilities after a temperature and what was chosen, with the rows of reliability.json."""
    rng = np.random.default_rng(5)
    labels = np.arange(80) % 2
    values = np.clip(rng.normal(0.3 + 0.4 * labels, 0.3), 0.01, 0.99)
    values = calibration.scale(np.column_stack([1 - values, values]), 0.3)  # too sure of itself
    chosen = calibration.choose(values[:40], labels[:40], "binary-class", 0, None, 0.9, 0.2)
    options = {"positive": 0, "ece_bins": 4, "replicates": 20, "confidence": 0.95, "seed": 0}
    rows = reliabilities.rows(reliability.measure(labels, values, chosen, "binary-class", **options))
    return (labels, calibration.scale(values, chosen.temperature), chosen), rows


def test_the_card_measures_what_predict_returns():
    """After the temperature, at the exported thresholds; nothing of the probabilities before."""
    (labels, scaled, chosen), rows = trusted()
    evaluated = metrics("net", 1, {"svm": (0.88, 0.84)})["systems"]["svm"]["test"]
    of_classes, of_sets = card.measures(evaluated, rows, "binary-class")
    assert chosen.temperature > 1.2
    assert [row["metric"] for row in of_classes] == [
        *(
            "accuracy",
            "auroc_after",
            "brier_after",
            "ece_after",
            "log_loss_after",
            "calibration_slope",
            "calibration_intercept",
            "ece_expected",
            "ece_debiased",
            "ece_p",
            "balanced_accuracy",
            "macro_f1",
            "mcc",
        ),
        *(f"{name}[{label}]" for label in range(2) for name in ("precision", "recall", "f1")),
    ]
    found = {row["metric"]: row["value"] for row in [*of_classes, *of_sets]}
    assert found["brier_after"] == pytest.approx(np.mean((scaled[:, 1] - labels) ** 2))
    assert found["auroc_after"] == pytest.approx(roc_auc_score(labels, scaled[:, 1]))
    sets = (1 - scaled <= chosen.marginal) | (scaled >= 0.5)
    assert found["marginal_coverage"] == pytest.approx(sets[np.arange(80), labels].mean())
    assert found["marginal_size"] == pytest.approx(sets.sum(axis=1).mean())
    referred = scaled.max(axis=1) < chosen.referral
    right = scaled.argmax(axis=1) == labels
    assert found["abstention_rate"] == pytest.approx(referred.mean())
    assert found["selective_accuracy"] == pytest.approx(right[~referred].mean())
    above = scaled[:, 0] >= chosen.decision
    assert found["sensitivity_chosen"] == pytest.approx(above[labels == 0].mean())
    assert found["specificity_chosen"] == pytest.approx(1 - above[labels == 1].mean())
    multi, _ = card.measures(
        [{"metric": "average_precision[0]", "value": 0.5}, {"metric": "auroc", "value": 0.5}], [], "multi-class"
    )
    assert multi == []


def model_card(package, address=None, source="official", seed=2, near_duplicates=3, sensitivity=0.85):
    system = chosen_of(run(), address, "accuracy").ranked
    rows = metrics("net", 1, {"svm": (0.88, 0.84)})["systems"]["svm"]["test"]
    measured = card.measures(rows, trusted()[1], "binary-class")
    near = [
        {
            "first": "train",
            "second": "test",
            "images": {"0.95": near_duplicates},
            "indices": list(range(near_duplicates)),
        }
    ]
    audit = {"threshold": 0.95, "images": {"test": 80}, "splits": [{**near[0], "second": "val"}, *near]}
    settings = {"dataset": "breast", "display_names": {"breast": {"systems": {"net/svm": "SVM on Net"}}}}
    settings |= {"source": source, "export": address, "confidence": 0.95, "criterion": "accuracy"}
    parity = [{"images": 40, "features": 1.2e-6, "probabilities": 3e-7}]
    return card.card(
        *(package, "classifier" if seed else "ensemble", system, seed, measured, settings, 0.9, sensitivity, parity),
        *(audit, [21, 57]),
    )


def test_the_model_card_of_real_data(made):
    text = model_card(made[1])
    for words in (
        ": SVM on Net\n",
        "not for clinical use",
        "CC BY 4.0",
        "Exported is seed 2, the best of 2 on validation.",
        "The test split had no say.",
        "| accuracy | 0.840 | 0.790 to 0.890 | 80 |",
        "| sensitivity at the threshold | ",
        "| coverage (prediction sets that hold the true class) | ",
        "| selective accuracy | ",
        "probabilities are those after the temperature",
        "are divided by a temperature of 2.000.",
        "| recall of malignant | 0.840 |",
        "test accuracy 0.820 ± 0.028 (sd)",
        "among the train images: 3 of 80 test images. They may be easier",
        "at most 3e-07 in probabilities and 1e-06 in features",
        "as many as it takes until their probabilities exceed ",
        "it really finds between 69.6\N{NO-BREAK SPACE}% and 97.0\N{NO-BREAK SPACE}% (95\N{NO-BREAK SPACE}% of draws).",
        "on average over draws of these; of one draw, between 84.0\N{NO-BREAK SPACE}% and 96.3\N{NO-BREAK SPACE}%",
        "meant to hold the true class of 90\N{NO-BREAK SPACE}% of images",
        "averaged over 2 views | 0.75 |",
        "the threshold that is to find 85\N{NO-BREAK SPACE}% of such images",
    ):
        assert words in text
    assert "GENERATED" not in text and text.count("Near-duplicates") == 1


def test_the_model_card_says_what_else_the_data_can_be(made):
    assert "ANOTHER SPLIT" in model_card(made[1], source="surrogate")
    generated = model_card(dataclasses.replace(made[1], generated=True), source="file")
    assert generated.count("GENERATED") == 2 and "CC BY" not in generated
    own = model_card(made[1], source="file")
    assert "CC BY" not in own and "their licence is for their owner to say" in own
    ensemble = model_card(made[1], "ensembles/all", seed=None)
    assert "by which it was selected" in model_card(made[1]) and "by which it was selected" not in ensemble
    assert "It was named in the configuration." in ensemble and "the ensemble of all its networks" in ensemble
    assert "They may be easier" not in model_card(made[1], near_duplicates=0)
    assert "the threshold of the highest balanced accuracy" in model_card(made[1], sensitivity=None)


def test_only_classifiers_on_a_network_that_was_trained_here_are_said_to_be(made):
    words = "Classifiers were fitted on features of the images that their network was trained on."
    taken = backbones.Input(224, "NCHW", 1, 1.0, (0.0,), (1.0,))
    backbone = contents.Backbone("vit.onnx", "0" * 64, taken, None)
    frozen = [dataclasses.replace(network, backbone=backbone) for network in made[1].networks]
    alone = [dataclasses.replace(member, classifier=None) for member in made[1].members]
    assert words in model_card(made[1])
    assert words not in model_card(dataclasses.replace(made[1], networks=tuple(frozen)))
    assert words not in model_card(dataclasses.replace(made[1], members=tuple(alone)))


def test_the_card_of_a_named_system_does_not_say_that_validation_chose_it(made):
    named = model_card(made[1], "net/cnn")
    assert "It was named in the configuration." in named and "; validation accuracy 0.810" in named
    assert "by which it was selected" not in named


def test_the_model_card_says_where_every_image_reaches_the_threshold(made):
    lowest = dataclasses.replace(made[1], calibration=dataclasses.replace(made[1].calibration, decision=0.0))
    words = "of such images. Every image reaches it: validation has too few of such images for a higher one. Measures"
    assert words in model_card(lowest)
    assert "Every image" not in model_card(made[1]) and "Every image" not in model_card(lowest, sensitivity=None)


def test_the_model_card_says_why_no_temperature_is_applied(made):
    numbers = dataclasses.replace(made[1].calibration, temperature=1.0, log_loss_without=0.25, log_loss_with=0.26)
    words = (
        "No temperature is applied: on images that it was not chosen on, one takes the log loss from 0.2500 to 0.2600."
    )
    assert words in model_card(dataclasses.replace(made[1], calibration=numbers))


def test_members_of_an_ensemble_over_fusions():
    runs = [SystemId(*run) for run in (("a", 1, "fused"), ("a", 2, "fused"), ("b", 1, "cnn"), ("a", 1, "cnn"))]
    weights = {1: [0.5, 0.5, 0.0], 2: [1.0, 0.0, 0.0]}
    parts = {"members": ["cnn", "svm", "tree"], "temperatures": [1.5, 1.0, 1.0]}
    fusions = {("a", seed, "fused"): {**parts, "weights": weights[seed]} for seed in (1, 2)}
    found = selection.members(runs, [SystemId(*model, "cnn") for model in (("a", 1), ("a", 2), ("b", 1))], fusions)
    assert found == (
        Member(0, None, 0.125, 1.5),
        Member(0, "a/seed1/svm", 0.125, 1.0),
        Member(1, None, 0.25, 1.5),
        Member(2, None, 0.25, 1.0),
        Member(0, None, 0.25, 1.0),
    )
    assert sum(member.weight for member in found) == 1


def test_the_kinds_of_systems():
    found = [selection.kind(SystemId("net", 1, system), ["svm"]) for system in ("cnn", "svm", "cnn_svm")]
    assert [*found, selection.kind(SystemId("ensembles", None, "x"), [])] == [
        "network",
        "classifier",
        "fusion",
        "ensemble",
    ]
