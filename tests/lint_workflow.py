"""`snakemake --lint`, but for its wish for a conda environment per rule: requirements.txt is the one environment."""

import subprocess
import sys

LEFT_OUT = "    * Specify a conda environment or container for each rule."


def main() -> int:
    """Print what the linter finds; exit with 1 if it is more than what is left out."""
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    findings = [line for line in text.splitlines() if line.startswith("    * ")]
    left = [line for line in findings if not line.startswith(LEFT_OUT)]
    if left or (done.returncode and not findings):
        print(text)
    print(f"snakemake --lint: {len(left)} findings")
    return int(bool(left) or (done.returncode != 0 and not findings))


if __name__ == "__main__":
    sys.exit(main())
