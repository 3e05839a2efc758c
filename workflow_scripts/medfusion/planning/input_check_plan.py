"""Which input checks are fitted, and on what images that of the exported system is tried."""

from medfusion.planning.export_plan import ExportPlan
from medfusion.planning.plan import Files, Plan, Wildcards


class InputCheckPlan:
    """The files of every input check: one for each network that may be exported.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan, self._exports = plan, ExportPlan(plan)

    def seeds(self, dataset: str) -> dict[str, list[int]]:
        """The models that may be exported, with their seeds; of a backbone, which is the same for all, the first."""
        found: dict[str, dict[int, None]] = {}
        for averaged in self._exports.runs(dataset).values():
            for run in averaged:
                if run.seed is not None:
                    found.setdefault(run.model, {})[run.seed] = None
        return {
            model: list(seeds)[: 1 if self._plan.backbone(dataset, model) else None] for model, seeds in found.items()
        }

    def network(self, wildcards: Wildcards) -> Files:
        """The network of the first of these seeds, if it was trained."""
        dataset, model = wildcards.dataset, wildcards.model
        if self._plan.backbone(dataset, model):
            return []
        return [f"{self._plan.seed_folder(dataset, model, self.seeds(dataset)[model][0])}/model.keras"]

    def backbone(self, wildcards: Wildcards) -> Files:
        """The file of the model's backbone, if it is one."""
        return self._plan.backbone_file(wildcards) if self._plan.backbone(wildcards.dataset, wildcards.model) else []

    def features(self, wildcards: Wildcards) -> Files:
        """The features of all these seeds."""
        dataset, model = wildcards.dataset, wildcards.model
        if self._plan.backbone(dataset, model):
            return [self._plan.features(wildcards)]
        return [f"{self._plan.seed_folder(dataset, model, seed)}/features.h5" for seed in self.seeds(dataset)[model]]

    def checks(self, wildcards: Wildcards) -> Files:
        """The fitted checks of all models that may be exported."""
        return [
            f"{self._plan.results}/{wildcards.dataset}/{model}/input_check.h5"
            for model in self.seeds(wildcards.dataset)
        ]

    def other(self, dataset: str) -> str | None:
        """The first other data set, whose images the check is tried on."""
        return next((name for name in self._plan.datasets if name != dataset), None)

    def other_images(self, wildcards: Wildcards) -> Files:
        """Its test images."""
        other = self.other(wildcards.dataset)
        return [f"{self._plan.results}/{other}/images/test.h5"] if other else []
