"""Fuse the calibrated probabilities of several systems, with fixed weights or with those chosen on validation."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.learning import fusion
from medfusion.learning.calibration import scale, temperature_of


def parser():
    result = stage.parser(__doc__)
    result.add_input("--members", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_output("--fusion", help="JSON file to write: temperatures, weights and the curve they were chosen from")
    result.add_output("--fused", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    members, labels = settings["members"], images.read_labels(args.val)
    read = {split: [probabilities.read(path, split) for path in args.members] for split in ("val", "test")}
    temperatures = [probabilities.temperature(path) for path in args.members]
    # On equal terms: a network that was trained with smoothed labels is less certain than it could be.
    scaled = {split: list(map(scale, values, temperatures)) for split, values in read.items()}
    record = {"members": members, "temperatures": temperatures, "chosen_on": None, "criterion": None, "curve": []}
    if settings["weights"]:
        weights = np.array([settings["weights"][name] for name in members])
    else:
        best, curve = fusion.choose_weights(scaled["val"], labels, settings["step"], settings["criterion"])
        weights = np.array(curve[best[0]]["weights"])
        record |= {"chosen_on": "validation", "criterion": settings["criterion"], "curve": curve}
        record["equally_good"] = len(best)
    write_json(args.fusion, {**record, "weights": weights.tolist()})
    fused = {split: fusion.fuse(values, weights) for split, values in scaled.items()}
    description, own = probabilities.describe(args.members[0]), temperature_of(fused["val"], labels)
    probabilities.write(args.fused, description, fused, own)
    stage.progress(f"{settings['title']}: weights {dict(zip(members, weights.round(4).tolist(), strict=True))}")


if __name__ == "__main__":
    stage.run(main, parser())
