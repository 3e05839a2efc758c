"""What the label audit reads: of which networks the features are."""

from types import SimpleNamespace

from medfusion.planning.plan import Files, Plan, Wildcards
from medfusion.planning.representatives import Representatives


class LabelAuditPlan:
    """The files of the label audit.

    Not the selected system's features: it is known when test labels have been seen, which probes must not rest on.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan, self._first = plan, Representatives(plan)

    def models(self, dataset: str) -> list[str]:
        """The models whose features the probes may see: all."""
        return list(self._plan.datasets[dataset]["models"])

    def features(self, wildcards: Wildcards) -> Files:
        """The features of the first seed of each of these."""
        dataset = wildcards.dataset
        return [
            self._plan.features(
                SimpleNamespace(dataset=dataset, model=model, seed=self._first.first_seed(dataset, model))
            )
            for model in self.models(dataset)
        ]

    def groups(self, wildcards: Wildcards) -> str:
        """Which images belong together."""
        return f"{self._plan.results}/{wildcards.dataset}/groups.csv"
