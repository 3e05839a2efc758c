"""Which model stands for its data set, and which run for its seeds, where one is looked at: the first."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from medfusion.planning.backbones import HEAD
from medfusion.planning.plan import Files, Plan, Wildcards
from medfusion.planning.systems import fusion_members
from medfusion.system_id import SystemId


class Representatives:
    """What one model or run is looked at for, with the files behind it.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan = plan

    # -- what stands for the others ------------------------------------------------------------------------------------

    def first_seed(self, dataset: str, model: str) -> int:
        """The seed whose grids and fusions are drawn."""
        return self._plan.datasets[dataset]["models"][model]["seeds"][0]

    def studied(self, dataset: str) -> str:
        """The model whose features the studies look at: the first."""
        return next(iter(self._plan.datasets[dataset]["models"]))

    def contrasted(self, dataset: str) -> dict[str, Any]:
        """The studied model, and of its systems an SVM and a fusion that counts the network and this SVM.

        They belong to the model's first fusion that has both; without one, the first SVM alone, if there is any.
        """
        model = self.studied(dataset)
        entry = self._plan.datasets[dataset]["models"][model]
        svms = [name for name in entry["classifiers"] if self._plan.config["classifiers"][name]["kind"] == "svm"]
        pairs = [
            {"svm": svm, "fusion": fusion}
            for fusion in entry["fusions"]
            for svm in fusion_members(self._plan.config["fusions"][fusion])
            if svm in svms and "cnn" in fusion_members(self._plan.config["fusions"][fusion])
        ]
        alone = {"svm": svms[0] if svms else None, "fusion": None}
        return {"model": model, "seed": self.first_seed(dataset, model), **(pairs[0] if pairs else alone)}

    def first_runs(self, dataset: str) -> dict[SystemId, str]:
        """The probabilities of the first run of every candidate: by model, seed and system."""
        found: dict[str, tuple[SystemId, str]] = {}
        for run, file in self._plan.candidates(dataset).items():
            found.setdefault(run.address, (run, file))
        return dict(found.values())

    def first_run_files(self, wildcards: Wildcards) -> Files:
        """The probabilities of the first run of every candidate."""
        return list(self.first_runs(wildcards.dataset).values())

    # -- the studied model ---------------------------------------------------------------------------------------------

    def studied_network(self, wildcards: Wildcards) -> str:
        """The network whose features are studied, and whose saliency is mapped; the head of a backbone."""
        folder, model = self._studied_folder(wildcards.dataset), self.studied(wildcards.dataset)
        if self._plan.backbone(wildcards.dataset, model):
            return f"{folder}/{HEAD}/model.skops"
        return f"{folder}/model.keras"

    def studied_backbone(self, wildcards: Wildcards) -> Files:
        """The file of the studied backbone, if it is one."""
        found = self._plan.backbone(wildcards.dataset, self.studied(wildcards.dataset))
        return [found["options"]["path"]] if found else []

    def studied_features(self, wildcards: Wildcards) -> str:
        """The features that the studies look at."""
        model = self.studied(wildcards.dataset)
        run = SimpleNamespace(dataset=wildcards.dataset, model=model, seed=self.first_seed(wildcards.dataset, model))
        return self._plan.features(run)

    def studied_tree(self, wildcards: Wildcards) -> Files:
        """The fitted decision tree on the studied features, if the model has one."""
        folder = self._studied_folder(wildcards.dataset)
        names = self._plan.datasets[wildcards.dataset]["models"][self.studied(wildcards.dataset)]["classifiers"]
        trees = [name for name in names if self._plan.config["classifiers"][name]["kind"] == "decision_tree"]
        return [f"{folder}/{name}/model.skops" for name in trees[:1]]

    def _studied_folder(self, dataset: str) -> str:
        model = self.studied(dataset)
        return self._plan.seed_folder(dataset, model, self.first_seed(dataset, model))

    # -- what validation chose -----------------------------------------------------------------------------------------

    def compared(self, dataset: str, model: str) -> list[str]:
        """The classifiers of a model whose grids have more than one combination."""
        names = self._plan.datasets[dataset]["models"][model]["classifiers"]
        grids = {name: self._plan.config["classifiers"][name]["grid"] for name in names}
        return [name for name, grid in grids.items() if math.prod(map(len, grid.values())) > 1]

    def chosen(self, dataset: str, model: str) -> list[str]:
        """The fusions of a model whose weights are chosen."""
        names = self._plan.datasets[dataset]["models"][model]["fusions"]
        return [name for name in names if "choose" in self._plan.config["fusions"][name]]

    def grid_files(self, file: str) -> Callable[[Wildcards], Files]:
        """An input function: `file` of every compared classifier, for the model's first seed."""
        return lambda wildcards: self._of_first_seed(wildcards, self.compared, file)

    def chosen_fusion_files(self, wildcards: Wildcards) -> Files:
        """The records of every fusion with chosen weights, for the model's first seed."""
        return self._of_first_seed(wildcards, self.chosen, "fusion.json")

    def _of_first_seed(self, wildcards: Wildcards, names: Callable[[str, str], list[str]], file: str) -> Files:
        dataset, model = wildcards.dataset, wildcards.model
        folder = self._plan.seed_folder(dataset, model, self.first_seed(dataset, model))
        return [f"{folder}/{name}/{file}" for name in names(dataset, model)]
