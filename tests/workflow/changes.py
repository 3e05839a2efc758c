"""I changed X: what runs again? Every answer as data, for the tests that try it and for the table in the documentation.

The jobs of a row are written here by hand: those whose own settings, code or list of inputs change. What follows from
them is taken from the job graph by the tests. `python tests/workflow/changes.py --write` renders the table anew.
"""

import ast
import copy
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

Config = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/what-runs-again.md"
LIBRARY = ROOT / "workflow_scripts"
SCRIPTS = sorted(path.stem for path in LIBRARY.glob("*.py"))
# Stages; those that draw share a program, which goes by a module of its own for each.
PROGRAMS = [name for name in SCRIPTS if "stage.run(" in (LIBRARY / f"{name}.py").read_text(encoding="utf-8")]
DRAWN = tuple(f"draw_{path.stem}" for path in sorted((LIBRARY / "medfusion/figures/drawn").glob("[a-z]*.py")))
STAGES = sorted({*PROGRAMS, *DRAWN} - {"draw"})
PACKAGE = LIBRARY / "medfusion"
ARCHITECTURES = sorted({path.stem for path in (PACKAGE / "learning/architectures").glob("[a-z]*.py")} - {"registry"})
# By dotted name below the package: learning.fusion; a package's own file is learning.__init__.
MODULES = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py"))

PAGES = ("report", "summarise")  # they print the whole configuration
FIGURES = (*DRAWN, "inspect_images", "audit_duplicates")
EVERY_JOB = ("*",)


@dataclass(frozen=True)
class Row:
    """One change and its answer.

    words, answer : for docs/what-runs-again.md; rows with the same answer share a line
    runs : the jobs that change, each as a stage with facts that select its jobs (see `specification`), in which {name}
        is what that part of the key stands for; new jobs need not be named
    keys : of config.yaml, as patterns: {name} stands for any one word, {name=word} for that word alone
    samples : of these keys, those that are changed in the small workflow
    edit : for a change of the configuration that is no other value of one key
    files : for a change of files: from the project's folder to the new texts
    """

    words: str
    answer: str
    runs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    edit: Callable[[Config], None] | None = None
    files: Callable[[Path], dict[str, str]] | None = None

    def selected(self, jobs: dict[str, dict[str, set[str]]], key: str = "") -> set[str]:
        """The jobs that change, among those given, when the key is changed."""
        words = next((found for pattern in self.keys if (found := match(pattern, key)) is not None), {})
        roots = [root.format(**words) for root in self.runs]
        return {job for job, facts in jobs.items() if any(_selects(root, job, facts) for root in roots)}


def match(pattern: str, key: str) -> dict[str, str] | None:
    """What the words in braces stand for, if a key is of the pattern.

    >>> match("networks.{network}.training.{setting=epochs}", "networks.blood_cnn.training.epochs")
    {'network': 'blood_cnn', 'setting': 'epochs'}
    """
    text = re.sub(r"\\{(\w+)=(\w+)\\}", r"(?P<\1>\2)", re.escape(pattern))
    found = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^.]+)", text), key)
    return found.groupdict() if found else None


def _selects(root: str, job: str, facts: dict[str, set[str]]) -> bool:
    stage, *wanted = root.split()
    facts_fit = all(value in facts.get(name, ()) for name, value in (fact.split("=") for fact in wanted))
    return stage in ("*", job.partition("/")[0]) and facts_fit


def _each(pattern: str, names: str) -> tuple[str, ...]:
    """The pattern with each of the names in place of {setting}."""
    return tuple(pattern.replace("{setting}", f"{{setting={name}}}") for name in names.split())


TRAINING = (
    "images original_epochs affine corruptions symmetries shift batch_size epochs min_steps optimizer learning_rate "
    "weight_decay schedule warm_up label_smoothing loss class_weight early_stopping reduce_lr"
)
NESTED = ("affine.rotation", "affine.scale", "early_stopping.patience", "reduce_lr.factor", "reduce_lr.patience")
TUNING = ("last_stage", "all", "learning_rate")
OPTIONS = (
    "dropout dense_dropout l2 batch_norm batch_norm_momentum blocks widths stem_stride application input_size fine_tune"
)
SCHEMES = {
    "crossvalidation": "pool folds repeats ensembles seed models compare practically_equivalent",
    "resplits": "number seed models compare practically_equivalent",
}
AUGMENTATION = "preset copies seed flip rotation scale contrast"
CHOOSING = "selection folds search_images fit_images nystroem_components nystroem_images fit_values calibration"
DATASET = "datasets.{dataset}"
MODEL = "datasets.{dataset}.models.{model}"
NETWORK = "networks.{network}"
CLASSIFIER = "classifiers.{classifier}"
FUSION = "fusions.{fusion}"
TAKEN_AWAY = ("write_predictions", "export_package")  # they name the source of the data, and list the runs
# What lists every run of a data set's systems.
CANDIDATES = tuple(
    f"{stage} dataset={{dataset}}"
    for stage in ("rank_systems", "calibrate", "assess_reliability", "assess_discrimination", "assess_slices")
)
# What prints the names of systems; and of those, what a system is, by the facts that say so.
NAMED = tuple(
    f"{stage} dataset={{dataset}}"
    for stage in (
        *("draw_results", "draw_labels", "draw_reliability", "draw_discrimination", "draw_examples"),
        "draw_corruptions",
    )
) + ("export_package dataset={dataset}",)


def _named_by(fact: str, part: str, setting: str = "") -> tuple[str, ...]:
    """What prints the name of a classifier or fusion.

    fact : "named": of any; "plain": of one without a label; "says": a name that says a setting
    """
    stages = [root.split()[0] for root in NAMED]
    return tuple(f"{stage} {fact}={{{part}}}{setting}" for stage in (*stages, "draw_fusions", "draw_grids"))


CHECKS = ("fit_input_check", "apply_input_check")
BLOOD_NAMED = tuple(root.format(dataset="blood") for root in NAMED)
BLOOD_CANDIDATES = tuple(root.format(dataset="blood") for root in CANDIDATES)

KEYS = (
    Row("another number of `compute.threads`", "everything", EVERY_JOB, ("compute.threads",), ("compute.threads",)),
    Row(
        "the `precision` of activations in training; `auto` on another kind of processor",
        "the trainings of networks that can have another (not those of keras.applications, nor with `widths` that are "
        "no multiples of 16), and what follows",
        ("train_cnn lowered=True", "learning_curve lowered=True"),
        ("compute.precision",),
        ("compute.precision",),
    ),
    Row(
        "the folder of `results`",
        "everything but downloads, into the new folder",
        tuple(name for name in STAGES if name != "download"),
        ("results",),
        ("results",),
    ),
    Row(
        "the folder of downloaded `data`",
        "downloads, `prepare`; what follows only if the images are others",
        ("download", "prepare source=official", "prepare source=surrogate"),
        ("data",),
        ("data",),
    ),
    Row(
        "a data set's `source`, `path`, `sha256`, `flag`, `task`, `size`, `generated`",
        "its `prepare` (and `download` or `generate`), and what follows from other images",
        ("prepare dataset={dataset}", *(f"{stage} dataset={{dataset}}" for stage in (*TAKEN_AWAY, "draw_results"))),
        (f"{DATASET}.source", f"{DATASET}.generated"),
        ("datasets.breast.source",),
    ),
    Row(
        "",
        "its `prepare` (and `download` or `generate`), and what follows from other images",
        ("prepare dataset={dataset}",),
        (f"{DATASET}.path", f"{DATASET}.sha256", f"{DATASET}.task"),
        ("datasets.blood.sha256",),
    ),
    Row(
        "",
        "its `prepare` (and `download` or `generate`), and what follows from other images",
        ("generate dataset={dataset}", "prepare dataset={dataset}", "write_predictions dataset={dataset}"),
        (f"{DATASET}.size",),
        ("datasets.blood.size",),
    ),
    Row(
        "",
        "its `prepare` (and `download` or `generate`), and what follows from other images",
        tuple(
            f"{stage} dataset={{dataset}}"
            for stage in ("generate", "prepare", "write_predictions", "corrupt_predict", "draw_corrupted", *CHECKS)
        ),
        (f"{DATASET}.flag",),
        ("datasets.breast.flag",),
    ),
    Row(
        "",
        "its `prepare` (and `download` or `generate`), and what follows from other images",
        ("generate dataset={dataset}",),
        _each(f"{DATASET}.generated.{{setting}}", "seed train val test"),
        ("datasets.breast.generated.seed",),
    ),
    Row(
        "the `split`, `colour`, `bits` and `exclude` of a folder of pictures",
        "its `prepare_folder`, and what follows from other images",
        ("prepare_folder dataset={dataset}",),
        (
            *_each(f"{DATASET}.{{setting}}", "split colour bits exclude"),
            *_each(f"{DATASET}.split.{{setting}}", "shares seed groups"),
        ),
    ),
    Row(
        "",
        "its `prepare_folder`, and what follows from other images",
        ("prepare_folder",),
        _each("defaults.dataset.split.{setting}", "shares seed groups"),
    ),
    Row(
        "a data set's `label`",
        "its figures, its export, the table of all measures, the page",
        (
            *(f"{stage} dataset={{dataset}}" for stage in (*FIGURES, "audit_labels", "export_package")),
            "collect_metrics",
        ),
        (f"{DATASET}.label",),
        ("datasets.breast.label", "datasets.blood.label"),
    ),
    Row(
        "a data set's `label_names`: a typo in a class's name",
        "its figures that print them, its export, the page",
        tuple(
            f"{stage} dataset={{dataset}}"
            for stage in ("inspect_images", "audit_duplicates", "audit_labels", "export_package")
        )
        + tuple(
            f"draw_{what} dataset={{dataset}}"
            for what in ("studies", "results", "discrimination", "reliability", "examples", "mislabelled")
        ),
        (f"{DATASET}.label_names",),
        ("datasets.blood.label_names",),
    ),
    Row(
        "a data set's `positive` label",
        "its calibration and evaluation, and what follows",
        tuple(
            f"{stage} dataset={{dataset}}"
            for stage in ("evaluate", "calibrate", "assess_discrimination", "assess_slices")
        ),
        (f"{DATASET}.positive",),
        ("datasets.breast.positive",),
    ),
    Row(
        "another file of `metadata`, or the same with other content",
        "its slices, the page; `prepare_folder` where who is of which patient has changed in a folder that we split",
        ("assess_slices dataset={dataset}",),
        (f"{DATASET}.metadata",),
    ),
    Row(
        "a data set's `ece_bins`",
        "its evaluation, and what follows",
        tuple(
            f"{stage} dataset={{dataset}}"
            for stage in ("evaluate", "assess_reliability", "corrupt_evaluate", "export_package")
        ),
        (f"{DATASET}.ece_bins",),
        ("datasets.blood.ece_bins",),
    ),
    Row(
        "a data set's threshold of `near_duplicates`",
        "its audits, the comparisons of systems, figures of results, the page; models with `drop_near_duplicates_of`, "
        "and what follows",
        ("audit_duplicates dataset={dataset}", "group_images dataset={dataset}"),
        (f"{DATASET}.near_duplicates",),
        ("datasets.blood.near_duplicates",),
    ),
    Row(
        "`crossvalidation`, `resplits`",
        "the page; of the targets of these names, the partitions that are divided otherwise, and what follows",
        (),
        tuple(
            key
            for scheme, settings in SCHEMES.items()
            for key in (
                f"{DATASET}.{scheme}",
                *_each(f"{DATASET}.{scheme}.{{setting}}", settings),
                *_each(f"defaults.dataset.{scheme}.{{setting}}", settings),
            )
        ),
        ("datasets.blood.resplits",),
    ),
    Row(
        "a data set's `primary` comparisons",
        "the comparisons of systems, the figure of them, the summary, the page",
        ("compare_systems dataset={dataset}",),
        (f"{DATASET}.primary", *_each(f"{DATASET}.primary.{{setting}}", "measure compare")),
        ("datasets.blood.primary.measure",),
    ),
    Row(
        "what a data set's `export` packs",
        "its export",
        ("export_package dataset={dataset}",),
        (f"{DATASET}.export",),
        ("datasets.breast.export", "datasets.blood.export"),
    ),
    Row(
        "a data set's `augmentation`",
        "its augmented set, the networks that draw from it, and what follows",
        ("augment dataset={dataset}",),
        _each(f"{DATASET}.augmentation.{{setting}}", AUGMENTATION),
        ("datasets.breast.augmentation.rotation", "datasets.blood.augmentation.seed"),
    ),
    Row(
        "`published` figures",
        "the figures of results, the page",
        ("draw_results dataset={dataset}",),
        _each(f"{DATASET}.published.{{number}}.{{setting}}", "system name accuracy auroc source"),
        ("datasets.breast.published.0.accuracy",),
    ),
    Row(
        "the `label` of a model, a classifier, a fusion or an ensemble",
        "the figures that name it, the export, the page; nothing is trained or fitted",
        NAMED,
        (f"{MODEL}.label", f"{DATASET}.ensembles.{{ensemble}}.label"),
        ("datasets.blood.models.compact_resnet.label",),
    ),
    Row(
        "",
        "the figures that name it, the export, the page; nothing is trained or fitted",
        _named_by("named", "classifier"),
        (f"{CLASSIFIER}.label",),
        ("classifiers.svm_rbf.label",),
    ),
    Row(
        "",
        "the figures that name it, the export, the page; nothing is trained or fitted",
        _named_by("named", "fusion"),
        (f"{FUSION}.label",),
        ("fusions.cnn_30_svm_70.label",),
    ),
    Row(
        "a model's `network`",
        "that model's trainings, and what follows",
        ("train_cnn dataset={dataset} model={model}",),
        (f"{MODEL}.network",),
        ("datasets.breast.models.breast_cnn.network",),
    ),
    Row(
        "a model's `train_images`",
        "that model's trainings and classifiers, and what follows",
        tuple(f"{stage} dataset={{dataset}} model={{model}}" for stage in ("train_cnn", "fit_grid", "fit_input_check")),
        (f"{MODEL}.train_images",),
        ("datasets.blood.models.compact_resnet.train_images",),
    ),
    Row(
        "a model's `drop_near_duplicates_of`",
        "that model's trainings and classifiers, and what follows",
        tuple(f"{stage} dataset={{dataset}} model={{model}}" for stage in ("train_cnn", "fit_grid", "fit_input_check")),
        (f"{MODEL}.drop_near_duplicates_of",),
        ("datasets.breast.models.breast_cnn.drop_near_duplicates_of",),
    ),
    Row(
        "a seed added to a model's `seeds`",
        "the new seed's jobs alone, ensembles that count the model, its curves, calibration, comparisons, figures of "
        "results, the page",
        (
            "draw_curves dataset={dataset} model={model}",
            "fit_input_check dataset={dataset} model={model}",
            "ensemble dataset={dataset} model={model}",
            "compare_systems dataset={dataset}",
            *CANDIDATES,
            "draw_results dataset={dataset}",
            "collect_metrics",
            *(f"{stage} dataset={{dataset}}" for stage in TAKEN_AWAY),
        ),
        (f"{MODEL}.seeds",),
        ("datasets.breast.models.breast_cnn.seeds", "datasets.blood.models.compact_resnet.seeds"),
    ),
    Row(
        "an entry added to a model's `classifiers` or `fusions`",
        "its fits or fusions, the model's evaluation, calibration, comparisons, figures of results, the page",
        (
            "evaluate dataset={dataset} model={model}",
            "corrupt_predict dataset={dataset} model={model}",
            "corrupt_evaluate dataset={dataset} tried={model}",
            "compare_systems dataset={dataset}",
            "select_examples dataset={dataset}",
            "audit_labels dataset={dataset}",
            *CANDIDATES,
            *NAMED,
            *(f"{stage} dataset={{dataset}}" for stage in TAKEN_AWAY),
        ),
        (f"{MODEL}.classifiers", f"{MODEL}.fusions"),
        ("datasets.breast.models.breast_cnn.classifiers", "datasets.blood.models.compact_resnet.fusions"),
    ),
    Row(
        "the `base` of a derived model",
        "all its jobs, the figure of ablations, the page",
        (
            *(f"{stage} dataset={{dataset}} derived={{model}}" for stage in ("train_cnn", "extract_features")),
            "draw_ablations dataset={dataset}",
        ),
        (f"{MODEL}.base",),
    ),
    Row(
        "the `changes` of a derived model",
        "those of its jobs that they touch (no training again for `features`), the figure of ablations, the page",
        ("train_cnn dataset={dataset} derived={model}",),
        (f"{MODEL}.changes",),
    ),
    Row(
        "the systems that an ensemble averages",
        "that ensemble, the ensembles' evaluation, calibration, comparisons, figures of results, the page",
        ("ensemble dataset={dataset} ensemble={ensemble}", *NAMED),
        (f"{DATASET}.ensembles.{{ensemble}}",),
        ("datasets.blood.ensembles.ensemble_cnn",),
    ),
    Row(
        "",
        "that ensemble, the ensembles' evaluation, calibration, comparisons, figures of results, the page",
        ("ensemble dataset={dataset} ensemble={ensemble}",),
        (f"{DATASET}.ensembles.{{ensemble}}.systems",),
    ),
    Row(
        "the training-size study's `network`",
        "the study's trainings, their evaluation, figures of results, the page",
        ("learning_curve dataset={dataset}",),
        (f"{DATASET}.learning_curve.network",),
        ("datasets.blood.learning_curve.network",),
    ),
    Row(
        "a size added to the study's `sizes`",
        "the new size's trainings alone, the study's evaluation, figures of results, the page",
        (
            "evaluate dataset={dataset} group=learning_curve",
            "write_predictions dataset={dataset}",
        ),
        (f"{DATASET}.learning_curve.sizes",),
        ("datasets.blood.learning_curve.sizes",),
    ),
    Row(
        "a repeat added to the study's `repeats`",
        "the new repeat's trainings alone, their evaluation, figures of results, the page",
        (
            "draw_training_size dataset={dataset}",
            "draw_results dataset={dataset}",
            "collect_metrics",
            "write_predictions dataset={dataset}",
        ),
        (f"{DATASET}.learning_curve.repeats",),
        ("datasets.blood.learning_curve.repeats",),
    ),
    Row(
        "the training-size study switched on or off",
        "its own jobs, figures of results, the page",
        ("draw_results dataset={dataset}", "collect_metrics", "write_predictions dataset={dataset}"),
        (f"{DATASET}.learning_curve",),
        ("datasets.breast.learning_curve",),
    ),
    Row(
        "`defaults.dataset`, `defaults.by_images`, `defaults.model`",
        "what the same key of a data set or model would, for those that do not name it",
        (),
        _each("defaults.dataset.{setting}", "size source ece_bins near_duplicates")
        + _each("defaults.dataset.augmentation.{setting}", AUGMENTATION)
        + _each("defaults.by_images.{number}.{setting}", "up_to network copies")
        + _each("defaults.model.{setting}", "seeds train_images drop_near_duplicates_of classifiers fusions"),
    ),
    Row(
        "`defaults.training`: learning rate, epochs, batch size …",
        "the trainings of the networks that name no other value, and what follows",
        ("train_cnn unset={setting}", "learning_curve unset={setting}"),
        _each("defaults.training.{setting}", TRAINING)
        + tuple(f"defaults.training.{{setting={name.partition('.')[0]}}}.{name.partition('.')[2]}" for name in NESTED),
        ("defaults.training.learning_rate", "defaults.training.early_stopping.patience"),
    ),
    Row(
        "`defaults.features`",
        "the features of the networks that name no other value, the training-size study, and what follows",
        tuple(
            f"{stage} unset={{setting}}"
            for stage in ("extract_features", "learning_curve", "corrupt_predict", "fit_input_check", "export_package")
        ),
        _each("defaults.features.{setting}", "layers test_time_augmentation"),
        ("defaults.features.test_time_augmentation",),
    ),
    Row(
        "`defaults.classifier`: folds, calibration …",
        "the fits of the classifiers that name no other value, and what follows",
        ("fit_grid unset={setting}",),
        _each("defaults.classifier.{setting}", CHOOSING),
        ("defaults.classifier.folds", "defaults.classifier.selection"),
    ),
    Row(
        "a network's `architecture`, `options`, `training`: learning rate, dropout, epochs …",
        "that network's trainings, and what follows",
        ("train_cnn network={network}", "learning_curve network={network}"),
        (f"{NETWORK}.architecture",)
        + _each(f"{NETWORK}.options.{{setting}}", OPTIONS)
        + _each(f"{NETWORK}.training.{{setting}}", TRAINING)
        + tuple(f"{NETWORK}.options.fine_tune.{name}" for name in TUNING)
        + tuple(f"{NETWORK}.training.{name}" for name in NESTED),
        (
            "networks.compact_resnet.training.learning_rate",
            "networks.compact_resnet.training.corruptions",
            "networks.breast_cnn.options.dropout",
            "networks.size_study.training.min_steps",
            "networks.blood_cnn.training.epochs",
        ),
    ),
    Row(
        "a backbone's `path`, `sha256`, `input`, `output`",
        "that backbone's features, and what follows",
        tuple(
            f"{stage} network={{network}}"
            for stage in ("apply_backbone", "map_saliency", "fit_input_check", "export_package")
        ),
        _each(f"{NETWORK}.options.{{setting}}", "path sha256 output")
        + _each(f"{NETWORK}.options.input.{{setting}}", "size layout channels scale mean std"),
    ),
    Row(
        "the `weights` that a network of `keras.applications` starts from",
        "its trainings, exports, whose cards say so, and what follows",
        tuple(f"{stage} network={{network}}" for stage in ("train_cnn", "learning_curve", "export_package")),
        (f"{NETWORK}.options.weights",),
    ),
    Row(
        "a backbone's `in_package`, `pretrained_on`",
        "exports, the page",
        ("export_package network={network}",),
        _each(f"{NETWORK}.options.{{setting}}", "in_package pretrained_on"),
    ),
    Row(
        "a network's `features`",
        "that network's features (no training), and what follows",
        tuple(
            f"{stage} network={{network}}"
            for stage in ("extract_features", "learning_curve", "corrupt_predict", "fit_input_check", "export_package")
        ),
        _each(f"{NETWORK}.features.{{setting}}", "layers test_time_augmentation"),
        ("networks.compact_resnet.features.test_time_augmentation",),
    ),
    Row(
        "a classifier's `kind`",
        "that classifier's fits, and what follows",
        (
            *("fit_grid classifier={classifier}", "study_classifiers tree={classifier}"),
            *("select_examples svm={classifier}", *_named_by("plain", "classifier")),
        ),
        (f"{CLASSIFIER}.kind",),
        ("classifiers.decision_tree.kind",),
    ),
    Row(
        "a value in a classifier's `grid`; its folds, calibration …",
        "that classifier's fits, and what follows",
        ("fit_grid classifier={classifier}", *_named_by("says", "classifier", ".{setting}")),
        (f"{CLASSIFIER}.grid.{{setting}}", *_each(f"{CLASSIFIER}.{{setting}}", CHOOSING)),
        ("classifiers.svm.grid.C", "classifiers.svm_rbf.grid.C", "classifiers.random_forest.folds"),
    ),
    Row(
        "`criterion`",
        "all fits of classifiers, fusions with chosen weights, the ranking of systems, and what follows",
        (*("fit_grid", "fuse weights=chosen", "rank_systems", "export_package"),),
        ("criterion",),
        ("criterion",),
    ),
    Row(
        "a fusion's weight; `step`",
        "that fusion, ensembles that count it, evaluation, calibration, comparisons, figures of results, the page",
        ("fuse fusion={fusion}", *_named_by("plain", "fusion")),
        (f"{FUSION}.weights.{{member}}",),
        ("fusions.cnn_30_svm_70.weights.cnn",),
    ),
    Row(
        "",
        "that fusion, ensembles that count it, evaluation, calibration, comparisons, figures of results, the page",
        ("fuse fusion={fusion}",),
        (f"{FUSION}.step",),
        ("fusions.cnn_svm_chosen.step",),
    ),
    Row(
        "a fusion's `choose`",
        "that fusion, ensembles that count it, evaluation, calibration, comparisons, figures of results, the page",
        ("fuse fusion={fusion}", "compare_systems fusion={fusion}", *_named_by("plain", "fusion")),
        (f"{FUSION}.choose",),
    ),
    Row(
        "`evaluation`: replicates, seed",
        "evaluation, the ranking, figures of results, the page",
        (
            *("evaluate", "rank_systems", "assess_reliability", "assess_discrimination", "assess_slices"),
            "corrupt_evaluate",
        ),
        _each("evaluation.{setting}", "replicates seed"),
        ("evaluation.replicates", "evaluation.seed"),
    ),
    Row(
        "`evaluation.prevalences`",
        "operating points on the test split, their figure, the page",
        ("assess_discrimination",),
        ("evaluation.prevalences",),
        ("evaluation.prevalences",),
    ),
    Row(
        "`evaluation.nearest_images`",
        "the baselines, their evaluation, comparisons, figures of results, the page",
        ("baselines",),
        ("evaluation.nearest_images",),
    ),
    Row(
        "the `confidence` of intervals",
        "evaluation, comparisons and figures of results, exports, the page",
        (
            *("evaluate", "compare_systems", "assess_reliability", "assess_discrimination", "assess_slices"),
            *("corrupt_evaluate", "export_package"),
        ),
        ("evaluation.confidence",),
    ),
    Row(
        "`reliability`: coverage of prediction sets, sensitivity at the threshold, abstention rate",
        "calibration, what is measured of it, its figures, the page",
        ("calibrate",),
        _each("reliability.{setting}", "conformal_coverage sensitivity abstention_rate"),
        ("reliability.conformal_coverage", "reliability.abstention_rate"),
    ),
    Row(
        "`corruptions`: test images, seed",
        "what is said of corrupted images, what that costs, its figures, the page",
        ("corrupt_predict",),
        _each("corruptions.{setting}", "test_images seed"),
        ("corruptions.test_images",),
    ),
    Row(
        "`corruptions`: severities",
        "what is said of corrupted images, what that costs, its figures, the page",
        ("corrupt_predict", "draw_corrupted", "apply_input_check"),
        ("corruptions.severities",),
        ("corruptions.severities",),
    ),
    Row(
        "`corruptions`: how many models are tried",
        "the new models on corrupted images, what that costs, its figures, the page",
        ("corrupt_evaluate",),
        ("corruptions.models",),  # not tried in the small workflow, whose data sets have one model each
    ),
    Row(
        "`input_check`: share flagged, images that it is fitted and chosen on",
        "the input checks, exports, what is said of them, the page",
        ("fit_input_check", "export_package"),
        ("input_check.flagged",),
        ("input_check.flagged",),
    ),
    Row(
        "",
        "the input checks, exports, what is said of them, the page",
        ("fit_input_check",),
        _each("input_check.{setting}", "fit_images val_images"),
        ("input_check.val_images",),
    ),
    Row(
        "",
        "the input checks, exports, what is said of them, the page",
        CHECKS,
        ("input_check.seed",),
        ("input_check.seed",),
    ),
    Row(
        "`input_check`: test images",
        "what is said of the input checks, the page",
        ("apply_input_check",),
        ("input_check.test_images",),
        ("input_check.test_images",),
    ),
    Row(
        "`studies`: sizes, folds, images",
        "the studies of the classifiers, their figures, the page",
        ("study_classifiers",),
        _each("studies.{setting}", "fit_images fit_values tree_sizes folds plane_images"),
        ("studies.tree_sizes",),
    ),
    Row("the page's `title`", "the page", (), ("report.title",), ("report.title",)),
    Row("the figures' `style`", "figures, the page", FIGURES, ("report.style",), ("report.style",)),
)


def merged(config: Config, overlay: Config) -> Config:
    """A copy of a configuration with an overlay on top, as Snakemake merges them."""
    config = copy.deepcopy(config)
    for key, value in overlay.items():
        deeper = isinstance(value, dict) and isinstance(config.get(key), dict)
        config[key] = merged(config[key], value) if deeper else copy.deepcopy(value)
    return config


def _set(**values: Any) -> Callable[[Config], None]:
    """An edit that sets values, given by their keys with __ for a dot."""

    def edit(config: Config) -> None:
        for key, value in values.items():
            *holders, last = key.split("__")
            holder = config
            for name in holders:
                holder = holder[name]
            holder[last] = copy.deepcopy(value)

    return edit


BLOOD = "datasets__blood__models__compact_resnet__"
PLANS = (
    Row(
        "a model's first seed taken away",
        "nothing of the others' trainings; what is drawn for the first seed, ensembles, calibration, comparisons and "
        "figures of results, the page",
        (
            *(f"{stage} dataset=blood model=compact_resnet" for stage in ("draw_curves", "draw_grids", "draw_fusions")),
            "fit_input_check dataset=blood model=compact_resnet",
            *("study_classifiers dataset=blood", "predict_out_of_fold dataset=blood"),
            "ensemble dataset=blood",
            *BLOOD_CANDIDATES,
            "corrupt_evaluate dataset=blood",
            "compare_systems dataset=blood",
            "draw_results dataset=blood",
            "select_examples dataset=blood",
            "audit_labels dataset=blood",
            "map_saliency dataset=blood",
            "collect_metrics",
            *(f"{stage} dataset=blood" for stage in TAKEN_AWAY),
        ),
        edit=_set(**{f"{BLOOD}seeds": [2]}),
    ),
    Row(
        "a model added, or switched off (`~`)",
        "its own jobs, calibration, comparisons, figures of results, the page",
        (
            *BLOOD_NAMED,
            *BLOOD_CANDIDATES,
            "compare_systems dataset=blood",
            "select_examples dataset=blood",
            "predict_out_of_fold dataset=blood",
            "audit_labels dataset=blood",
            "draw_results dataset=blood",
            "collect_metrics",
            *(f"{stage} dataset=blood" for stage in TAKEN_AWAY),
        ),
        edit=_set(
            datasets__blood__models__five_layer={
                "network": "five_layer",
                "seeds": [1],
                "train_images": "all",
                "classifiers": ["svm_rbf", "decision_tree"],
                "fusions": ["cnn_30_svm_70"],
            }
        ),
    ),
    Row(
        "a derived model (`base`) added, or switched off (`~`)",
        "its own jobs (no training of the base again), the figure of ablations, the table of all measures, the page",
        ("draw_ablations dataset=blood", "collect_metrics"),
        edit=_set(
            datasets__blood__models__plain={
                "base": "compact_resnet",
                "label": "without averaging",
                "seeds": [1],
                "classifiers": ["svm_rbf"],
                "fusions": [],
                "changes": {"features": {"test_time_augmentation": []}},
            }
        ),
    ),
    Row(
        "a data set switched off (`~`)",
        "the table of all measures, what the input checks of others were tried on, the page",
        ("collect_metrics", "apply_input_check dataset=blood"),
        edit=_set(datasets__breast=None),
    ),
    Row(
        "the training-size study switched on or off",
        "its own jobs, figures of results, the page",
        ("draw_results dataset=blood", "collect_metrics", "write_predictions dataset=blood"),
        edit=_set(datasets__blood__learning_curve=None),
    ),
    Row(
        "an entry added to a model's `classifiers` or `fusions`",
        "its fits or fusions, the model's evaluation, calibration, comparisons, figures of results, the page",
        (
            "evaluate dataset=blood model=compact_resnet",
            "corrupt_predict dataset=blood model=compact_resnet",
            "corrupt_evaluate dataset=blood",
            "compare_systems dataset=blood",
            "select_examples dataset=blood",
            "audit_labels dataset=blood",
            *BLOOD_NAMED,
            *BLOOD_CANDIDATES,
            *(f"{stage} dataset=blood" for stage in TAKEN_AWAY),
        ),
        edit=_set(**{f"{BLOOD}classifiers": ["svm_rbf", "svm"]}),
    ),
    Row(
        "a second combination in a grid that had one",
        "that classifier's fits, the drawing of its models' grids, and what follows",
        ("fit_grid classifier=svm_linear", "draw_grids classifier=svm_linear"),
        edit=_set(classifiers__svm_linear__grid__C=[1, 2]),
    ),
    Row(
        "an ensemble switched off (`~`)",
        "the ensembles' evaluation, calibration, comparisons, figures of results, the page",
        (
            "evaluate dataset=blood group=ensembles",
            "compare_systems dataset=blood",
            "select_examples dataset=blood",
            "audit_labels dataset=blood",
            *BLOOD_NAMED,
            *BLOOD_CANDIDATES,
            "write_predictions dataset=blood",
        ),
        edit=_set(datasets__blood__ensembles__ensemble_svm=None),
    ),
)


def _commented(folder: Path) -> dict[str, str]:
    """Every program and module with other comments, docstrings and formatting, and the same meaning."""
    result = {}
    for path in sorted((folder / "workflow_scripts").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant("Said otherwise."))
        result[str(path.relative_to(folder))] = f"{ast.unparse(tree)}\n\n\n# A comment.\n"
    return result


def _appended(text: str, *patterns: str) -> Callable[[Path], dict[str, str]]:
    """A text added to the end of all files that fit."""

    def files(folder: Path) -> dict[str, str]:
        paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
        assert paths, patterns
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") + text for path in paths}

    return files


def _replaced(name: str, old: str, new: str) -> Callable[[Path], dict[str, str]]:
    """A text in place of another in one file."""

    def files(folder: Path) -> dict[str, str]:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        return {name: text.replace(old, new)}

    return files


def meaning_of(name: str) -> Callable[[Path], dict[str, str]]:
    """An edit of a program or module that changes its syntax tree."""
    return _appended("\n_CHANGED = 1\n", name)


BREAST_DEFAULTS = (
    "    architecture: breast_cnn\n    options: {dropout: 0, l2: 0.0}\n    features: {layers: [features]}\n"
)
FILES = (
    Row("a comment, a docstring, the formatting of all programs and modules", "nothing", files=_commented),
    Row("a comment in `config.yaml`", "nothing", files=_appended("# A comment.\n", "config.yaml")),
    Row(
        "a default written out, `1.0` in place of `1` (not in a grid)",
        "nothing",
        files=lambda folder: {
            "config.yaml": _replaced("config.yaml", "    architecture: breast_cnn\n", BREAST_DEFAULTS)(folder)[
                "config.yaml"
            ].replace("weight_decay: 0 ", "weight_decay: 0.0 ")
        },
    ),
    Row("a figure's caption", "the page", ("report",), files=_appended("\nMore.\n", "captions/*.rst")),
    Row(
        "the profile, the schema, a rule's message, memory or run time",
        "nothing",
        files=lambda folder: {
            **_appended("# A comment.\n", "profiles/*/config.yaml", "Snakefile")(folder),
            **_appended("\n", "schemas/*.json")(folder),
            **_replaced("rules/networks.smk", "mem_mb=memory(1500,", "mem_mb=memory(1600,")(folder),
            **_replaced("rules/evaluation.smk", '"Collecting all measures"', '"Collecting"')(folder),
        },
    ),
    Row(
        "the rules' command (seen by Snakemake's own records, in `.snakemake/`)",
        "everything",
        EVERY_JOB,
        files=_replaced("rules/rule_parts.smk", "{params.options} --settings", "{params.options}  --settings"),
    ),
    Row(
        "an architecture: its file in `learning/architectures/`",
        "the trainings of the networks that have it, and what follows",
        ("train_cnn architecture=breast_cnn", "learning_curve architecture=breast_cnn", *PAGES),
        files=meaning_of("workflow_scripts/medfusion/learning/architectures/breast_cnn.py"),
    ),
    Row(
        "an architecture added",
        "the page, the summaries of other splits",
        PAGES,
        files=meaning_of("workflow_scripts/medfusion/learning/architectures/registry.py"),
    ),
    Row(
        "the page's template, style or script",
        "the page",
        ("report",),
        files=_appended("\n", "workflow_scripts/templates/report.*"),
    ),
    Row(
        "the model card's template",
        "exports",
        ("export_package",),
        files=_appended("\n", "workflow_scripts/templates/export_package.*"),
    ),
    Row(
        "the page on which systems are tried",
        "that page of each data set",
        ("write_try_page",),
        files=_appended("\n", "workflow_scripts/templates/write_try_page.*"),
    ),
    Row(
        "a fusion's weights, fixed before, are chosen",
        "that fusion, the drawing of its models' choices, and what follows",
        (
            *("fuse fusion=cnn_30_svm_70", "draw_fusions fusion=cnn_30_svm_70", *PAGES),
            *(root.format(fusion="cnn_30_svm_70") for root in _named_by("plain", "fusion")),
        ),
        files=_replaced("config.yaml", "{weights: {cnn: 0.3, svm_rbf: 0.7}}", "{choose: [cnn, svm_rbf]}"),
    ),
)
# Libraries whose version is changed by a real run of Snakemake, with the stages that import them.
LIBRARIES = {
    "statsmodels": (
        *("evaluate", "baselines", "export_package", "compare_systems", "assess_reliability", "select_examples"),
        *("assess_discrimination", "draw_discrimination", "assess_slices"),
        *("corrupt_evaluate", "draw_corruptions", "draw_corrupted"),
        *("draw_results", "draw_reliability", "draw_ablations", *PAGES),
    ),
    "tensorflow": (
        *("train_cnn", "extract_features", "learning_curve", "corrupt_predict", "map_saliency", "export_package"),
        "fit_input_check",
        "report",
    ),
}
# Tried one after another, in projects of their own (test_changes.py).
ELSEWHERE = (
    Row("a run repeated; a change taken back", "nothing"),
    Row("results copied into a fresh clone, with or without their ages; `.snakemake/` deleted", "nothing"),
    Row("a data file touched, or a file in results touched", "nothing"),
    Row(
        "a data file replaced (however old the new one is)",
        "its `prepare`; what follows only if the images are others",
    ),
    Row("the file of a backbone replaced", "its `apply_backbone`, saliency maps and exports; what follows"),
    Row(
        "a picture of a folder replaced, added or removed",
        "its `prepare_folder`; what follows only if the images are others",
    ),
    Row("a library's version", "the stages that import it, what follows, the page"),
    Row("a program: `workflow_scripts/{stage}.py`", "its jobs, and what follows"),
    Row("a module of the library (table below)", "the stages that import it, directly or not, and what follows"),
)


@cache
def importers() -> dict[str, set[str]]:
    """For each module of the library, the stages that import it, directly or not, as modulefinder sees it."""
    found: dict[str, set[str]] = {module: set() for module in MODULES}
    for stage in STAGES:
        for name, module in _found_by(stage).modules.items():
            if name.partition(".")[0] == "medfusion":
                path = f"{name}.__init__" if module.__path__ else name
                found[path.partition(".")[2]].add(stage)
    return found


def by_name(module: str) -> tuple[str, ...]:
    """The jobs that a module counts for because their program imports another by name: trainings, by architecture."""
    found = sorted(name for name in ARCHITECTURES if module in _behind_architecture(name))
    return tuple(f"{stage} architecture={name}" for name in found for stage in ("train_cnn", "learning_curve"))


@cache
def _behind_architecture(name: str) -> set[str]:
    finder = ModuleFinder(path=[str(LIBRARY)])
    finder.import_hook(f"medfusion.learning.architectures.{name}")
    return {found.partition(".")[2] for found, module in finder.modules.items() if not module.__path__}


@cache
def packages(stage: str) -> set[str]:
    """The top-level names of the libraries that a stage and the modules behind it import."""
    found = {name.partition(".")[0] for name in _found_by(stage).badmodules} - sys.stdlib_module_names
    return found - {"medfusion"}  # counted as missing where a folder's __init__ imports its own files


@cache
def _found_by(stage: str) -> ModuleFinder:
    finder, kind = ModuleFinder(path=[str(LIBRARY)]), stage.removeprefix("draw_")
    finder.run_script(str(LIBRARY / f"{stage if kind == stage else 'draw'}.py"))
    if kind != stage:  # draw.py imports the module that its first argument names
        finder.import_hook(f"medfusion.figures.drawn.{kind}")
    return finder


BEGIN, END = "<!-- what runs again: python tests/workflow/changes.py --write -->\n", "<!-- end -->\n"


def rendered() -> str:
    """The table of changes, and under it that of the modules."""
    lines: dict[str, list[str]] = {}
    for row in (*FILES[:4], *ELSEWHERE, *KEYS, *PLANS, *FILES[4:]):
        words = lines.setdefault(row.answer, [])
        if row.words and row.words not in words:
            words.append(row.words)
    text = ["| you change | runs again |", "| --- | --- |"]
    text += [f"| {'; '.join(words)} | {answer} |" for answer, words in lines.items()]
    text += ["", "### Which stages import which module", ""]
    text += ["| module | stages |", "| --- | --- |"]
    return "\n".join([*text, *_module_lines(), ""])


def _module_lines() -> Iterable[str]:
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for module, programs in importers().items():
        trained = (
            ""
            if "train_cnn" in programs or not by_name(module)
            else "; of networks with it `train_cnn`, `learning_curve`"
        )
        groups.setdefault((tuple(sorted(programs)), trained), []).append(module)
    for (programs, trained), modules in sorted(groups.items(), key=lambda group: (-len(group[0][0]), group[1])):
        missing = [name for name in STAGES if name not in programs]
        if not programs:
            stages = "none"
        elif not missing:
            stages = "all"
        elif len(missing) < len(programs):
            stages = f"all but {_names(missing)}"
        else:
            stages = _names(programs)
        yield f"| {_names(modules)} | {stages}{trained} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def with_table(page: str) -> str:
    """The page with the table rendered anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, f"{PAGE.name} lacks {BEGIN.strip()} … {END.strip()}"
    return f"{before}{BEGIN}{rendered()}{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(rendered(), end="")
