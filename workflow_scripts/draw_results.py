"""Draw the test results of a data set: confusion matrices, the systems' accuracy over seeds, and which differ."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files of one data set")
    result.add_input("--ranking", help="ranking of its systems (CSV)")
    result.add_input("--comparisons", metavar="PATH", help="comparisons.json of the data set")
    result.add_output("--confusion", help="figure to write: confusion matrices")
    result.add_output("--seeds", help="figure to write: accuracy of every system and seed")
    result.add_output("--differences", help="figure to write: accuracy of every system minus that of the selected one")
    return result


def main(args, settings):
    from medfusion.evaluation import ranking
    from medfusion.figures import drawing, result_figures
    from medfusion.files import rankings
    from medfusion.files.comparison_files import read_comparisons
    from medfusion.files.metric_files import read_metrics, tidy

    contents, comparisons = read_metrics(args.metrics, settings["shown"]), read_comparisons(args.comparisons)
    table = tidy(contents)
    systems, baselines = rankings.read(args.ranking, ranking.candidates(table))
    source = f"{table['name'].iloc[0]} · test n = {ranking.images_tested(table):,}"
    shown = ranking.representatives(systems)
    matrices = {row.address: ranking.confusions(contents, row) for row in shown}
    titles = [f"{row.address}\n({row.runs_in_words})" for row in shown]
    names, runs = contents[0]["label_names"], ranking.runs(table, systems)
    with drawing.style(settings["style"]):
        figure = result_figures.confusions(dict(zip(titles, matrices.values(), strict=True)), names, source)
        drawing.save(figure, args.confusion, result_figures.confusion_numbers(matrices, names))
        learn_nothing = {row.system: row.test_accuracy.mean for row in baselines}
        figure = result_figures.seeds(runs, learn_nothing, settings["published"], settings["source"], source)
        drawing.save(figure, args.seeds, runs.rename(columns={"value": "test_accuracy"}))
        figure = result_figures.differences(comparisons, source)
        drawing.save(figure, args.differences, result_figures.difference_numbers(comparisons))


if __name__ == "__main__":
    stage.run(main, parser())
