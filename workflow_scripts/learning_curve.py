"""Training-size study: train a network on a stratified subset of one size; write its probabilities."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_input(
        "--augmented",
        required=False,
        nargs="?",
        help="the augmented set (HDF5), if the network draws from it",
    )
    result.add_input("--weights", required=False, help="file of weights that a pretrained network starts from")
    result.add_output("--probabilities", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import backend
    from medfusion.learning.calibration import temperature_of
    from medfusion.learning.features import apply, extractor
    from medfusion.learning.training import train
    from medfusion.learning.training_images import open_images

    network, seed = settings["network"], settings["seed"]
    backend.configure(settings["threads"], seed)
    train_path, val_path, test_path = args.images
    description = images.describe(train_path)
    training = network["training"]
    watched = training["early_stopping"] or training["reduce_lr"]
    model, _ = train(
        open_images(train_path, args.augmented, settings["size"], seed),
        open_images(val_path) if watched else None,
        network,
        len(description.label_names),
        seed,
        lambda line: stage.progress(f"{settings['title']}: {line}"),
        description.task,
        settings["precision"],
        args.weights,
    )
    model = extractor(model, network["features"]["layers"])
    applied = {}
    for split, path in (("val", val_path), ("test", test_path)):
        blocks = [
            apply(model, block, network["features"]["test_time_augmentation"])[1] for block in images.image_blocks(path)
        ]
        applied[split] = np.concatenate(blocks)
    temperature = temperature_of(applied["val"], images.read_labels(val_path))
    probabilities.write(args.probabilities, description, applied, temperature)


if __name__ == "__main__":
    stage.run(main, parser())
