"""Obtain a keras.applications network's ImageNet weights: from data/, the folder MEDMNIST_DATA, or Keras' server."""

from medfusion.files.artifacts import hash_file, write_json
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--receipt", help="JSON file to write when the weights are there: their path, SHA-256 and origin")
    result.add_output("--weights", help="where the file of weights goes, e.g. data/efficientnetb0_notop.h5")
    return result


def main(args, settings):
    from medfusion.data import sources
    from medfusion.learning.keras_applications import APPLICATIONS

    published = APPLICATIONS[settings["application"]]
    place = sources.obtain_weights(published.url, published.hash, args.weights)
    found = hash_file(args.weights)
    write_json(args.receipt, {"file": args.weights, "sha256": found, "from": place})
    unchecked = "" if published.hash else f"; Keras names no hash of it to compare: its SHA-256 is {found}"
    stage.progress(f"{args.weights}: from {place}{unchecked}")


if __name__ == "__main__":
    stage.run(main, parser(), keep=False)  # a file that was replaced or deleted is not to come back
