"""Saliency maps of a network for selected test images: Grad-CAM, and the fall of probability where a part is hidden.

Of a frozen backbone with its linear head the second alone.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from medfusion.files import images
from medfusion.files.example_files import Maps, mapped, read_examples, write_maps
from medfusion.files.hdf5 import open_hdf5
from medfusion.jobs import stage


def parser() -> argparse.ArgumentParser:
    """The arguments of the stage."""
    result = stage.parser(__doc__)
    result.add_input("--examples", help="selected test images (JSON)")
    result.add_input("--images", help="prepared test images (HDF5)")
    result.add_input("--model", help="trained network (.keras), or the head of a backbone (.skops)")
    result.add_input("--backbone", required=False, help="ONNX file, if the network is a frozen backbone")
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

    from medfusion.learning.occlusion import occlusion, patch_and_stride

    gradcam, layer = np.zeros((len(indices), 0, 0), np.float32), ""
    if args.backbone:
        probabilities = headed(args.backbone, args.model, settings, views)
    else:
        from medfusion.learning import backend, saliency
        from medfusion.learning.features import load_network

        backend.configure(settings["threads"], seed=0)
        network = load_network(args.model)
        gradcam, layer = saliency.gradcam(network, pictures, classes, views), saliency.spatial_layer(network).name
        probabilities = saliency.probabilities(network, views)
    patch, stride = patch_and_stride(pictures.shape[1:])
    falls = occlusion(probabilities, pictures, classes, images.mean_colour(args.images), patch, stride)
    maps = Maps(indices, classes, gradcam, falls, layer, patch, stride)
    write_maps(args.maps, images.describe(args.images), maps)
    rows, columns = maps.gradcam.shape[1:]
    stage.progress(f"{args.maps}: {len(indices)} images, Grad-CAM on {rows} × {columns} positions")


def headed(path: str, head: str, settings: dict[str, Any], views: list[str]) -> Callable[[np.ndarray], np.ndarray]:
    """What the head of a backbone says of images, uint8 (n, H, W, C)."""
    from medfusion.learning import backbones, classifiers
    from medfusion.learning.averages import averaged

    backbone, model = backbones.load(path, settings["backbone"], settings["threads"]), classifiers.load(head)
    return lambda pictures: classifiers.probabilities(model, averaged(backbone, pictures, views)[0])


if __name__ == "__main__":
    stage.run(main, parser())
