"""Sum up what cross-validation, or repeated splits, say of a data set's systems: means, intervals, comparisons."""

import argparse
from typing import Any

from medfusion.files.artifacts import write_text
from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files of all partitions")
    result.add_input("--groups", help="which images stay together (.csv), for how many there are")
    result.add_output("--values", help="table to write (.csv): every measure of every run")
    result.add_output("--measures", help="table to write (.csv): means over partitions, with intervals")
    result.add_output("--comparisons", help="table to write (.csv): differences of pairs of systems")
    result.add_output("--summary", help="the same for readers (.md)")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write three tables and a page of Markdown."""
    from medfusion.evaluation import partition_tables
    from medfusion.files.metric_files import read, tidy
    from medfusion.files.tables import csv_text, read_table
    from medfusion.naming import data_name
    from medfusion.report import partitions

    contents = [{**read(path), "name": settings["name"]} for path in args.metrics]
    split = read_table(args.groups, ("group",), ("split",))["split"]
    values = tidy(contents)
    values = values[values["split"] == "test"].drop(columns=["split", "name", "low", "high", "confidence"])
    found = partition_tables.tabulate(values, int(split.isin(settings["pool"]).sum()), settings)
    write_text(args.values, csv_text(values, float_format="%.6f"))
    write_text(args.measures, csv_text(found.measures, float_format="%.6f"))
    write_text(args.comparisons, csv_text(found.comparisons, float_format="%.6f"))
    text = partitions.text(found, data_name(settings["name"], contents[0]["generated"]), settings)
    write_text(args.summary, text)
    stage.progress(text)


if __name__ == "__main__":
    stage.run(main, parser())
