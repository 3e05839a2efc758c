"""Test results of a data set whose images may have several labels: areas label by label, and over seeds."""

from typing import Any

from medfusion.figures.drawn import Drawn


def draw(settings: dict[str, Any], metrics: list[str], ranking: str) -> Drawn:
    """The figures `areas` and `area_seeds`, from metrics.json files of one data set and the ranking of its systems."""
    from medfusion.evaluation import ranking as ranked
    from medfusion.figures import result_figures
    from medfusion.files import rankings
    from medfusion.files.metric_files import read_metrics, tidy
    from medfusion.naming import Names

    contents = read_metrics(metrics, settings["display_names"])
    table = tidy(contents)
    called = Names(settings["display_names"][contents[0]["dataset"]].get("systems", {}))
    systems, baselines = rankings.read(ranking, ranked.candidates(table))
    source = f"{table['name'].iloc[0]} · test n = {ranked.images_tested(table):,}"
    names, runs = contents[0]["label_names"], ranked.runs(table, systems, "auroc")
    areas = ranked.label_scores(table, [systems[0], ranked.network_alone(systems)], "auroc", names)
    learn_nothing = {row.address: row.test_auroc.mean for row in baselines}
    seeds = result_figures.seeds(
        runs, learn_nothing, settings["published"], called, settings["source"], source, "auroc"
    )
    return {
        "areas": (
            result_figures.label_areas(areas.assign(system=areas["system"].map(called.__getitem__)), source),
            areas,
        ),
        "area_seeds": (seeds, runs.rename(columns={"value": "test_auroc"})),
    }
