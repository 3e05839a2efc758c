"""Saliency maps of a network for selected test images: Grad-CAM, and the fall of probability where a part is hidden."""

import argparse
from typing import Any

import numpy as np

from medfusion.files import images
from medfusion.files.example_files import Maps, mapped, read_examples, write_maps
from medfusion.files.hdf5 import open_hdf5
from medfusion.files.mean_colour import mean_colour
from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--examples", help="selected test images (JSON)")
    result.add_input("--images", help="prepared test images (HDF5)")
    result.add_input("--model", help="trained network (.keras)")
    result.add_input("--features", help="what it says of all images (HDF5): its views are averaged over here too")
    result.add_output("--maps", help="HDF5 file to write")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Write the maps."""
    chosen = mapped(read_examples(args.examples))
    with open_hdf5(args.features) as file:
        views = [str(view) for view in file.attrs["views"]]
    indices, classes = (np.array(values, np.int64) for values in zip(*chosen, strict=True))
    with open_hdf5(args.images) as file:
        pictures = file["images"][indices]

    from medfusion.learning import backend, saliency
    from medfusion.learning.features import load_network

    backend.configure(settings["threads"], seed=0)
    network = load_network(args.model)
    patch, stride = saliency.patch_and_stride(pictures.shape[1:])
    maps = Maps(
        indices,
        classes,
        saliency.gradcam(network, pictures, classes, views),
        saliency.occlusion(network, pictures, classes, views, mean_colour(args.images), patch, stride),
        saliency.spatial_layer(network).name,
        patch,
        stride,
    )
    write_maps(args.maps, images.describe(args.images), maps)
    rows, columns = maps.gradcam.shape[1:]
    stage.progress(f"{args.maps}: {len(indices)} images, Grad-CAM on {rows} × {columns} positions")


if __name__ == "__main__":
    stage.run(main, parser())
