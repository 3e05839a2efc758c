"""Draw accuracy and loss over the epochs of a network, all its seeds in one figure."""

from medfusion import curve_figures, drawing, stage
from medfusion.prepared import data_line
from medfusion.tables import read_table


def parser():
    result = stage.parser(__doc__)
    result.add_argument(
        "--history", nargs="+", required=True, metavar="PATH", help="history.csv, in the order of seeds"
    )
    result.add_argument("--data", nargs="+", required=True, metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_argument("--out", required=True, help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    columns = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    histories = {seed: read_table(path, columns) for seed, path in zip(settings["seeds"], args.history, strict=True)}
    with drawing.style(settings["style"]):
        drawing.save(curve_figures.training_curves(histories, data_line(args.data)), args.out)


if __name__ == "__main__":
    stage.run(main, parser())
