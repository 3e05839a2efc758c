"""Training-size study: train a network on a stratified subset of one size; write its probabilities."""

from medfusion.files import images, probabilities
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_input(
        "--augmented", required=False, help="the bank of augmented images (HDF5), if the network draws from it"
    )
    result.add_output("--out", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import backend, training_images
    from medfusion.learning.features import apply, extractor
    from medfusion.learning.training import train

    network, seed = settings["network"], settings["seed"]
    backend.configure(settings["threads"], seed)
    train_path, val_path, test_path = args.images
    description = images.describe(train_path)
    drawn = network["training"]["images"]
    planes, labels = training_images.read(train_path, args.augmented, drawn, settings["size"], seed)
    val_images = images.read_images(val_path)
    model, _ = train(
        planes,
        labels,
        val_images,
        images.read_labels(val_path),
        network,
        len(description.label_names),
        seed,
        lambda line: stage.progress(f"{settings['title']}: {line}"),
    )
    model = extractor(model, network["features"]["layer"])
    splits = {"val": val_images, "test": images.read_images(test_path)}
    applied = {split: apply(model, pixels, network["features"])[1] for split, pixels in splits.items()}
    probabilities.write(args.out, description, applied)


if __name__ == "__main__":
    stage.run(main, parser())
