"""Export the selected system as one folder: networks, classifiers, thresholds and a model card."""

import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

from medfusion.errors import UserError
from medfusion.files import images, probabilities
from medfusion.files.artifacts import hash_file, read_record, replacing
from medfusion.jobs import stage
from medfusion.system_id import SystemId, network_of

LIBRARIES = ("keras", "numpy", "onnx", "onnxruntime", "scikit-learn", "skops", "tensorflow", "tf2onnx")
# Where a system's validation probabilities may differ more than this from those of the workflow: nowhere, but for a few
# images whose features lie on a threshold of a tree.
TOLERANCE, FEW = 1e-4, 0.02
# Share of images that may lie within a rounding of a threshold which has no gap to lie in (calibration.settled).
SELDOM = 1e-3
DECISIONS = ("labels", "sets", "referred", "at_threshold", "unlike")


def parser():
    result = stage.parser(__doc__)
    for kind, words in (
        ("networks", "trained networks (.keras)"),
        ("classifiers", "fitted classifiers (.skops)"),
        ("fusions", "weights of fusions (JSON)"),
        ("probabilities", "probabilities (HDF5)"),
    ):
        result.add_input(f"--{kind}", nargs="*", metavar="PATH", help=f"{words}, in the settings' order")
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json of the systems to choose from")
    result.add_input("--ranking", help="ranking of the data set's systems (CSV)")
    result.add_input("--val", help="prepared validation split, on which all is compared (HDF5)")
    result.add_input("--calibration", help="calibration.json of the data set")
    result.add_input("--reliability", help="what the probabilities were measured to be worth (JSON)")
    result.add_input("--audit", help="summary of near-duplicates (JSON)")
    result.add_input("--input-checks", nargs="+", metavar="PATH", help="input checks (HDF5), in the settings' order")
    result.add_input(
        "--backbones", required=False, nargs="*", default=[], metavar="FILE", help="ONNX files of backbones"
    )
    result.add_output("--package", help="JSON file to write: what the folder holds")
    result.add_output("--card", help="Markdown file to write: the model card")
    result.add_output("--exported-classifiers", help="file to write: the fitted classifiers (.skops)")
    result.add_output("--exported-check", help="file to write: the arrays of the input check (.npz)")
    result.add_output("--exported-networks", nargs="*", metavar="PATH", help="files to write: network files of any run")
    return result


def main(args, settings):
    from medfusion.files import calibrations, rankings, reliabilities
    from medfusion.files.metric_files import read_metrics, tidy
    from medfusion.package import card, contents, input_checks, selection

    measured = read_metrics(args.metrics, settings["display_names"])
    averaged = {SystemId(*run): [SystemId(*one) for one in others] for run, others in settings["runs"]}
    choice = {run.address for run in averaged}
    systems = [system for system in rankings.read(args.ranking).systems if system.address in choice]
    if len(systems) < len(choice) or not all(system.seeded or system.model == "ensembles" for system in systems):
        raise UserError(f"{args.ranking}: not of the systems that there are to export; delete it and run again")
    chosen = selection.choose(systems, tidy(measured), settings["export"], settings["criterion"])
    parts = Parts(args, settings)
    runs, frozen = averaged[chosen.run], dict(settings["backbones"])
    keys = list(dict.fromkeys(network_of(run, frozen) for run in runs))
    stage.progress(f"{settings['dataset']}: exporting {chosen.ranked.address}, networks: {len(keys)}")

    calibration = calibrations.read(args.calibration)
    try:
        own = calibration.runs[chosen.run]
    except KeyError:
        raise UserError(f"{args.calibration}: lacks {chosen.ranked.address}; delete it and run again") from None
    checks, unlike = parts.input_checks(keys)
    # Networks are compared on the first block of them: thousands of small images, hundreds of large ones.
    description, val = images.describe(args.val), next(images.image_blocks(args.val))
    package = contents.ModelPackage(
        name=measured[0]["name"],
        flag=description.flag,
        task=description.task,
        generated=description.generated,
        label_names=tuple(measured[0]["label_names"]),
        size=val.shape[1],
        channels=val.shape[3],
        bits=description.bits,
        positive=calibration.positive,
        networks=tuple(parts.network(key, name) for key, name in zip(keys, settings["networks"], strict=False)),
        members=selection.members(
            runs,
            keys,
            {run: read_record(path, ("members", "weights", "temperatures")) for run, path in parts.fusions(runs)},
            frozen,
        ),
        calibration=own,
        libraries={name: metadata.version(name) for name in LIBRARIES},
        input_check=tuple(map(input_checks.numbers, checks)),
    )
    content = next(
        entry for entry in measured if (entry["model"], entry["seed"]) == (chosen.run.model, chosen.run.seed)
    )
    trusted = reliabilities.read(args.reliability, settings["display_names"])
    of_classes, of_sets = card.measures(
        content["systems"][chosen.run.system]["test"], reliabilities.of_run(trusted, chosen.run), description.task
    )
    kind = selection.kind(chosen.run, [name for _, _, name in settings["parts"]["classifiers"]], frozen)
    with tempfile.TemporaryDirectory() as folder:
        forms = [name for network in package.networks for name in (network.keras, network.onnx) if name]
        written = [str(Path(args.package).with_name(name)) for name in forms]
        made = {
            path: Path(folder, Path(path).name)
            for path in (args.exported_classifiers, args.exported_check, args.card, *written)
        }
        parity = parts.write_networks(package, Path(folder), val, settings["threads"])
        parts.write_classifiers(package, made[args.exported_classifiers])
        input_checks.save(checks, made[args.exported_check])
        text = card.card(
            package,
            kind,
            chosen.ranked,
            chosen.run.seed,
            (of_classes, of_sets),
            settings,
            calibration.coverage,
            calibration.sensitivity,
            parity,
            read_record(args.audit, ("splits", "threshold", "images")),
            calibration.images,
        )
        made[args.card].write_text(text, encoding="utf-8")
        more = {
            "dataset": settings["dataset"],
            "source": settings["source"],
            "warning": contents.WARNING,
            "data_sha256": description.sha256,
            "system": {"address": chosen.ranked.address, "kind": kind, "seed": chosen.run.seed},
            "sensitivity": calibration.sensitivity,
            "coverage": calibration.coverage,
            "metrics": {"test": [*of_classes, *of_sets]},
            "parity": parity,
            "ece_bins": settings["ece_bins"],
            "confidence": settings["confidence"],
        }
        contents.write(folder, package, more, {file.name: file for file in made.values()})
        path = parts.files["probabilities"][chosen.run]
        compare(folder, args.val, path, settings["threads"], args.backbones, unlike)
        for path, file in (*made.items(), (args.package, Path(folder, contents.RECORD))):  # the record last
            with replacing(path) as temporary:
                shutil.copyfile(file, temporary)
    known = {Path(path).name for path in (*made, args.package)}
    if others := sorted({file.name for file in Path(args.package).parent.iterdir()} - known):
        stage.progress(
            f"{Path(args.package).parent}: {', '.join(others)}: of an earlier export, or yours; no part of it"
        )
        left = [network.backbone.sha256 for network in package.networks if network.backbone and not network.onnx]
        for path in (Path(args.package).with_name(name) for name in others):
            if path.is_file() and hash_file(path) in left:
                stage.progress(f"{path}: a copy of a backbone that may not be passed on; delete it")


class Parts:
    """The files that a system may consist of, by kind, then by model, seed and name."""

    def __init__(self, args, settings):
        self.files = {
            kind: dict(zip((SystemId(*run) for run in runs), getattr(args, kind), strict=True))
            for kind, runs in settings["parts"].items()
        }
        self._settings = settings
        self._checks = {
            model: (path, seeds)
            for (model, seeds), path in zip(settings["input_checks"], args.input_checks, strict=True)
        }
        self._backbones = {
            model: (path, options) for (model, options), path in zip(settings["backbones"], args.backbones, strict=True)
        }

    def network(self, key, name):
        """What is said of a network, whose files are called `name`."""
        from medfusion.learning import backbones
        from medfusion.package import contents

        if key.model not in self._backbones:
            layers, views = (
                self._settings["features"][key.model][name] for name in ("layers", "test_time_augmentation")
            )
            return contents.Network(key.model, key.seed, f"{name}.keras", f"{name}.onnx", layers, views)
        path, options = self._backbones[key.model]
        backbone = backbones.load(path, options, self._settings["threads"])
        described = contents.Backbone(
            Path(path).name, hash_file(path), backbones.Input(**options["input"]), options["pretrained_on"]
        )
        onnx = f"{name}.onnx" if options["in_package"] else None
        return contents.Network(
            key.model, None, None, onnx, (backbone.output,), tuple(options["test_time_augmentation"]), described
        )

    def input_checks(self, keys):
        """The input check of each network, and the scores of the validation images, (n,)."""
        from medfusion.files import input_checks
        from medfusion.learning.input_check import of_system, widened

        found = []
        for key in keys:
            path, seeds = self._checks[key.model]
            found.append(input_checks.read(path, seeds[0] if key.seed is None else key.seed))
        checks, scores = zip(*found, strict=True)
        unlike = of_system(scores)
        if len(checks) == 1:
            return list(checks), unlike
        from medfusion.learning.input_fitting import limit

        # The mean of scores varies less than each of them: it has a limit of its own.
        own = limit(unlike, self._settings["flagged"])
        return [widened(check, own) for check in checks], unlike / own

    def fusions(self, runs):
        """The runs that are fusions, with their files."""
        return [(run, self.files["fusions"][run]) for run in runs if run in self.files["fusions"]]

    def write_networks(self, package, folder, val, threads):
        """Write each network as it is and as ONNX; how far these differ on validation images. A backbone is copied."""
        for network in package.networks:
            if network.backbone and network.onnx:
                shutil.copyfile(self._backbones[network.model][0], folder / network.onnx)
        trained = [network for network in package.networks if not network.backbone]
        if not trained:
            return []
        from medfusion.learning import backend
        from medfusion.learning.averages import averaged
        from medfusion.learning.features import apply, extractor, load_network
        from medfusion.package import onnx_networks, predictor

        backend.configure(threads, seed=0)
        parity = []
        for network in trained:
            path = self.files["networks"][network.model, network.seed, "cnn"]
            shutil.copyfile(path, folder / network.keras)
            model = extractor(load_network(path), network.layers)
            onnx_networks.convert(model, folder / network.onnx, package.label_names, path)
            ours = apply(model, val, network.views)
            theirs = averaged(predictor.load(folder / network.onnx, threads), val, network.views)
            parity.append(onnx_networks.compare(path, ours, theirs))
            stage.progress(f"{path}: as ONNX, differences {parity[-1]}")
        return parity

    def write_classifiers(self, package, path):
        """Write the classifiers that the members name."""
        from medfusion.learning import classifiers
        from medfusion.package import fitted

        models = {}
        for name in (member.classifier for member in package.members if member.classifier):
            models[name] = classifiers.load(self.files["classifiers"][SystemId.of_run(name)])
        fitted.save(models, path)


def compare(folder, val, path, threads, backbones=(), unlike=None):
    """Read the folder as `predict` does: of every validation image it must say what the workflow says."""
    from medfusion.package.predictor import Predictor

    predictor, stored, done = Predictor(folder, threads, backbones), probabilities.read(path, "val"), 0
    far = others = 0
    for block in images.image_blocks(val):
        part = slice(done, done + len(block))
        found, scores = predictor.said(block)
        far += np.sum(np.abs(found - stored[part]).max(axis=1) > TOLERANCE)
        theirs = predictor.answers(found, scores)
        ours = predictor.answers(stored[part], None if unlike is None else unlike[part])
        differ = np.zeros(len(block), dtype=bool)
        for name in DECISIONS:
            if getattr(ours, name) is not None:
                differ |= (getattr(theirs, name) != getattr(ours, name)).reshape(len(block), -1).any(axis=1)
        others += np.sum(differ)
        done += len(block)
    if others > SELDOM * done or far > FEW * done:
        raise UserError(
            f"{path}: of {done:,} validation images the exported system decides otherwise on {others:,} (class, "
            f"prediction set, threshold, referral, input check), and gives other probabilities to {far:,}. Install the "
            "versions of requirements.txt, and run again with --forceall"
        )


if __name__ == "__main__":
    stage.run(main, parser())
