"""Soft voting: the plain mean of the probabilities of several systems and all their seeds."""

import numpy as np

from medfusion.files import images, probabilities
from medfusion.jobs import stage
from medfusion.learning import fusion
from medfusion.learning.calibration import temperature_of


def parser():
    result = stage.parser(__doc__)
    result.add_input("--members", nargs="+", metavar="PATH", help="probabilities (HDF5)")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_output("--fused", help="HDF5 file to write: {val,test}/probabilities")
    return result


def main(args, settings):
    equal = np.full(len(args.members), 1 / len(args.members))
    fused = {
        split: fusion.fuse([probabilities.read(path, split) for path in args.members], equal)
        for split in ("val", "test")
    }
    own = temperature_of(fused["val"], images.read_labels(args.val))
    probabilities.write(args.fused, probabilities.describe(args.members[0]), fused, own)
    stage.progress(f"{settings['title']}: {len(args.members)} members")


if __name__ == "__main__":
    stage.run(main, parser())
