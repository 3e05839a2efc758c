"""Draw the studies of the classifiers: learning curves, a decision tree, regions in the PCA plane."""

from medfusion.files import images
from medfusion.files.prepared import data_line
from medfusion.jobs import stage
from medfusion.naming import shown


def parser():
    result = stage.parser(__doc__)
    result.add_input("--studies", help="what study_classifiers wrote (HDF5)")
    result.add_input("--test-labels", help="labels of the test split, for its points (HDF5)")
    result.add_input("--train", help="prepared training split, to name it (HDF5)")
    result.add_output("--learning", help="figure to write: learning curves")
    result.add_output("--tree", help="figure to write: the decision tree")
    result.add_output("--plane", help="figure to write: the PCA plane")
    return result


def main(args, settings):
    from medfusion.figures import curve_figures, drawing, montage, study_figures
    from medfusion.files import study_files

    description, seed, curves, plane, tree, left_out = study_files.read(args.studies)
    source = f"{data_line(settings['name'], [args.train])} · seed {seed}"
    labels, names = images.read_labels(args.test_labels), shown(description, settings).label_names
    with drawing.style(settings["style"]):
        learning = curve_figures.learning_curves(curves, source) if curves else montage.message(left_out, source)
        drawing.save(learning, args.learning, curve_figures.learning_numbers(curves))
        drawing.save(
            study_figures.plane(plane, labels, names, source),
            args.plane,
            study_figures.plane_numbers(plane, labels, names),
        )
        drawing.save(study_figures.tree(tree, names, source), args.tree, study_figures.tree_numbers(tree, names))


if __name__ == "__main__":
    stage.run(main, parser())
