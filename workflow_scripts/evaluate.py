"""Measure systems on the test split, beside their validation figures: values, intervals, confusion matrices."""

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--out", help="JSON file to write")
    return result


def main(args, settings):
    description = images.describe(args.test_labels)
    labels = {"val": images.read_labels(args.val), "test": images.read_labels(args.test_labels)}
    systems = {}
    for name, path in zip(settings["systems"], args.systems, strict=True):
        systems[name] = evaluate(path, labels, description.task, settings)
        accuracy = systems[name]["test"][0]
        stage.progress(f"{settings['title']}: {name}: test accuracy {accuracy['value']:.4f}, n = {accuracy['n']}")
    write_json(
        args.out,
        {
            "dataset": settings["dataset"],
            "flag": description.flag,
            "task": description.task,
            "label_names": description.label_names,
            "generated": description.generated,
            "model": settings["model"],
            "seed": settings["seed"],
            "systems": systems,
        },
    )


def evaluate(path, labels, task, settings):
    """Measures on both splits, and the test confusion matrix (rows true, columns predicted), of one system."""
    from medfusion.evaluation import metrics

    result = {}
    for split in ("val", "test"):
        values = probabilities.read(path, split)
        try:
            measures = metrics.measure(
                labels[split],
                values,
                task,
                ece_bins=settings["ece_bins"],
                replicates=settings["replicates"],
                confidence=settings["confidence"],
                seed=settings["bootstrap_seed"],
                positive=settings["positive"],
            )
        except ValueError as error:
            raise UserError(f"{path}, split {split}: {error}") from None
        result[split] = [measure._asdict() for measure in measures]
    predicted = metrics.predict(values, task)
    result["confusion"] = metrics.confusion(labels["test"], predicted, values.shape[1]).tolist()
    return result


if __name__ == "__main__":
    stage.run(main, parser())
