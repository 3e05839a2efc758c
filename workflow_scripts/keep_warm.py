"""Hold libraries for the jobs of a run (`medfusion.jobs.warm`); started and ended by the workflow, not by people."""

import sys

from medfusion.jobs.warm import serve
from medfusion.reruns.fingerprint import modules_behind


def behind(stage: str) -> list[str]:
    """What a stage imports; of one that builds networks all architectures too, which it imports by name."""
    found = modules_behind(stage)
    return [*found, "medfusion.learning.architectures.registry"] if "medfusion.learning.networks" in found else found


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), behind)
