"""One door under atheris: its name, the folder of inputs that were found worth keeping, options of libFuzzer."""

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["medfusion", "zipfile", "PIL", "skops", "yaml"]):
    import doors

door = sys.argv.pop(1)
for seed in doors.seeds(door):
    Path(sys.argv[1], hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
atheris.Setup(sys.argv, doors.DOORS[door])
atheris.Fuzz()
