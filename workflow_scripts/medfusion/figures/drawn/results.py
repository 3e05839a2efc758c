"""Test results of a data set: confusion matrices, the systems' accuracy over seeds, and which differ."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], metrics: list[str], ranking: str, comparisons: str) -> Drawn:
    """The figures `confusion`, `seeds` and `differences`.

    Parameters
    ----------
    metrics : metrics.json files of one data set
    ranking : of its systems (CSV)
    comparisons : of its systems with the selected one (JSON)
    """
    from medfusion.evaluation import ranking as ranked
    from medfusion.figures import result_figures
    from medfusion.files import rankings
    from medfusion.files.comparison_files import read_comparisons
    from medfusion.files.metric_files import read_metrics, tidy
    from medfusion.naming import Names

    contents, compared = read_metrics(metrics, settings["display_names"]), read_comparisons(comparisons)
    table = tidy(contents)
    names = Names(settings["display_names"][contents[0]["dataset"]].get("systems", {}))
    systems, baselines = rankings.read(ranking, ranked.candidates(table))
    source = f"{table['name'].iloc[0]} · test n = {ranked.images_tested(table):,}"
    shown = ranked.representatives(systems)
    matrices = {row.address: ranked.confusions(contents, row) for row in shown}
    titled = {f"{names[row.address]}\n({row.runs_in_words})": matrices[row.address] for row in shown}
    label_names, runs = contents[0]["label_names"], ranked.runs(table, systems)
    learn_nothing = {row.address: row.test_accuracy.mean for row in baselines}
    seeds = result_figures.seeds(runs, learn_nothing, settings["published"], names, settings["source"], source)
    return {
        "confusion": (
            result_figures.confusions(titled, label_names, source),
            result_figures.confusion_numbers(matrices, label_names),
        ),
        "seeds": (seeds, runs.rename(columns={"value": "test_accuracy"})),
        "differences": (
            result_figures.differences(compared, names, source),
            result_figures.difference_numbers(compared),
        ),
    }
