"""Draw training images beside some of their augmented copies."""

import numpy as np

from medfusion.files import images
from medfusion.files.hdf5 import open_hdf5
from medfusion.jobs import stage
from medfusion.naming import data_name

SHOWN = 8  # images, a row each
COPIES = 9  # at most, a column each


def parser():
    result = stage.parser(__doc__)
    result.add_input("--train", help="prepared training images (HDF5)")
    result.add_input("--augmented", help="the augmented set (HDF5)")
    result.add_output("--out", help="picture to write")
    return result


def main(args, settings):
    from medfusion.figures import drawing
    from medfusion.figures.montage import montage_rows

    name = data_name(settings["name"], images.describe(args.train).generated)
    with open_hdf5(args.train) as train, open_hdf5(args.augmented) as augmented:
        rows = [
            (f"image {i}", np.concatenate([train["images"][i : i + 1], augmented["images"][i, :COPIES]]))
            for i in range(min(SHOWN, len(train["images"])))
        ]
    with drawing.style(settings["style"]):
        figure = montage_rows(rows, f"{name}: training images (first column) and their augmented copies")
        drawing.save(figure, args.out)


if __name__ == "__main__":
    stage.run(main, parser())
