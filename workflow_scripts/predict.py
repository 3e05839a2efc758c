"""Predict with an exported system: one image, a folder or an .npz file; class, probabilities, prediction set, referral.

PACKAGE is a folder that `snakemake export` made: results/{dataset}/export, or a copy of it anywhere; nothing else is
read. What is done to a picture is said in its README.md. Results go to --out or to the standard output; everything else
goes to the standard error. The exit status is 1 if any file was refused.
"""

import argparse
import contextlib
import os
import resource
import sys
import threading
from importlib import metadata
from pathlib import Path

from medfusion import escaping
from medfusion.errors import UserError
from medfusion.files.artifacts import replacing

PATIENCE = 300  # seconds to load a model package and to try it on one image; an ensemble of many networks takes ten
MEMORY = 16 * 2**30  # bytes of address space, of which libraries reserve a few without using them


def main():
    escaping.speak_utf8()
    args = parse()
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    try:
        limit_memory()
        refused = predict(args)
    except UserError as error:
        escaping.stop(f"error: {error}")
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        escaping.stop(f"error: {error.filename or args.out or 'standard output'}: {error.strerror}")
    except MemoryError:
        sys.exit("error: not enough memory")
    except KeyboardInterrupt:
        sys.exit("stopped before its end")
    sys.exit(1 if refused else 0)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", metavar="PACKAGE", help="folder that `snakemake export` made")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="PNG or JPEG, folder of them, or .npz with images")
    parser.add_argument("--out", metavar="FILE", help="file to write; the standard output where not given")
    parser.add_argument("--format", choices=["csv", "json"], help="csv, unless FILE ends in .json")
    parser.add_argument("--array", metavar="NAME", help="of an .npz file; images, or else test_images, if not given")
    parser.add_argument(
        "--backbone",
        action="append",
        default=[],
        metavar="FILE",
        help="a pretrained backbone (.onnx) that PACKAGE needs and does not hold; once for each",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the processor")
    args = parser.parse_args()
    if not 1 <= args.threads <= 256:
        parser.error(f"--threads: {args.threads}; expected 1 to 256")
    args.format = args.format or ("json" if (args.out or "").lower().endswith(".json") else "csv")
    return args


def predict(args):
    """Write what the system says of every image; how many files were refused."""
    import numpy as np

    from medfusion.data.pictures import Form
    from medfusion.package import answers, contents, inputs
    from medfusion.package.predictor import Predictor

    check_destination(args)
    with patience(
        PATIENCE, f"error: {args.package}: not loaded within {PATIENCE} seconds; get the model package again"
    ):
        predictor = Predictor(args.package, args.threads, args.backbone)
    package = predictor.package
    say(contents.WARNING)
    if package.generated:
        say(contents.GENERATED)
    for name in ("onnxruntime", "scikit-learn", "skops"):
        if (here := metadata.version(name)) != package.libraries.get(name):
            say(f"exported with {name} {package.libraries.get(name)}, here is {here}: results may differ")
    done, refused = 0, []
    with destination(args.out) as file:
        writer = answers.WRITERS[args.format](file, package)
        form = Form(package.flag, package.size, package.channels, package.bits)
        found = inputs.items(args.inputs, form, say, [args.array] if args.array else inputs.NPZ_KEYS)
        for batch in inputs.batches(found):
            for item in (item for item in batch if item.refusal):
                say(f"refused: {item.name}: {item.refusal}")
                refused.append(item)
            if sound := [item for item in batch if not item.refusal]:
                predictions = predictor.predict(np.stack([item.image for item in sound]))
                writer.add(answers.records(package, sound, predictions))
            done += len(sound)
            if len(batch) == inputs.BATCH:
                say(f"{done} images")
        writer.end(refused)
    say(f"{done} images, {len(refused)} refused")
    return len(refused)


def check_destination(args):
    """Refuse to write over what the user has: a picture, another input, the package."""
    if args.out is None:
        return
    from medfusion.data.folders import OTHER_PICTURES, SUFFIXES

    out = Path(args.out)
    if not out.name or out.is_dir() or (out.exists() and not out.is_file()):
        raise UserError(f"--out: {args.out!r}; expected the name of a file")
    if out.suffix.lower() in {*SUFFIXES, *OTHER_PICTURES, ".npz"}:
        raise UserError(f"--out: {args.out} is named like images, which it would replace; expected .csv or .json")
    if out.resolve() in {Path(given).resolve() for given in args.inputs}:
        raise UserError(f"--out: {args.out} is an input; choose another file")
    if out.resolve().parent == Path(args.package).resolve():
        raise UserError(
            f"--out: {args.out} lies in the model package, which is to stay as it was exported; choose another"
        )


def limit_memory():
    """Let a model package that asks for more memory than any system needs be refused, not bring the machine down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))


@contextlib.contextmanager
def patience(seconds, message):
    """End the program with a message where a block takes longer; what runs there may not listen to signals."""

    def end():
        escaping.say(message, sys.stderr)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def destination(path):
    """The file to write, whole or not at all, or the standard output."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    options = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
    with replacing(path) as temporary, open(temporary, "w", **options) as file:
        yield file
        file.flush()


def say(text):
    """Tell a person, beside the results."""
    escaping.say(text, sys.stderr)


if __name__ == "__main__":
    main()
