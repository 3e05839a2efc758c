"""Write the report: one self-contained page that opens with the answer."""

import os
from pathlib import Path

from medfusion.files.artifacts import write_text
from medfusion.jobs import looks, stage
from medfusion.reruns import records

TEMPLATE = Path(__file__).parent / "templates/report.html.j2"
CHECKLIST = "checklist.md"  # which `summarise` writes beside the page


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files")
    result.add_input(
        "--figures",
        required=False,
        nargs="*",
        default=[],
        metavar="PATH",
        help="figures (.svg, .png) below that folder",
    )
    result.add_input(
        "--tables", required=False, nargs="*", default=[], metavar="PATH", help="tables and records (.csv, .json, .h5)"
    )
    result.add_output("--page", help="HTML file to write, in the folder of results")
    return result


def main(args, settings):
    from medfusion.report import page

    figures, tables = _by_name(args.figures, args.page), _by_name(args.tables, args.page)
    made_by = records.ancestry([*args.metrics, *args.figures, *args.tables], records.read_all(settings["results"]))
    # As seen from the page; a folder elsewhere knows nothing of it.
    folder = os.path.dirname(args.page)
    documentation = "" if os.path.isabs(folder) else os.path.relpath("docs", folder)
    versions = settings["versions"]
    ledger = looks.read()
    text = page.render(
        *(TEMPLATE, settings, args.metrics, figures, tables, versions, made_by, documentation, CHECKLIST),
        looks={dataset: looks.before(dataset, ledger) for dataset in settings["config"]["datasets"]},
    )
    write_text(args.page, text)
    stage.progress(f"{args.page}: {len(text.encode()) / 1e6:.1f} MB, {len(figures)} figures")


def _by_name(paths: list[str], page: str) -> dict[str, str]:
    """Files by their path below the page's folder, without suffix: blood/results/confusion."""
    return {os.path.splitext(os.path.relpath(path, os.path.dirname(page)))[0]: path for path in paths}


if __name__ == "__main__":
    stage.run(main, parser())
