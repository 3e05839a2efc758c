"""Draw phantom images in MedMNIST format, for where there is no network: the same settings give the same file."""

import numpy as np

from medfusion.errors import UserError
from medfusion.files.artifacts import replacing
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_output("--out", help="the .npz file to write")
    return result


def main(args, settings):
    from medfusion.data import phantoms

    counts = {split: settings[split] for split in ("train", "val", "test")}
    try:
        arrays = phantoms.generate(settings["flag"], settings["size"], counts, settings["seed"])
    except ValueError as error:
        raise UserError(f"generated images: {error}") from None
    with replacing(args.out) as temporary:
        np.savez(temporary, **arrays)
    stage.progress(f"{args.out}: {counts} generated images")


if __name__ == "__main__":
    stage.run(main, parser())
