"""The four doors through which other people's bytes come in, each as a function of bytes, and bytes to begin with.

A door is sound if whatever comes in is taken, or refused with a UserError, in seconds and within bounds of memory.
"""

import contextlib
import copy
import io
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from snakemake.utils import update_config  # noqa: E402

from medfusion.data import npz, pictures, preparation  # noqa: E402
from medfusion.data.pictures import Form  # noqa: E402
from medfusion.errors import UserError  # noqa: E402
from medfusion.files.artifacts import hash_file  # noqa: E402
from medfusion.package import contents, inputs, predictor  # noqa: E402
from medfusion.planning import config as configuration  # noqa: E402
from medfusion.planning import config_text  # noqa: E402
from medfusion.planning.plan import Plan  # noqa: E402

FINDINGS = Path(__file__).parent / "findings"
PACKAGE = "MEDFUSION_FUZZ_BUNDLE"  # in the environment: a sound package, whose parts the bytes replace
FORM = Form("", 28, 3)
MEMBERS = [f"{split}_{part}" for split in npz.SPLITS for part in ("images", "labels")]
OWN = {"task": None, "classes": None, "positive": None}
SETTINGS = {"flag": None, "size": 28, "source": "file", "sha256": None, "own": OWN}
PARTS = ("record", "schema", "array", "network")


@cache
def folder() -> Path:
    """A folder for the files of one process, in memory where there is such a place."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="medfusion-fuzz-", dir=place))


def npz_door(data: bytes) -> None:
    """An .npz file of which one member, or all of it, is as given: prepared, and predicted."""
    path = folder() / "x.npz"
    which = data[0] % 8 if data else 7
    if which < len(MEMBERS):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in sound_members().items():
                archive.writestr(f"{name}.npy", data[1:] if name == MEMBERS[which] else content)
    else:
        path.write_bytes(data[1:])
    for read in (_prepare, lambda path: list(inputs.items([str(path)], FORM, lambda text: None))):
        with contextlib.suppress(UserError):
            read(path)


def _prepare(path: Path) -> None:
    preparation.load(path, SETTINGS)


def config_door(data: bytes) -> None:
    """An overlay on config.yaml: read as a text, completed, planned."""
    path = folder() / "overlay.yaml"
    path.write_bytes(data)
    config = copy.deepcopy(base())
    try:
        config_text.check(path)
        overlay = yaml.safe_load(data.decode("utf-8"))
        if isinstance(overlay, dict):  # Snakemake refuses all else
            update_config(config, overlay)
        Plan(configuration.complete(config))
    except (UserError, yaml.YAMLError):  # what a tag of YAML's own cannot be made of, Snakemake says
        pass


def package_door(data: bytes) -> None:
    """A model package of which one part is as given, its checksums redone: loaded, and asked."""
    whole, own = Path(os.environ[PACKAGE]), folder() / "package"
    if not own.exists():
        shutil.copytree(whole, own)
    part, rest = PARTS[data[0] % len(PARTS)] if data else "record", data[1:]
    for name in ("network.onnx", contents.CLASSIFIERS, contents.RECORD):
        shutil.copyfile(whole / name, own / name)
    if part == "network":
        (own / "network.onnx").write_bytes(rest)
    elif part != "record":
        _replace_member(own / contents.CLASSIFIERS, part, rest)
    _seal(own / contents.RECORD, rest if part == "record" else None)
    try:
        found = predictor.Predictor(own)
        found.predict(np.full((2, found.package.size, found.package.size, found.package.channels), 200, np.uint8))
    except UserError:
        pass


def _replace_member(path: Path, part: str, content: bytes) -> None:
    """Put the schema, or the array whose number is the first byte, in an archive of classifiers."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = [name for name in members if name.endswith(".npy")]
    if part == "schema":
        members["schema.json"] = content
    elif content:
        members[arrays[content[0] % len(arrays)]] = content[1:]
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)


def _seal(path: Path, record: bytes | None) -> None:
    """Write a record with checksums that fit, where it is one that can have them."""
    try:
        content = json.loads(path.read_bytes() if record is None else record)
        content["files"] = {name: hash_file(path.parent / name) for name in json.loads(path.read_bytes())["files"]}
        content.pop(contents.CHECKSUM, None)
        text = json.dumps({**content, contents.CHECKSUM: contents._checksum(content)}).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, AttributeError, RecursionError):
        text = record or b""
    path.write_bytes(text)


def picture_door(data: bytes) -> None:
    """A picture in a file, for `predict` and for folders."""
    path = folder() / "x.png"
    path.write_bytes(data)
    for read in (lambda path: pictures.read(path, FORM), pictures.in_colour):
        with contextlib.suppress(UserError):
            read(path)


DOORS = {"npz": npz_door, "config": config_door, "package": package_door, "picture": picture_door}


# -- bytes to begin with ----------------------------------------------------------------------------------------------


def seeds(door: str) -> list[bytes]:
    """Sound inputs of a door, and what was found before."""
    made = {"npz": _npz_seeds, "config": _config_seeds, "package": _package_seeds, "picture": _picture_seeds}[door]()
    return [*made, *(path.read_bytes() for path in sorted((FINDINGS / door).glob("*")))]


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@cache
def sound_members() -> dict[str, bytes]:
    """The members of a small sound file, by name."""
    images = (np.arange(4 * 28 * 28) % 251).astype(np.uint8).reshape(4, 28, 28)
    labels = (np.arange(4) % 2).astype(np.uint8)[:, None]
    return {name: _npy(images if name.endswith("images") else labels) for name in MEMBERS}


def _npz_seeds() -> list[bytes]:
    found = [bytes([i]) + sound_members()[name] for i, name in enumerate(MEMBERS)]
    others = [np.zeros((4, 28, 28, 3), np.uint8), np.eye(4, dtype=np.int64), np.array(["a"] * 4), np.zeros(0)]
    file = io.BytesIO()
    np.savez_compressed(file, **{name: np.zeros((2, 28, 28), np.uint8) for name in MEMBERS})
    return [*found, *(bytes([i % 2]) + _npy(array) for i, array in enumerate(others)), b"\x07" + file.getvalue()]


def _config_seeds() -> list[bytes]:
    files = [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))]
    return [*files, b"{datasets: {own: {source: folder, path: x, label: y, split: {groups: '(a)'}}}}", b"a: &x [*x]"]


def _package_seeds() -> list[bytes]:
    whole = Path(os.environ[PACKAGE])
    with zipfile.ZipFile(whole / contents.CLASSIFIERS) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = [content for name, content in members.items() if name.endswith(".npy")]
    found = [b"\x00" + (whole / contents.RECORD).read_bytes(), b"\x01" + members["schema.json"]]
    found += [b"\x02" + bytes([i]) + content for i, content in enumerate(arrays)]
    return [*found, b"\x03" + (whole / "network.onnx").read_bytes()]


def _picture_seeds() -> list[bytes]:
    found = []
    values = (np.arange(20 * 30 * 3) % 256).astype(np.uint8).reshape(20, 30, 3)
    for mode in ("RGB", "L", "P", "RGBA", "CMYK", "I;16", "1"):
        for kind in ("PNG", "JPEG"):
            file = io.BytesIO()
            try:
                Image.fromarray(values).convert("L" if mode == "I;16" else mode).convert(mode).save(file, kind)
            except (OSError, ValueError):
                continue
            found.append(file.getvalue())
    return found


@cache
def base() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


warnings.simplefilter("ignore")
