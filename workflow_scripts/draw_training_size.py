"""Draw test accuracy against the number of training images, with error bars over repeats."""

from medfusion.files import images
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json of each repeat")
    result.add_input("--train", help="prepared training split: how many images 'all' are (HDF5)")
    result.add_output("--out", help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    from medfusion.figures import curve_figures, drawing
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(args.metrics, settings["shown"]))
    points = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    total = str(len(images.read_labels(args.train)))
    sizes = points["system"].replace("all", total).astype(int)
    points = points.assign(size=sizes).rename(columns={"seed": "repeat"}).sort_values(["size", "repeat"])
    source = f"{table['name'].iloc[0]} · test n = {points['n'].iloc[0]:,}"
    with drawing.style(settings["style"]):
        figure = curve_figures.training_size(points, source)
        drawing.save(figure, args.out, points[["size", "repeat", "value", "low", "high", "n"]])


if __name__ == "__main__":
    stage.run(main, parser())
