"""The sections on classifiers and fusions.

A grid is never laxer than scikit-learn, so that wrong values are refused before any job and not by one twenty minutes
later; stricter where a value fits but ruins the fit (overflowing kernels) or takes forever.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from medfusion.planning.config_models.common import (
    NO_CHOICE,
    Distinct,
    Label,
    Section,
    SomeDistinct,
    key,
    optional,
)

MOST_COMBINATIONS = 10_000  # of one grid
MOST_WEIGHTS = 100_000  # that a fusion tries
STEP = 0.05

Penalty = Annotated[float, Field(ge=1e-6, le=1e6)]
Gamma = Annotated[float, Field(ge=0, le=1000)]
RelativeGamma = Annotated[float, Field(ge=0, le=1e6)]
Weight = Annotated[float, Field(ge=0, le=1)]
Components = Annotated[int, Field(ge=2, le=20000)]
MaxFeatures = Literal["sqrt", "log2", None] | Annotated[float, Field(gt=0, le=1)]
ClassWeight = Literal["balanced", None]
Leaves = Annotated[int, Field(ge=1)]
Two = Annotated[int, Field(ge=2)]


class Grid(Section, json_schema_extra={"minProperties": 1}):
    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.model_fields_set:
            raise PydanticCustomError(NO_CHOICE, "nothing to try")
        combinations = math.prod(len(getattr(self, name)) for name in self.model_fields_set)
        if combinations > MOST_COMBINATIONS:
            yield "", f"{combinations} combinations are too many to try; expected at most {MOST_COMBINATIONS}"
        if {"gamma", "relative_gamma"} <= self.model_fields_set:
            yield "", "gamma and relative_gamma both give the kernel's width; expected one of them"


class LogisticRegressionGrid(Grid):
    C: SomeDistinct[Penalty] = optional("inverse strength of the penalty")
    class_weight: SomeDistinct[ClassWeight] = optional("balanced: the rarer a class, the heavier its images")


class SvmGrid(LogisticRegressionGrid):
    kernel: SomeDistinct[Literal["linear", "rbf", "poly", "sigmoid"]] = optional("rbf where it is not named")
    gamma: SomeDistinct[Literal["scale", "auto"] | Gamma] = optional("of the kernel: the larger, the narrower")
    relative_gamma: SomeDistinct[RelativeGamma] = optional("gamma in multiples of 1 / number of features")
    degree: SomeDistinct[Annotated[int, Field(ge=1, le=10)]] = optional("of the kernel poly")
    coef0: SomeDistinct[Annotated[float, Field(ge=-1000, le=1000)]] = optional("of the kernels poly and sigmoid")
    tol: SomeDistinct[Annotated[float, Field(ge=1e-6, le=1)]] = optional("tolerance at which the solver stops")
    shrinking: SomeDistinct[bool] = optional("whether the solver leaves out what seems settled")


class TreeGrid(Grid):
    max_depth: SomeDistinct[Leaves | None] = optional("~ for no limit")
    min_samples_split: SomeDistinct[Two] = optional("images that a node needs to be split")
    min_samples_leaf: SomeDistinct[Leaves] = optional("images that a leaf needs")
    max_features: SomeDistinct[MaxFeatures] = optional("that a split is sought among: a rule, a share, or ~ for all")
    max_leaf_nodes: SomeDistinct[Two | None] = optional("~ for no limit")
    criterion: SomeDistinct[Literal["gini", "entropy", "log_loss"]] = optional("of the best split")
    class_weight: SomeDistinct[ClassWeight] = optional("balanced: the rarer a class, the heavier its images")


class RandomForestGrid(TreeGrid):
    n_estimators: SomeDistinct[Annotated[int, Field(ge=1, le=10_000)]] = optional("trees")


class DecisionTreeGrid(TreeGrid):
    ccp_alpha: SomeDistinct[Annotated[float, Field(ge=0)]] = optional("strength of cost-complexity pruning")


class Choosing(Section):
    selection: Literal["validation", "folds"] = optional(
        "where combinations are compared; folds of training features are optimistic: the network has seen their labels"
    )
    folds: int = optional("of selection by folds", ge=2)
    search_images: Two | None = optional(
        "images that combinations are compared on, a stratified subset; ~ for all that are fitted"
    )
    fit_images: Two | None = optional(
        "images fitted at most, a stratified subset; ~ for all. An svm of more is a linear one on Nyström features"
    )
    nystroem_components: Components | None = optional("Nyström features; ~ for none: the svm itself, on the subset")
    nystroem_images: Two | None = optional("that these are fitted on, at most; ~ for all")
    fit_values: int = optional("numbers of features of all images fitted, at most", ge=1000, le=1000000000)
    calibration: Literal["temperature", "sigmoid", "none"] = optional("of probabilities; an svm needs one")


class OfAnyKind(Choosing):
    label: Label = optional("its name in tables, figures and pages; ~ for one that follows from kind and kernel")


KIND = key("which classifier")
GRID = key("values to try: every combination is tried, and the best is kept")


class Svm(OfAnyKind):
    kind: Literal["svm"] = KIND
    grid: SvmGrid = GRID


class LogisticRegression(OfAnyKind):
    kind: Literal["logistic_regression"] = KIND
    grid: LogisticRegressionGrid = GRID


class RandomForest(OfAnyKind):
    kind: Literal["random_forest"] = KIND
    grid: RandomForestGrid = GRID


class DecisionTree(OfAnyKind):
    kind: Literal["decision_tree"] = KIND
    grid: DecisionTreeGrid = GRID


Classifier = Annotated[Svm | LogisticRegression | RandomForest | DecisionTree, Field(discriminator="kind")]


class Fusion(Section):
    label: Label = optional("its name in tables, figures and pages; ~ for one that follows from members and weights")
    weights: dict[str, Weight] = optional("fixed, by member: cnn or a classifier; they sum to 1", min_length=2)
    choose: Distinct[str] = optional("members whose weights are chosen on validation by criterion", min_length=2)
    step: float = optional("chosen weights are multiples of this", STEP, ge=0.001, le=0.5)

    def faults(self) -> Iterator[tuple[str, str]]:
        if (self.weights is None) == (self.choose is None):
            yield "", "expected either weights (fixed) or choose (members whose weights validation chooses)"
        elif self.weights:
            total = sum(self.weights.values())
            if abs(total - 1) > 1e-9:
                yield "weights", f"sum to {total:g}; expected 1"
        else:
            if abs(1 / self.step - round(1 / self.step)) > 1e-6:
                yield "step", f"{self.step} does not divide 1; expected 0.05, 0.1, 0.25 or the like"
            if round(1 / self.step) ** (len(self.choose) - 1) > MOST_WEIGHTS:
                yield "", "too many weights to try; take a larger step or fewer members"
