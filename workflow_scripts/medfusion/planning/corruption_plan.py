"""Which runs are tried on corrupted test images, and their files."""

from medfusion.planning.plan import Files, Plan, Wildcards
from medfusion.planning.representatives import Representatives
from medfusion.planning.systems import systems


class CorruptionPlan:
    """Of each data set's trained models the first, as many as `corruptions.models` says: first seed, all systems.

    Not the selected system: it is known when test labels have been seen, which what is predicted must not rest on.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan, self._first = plan, Representatives(plan)

    def runs(self, dataset: str) -> dict[str, int]:
        """The models that are tried, each with its seed; none where an image may have several labels."""
        if self._plan.several_labels(dataset):
            return {}
        trained = [model for model in self._plan.datasets[dataset]["models"] if not self._plan.backbone(dataset, model)]
        models = trained[: self._plan.config["corruptions"]["models"]]
        return {model: self._first.first_seed(dataset, model) for model in models}

    def systems(self, dataset: str) -> list[tuple[str, int, list[str]]]:
        """The models, their seeds, and their systems in the order in which they are measured."""
        entry = self._plan.datasets[dataset]
        return [(model, seed, systems(entry, model)) for model, seed in self.runs(dataset).items()]

    def classifiers(self, wildcards: Wildcards) -> Files:
        """The fitted classifiers of a model and a seed."""
        folder = self._plan.seed_folder(wildcards.dataset, wildcards.model, wildcards.seed)
        return [f"{folder}/{name}/model.skops" for name in self._plan.model(wildcards)["classifiers"]]

    def fusions(self, wildcards: Wildcards) -> Files:
        """What is known of the fusions of a model and a seed."""
        folder = self._plan.seed_folder(wildcards.dataset, wildcards.model, wildcards.seed)
        return [f"{folder}/{name}/fusion.json" for name in self._plan.model(wildcards)["fusions"]]

    def corrupted(self, wildcards: Wildcards) -> Files:
        """What all runs of a data set say of corrupted images."""
        dataset = wildcards.dataset
        return [
            f"{self._plan.seed_folder(dataset, model, seed)}/corrupted.h5" for model, seed in self.runs(dataset).items()
        ]

    def table(self, dataset: str) -> str:
        """The file of measures on corrupted images."""
        return f"{self._plan.results}/{dataset}/corruptions.csv"
