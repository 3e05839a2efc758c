"""What each stage cost, from Snakemake's benchmark files."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

# The stage of a benchmark file, by its path below the benchmarks folder, without suffix: the first that matches.
STAGES = [
    (r"download/.*", "download"),
    (r"[^/]+/generated", "generate"),
    (r"[^/]+/images", "prepare"),
    (r"[^/]+/inspect", "inspect"),
    (r"[^/]+/audit", "audit"),
    (r"[^/]+/augmented", "augment"),
    (r"[^/]+/learning_curve/repeat\d+", "learning_curve"),
    (r"[^/]+/[^/]+/seed\d+/model", "train_cnn"),
    (r"[^/]+/[^/]+/seed\d+/features", "extract_features"),
    (r"[^/]+/[^/]+/seed\d+/[^/]+/model", "fit_grid"),
    (r"[^/]+/votes/[^/]+/fused", "vote"),
    (r".*/fused", "fuse"),
    (r".*/floors", "floors"),
    (r".+/metrics", "evaluate"),
    (r"metrics", "collect_metrics"),
    (r".*/studies/studies|[^/]+/studies", "study_classifiers"),
    (r"results", "summarise"),
    (r"report", "report"),
]
DRAWING = "draw figures"


def stage_of(path: str) -> str:
    """The stage that a benchmark file belongs to.

    >>> stage_of("breast/breast_cnn/seed1/svm/model"), stage_of("breast/results/seeds")
    ('fit_grid', 'draw figures')
    """
    return next((stage for pattern, stage in STAGES if re.fullmatch(pattern, path)), DRAWING)


def stage_costs(folder: str | Path, datasets: Iterable[str]) -> pd.DataFrame:
    """Costs by stage, in the order in which stages run.

    Parameters
    ----------
    folder : of the benchmark files, which mirrors the folder of results
    datasets : names of the data sets of this run; other folders, such as demo/, belong to other runs

    Returns
    -------
    Columns stage, jobs, seconds (sum of wall time), longest (seconds), cpu (seconds, nan where not measured), memory
    (highest resident set, MB, nan where not measured); no rows if there are no files.
    """
    folder = Path(folder)
    rows = []
    parts = [folder / part for part in (*datasets, "download")]
    for path in sorted([*folder.glob("*.tsv"), *(path for part in parts for path in part.rglob("*.tsv"))]):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        numbers = pd.read_csv(path, sep="\t").apply(pd.to_numeric, errors="coerce")
        if {"s", "max_rss", "cpu_time"} <= set(numbers.columns):
            cost = numbers["s"].sum(), numbers["max_rss"].max(), numbers["cpu_time"].sum(min_count=1)
            rows.append((stage_of(stem), *cost))
    table = pd.DataFrame(rows, columns=["stage", "seconds", "memory", "cpu"])
    groups = table.groupby("stage", sort=False)
    costs = groups.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        cpu=("cpu", lambda values: values.sum(min_count=1)),
        memory=("memory", "max"),
    ).reset_index()
    order = {stage: position for position, (_, stage) in enumerate(STAGES)}
    return costs.sort_values("stage", key=lambda stages: stages.map(order).fillna(99), kind="stable", ignore_index=True)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(4.21), duration(75), duration(7322)
    ('4.2 s', '1 min 15 s', '2 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
