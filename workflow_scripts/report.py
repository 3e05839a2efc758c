"""Write the report: one self-contained page that opens with the answer."""

import platform

from medfusion import page, stage
from medfusion.artifacts import write_text
from medfusion.fingerprint import ROOT, library_versions


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--metrics", nargs="+", required=True, metavar="PATH", help="metrics.json files")
    result.add_argument("--figures", nargs="*", default=[], metavar="NAME=PATH", help="figures (.svg, .png)")
    result.add_argument("--tables", nargs="*", default=[], metavar="NAME=PATH", help="tables and records (.csv, .json)")
    result.add_argument("--template", required=True, help="report.html.j2, beside report.css and report.js")
    result.add_argument("--out", required=True, help="HTML file to write")
    return result


def main(args, settings):
    libraries = {"Python": platform.python_version()}
    for program in sorted(ROOT.glob("*.py")):
        libraries |= library_versions(program)
    figures, tables = stage.pairs(args.figures), stage.pairs(args.tables)
    text = page.render(args.template, settings, args.metrics, figures, tables, libraries)
    write_text(args.out, text)
    stage.progress(f"{args.out}: {len(text.encode()) / 1e6:.1f} MB, {len(figures)} figures")


if __name__ == "__main__":
    stage.run(main, parser())
