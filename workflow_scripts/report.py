"""Write the report: one self-contained page that opens with the answer."""

import platform

from medfusion import records, stage
from medfusion.artifacts import write_text
from medfusion.fingerprint import ROOT, library_versions


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
        help="tables and records (.csv, .json)",
    )
    result.add_output("--out", help="HTML file to write")
    return result


def main(args, settings):
    from medfusion import page

    libraries = {"Python": platform.python_version()}
    for program in sorted(ROOT.glob("*.py")):
        libraries |= library_versions(program)
    figures, tables = stage.pairs(args.figures), stage.pairs(args.tables)
    made_by = records.ancestry(
        [*args.metrics, *figures.values(), *tables.values()], records.read_all(settings["results"])
    )
    text = page.render(ROOT / "templates/report.html.j2", settings, args.metrics, figures, tables, libraries, made_by)
    write_text(args.out, text)
    stage.progress(f"{args.out}: {len(text.encode()) / 1e6:.1f} MB, {len(figures)} figures")


if __name__ == "__main__":
    stage.run(main, parser())
