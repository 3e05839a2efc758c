"""Tests of the page: complete, self-contained, well-formed, honest about its data."""

import math
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import synthetic
from configurations import GRIDS, completed
from matplotlib.figure import Figure

from medfusion.display_names import KINDS
from medfusion.errors import UserError
from medfusion.figures import drawing, registry
from medfusion.files.artifacts import write_json
from medfusion.files.rankings import Score
from medfusion.jobs.costs import STAGES, stage_costs
from medfusion.planning.job_settings import job_settings
from medfusion.planning.plan import Plan
from medfusion.report import page, page_card, page_figures, page_tables, provenance
from medfusion.report.page_components import Body, Cell, Row, Table
from medfusion.reruns.fingerprint import ROOT

TEMPLATE = ROOT / "templates" / "report.html.j2"
FIGURES = [
    "breast/inspect/montage",
    "breast/audit/pairs",
    "breast/net/curves",
    "breast/other/curves",
    "breast/results/seeds",
    "breast/studies/plane",
    "breast/something_new",
]
VOID = {"meta", "link", "img", "br", "hr", "wbr"}


class Reader(HTMLParser):
    """Collects what a browser would see, and checks that every tag is closed in its place."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def render(tmp_path):
    def make(generated=False, figures=FIGURES, config=None, trust=None, checklist="", looks=None):
        metrics = []
        for number, content in enumerate(synthetic.run(generated)):
            metrics.append(str(tmp_path / f"{number}.json"))
            write_json(metrics[-1], content)
        paths = {}
        for number, name in enumerate(figures):
            suffix = ".svg" if number % 2 else ".png"
            paths[name] = str(tmp_path / f"{name.replace('/', '-')}{suffix}")
            with drawing.style("white"):
                drawing.save(Figure(figsize=(2, 1)), paths[name])
        counts = pd.DataFrame(
            [(split, label, name, 9) for split in ("train", "test") for label, name in enumerate(("malignant", "<b>"))],
            columns=["split", "label", "name", "n"],
        )
        counts.to_csv(tmp_path / "counts.csv", index=False)
        best = {
            "hyperparameters": {"C": 1, "kernel": "rbf"},
            "selection": "folds",
            "criterion": "log_loss",
            "measures": {"accuracy": 0.9012, "auroc": 0.9512, "log_loss": 0.3012},
            "combinations": 12,
            "equally_good": 3,
            "compared_images": 400,
            "fitted_images": 546,
            "calibration": "none",
        }
        write_json(tmp_path / "best.json", best)
        write_json(tmp_path / "comparisons.json", synthetic.comparisons(generated))
        tables = {
            "breast/ranking": synthetic.write_ranking(tmp_path / "ranking.csv", synthetic.run(generated)),
            "breast/comparisons": str(tmp_path / "comparisons.json"),
            "breast/inspect/counts": str(tmp_path / "counts.csv"),
            "breast/net/seed1/svm/best": str(tmp_path / "best.json"),
        }
        if trust:
            write_json(tmp_path / "reliability.json", trust)
            tables["breast/reliability/reliability"] = str(tmp_path / "reliability.json")
        settings = {"config": config or synthetic.config(), "display_names": {"breast": {"name": "BreastMNIST"}}}
        settings["captions"] = {name: registry.caption(name) for name in registry.FIGURES}
        records = [synthetic.record("train_cnn", seconds=75.0, memory_mb=512.0)]
        more = {"checklist": checklist, "looks": looks}
        return page.render(TEMPLATE, settings, metrics, paths, tables, {"numpy": "2.4.0"}, records, **more)

    return make


def test_the_page_is_well_formed_and_holds_every_figure_with_a_text(render):
    reader = Reader(render())
    images = reader.of("img")
    assert len(images) == len(FIGURES)
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in images)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"][1:] for link in reader.of("a") if link["href"].startswith("#")]
    assert links and set(links) <= set(ids)
    assert "Something new" in reader.text


def test_the_page_says_when_on_what_and_from_which_data_it_was_made(render, monkeypatch):
    monkeypatch.setattr(provenance, "head", lambda root: ("0123456789ab" + 28 * "0", True))
    text = " ".join(Reader(render()).text.split())
    made = text.partition("How it was made")[2].rpartition("How it was made")[2]
    assert f"Computed 2026-01-01 on {os.cpu_count()} processors" in made and "no GPU used" in made
    assert "from commit 0123456789ab with changed files" in made
    assert "BreastMNIST: CC BY 4.0; cite Al-Dhabyani et al. 2020" in made and "MedMNIST v2" in made
    assert "nothing to cite" in Reader(render(generated=True)).text


def test_what_is_known_of_no_data_set_is_for_its_owner_to_say():
    own = {"source": "folder", "flag": None}
    assert "owner" in provenance.of_data(own, False)
    assert provenance.of_data({"source": "surrogate", "flag": "dermamnist"}, False).startswith("CC BY-NC 4.0")


def test_days_devices_and_commit_are_those_of_the_jobs(tmp_path):
    records = [replace(synthetic.record("train_cnn", device="H200"), made=f"2026-01-0{day}T10:00:00") for day in (3, 1)]
    said = provenance.made(records, tmp_path)
    assert said.startswith("Computed 2026-01-01 to 2026-01-03 on ") and said.endswith(", H200.")
    assert provenance.made([], tmp_path).startswith("On ")


def test_the_reporting_checklist_is_linked_where_there_is_one(render):
    assert not any(link["href"] == "checklist.md" for link in Reader(render()).of("a"))
    assert any(link["href"] == "checklist.md" for link in Reader(render(checklist="checklist.md")).of("a"))


def test_headings_descend_one_level_at_a_time_and_tables_are_labelled(render):
    reader = Reader(render())
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert len(reader.of("table")) == len(reader.of("caption")) > 4
    assert all("scope" in header for header in reader.of("th"))


def test_nothing_is_fetched_from_elsewhere(render):
    html = render()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", html)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"""(?:src|href)=(["'])data:.*?\1""", "", html))


def test_the_answer_names_the_best_on_validation_and_how_sure_it_is(render):
    text = " ".join(Reader(render()).text.split())
    accuracy = "test accuracy 0.820 ± 0.028 (95 % interval 0.561 to 1.000), AUROC"
    assert f"SVM on Net (net/svm: SVM on its features, best of 4 settings): {accuracy}" in text
    assert "selected among 3 systems by validation accuracy (0.870 ± 0.014, n = 40, which the choice makes look" in text
    assert "95 % intervals, of several seeds those of their mean (for other images and other seeds)" in text
    assert (
        "By accuracy (sign flips over images), 1 of the 2 other systems does not differ significantly from it; by "
        "AUROC (DeLong), none of the 2 other systems differs significantly from it (Holm's correction for 3 "
        "comparisons"
    ) in text
    assert (
        "The 0.853 of the original study (one run) for SVM on Net lies above the range of our 2 seeds (0.800 to 0.840, "
        "mean 0.820 ± 0.028): 0 of 2 lie above it."
    ) in text
    assert "Not for clinical use" in text or "not for clinical use" in text


def test_the_page_opens_with_a_card(render):
    html = render(figures=(*FIGURES, "breast/inspect/samples"))
    opening = html[html.index('<div class="card">') : html.index("What was selected, and how sure that is")]
    text = " ".join(re.sub(r"<[^>]*>", " ", opening.replace("<wbr>", "")).split())
    assert "Test accuracy 0.820 SVM on Net; test n = 80" in text
    assert "Selected system 0.820 (0.561 to 1.000)" in text and "Net alone 0.860 (0.3" in text
    assert "published" in text and "The scale runs from" in text
    assert "Not for clinical use" in text and "Training images of each class, drawn at random malignant" in text
    assert re.findall(r"--share:(\d+)%", opening) == ["92", "8", "8", "92"]


def test_a_bar_lies_where_its_figure_does():
    bar = page_card._bar("a", "selected", Score(0.9, 0.0, 0.8, 1.0, 0.9, 0.9, 10), least=0.6)
    assert (bar.place, bar.low, bar.high) == (75.0, 50.0, 100.0) and bar.text == "0.900 (0.800 to 1.000)"
    published = page_card._bar("b", "published", Score(0.7, *(math.nan,) * 3, 0.7, 0.7, 0), least=0.6)
    assert (published.place, published.low, published.high) == (25.0, 25.0, 25.0) and published.text == "0.700"


@pytest.mark.parametrize(("rows", "left"), [(5, None), (6, None), (7, 2), (20, 15)])
def test_of_many_systems_the_first_five_are_open(rows, left):
    table = Table(
        "Caption", ["System"], [Body([Row([Cell(str(n))]) for n in range(rows)], "Measured"), Body([], "Others")]
    )
    kept, more = page_tables.few(table, 5, "The others")
    shown = kept.bodies[0].rows + (more.bodies[0].rows if more else [])
    assert [row.cells[0].text for row in shown] == [str(n) for n in range(rows)]
    assert (more and len(more.bodies[0].rows)) == left and len(kept.bodies) == 2


def test_published_rows_stand_apart(render):
    html = render()
    assert html.count('<tr class="published"') == 2
    assert "Published elsewhere, on the same official test split" in html
    assert html.count("Published for this system</th>") == 1


def test_where_nothing_was_published_for_a_system_no_column_says_so(render):
    config = synthetic.config()
    for row in config["datasets"]["breast"]["published"]:
        row["system"] = None
    reader = Reader(render(config=config))
    assert "Published for this system" not in reader.text
    assert "Published elsewhere, on the same official test split" in reader.text


def test_generated_images_are_said_to_be_so_everywhere(render):
    config = synthetic.config()
    config["datasets"]["breast"]["source"] = "generated"
    reader = Reader(render(generated=True, config=config))
    assert any("banner" in attributes.get("class", "") for _, attributes in reader.tags)
    assert all("generated images" in image["alt"] for image in reader.of("img"))
    assert "not comparable with generated ones" in reader.text
    assert "of the original study (" not in reader.text
    assert not any("banner" in attributes.get("class", "") for _, attributes in Reader(render()).tags)


def test_folds_are_marked_as_optimistic(render):
    assert "folds of the training split (optimistic)" in render()


def test_a_backbone_is_named_and_its_folds_are_not_optimistic(render):
    config = synthetic.config()
    options = {"path": "data/lite.onnx", "pretrained_on": "ImageNet"}
    config["networks"]["net"] = {"architecture": "onnx", "options": options}
    html = render(config=config)
    text = " ".join(Reader(html).text.split())
    assert "Model net: the backbone lite.onnx, pretrained on ImageNet, is applied as it is." in text
    assert "a linear head on its features" in text and "the network alone" not in text
    assert "folds of the training split" in text and "optimistic" not in text


def test_a_choice_has_its_measures_and_says_how_many_cells_are_as_good(render):
    text = " ".join(Reader(render()).text.split())
    assert "C = 1, kernel = rbf 0.3012 0.9512 0.9012 3 of 12" in text


def test_text_from_files_cannot_become_markup(render):
    html = render()
    assert "&lt;b&gt;" in html and "<b>" not in re.sub(r"<figcaption><b>", "", html)


def test_the_page_says_how_often_the_selected_system_is_selected_again(render, monkeypatch):
    def with_shares(table, criterion="accuracy"):
        found = ranked(table, criterion)
        systems = [
            replace(row, selection_frequency=share)
            for row, share in zip(found.systems, (0.41, 0.22, 0.37), strict=True)
        ]
        return found._replace(systems=systems)

    ranked = synthetic.ranked
    monkeypatch.setattr(synthetic, "ranked", with_shares)
    text = " ".join(Reader(render()).text.split())
    assert (
        "It is selected in 41 % of 2,000 bootstrap samples of the validation images, Ensemble of Net in 37 %." in text
    )


def test_without_metadata_the_page_says_that_none_is_known(render):
    assert "No metadata: whether results differ by sex, age, site or device is not known." in render()


def test_sections_without_content_are_absent(render):
    text = Reader(render(figures=[])).text
    assert "Augmentation" not in text and "Near-duplicates between images" not in text
    assert "How many training images it takes" in text


def value_of(trust, metric, system="svm"):
    """A measure of the runs of net/{system}, as the page prints it: mean ± sd."""
    runs = [group["systems"][system]["test"] for group in trust["groups"] if system in group["systems"]]
    values = [row["value"] for rows in runs for row in rows if row["metric"] == metric]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def test_the_answer_says_what_confidence_and_sets_are_worth(render):
    trust = synthetic.reliability()
    text = " ".join(Reader(render(trust=trust)).text.split())
    assert "A threshold of confidence meant to refer the least certain 10 % of the images to a human refers" in text
    assert f"selective accuracy is {value_of(trust, 'selective_accuracy')} (" in text
    held = float(value_of(trust, "marginal_coverage").split()[0])
    share = rf"hold the true class of {100 * held:.1f} % \([^)]*, n = 80\) of the test images; lowest for "
    assert re.search(share, text)
    assert "A threshold of confidence" not in Reader(render()).text


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        (None, "How often its test labels were looked at is not recorded."),
        ({"breast": 0}, "No look at its test labels is recorded before this one."),
        ({"breast": 2}, "Its test labels had been looked at twice before."),
        ({"breast": 1234}, "Its test labels had been looked at 1,234 times before."),
    ],
)
def test_the_answer_says_how_often_the_test_labels_had_been_looked_at(render, looks, words):
    assert words in " ".join(Reader(render(looks=looks)).text.split())


def test_the_section_on_trust_has_tables_of_every_system(render):
    trust = synthetic.reliability()
    reader = Reader(render(trust=trust, figures=[]))
    assert "How far the probabilities can be trusted" in reader.text
    assert len(reader.of("table")) - len(Reader(render(figures=[])).of("table")) == 6
    shown = ("temperature", "ece_before", "ece_after", "ece_p", "calibration_slope", "calibration_intercept")
    for metric in (*shown, "by_class_coverage", "aurc_after", "sensitivity_chosen"):
        assert value_of(trust, metric) in reader.text, metric
        assert value_of(trust, metric, "cnn") in reader.text, metric
    text = " ".join(reader.text.split())
    assert "Calling an image malignant from a probability (after the temperature) of" in text
    assert "the share of new images that a threshold from 40 of them really reaches lies between" in text
    assert "(BreastMNIST, test n = 80)" in text and "validation split (n = 40)" in text
    assert "too few images" not in text


def test_classes_with_too_few_validation_images_are_named(render):
    text = " ".join(Reader(render(trust={**synthetic.reliability(), "always": [1]})).text.split())
    assert "Validation has too few images of normal, benign: a threshold for 90 % needs 9 of a class." in text


@pytest.mark.parametrize(
    ("sensitivity", "validation", "words", "few"),
    [
        (None, [30, 10], "chosen on validation for the highest balanced accuracy", False),
        (None, [8, 32], "chosen on validation for the highest balanced accuracy", False),
        (0.9, [9, 31], "chosen on validation to find 90 % of the images of malignant", False),
        (0.9, [8, 32], "chosen on validation to find 90 % of the images of malignant", True),
    ],
)
def test_the_page_says_how_the_decision_threshold_was_chosen(render, sensitivity, validation, words, few):
    always = [0] if validation[0] < 9 else []
    trust = {**synthetic.reliability(), "sensitivity": sensitivity, "validation": validation, "always": always}
    text = " ".join(Reader(render(trust=trust)).text.split())
    assert f"instead of 0.5, {words}, takes its sensitivity" in text
    assert f"A threshold for malignant on the probability after the temperature, {words}, beside 0.5" in text
    limit = "too few images of malignant to choose such a threshold: 90 % needs 9. It is 0, and every image is called"
    assert (limit in text) == few
    chance = "a threshold meant to find 90 % of them, chosen on 9, really finds lies between"
    drawn = "share of new images of malignant that " in text
    assert drawn == (chance in text)
    assert drawn == (sensitivity is not None and not few)
    assert set(re.findall("/(60|20), 0\\.\\d+\N{EN DASH}", text)) == {"60", "20"}
    if drawn:
        assert f"{chance} 66.4 % and 99.7 % (95 % of draws)." in text


def test_without_a_positive_class_there_is_no_table_of_decisions(render):
    text = Reader(render(trust=synthetic.reliability(decision=False))).text
    assert "How far the probabilities can be trusted" in text
    assert "beside 0.5" not in text and "calling an image" not in text


def test_the_page_repeats_exactly(render):
    assert render() == render()


def test_a_figure_that_is_none_is_refused(render, tmp_path):
    (tmp_path / "broken.svg").write_text("<svg>")
    with pytest.raises(UserError, match="broken.svg: not a readable figure"):
        page_figures.read_picture("breast/broken", str(tmp_path / "broken.svg"), "data", {}, {})


def test_every_stage_has_its_place_among_the_costs():
    stages = job_settings(Plan(completed()))
    assert all(stage in STAGES or stage.startswith("draw_") for stage in stages)


def test_costs_add_up_by_stage():
    records = [
        synthetic.record("collect_metrics", seconds=1.0),
        synthetic.record("train_cnn", seconds=4.0, memory_mb=100.0),
        synthetic.record("train_cnn", seconds=6.0, memory_mb=90.0),
        synthetic.record("draw_grids", seconds=2.0),
    ]
    costs = stage_costs(records)
    assert list(costs["stage"]) == ["train_cnn", "collect_metrics", "draw figures"]
    assert tuple(costs.iloc[0][["jobs", "seconds", "longest", "memory"]]) == (2, 10.0, 6.0, 100.0)
    assert len(stage_costs([])) == 0


def test_every_kind_of_classifier_has_a_name_in_words():
    assert set(KINDS) == set(GRIDS) and not any("_" in name for name in KINDS.values())


def test_the_selected_system_is_marked_in_every_table_that_ranks(render):
    html = render()
    assert html.count('<tr class="selected"') == html.count('<strong class="tag">selected</strong>') == 3
    assert "tr.selected >" in html and "tr.best" not in html
