"""Show how far the run in this folder is: stages done, running and waiting, time so far, and when it may end.

Looks at what the run has noted and at its processes; disturbs nothing, so that it works from a second terminal.
"""

import argparse
import os
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", help="expect a run of this folder (default: whatever was run last)")
    parser.add_argument("--watch", action="store_true", help="look again every few seconds until the run ends")
    parser.add_argument("--every", type=float, default=3, metavar="SECONDS", help="with --watch (default: 3)")
    args = parser.parse_args()
    if not 0.1 <= args.every < float("inf"):
        parser.error(f"--every: {args.every}; expected at least 0.1 seconds")

    from medfusion import escaping
    from medfusion.tools import progress, terminal

    escaping.speak_utf8()

    console = terminal.console()
    try:
        while True:
            view = progress.look()
            if view is None or (args.results and os.path.abspath(args.results) != os.path.abspath(view.results)):
                last = f"; the last run here was of {view.results}" if view else ""
                escaping.stop(f"no run{f' of {args.results}' if args.results else ''} has started in this folder{last}")
            if args.watch and console.is_terminal:
                console.clear()
            console.print(terminal.plain(progress.headline(view)), soft_wrap=True)
            console.print(terminal.rich_table(progress.stages(view)))
            if view.of("running"):
                console.print(terminal.rich_table(progress.running(view)))
            if not args.watch or not view.alive:
                return
            time.sleep(args.every)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
