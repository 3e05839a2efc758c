"""Obtain a data set's .npz file: from data/, from the folder that MEDMNIST_DATA names, or from MedMNIST's archive."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--out", help="where the file goes, e.g. data/breastmnist.npz")
    return result


def main(args, settings):
    from medfusion.data import sources

    place = sources.obtain(settings["flag"], settings["size"], settings["source"], args.out)
    stage.progress(f"{args.out}: from {place}")


if __name__ == "__main__":
    stage.run(main, parser(), keep=False)  # a file that was replaced or deleted is not to come back
