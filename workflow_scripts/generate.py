"""Draw synthetic images in MedMNIST format, for where there is no network: the same settings give the same file."""

import zipfile

import numpy as np

from medfusion.errors import UserError
from medfusion.files.archives import add_array, array_member
from medfusion.files.artifacts import replacing
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--npz", help="the .npz file to write")
    return result


def main(args, settings):
    from medfusion.data import synthetic_images

    counts = {split: settings[split] for split in ("train", "val", "test")}
    try:
        drawn = synthetic_images.Drawing(settings["flag"], settings["size"], counts, settings["seed"])
    except ValueError as error:
        raise UserError(f"generated images: {error}") from None
    with replacing(args.npz) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for split, count in counts.items():
            done = 0
            with array_member(archive, f"{split}_images", np.uint8, (count, *drawn.shape)) as member:
                for block in drawn.images(split):
                    member.write(block)
                    done += len(block)
                    stage.progress(f"{args.npz}: {done} of {count} {split} images")
            add_array(archive, f"{split}_labels", drawn.labels[split])
        add_array(archive, "provenance", drawn.provenance)
    stage.progress(f"{args.npz}: {counts} generated images")


if __name__ == "__main__":
    stage.run(main, parser())
