"""Pages on which systems are tried, written and served for tests."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import write_try_page
from medfusion.errors import UserError
from medfusion.files import images
from medfusion.files.artifacts import read_json
from medfusion.files.images import Description
from medfusion.package import contents, try_files
from medfusion.package.contents import ModelPackage
from medfusion.reruns.fingerprint import ROOT
from medfusion.tools import serving, web_runtime


def write(folder: Path, package: ModelPackage, pictures: np.ndarray) -> Path:
    """Write the page of the model package in `folder`, as the stage does; where it is."""
    target = folder.parent / f"{folder.name} page/try"
    write_val(folder, package, pictures)
    run(folder, package, target)
    return target


def write_val(folder: Path, package: ModelPackage, pictures: np.ndarray) -> None:
    """Write a validation split beside `folder`."""
    description = Description(package.flag, package.task, package.label_names, "0" * 64, package.generated)
    labels = np.arange(len(pictures)) % len(package.label_names)  # any: samples show what they are told
    images.write_split(folder.parent / f"{folder.name}.h5", "val", description, pictures, labels)


def run(folder: Path, package: ModelPackage, target: Path) -> None:
    """Run the stage on the model package in `folder` and the split beside it."""
    words = ["--package", str(folder / contents.RECORD), "--classifiers", str(folder / contents.CLASSIFIERS)]
    words += ["--networks", *(str(folder / network.onnx) for network in package.networks)]
    words += ["--val", str(folder.parent / f"{folder.name}.h5"), "--system", str(target / try_files.SYSTEM)]
    words += ["--arrays", str(target / try_files.ARRAYS), "--page", *(str(target / name) for name in try_files.PAGE)]
    arguments = write_try_page.parser().parse_args([*words, "--settings", "none.json"])
    write_try_page.main(arguments, {"dataset": folder.name})


def changed(folder: Path, package: ModelPackage, **values: Any) -> ModelPackage:
    """The model package in `folder`, written again with other values."""
    names = list(read_json(folder / contents.RECORD)["files"])
    changed = replace(package, **values)
    contents.write(folder, changed, {}, {name: folder / name for name in names})
    return changed


def runtime() -> Path:
    """ONNX Runtime Web, or the test is skipped."""
    try:
        return web_runtime.obtain(ROOT.parent / "data")
    except UserError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def served(folders: list[Path], computing: Path) -> Iterator[str]:
    """Serve pages; the address of the list of them."""
    server = serving.server(serving.pages(folders), computing, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{serving.HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
