"""Apply a network, the classifiers on its features and their fusions to corrupted test images; without labels."""

from medfusion.files import corrupted_files, images
from medfusion.files.hdf5 import create_hdf5, open_hdf5, rows
from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--model", help="trained network (.keras)")
    result.add_input("--images", help="prepared test images (HDF5)")
    for kind, words in (("classifiers", "fitted classifiers (.skops)"), ("fusions", "weights of fusions (JSON)")):
        result.add_input(f"--{kind}", nargs="*", required=False, default=[], metavar="PATH", help=words)
    result.add_output("--corrupted", help="HDF5 file to write: {corruption}/{severity}/{system} probabilities")
    return result


def main(args, settings):
    from medfusion.data import corruptions, medmnist_c
    from medfusion.data.sampling import taken
    from medfusion.files.corrupted_files import UNTOUCHED, Condition
    from medfusion.learning import backend, run_systems
    from medfusion.learning.features import apply, extractor, load_network

    backend.configure(settings["threads"], seed=0)
    model = extractor(load_network(args.model), settings["layers"])
    fitted, fusions = run_systems.read(settings, args.classifiers, args.fusions)
    wanted = medmnist_c.corruptions(settings["flag"])
    with open_hdf5(args.images) as file:
        number, *shape = file["images"].shape
    chosen = taken(number, settings["test_images"], settings["seed"])
    step = corruptions.block_images(shape)
    attributes = {**images.describe(args.images).attributes(), "corruptions": list(wanted)}
    with create_hdf5(args.corrupted, **attributes) as file:
        file["numbers"] = chosen
        for start in range(0, len(chosen), step):
            numbers = chosen[start : start + step]
            block = rows(args.images, "images", numbers)
            large = corruptions.enlarged(block)
            for condition in [
                UNTOUCHED,
                *(Condition(name, level) for name in wanted for level in settings["severities"]),
            ]:
                version = block
                if condition != UNTOUCHED:
                    name, severity = condition
                    parameter = wanted[name][severity - 1]
                    version = corruptions.corrupted(large, shape, name, severity, parameter, numbers)
                said = run_systems.of_images(
                    version, lambda given: apply(model, given, settings["test_time_augmentation"]), fitted, fusions
                )
                for system, values in said.items():
                    corrupted_files.append(file, condition, system, values)
            stage.progress(
                f"{settings['title']}: {start + len(block)} of {len(chosen)} images under {len(wanted)} corruptions"
            )


if __name__ == "__main__":
    stage.run(main, parser())
