"""Predict with an exported system: one image, a folder or an .npz file; class, probabilities, prediction set, referral.

PACKAGE is a folder that `snakemake export` made: results/{dataset}/export, or a copy of it anywhere; nothing else is
read. What is done to a picture is said in its README.md. Results go to --out or to the standard output; everything else
goes to the standard error. The exit status is 1 if any file was refused.
"""

import argparse

from medfusion import escaping
from medfusion.package import running


def main():
    escaping.speak_utf8()
    args = parse()
    running.run(lambda: predict(args), args.threads, args.out)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", metavar="PACKAGE", help="folder that `snakemake export` made")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="PNG or JPEG, folder of them, or .npz with images")
    parser.add_argument("--out", metavar="FILE", help="file to write; the standard output where not given")
    parser.add_argument("--format", choices=["csv", "json"], help="csv, unless FILE ends in .json")
    parser.add_argument("--array", metavar="NAME", help="of an .npz file; images, or else test_images, if not given")
    args = running.parse(parser)
    args.format = args.format or ("json" if (args.out or "").lower().endswith(".json") else "csv")
    return args


def predict(args):
    """Write what the system says of every image; how many files were refused."""
    import numpy as np

    from medfusion.data.pictures import Form
    from medfusion.package import answers, inputs

    running.check_destination(args.out, args.inputs, args.package)
    predictor = running.loaded(args.package, args.threads, args.backbone)
    package = predictor.package
    done, refused = 0, []
    with running.destination(args.out) as file:
        writer = answers.WRITERS[args.format](file, package)
        form = Form(package.flag, package.size, package.channels, package.bits)
        found = inputs.items(args.inputs, form, running.say, [args.array] if args.array else inputs.NPZ_KEYS)
        for batch in inputs.batches(running.with_bar(found, inputs.count(args.inputs), inputs.BATCH, args.out)):
            for item in (item for item in batch if item.refusal):
                running.say(f"refused: {item.name}: {item.refusal}")
                refused.append(item)
            if sound := [item for item in batch if not item.refusal]:
                predictions = predictor.predict(np.stack([item.image for item in sound]))
                writer.add(answers.records(package, sound, predictions))
            done += len(sound)
        writer.end(refused)
    running.say(f"{done} images, {len(refused)} refused")
    return len(refused)


if __name__ == "__main__":
    main()
