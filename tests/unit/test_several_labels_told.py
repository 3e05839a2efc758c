"""Tests of the page, the summary and the figures where an image may have several labels at once."""

import re
from html import unescape

import numpy as np
import pytest
import synthetic

import draw
from medfusion.evaluation import label_metrics
from medfusion.files.artifacts import write_json
from medfusion.files.metric_files import tidy
from medfusion.report import page, page_sections, summary
from medfusion.reruns.fingerprint import ROOT
from medfusion.tasks import MULTI_LABEL

NAMES = ["mass", "nodule", "hernia"]
SHOWN = {"breast": {"name": "A chest", "label_names": None}}


@pytest.fixture(scope="module")
def contents():
    """Two seeds of a network and an SVM, of which the cautious one has the higher accuracy, and a baseline."""
    rng = np.random.default_rng(0)
    labels = (rng.random((150, 3)) < [0.3, 0.2, 0.05]).astype(np.uint8)
    shades = {
        "cnn": 0.5 * labels + 0.55 * rng.random(labels.shape),
        "svm": 0.1 * labels + 0.4 * rng.random(labels.shape),
    }

    def group(model, seed, systems):
        rows = {
            name: [
                row._asdict() for row in label_metrics.measure(labels, np.clip(values, 0, 1), replicates=20, ece_bins=5)
            ]
            for name, values in systems.items()
        }
        return {
            **synthetic.metrics(model, seed, {}),
            **{"name": "A chest", "flag": "chestmnist", "task": MULTI_LABEL, "label_names": NAMES},
            "systems": {name: {"val": found, "test": found, "confusion": []} for name, found in rows.items()},
        }

    baseline = label_metrics.majority_probabilities(labels, len(labels))
    return [*(group("net", seed, shades) for seed in (1, 2)), group("baselines", None, {"majority": baseline})]


def config():
    result = synthetic.config()
    result["evaluation"]["replicates"] = 20
    result["datasets"]["breast"] |= {
        "positive": None,
        "by_default": ["augmentation: the preset sided"],
        "published": [],
    }
    return {**result, "criterion": "auroc"}


def render(tmp_path, contents, config):
    paths = []
    for number, content in enumerate(contents):
        paths.append(str(tmp_path / f"{number}.json"))
        write_json(paths[-1], content)
    template = ROOT / "templates" / "report.html.j2"
    tables = {"breast/ranking": synthetic.write_ranking(tmp_path / "ranking.csv", contents, "auroc")}
    html = page.render(template, {"config": config, "display_names": SHOWN, "captions": {}}, paths, {}, tables, {}, [])
    html = re.sub(r"</?dfn[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", html))).split())


def test_the_page_answers_by_the_area_and_says_what_it_leaves_out(tmp_path, contents):
    best = synthetic.ranked(tidy(contents), "auroc").systems[0]
    text = render(tmp_path, contents, config())
    assert best.system == "cnn" and f"by validation AUROC ({best.val_auroc.mean:.3f} ± 0.000" in text
    assert "as any of mass ; nodule and hernia" in text
    assert "intervals, of several seeds those of their mean (for other images and other seeds)" in text
    assert "Always saying what most images have of each label reaches an accuracy of" in text
    assert page_sections.LABELS in text and page_sections.LEFT_OUT in text
    assert "Measures of each label: Net alone" in text
    assert page_sections.AS_THEY_ARE not in text and page_sections.OF_LABELS in text


def test_an_ordinal_task_says_how_it_is_evaluated(tmp_path):
    content = synthetic.metrics("net", 1, {"cnn": (0.8, 0.82)}) | {"task": "ordinal-regression"}
    for split in ("val", "test"):
        content["systems"]["cnn"][split].append({"metric": "mae", "value": 0.4, "low": 0.3, "high": 0.5, "n": 80})
    text = render(tmp_path, [content], synthetic.config())
    assert page_sections.ORDINAL_NOTE in text and "Mean absolute error" in text


def test_the_summary_has_the_area_first_and_no_tests_of_one_class(contents):
    ranked = {"breast": synthetic.ranked(tidy(contents), "auroc")}
    text = summary.summary(config(), contents, ranked, {}, {}, [], {"date": "2026-01-01"})
    assert "| system | runs | validation AUROC | test AUROC | interval | test accuracy |" in text
    assert text.index("`net/cnn`") < text.index("`net/svm`") < text.index("`baselines/majority`")
    assert summary.NO_COMPARISONS in text and "How far the probabilities" not in text


def test_figures_show_every_label_and_every_run(tmp_path, contents):
    paths = []
    for number, content in enumerate(contents):
        paths.append(str(tmp_path / f"{number}.json"))
        write_json(paths[-1], content)
    ranking = synthetic.write_ranking(tmp_path / "ranking.csv", contents, "auroc")
    words = ["--metrics", *paths, "--ranking", ranking, "--settings", "x"]
    words += [
        word
        for name in ("areas", "area_seeds")
        for word in (f"--{name.replace('_', '-')}", str(tmp_path / f"{name}.svg"))
    ]
    args = draw.parser("labels").parse_args(["labels", *words])
    draw.main(args, {"style": "white", "display_names": SHOWN, "published": [], "source": "official"})
    areas, seeds = ((tmp_path / f"{name}.svg").read_text() for name in ("areas", "area_seeds"))
    assert all(name in areas for name in NAMES)
    assert "system,test_auroc,low,high" in seeds
    assert seeds.count("net/cnn,") == 2, "a row of numbers a run"
