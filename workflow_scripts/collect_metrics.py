"""Collect the measures of every system into one tidy table."""

from medfusion.files.artifacts import write_text
from medfusion.files.tables import csv_text
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files")
    result.add_output("--table", help="CSV file to write")
    return result


def main(args, settings):
    from medfusion.files.metric_files import read_metrics, tidy

    table = tidy(read_metrics(args.metrics, settings["display_names"]))
    write_text(args.table, csv_text(table, float_format="%.6g"))
    stage.progress(f"{len(table)} measures of {len(args.metrics)} groups of systems")


if __name__ == "__main__":
    stage.run(main, parser())
