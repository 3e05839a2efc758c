"""Obtain a data set's .npz file: from data/, from the folder that MEDMNIST_DATA names, or from MedMNIST's archive."""

from medfusion.files.artifacts import hash_file, write_json
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--receipt", help="JSON file to write when the data file is there: its path, SHA-256 and origin")
    result.add_output("--out", help="where the data file goes, e.g. data/breastmnist.npz")
    return result


def main(args, settings):
    from medfusion.data import sources

    place = sources.obtain(settings["flag"], settings["size"], settings["source"], args.out)
    write_json(args.receipt, {"file": args.out, "sha256": hash_file(args.out), "from": place})
    stage.progress(f"{args.out}: from {place}")


if __name__ == "__main__":
    stage.run(main, parser(), keep=False)  # a file that was replaced or deleted is not to come back
