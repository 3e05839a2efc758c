"""What a model package is made from: the runs among which the exported one is chosen, and their files."""

from collections.abc import Callable

from medfusion.planning.backbones import HEAD
from medfusion.planning.plan import Files, Plan, Wildcards
from medfusion.planning.systems import Config, classifiers_of, fusion_members, systems
from medfusion.system_id import SystemId, network_of


class ExportPlan:
    """The files of every package.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan = plan

    def runs(self, dataset: str) -> dict[SystemId, list[SystemId]]:
        """The runs from which one is exported, each with the runs that it averages: an ensemble's, or itself."""
        entry = self._plan.datasets[dataset]
        wanted = SystemId.of(entry["export"]) if entry["export"] else None
        if wanted and wanted.model == "ensembles":
            members = map(SystemId.of, entry["ensembles"][wanted.system])
            return {
                wanted: [one._replace(seed=seed) for one in members for seed in entry["models"][one.model]["seeds"]]
            }
        runs = [
            SystemId(name, seed, part)
            for name in ([wanted.model] if wanted else entry["models"])
            for seed in entry["models"][name]["seeds"]
            for part in ([wanted.system] if wanted else systems(entry, name))
        ]
        return {run: [run] for run in runs}

    def parts(self, dataset: str) -> dict[str, dict[SystemId, str]]:
        """What the export may need, by kind, then by run: networks, classifiers, fusions, and probabilities."""
        parts: dict[str, dict[SystemId, str]] = {"networks": {}, "classifiers": {}, "fusions": {}, "probabilities": {}}
        for run, averaged in self.runs(dataset).items():
            parts["probabilities"][run] = self._plan.groups[dataset][run.group][run.system]
            for one in averaged:
                folder = f"{self._plan.results}/{dataset}/{one.group}"
                names = classifiers_of(self._plan.config, one.system)
                if not self._plan.backbone(dataset, one.model):
                    parts["networks"][one._replace(system="cnn")] = f"{folder}/model.keras"
                elif "cnn" in [one.system, *self._members(one.system)]:
                    names = [HEAD, *names]
                for name in names:
                    parts["classifiers"][one._replace(system=name)] = f"{folder}/{name}/model.skops"
                if one.system in self._plan.config["fusions"]:
                    parts["fusions"][one] = f"{folder}/{one.system}/fusion.json"
        return parts

    def _members(self, system: str) -> list[str]:
        fusion = self._plan.config["fusions"].get(system)
        return fusion_members(fusion) if fusion else []

    def backbones(self, dataset: str) -> dict[str, Config]:
        """The entries of the backbones that the export may need, by model."""
        models = dict.fromkeys(one.model for averaged in self.runs(dataset).values() for one in averaged)
        found = {model: self._plan.backbone(dataset, model) for model in models}
        return {model: network for model, network in found.items() if network}

    def backbone_files(self, wildcards: Wildcards) -> Files:
        """The files of these backbones."""
        return [network["options"]["path"] for network in self.backbones(wildcards.dataset).values()]

    def files(self, kind: str) -> Callable[[Wildcards], Files]:
        """An input function: one kind of what the export may need."""
        return lambda wildcards: list(self.parts(wildcards.dataset)[kind].values())

    def metrics(self, wildcards: Wildcards) -> Files:
        """The measures of the runs among which the exported one is chosen."""
        folder = f"{self._plan.results}/{wildcards.dataset}"
        groups = dict.fromkeys(run.group for run in self.runs(wildcards.dataset))
        return [f"{folder}/{group}/metrics.json" for group in groups]

    @property
    def tried(self) -> list[str]:
        """The data sets whose exported system can be tried in a browser: not with a backbone (`package.try_page`)."""
        return [dataset for dataset in self._plan.one_class if not self.backbones(dataset)]

    def onnx(self, wildcards: Wildcards) -> Files:
        """The networks of the model package that programs without TensorFlow read."""
        folder = f"{self._plan.results}/{wildcards.dataset}/export"
        return [f"{folder}/{name}.onnx" for name in self.networks(wildcards.dataset)]

    def packed(self, wildcards: Wildcards) -> Files:
        """The networks that the model package holds whichever run is exported, as ONNX."""
        folder = f"{self._plan.results}/{wildcards.dataset}/export"
        return [f"{folder}/{name}" for name in self.network_files(wildcards.dataset) if name.endswith(".onnx")]

    def networks(self, dataset: str) -> list[str]:
        """The names of the network files in the model package, without suffix: one, but for an ensemble."""
        frozen = self.backbones(dataset)
        counts = {len({network_of(run, frozen) for run in averaged}) for averaged in self.runs(dataset).values()}
        count = max(counts)
        return ["network"] if count == 1 else [f"network{number + 1}" for number in range(count)]

    def network_files(self, dataset: str) -> list[str]:
        """The network files that the model package has whichever run is exported: no form that a backbone lacks."""
        frozen = self.backbones(dataset).values()
        forms = [] if frozen else ["keras"]
        forms += ["onnx"] if all(network["options"]["in_package"] for network in frozen) else []
        return [f"{name}.{form}" for name in self.networks(dataset) for form in forms]
