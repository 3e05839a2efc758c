"""Which files and which settings each job needs, derived from the configuration; what the rules ask when they plan.

Nothing here reads or writes an artifact, and no stage imports it. Methods that take `wildcards` are Snakemake input
functions. What is drawn and shown is in page_plan.py, what is exported in export_plan.py.
"""

from pathlib import Path
from typing import Any

from medfusion import display_names
from medfusion.data.datafiles import file_name
from medfusion.planning import ablations, backbones, data_sets, pretraining
from medfusion.planning.partitions import Partition, fold_ensembles, partitions
from medfusion.planning.systems import Config, all_models, fusion_members, systems
from medfusion.system_id import SystemId

Wildcards = Any  # Snakemake's: one attribute for each wildcard
Files = list[str]


class Plan:
    """The files and settings of every job.

    Parameters
    ----------
    config : as `config.complete` returns it
    """

    def __init__(self, config: Config):
        self.config = config
        self.datasets: dict[str, Config] = config["datasets"]
        self.results: str = config["results"].rstrip("/")
        self.partitions, self.fold_ensembles = partitions(self.datasets), fold_ensembles(self.datasets)
        # Whatever may stand for a data set in a path: data sets, other splits of their images, averages over folds.
        self.entries = {
            **self.datasets,
            **{path: partition.entry for path, partition in self.partitions.items()},
            **{path: ensembles.entry for path, ensembles in self.fold_ensembles.items()},
        }
        # Group of systems -> system -> file of its probabilities, for each of these.
        self.groups = {name: self._groups(name) for name in self.entries}
        # Those of models that are derived from others, apart because they are no candidates.
        self.derived_groups = {name: self._groups_of(name, "derived") for name in self.entries}
        self._runs: dict[str, dict[SystemId, str]] = {}
        self._candidates: dict[str, dict[SystemId, str]] = {}

    # -- where things are ---------------------------------------------------------------------------------------------

    def beside(self, kind: str) -> str:
        """A folder beside the results, such as logs: logs/… for results/…, else {results}/logs."""
        top, *rest = Path(self.results).parts
        return str(Path(kind, *rest)) if top == "results" else f"{self.results}/{kind}"

    def seed_folder(self, dataset: str, model: str, seed: int | str) -> str:
        """The folder of one network trained with one seed."""
        return f"{self.results}/{dataset}/{model}/seed{seed}"

    def probabilities(self, dataset: str, model: str, seed: int | str, system: str) -> str:
        """The file of a system's probabilities."""
        folder = self.seed_folder(dataset, model, seed)
        if dataset in self.fold_ensembles:
            return f"{folder}/{system}/folds.h5"
        if system == "cnn" and not self.backbone(dataset, model):
            return f"{folder}/features.h5"
        name = "fused" if system in self.config["fusions"] else "probabilities"
        return f"{folder}/{system}/{name}.h5"

    # -- data ---------------------------------------------------------------------------------------------------------

    def downloads(self) -> dict[str, Config]:
        """Files to download, by stem, with what they are; data sets that share a file share its download."""
        entries = [entry for entry in self.datasets.values() if entry["source"] in ("official", "surrogate")]
        return {
            Path(file_name(entry["flag"], entry["size"], entry["source"])).stem: {
                key: entry[key] for key in ("flag", "size", "source")
            }
            for entry in entries
        }

    def data_file(self, wildcards: Wildcards) -> str:
        """The .npz file or the folder of a data set."""
        entry = self.datasets[wildcards.dataset]
        if entry["source"] in ("file", "folder"):
            return entry["path"]
        if entry["source"] == "generated":
            return f"{self.results}/{wildcards.dataset}/generated.npz"
        return f"{self.config['data']}/{file_name(entry['flag'], entry['size'], entry['source'])}"

    def data_file_inputs(self, wildcards: Wildcards) -> Files:
        """What is waited for before a data set's .npz file can be read: a download, or the file that is generated."""
        file, source = self.data_file(wildcards), self.datasets[wildcards.dataset]["source"]
        if source == "generated":
            return [file]
        return [] if source == "file" else [self.receipt(Path(file).stem)]

    def receipt(self, file: str) -> str:
        """What a download writes when its file, by stem, is there."""
        return f"{self.results}/downloads/{file}.json"

    @property
    def in_folders(self) -> list[str]:
        """The data sets that are folders of pictures."""
        return [dataset for dataset, entry in self.datasets.items() if entry["source"] == "folder"]

    def display_names(self, dataset: str) -> Config:
        """What figures and tables call a data set and its classes; label_names is None for MedMNIST's own."""
        entry = self.datasets[dataset]
        return {"name": data_sets.name(entry), "label_names": entry["label_names"]}

    def named(self, dataset: str) -> Config:
        """The same, and what they call its systems, by address."""
        return {**self.display_names(dataset), "systems": display_names.system_names(self.config, dataset)}

    def several_labels(self, dataset: str) -> bool:
        """Whether an image may have several labels at once: what rests on one class an image is not planned then."""
        return data_sets.several_labels(self.datasets[dataset])

    @property
    def one_class(self) -> list[str]:
        """The data sets whose images have one class each."""
        return [dataset for dataset in self.datasets if not self.several_labels(dataset)]

    @property
    def in_medmnist(self) -> list[str]:
        """The data sets that MedMNIST's evaluator knows."""
        return [dataset for dataset, entry in self.datasets.items() if entry["flag"]]

    # -- partitions ---------------------------------------------------------------------------------------------------

    def _divided(self, dataset: str) -> str:
        """The results of the data set that a partition, or a repeat whose folds are averaged, divides anew."""
        found = self.partitions[dataset] if dataset in self.partitions else self.fold_ensembles[dataset]
        return f"{self.results}/{found.dataset}"

    def whole(self, wildcards: Wildcards) -> Files:
        """The prepared images that are divided anew."""
        return [f"{self._divided(wildcards.dataset)}/images/{split}.h5" for split in ("train", "val", "test")]

    def whole_test_labels(self, wildcards: Wildcards) -> Files:
        """The labels of the test images, if a partition divides these too."""
        partition = self.partitions[wildcards.dataset]
        pooled = "test" in partition.settings["pool"]
        return [f"{self.results}/{partition.dataset}/test_labels.h5"] if pooled else []

    def image_groups(self, wildcards: Wildcards) -> str:
        """Which of the images that are divided anew stay together."""
        return f"{self._divided(wildcards.dataset)}/groups.csv"

    def pictures(self, wildcards: Wildcards) -> Files:
        """Which picture became which image, for a folder of pictures."""
        folder = f"{self.results}/{wildcards.dataset}"
        return [f"{folder}/pictures.csv"] if wildcards.dataset in self.in_folders else []

    @property
    def with_metadata(self) -> list[str]:
        """The data sets of whose images more is known than their classes."""
        return [dataset for dataset in self.one_class if self.datasets[dataset]["metadata"]]

    def metadata(self, wildcards: Wildcards) -> Files:
        """What a user knows of a data set's images."""
        path = self.datasets[wildcards.dataset]["metadata"]
        return [path] if path else []

    def of_scheme(self, dataset: str, scheme: str) -> dict[str, Partition]:
        """The partitions of one data set and scheme, by path."""
        wanted = dataset, scheme
        return {path: one for path, one in self.partitions.items() if (one.dataset, one.scheme) == wanted}

    def partitioned(self, scheme: str) -> list[str]:
        """The data sets that a scheme divides anew."""
        return list(dict.fromkeys(one.dataset for one in self.partitions.values() if one.scheme == scheme))

    def ensembles_of(self, dataset: str) -> list[str]:
        """The path of a data set's fold ensembles, if it has some."""
        return [path for path, one in self.fold_ensembles.items() if one.dataset == dataset]

    def given_test(self, wildcards: Wildcards) -> str:
        """The images of the given test split, for a fold."""
        return f"{self.results}/{self.partitions[wildcards.dataset].dataset}/images/test.h5"

    def of_folds(self, wildcards: Wildcards) -> Files:
        """What a system of each fold says of the fold's test images."""
        model, seed, system = wildcards.model, wildcards.seed, wildcards.system
        return [self.probabilities(path, model, seed, system) for path in self._folds(wildcards)]

    def of_folds_on_given(self, wildcards: Wildcards) -> Files:
        """What the systems of a model of each fold say of the given test images."""
        folders = [self.seed_folder(path, wildcards.model, wildcards.seed) for path in self._folds(wildcards)]
        return [f"{folder}/given_test.h5" for folder in folders]

    def divisions(self, wildcards: Wildcards) -> list[Config]:
        """How the images are divided in each fold of a repeat."""
        return [self.partitions[path].settings for path in self._folds(wildcards)]

    def _folds(self, wildcards: Wildcards) -> list[str]:
        return self.fold_ensembles[wildcards.dataset].folds[int(wildcards.seed)]

    def val_labels(self, wildcards: Wildcards) -> str:
        """The labels that temperatures and thresholds are chosen by: of fold ensembles, in each of their files."""
        if wildcards.dataset in self.fold_ensembles:
            return self.candidate_files(wildcards)[0]
        return f"{self.results}/{wildcards.dataset}/images/val.h5"

    def test_labels(self, wildcards: Wildcards) -> str:
        """The labels of the test images; fold ensembles are tested on those of the given split."""
        ensembles = self.fold_ensembles.get(wildcards.dataset)
        return f"{self.results}/{ensembles.dataset if ensembles else wildcards.dataset}/test_labels.h5"

    def partition_metrics(self, wildcards: Wildcards) -> Files:
        """The measures of every group of every partition of one data set and scheme."""
        found = self.of_scheme(wildcards.dataset, wildcards.scheme)
        return [file for path in found for file in self.metrics(path)]

    # -- networks -----------------------------------------------------------------------------------------------------

    def model(self, wildcards: Wildcards) -> Config:
        """A model's entry in the configuration."""
        return all_models(self.entries[wildcards.dataset])[wildcards.model]

    def network(self, wildcards: Wildcards) -> Config:
        """The network's entry in the configuration, for a model."""
        network: Config = self.config["networks"][self.model(wildcards)["network"]]
        return network

    def trained_network(self, wildcards: Wildcards) -> str:
        """The trained network that a model's features are taken from."""
        model = ablations.trained_as(self.config, self.entries[wildcards.dataset], wildcards.model)
        return f"{self.seed_folder(wildcards.dataset, model, wildcards.seed)}/model.keras"

    def trains(self, dataset: str, model: str) -> bool:
        """Whether a model has a training of its own: with no frozen backbone, nor the trained network of its base."""
        frozen = self.backbone(dataset, model)
        return not frozen and ablations.trained_as(self.config, self.entries[dataset], model) == model

    def features(self, wildcards: Wildcards) -> str:
        """The features that a model's classifiers see: those of a backbone are the same for all seeds."""
        if self.backbone(wildcards.dataset, wildcards.model):
            return f"{self.results}/{wildcards.dataset}/{wildcards.model}/backbone.h5"
        return f"{self.seed_folder(wildcards.dataset, wildcards.model, wildcards.seed)}/features.h5"

    def backbone(self, dataset: str, model: str) -> Config | None:
        """The entry of a configured model's network, if that is a frozen backbone."""
        return backbones.of_model(self.config, self.entries[dataset], model)

    def backbone_file(self, wildcards: Wildcards) -> Files:
        """The file of a model's backbone."""
        return [self.network(wildcards)["options"]["path"]]

    def backbone_memory(self, dataset: str) -> int:
        """Megabytes that the largest backbone of a data set takes beside its images; 0 without any."""
        found = (self.backbone(dataset, model) for model in self.entries[dataset]["models"])
        return max((4 * backbones.megabytes(network) for network in found if network), default=0)

    def classifiers(self, dataset: str, model: str) -> list[str]:
        """The classifiers that are fitted for a model; a backbone's head is one of them."""
        own: list[str] = all_models(self.entries[dataset])[model]["classifiers"]
        return [backbones.HEAD, *own] if self.backbone(dataset, model) else own

    def curve_network(self, dataset: str) -> Config:
        """The network's entry in the configuration, for the training-size study."""
        return self.config["networks"][self.datasets[dataset]["learning_curve"]["network"]]

    def weights(self, network: Config) -> Files:
        """The file that a network starts from, if it is pretrained."""
        path = pretraining.weights(network, self.config["data"])
        return [path] if path else []

    def weights_receipts(self, network: Config) -> Files:
        """What jobs make before the file of a network's weights is there; a user's own is there already."""
        name = pretraining.fetched(network)
        return [self.receipt(name)] if name else []

    @property
    def applications(self) -> list[str]:
        """The networks of keras.applications whose weights are downloaded."""
        used = [
            self.config["networks"][model["network"]]
            for entry in self.datasets.values()
            for model in all_models(entry).values()
        ]
        used += [self.curve_network(name) for name, entry in self.datasets.items() if entry["learning_curve"]]
        return list(dict.fromkeys(name for network in used if (name := pretraining.fetched(network))))

    def augmented(self, wildcards: Wildcards) -> Files:
        """The augmented set, if the model's network draws from it."""
        return self.own_augmented(wildcards) or self._augmented_set(wildcards.dataset, self.network(wildcards))

    def own_augmented(self, wildcards: Wildcards) -> Files:
        """The augmented set of a derived model that has one of its own."""
        own, suffix = self.model(wildcards).get("augmentation"), f"-{wildcards.model}"
        return self._augmented_set(wildcards.dataset, self.network(wildcards), suffix) if own else []

    def curve_augmented(self, wildcards: Wildcards) -> Files:
        """The augmented set, if the network of the training-size study draws from it."""
        return self._augmented_set(wildcards.dataset, self.curve_network(wildcards.dataset))

    def _augmented_set(self, dataset: str, network: Config, suffix: str = "") -> Files:
        drawn = network["training"]["images"] != "original"
        return [f"{self.results}/{dataset}/augmented{suffix}.h5"] if drawn else []

    def augmentation(self, wildcards: Wildcards) -> Config:
        """The settings of an augmented set: of a data set, or of the derived model that its name ends in."""
        _, _, model = wildcards.augmented.partition("-")
        entry = self.entries[wildcards.dataset]
        augmentation: Config = (entry["derived"][model] if model else entry)["augmentation"]
        return augmentation

    def groups_of(self, wildcards: Wildcards) -> Files:
        """Which images belong together, if a model learns from no near-duplicate of some splits."""
        dropped = self.model(wildcards)["drop_near_duplicates_of"]
        return [f"{self.results}/{wildcards.dataset}/groups.csv"] if dropped else []

    def histories(self, wildcards: Wildcards) -> Files:
        """The training curves of all seeds of a model."""
        seeds = self.model(wildcards)["seeds"]
        return [f"{self.seed_folder(wildcards.dataset, wildcards.model, seed)}/history.csv" for seed in seeds]

    # -- fusion -------------------------------------------------------------------------------------------------------

    def fusion_files(self, wildcards: Wildcards) -> Files:
        """The probabilities of a fusion's members."""
        members = fusion_members(self.config["fusions"][wildcards.fusion])
        return [self.probabilities(wildcards.dataset, wildcards.model, wildcards.seed, member) for member in members]

    def ensemble_files(self, wildcards: Wildcards) -> Files:
        """The probabilities of an ensemble's systems, for all their seeds."""
        entry = self.entries[wildcards.dataset]
        return [
            self.probabilities(wildcards.dataset, model, seed, system)
            for model, _, system in map(SystemId.of, entry["ensembles"][wildcards.ensemble])
            for seed in entry["models"][model]["seeds"]
        ]

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def _groups(self, dataset: str) -> dict[str, dict[str, str]]:
        entry, folder = self.entries[dataset], f"{self.results}/{dataset}"
        groups = self._groups_of(dataset, "models")
        if dataset in self.datasets:
            names = ("majority", "nearest_neighbour")
            groups["baselines"] = {name: f"{folder}/baselines/{name}.h5" for name in names}
        if entry["ensembles"]:
            groups["ensembles"] = {
                ensemble: f"{folder}/ensembles/{ensemble}/fused.h5" for ensemble in entry["ensembles"]
            }
        for repeat in entry["learning_curve"]["repeats"] if entry["learning_curve"] else ():
            group = f"learning_curve/repeat{repeat}"
            groups[group] = {str(size): f"{folder}/{group}/{size}.h5" for size in entry["learning_curve"]["sizes"]}
        return groups

    def _groups_of(self, dataset: str, kind: str) -> dict[str, dict[str, str]]:
        """Of "models", or of those that are "derived" from them."""
        entry = self.entries[dataset]
        return {
            f"{name}/seed{seed}": {
                system: self.probabilities(dataset, name, seed, system) for system in systems(entry, name)
            }
            for name, model in entry[kind].items()
            for seed in model["seeds"]
        }

    def group(self, wildcards: Wildcards) -> dict[str, str]:
        """The probabilities of a group of systems that is evaluated together, by system."""
        dataset, group = wildcards.dataset, wildcards.group
        return {**self.groups[dataset], **self.derived_groups[dataset]}[group]

    def group_files(self, wildcards: Wildcards) -> Files:
        """The probabilities of a group of systems that is evaluated together."""
        return list(self.group(wildcards).values())

    def all_probabilities(self, wildcards: Wildcards) -> Files:
        """The probabilities of every system of a data set but those of derived models, group by group."""
        return [file for group in self.groups[wildcards.dataset].values() for file in group.values()]

    def metrics(self, dataset: str) -> Files:
        """The measures of every group of a data set but those of derived models."""
        return [f"{self.results}/{dataset}/{group}/metrics.json" for group in self.groups[dataset]]

    def all_metrics(self, dataset: str) -> Files:
        """The measures of every group of a data set."""
        folder = f"{self.results}/{dataset}"
        return [*self.metrics(dataset), *(f"{folder}/{group}/metrics.json" for group in self.derived_groups[dataset])]

    def ablation_metrics(self, wildcards: Wildcards) -> Files:
        """The measures of derived models and of their bases."""
        entry, dataset = self.datasets[wildcards.dataset], wildcards.dataset
        names = dict.fromkeys(one for name, derived in entry["derived"].items() for one in (derived["base"], name))
        runs = [(name, seed) for name in names for seed in all_models(entry)[name]["seeds"]]
        return [f"{self.seed_folder(dataset, name, seed)}/metrics.json" for name, seed in runs]

    def compared_runs(self, dataset: str) -> dict[SystemId, str]:
        """The probabilities of every run that is compared with the selected system: by model, seed and system.

        All but the training-size study; baselines and ensembles have no seed.
        """
        if dataset not in self._runs:
            runs = self._runs[dataset] = {}
            for group, files in self.groups[dataset].items():
                model, _, run = group.partition("/")
                if model != "learning_curve":
                    seed = int(run.removeprefix("seed")) if run else None
                    runs.update((SystemId(model, seed, system), file) for system, file in files.items())
        return self._runs[dataset]

    def ranked_metrics(self, wildcards: Wildcards) -> Files:
        """The measures of all candidates, and of the baselines."""
        return self._metrics_of(wildcards.dataset, study=False)

    def comparisons(self, dataset: str) -> str:
        """The file that compares the systems of a data set."""
        return f"{self.results}/{dataset}/comparisons.json"

    def candidates(self, dataset: str) -> dict[SystemId, str]:
        """The probabilities of every run of every system that could be selected: all but the baselines."""
        if dataset not in self._candidates:
            runs = self.compared_runs(dataset).items()
            self._candidates[dataset] = {run: file for run, file in runs if run.model != "baselines"}
        return self._candidates[dataset]

    def calibration(self, wildcards: Wildcards) -> Files:
        """What validation chose for the systems of a data set; nothing where an image may have several labels."""
        several = self.several_labels(wildcards.dataset)
        return [] if several else [f"{self.results}/{wildcards.dataset}/calibration.json"]

    def candidate_files(self, wildcards: Wildcards) -> Files:
        """The probabilities of all candidates."""
        return list(self.candidates(wildcards.dataset).values())

    def curve_metrics(self, wildcards: Wildcards) -> Files:
        """The measures of the training-size study."""
        return self._metrics_of(wildcards.dataset, study=True)

    def _metrics_of(self, dataset: str, study: bool) -> list[str]:
        """The measures of the training-size study, or of all other groups."""
        in_study = [SystemId.of(group).model == "learning_curve" for group in self.groups[dataset]]
        return [file for file, found in zip(self.metrics(dataset), in_study, strict=True) if found == study]
