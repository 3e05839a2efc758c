"""Tests that the locale decides nothing: texts are opened as UTF-8, and a stage prints any name under any locale."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
# Functions that open a text in the encoding of the locale unless told otherwise.
PATH_TEXTS, OPENERS = {"read_text", "write_text"}, {"open", "fdopen"}
PROCESSES = {"run", "Popen", "check_output", "check_call", "call"}
OTHER_OPEN = {
    "Image",
    "webbrowser",
    "archive",
    "zipfile",
    "gzip",
    "tarfile",
    "os",
    "sourcecache",
}  # whose open is of bytes


def undecided(tree):
    """Lines of calls whose text has the encoding of the locale."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keys = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in keys or None in keys:
            continue
        owner = getattr(getattr(node.func, "value", None), "id", getattr(getattr(node.func, "value", None), "attr", ""))
        if name in PATH_TEXTS and owner != "artifacts" and isinstance(node.func, ast.Attribute):
            yield node.lineno
        if name in PROCESSES and {"text", "universal_newlines"} & set(keys):
            yield node.lineno
        if name in OPENERS and owner.lstrip("_") not in OTHER_OPEN and (node.args or keys):
            modes = [value.value for value in (*node.args[:2], keys.get("mode")) if isinstance(value, ast.Constant)]
            if not any(isinstance(mode, str) and "b" in mode and len(mode) < 4 for mode in modes) and name != "_open":
                yield node.lineno


def programs():
    yield from sorted(SCRIPTS.rglob("*.py"))
    yield from sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", programs(), ids=lambda path: path.name)
def test_no_program_opens_a_text_as_the_locale_says(path):
    assert list(undecided(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_rules_open_no_text_as_the_locale_says():
    for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not ("read_text(" in line or "write_text(" in line or "text=True" in line) or "encoding=" in line


@pytest.mark.parametrize(
    "text",
    ["open('x')", "Path('x').read_text()", "p.write_text('a')", "subprocess.run([], text=True)", "open(p, 'w')"],
)
def test_what_the_locale_decides_is_seen(text):
    assert list(undecided(ast.parse(text))) == [1]


LOCALES = {
    "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}
STAGE = """
import sys
sys.path.insert(0, {scripts!r})
from medfusion.jobs import stage
from medfusion.files.artifacts import write_text
def main(args, settings):
    stage.progress(f"read {{settings['label']}}")
    write_text(args.out, settings["label"])
parser = stage.parser("A stage.")
parser.add_output("--out")
if __name__ == "__main__":
    stage.run(main, parser)
"""


@pytest.mark.parametrize("locale", LOCALES)
def test_a_stage_prints_and_writes_any_label_under_any_locale(tmp_path, locale):
    label = "肺炎 – naïve \x1b[31m"
    (tmp_path / "stage.py").write_text(STAGE.format(scripts=str(SCRIPTS)), encoding="utf-8")
    settings = {"stage": "stage", "config": {"label": label, "threads": 1}, "code": "", "libraries": {}}
    (tmp_path / "results/settings/stage").mkdir(parents=True)
    path = tmp_path / "results/settings/stage/stage.json"
    path.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "stage.py", "--settings", str(path.relative_to(tmp_path)), "--out", "results/out.txt"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **LOCALES[locale]}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "read 肺炎 – naïve \\x1b[31m\n"
    assert (tmp_path / "results/out.txt").read_text(encoding="utf-8") == label
