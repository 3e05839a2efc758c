"""What a stage means: a hash of the syntax trees of its program and of every project module behind it."""

import ast
import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from medfusion.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# The distribution's name, where it is not the import's.
DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "pyyaml"}
# What computes beneath an import, although nothing of the project's imports it.
BENEATH = {
    "sklearn": {"scipy"},
    "statsmodels": {"scipy"},
    "seaborn": {"matplotlib"},
    "keras": {"tensorflow"},
    "onnx": {"tf2onnx"},
}


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """The normalised source of one file, and the dotted names it imports.

    Comments and formatting are not part of a syntax tree; docstrings are removed from it.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"{path}: relative import; name the module from medfusion on")
            imported.add(node.module)
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), frozenset(imported)


@cache
def _module_file(name: str, root: Path) -> Path | None:
    """The project file of a dotted module name, or None if it is not the project's."""
    base = root.joinpath(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def modules(stage: str) -> tuple[str, ...]:
    """The modules that a stage starts from: its program; for draw_KIND `draw`, and the module of that kind.

    Here and below, the dotted name of a module may stand for a stage: what a program imports by name.
    """
    kind = stage.removeprefix("draw_")
    return (stage,) if kind == stage else ("draw", f"medfusion.figures.drawn.{kind}")


def exists(stage: str, root: Path = ROOT) -> bool:
    """Whether there is a stage (or module) of this name, as there may have been in another version."""
    return all(_module_file(name, root) for name in modules(stage))


@cache
def closure(stage: str, root: Path = ROOT) -> tuple[tuple[Path, ...], frozenset[str]]:
    """Project files that a stage imports, directly or not, and the outside packages they import.

    Parameters
    ----------
    stage : its name
    root : folder in which programs and project modules are found

    Returns
    -------
    files : sorted paths, those that it starts from among them
    packages : top-level names of imported packages that are neither the project's nor Python's own
    """
    files: set[Path] = set()
    packages: set[str] = set()
    waiting = [path for name in _with_parents(modules(stage)) if (path := _module_file(name, root))]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for name in _with_parents(_read(path)[1]):
            found = _module_file(name, root)
            if found:
                waiting.append(found)
            elif (top := name.partition(".")[0]) not in sys.stdlib_module_names and not _module_file(top, root):
                packages.add(top)
    return tuple(sorted(files)), frozenset(packages)


def modules_behind(stage: str, root: Path = ROOT) -> list[str]:
    """The dotted names of the project's modules that a stage imports, without its program."""
    files = (file.relative_to(root).with_suffix("") for file in closure(stage, root)[0])
    return [".".join(file.parts) for file in files if len(file.parts) > 1 and file.name != "__init__"]


def _with_parents(names: Iterable[str]) -> set[str]:
    """Dotted names, and those of the packages that Python imports on the way to them."""
    return {".".join(parts[: n + 1]) for parts in (name.split(".") for name in names) for n in range(len(parts))}


def code_hash(stage: str, root: Path = ROOT) -> str:
    """Sixteen hex digits that change with the meaning of a stage's program, its templates, or any module behind it.

    The templates of a stage lie in templates/, under its name.
    """
    digest = hashlib.sha256()
    for path in closure(stage, root)[0]:
        digest.update(f"{path.relative_to(root)}\n{_read(path)[0]}\n".encode())
    for path in sorted(root.glob(f"templates/{stage}.*")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def library_versions(stage: str, root: Path = ROOT) -> dict[str, str]:
    """Python's version, and those of the outside packages that a stage and the modules behind it import.

    Raises
    ------
    UserError
        If a package is not installed.
    """
    imported = closure(stage, root)[1]
    beneath = set().union(*(BENEATH.get(name, set()) for name in imported))
    names = sorted(DISTRIBUTIONS.get(name, name) for name in imported | beneath)
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **{name: _version(name) for name in names}}


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise UserError(
            f"the package {distribution} is not installed; pip install --no-deps -r requirements.txt, or use make"
        ) from None
