"""Sum up what systems give that are averaged over folds: out of fold, and on the given test images."""

from medfusion.files.artifacts import write_text
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--ranking", help="ranking of the systems, out of fold (CSV)")
    result.add_input("--reliability", help="what their probabilities are worth on the given test images (JSON)")
    result.add_input("--systems", nargs="+", metavar="PATH", help="averages over folds (HDF5), in the settings' order")
    result.add_input("--groups", help="which images stay together (.csv)")
    result.add_input("--test-labels", help="labels of the given test images (HDF5)")
    result.add_output("--summary", help="text to write (.md)")
    return result


def main(args, settings):
    import numpy as np

    from medfusion.evaluation import cross_conformal, image_parts
    from medfusion.files import fold_ensembles, image_groups, images, probabilities, rankings, reliabilities
    from medfusion.report import fold_ensembles as report
    from medfusion.system_id import SystemId

    description, labels = images.describe(args.test_labels), images.read_labels(args.test_labels)
    runs = [SystemId(*run) for run in settings["systems"]]
    ranked = rankings.read(args.ranking, {run.address for run in runs}).systems
    display_names = {settings["path"]: {key: settings[key] for key in ("name", "label_names")}}
    measured = reliabilities.read(args.reliability, display_names)
    groups = image_groups.read(args.groups, {"test": len(labels)})
    alike = np.isin(groups["test"], np.concatenate([groups["train"], groups["val"]]))
    repeats = []
    for run, path in zip(runs, args.systems, strict=True):
        if run.address != ranked[0].address:
            continue
        found, temperature = fold_ensembles.read(path)
        sets = cross_conformal.measure(labels, found, measured.content["coverage"], settings["confidence"])
        mean = probabilities.read(path, "test")
        parts = {
            words: image_parts.measure_part(labels, mean, description.task, part, settings["confidence"])
            for words, part in report.parts(alike).items()
            if part.any()
        }
        of_run = {row["metric"]: row for row in reliabilities.of_run(measured, run)}
        repeats.append(report.Repeat(run.seed, temperature, sets, parts, of_run))
    text = report.text(ranked, repeats, measured, len(found.labels), settings)
    write_text(args.summary, text)
    stage.progress(text)


if __name__ == "__main__":
    stage.run(main, parser())
