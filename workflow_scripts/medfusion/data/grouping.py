"""Which pictures belong together: what a user's regular expression finds in their paths, in a time that is bounded."""

import contextlib
import re
import signal
from collections.abc import Iterator, Sequence

from medfusion.data.folders import Found
from medfusion.errors import UserError, first_line

SECONDS = 5  # of the processor for all pictures of a folder: an expression can need more than there are


def groups(pictures: Sequence[Found], expression: str) -> list[str]:
    """What the first group of a regular expression finds in the path of each picture below the folder of its class.

    Raises
    ------
    UserError
        If it is no such expression, finds none in a picture, or takes too long.
    """
    compiled = _compiled(expression)
    picture: Found
    try:
        with _limited(SECONDS):
            found = []
            for picture in pictures:
                match = compiled.search(picture.inside)
                if match is None or match[1] is None:
                    raise UserError(
                        f"{picture.path}: the expression {expression!r} (split.groups) finds no group in "
                        f"{picture.inside!r}"
                    )
                found.append(match[1])
            return found
    except TimeoutError:
        raise UserError(
            f"{picture.path}: the expression {expression!r} (split.groups) takes more than {SECONDS} seconds; write "
            "one in which no repetition holds another, such as '^([^_]+)_'"
        ) from None


def _compiled(expression: str) -> re.Pattern:
    try:
        compiled = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"{expression!r} is no regular expression ({first_line(error)})") from None
    if not compiled.groups:
        raise UserError(f"{expression!r} has no group; expected (…) around what names the patient")
    return compiled


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise a TimeoutError in a block that takes so much of the processor; Python asks for signals while it matches."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
