"""Write MedMNIST's own prediction files for every system of a data set, in one archive."""

from medfusion.jobs import stage


def parser():
    result = stage.parser(__doc__)
    result.add_input("--systems", nargs="+", metavar="PATH", help="probabilities (HDF5), in the settings' order")
    result.add_input("--metrics", nargs="+", metavar="PATH", help="metrics.json of each group of systems")
    result.add_output("--archive", help="archive to write (.zip)")
    return result


def main(args, settings):
    from medfusion.files import metric_files, prediction_files

    files = iter(args.systems)
    groups = [
        (metric_files.read(path), {system: next(files) for system in systems})
        for path, systems in zip(args.metrics, settings["systems"], strict=True)
    ]
    written = prediction_files.write(args.archive, settings["flag"], settings["size"], settings["source"], groups)
    stage.progress(f"{args.archive}: {written} prediction files")


if __name__ == "__main__":
    stage.run(main, parser())
