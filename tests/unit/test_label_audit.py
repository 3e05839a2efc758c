"""Labels that may be wrong: planted ones are found, better than chance by far; what nothing can be said of is left."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from synthetic import metrics, write_ranking

import audit_labels
import predict_out_of_fold
from medfusion.data import near_duplicates
from medfusion.errors import UserError
from medfusion.evaluation import label_audit
from medfusion.figures import label_figures
from medfusion.files import image_groups, images, label_audits, probabilities
from medfusion.files.artifacts import read_json, write_json
from medfusion.files.hdf5 import create_hdf5
from medfusion.files.images import Description
from medfusion.learning import out_of_fold
from medfusion.naming import DisplayNames, Names
from medfusion.report import label_audit as account
from medfusion.report.page_components import Section

CLASSES = 4
SIZES = {"train": 400, "val": 200, "test": 200}
SHARE = 0.05  # of labels that are made wrong; flagged at random, as many would be
NAMES = tuple("abcd")
DESCRIPTION = Description("", "multi-class", NAMES, "0" * 64, True)


def made(size, rng):
    """Images of four classes, a bright quarter each, in noise; the labels, and which of them were made wrong."""
    truth = rng.permutation(np.arange(size) % CLASSES)
    pixels = rng.normal(110, 55, (size, 28, 28, 1))
    for row, label in enumerate(truth):
        top, left = 14 * (label // 2), 14 * (label % 2)
        pixels[row, top : top + 14, left : left + 14] += 25
    wrong = np.zeros(size, bool)
    wrong[rng.choice(size, round(SHARE * size), replace=False)] = True
    labels = np.where(wrong, (truth + rng.integers(1, CLASSES, size)) % CLASSES, truth).astype(np.uint8)
    return pixels.clip(0, 255).astype(np.uint8), labels, truth, wrong


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Both stages on planted wrong labels, and a pair of near-duplicates with opposite labels: folder, wrong ones."""
    folder, rng = tmp_path_factory.mktemp("labels"), np.random.default_rng(3)
    splits, wrong, said = [], {}, {}
    drawn = {split: made(size, rng) for split, size in SIZES.items()}
    pixels, labels, truth, _ = drawn["test"]
    pixels[7] = drawn["train"][0][5]
    labels[7] = truth[7] = (drawn["train"][1][5] + 1) % CLASSES
    with create_hdf5(folder / "features.h5", **DESCRIPTION.attributes()) as file:
        for split in ("train", "val"):
            file[f"{split}/features"] = np.eye(CLASSES)[drawn[split][2]] + rng.normal(0, 0.5, (SIZES[split], CLASSES))
    with create_hdf5(folder / "worse.h5", **DESCRIPTION.attributes()) as file:
        for split in ("train", "val"):
            file[f"{split}/features"] = rng.normal(size=(SIZES[split], 2))
    for split, (pixels, labels, truth, planted) in drawn.items():
        images.write_split(folder / f"{split}.h5", split, DESCRIPTION, pixels, None if split == "test" else labels)
        splits.append(near_duplicates.Split(split, folder / f"{split}.h5", labels))
        values = np.exp(2.5 * np.eye(CLASSES)[truth] + rng.normal(0, 0.8, (len(truth), CLASSES)))
        said[split], wrong[split] = values / values.sum(axis=1, keepdims=True), planted
    images.write_labels(folder / "test_labels.h5", "test", DESCRIPTION, splits[2].labels)
    probabilities.write(folder / "probabilities.h5", DESCRIPTION, {"val": said["val"], "test": said["test"]}, 1.0)
    image_groups.write(folder / "groups.csv", [split.path for split in splits], np.arange(sum(SIZES.values())))
    write_json(folder / "summary.json", near_duplicates.find(splits, 0.95)[1])
    write_ranking(folder / "ranking.csv", [metrics("net", 1, {"cnn": (0.8, 0.8)})])
    probe(folder)
    audit(folder)
    return folder, wrong


def words(folder, **names):
    return [word for key, name in names.items() for word in (f"--{key.replace('_', '-')}", str(folder / name))]


def probe(folder):
    given = {"train": "train.h5", "val": "val.h5", "groups": "groups.csv", "out_of_fold": "out_of_fold.h5"}
    features = [str(folder / name) for name in ("worse.h5", "features.h5")]
    args = predict_out_of_fold.parser().parse_args(
        ["--settings", "x", *words(folder, **given), "--features", *features]
    )
    predict_out_of_fold.main(args, {"title": "toys", "models": ["worse", "net"], "seed": 0})


def audit(folder, **others):
    given = {"out_of_fold": "out_of_fold.h5", "ranking": "ranking.csv", "systems": "probabilities.h5"}
    given |= {"train": "train.h5", "val": "val.h5", "test_labels": "test_labels.h5", "near_duplicates": "summary.json"}
    given |= {"labels": "labels.csv", "summary": "label_summary.json", **others}
    settings = {
        "dataset": "toys",
        "name": "Toys",
        "label_names": None,
        "systems": [["net", 1, "cnn"]],
        "views": ["net"],
    }
    args = audit_labels.parser().parse_args(["--settings", "x", *words(folder, **given)])
    audit_labels.main(args, settings)


@pytest.mark.parametrize("split", SIZES)
def test_planted_wrong_labels_are_found_far_better_than_by_chance(run, split):
    folder, wrong = run
    table = label_audits.read(folder / "labels.csv")
    part, planted = table[table["split"] == split], wrong[split]
    assert len(part) == SIZES[split] and planted.mean() == pytest.approx(SHARE)
    assert roc_auc_score(planted, -part["score"]) > 0.9  # by chance 0.5
    flagged = part["flagged"].to_numpy()
    assert planted[flagged].mean() > 6 * SHARE  # the precision by chance is the share
    assert flagged[planted].mean() > 5 * flagged.mean()  # the recall by chance is the share flagged


def test_near_duplicates_with_opposite_labels_are_listed(run):
    folder, _ = run
    table = label_audits.read(folder / "labels.csv").set_index(["split", "index"])
    ends = table[table["opposite_split"] != ""][["opposite_split", "opposite_index"]]
    assert [(*own, *other) for own, other in zip(ends.index, ends.itertuples(index=False), strict=True)] == [
        ("train", 5, "test", 7),
        ("test", 7, "train", 5),
    ]
    found = label_audits.read_summary(folder / "label_summary.json")
    assert [found["splits"][split]["opposite"] for split in SIZES] == [1, 0, 1]
    assert found["system"] == {"model": "net", "system": "cnn", "seed": 1} and found["folds"] == out_of_fold.FOLDS
    assert found["model"] == "net"  # whose features tell the classes of validation images


def test_the_page_tells_how_many_and_offers_their_list(run):
    folder, _ = run
    table, section = label_audits.read(folder / "labels.csv"), Section("toys", "Labels")
    found = label_audits.read_summary(folder / "label_summary.json")
    account.fill(section, found, table, Names(), Names(), "Toys")
    rows = [[cell.text for cell in row.cells] for row in section.tables[0].bodies[0].rows]
    assert [row[0] for row in rows] == list(SIZES) and [row[3] for row in rows] == [
        str(int(table[table["split"] == split]["flagged"].sum())) for split in SIZES
    ]
    assert "flags its own errors" in section.notes[0] and "net/cnn (seed 1)" in section.method[0]
    listed = table["flagged"] | (table["opposite_split"] != "")
    assert section.files[0].label == f"The {listed.sum()} labels that something speaks against"


def test_the_gallery_shows_the_most_doubtful_first_and_says_where_there_are_none(run):
    folder, _ = run
    table = label_audits.read(folder / "labels.csv")
    chosen = label_figures.chosen(table)
    for split in SIZES:
        own, flagged = chosen[chosen["split"] == split], table[(table["split"] == split) & table["flagged"]]
        assert len(own) == min(len(flagged), label_figures.SHOWN)
        assert own["score"].tolist() == sorted(flagged["score"])[: len(own)]
    pictures = {(row["split"], row["index"]): np.zeros((28, 28, 1), np.uint8) for _, row in chosen.iterrows()}
    drawn = label_figures.mislabelled(table, chosen, pictures, DisplayNames("Toys", NAMES))
    assert f"train: {(table['flagged'] & (table['split'] == 'train')).sum()} of 400 labels flagged" in texts(drawn)
    clean = table.assign(flagged=False)
    drawn = label_figures.mislabelled(clean, label_figures.chosen(clean), {}, DisplayNames("Toys", NAMES))
    assert "No label of 800 is flagged." in texts(drawn)


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_folds_keep_groups_together_and_spread_classes():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 300)
    labels = groups % 3
    place = out_of_fold.folds(labels, groups, 0)
    assert all(len(np.unique(place[groups == group])) == 1 for group in np.unique(groups))
    assert all(len(np.unique(place[labels == label])) == out_of_fold.FOLDS for label in range(3))
    assert (out_of_fold.folds(labels, groups, 0) == place).all()


def test_probes_never_see_the_group_that_they_judge(monkeypatch):
    """Each image has a twin in its group: seen, it would tell the label, which is drawn at random."""
    rng = np.random.default_rng(1)
    numbers, labels = rng.normal(size=(150, 300)).repeat(2, axis=0), rng.integers(0, 2, 150).repeat(2)
    view = out_of_fold.View(300, lambda rows: numbers[rows])
    monkeypatch.setitem(out_of_fold.HYPERPARAMETERS, "C", 10)
    together = out_of_fold.predict([view], labels, np.arange(300) // 2, 2, 0)
    apart = out_of_fold.predict([view], labels, rng.permutation(300), 2, 0)
    right = [(found.argmax(axis=1) == labels).mean() for found in (together, apart)]
    assert right[0] < 0.65 and right[1] > 0.8


def test_a_class_of_one_group_is_not_judged():
    rng = np.random.default_rng(2)
    labels = np.array([0, 1] * 20 + [2] * 3)
    groups = np.array([*range(40), 40, 40, 40])
    numbers = np.eye(3)[labels] + rng.normal(0, 0.1, (43, 3))
    found = out_of_fold.predict([out_of_fold.View(3, lambda rows: numbers[rows])], labels, groups, 3, 0)
    assert np.isnan(found[40:]).all() and np.isfinite(found[:40]).all()
    assert np.allclose(found[:40].sum(axis=1), 1)
    table = label_audit.judge(labels, found)
    assert table["score"].isna().tolist() == [False] * 40 + [True] * 3 and not table["flagged"][40:].any()
    assert (table["suggested"][40:] == 2).all()
    counts = label_audit.summary(label_audit.audit({"train": table}, []))["train"]
    assert (counts["images"], counts["judged"], counts["opposite"]) == (43, 40, 0)


@pytest.mark.parametrize("labels", [[0] * 6, [0] * 5 + [1], [1, 0] * 3])
def test_few_labels_and_missing_classes_are_judged(labels):
    values = np.tile([0.2, 0.5, 0.3], (6, 1))
    table = label_audit.judge(np.array(labels), values)
    assert table["score"].tolist() == pytest.approx(values[0][labels].tolist()) and (table["suggested"] == 1).all()
    assert not table["flagged"][table["label"] == 1].any()


def test_large_images_are_averaged_and_few_are_fitted(tmp_path, monkeypatch):
    pixels = np.repeat(np.repeat(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1), 28, axis=1), 28, axis=2)
    images.write_split(tmp_path / "train.h5", "train", DESCRIPTION, pixels.repeat(40, axis=0), np.arange(40) % 4)
    view = out_of_fold.pixels(str(tmp_path / "train.h5"))
    rows = view.rows(np.array([0, 39]))
    assert rows.shape == (2, view.width) == (2, out_of_fold.SIDE**2)
    assert rows[1].reshape(14, 14)[::13, ::13].tolist() == [[0, 1], [2, 3]]
    fitted, seen = out_of_fold.fitted, []
    monkeypatch.setattr(out_of_fold, "fitted", lambda *given: seen.append(len(given[4])) or fitted(*given))
    monkeypatch.setattr(out_of_fold, "FIT_IMAGES", 10)
    out_of_fold.predict([view], np.arange(40) % 4, np.arange(40), 4, 0)
    assert seen == [10] * out_of_fold.FOLDS


def test_files_of_other_images_are_named(run, tmp_path):
    folder, _ = run
    near = read_json(folder / "summary.json")
    write_json(tmp_path / "near.json", {**near, "images": {**near["images"], "train": 3}})
    with pytest.raises(UserError, match="near.json: of other images than there are; delete it and run again"):
        audit(folder, near_duplicates=tmp_path / "near.json", labels=tmp_path / "a.csv", summary=tmp_path / "a.json")
    label_audits.write_out_of_fold(tmp_path / "fold.h5", DESCRIPTION, 5, "net", np.full((3, CLASSES), 0.25))
    with pytest.raises(UserError, match="fold.h5: no probabilities of 400 training images; delete it and run again"):
        audit(folder, out_of_fold=tmp_path / "fold.h5", labels=tmp_path / "a.csv", summary=tmp_path / "a.json")
    probabilities.write(tmp_path / "p.h5", DESCRIPTION, {"val": np.full((3, 4), 0.25)}, 1.0)
    with pytest.raises(UserError, match="p.h5: of other val images than there are; delete it and run again"):
        audit(folder, systems=tmp_path / "p.h5", labels=tmp_path / "a.csv", summary=tmp_path / "a.json")
    assert not (tmp_path / "a.csv").exists()
