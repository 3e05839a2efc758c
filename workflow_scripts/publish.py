"""Hand a finished run over to MLflow, or an exported system to the Hugging Face Hub: as files, nothing is uploaded."""

import argparse
from pathlib import Path

from medfusion import escaping
from medfusion.errors import UserError

EPILOG = """\
examples:
  python workflow_scripts/publish.py --mlflow mlruns                      # the run in results/
  python workflow_scripts/publish.py snapshots/before --mlflow mlruns     # one of a snapshot
  python workflow_scripts/publish.py results/breast/export --hub to-upload

Neither library is needed to write. Nothing that is there is changed or replaced."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "source",
        metavar="FOLDER",
        nargs="?",
        help="with --mlflow results of a finished run, or a snapshot (default: results); with --hub a model package",
    )
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--mlflow", metavar="DIR", help="MLflow's file store, which gets an experiment more")
    kinds.add_argument("--hub", metavar="FOLDER", help="write a folder in the layout of the Hugging Face Hub")
    parser.add_argument("--name", help="with --mlflow: of the experiment (default: that of the folder)")
    args = parser.parse_args()
    if args.hub is not None and args.source is None:
        parser.error("--hub: of which model package? Name its folder, as in: publish.py results/breast/export --hub …")
    if args.hub is not None and args.name is not None:
        parser.error("--name: is for --mlflow alone")
    escaping.speak_utf8()
    try:
        escaping.say(str(_published(args)))
    except UserError as error:
        escaping.stop(f"error: {error}")
    except OSError as error:
        escaping.stop(f"error: {error.filename or 'standard output'}: {error.strerror}")
    except KeyboardInterrupt:
        escaping.stop("stopped; nothing was written")


def _published(args):
    if args.hub is not None:
        from medfusion.tools import hub_folder

        return hub_folder.write(args.source, args.hub)
    from medfusion.tools import finished, mlflow_store

    source = args.source or "results"
    run = finished.read(source)
    return mlflow_store.write(run, args.mlflow, Path(source).resolve().name if args.name is None else args.name)


if __name__ == "__main__":
    main()
