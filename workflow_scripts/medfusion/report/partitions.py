"""What cross-validation, or repeated splits, say of a data set's systems, for readers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from medfusion.escaping import code, markdown
from medfusion.evaluation.crossvalidation import CERTAIN, POWER
from medfusion.evaluation.paired_tests import level_of
from medfusion.evaluation.partition_tables import COMPARED, Tables
from medfusion.naming import CRITERIA, percent
from medfusion.report.paired import DECIMALS, p_value, signed
from medfusion.report.summary import markdown_table


def text(found: Tables, name: str, settings: Mapping[str, Any]) -> str:
    """A page of Markdown: how the images were divided, means of each system, differences of the pairs.

    Parameters
    ----------
    name : of the data set
    settings : those of the stage `summarise_partitions`
    """
    parts = [f"# {markdown(name)}: {TITLES[settings['scheme']]}", _divided(found, settings), _measures(found)]
    if not found.comparisons.empty:
        parts += [f"## Differences\n\n{_explained(settings)}", _comparisons(found.comparisons)]
    return "\n\n".join(parts) + "\n"


TITLES = {"crossvalidation": "cross-validation", "resplits": "other splits of the same images"}


def _divided(found: Tables, settings: Mapping[str, Any]) -> str:
    pool, repeats = settings["pool"], settings.get("repeats")
    of = "all images, those of the test split among them" if "test" in pool else f"the images of {' and '.join(pool)}"
    how = (
        f"{settings['folds']} folds, {'once' if repeats == 1 else f'{repeats} times'}"
        if settings["scheme"] == "crossvalidation"
        else f"{found.partitions} times in the shares of the given split"
    )
    tested = f"{found.tested:,.0f} others"
    tested += f" ({found.fewest:,} to {found.most:,})" if found.fewest < found.most else ""
    seeds = "one seed a network" if settings["scheme"] == "crossvalidation" else "the mean over the seeds of a system"
    return (
        f"Divided: {of}, {how}; near-duplicates (pixel correlation of {settings['threshold']:g} or more, in any flip "
        f"or rotation by 90°) stay together. In each the whole workflow ran on {found.trained:,.0f} images (training "
        f"and validation), and was tested on the {tested}; {seeds}. Intervals "
        f"({percent(settings['confidence'])}) are Student's with the variance corrected for training sets that share "
        "images (Nadeau & Bengio 2003). They are of the procedure, trained on other images; not of one trained system."
    )


def _measures(found: Tables) -> str:
    rows = []
    for system, measures in found.measures.groupby("system", sort=False):
        of = {row["metric"]: row for row in measures.to_dict("records")}
        cells = [_mean(of[metric], decimals) if metric in of else "–" for metric, decimals in DECIMALS.items()]
        rows.append([code(str(system)), *cells])
    head = ["system", *(f"{CRITERIA[metric]}, interval, sd of one test split" for metric in DECIMALS)]
    return markdown_table(head, rows)


def _mean(row: Mapping[Any, Any], decimals: int) -> str:
    mean, low, high, sd = (f"{row[key]:.{decimals}f}" for key in ("mean", "low", "high", "sd"))
    return f"{mean} ({low} to {high}), {sd}"


def _explained(settings: Mapping[str, Any]) -> str:
    rope = settings["practically_equivalent"]
    return (
        "How much better the first system is than the second, over the same test splits. A difference of at most "
        f"{rope:g} is practically none; the probabilities are of the mean difference (correlated Bayesian t-test, "
        f"Corani & Benavoli 2015). A verdict has one of at least {percent(CERTAIN)}, and for better or worse a p "
        f"below {level_of(settings['confidence']):g} too. p: corrected resampled t-test, after Holm over the pairs. "
        f"Detectable: the difference whose p, before Holm, would be as low with a probability of {percent(POWER)}."
    )


def _comparisons(table: pd.DataFrame) -> str:
    rows = []
    for metric in COMPARED:
        for row in table[table["metric"] == metric].to_dict("records"):
            digits = DECIMALS[metric]
            mean, low, high = (signed(row[name], digits) for name in ("mean", "low", "high"))
            probabilities = " / ".join(f"{row[key]:.2f}" for key in ("worse", "equivalent", "better"))
            pair = f"{code(row['first'])} against {code(row['second'])}"
            cells = [f"{mean} ({low} to {high})", probabilities, row["verdict"], p_value(row["p_adjusted"])]
            rows.append([pair, CRITERIA[metric], *cells, f"{row['detectable']:.{digits}f}"])
    head = ["pair", "measure", "better by", "P(worse / equivalent / better)", "verdict", "p", "detectable"]
    return markdown_table(head, rows)
