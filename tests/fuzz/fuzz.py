"""Send mutated bytes through each door for a set time, guided by the code that they reach (atheris).

Fails on an exception that is no UserError, on what takes over five seconds, and on over 1.5 GB of memory. What it finds
is left in .fuzz/; put it, small, into tests/fuzz/findings/DOOR, where tests/unit/test_fuzz_findings.py tries it again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / ".fuzz"
DOORS = ("npz", "config", "package", "picture")
SECONDS_EACH, MEGABYTES = 5, 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="for each door (default: 600)")
    parser.add_argument("doors", metavar="DOOR", nargs="*", help=", ".join(DOORS))
    args = parser.parse_args()
    if unknown := {*args.doors} - {*DOORS}:
        parser.error(f"{', '.join(unknown)}; expected {', '.join(DOORS)}")
    package = WORK / "package"
    if not (package / "model_package.json").exists():
        make = "import sys; sys.path[:0] = sys.argv[2:]; import small_package, pathlib; "
        make += "small_package.make(pathlib.Path(sys.argv[1]))"
        paths = [str(HERE.parents[1] / "workflow_scripts"), str(HERE.parent / "unit")]
        subprocess.run([sys.executable, "-c", make, str(package), *paths], check=True, stderr=subprocess.DEVNULL)
    environment = {**os.environ, "MEDFUSION_FUZZ_BUNDLE": str(package), "OMP_NUM_THREADS": "1"}
    failed = []
    for door in args.doors or DOORS:
        corpus = WORK / door
        corpus.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_total_time={args.seconds}", f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}"]
        limits += ["-max_len=65536", "-print_final_stats=1", f"-artifact_prefix={WORK}/{door}-"]
        done = subprocess.run([sys.executable, HERE / "one_door.py", door, corpus, *limits], env=environment)
        print(f"{door}: {'sound' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode:
            failed.append(door)
    sys.exit(f"failed: {', '.join(failed)}; what did it lies in {WORK}" if failed else 0)


if __name__ == "__main__":
    main()
