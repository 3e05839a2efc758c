"""Draw single test images: mistakes, confused classes, disagreements of network and SVM, where the network looks."""

import argparse
from typing import Any

from medfusion.files.images import describe
from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--cases", help="selected test images (JSON)")
    result.add_input("--images", help="prepared test images (HDF5)")
    result.add_input("--maps", help="maps of where the network looks (HDF5)")
    result.add_output("--mistakes", help="figure to write: the most confident mistakes")
    result.add_output("--confused", help="figure to write: the most confused classes")
    result.add_output("--disagreements", help="figure to write: where either network or SVM is right")
    result.add_output("--attention", help="figure to write: where the network looks")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write four figures."""
    from medfusion.figures import case_figures, drawing
    from medfusion.files.case_files import mapped, read_cases, read_maps, selected
    from medfusion.files.hdf5 import open_hdf5
    from medfusion.naming import shown

    cases = read_cases(args.cases)
    maps = read_maps(args.maps, [index for index, _ in mapped(cases)])
    names = shown(describe(args.images), settings)
    indices = selected(cases)
    with open_hdf5(args.images) as file:
        pictures = dict(zip(indices, file["images"][indices], strict=True))
    with drawing.style(settings["style"]):
        drawing.save(case_figures.mistakes(cases, pictures, names), args.mistakes)
        drawing.save(case_figures.confused(cases, pictures, names), args.confused)
        drawing.save(case_figures.disagreements(cases, pictures, names), args.disagreements)
        drawing.save(case_figures.attention(cases, pictures, maps, names), args.attention)
    stage.progress(f"{names.name}: {len(indices)} test images drawn")


if __name__ == "__main__":
    stage.run(main, parser())
