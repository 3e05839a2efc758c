"""Check a data set's .npz file and write its images per split; the test labels go into a file of their own."""

from medfusion import images, preparation, stage


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--npz", required=True, help="the data set's file in MedMNIST format")
    result.add_argument(
        "--images", nargs=3, required=True, metavar=("TRAIN", "VAL", "TEST"), help="HDF5 files to write"
    )
    result.add_argument("--test-labels", required=True, help="HDF5 file to write")
    return result


def main(args, settings):
    description, splits = preparation.load(args.npz, settings)
    for path, (split, (pixels, labels)) in zip(args.images, splits.items(), strict=True):
        images.write_split(path, split, description, pixels, None if split == "test" else labels)
    images.write_labels(args.test_labels, "test", description, splits["test"][1])
    counts = {split: len(labels) for split, (_, labels) in splits.items()}
    stage.progress(f"{description.name}: {counts} images")


if __name__ == "__main__":
    stage.run(main, parser())
