"""Draw what accuracy changes, seed by seed, when one part of a network is taken away."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json of ablated models and of their bases")
    result.add_output("--out", help="figure to write (.svg or .png)")
    return result


def main(args, settings):
    from medfusion.evaluation import ablations
    from medfusion.figures import ablation_figures, drawing
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(args.metrics, settings["shown"]))
    rows = ablations.paired(table, settings["comparisons"])
    with drawing.style(settings["style"]):
        figure = ablation_figures.contributions(rows, settings["confidence"], table["name"].iloc[0])
        drawing.save(figure, args.out, ablation_figures.contribution_numbers(rows))


if __name__ == "__main__":
    stage.run(main, parser())
