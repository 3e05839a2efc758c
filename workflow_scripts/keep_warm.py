"""Hold libraries for the jobs of a run (`medfusion.jobs.warm`); started and ended by the workflow, not by people."""

import sys

from medfusion.jobs.warm import serve
from medfusion.reruns.fingerprint import modules_behind

if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), modules_behind)
