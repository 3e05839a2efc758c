"""Where a data set's .npz comes from: a folder the user names, or MedMNIST's archive; and weights of networks alike."""

import contextlib
import errno
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pooch
from requests import HTTPError

from medfusion import escaping
from medfusion.data.datafiles import FOLDER_VARIABLE, file_name
from medfusion.data.medmnist_info import INFO
from medfusion.errors import UserError, first_line
from medfusion.files.artifacts import hash_file, replacing

ATTEMPTS = 3
PAUSE = 1  # seconds before the next attempt
STALL = 60  # seconds without a byte, after which an attempt has failed
LIMIT = 6 * 3600  # seconds for all attempts together, however slowly bytes come
# Faults of the machine, which no other attempt and no other place would mend.
OWN_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


class DownloadError(Exception):
    """Why a file could not be downloaded."""


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
    url, md5 = official(flag, size) if source == "official" else (None, None)
    try:
        return _obtain(Path(target), file_name(flag, size, source), url, md5, "MedMNIST")
    except _Missing as error:
        raise UserError(_way_out(flag, size, source, Path(target), error.tried, error.others)) from None


def obtain_weights(url: str, published: str | None, target: str | Path) -> str:
    """Put a file of weights at `target` and say where it came from: as `obtain`, from the server of Keras.

    Parameters
    ----------
    url : of the file
    published : its MD5 or SHA-256; None where it is not known, and any file of the name is taken

    Raises
    ------
    UserError
        If there is no such file, with what was tried and the ways out.
    """
    target = Path(target)
    try:
        return _obtain(target, target.name, url, published, "Keras")
    except _Missing as error:
        lines = [
            *_told(target, error.tried),
            f"  put the file at {target} (or into a folder that {FOLDER_VARIABLE} names); {url} has it",
            "  options.weights: PATH: a file of weights of your own; ~: random weights, all of which are trained",
        ]
        raise UserError("\n".join(lines)) from None


class _Missing(Exception):
    """What was tried, in words, and which files are there, but are not the published one."""

    def __init__(self, tried: list[str], others: list[Path]):
        super().__init__()
        self.tried, self.others = tried, others


def _obtain(target: Path, name: str, url: str | None, published: str | None, publisher: str) -> str:
    tried, others = [], []
    places = [target]
    if folder := os.environ.get(FOLDER_VARIABLE):
        places.append(Path(folder) / name)
    for place in places:
        if not place.exists():
            tried.append(f"{place}: not there")
        elif not place.is_file() or not os.access(place, os.R_OK):
            tried.append(f"{place}: {'no file' if not place.is_file() else 'cannot be read (permission denied)'}")
        elif fault := _other_hash(place, published, publisher):
            tried.append(f"{place}: its {fault}")
            others.append(place)
        else:
            if place != target:
                if os.path.lexists(target):  # it was tried, and is somebody's all the same
                    break
                try:
                    with replacing(target) as temporary:
                        shutil.copyfile(place, temporary)
                except OSError as error:
                    raise UserError(
                        f"{target}: cannot be written ({error.strerror}); name another folder as data"
                    ) from None
            return str(place)
    if not folder:
        tried.append(f"environment variable {FOLDER_VARIABLE}: not set")
    if url and not os.path.lexists(target):
        try:
            with replacing(target) as temporary, _time_limit(LIMIT):
                _fetch(url, temporary)
                if fault := _other_hash(temporary, published, publisher):
                    raise DownloadError(f"what came has another hash: its {fault}")
            return url
        except DownloadError as error:
            tried.append(f"{url}: {error}")
    raise _Missing(tried, others)


def _other_hash(path: Path, published: str | None, publisher: str) -> str:
    """How a file's hash differs from the published one; nothing if it does not, or none is known."""
    if published is None:
        return ""
    kind, name = ("md5", "MD5") if len(published) == 32 else ("sha256", "SHA-256")
    found = hash_file(path, kind)
    return "" if found == published else f"{name} is {found}, {publisher}'s is {published}"


def _fetch(url: str, path: Path) -> None:
    """Download a file; after a fault of the network, try again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return pooch.HTTPDownloader(progressbar=True, timeout=STALL)(url, str(path), None)
        except DownloadError:  # the time is up
            raise
        except Exception as error:  # pooch passes on whatever requests, urllib3 and the system raise
            if getattr(error, "errno", None) in OWN_FAULTS:
                raise
            if attempt == ATTEMPTS or _is_refusal(error):
                raise DownloadError(first_line(error)) from None
            escaping.say(f"attempt {attempt} of {ATTEMPTS} failed: {first_line(error)}")
        time.sleep(PAUSE)


def _is_refusal(error: Exception) -> bool:
    """Whether a server said that it is the question that is wrong (404 …), so that asking again is no use."""
    return isinstance(error, HTTPError) and error.response is not None and 400 <= error.response.status_code < 500


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise a DownloadError if the block takes longer; in the main thread only, where signals arrive."""

    def stop(*_: object) -> None:
        raise DownloadError(f"not there after {seconds} s: too slow")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _way_out(flag: str, size: int, source: str, target: Path, tried: list[str], others: list[Path]) -> str:
    """What to say: `tried` in words, `others` are files that are there, but not MedMNIST's."""
    lines = _told(target, tried)
    lines.append(f"  put the file at {target} (or into a folder that {FOLDER_VARIABLE} names)")
    if others:
        lines.append(
            f"  if {others[-1]} is meant as it is: its data set with source: file and path: {others[-1].absolute()}"
        )
    folder = os.environ.get(FOLDER_VARIABLE)
    surrogate = file_name(flag, size, "surrogate")
    if source == "official" and folder and (Path(folder) / surrogate).exists():
        lines.append(f"  use {surrogate}, which is not the official file: add --configfile configs/surrogate.yaml")
    lines.append("  make demo: the whole workflow on generated images, without network")
    return "\n".join(lines)


def _told(target: Path, tried: list[str]) -> list[str]:
    lines = [f"{target.name} could not be had. Tried:", *(f"  {line}" for line in tried), "Ways out:"]
    if os.path.lexists(target):
        lines.append(f"  move {target} away: nothing is put in its place while it is there")
    return lines
