"""ONNX Runtime Web, which computes networks in a browser: fetched once from the npm registry, checked, and kept."""

import base64
import os
import shutil
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path

import pooch

from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file, replacing

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # npm's
# npm's own public registry, and the variable by which npm is told another: a mirror, or that of a firm.
REGISTRY, REGISTRY_VARIABLE = "https://registry.npmjs.org", "npm_config_registry"
ARCHIVE = f"{PACKAGE}-{VERSION}.tgz"
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # npm's package has none; Python's, of the same project, has
STALL = 60  # seconds without a byte


def obtain(folder: str | Path) -> Path:
    """The folder of this version's files, with their licence; what is not there is fetched.

    Parameters
    ----------
    folder : in which it lies, or is put; an archive of npm's that lies there (`ARCHIVE`) is taken

    Raises
    ------
    UserError
        If it can be neither found nor fetched, with the ways out; or is not what it should be.
    """
    target, archive = Path(folder, f"{PACKAGE}-{VERSION}"), Path(folder, ARCHIVE)
    if all((target / name).is_file() for name in (*FILES, *LICENCES)):
        return target
    if archive.is_file():
        _unpack(archive, target)
        return target
    with tempfile.TemporaryDirectory() as temporary:
        fetched = Path(temporary, ARCHIVE)
        _fetch(fetched, archive)
        _unpack(fetched, target)
    return target


def _fetch(path: Path, place: Path) -> None:
    registry = os.environ.get(REGISTRY_VARIABLE) or REGISTRY
    address = f"{registry.rstrip('/')}/{PACKAGE}/-/{ARCHIVE}"
    try:
        pooch.HTTPDownloader(progressbar=True, timeout=STALL)(address, str(path), None)
    except Exception as error:  # pooch passes on whatever requests, urllib3 and the system raise
        raise UserError(
            f"{address}: cannot be fetched ({first_line(error)}). Ways out: try again with a network; set "
            f"{REGISTRY_VARIABLE} to a registry that can be reached; or put npm's archive there as {place}"
        ) from None


def _unpack(archive: Path, target: Path) -> None:
    """Check an archive and take the files out that are needed."""
    found = "sha512-" + base64.b64encode(bytes.fromhex(hash_file(archive, "sha512"))).decode("ascii")
    if found != INTEGRITY:
        raise UserError(f"{archive}: not {PACKAGE} {VERSION} as npm has it (its hash is {found}); get it again")
    with tarfile.open(archive) as files:
        for name in FILES:
            with replacing(target / name) as temporary, open(temporary, "wb") as file:
                source = files.extractfile(f"package/dist/{name}")
                assert source is not None  # the archive is known by its hash
                shutil.copyfileobj(source, file)
    known = {path.name: path for path in metadata.files("onnxruntime") or () if path.parent.name == "onnxruntime"}
    for name in LICENCES:
        with replacing(target / name) as temporary:
            shutil.copyfile(known[name].locate(), temporary)
