"""Folders of results as a finished run leaves them, small and made up, for the tests of what looks at runs."""

import copy
from pathlib import Path

import numpy as np
import synthetic

from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json, write_text
from medfusion.files.images import Description
from medfusion.files.metric_files import tidy
from medfusion.reruns import records
from medfusion.reruns.records import File, Record

N = 40
LIBRARIES = {"python": "3.11", "numpy": "2.0"}


def labels(dataset: str) -> np.ndarray:
    """Half the images of either class."""
    return np.arange(N, dtype=np.uint8) % 2


def write_run(folder: Path, systems: dict, config=None, libraries=LIBRARIES, pixel=0, generated=False) -> Path:
    """A finished run below `folder`/results.

    Parameters
    ----------
    systems : by (data set, model, seed, system), the test images that it gets wrong
    config : complete; of synthetic.config unless given
    pixel : of all test images
    """
    results = folder / "results"
    config = copy.deepcopy(config or synthetic.config())
    groups: dict = {}
    for (dataset, model, seed, system), wrong in systems.items():
        groups.setdefault((dataset, model, seed), {})[system] = wrong
    metrics = []
    for dataset in dict.fromkeys(key[0] for key in groups):
        description = Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, generated)
        images.write_labels(results / dataset / "test_labels.h5", "test", description, labels(dataset))
        pixels = np.full((N, 2, 2, 1), pixel, np.uint8)
        images.write_split(results / dataset / "images/test.h5", "test", description, pixels, None)
        prepared = [f"results/{dataset}/test_labels.h5", f"results/{dataset}/images/test.h5"]
        write_record(folder, "prepare", dataset, [], prepared, libraries=libraries)
    for (dataset, model, seed), members in groups.items():
        files = []
        for system, wrong in members.items():
            files.append(f"results/{dataset}/{model}/seed{seed}/{system}.h5")
            write_probabilities(folder / files[-1], dataset, wrong)
            write_record(folder, "fuse", f"{dataset}.{model}.{seed}.{system}", [], [files[-1]], libraries=libraries)
        metrics.append(f"results/{dataset}/{model}/seed{seed}/metrics.json")
        write_json(folder / metrics[-1], measured(dataset, model, seed, members, generated))
        read = [*files, f"results/{dataset}/test_labels.h5", f"results/{dataset}/test_labels.h5"]
        settings = {"systems": list(members)}
        write_record(folder, "evaluate", f"{dataset}.{model}.{seed}", read, [metrics[-1]], settings, libraries)
    contents = [measured(*group, members, generated) for group, members in groups.items()]
    table = tidy([{**content, "name": content["dataset"].title()} for content in contents])
    write_text(results / "metrics.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    write_record(folder, "collect_metrics", "collect_metrics", metrics, ["results/metrics.csv"], libraries=libraries)
    write_text(results / "report.html", "page")
    whole = {"config": config, "results": "results"}
    write_record(folder, "report", "report", metrics, ["results/report.html"], whole, libraries)
    return results


def write_probabilities(path: Path, dataset: str, wrong) -> None:
    """Probabilities of a system that is right but for some images."""
    predicted = labels(dataset).copy()
    predicted[list(wrong)] ^= 1
    values = np.where(predicted[:, None] == np.arange(2), 0.9, 0.1)
    description = Description("breastmnist", "binary-class", ("a", "b"), "0" * 64, False)
    probabilities.write(path, description, {"test": values, "val": values}, 1.0)


def measured(dataset, model, seed, members, generated):
    """What metrics.json holds, the accuracy and the Brier score alone."""
    content = {"dataset": dataset, "model": model, "seed": seed, "generated": generated, "label_names": ["a", "b"]}
    content["confidence"] = 0.95
    content["systems"] = {}
    for system, wrong in members.items():
        share = len(wrong) / N
        rows = [
            {"metric": name, "value": value, "low": value, "high": value, "n": N}
            for name, value in (("accuracy", 1 - share), ("brier", share))
        ]
        content["systems"][system] = {"val": rows, "test": rows, "confusion": [[1, 0], [0, 1]]}
    return content


def write_record(folder, stage, name, inputs, outputs, config=None, libraries=LIBRARIES, results="results") -> Record:
    """The record and settings of a job whose files are there."""
    settings = f"{results}/settings/{stage}/{name}.json"
    identity = {"stage": stage, "config": config or {}, "code": "0" * 16, "libraries": dict(libraries)}
    write_json(folder / settings, identity)

    def described(path: str) -> File:
        found = File.of(folder / path)
        return File(path, found.sha256, found.size, found.mtime_ns)

    record = Record(
        identity,
        ["python", f"workflow_scripts/{stage}.py", "--settings", settings, *outputs],
        described(settings),
        [described(path) for path in inputs],
        [described(path) for path in outputs],
        "2026-01-01T00:00:00+00:00",
        2.0,
        1.0,
        100.0,
    )
    records.write(folder / f"{results}/records/{stage}/{name}.json", record)
    return record
