"""Tests of the words that the page explains: the documentation's sentences, marked once in a part, none forgotten."""

import re
from types import SimpleNamespace

import pytest

from medfusion.figures.registry import FIGURES
from medfusion.report import glossary, page, page_tables, paired, reliability
from medfusion.report.page_components import Section
from medfusion.reruns.fingerprint import ROOT

DOCUMENTATION = (ROOT.parent / "docs" / glossary.PAGE).read_text(encoding="utf-8")
MEASURES = {
    *(name for names in (page_tables.MEASURES, page_tables.OF_CLASS, page_tables.OF_LABEL) for name in names.values()),
    *paired.MEASURES.values(),
    *paired.GAINS.values(),
    *reliability.DECISION.values(),
    *("ECE", "Temperature", "Prediction sets", "Coverage", "Mean set size", "Abstention rate", "Selective accuracy"),
    *("near-duplicates", "soft voting", "bootstrap", "Holm's correction", "intervals", "ROC curve", "confusion matrix"),
}


@pytest.mark.parametrize("term", glossary.TERMS, ids=lambda term: term.key)
def test_the_page_says_of_a_word_what_the_documentation_does(term):
    part = DOCUMENTATION.split(f"\n### {glossary.HEADINGS[term.anchor]}\n")[1].split("\n### ")[0]
    assert term.sentence.lower() in " ".join(part.lower().split())
    assert len(term.sentence.split()) <= 50


def test_words_are_known_once():
    names = [term.name.lower() for term in glossary.TERMS]
    assert len(set(names)) == len(names) == len({term.key for term in glossary.TERMS})
    forms = [form.lower() for term in glossary.TERMS for form in (term.name, *term.also)]
    assert sorted(glossary.FORMS) == sorted(forms)


@pytest.mark.parametrize("anchor", glossary.HEADINGS)
def test_an_anchor_is_that_of_its_heading(anchor):
    assert re.sub(r"[^\w -]", "", glossary.HEADINGS[anchor]).lower().replace(" ", "-") == anchor


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_every_measure_is_explained(measure):
    assert glossary.PATTERN.fullmatch(measure), "a measure that the page names and does not explain"


def test_a_word_is_marked_where_it_first_occurs_in_a_part_as_a_whole():
    words = glossary.Glossary()
    marks = words.part()
    html = str(marks.text("Balanced accuracy <b> and accuracy; accuracy of precision/recall, of inaccuracy"))
    assert re.findall(r">([^<]*)</dfn>", html) == ["Balanced accuracy", "accuracy"]
    assert "&lt;b&gt;" in html and html.endswith("of inaccuracy")
    assert "dfn" not in marks.text("Accuracy again") and "dfn" in words.part().text("Accuracy again")
    assert [term.name for *_, terms in words.entries() for term in terms] == ["Accuracy", "Balanced accuracy"]


def test_the_title_of_a_column_keeps_its_words_first():
    html = str(glossary.Glossary().part().head("MCC & others"))
    assert html.startswith("MCC &amp; others<button type=")
    assert 'aria-label="MCC: what is that?"' in html and 'aria-describedby="word-mcc"' in html


@pytest.mark.parametrize("figure", [figure for figure in FIGURES.values() if figure.section != "card"])
def test_every_figure_is_described_in_the_documentation(figure):
    assert figure.title in DOCUMENTATION.split("\n## Figures\n")[1].split("\n## ")[0]


def test_how_it_was_measured_is_said_once():
    tasks = [
        SimpleNamespace(name=name, sections=[Section(f"{name}-a", "A", method=["common", own])])
        for name, own in (("first", "n = 1"), ("second", "n = 2"), ("third", "n = 2"))
    ]
    page._say_once(tasks)
    first, second, third = (task.sections[0] for task in tasks)
    assert (first.method, first.same_method) == (["common", "n = 1"], None)
    assert (second.method, second.same_method) == (["n = 2"], ("first", "first-a"))
    assert (third.method, third.same_method) == (["n = 2"], ("first", "first-a")), "one section is referred to"
