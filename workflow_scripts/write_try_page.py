"""Write the page on which the exported system is tried in a browser: plain files, and samples from validation."""

import json
from pathlib import Path

import numpy as np

from medfusion.errors import UserError
from medfusion.files import images
from medfusion.files.artifacts import read_json, replacing, write_text
from medfusion.files.hdf5 import open_hdf5
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--package", help="model_package.json, beside all files of the model package")
    result.add_input("--classifiers", help="its fitted classifiers (.skops)")
    result.add_input("--input-check", required=False, help="the arrays of its input check (.npz)")
    result.add_input("--networks", nargs="+", metavar="PATH", help="its networks (.onnx)")
    result.add_input("--val", help="prepared validation split, of which samples are shown (HDF5)")
    result.add_output("--system", help="JSON file to write: what the page knows of the system")
    result.add_output("--arrays", help="file to write: networks, and the numbers of classifiers")
    result.add_output("--page", nargs="+", metavar="PATH", help="files to write: the page and its scripts")
    return result


def main(args, settings):
    from medfusion.package import contents, try_files, try_page

    if [Path(path).name for path in args.page] != list(try_files.PAGE):
        raise UserError(f"--page: expected files named {', '.join(try_files.PAGE)}")
    folder = Path(args.package).parent
    package, labels = contents.read(folder), images.read_labels(args.val)
    present, rows = np.unique(labels, return_index=True)  # the first image of each class
    with open_hdf5(args.val) as file:
        samples = [(file["images"][row], int(label)) for label, row in zip(present, rows, strict=True)]
    system, arrays = try_page.system(folder, package, read_json(args.package), samples, images.mean_colour(args.val))
    with replacing(args.arrays) as temporary:
        temporary.write_bytes(arrays)
    write_text(args.system, json.dumps(system, ensure_ascii=False) + "\n")
    for path in args.page:
        write_text(path, try_page.page_file(Path(path).name).read_text(encoding="utf-8"))
    stage.progress(f"{settings['dataset']}: {Path(args.system).parent}, {len(arrays) / 1e6:.1f} MB; make try serves it")


if __name__ == "__main__":
    stage.run(main, parser())
