"""Try the input check of the exported system: how many images of which kinds it flags. Without test labels.

Tried are the test images as they are, corrupted as in `corrupt_predict`, images of noise, of white and of black, and
the test images of another data set, as `predict` takes them.
"""

import numpy as np

from medfusion.errors import UserError
from medfusion.files import hdf5, images
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--package", help="model_package.json, beside all files of the model package")
    result.add_input("--classifiers", help="its fitted classifiers (.skops)")
    result.add_input("--input-check", help="the arrays of its input check (.npz)")
    result.add_input("--networks", nargs="*", required=False, default=[], metavar="PATH", help="its networks (.onnx)")
    result.add_input("--images", help="prepared test images (HDF5)")
    result.add_input("--others", nargs="?", required=False, help="prepared test images of another data set (HDF5)")
    result.add_input(
        "--backbones", required=False, nargs="*", default=[], metavar="FILE", help="ONNX files of backbones"
    )
    result.add_output("--tried", help="JSON file to write: counts by condition and severity")
    return result


def main(args, settings):
    from pathlib import Path

    from medfusion.data.medmnist_c import CLEAN
    from medfusion.files.input_check_trials import Trial
    from medfusion.package.predictor import Predictor

    predictor = Predictor(Path(args.package).parent, settings["threads"], args.backbones)
    if predictor.package.input_check is None:
        raise UserError(f"{args.package}: a model package without an input check; delete it and run again")
    trials = {}

    def look(condition, severity, given):
        found = predictor.predict(given)
        unsure = found.probabilities.max(axis=1) < predictor.package.calibration.referral
        trial = trials.setdefault((condition, severity), Trial(condition, severity))
        trials[condition, severity] = trial.more(found.unlike, unsure)

    for block in images.image_blocks(args.images):
        look(CLEAN, 0, block)
    stage.progress(f"{settings['dataset']}: {trials[CLEAN, 0].in_words()}")
    for condition, severity, given in unusual(args, settings, predictor.package):
        look(condition, severity, given)
    content = {
        "dataset": settings["dataset"],
        "other": settings["other"],
        "networks": [
            {"model": network.model, "seed": network.seed, "kind": check.kind, "auroc": check.auroc}
            for network, check in zip(predictor.package.networks, predictor.package.input_check, strict=True)
        ],
        "trials": [vars(trial) for trial in trials.values()],
    }
    write_json(args.tried, content)
    for trial in trials.values():
        stage.progress(f"{settings['dataset']}: {trial.in_words()}")


def unusual(args, settings, package):
    """Images that are no test images of this data set as they are: condition, severity, and a block of them."""
    from medfusion.data import corruptions, medmnist_c
    from medfusion.data.sampling import taken, uniform_noise

    with hdf5.open_hdf5(args.images) as file:
        number, *shape = file["images"].shape
    numbers = taken(number, settings["test_images"], settings["seed"])
    step = corruptions.block_images(shape)
    for start in range(0, len(numbers), step):
        own = numbers[start : start + step]
        large = corruptions.enlarged(hdf5.rows(args.images, "images", own))
        for name, levels in medmnist_c.corruptions(settings["flag"]).items():
            for severity in settings["severities"]:
                worse = corruptions.corrupted(large, shape, name, severity, levels[severity - 1], own)
                yield name, severity, worse
    for start in range(0, len(numbers), step):
        yield "noise", 0, uniform_noise(len(numbers[start : start + step]), shape, settings["seed"] + start)
    yield "white", 0, np.full((1, *shape), 255, np.uint8)
    yield "black", 0, np.zeros((1, *shape), np.uint8)
    if args.others:
        for block in converted(args.others, settings, package):
            yield "other", 0, block


def converted(path, settings, package):
    """Images of another data set, in blocks, as `predict` takes their pictures: in this one's size and channels."""
    from PIL import Image

    from medfusion.data import corruptions, pictures
    from medfusion.data.sampling import taken

    with hdf5.open_hdf5(path) as file:
        number, *shape = file["images"].shape
    numbers, step = taken(number, settings["test_images"], settings["seed"]), corruptions.block_images(shape)
    form = pictures.Form(package.flag, package.size, package.channels, package.bits)
    for start in range(0, len(numbers), step):
        found = hdf5.rows(path, "images", numbers[start : start + step])
        flat = found[..., 0] if found.shape[3] == 1 else found
        yield np.stack([pictures.prepared(Image.fromarray(one), form).image for one in flat])


if __name__ == "__main__":
    stage.run(main, parser())
