"""Fuse the probabilities of several systems with fixed weights, or with weights chosen on the validation split."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.files.artifacts import write_json
from medfusion.jobs import stage
from medfusion.learning import fusion


def parser():
    result = stage.parser(__doc__)
    result.add_input("--members", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_output("--fusion", help="JSON file to write: weights and the curve they were chosen from")
    result.add_output("--out", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    members = settings["members"]
    val, test = ([probabilities.read(path, split) for path in args.members] for split in ("val", "test"))
    record = {"members": members, "chosen_on": None, "criterion": None, "curve": []}
    if settings["weights"]:
        weights = np.array([settings["weights"][name] for name in members])
    else:
        labels = images.read_labels(args.val)
        weights, curve = fusion.choose_weights(val, labels, settings["step"], settings["criterion"])
        record.update(chosen_on="validation", criterion=settings["criterion"], curve=curve)
    write_json(args.fusion, {**record, "weights": weights.tolist()})
    description = probabilities.describe(args.members[0])
    probabilities.write(args.out, description, {"val": fusion.fuse(val, weights), "test": fusion.fuse(test, weights)})
    stage.progress(f"{settings['title']}: weights {dict(zip(members, weights.round(4).tolist(), strict=True))}")


if __name__ == "__main__":
    stage.run(main, parser())
