"""What a system, and a run of it, is called."""

from collections.abc import Collection
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

    @classmethod
    def of(cls, address: str) -> "SystemId":
        """The system that the configuration names so, over all its seeds.

        >>> SystemId.of("a/svm")
        SystemId(model='a', seed=None, system='svm')
        """
        model, _, system = address.partition("/")
        return cls(model, None, system)

    @classmethod
    def of_run(cls, name: str) -> "SystemId":
        """A run, by its folder below the results of its data set.

        >>> SystemId.of_run("a/seed2/svm")
        SystemId(model='a', seed=2, system='svm')
        """
        model, seed, system = name.split("/")
        return cls(model, int(seed.removeprefix("seed")), system)

    @property
    def address(self) -> str:
        """The name that the configuration gives the system, over all its seeds."""
        return f"{self.model}/{self.system}"

    @property
    def group(self) -> str:
        """The folder of the systems that it is evaluated with."""
        return self.model if self.seed is None else f"{self.model}/seed{self.seed}"


def network_of(run: SystemId, frozen: Collection[str] = ()) -> SystemId:
    """The network of a run: that of its seed, or a backbone, which is the same for all.

    Parameters
    ----------
    frozen : the models whose network is a backbone

    >>> network_of(SystemId("a", 2, "svm")), network_of(SystemId("b", 2, "svm"), ["b"])
    (SystemId(model='a', seed=2, system='cnn'), SystemId(model='b', seed=None, system='cnn'))
    """
    return SystemId(run.model, None if run.model in frozen else run.seed, "cnn")
