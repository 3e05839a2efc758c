"""Draw accuracy and loss over the epochs of a network, all its seeds in one figure."""

import pandas as pd

from medfusion import curve_figures, drawing, stage
from medfusion.prepared import data_line


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--history", nargs="+", required=True, metavar="SEED=PATH", help="history.csv of each seed")
    result.add_argument("--data", nargs="+", required=True, metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_argument("--out", required=True, help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    runs = stage.pairs(args.history)
    histories = {seed.removeprefix("seed"): pd.read_csv(path) for seed, path in runs.items()}
    with drawing.style(settings["style"]):
        drawing.save(curve_figures.training_curves(histories, data_line(args.data)), args.out)


if __name__ == "__main__":
    stage.run(main, parser())
