"""Tests of the fingerprint of a stage: what changes it, and what does not."""

import platform
import re
from importlib import metadata

import pytest

from medfusion.errors import UserError
from medfusion.figures.drawn import DRAWN
from medfusion.reruns import fingerprint

PROJECT = {
    "program.py": '"""A stage."""\nfrom package import first\n\n\ndef main():\n    return first.value()\n',
    "package/__init__.py": "",
    "package/first.py": "import numpy as np\nfrom package.second import LIMIT\n\n\ndef value():\n    return LIMIT\n",
    "package/second.py": '"""Second."""\nimport math\n\nLIMIT = 0.5  # why\n',
    "package/unrelated.py": "import pandas\nLIMIT = 1\n",
}
STAGES = sorted({path.stem for path in fingerprint.ROOT.glob("*.py")} | {f"draw_{kind}" for kind in DRAWN})


@pytest.fixture
def hash_of(tmp_path):
    """A function that writes a project with changes to its files, and returns the hash of its program."""
    folders = iter(range(100))

    def write(**changes):
        root = tmp_path / str(next(folders))
        for name, text in {
            **PROJECT,
            **{f"{key.replace('__', '/')}.py": text for key, text in changes.items()},
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return fingerprint.code_hash("program", root)

    return write


def test_the_hash_is_short_and_does_not_depend_on_the_folder(hash_of):
    assert re.fullmatch("[0-9a-f]{16}", hash_of())
    assert hash_of() == hash_of()


@pytest.mark.parametrize(
    "text",
    [
        "import math\n\nLIMIT = 0.5\n",
        '"""Another docstring."""\n# A comment.\nimport math\n\n\nLIMIT = (\n    0.5\n)',
        "'''Second.'''\nimport math; LIMIT = 0.50\n",
    ],
    ids=["docstring removed", "comments and line breaks", "quotes, semicolons and digits"],
)
def test_what_means_the_same_keeps_the_hash(hash_of, text):
    assert hash_of(package__second=text) == hash_of()


def test_docstrings_of_functions_and_classes_mean_nothing(hash_of):
    bare = "class A:\n    def f(self):\n        pass\n\n\nasync def g():\n    return 1\n\n\nLIMIT = 0.5\n"
    documented = (
        'class A:\n    """A."""\n\n    def f(self):\n        """F."""\n\n\n'
        'async def g():\n    """G."""\n    return 1\n\n\nLIMIT = 0.5\n'
    )
    assert hash_of(package__second=documented.replace('"""F."""', '"""F."""\n        pass')) == hash_of(
        package__second=bare
    )
    assert hash_of(package__second=documented) == hash_of(package__second=documented.replace("F.", "Other."))


@pytest.mark.parametrize(
    "text",
    [
        '"""Second."""\nimport math\n\nLIMIT = 0.6\n',
        '"""Second."""\nimport math\n\nLIMIT = "0.5"\n',
        '"""Second."""\nimport math\n\nLIMIT = 0.5\nOTHER = "not a docstring"\n',
    ],
    ids=["constant", "type", "text that is no docstring"],
)
def test_a_change_in_an_indirect_import_changes_the_hash(hash_of, text):
    assert hash_of(package__second=text) != hash_of()


def test_an_unrelated_module_does_not_count_and_an_imported_one_does(hash_of):
    assert hash_of(package__unrelated="LIMIT = 2\n") == hash_of()
    imports_it = PROJECT["package/first.py"].replace("import numpy as np", "import package.unrelated")
    assert hash_of(package__first=imports_it, package__unrelated="LIMIT = 2\n") != hash_of(package__first=imports_it)


def test_an_import_inside_a_function_counts(hash_of):
    lazy = "def value():\n    from package import second\n    return second.LIMIT\n"
    changed = PROJECT["package/second.py"].replace("0.5", "0.6")
    assert hash_of(package__first=lazy) != hash_of(package__first=lazy, package__second=changed)


def test_modules_that_import_each_other_end(hash_of):
    circle = "from package import first\nLIMIT = 0.5\n"
    assert hash_of(package__second=circle) != hash_of()


def test_a_relative_import_is_refused(hash_of):
    with pytest.raises(ValueError, match="relative import"):
        hash_of(package__first="from .second import LIMIT\n")


def test_outside_packages_are_listed_without_pythons_own(hash_of, tmp_path):
    hash_of()
    files, packages = fingerprint.closure("program", tmp_path / "0")
    assert [file.name for file in files] == ["__init__.py", "first.py", "second.py", "program.py"]
    assert packages == {"numpy"}
    versions = fingerprint.library_versions("program", tmp_path / "0")
    python = ".".join(platform.python_version_tuple()[:2])
    assert versions == {"python": python, "numpy": metadata.version("numpy")}


def test_what_runs_again_is_decided_without_the_rest_of_the_project():
    """The package knows nothing of images, models or configurations (reruns/README.md)."""
    package = fingerprint.ROOT / "medfusion/reruns"
    text = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    imported = set(re.findall(r"^from (medfusion[.\w]*) import", text, re.MULTILINE))
    assert imported <= {"medfusion.errors", "medfusion.files.artifacts"} | {
        name for name in imported if name.startswith("medfusion.reruns")
    }


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_fingerprint_and_known_libraries(stage):
    if stage == "sweep":
        pytest.importorskip("optuna", reason="needs make optuna")
    assert re.fullmatch("[0-9a-f]{16}", fingerprint.code_hash(stage))
    versions = fingerprint.library_versions(stage)
    assert versions == dict(sorted(versions.items()))
    assert all(re.match(r"\d", version) for version in versions.values())


@pytest.mark.parametrize("name", ["download", "prepare", "augment", "fit_grid", "fuse", "evaluate", "collect_metrics"])
def test_stages_that_apply_no_network_import_no_tensorflow(name):
    _, packages = fingerprint.closure(name)
    assert not packages & {"tensorflow", "keras"}


def test_stages_that_apply_a_network_record_its_library():
    versions = fingerprint.library_versions("train_cnn")
    assert {"tensorflow", "keras", "numpy"} <= set(versions)
    assert "scikit-learn" in fingerprint.library_versions("fit_grid")
    assert "opencv-python-headless" in fingerprint.library_versions("augment")


def test_a_package_that_is_not_installed_is_named_with_the_remedy(tmp_path):
    (tmp_path / "program.py").write_text("import no_such_package\n", encoding="utf-8")
    with pytest.raises(UserError, match="the package no_such_package is not installed; pip install"):
        fingerprint.library_versions("program", tmp_path)


def test_a_drawing_goes_by_the_module_of_its_kind_and_no_other():
    files = {path.name for path in fingerprint.closure("draw_curves")[0] if path.parent.name == "drawn"}
    assert files == {"__init__.py", "curves.py"}
    assert fingerprint.exists("draw_curves") and not fingerprint.exists("draw_nothing")
