# What targets make of the data sets that they can serve. Needs: the plan.
NOT_SERVED = {
    "export": "a model package holds systems of one class an image, not of several labels at once",
    "predictions": "MedMNIST's evaluator knows no data set without a flag",
}


def served(target, datasets, pattern):
    """A target's files of the data sets that it can serve; it names those that it leaves out, if it is asked for."""
    left = [dataset for dataset in DATASETS if dataset not in datasets]
    if not datasets and set(ASKED.targets) == {target}:
        raise WorkflowError(f"{target}: {NOT_SERVED[target]} ({', '.join(DATASETS)}); there is nothing to make")
    if left and target in ASKED.targets:
        print(f"{target}: without {', '.join(left)}: {NOT_SERVED[target]}", file=sys.stderr)
    return expand(pattern, dataset=datasets)


def partitioned(scheme):
    """What a scheme of other splits makes of the data sets that ask for it."""
    datasets = PLAN.partitioned(scheme)
    if not datasets and set(ASKED.targets) == {scheme}:
        raise WorkflowError(f"{scheme}: no data set of config.yaml has the key {scheme}; there is nothing to make")
    ensembles = PLAN.fold_ensembles if scheme == "crossvalidation" else []
    return expand(f"{RESULTS}/{{path}}/summary.md", path=[*(f"{dataset}/{scheme}" for dataset in datasets), *ensembles])
