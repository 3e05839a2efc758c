"""The version is said in several files, for readers of each."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_citation_names_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == VERSION


def test_the_changelog_begins_with_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == VERSION


@pytest.mark.parametrize("file", ["docs/clusters.md", "profiles/kubernetes/config.yaml"])
def test_the_image_of_the_environment_has_the_version(file):
    tags = re.findall(r"medmnist-fusion:([\w.]+)", (ROOT / file).read_text(encoding="utf-8"))
    assert set(tags) == {VERSION}
