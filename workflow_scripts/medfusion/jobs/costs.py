"""What each stage cost, from the records of its jobs."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from medfusion.reruns.records import Record

# In the order in which stages run; those that only draw are counted together.
STAGES = [
    "download",
    "fetch_weights",
    "generate",
    "prepare",
    "prepare_folder",
    "inspect_images",
    "audit_duplicates",
    "group_images",
    "partition_images",
    "augment",
    "learning_curve",
    "train_cnn",
    "extract_features",
    "apply_backbone",
    "fit_grid",
    "fuse",
    "ensemble",
    "baselines",
    "evaluate",
    "rank_systems",
    "compare_systems",
    "calibrate",
    "assess_reliability",
    "assess_discrimination",
    "assess_slices",
    "corrupt_predict",
    "corrupt_evaluate",
    "fit_input_check",
    "predict_out_of_fold",
    "audit_labels",
    "summarise_partitions",
    "apply_fold",
    "ensemble_folds",
    "summarise_fold_ensembles",
    "collect_metrics",
    "select_examples",
    "map_saliency",
    "study_classifiers",
    "write_predictions",
    "export_package",
    "apply_input_check",
    "write_try_page",
    "summarise",
    "report",
]
DRAWING = "draw figures"


def stage_costs(records: Sequence[Record]) -> pd.DataFrame:
    """Costs by stage, in the order in which stages run.

    Returns
    -------
    Columns stage, jobs, seconds (sum of wall time), longest (seconds), cpu (seconds), memory (highest resident set,
    MB), devices (graphics processors, sorted; empty for processors alone); no rows if there are no records.
    """
    rows = [
        (
            record.stage if record.stage in STAGES else DRAWING,
            record.seconds,
            record.memory_mb,
            record.cpu_seconds,
            record.device,
        )
        for record in records
    ]
    table = pd.DataFrame(rows, columns=["stage", "seconds", "memory", "cpu", "device"])
    costs = table.groupby("stage", sort=False).agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        cpu=("cpu", "sum"),
        memory=("memory", "max"),
        devices=("device", lambda names: "; ".join(sorted(set(names) - {""}))),
    )
    return costs.reindex(_in_order(costs.index)).reset_index()


def stage_name(row: Any) -> str:
    """How a row of `stage_costs` is named in a table: the stage, and what it computed on if not on processors alone."""
    return f"{row.stage}, on {row.devices}" if row.devices else row.stage


def _in_order(stages: Iterable[str]) -> list[str]:
    return sorted(stages, key=[*STAGES, DRAWING].index)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(4.21), duration(59.97), duration(75), duration(7322)
    ('4.2 s', '1 min 00 s', '1 min 15 s', '2 h 02 min')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
