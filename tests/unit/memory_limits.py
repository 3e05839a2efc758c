"""Programs that take model packages limit the memory of their process, which here is that of other tests too."""

import contextlib
import resource


@contextlib.contextmanager
def restored():
    """Put back, at the end of a block, the limit that there was before: with another one Chromium would not start."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
