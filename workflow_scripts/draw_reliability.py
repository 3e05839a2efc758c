"""Draw how far probabilities can be trusted: reliability diagrams, risk-coverage curves, prediction sets."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--reliability", help="what was measured on the test split (JSON)")
    result.add_output("--diagrams", help="figure to write: confidence against accuracy")
    result.add_output("--risk-coverage", help="figure to write: accuracy against the share of images referred")
    result.add_output("--conformal", help="figure to write: coverage and size of prediction sets")
    return result


def main(args, settings):
    from medfusion.figures import drawing
    from medfusion.figures import reliability_figures as figures
    from medfusion.files import reliabilities

    found = reliabilities.read(args.reliability, settings["shown"])
    with drawing.style(settings["style"]):
        drawing.save(figures.diagrams(found), args.diagrams, figures.diagram_numbers(found))
        drawing.save(figures.risk_coverage(found), args.risk_coverage, figures.risk_coverage_numbers(found))
        drawing.save(figures.conformal(found), args.conformal, figures.conformal_numbers(found))


if __name__ == "__main__":
    stage.run(main, parser())
