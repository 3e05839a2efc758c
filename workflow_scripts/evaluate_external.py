"""Evaluate an exported system on labelled images from elsewhere: every measure with its interval, beside the test's.

PACKAGE is a folder that `snakemake export` made. DATA is a folder with a subfolder of pictures for each class, called
as the system's classes are, or an .npz file with `images` and `labels` (or `test_images` and `test_labels`). Classes
may be missing. A table goes to the standard output; --out writes everything as JSON. Nothing is fitted or chosen on
these images. The exit status is 1 if any picture was refused.
"""

import argparse

from medfusion import escaping
from medfusion.package import running


def main():
    escaping.speak_utf8()
    args = parse()
    running.run(lambda: evaluate(args), args.threads, args.out)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", metavar="PACKAGE", help="folder that `snakemake export` made")
    parser.add_argument("data", metavar="DATA", help="folder with a subfolder for each class, or .npz")
    parser.add_argument("--out", metavar="FILE", help="JSON file to write")
    parser.add_argument("--array", metavar="NAME", help="of an .npz file; images, or else test_images, if not given")
    return running.parse(parser)


def evaluate(args):
    """Print what was measured, and write it; how many pictures were refused."""
    import json

    import numpy as np

    from medfusion.data.pictures import Form
    from medfusion.errors import UserError
    from medfusion.package import external, inputs
    from medfusion.package.predictor import Predictions
    from medfusion.tools import external_tables, terminal

    running.check_destination(args.out, [args.data], args.package)
    predictor = running.loaded(args.package, args.threads, args.backbone)
    package, record = predictor.package, external.record(args.package)
    form = Form(package.flag, package.size, package.channels, package.bits)
    refused, labels, parts = [], [], []
    given = external.labelled(args.data, package.label_names, form, running.say, args.array)
    for batch in inputs.batches(given):
        for item, _ in batch:
            if item.refusal:
                running.say(f"refused: {item.name}: {item.refusal}")
                refused.append({"file": item.name, "reason": item.refusal})
        if sound := [(item.image, label) for item, label in batch if not item.refusal]:
            parts.append(predictor.predict(np.stack([image for image, _ in sound])))
            labels += [label for _, label in sound]
    if not labels:
        raise UserError(f"{args.data}: holds no image that can be taken")
    fields = zip(*parts, strict=True)
    found = Predictions(*(None if part[0] is None else np.concatenate(part) for part in fields))
    result = external.evaluate(np.array(labels), found, package, record)
    console = terminal.console()
    for table in external_tables.tables(result, package):
        console.print(terminal.rich_table(table))
    if missing := result["missing"]:
        running.say(
            f"no image of {', '.join(missing)}: no AUROC over all classes, and their share of errors is not known"
        )
    if args.out:
        with running.destination(args.out) as file:
            json.dump({"data": args.data, **result, "refused": refused}, file, indent=2, ensure_ascii=False)
            file.write("\n")
    running.say(f"{len(labels)} images, {len(refused)} refused")
    return len(refused)


if __name__ == "__main__":
    main()
