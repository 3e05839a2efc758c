"""Apply a frozen backbone, an ONNX file, to all splits; write its features, averaged over the views of each image."""

import numpy as np

from medfusion.files import images
from medfusion.files.artifacts import hash_file
from medfusion.files.hdf5 import create_hdf5, open_hdf5
from medfusion.jobs import stage

BLOCK = 256  # images, after which progress is told


def parser():
    result = stage.parser(__doc__)
    result.add_input("--images", nargs=3, metavar=("TRAIN", "VAL", "TEST"), help="prepared images (HDF5)")
    result.add_input("--backbone", help="ONNX file, from images to features")
    result.add_output("--features", help="HDF5 file to write: {split}/features")
    return result


def main(args, settings):
    from medfusion.learning import backbones
    from medfusion.learning.averages import averaged

    backbone = backbones.load(args.backbone, settings["backbone"], settings["threads"])
    attributes = {
        "layers": [backbone.output],
        "views": settings["test_time_augmentation"],
        "backbone": hash_file(args.backbone),
    }
    with create_hdf5(args.features, **attributes, **images.describe(args.images[0]).attributes()) as file:
        for split, path in zip(("train", "val", "test"), args.images, strict=True):
            with open_hdf5(path) as prepared:
                count = len(prepared["images"])
            features, done = file.create_dataset(f"{split}/features", (count, backbone.width), np.float32), 0
            for block in images.image_blocks(path, BLOCK):
                features[done : done + len(block)] = averaged(backbone, block, settings["test_time_augmentation"])[0]
                done += len(block)
                stage.progress(f"{settings['title']}: features of {done} of {count} {split} images")


if __name__ == "__main__":
    stage.run(main, parser())
