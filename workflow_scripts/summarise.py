"""Write the measured results and a reporting checklist as Markdown, with when and on what they were measured."""

import platform
from datetime import UTC, datetime
from pathlib import Path

from medfusion.files.artifacts import read_record, write_text
from medfusion.jobs import stage
from medfusion.reruns import records


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files")
    result.add_input(
        "--rankings", nargs="+", metavar="PATH", help="ranking.csv files, each in the folder of its data set"
    )
    result.add_input("--comparisons", nargs="*", metavar="PATH", help="comparisons.json files")
    result.add_input("--reliability", nargs="*", metavar="PATH", help="reliability.json files")
    result.add_input(
        "--audits", nargs="+", metavar="PATH", help="summary.json files, each in a folder in that of its data set"
    )
    result.add_input(
        "--slices",
        required=False,
        nargs="*",
        default=[],
        metavar="PATH",
        help="slices.json, each in its data set's folder",
    )
    result.add_output("--text", help="Markdown file to write: the results")
    result.add_output("--checklist", help="Markdown file to write: the checklist")
    return result


def main(args, settings):
    from medfusion.evaluation import ranking
    from medfusion.files import rankings, reliabilities, slice_files
    from medfusion.files.comparison_files import read_comparisons
    from medfusion.files.metric_files import read_metrics, tidy
    from medfusion.report import checklist, provenance, summary

    made_by = records.ancestry(
        [*args.metrics, *args.rankings, *args.comparisons, *args.reliability], records.read_all(settings["results"])
    )
    context = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "hardware": provenance.hardware(made_by),
        "software": f"Python {platform.python_version()}, versions as pinned in requirements.txt",
    }
    contents = read_metrics(args.metrics, settings["display_names"])
    ranked = {}
    for path in args.rankings:
        key = Path(path).parent.name
        table = tidy(content for content in contents if content["dataset"] == key)
        ranked[key] = rankings.read(path, ranking.candidates(table, settings["config"]["datasets"][key]["derived"]))
    comparisons = {content["dataset"]: content for content in map(read_comparisons, args.comparisons)}
    trust = [reliabilities.read(path, settings["display_names"]) for path in args.reliability]
    by_dataset = {found.content["dataset"]: found for found in trust}
    text = summary.summary(settings["config"], contents, ranked, comparisons, by_dataset, made_by, context)
    write_text(args.text, text)
    audits = {Path(path).parent.parent.name: path for path in args.audits}
    sliced = {Path(path).parent.name: slice_files.read(path) for path in args.slices}
    evaluated = [
        checklist.Evaluated(
            key=key,
            name=next(content["name"] for content in contents if content["dataset"] == key),
            entry=settings["config"]["datasets"][key],
            ranking=ranked[key],
            comparisons=comparisons.get(key),
            images=read_record(audit, ("images",))["images"],
            slices=sliced.get(key),
            generated=any(content["generated"] for content in contents if content["dataset"] == key),
        )
        for key, audit in audits.items()
    ]
    write_text(args.checklist, checklist.checklist(settings["config"], evaluated, context))


if __name__ == "__main__":
    stage.run(main, parser())
