"""Tests of what the documentation promises: a short README, links that lead somewhere, no stage or measure left out."""

import re
from pathlib import Path

import changes
import numpy as np
import pytest

from medfusion.evaluation import label_metrics, metrics, reliability
from medfusion.learning import calibration
from medfusion.report.page_sections import SECTIONS
from medfusion.report.page_tables import MEASURES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
GLOSSARY = (ROOT / "docs/reading-the-page.md").read_text(encoding="utf-8")


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


def anchors(page):
    """The anchors of a page's headings, as GitHub and MyST make them, and those that it names itself."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", text, flags=re.M)
    own = re.findall(r"^\(([a-z-]+)\)=$", text, flags=re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles} | set(own)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_stage_is_described():
    text = (ROOT / "docs/stages.md").read_text(encoding="utf-8")
    assert [stage for stage in changes.STAGES if f"`{stage}`" not in text] == []


def test_every_section_of_the_page_is_described():
    assert [title for title in SECTIONS.values() if f"| {title} |" not in GLOSSARY] == []


def measures():
    """The names of all measures that the workflow writes, without the number of a class."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    first = rng.uniform(0.1, 0.9, 60)
    probabilities = np.column_stack([first, 1 - first])
    options = {"ece_bins": 5, "replicates": 10, "confidence": 0.95, "seed": 0}
    found = metrics.measure(labels, probabilities, "ordinal-regression", positive=0, **options)
    found += label_metrics.measure(np.eye(2, dtype=int)[labels], rng.uniform(size=(60, 2)), **options)
    chosen = calibration.choose(probabilities, labels, "binary-class", 0, 0.9, 0.9, 0.1)
    found += reliability.measure(labels, probabilities, chosen, "binary-class", positive=0, **options)
    return sorted({measure.metric.partition("[")[0] for measure in found})


@pytest.mark.parametrize("name", measures())
def test_every_measure_is_in_the_glossary(name):
    assert re.search(rf"`{name}(\[\w+\])?`", GLOSSARY)


@pytest.mark.parametrize("title", MEASURES.values())
def test_every_measure_is_in_the_glossary_as_the_page_calls_it(title):
    assert title in GLOSSARY
