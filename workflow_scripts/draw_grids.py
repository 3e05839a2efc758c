"""Draw the grid of settings of each classifier as heat maps, the chosen cell marked."""

from medfusion.files.artifacts import read_record
from medfusion.files.prepared import data_line
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--grid", nargs="+", metavar="PATH", help="grid.csv, in the settings' order")
    result.add_input("--best", nargs="+", metavar="PATH", help="best.json, in the same order")
    result.add_input("--data", nargs="+", metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_output("--out", help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    from medfusion.figures import choice_figures, drawing
    from medfusion.files.tables import read_table

    names = settings["classifiers"]
    measures = ("accuracy", "auroc", "log_loss", "seconds")
    tables = {name: read_table(path, measures) for name, path in zip(names, args.grid, strict=True)}
    selections = {
        name: read_record(path, ("cell", "selection", "criterion", "compared_images"))
        for name, path in zip(names, args.best, strict=True)
    }
    with drawing.style(settings["style"]):
        figure = choice_figures.grids(tables, selections, data_line(settings["name"], args.data))
        drawing.save(figure, args.out, choice_figures.grid_numbers(tables))


if __name__ == "__main__":
    stage.run(main, parser())
