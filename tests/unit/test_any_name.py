"""Tests of what a user may call things: printed as it is on page, summary and figures; nothing in it is obeyed."""

import csv
import html
import io
import json
import re
from types import SimpleNamespace

import pandas as pd
import pytest
import synthetic
from test_page import Reader

from medfusion import escaping
from medfusion.figures import drawing, result_figures
from medfusion.files import reliabilities, tables
from medfusion.files.artifacts import write_json, write_text
from medfusion.files.metric_files import tidy
from medfusion.package import answers
from medfusion.report import page, summary
from medfusion.reruns.fingerprint import ROOT

NAMES = [
    "Synthetic images {2024}",
    "{0} {name!r} %s %(a)d",
    "a|b_c *d* `e` [f](g)",
    "<b>x</b> & \"y\" 'z'",
    "$\\alpha$ ~ #1",
    "=1+1",
    "肺炎",
]


def made(tmp_path, name):
    """The configuration and the measures of a run in which everything that a user may name freely has one name."""
    config = synthetic.config()
    entry = config["datasets"]["breast"]
    entry.update(label=name, label_names=[name, "other"], positive=0, ece_bins=15)
    entry["published"] = [{"system": "net/svm", "name": name, "accuracy": 0.8, "auroc": None, "source": name}]
    config["report"]["title"] = name
    display_names = {"breast": {"name": name, "label_names": [name, "other"]}}
    contents = [{**content, "name": name, "label_names": [name, "other"]} for content in synthetic.run(False)]
    return config, display_names, contents


@pytest.mark.parametrize("name", NAMES)
def test_the_page_prints_every_name_as_it_is(tmp_path, name):
    config, display_names, contents = made(tmp_path, name)
    metrics = [str(tmp_path / f"{number}.json") for number in range(len(contents))]
    for path, content in zip(metrics, contents, strict=True):
        write_json(path, content)
    write_json(tmp_path / "comparisons.json", synthetic.comparisons(False))
    write_json(tmp_path / "reliability.json", synthetic.reliability(False, True))
    write_json(tmp_path / "discrimination.json", synthetic.discrimination())
    found = {"breast/comparisons": str(tmp_path / "comparisons.json")}
    found["breast/ranking"] = synthetic.write_ranking(tmp_path / "ranking.csv", contents)
    found["breast/discrimination/discrimination"] = str(tmp_path / "discrimination.json")
    found["breast/reliability/reliability"] = str(tmp_path / "reliability.json")
    settings = {"config": config, "display_names": display_names, "captions": {}}
    text = page.render(ROOT / "templates/report.html.j2", settings, metrics, {}, found, {"python": "3"}, [])
    reader = Reader(text)
    assert reader.text.count(name) >= 12 and "<b>x" not in text
    for caption in (
        "Precision, recall and F1 of each class: SVM on Net",
        f"The 0.800 of {name} ({name}) for SVM on Net",
    ):
        assert caption in reader.text


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_prints_every_name_as_it_is(tmp_path, name):
    config, display_names, contents = made(tmp_path, name)
    write_json(tmp_path / "reliability.json", synthetic.reliability(False, True))
    trust = {"breast": reliabilities.read(tmp_path / "reliability.json", display_names)}
    config["datasets"]["breast"]["learning_curve"] = {"network": "net", "repeats": [1, 2], "sizes": [100, "all"]}
    config["evaluation"]["replicates"] = 100
    ranked = {"breast": synthetic.ranked(tidy(contents))}
    compared = {"breast": synthetic.comparisons(False)}
    text = summary.summary(config, contents, ranked, compared, trust, [], {"date": "now"})
    written = escaping.markdown(name)
    assert f"## {written}, n = 80 test images" in text and f"sensitivity to {written}" in text
    assert f"| {written} | {written} | SVM on Net |" in text
    for block in (block for block in text.split("\n\n") if block.startswith("|")):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert html.unescape(re.sub(r"\\(.)", r"\1", written)) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_prints_every_name_as_it_is(tmp_path, name):
    with drawing.style("whitegrid"):
        figure = result_figures.confusions({name: [[[3, 1], [0, 4]]]}, [name, "other"], name)
        titles = {text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text"))}
        assert any(name in title for title in titles)
        drawing.save(figure, tmp_path / "figure.svg", pd.DataFrame({"class": [name], "n": [-1]}))
    content, numbers = __import__("medfusion.files.svg_numbers", fromlist=["x"]).take_out(
        (tmp_path / "figure.svg").read_bytes()
    )
    assert list(csv.reader(io.StringIO(numbers))) == [["class", "n"], escaping.cells([name, "-1"])[:1] + ["-1"]]


FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "'=1", "''=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_text_in_a_table_is_a_formula_and_it_is_read_back_as_it_was(tmp_path, name):
    table = pd.DataFrame({"name": [name, "plain"], "n": [-1, 2], "value": [-0.5, 0.5]})
    write_text(tmp_path / "table.csv", tables.csv_text(table))
    rows = list(csv.reader(io.StringIO((tmp_path / "table.csv").read_text(encoding="utf-8"))))
    assert rows[1] == [f"'{name}", "-1", "-0.5"] and rows[2] == ["plain", "2", "0.5"]
    found = tables.read_table(tmp_path / "table.csv", ["n", "value"], ["name"])
    assert found.to_dict("list") == table.to_dict("list")


@pytest.mark.parametrize("text", ["\x1b]0;x\x07", "\x9b31m", "a\u202eb", "a\rb", "\u2028", "\ud800", "\x00"])
def test_nothing_in_a_name_is_obeyed_by_a_terminal(text, capsys):
    escaping.say(f"x{text}y")
    said = capsys.readouterr().out
    assert said.endswith("y\n") and said.removesuffix("\n").isascii() and said.removesuffix("\n").isprintable()
    assert json.loads(json.dumps(said)) == said


@pytest.mark.parametrize("name", ["=1+1", "a|b <i>", "plain"])
def test_predictions_hold_no_formula(name):
    package = SimpleNamespace(label_names=(name, "b"), input_check=None, positive=0)
    package.calibration = SimpleNamespace(decision=0.5)
    file = io.StringIO()
    writer = answers.CsvWriter(file, package)
    record = {"image": f"{name}.png", "label": 0, "class": name, "probabilities": {name: 0.9, "b": 0.1}}
    record |= {"prediction_set": [name], "refer": False, "notes": [name], "at_threshold": True}
    writer.add([record])
    head, row = csv.reader(io.StringIO(file.getvalue()))
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in head + row)
    wanted = [f"{name}.png", "0", name, "0.900000", "0.100000", name, "no", "yes", name]
    assert [escaping.text_of(cell) for cell in row] == wanted
