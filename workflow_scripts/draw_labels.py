"""Draw the test results of a data set whose images may have several labels: areas label by label, and over seeds."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files of one data set")
    result.add_input("--ranking", help="ranking of its systems (CSV)")
    result.add_output("--areas", help="figure to write: the area under the ROC curve of each label")
    result.add_output("--seeds", help="figure to write: the mean area of every system and seed")
    return result


def main(args, settings):
    from medfusion.evaluation import ranking
    from medfusion.figures import drawing, result_figures
    from medfusion.files import rankings
    from medfusion.files.metric_files import read_metrics, tidy

    contents = read_metrics(args.metrics, settings["shown"])
    table = tidy(contents)
    systems, baselines = rankings.read(args.ranking, ranking.candidates(table))
    source = f"{table['name'].iloc[0]} · test n = {ranking.images_tested(table):,}"
    names, runs = contents[0]["label_names"], ranking.runs(table, systems, "auroc")
    areas = ranking.label_scores(table, [systems[0], ranking.network_alone(systems)], "auroc", names)
    with drawing.style(settings["style"]):
        drawing.save(result_figures.label_areas(areas, source), args.areas, areas)
        learn_nothing = {row.system: row.test_auroc.mean for row in baselines}
        figure = result_figures.seeds(runs, learn_nothing, settings["published"], settings["source"], source, "auroc")
        drawing.save(figure, args.seeds, runs.rename(columns={"value": "test_auroc"}))


if __name__ == "__main__":
    stage.run(main, parser())
