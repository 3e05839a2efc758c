"""What a run of a system is called."""

from typing import NamedTuple


class SystemId(NamedTuple):
    """One run of a system: of a model, with a seed.

    model : "ensembles" and "baselines" for systems that belong to none
    seed : None for those
    system : "cnn" for the network itself, the name of a classifier, of a fusion, of an ensemble
    """

    model: str
    seed: int | None
    system: str

    @property
    def address(self) -> str:
        """The name that the configuration gives the system, over all its seeds."""
        return f"{self.model}/{self.system}"

    @property
    def group(self) -> str:
        """The folder of the systems that it is evaluated with."""
        return self.model if self.seed is None else f"{self.model}/seed{self.seed}"
