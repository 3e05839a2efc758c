"""Draw accuracy and loss over the epochs of a network, all its seeds in one figure."""

from medfusion.files.prepared import data_line
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--history", nargs="+", metavar="PATH", help="history.csv, in the order of seeds")
    result.add_input("--data", nargs="+", metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_output("--out", help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    from medfusion.figures import curve_figures, drawing
    from medfusion.files.tables import read_table

    columns = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    histories = {seed: read_table(path, columns) for seed, path in zip(settings["seeds"], args.history, strict=True)}
    with drawing.style(settings["style"]):
        figure = curve_figures.training_curves(histories, data_line(settings["name"], args.data))
        drawing.save(figure, args.out, curve_figures.training_numbers(histories))


if __name__ == "__main__":
    stage.run(main, parser())
