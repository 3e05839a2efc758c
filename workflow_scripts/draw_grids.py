"""Draw the grid of settings of each classifier as heat maps, the chosen cell marked."""

import pandas as pd

from medfusion import choice_figures, drawing, stage
from medfusion.artifacts import read_json
from medfusion.prepared import data_line


def parser():
    result = stage.parser(__doc__)
    result.add_argument(
        "--grid", nargs="+", required=True, metavar="CLASSIFIER=PATH", help="grid.csv of each classifier"
    )
    result.add_argument("--best", nargs="+", default=[], metavar="CLASSIFIER=PATH", help="best.json of each classifier")
    result.add_argument("--data", nargs="+", required=True, metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_argument("--out", required=True, help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    tables = {name: pd.read_csv(path) for name, path in stage.pairs(args.grid).items()}
    selections = {name: read_json(path) for name, path in stage.pairs(args.best).items()}
    with drawing.style(settings["style"]):
        drawing.save(choice_figures.grids(tables, selections, data_line(args.data)), args.out)


if __name__ == "__main__":
    stage.run(main, parser())
