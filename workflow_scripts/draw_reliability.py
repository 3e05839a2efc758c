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
    from medfusion.figures import drawing, reliability_figures
    from medfusion.files import reliabilities

    found = reliabilities.read(args.reliability, settings["shown"])
    with drawing.style(settings["style"]):
        drawing.save(reliability_figures.diagrams(found), args.diagrams)
        drawing.save(reliability_figures.risk_coverage(found), args.risk_coverage)
        drawing.save(reliability_figures.conformal(found), args.conformal)


if __name__ == "__main__":
    stage.run(main, parser())
