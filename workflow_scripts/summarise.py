"""Write the measured results as Markdown, with when and on what they were measured."""

import os
import platform
from datetime import UTC, datetime

from medfusion import stage, summary
from medfusion.artifacts import write_text
from medfusion.metric_files import read_metrics


def parser():
    result = stage.parser(__doc__)
    result.add_argument("--metrics", nargs="+", required=True, metavar="PATH", help="metrics.json files")
    result.add_argument("--out", required=True, help="Markdown file to write")
    return result


def main(args, settings):
    context = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "hardware": f"{os.cpu_count()} processors ({platform.machine()}), no GPU used",
        "software": f"Python {platform.python_version()}, versions as pinned in requirements.txt",
    }
    text = summary.summary(settings["config"], read_metrics(args.metrics), settings["benchmarks"], context)
    write_text(args.out, text)


if __name__ == "__main__":
    stage.run(main, parser())
