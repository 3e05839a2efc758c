"""Write the report: one self-contained page that opens with the answer."""

from pathlib import Path

from medfusion.files.artifacts import write_text
from medfusion.jobs import records, stage

TEMPLATE = Path(__file__).parent / "templates/report.html.j2"


def parser():
    result = stage.parser(__doc__)
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json files")
    result.add_input(
        "--figures", required=False, named=True, nargs="*", default=[], metavar="NAME=PATH", help="figures (.svg, .png)"
    )
    result.add_input(
        "--tables",
        required=False,
        named=True,
        nargs="*",
        default=[],
        metavar="NAME=PATH",
        help="tables and records (.csv, .json, .h5)",
    )
    result.add_output("--out", help="HTML file to write")
    return result


def main(args, settings):
    from medfusion.report import page

    figures, tables = stage.pairs(args.figures), stage.pairs(args.tables)
    made_by = records.ancestry(
        [*args.metrics, *figures.values(), *tables.values()], records.read_all(settings["results"])
    )
    text = page.render(TEMPLATE, settings, args.metrics, figures, tables, settings["versions"], made_by)
    write_text(args.out, text)
    stage.progress(f"{args.out}: {len(text.encode()) / 1e6:.1f} MB, {len(figures)} figures")


if __name__ == "__main__":
    stage.run(main, parser())
