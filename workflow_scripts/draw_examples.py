"""Draw single test images: errors, confused classes, disagreements of network and SVM, saliency maps."""

import argparse
from typing import Any

from medfusion.files.images import describe
from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--examples", help="selected test images (JSON)")
    result.add_input("--images", help="prepared test images (HDF5)")
    result.add_input("--maps", help="saliency maps (HDF5)")
    result.add_output("--errors", help="figure to write: the most confident errors")
    result.add_output("--confused", help="figure to write: the most confused classes")
    result.add_output("--disagreements", help="figure to write: where either network or SVM is right")
    result.add_output("--saliency", help="figure to write: saliency maps")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write four figures."""
    from medfusion.figures import drawing, example_figures
    from medfusion.files.example_files import mapped, read_examples, read_maps, selected
    from medfusion.files.hdf5 import open_hdf5
    from medfusion.naming import shown

    examples = read_examples(args.examples)
    maps = read_maps(args.maps, [index for index, _ in mapped(examples)])
    names = shown(describe(args.images), settings)
    indices = selected(examples)
    with open_hdf5(args.images) as file:
        pictures = dict(zip(indices, file["images"][indices], strict=True))
    with drawing.style(settings["style"]):
        drawing.save(example_figures.errors(examples, pictures, names), args.errors)
        drawing.save(example_figures.confused(examples, pictures, names), args.confused)
        drawing.save(example_figures.disagreements(examples, pictures, names), args.disagreements)
        drawing.save(example_figures.saliency(examples, pictures, maps, names), args.saliency)
    stage.progress(f"{names.name}: {len(indices)} test images drawn")


if __name__ == "__main__":
    stage.run(main, parser())
