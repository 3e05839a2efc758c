"""Obtain a data set's .npz file: from data/, from the folder that MEDMNIST_DATA names, or from MedMNIST's archive."""

from medfusion.files.artifacts import hash_file, write_json
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--receipt", help="JSON file to write when the data file is there: its path, SHA-256 and origin")
    result.add_output("--npz", help="where the data file goes, e.g. data/breastmnist.npz")
    return result


def main(args, settings):
    from medfusion.data import sources

    place = sources.obtain(settings["flag"], settings["size"], settings["source"], args.npz)
    write_json(args.receipt, {"file": args.npz, "sha256": hash_file(args.npz), "from": place})
    stage.progress(f"{args.npz}: from {place}")


if __name__ == "__main__":
    stage.run(main, parser(), keep=False)  # a file that was replaced or deleted is not to come back
