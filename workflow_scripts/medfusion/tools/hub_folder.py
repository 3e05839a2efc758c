"""A model package as a folder that the Hugging Face Hub shows well: the same files, the card with a front matter."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from medfusion.errors import UserError
from medfusion.files.artifacts import read_json, temporary_name
from medfusion.naming import percent
from medfusion.package import card, contents
from medfusion.package.contents import ModelPackage

OUTSIDE = "[checklist.md](../../checklist.md)"  # where the card leads out of its folder
FENCE = "---\n"


def write(package: str | Path, folder: str | Path) -> Path:
    """Write a model package in the Hub's layout; all of it or nothing. `predict` reads it as it reads the package.

    Parameters
    ----------
    package : folder that `snakemake export` made
    folder : that is not there yet, or is empty

    Returns
    -------
    The folder.

    Raises
    ------
    UserError
        If the package is not as it was exported, or the folder is taken.
    """
    source, target = Path(package), Path(folder).absolute()
    if os.path.lexists(target) and (not target.is_dir() or target.is_symlink() or any(target.iterdir())):
        raise UserError(f"{target}: exists; name a folder that is not there yet, or an empty one")
    described = contents.read(source)
    record = read_json(source / contents.RECORD)
    files = list(record["files"])
    if contents.CARD not in files:
        raise UserError(f"{source}: holds no {contents.CARD}; export it again")
    own = {"schema", "files", contents.CHECKSUM, *ModelPackage.__dataclass_fields__}
    text = (source / contents.CARD).read_text(encoding="utf-8")
    if text.startswith(FENCE):
        raise UserError(f"{source}: its card has a front matter already; name the folder that was exported")
    try:
        front = yaml.safe_dump(front_matter(described, record), sort_keys=False, allow_unicode=True, width=110)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        where = source / contents.RECORD
        raise UserError(f"{where}: not as `snakemake export` writes it ({error!r}); export it again") from None
    temporary = temporary_name(target)
    try:
        temporary.mkdir(parents=True)
        for name in files:
            if name != contents.CARD:
                shutil.copyfile(source / name, temporary / name)
        text = f"{FENCE}{front}{FENCE}\n{text.replace(OUTSIDE, '`checklist.md`')}"
        (temporary / contents.CARD).write_text(text, encoding="utf-8", newline="")
        more = {key: value for key, value in record.items() if key not in own}
        contents.write(temporary, described, more, {name: temporary / name for name in files})
        os.replace(temporary, target)  # takes the place of an empty folder, of no other
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def front_matter(package: ModelPackage, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the Hub reads of a card. A licence is left to those who publish: that of the images need not be theirs.

    Parameters
    ----------
    record : model_package.json
    """
    kinds = ["onnx" * any(network.onnx is not None for network in package.networks)]
    kinds += ["keras" * any(network.keras is not None for network in package.networks)]
    kinds += ["scikit-learn" * any(member.classifier is not None for member in package.members)]
    tags = [*filter(None, kinds), "medical-images", "not-for-clinical-use", *["generated-images"] * package.generated]
    address, seed = record["system"]["address"], record["system"]["seed"]
    # The Hub lists results by this name and split: MedMNIST's name is for its own test split alone.
    official = record["source"] == "official" and package.flag
    data = "generated" if package.generated else official or record["dataset"]
    result = {
        "task": {"type": "image-classification"},
        "dataset": {
            "type": data,
            "name": package.name,
            "split": "test",
        },
        "metrics": list(_metrics(record["metrics"]["test"], record["confidence"], package.label_names)),
    }
    return {
        "library_name": "medmnist-fusion",
        "pipeline_tag": "image-classification",
        "tags": tags,
        "model-index": [{"name": address if seed is None else f"{address}, seed {seed}", "results": [result]}],
    }


def _metrics(rows: Sequence[Mapping[str, Any]], confidence: float, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every measure of the card, with its interval in words: the Hub has no place for one."""
    for row in rows:
        if row["value"] is None:
            continue
        words = [f"n = {row['n']:,}"]
        if row["low"] is not None:
            words.insert(0, f"{percent(confidence)} interval {row['low']:.3f} to {row['high']:.3f}")
        name = f"{card.measure_name(row['metric'], names)} ({', '.join(words)})"
        yield {"type": row["metric"].removesuffix("_after"), "value": row["value"], "name": name}
