"""model_package.json: what an exported system consists of, and whether the files beside it are as exported."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medfusion.errors import UserError
from medfusion.files.artifacts import hash_file, read_record, write_json
from medfusion.files.calibrations import Calibration
from medfusion.learning.augmentation import SHIFTS, SYMMETRIES
from medfusion.learning.backbones import Input
from medfusion.learning.input_check import KINDS
from medfusion.package.input_checks import CheckNumbers

SCHEMA = 5  # of model_package.json; another where older programs would misread a model package
RECORD = "model_package.json"
CARD = "README.md"
CLASSIFIERS = "classifiers.skops"
INPUT_CHECK = "input_check.npz"
CHECKSUM = "checksum"  # of all other entries of the record
MOST_CLASSES, MOST_PARTS = 256, 1000  # classes; networks, and members of a mean
LARGEST_SIDE = 224  # pixels
LARGEST_INPUT = 1024  # pixels a side, of a backbone
LONGEST_TEXT = 300  # characters
LARGEST = 10_000_000  # bytes of the record
WARNING = "For research and teaching. Not a medical device, not for clinical use: nobody may be diagnosed with it."
GENERATED = "Trained on GENERATED images, drawn by a program: its answers mean nothing for real images."


@dataclass(frozen=True)
class Backbone:
    """A network that was applied as it is. It gives features alone; its head is one of the classifiers.

    file, sha256 : its name where it was exported, and the SHA-256 of its bytes
    input : what it takes
    pretrained_on : on what, as the configuration says it; None where it does not
    """

    file: str
    sha256: str
    input: Input
    pretrained_on: str | None


@dataclass(frozen=True)
class Network:
    """One of the networks of a system.

    model, seed : its name in the configuration, and the seed that it was trained with; None of a backbone
    keras, onnx : files in the folder; a backbone has no Keras form, and no ONNX form where it must not be passed on
    layers : whose outputs, side by side, the features are; the output of a backbone
    views : kinds of them; features and probabilities are averaged over all combinations (`augmentation.views`)
    backbone : what it is, if it is one
    """

    model: str
    seed: int | None
    keras: str | None
    onnx: str | None
    layers: tuple[str, ...]
    views: tuple[str, ...]
    backbone: Backbone | None = None


@dataclass(frozen=True)
class Member:
    """One of the probabilities whose weighted mean is the system's.

    network : position among the networks
    classifier : the key in the file of classifiers of the one that sees the network's features; None for the network's
        own probabilities
    weight : all sum to 1
    temperature : by which its probabilities are scaled before
    """

    network: int
    classifier: str | None
    weight: float
    temperature: float


@dataclass(frozen=True)
class ModelPackage:
    """What is in an exported folder.

    name : of the data set, which says so if the images are generated
    flag, task : MedMNIST's name of the data set that it stands for, and of the kind of task
    generated : whether the images were drawn by a program
    label_names : in label order
    size, channels : of the images that the networks take
    positive : the label that the calibration's decision speaks of
    libraries : by name, the versions that it was exported with
    bits : so many of 16 hold the values of pictures of 16 bits; None if it was trained on none
    input_check : of each network, how it is known that an image is unlike the training images; None in older packages
    """

    name: str
    flag: str
    task: str
    generated: bool
    label_names: tuple[str, ...]
    size: int
    channels: int
    positive: int | None
    networks: tuple[Network, ...]
    members: tuple[Member, ...]
    calibration: Calibration
    libraries: Mapping[str, str]
    bits: int | None = None
    input_check: tuple[CheckNumbers, ...] | None = None


def write(folder: str | Path, package: ModelPackage, more: Mapping[str, Any], files: Mapping[str, str | Path]) -> None:
    """Write model_package.json.

    Parameters
    ----------
    folder : it goes there
    package : what programs need
    more : what else people want to know, by name
    files : by name in the folder, those whose checksums it is to hold
    """
    content = {"schema": SCHEMA, **asdict(package), **more}
    content["networks"] = [
        {key: value for key, value in entry.items() if key != "backbone" or value} for entry in content["networks"]
    ]
    if package.input_check is None:
        del content["input_check"]
    content["files"] = {name: hash_file(path) for name, path in files.items()}
    write_json(Path(folder, RECORD), {**content, CHECKSUM: _checksum(content)})


def read(folder: str | Path) -> ModelPackage:
    """Read model_package.json, and hold every file that it names against its checksum.

    Raises
    ------
    UserError
        If the folder is no model package, of another schema, or a file is missing or not as it was exported.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no folder; expected one that `snakemake export` made")
    path = Path(folder, RECORD)
    if not path.is_file():
        raise UserError(f"{folder}: holds no {RECORD}; expected a folder that `snakemake export` made")
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: longer than {LARGEST:,} bytes; get the model package again")
        content = read_record(path, ("schema", "files", CHECKSUM))
    except UserError as error:  # whose advice is for results
        raise UserError(str(error).replace("delete it and run again", "get the model package again")) from None
    if content["schema"] != SCHEMA:
        raise UserError(f"{path}: schema {content['schema']!r}; this program reads {SCHEMA}: take the one of its time")
    if content.pop(CHECKSUM) != _checksum(content):
        raise UserError(f"{path}: not as it was exported (its checksum differs); get the model package again")
    try:
        for name, expected in content["files"].items():
            _check_file(folder, name, expected)
        return _package(content)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a model package of this program ({error!r}); export it again") from None


def _check_file(folder: str | Path, name: str, expected: str) -> None:
    path = Path(folder, name)
    if Path(name).name != name or path.is_symlink():
        raise UserError(f"{path}: lies outside the model package; get the model package again")
    if not path.is_file():
        raise UserError(f"{path}: is missing; get the model package again")
    if hash_file(path) != expected:
        raise UserError(f"{path}: not as it was exported (its SHA-256 differs); get the model package again")


def _package(content: Mapping[str, Any]) -> ModelPackage:
    content = {"input_check": None, **content}
    fields = {key: content[key] for key in ModelPackage.__dataclass_fields__}
    networks = tuple(map(_network, fields["networks"]))
    members = tuple(Member(**entry) for entry in fields["members"])
    needed = [file for network in networks for file in (network.keras, network.onnx) if file is not None]
    needed += [CLASSIFIERS] * any(member.classifier for member in members)
    if fields["input_check"] is not None:
        needed.append(INPUT_CHECK)
        fields["input_check"] = tuple(map(_check_numbers, fields["input_check"]))
    for file in needed:
        content["files"][file]  # whose checksum was compared
    calibration = fields["calibration"]
    package = ModelPackage(
        **{
            **fields,
            "label_names": tuple(fields["label_names"]),
            "networks": networks,
            "members": members,
            "calibration": Calibration(**{**calibration, "by_class": tuple(calibration["by_class"])}),
        }
    )
    for key, sound in _soundness(package):
        if not sound:
            raise ValueError(key)
    return package


def _network(entry: Mapping[str, Any]) -> Network:
    lists = {key: tuple(entry[key]) for key in ("layers", "views")}
    if (backbone := entry.get("backbone")) is not None:
        taken = backbone["input"]
        taken = Input(**{**taken, **{key: tuple(taken[key]) for key in ("mean", "std")}})
        backbone = Backbone(**{**backbone, "input": taken})
    return Network(**{**entry, **lists, "backbone": backbone})


def _check_numbers(entry: Mapping[str, Any]) -> CheckNumbers:
    return CheckNumbers(**{**entry, **{key: tuple(entry[key]) for key in ("feature_units", "pixel_units")}})


def _soundness(package: ModelPackage) -> Iterator[tuple[str, bool]]:
    """Whether the values can belong to an exported system, one after another: a wrong type is an exception."""
    labels, numbers = len(package.label_names), package.calibration
    weights = [member.weight for member in package.members]
    yield "name", _is_text(package.name)
    yield "label_names", 1 < labels <= MOST_CLASSES and all(map(_is_text, package.label_names))
    yield "label_names", len(set(package.label_names)) == labels
    yield "size", _is_whole(package.size) and 0 < package.size <= LARGEST_SIDE
    yield "channels", _is_whole(package.channels) and package.channels in (1, 3)
    yield "bits", package.bits is None or (_is_whole(package.bits) and 8 <= package.bits <= 16)
    yield "flag", isinstance(package.flag, str) and isinstance(package.task, str)
    yield "generated", isinstance(package.generated, bool)
    yield "positive", package.positive is None or (_is_whole(package.positive) and 0 <= package.positive < labels)
    yield "libraries", isinstance(package.libraries, Mapping) and all(map(_is_text, package.libraries.values()))
    yield "networks", 0 < len(package.networks) <= MOST_PARTS
    for network in package.networks:
        yield "networks", all(map(_is_text, (network.model, *network.layers)))
        if backbone := network.backbone:
            yield "networks", (network.seed, network.keras) == (None, None)
            yield "networks", len(network.layers) == 1 and (network.onnx is None or _is_text(network.onnx))
            yield from (("backbone", sound) for sound in _sound_backbone(backbone))
        else:
            yield "networks", _is_whole(network.seed) and _is_text(network.keras) and _is_text(network.onnx)
        yield "views", len(set(network.views)) == len(network.views) and set(network.views) <= {*SYMMETRIES, SHIFTS}
    yield "members", 0 < len(package.members) <= MOST_PARTS
    for member in package.members:
        yield "members", _is_whole(member.network) and 0 <= member.network < len(package.networks)
        yield "members", member.classifier is None or _is_text(member.classifier)
        yield "members", member.classifier is not None or package.networks[member.network].backbone is None
        yield "members", 0 < member.temperature < math.inf
    yield "weights", min(weights) >= 0 and math.isclose(sum(weights), 1, rel_tol=1e-6)
    yield "temperature", 0 < numbers.temperature < math.inf
    yield "referral", math.isfinite(numbers.referral)
    yield "by_class", all(value is None or math.isfinite(value) for value in numbers.by_class)
    yield "marginal", numbers.marginal is None or math.isfinite(numbers.marginal)
    for check in package.input_check or ():
        yield from (("input_check", sound) for sound in _sound_check(check))
    yield "input_check", package.input_check is None or len(package.input_check) == len(package.networks)
    yield "decision", numbers.decision is None or (package.positive is not None and math.isfinite(numbers.decision))


def _sound_backbone(backbone: Backbone) -> Iterator[bool]:
    taken = backbone.input
    yield _is_text(backbone.file) and _is_text(backbone.sha256)
    yield backbone.pretrained_on is None or _is_text(backbone.pretrained_on)
    yield _is_whole(taken.size) and 0 < taken.size <= LARGEST_INPUT
    yield taken.layout in ("NCHW", "NHWC")
    yield _is_whole(taken.channels) and taken.channels in (1, 3)
    yield len(taken.mean) == len(taken.std) == taken.channels
    yield 0 < taken.scale < math.inf and all(map(math.isfinite, taken.mean))
    yield all(0 < value < math.inf for value in taken.std)


def _sound_check(check: CheckNumbers) -> Iterator[bool]:
    yield check.kind in KINDS
    yield _is_whole(check.neighbour) and check.neighbour >= 0 and _is_whole(check.pool) and check.pool > 0
    for units in (check.feature_units, check.pixel_units):
        yield len(units) == 2 and math.isfinite(units[0]) and 0 < units[1] < math.inf
    yield set(check.auroc) == set(KINDS) and all(0 <= value <= 1 for value in check.auroc.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _checksum(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
