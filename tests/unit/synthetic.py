"""Small made-up artifacts that the tests of figures and page share."""

import numpy as np

from medfusion.evaluation import discrimination as discrimination_measures
from medfusion.evaluation import ranking
from medfusion.evaluation import reliability as reliability_measures
from medfusion.files import discriminations, rankings, reliabilities
from medfusion.files.example_files import Maps
from medfusion.files.metric_files import tidy
from medfusion.learning import calibration
from medfusion.reruns.records import File, Record

METRICS = ["accuracy", "auroc", "balanced_accuracy", "macro_f1", "mcc", "brier", "log_loss", "ece"]


def measures(value, n, classes):
    """Measures of one system on one split, all with the same value, but for the log loss, which falls."""
    names = METRICS + [f"{name}[{i}]" for i in range(classes) for name in ("precision", "recall", "f1")]
    row = {"value": value, "low": value - 0.05, "high": min(value + 0.05, 1.0), "n": n}
    loss = {"value": 1 - value, "low": max(0.95 - value, 0.0), "high": 1.05 - value}
    return [{"metric": name, **row, **(loss if name == "log_loss" else {})} for name in names]


def system(val, test, classes=2):
    """What metrics.json holds for one system."""
    confusion = np.full((classes, classes), 2) + np.diag(np.full(classes, 20))
    return {
        "val": measures(val, 40, classes),
        "test": measures(test, 80, classes),
        "confusion": confusion.tolist(),
    }


def metrics(model, seed, systems, generated=False):
    """A whole metrics.json of a binary task."""
    return {
        "dataset": "breast",
        "name": "BreastMNIST (generated images)" if generated else "BreastMNIST",
        "flag": "breastmnist",
        "task": "binary-class",
        "confidence": 0.95,
        "label_names": ["malignant", "normal, benign"],
        "generated": generated,
        "model": model,
        "seed": seed,
        "systems": {name: system(*scores) for name, scores in systems.items()},
    }


def run(generated=False):
    """The metrics of a small run: two seeds of one model, an ensemble, baselines, two repeats of the size study."""
    return [
        metrics("net", 1, {"cnn": (0.80, 0.82), "svm": (0.86, 0.80)}, generated),
        metrics("net", 2, {"cnn": (0.82, 0.90), "svm": (0.88, 0.84)}, generated),
        metrics("ensembles", None, {"ensemble_cnn": (0.81, 0.95)}, generated),
        metrics("baselines", None, {"majority": (0.70, 0.70)}, generated),
        metrics("learning_curve", 1, {"100": (0.6, 0.6), "all": (0.8, 0.8)}, generated),
        metrics("learning_curve", 2, {"100": (0.62, 0.62), "all": (0.82, 0.82)}, generated),
    ]


def write_ranking(path, contents, criterion="accuracy"):
    """The ranking of made-up metrics as a file; its path."""
    rankings.write(path, ranked(tidy(contents), criterion), contents[0]["name"])
    return str(path)


def ranked(table, criterion="accuracy"):
    """The ranking of tidy metrics where validation tells all systems apart."""
    return ranking.rank(table, criterion, lambda address, measure: np.zeros(1), np.zeros(1, int), 10, 0)


def comparisons(generated=False):
    """What comparisons.json holds for the same run: one system worse, one as good, a baseline far below."""

    def against(system, accuracy, p_accuracy, auroc, p_auroc):
        parts = (("accuracy", accuracy, p_accuracy), ("auroc", auroc, p_auroc))
        entry = {"system": system, "same_as": None, "runs": 2}
        for measure, difference, p in parts:
            limits = {"low": difference - 0.03, "high": difference + 0.03, "p": p / 3, "p_adjusted": p}
            entry[measure] = {"difference": difference, **limits, "significant": p < 0.05, "detectable": 0.05}
        return entry

    def run(seed, without, having):
        def measured(value, n):
            return {"metric": "accuracy", "value": value, "low": value - 0.1, "high": value + 0.1, "n": n}

        return {
            "seed": seed,
            "without": {"accuracy": measured(without, 50), "auroc": measured(without, 50)},
            "with": {"accuracy": measured(having, 30), "auroc": None},
        }

    return {
        "dataset": "breast",
        "flag": "breastmnist",
        "generated": generated,
        "split": "test",
        "n": 80,
        "confidence": 0.95,
        "bootstrap_seed": 0,
        "best": "net/svm",
        "family": 3,
        "systems": [
            against("net/cnn", -0.04, 0.04, 0.01, 0.9),
            against("ensembles/ensemble_cnn", 0.02, 0.6, 0.01, 1.0),
            against("baselines/majority", -0.12, 0.00001, -0.3, 0.001),
        ],
        "primary": None,
        "fusions": [
            {
                **{"system": "net/fused", "member": "net/svm"},
                "log_loss": {"difference": -0.0051, "low": -0.0082, "high": -0.0021, "p": 0.001},
                "auroc": {"difference": 0.0004, "low": -0.0008, "high": 0.0016, "p": 0.5},
            }
        ],
        "near_duplicates": {
            "threshold": 0.95,
            "images": 30,
            "parts": {"without": {"n": 50, "classes": [20, 30]}, "with": {"n": 30, "classes": [3, 27]}},
            "systems": [
                {"system": "net/svm", "runs": [run(1, 0.78, 0.84), run(2, 0.80, 0.86)]},
                {"system": "net/cnn", "runs": [run(1, 0.7, 0.7), run(2, 0.7, 0.7)]},
                {"system": "ensembles/ensemble_cnn", "runs": [run(None, 0.75, 0.85)]},
                {"system": "baselines/majority", "runs": [run(None, 0.6, 0.9)]},
            ],
        },
    }


def reliability(generated=False, decision=True):
    """A whole reliability.json of the systems of `run`, measured on made-up probabilities of 80 images."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4 // 3
    systems = [("net", seed, name) for seed in (1, 2) for name in ("cnn", "svm")] + [
        ("ensembles", None, "ensemble_cnn")
    ]
    groups, drawn = {}, []
    for model, seed, system in systems:
        first = np.clip(rng.normal(0.8 - 0.5 * labels, 0.2), 0.01, 0.99)
        values = np.column_stack([first, 1 - first])
        chosen = calibration.choose(values[:40], labels[:40], "binary-class", 0 if decision else None, None, 0.9, 0.1)
        options = {"positive": 0, "ece_bins": 4, "replicates": 20, "confidence": 0.95, "seed": 0}
        found = reliability_measures.measure(labels, values, chosen, "binary-class", **options)
        group = groups.setdefault((model, seed), {"model": model, "seed": seed, "systems": {}})
        group["systems"][system] = {"test": reliabilities.rows(found)}
        if model == "net":
            parts = reliability_measures.curves(labels, values, chosen.temperature, "binary-class", 4, 0.95)
            drawn.append({"address": f"net/{system}", "seed": seed, **parts})
    return {
        **{"dataset": "breast", "label_names": ["malignant", "normal, benign"], "generated": generated},
        **{
            "positive": 0 if decision else None,
            "sensitivity": None,
            "coverage": 0.9,
            "abstention_rate": 0.1,
            "confidence": 0.95,
        },
        **{"validation": [30, 10], "test": [60, 20], "always": [], "best": "net/svm", "network": "net/cnn"},
        **{"groups": list(groups.values()), "drawn": drawn},
    }


def discrimination(generated=False, decision=0.4):
    """A whole discrimination.json of the systems of `run`, measured on made-up probabilities of 80 images."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4 // 3
    groups, curves = [], []
    for model, seed, system in (("net", 1, "svm"), ("net", 1, "cnn"), ("baselines", None, "majority")):
        first = np.clip(rng.normal(0.8 - 0.5 * labels, 0.2), 0.01, 0.99)
        found, drawn = discrimination_measures.measure(
            *(labels, np.column_stack([first, 1 - first]), "binary-class"),
            discrimination_measures.Chosen(1.0, None if model == "baselines" else decision),
            **{"positive": 0, "prevalences": [0.1], "replicates": 20, "confidence": 0.95, "seed": 0},
        )
        rows = {system: {"test": reliabilities.rows(found)}}
        groups.append({"model": model, "seed": seed, "systems": rows})
        curves.append(discriminations.curve(f"{model}/{system}", [seed], drawn.bands, {}))
    return {
        **{"dataset": "breast", "label_names": ["malignant", "normal, benign"], "generated": generated},
        **{"task": "binary-class", "positive": 0, "classes": [0], "images": 80, "with": [60, 20]},
        **{"confidence": 0.95, "prevalences": [0.1], "groups": groups, "curves": curves},
        **{"selected": "net/svm", "network": "net/cnn", "baseline": "baselines/majority"},
        "places": {name: places.tolist() for name, places in discrimination_measures.PLACES.items()},
    }


def record(stage, seconds=1.0, cpu_seconds=1.0, memory_mb=200.0, inputs=(), outputs=(), device=""):
    """What a job left of itself."""
    settings = File(f"results/settings/{stage}/{stage}.json", "0" * 64, 1, 1)
    made = "2026-01-01T00:00:00+00:00"
    identity = {"stage": stage, "config": {}, "code": "0" * 16, "libraries": {"python": "3.11"}}
    command = ["python", f"workflow_scripts/{stage}.py"]
    costs = (made, seconds, cpu_seconds, memory_mb, device)
    return Record(identity, command, settings, list(inputs), list(outputs), *costs)


def config():
    """The parts of a complete configuration that the page reads."""
    entry = {
        "flag": "breastmnist",
        "size": 28,
        "source": "official",
        "label": None,
        "label_names": None,
        "positive": 0,
        "ece_bins": 8,
        "ensembles": {"ensemble_cnn": ["net/cnn"]},
        "models": {
            "net": {
                "network": "net",
                "seeds": [1, 2],
                "classifiers": ["svm"],
                "fusions": [],
                "drop_near_duplicates_of": [],
            }
        },
        "derived": {},
        "published": [
            {"system": "net/svm", "name": "the original study", "accuracy": 0.853, "auroc": None, "source": "one run"},
            {"system": None, "name": "ResNet-18 (28)", "accuracy": 0.863, "auroc": 0.901, "source": "MedMNIST v2"},
        ],
    }
    grid = {"C": [0.1, 1], "kernel": ["linear", "rbf"]}
    return {
        "criterion": "accuracy",
        "datasets": {"breast": entry},
        "networks": {"net": {"architecture": "compact_resnet", "options": {}}},
        "classifiers": {"svm": {"kind": "svm", "grid": grid}},
        "fusions": {},
        "evaluation": {"confidence": 0.95, "replicates": 2000},
        "report": {"title": "A title"},
    }


def selection():
    """What select_examples writes of five images of two classes: 2 and 4 are wrong, 1 by the SVM alone."""

    def case(index, true, predicted, probability=0.8):
        return {"index": index, "true": true, "predicted": predicted, "probability": probability}

    table = [
        {"network": True, "svm": True, "n": 2, "fusion": 2},
        {"network": True, "svm": False, "n": 1, "fusion": 1},
        {"network": False, "svm": True, "n": 0, "fusion": 0},
        {"network": False, "svm": False, "n": 2, "fusion": 0},
    ]
    opinions = {"network": case(1, 1, 1), "svm": case(1, 1, 0), "fusion": case(1, 1, 1)}
    return {
        "dataset": "breast",
        "generated": False,
        "n": 5,
        "best": {"model": "net", "system": "svm", "seed": 1},
        "wrong": 2,
        "errors": [case(4, 0, 1, 0.95), case(2, 1, 0)],
        "confused": [
            {"true": 0, "predicted": 1, "count": 1, "of": 2, "images": [case(4, 0, 1, 0.95)]},
            {"true": 1, "predicted": 0, "count": 1, "of": 3, "images": [case(2, 1, 0)]},
        ],
        "studied": {"model": "net", "seed": 1, "svm": "svm", "fusion": "fused"},
        "disagreements": {
            "table": table,
            "network_right": [{"index": 1, "true": 1, **opinions}],
            "svm_right": [],
        },
        "classes": [
            {"true": 0, "right": case(0, 0, 0), "wrong": case(4, 0, 1, 0.95)},
            {"true": 1, "right": None, "wrong": case(2, 1, 0)},
        ],
    }


def maps(side=28, gradcam=True):
    """What map_saliency finds for that selection: a corner of a 4 × 4 grid, unless of a backbone, and of the image."""
    found, occlusion = np.zeros((3, 4, 4), np.float32), np.zeros((3, side, side), np.float32)
    found[:, 0, 0] = 1
    occlusion[:, :5, :5] = 0.5
    occlusion[:, -5:, -5:] = -0.25
    found, layer = (found, "re_lu") if gradcam else (found[:, :0, :0], "")
    return Maps(np.array([0, 2, 4]), np.array([0, 0, 1]), found, occlusion, layer, 5, 3)
