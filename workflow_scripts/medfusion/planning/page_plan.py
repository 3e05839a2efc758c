"""What is drawn, from which files and for which data sets and models, and what the page shows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from medfusion.display_names import model_names, part_names
from medfusion.figures.drawn import DRAWN
from medfusion.planning import ablations
from medfusion.planning.corruption_plan import CorruptionPlan
from medfusion.planning.plan import Files, Plan, Wildcards
from medfusion.planning.representatives import Representatives
from medfusion.planning.systems import fusion_members

Settings = dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """The figures of one kind (`DRAWN`), drawn in one job.

    Attributes
    ----------
    folder : of its figures, below the data set's; {model} stands for one of the models
    inputs : files that it reads, by the argument of its function: patterns, or Snakemake's input functions
    settings : of a job, by its wildcards
    asked : whether it is drawn for a data set, or a model of it
    suffix : of its figures
    """

    folder: str
    inputs: dict[str, str | Files | Callable[[Wildcards], str | Files]]
    settings: Callable[[Wildcards], Settings]
    asked: Callable[..., Any]
    suffix: str = "svg"


class PagePlan:
    """The figures and tables of a configuration, with the files behind them.

    Parameters
    ----------
    plan : of the same configuration
    """

    def __init__(self, plan: Plan):
        self._plan, self._representatives = plan, Representatives(plan)
        self._corruptions = CorruptionPlan(plan)
        self.drawings = self._drawings()

    def jobs(self, dataset: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The kinds of figures that are drawn for a data set, each with a job's wildcards."""
        for kind, drawing in self.drawings.items():
            if "{model}" not in drawing.folder:
                if drawing.asked(dataset):
                    yield kind, {"dataset": dataset}
            else:
                models = self._plan.datasets[dataset]["models"]
                yield from (
                    (kind, {"dataset": dataset, "model": name}) for name in models if drawing.asked(dataset, name)
                )

    def files(self, kind: str) -> dict[str, str]:
        """The figures of a kind, by name: patterns of their files below the data set's folder."""
        drawing = self.drawings[kind]
        folder = f"{drawing.folder}/" if drawing.folder else ""
        return {name: f"{folder}{name}.{drawing.suffix}" for name in DRAWN[kind]}

    def figures(self, dataset: str) -> Iterator[str]:
        """Every figure of a data set that its configuration asks for."""
        folder = f"{self._plan.results}/{dataset}"
        yield from (
            f"{folder}/{name}.png" for name in ("inspect/samples", "inspect/montage", "inspect/means", "audit/pairs")
        )
        for kind, wildcards in self.jobs(dataset):
            yield from (f"{folder}/{file.format(**wildcards)}" for file in self.files(kind).values())

    def tables(self, dataset: str) -> Iterator[str]:
        """Every table and record of a data set that the page shows."""
        folder = f"{self._plan.results}/{dataset}"
        names = ["inspect/counts.csv", "inspect/pixels.csv", "audit/summary.json", "ranking.csv"]
        names += ["discrimination/discrimination.json"]
        if not self._plan.several_labels(dataset):
            names += ["reliability/reliability.json", "examples/examples.json", "examples/maps.h5", "comparisons.json"]
            names += ["input_check.json", "audit/labels.csv", "audit/label_summary.json"]
        if dataset in self._plan.with_metadata:
            names += ["slices.json"]
        if self._corruptions.runs(dataset):
            names += ["corruptions.csv"]
        yield from (f"{folder}/{name}" for name in names)
        for model in self._plan.datasets[dataset]["models"]:
            seed_folder = self._plan.seed_folder(dataset, model, self._representatives.first_seed(dataset, model))
            names = self._plan.classifiers(dataset, model)
            yield from (f"{seed_folder}/{name}/best.json" for name in names)
            for seed in self._plan.datasets[dataset]["models"][model]["seeds"]:
                folder = self._plan.seed_folder(dataset, model, seed)
                yield from (f"{folder}/{name}/fusion.json" for name in self._representatives.chosen(dataset, model))

    def of_dataset(self, dataset: str) -> Files:
        """What the target named after a data set makes."""
        return [*self._plan.all_metrics(dataset), *self.figures(dataset), *self.tables(dataset)]

    def _drawings(self) -> dict[str, Drawing]:
        plan, first = self._plan, self._representatives
        folder = f"{plan.results}/{{dataset}}"
        train, val = (f"{folder}/images/{split}.h5" for split in ("train", "val"))
        ranking, test_labels = f"{folder}/ranking.csv", f"{folder}/test_labels.h5"

        def metrics(wildcards: Wildcards) -> Files:
            return plan.metrics(wildcards.dataset)

        def one_class(dataset: str) -> bool:
            return not plan.several_labels(dataset)

        return {
            "augmentation": Drawing(
                "", {"train": train, "augmented": f"{folder}/augmented.h5"}, self._named, self._trains, "png"
            ),
            "curves": Drawing(
                "{model}",
                {"history": plan.histories, "data": [train, val]},
                lambda wildcards: self._named(wildcards, seeds=plan.model(wildcards)["seeds"]),
                lambda dataset, model: not plan.backbone(dataset, model),
            ),
            "grids": Drawing(
                "{model}",
                {"grid": first.grid_files("grid.csv"), "best": first.grid_files("best.json"), "data": [train, val]},
                lambda wildcards: self._named(
                    wildcards,
                    classifiers=self._pairs(wildcards, first.compared(wildcards.dataset, wildcards.model)),
                    files=first.grid_files("grid.csv")(wildcards),
                ),
                first.compared,
            ),
            "fusions": Drawing(
                "{model}",
                {"fusion": first.chosen_fusion_files, "data": [val]},
                lambda wildcards: self._named(
                    wildcards,
                    fusions=self._pairs(wildcards, first.chosen(wildcards.dataset, wildcards.model)),
                    members=self._members_named(wildcards, first.chosen(wildcards.dataset, wildcards.model)),
                    files=first.chosen_fusion_files(wildcards),
                ),
                first.chosen,
            ),
            "studies": Drawing(
                "studies",
                {"studies": f"{folder}/studies/studies.h5", "train": train, "test_labels": test_labels},
                self._with_labels,
                one_class,
            ),
            "results": Drawing(
                "results",
                {"metrics": metrics, "ranking": ranking, "comparisons": f"{folder}/comparisons.json"},
                self._published,
                one_class,
            ),
            "labels": Drawing("labels", {"metrics": metrics, "ranking": ranking}, self._published, plan.several_labels),
            "discrimination": Drawing(
                "discrimination",
                {"measured": f"{folder}/discrimination/discrimination.json"},
                self._with_systems,
                lambda dataset: True,
            ),
            "reliability": Drawing(
                "reliability", {"measured": f"{folder}/reliability/reliability.json"}, self._with_systems, one_class
            ),
            "corruptions": Drawing(
                "corruptions",
                {
                    "measured": f"{folder}/corruptions.csv",
                    "ranking": ranking,
                    "data": [f"{folder}/images/test.h5"],
                },
                lambda wildcards: self._named(wildcards, systems=plan.named(wildcards.dataset)["systems"]),
                self._corruptions.runs,
            ),
            "corrupted": Drawing(
                "corruptions",
                {"images": f"{folder}/images/test.h5"},
                lambda wildcards: self._named(
                    wildcards,
                    flag=plan.datasets[wildcards.dataset]["flag"],
                    severities=plan.config["corruptions"]["severities"],
                ),
                self._corruptions.runs,
                "png",
            ),
            "examples": Drawing(
                "examples",
                {
                    "examples": f"{folder}/examples/examples.json",
                    "images": f"{folder}/images/test.h5",
                    "maps": f"{folder}/examples/maps.h5",
                },
                lambda wildcards: self._style(**plan.named(wildcards.dataset)),
                one_class,
                "png",
            ),
            "mislabelled": Drawing(
                "audit",
                {
                    "labels": f"{folder}/audit/labels.csv",
                    "images": [f"{folder}/images/{split}.h5" for split in ("train", "val", "test")],
                },
                self._with_labels,
                one_class,
                "png",
            ),
            "training_size": Drawing(
                "learning_curve",
                {"metrics": plan.curve_metrics, "train": train},
                lambda wildcards: self._name_alone(wildcards, files=plan.curve_metrics(wildcards)),
                lambda dataset: plan.datasets[dataset]["learning_curve"],
            ),
            "ablations": Drawing(
                "ablations",
                {"metrics": plan.ablation_metrics},
                lambda wildcards: self._name_alone(
                    wildcards,
                    comparisons=[asdict(found) for found in ablations.comparisons(plan.config, wildcards.dataset)],
                    models=dict(model_names(plan.config, wildcards.dataset)),
                    systems=dict(part_names(plan.config, wildcards.dataset)),
                    confidence=plan.config["evaluation"]["confidence"],
                ),
                lambda dataset: plan.datasets[dataset]["derived"],
            ),
        }

    def _trains(self, dataset: str) -> bool:
        """Whether a data set has a network that is trained."""
        return any(not self._plan.backbone(dataset, model) for model in self._plan.datasets[dataset]["models"])

    # -- settings of jobs: what figures depend on ----------------------------------------------------------------------

    def _style(self, **more: Any) -> Settings:
        return {"style": self._plan.config["report"]["style"], **more}

    def _parts_named(self, wildcards: Wildcards, keys: Iterable[str]) -> dict[str, str]:
        """Classifiers or fusions of a model with their names."""
        names = part_names(self._plan.config, wildcards.dataset)
        return {key: names[key] for key in keys}

    def _pairs(self, wildcards: Wildcards, keys: Iterable[str]) -> list[tuple[str, str]]:
        """The same in the order of their files, which a mapping loses: settings are written with sorted keys."""
        return list(self._parts_named(wildcards, keys).items())

    def _members_named(self, wildcards: Wildcards, fusions: Iterable[str]) -> dict[str, str]:
        entries = self._plan.config["fusions"]
        return self._parts_named(wildcards, [member for key in fusions for member in fusion_members(entries[key])])

    def _named(self, wildcards: Wildcards, **more: Any) -> Settings:
        return self._style(name=self._plan.display_names(wildcards.dataset)["name"], **more)

    def _with_labels(self, wildcards: Wildcards) -> Settings:
        return self._style(**self._plan.display_names(wildcards.dataset))

    def _with_systems(self, wildcards: Wildcards, **more: Any) -> Settings:
        return self._style(display_names={wildcards.dataset: self._plan.named(wildcards.dataset)}, **more)

    def _name_alone(self, wildcards: Wildcards, **more: Any) -> Settings:
        name = self._plan.display_names(wildcards.dataset)["name"]
        return self._style(display_names={wildcards.dataset: {"name": name}}, **more)

    def _published(self, wildcards: Wildcards) -> Settings:
        entry = self._plan.datasets[wildcards.dataset]
        files = self._plan.metrics(wildcards.dataset)
        return self._with_systems(wildcards, published=entry["published"], source=entry["source"], files=files)
