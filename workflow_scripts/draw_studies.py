"""Draw the studies of the classifiers: learning curves, a decision tree, regions in the PCA plane."""

from medfusion import curve_figures, drawing, images, stage, study_figures, study_files
from medfusion.prepared import data_line


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--studies", required=True, help="what study_classifiers wrote (HDF5)")
    result.add_argument("--test-labels", required=True, help="labels of the test split, for its points (HDF5)")
    result.add_argument("--train", required=True, help="prepared training split, to name it (HDF5)")
    result.add_argument("--learning", required=True, help="figure to write: learning curves")
    result.add_argument("--tree", required=True, help="figure to write: the decision tree")
    result.add_argument("--plane", required=True, help="figure to write: the PCA plane")
    return result


def main(args, settings):
    description, seed, curves, plane, tree = study_files.read(args.studies)
    source = f"{data_line([args.train])} · seed {seed}"
    labels, names = images.read_labels(args.test_labels), description.label_names
    with drawing.style(settings["style"]):
        drawing.save(curve_figures.learning_curves(curves, source), args.learning)
        drawing.save(study_figures.plane(plane, labels, names, source), args.plane)
        drawing.save(study_figures.tree(tree, names, source), args.tree)


if __name__ == "__main__":
    stage.run(main, parser())
