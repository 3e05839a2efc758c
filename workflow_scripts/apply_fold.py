"""Apply the systems of a fold, a network with classifiers and fusions, to the given test images; without labels."""

from medfusion.files import fold_ensembles, images
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--model", help="trained network (.keras)")
    result.add_input("--images", help="prepared test images (HDF5)")
    for kind, words in (("classifiers", "fitted classifiers (.skops)"), ("fusions", "weights of fusions (JSON)")):
        result.add_input(f"--{kind}", nargs="*", required=False, default=[], metavar="PATH", help=words)
    result.add_output("--given", help="HDF5 file to write: {system}/probabilities")
    return result


def main(args, settings):
    from medfusion.learning import backend, run_systems
    from medfusion.learning.features import apply, extractor, load_network

    backend.configure(settings["threads"], seed=0)
    model = extractor(load_network(args.model), settings["layers"])
    fitted, fusions = run_systems.read(settings, args.classifiers, args.fusions)
    said = [
        run_systems.of_images(
            block, lambda given: apply(model, given, settings["test_time_augmentation"]), fitted, fusions
        )
        for block in images.image_blocks(args.images)
    ]
    fold_ensembles.write_given(args.given, images.describe(args.images), said)
    stage.progress(f"{settings['title']}: {len(said[0])} systems on the given test images")


if __name__ == "__main__":
    stage.run(main, parser())
