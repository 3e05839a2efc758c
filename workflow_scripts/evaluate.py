"""Measure systems on the test split, beside their validation figures: values, intervals, confusion matrices."""

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import looks, stage
from medfusion.tasks import is_multi_label


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input("--test-labels", help="labels of the test split (HDF5)")
    result.add_output("--metrics", help="JSON file to write")
    return result


def main(args, settings):
    description = images.describe(args.test_labels)
    labels = {"val": images.read_labels(args.val), "test": images.read_labels(args.test_labels)}
    systems = {}
    for name, path in zip(settings["systems"], args.systems, strict=True):
        systems[name] = evaluate(path, labels, description.task, settings)
        accuracy = systems[name]["test"][0]
        stage.progress(f"{settings['title']}: {name}: test accuracy {accuracy['value']:.4f}, n = {accuracy['n']}")
    group = settings["title"].removeprefix(f"{settings['dataset']}/")
    read = [f"{group}/{name}" for name in systems]
    if problem := looks.record(settings["dataset"], labels["test"], read):
        stage.progress(problem)
    write_json(
        args.metrics,
        {
            "dataset": settings["dataset"],
            "flag": description.flag,
            "task": description.task,
            "label_names": description.label_names,
            "generated": description.generated,
            "model": settings["model"],
            "seed": settings["seed"],
            "confidence": settings["confidence"],
            "systems": systems,
        },
    )


def evaluate(path, labels, task, settings):
    """Measures on both splits, and the test confusion matrix (rows true, columns predicted), of one system.

    Where an image may have several labels there is a matrix of absent and present for each.
    """
    from medfusion.evaluation import label_metrics, metrics

    several = is_multi_label(task)
    options = {key: settings[key] for key in ("ece_bins", "replicates", "confidence")}
    options["seed"] = settings["bootstrap_seed"]
    result = {}
    for split in ("val", "test"):
        values = probabilities.read(path, split)
        try:
            if several:
                measures = label_metrics.measure(labels[split], values, **options)
            else:
                temperature = probabilities.temperature(path)
                more = {"positive": settings["positive"], "temperature": temperature}
                measures = metrics.measure(labels[split], values, task, **options, **more)
        except ValueError as error:
            raise UserError(f"{path}, split {split}: {error}") from None
        result[split] = [measure._asdict() for measure in measures]
    if several:
        counts = label_metrics.confusion(labels["test"], values)
    else:
        counts = metrics.confusion(labels["test"], metrics.predict(values, task), values.shape[1])
    result["confusion"] = counts.tolist()
    return result


if __name__ == "__main__":
    stage.run(main, parser())
