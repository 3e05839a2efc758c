"""Study the classifiers on a network's features: learning curves of tree and forest, regions in the PCA plane."""

import numpy as np

from medfusion.files import hdf5, images
from medfusion.jobs import stage
from medfusion.naming import no_learning_curves


def parser():
    result = stage.parser(__doc__)
    result.add_input("--features", help="features of all splits (HDF5)")
    result.add_input("--train", help="prepared training split, for its labels (HDF5)")
    result.add_input("--val", help="prepared validation split, for its labels (HDF5)")
    result.add_input(
        "--tree",
        required=False,
        nargs="?",
        help="fitted decision tree (.skops) to draw; its curve has its settings",
    )
    result.add_output("--studies", help="HDF5 file to write")
    return result


def main(args, settings):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    from medfusion.files import study_files
    from medfusion.learning import classifiers, studies
    from medfusion.learning.subsets import at_most

    description, seed = images.describe(args.train), settings["seed"]
    labels, val_labels = images.read_labels(args.train), images.read_labels(args.val)
    with hdf5.open_hdf5(args.features) as file:
        held = settings["fit_values"] // file["train/features"].shape[1]
    most = min(settings["fit_images"] or held, held)
    chosen, val_chosen = (at_most(values, most, seed) for values in (labels, val_labels))
    labels, val_labels = labels[chosen], val_labels[val_chosen]
    features = hdf5.rows(args.features, "train/features", chosen)
    val_features = hdf5.rows(args.features, "val/features", val_chosen)
    if args.tree:
        tree = studies.tree_inside(classifiers.load(args.tree))
    else:
        tree = DecisionTreeClassifier(random_state=seed).fit(features, labels)
    models = {"decision_tree": tree, "random_forest": RandomForestClassifier(random_state=seed, n_jobs=1)}
    data = (features, labels, val_features, val_labels)
    curves = {}
    for name, model in models.items():
        stage.progress(f"learning curve of {name}")
        curve = studies.learning_curve(model, *data, settings["tree_sizes"], settings["folds"], seed)
        curves |= {name: curve} if curve else {}
    left_out = ""
    if not curves:
        left_out = no_learning_curves(int(np.bincount(labels).max()), settings["folds"])
        stage.progress(left_out)
    stage.progress("regions in the plane of two components")
    test_features = hdf5.blocks(args.features, "test/features")
    plane = studies.plane(features, labels, test_features, settings["plane_images"], seed)
    study_files.write(args.studies, description, seed, curves, plane, studies.tree_shape(tree), left_out)


if __name__ == "__main__":
    stage.run(main, parser())
