"""Draw validation accuracy and log loss over the weights of each fusion, the choice marked."""

from medfusion.files.artifacts import read_record
from medfusion.files.prepared import data_line
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--fusion", nargs="+", metavar="PATH", help="fusion.json, in the settings' order")
    result.add_input("--data", nargs="+", metavar="PATH", help="prepared splits, to name them (HDF5)")
    result.add_output("--out", help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    from medfusion.figures import choice_figures, drawing

    keys = ("members", "weights", "criterion", "curve")
    contents = {name: read_record(path, keys) for name, path in zip(settings["fusions"], args.fusion, strict=True)}
    with drawing.style(settings["style"]):
        figure = choice_figures.fusions(contents, data_line(settings["name"], args.data))
        drawing.save(figure, args.out, choice_figures.fusion_numbers(contents))


if __name__ == "__main__":
    stage.run(main, parser())
