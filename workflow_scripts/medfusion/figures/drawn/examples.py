"""Single test images: errors, confused classes, disagreements of network and SVM, saliency maps."""

from typing import Any

from medfusion.figures.drawn import Drawn
from medfusion.files.images import describe


def draw(settings: dict[str, Any], examples: str, images: str, maps: str) -> Drawn:
    """The figures `errors`, `confused`, `disagreements` and `saliency`, and the pictures `top_errors`.

    Parameters
    ----------
    examples : selected test images (JSON)
    images : prepared test images (HDF5)
    maps : saliency maps (HDF5)
    """
    from medfusion.figures import example_figures
    from medfusion.files.example_files import mapped, read_examples, read_maps, selected
    from medfusion.files.hdf5 import open_hdf5
    from medfusion.naming import display_names

    chosen = read_examples(examples)
    mapped_images = read_maps(maps, [index for index, _ in mapped(chosen)])
    names, indices = display_names(describe(images), settings), selected(chosen)
    with open_hdf5(images) as file:
        pictures = dict(zip(indices, file["images"][indices], strict=True))
    return {
        "errors": (example_figures.errors(chosen, pictures, names), None),
        "confused": (example_figures.confused(chosen, pictures, names), None),
        "disagreements": (example_figures.disagreements(chosen, pictures, names), None),
        "saliency": (example_figures.saliency(chosen, pictures, mapped_images, names), None),
        "top_errors": (example_figures.top_errors(chosen, pictures), None),
    }
