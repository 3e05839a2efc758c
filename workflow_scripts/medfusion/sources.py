"""Where a data set's .npz comes from: a folder the user names, or MedMNIST's archive."""

import os
import shutil
from pathlib import Path
from typing import Any

import pooch

from medfusion.artifacts import hash_file, replacing
from medfusion.datafiles import FOLDER_VARIABLE, file_name
from medfusion.errors import UserError, first_line
from medfusion.medmnist_info import INFO


def official(flag: str, size: int) -> tuple[str, str]:
    """URL and MD5 that MedMNIST publishes for a data set."""
    suffix = "" if size == 28 else f"_{size}"
    return INFO[flag][f"url{suffix}"], INFO[flag][f"MD5{suffix}"]


def obtain(flag: str, size: int, source: str, target: str | Path) -> str:
    """Put a data set's file at `target` and say where it came from.

    A valid file that is there already stays. Then the folder named by the environment variable MEDMNIST_DATA is
    looked at, and for the official file MedMNIST's archive.

    Parameters
    ----------
    flag, size : MedMNIST's name of the data set and its image side in pixels
    source : "official" (the file must have the MD5 that MedMNIST publishes) or "surrogate" (any MD5)

    Raises
    ------
    UserError
        If there is no such file, with what was tried and the ways out.
    """
    target = Path(target)
    url, md5 = official(flag, size)
    tried = []
    places = [target]
    if folder := os.environ.get(FOLDER_VARIABLE):
        places.append(Path(folder) / file_name(flag, size, source))
    for place in places:
        if not place.exists():
            tried.append(f"{place}: not there")
        elif source == "official" and (found := hash_file(place, "md5")) != md5:
            tried.append(f"{place}: its MD5 is {found}, MedMNIST's is {md5}")
        else:
            try:
                if place == target:
                    os.utime(target)  # newer than what asked for it, or Snakemake would ask again
                else:
                    with replacing(target) as temporary:
                        shutil.copyfile(place, temporary)
            except OSError as error:
                raise UserError(
                    f"{target}: cannot be written ({error.strerror}); name another folder as data"
                ) from None
            return str(place)
    if not folder:
        tried.append(f"environment variable {FOLDER_VARIABLE}: not set")
    if source == "official":
        try:
            return _download(url, md5, target)
        except Exception as error:  # pooch passes on whatever requests, urllib3 and the system raise
            tried.append(f"{url}: {first_line(error)}")
    raise UserError(_way_out(flag, size, source, target, tried))


def _download(url: str, md5: str, target: Path) -> str:
    with replacing(target) as temporary:
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=60)
        pooch.retrieve(url, f"md5:{md5}", temporary.name, temporary.parent, downloader=_retrying(downloader))
    return url


def _retrying(downloader: Any, attempts: int = 3) -> Any:
    """The downloader, asked again after a fault of the network; pooch itself retries only a wrong hash."""

    def download(url: str, output: str, registry: Any) -> None:
        for attempt in range(1, attempts + 1):
            try:
                return downloader(url, output, registry)
            except OSError as error:  # what requests raises is an OSError too
                if attempt == attempts:
                    raise
                print(f"attempt {attempt} of {attempts} failed: {first_line(error)}", flush=True)

    return download


def _way_out(flag: str, size: int, source: str, target: Path, tried: list[str]) -> str:
    lines = [f"{target.name} could not be had. Tried:", *(f"  {line}" for line in tried), "Ways out:"]
    lines.append(f"  put the file at {target} (or into a folder that {FOLDER_VARIABLE} names)")
    folder = os.environ.get(FOLDER_VARIABLE)
    surrogate = file_name(flag, size, "surrogate")
    if source == "official" and folder and (Path(folder) / surrogate).exists():
        lines.append(f"  use {surrogate}, which is not the official file: add --configfile configs/surrogate.yaml")
    lines.append("  make demo: the whole workflow on generated images, without network")
    return "\n".join(lines)
