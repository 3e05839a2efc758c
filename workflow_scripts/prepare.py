"""Check a data set's .npz file and write its images per split; the test labels go into a file of their own."""

from medfusion.files import images
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--npz", help="the data set's file in MedMNIST format")
    result.add_output("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="HDF5 files to write")
    result.add_output("--test-labels", help="HDF5 file to write")
    return result


def main(args, settings):
    from medfusion.data import preparation

    description, splits = preparation.load(args.npz, settings)
    for path, (split, (pixels, labels)) in zip(args.images, splits.items(), strict=True):
        images.write_split(path, split, description, pixels, None if split == "test" else labels)
    images.write_labels(args.test_labels, "test", description, splits["test"][1])
    counts = {split: len(labels) for split, (_, labels) in splits.items()}
    stage.progress(f"{description.flag or args.npz}: {counts} images")
    for remark in description.remarks:
        stage.progress(f"{args.npz}: {remark}")


if __name__ == "__main__":
    stage.run(main, parser())
