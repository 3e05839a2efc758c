"""Draw figures: draw.py KIND --settings …, where KIND is a module of medfusion/figures/drawn."""

import argparse
import importlib
import inspect
import sys
from typing import Any

from medfusion.figures.drawn import DRAWN
from medfusion.jobs import stage


def parser(kind: str) -> stage.Parser:
    """The arguments of a kind: what its function reads, and the figures that it makes."""
    drawn = importlib.import_module(f"medfusion.figures.drawn.{kind}")
    result = stage.parser(drawn.__doc__)
    result.add_argument("kind", choices=[kind])
    result.set_defaults(draw=drawn.draw)
    for name, parameter in list(inspect.signature(drawn.draw).parameters.items())[1:]:  # after the settings
        several = "+" if parameter.annotation == list[str] else None
        result.add_input(f"--{name.replace('_', '-')}", dest=f"input_{name}", nargs=several, metavar="PATH")
    for name in DRAWN[kind]:
        result.add_output(f"--{name.replace('_', '-')}", metavar="PATH", help="figure to write (.svg or .png)")
    return result


def main(args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Draw, then write."""
    import numpy as np

    from medfusion.figures import drawing

    files = {name.removeprefix("input_"): paths for name, paths in vars(args).items() if name.startswith("input_")}
    with drawing.style(settings["style"]):
        for name, (figure, numbers) in args.draw(settings, **files).items():
            if isinstance(figure, np.ndarray):
                drawing.save_pixels(figure, getattr(args, name))
            else:
                drawing.save(figure, getattr(args, name), numbers)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in DRAWN:
        stage.run(main, parser(sys.argv[1]))
    elif sys.argv[1:2] in (["-h"], ["--help"]):
        print(f"{__doc__}\nKIND is one of {', '.join(DRAWN)}")
    else:
        sys.exit(f"draw.py: expected one of {', '.join(DRAWN)}, got {sys.argv[1] if sys.argv[1:] else 'nothing'}")
