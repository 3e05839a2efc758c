"""Tests of folders of pictures as data sets: what is listed, how it is split, and what is refused with which words."""

import json
import os
import signal
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from configurations import BASE
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import prepare_folder
from medfusion.data import folders, grouping, pictures, splitting
from medfusion.data.natural_order import is_numbered
from medfusion.data.pictures import Form
from medfusion.errors import UserError
from medfusion.files import images
from medfusion.package import inputs
from medfusion.planning import data_sets
from medfusion.planning.config import complete

RULES = {"shares": [0.7, 0.1, 0.2], "seed": 0, "groups": None}
SPLITS = ("train", "val", "test")
RNG = np.random.default_rng(0)


def put(path, mode="RGB", size=(40, 30)):
    """A picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(values).convert(mode).save(path)


def made(folder, **settings):
    """Run the stage on a folder; what it wrote."""
    folders.look.cache_clear()
    out = folder.parent / "out"
    files = [str(out / f"images/{split}.h5") for split in SPLITS]
    args = SimpleNamespace(images=files, test_labels=str(out / "test_labels.h5"), pictures=str(out / "pictures.csv"))
    general = {"size": 28, "task": None, "split": RULES, "colour": None, "order": None, "bits": None, "exclude": []}
    prepare_folder.main(args, {"files": str(folder), **general, **settings})
    return out


def read(out):
    """By split, images and labels."""
    labels = [images.read_labels(out / f"images/{split}.h5") for split in SPLITS[:2]]
    labels.append(images.read_labels(out / "test_labels.h5"))
    return {s: (images.read_images(out / f"images/{s}.h5"), values) for s, values in zip(SPLITS, labels, strict=True)}


def rows(out):
    lines = (out / "pictures.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "split,index,label,group,path"
    return [line.split(",") for line in lines[1:]]


@pytest.fixture
def by_class(tmp_path):
    """Twenty pictures of each of two classes, of several kinds and sizes."""
    for number in range(20):
        put(tmp_path / f"own/zebra/z{number:02}.png", size=(30 + number, 40))
        put(tmp_path / f"own/ant/a{number // 2}_{number}.jpg", size=(28, 28))
    (tmp_path / "own/ant/notes.txt").write_text("no picture", encoding="utf-8")
    return tmp_path / "own"


def test_images_are_those_that_predict_would_see(by_class):
    out = made(by_class)
    found = read(out)
    assert [len(labels) for _, labels in found.values()] == [28, 4, 8]
    for split, index, label, _, path in rows(out):
        image, labels = found[split][0][int(index)], found[split][1]
        assert np.array_equal(image, pictures.read(by_class / path, Form("", 28, 3)).image)
        assert labels[int(index)] == int(label) == ["ant", "zebra"].index(path.split("/")[0])
    description = images.describe(out / "images/val.h5")
    assert description.label_names == ("ant", "zebra")
    assert (description.flag, description.task, description.generated) == ("", "binary-class", False)
    with pytest.raises(UserError):  # test labels are in a file of their own
        images.read_labels(out / "images/test.h5")


def test_the_same_folder_gives_the_same_bytes_and_another_seed_another_split(by_class):
    written = [p for p in sorted(made(by_class).rglob("*")) if p.is_file()]
    first = [path.read_bytes() for path in written]
    made(by_class)
    assert [path.read_bytes() for path in written] == first
    made(by_class, split={**RULES, "seed": 1})
    assert [path.read_bytes() for path in written] != first


def test_images_are_in_no_order_of_classes(by_class):
    labels = read(made(by_class))["train"][1].astype(int)
    assert np.abs(np.diff(labels)).sum() > 5


@pytest.mark.parametrize(
    ("first", "colour", "channels"), [("L", None, 1), ("RGB", None, 3), ("L", True, 3), ("RGB", False, 1)]
)
def test_colour_is_that_of_the_first_picture_or_of_the_settings(by_class, first, colour, channels):
    put(by_class / "ant/A.png", mode=first)
    assert read(made(by_class, colour=colour))["train"][0].shape[3] == channels


def test_groups_stay_together(by_class):
    out = made(by_class, split={**RULES, "groups": r"(\d)\.[a-z]+$"})
    place = {}
    for split, _, _, group, path in rows(out):
        assert path[-5] == group
        assert place.setdefault(group, split) == split
    assert Counter(place.values()).keys() == set(SPLITS)


def test_groups_in_folders_below_that_of_the_class(tmp_path):
    for label in ("a", "b"):
        for patient in range(6):
            for number in range(2):
                put(tmp_path / f"own/{label}/p{patient}/{number}.png")
    out = made(tmp_path / "own", split={**RULES, "groups": "^([^/]+)/"})
    assert len({(split, group) for split, _, _, group, _ in rows(out)}) == 6


def test_a_folder_may_have_splits(tmp_path):
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        for label in ("a", "b", "c"):
            for number in range(count):
                put(tmp_path / f"own/{split}/{label}/{number}.png", mode="L")
    out = made(tmp_path / "own")
    assert [len(labels) for _, labels in read(out).values()] == [15, 6, 9]
    assert all(row[0] == row[4].split("/")[0] for row in rows(out))
    assert images.describe(out / "test_labels.h5").task == "multi-class"


def test_a_fingerprint_tells_changes(by_class):
    def now():
        folders.look.cache_clear()
        return folders.look(str(by_class)).fingerprint()

    before = now()
    assert now() == before
    (by_class / "ant/notes.txt").write_text("other", encoding="utf-8")
    assert now() == before
    os.utime(by_class / "ant/a0_0.jpg", (1, 1))
    touched = now()
    put(by_class / "ant/new.png")
    added = now()
    (by_class / "ant/new.png").unlink()
    (by_class / "ant/a0_0.jpg").unlink()
    assert len({before, touched, added, now()}) == 4


def hostile(folder):
    (folder / "ant/bad.png").write_bytes((folder / "zebra/z00.png").read_bytes()[:200])


FAULTS = {
    "damaged": (hostile, "own/ant/bad.png: cut short; get it again"),
    "other kind": (lambda f: put(f / "ant/bad.bmp"), "own/ant/bad.bmp: BMP; expected PNG or JPEG"),
    "text": (lambda f: (f / "ant/bad.png").write_text("x" * 99), "own/ant/bad.png: no picture that can be read"),
    "empty": (lambda f: (f / "ant/bad.png").touch(), "own/ant/bad.png: an empty file"),
    "no picture": (lambda f: (f / "cow").mkdir(), "own/cow: no picture; every class needs some"),
    "some splits": (
        lambda f: [
            put(f / "train/a/x.png"),
            [p.rename(f / "train" / p.name) for p in list(f.iterdir()) if p.name != "train"],
        ],
        "own: has the folders train but no val and no test",
    ),
    "splits and classes": (lambda f: put(f / "test/x.png"), r"own: has folders of splits \(test\) beside others \(ant"),
    "link": (lambda f: (f / "ant/more").symlink_to(f / "zebra"), "own/ant/more: a link to a folder is not followed"),
    "dangling": (lambda f: (f / "ant/more.png").symlink_to(f / "gone"), "own/ant/more.png: cannot be read"),
    "loose": (lambda f: put(f / "loose.JPG"), "own/loose.JPG: a picture in no folder of a class"),
    "class elsewhere": (lambda f: (f / "cow").symlink_to(f / "gone"), "own/cow: a link to nowhere"),
    "splits by other names": (
        lambda f: [(f / "ant").rename(f / "Training"), (f / "zebra").rename(f / "Testing")],
        "own: has the folders Testing, Training; call folders of splits train, val and test",
    ),
    "few": (lambda f: put(f / "cow/1.png"), "class 'cow': its 1 pictures are of 1 groups; expected enough"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_the_file(by_class, fault):
    make, message = FAULTS[fault]
    make(by_class)
    with pytest.raises(UserError, match=message) as caught:
        made(by_class)
    assert "\n" not in str(caught.value)


def test_hidden_links_are_passed_over_like_other_hidden_names(by_class):
    (by_class / "ant/.cache").symlink_to(by_class / "zebra")
    (by_class / ".gone").symlink_to(by_class / "nowhere")
    made(by_class)


def test_names_of_the_folders_give_the_labels_their_order(by_class):
    """As grades want it, whose names are seldom in the order of the alphabet."""
    order = ["zebra", "ant"]
    own = {"source": "folder", "path": str(by_class), "label": "Own", "label_names": order}
    entry = complete({**BASE, "datasets": {"own": own}})["datasets"]["own"]
    assert data_sets.label_order(entry) == order
    assert data_sets.label_order({**entry, "label_names": ["formicidae", "equidae"]}) is None
    out = made(by_class, order=order)
    assert all(path.startswith(order[int(label)]) for _, _, label, _, path in rows(out))
    assert images.describe(out / "images/train.h5").label_names == tuple(order)
    with pytest.raises(UserError, match="own.label_names: 'ant' is the name of another class's folder"):
        complete({**BASE, "datasets": {"own": {**own, "label_names": ["horse", "ant"]}}})


def test_one_class_and_no_folder_are_named(tmp_path):
    put(tmp_path / "own/a/1.png")
    with pytest.raises(UserError, match="own: holds the folder a; expected at least two"):
        made(tmp_path / "own")
    with pytest.raises(UserError, match="gone: there is no such folder"):
        made(tmp_path / "gone")


def test_a_picture_without_a_group_is_named(by_class):
    with pytest.raises(UserError, match=r"zebra/z00.png: the expression 'a\(.\)' \(split.groups\) finds no group"):
        made(by_class, split={**RULES, "groups": "a(.)"})


def test_an_expression_without_end_is_named_in_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(grouping, "SECONDS", 0.2)
    for name in ("ant", "bee"):
        put(tmp_path / f"own/{name}/{'a' * 60}.png")
    settings = {"source": "folder", "path": str(tmp_path / "own"), "label": "Own"}
    folders.look.cache_clear()
    began = time.monotonic()
    with pytest.raises(UserError, match="split.groups: ant/a+.png: the expression .* takes more than 0.2 seconds"):
        own = {**settings, "split": {"groups": "^((a|aa)+)+x$"}}
        complete({**BASE, "datasets": {"own": own}})
    assert time.monotonic() - began < 5
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=4, max_size=150), st.integers(0, 5))
def test_every_split_has_every_class_and_no_group_is_divided(drawn, seed):
    names = json.loads('["a", "b", "c", "d"]')
    own = [(label, 100 + label * 3 + number) for label in range(4) for number in range(3)]
    labels, groups = (np.array(values) for values in zip(*drawn, *own, strict=True))
    place = splitting.split(labels, list(map(str, groups)), [0.7, 0.1, 0.2], seed, names)
    for group in set(groups):
        assert len(set(place[groups == group])) == 1
    for split in range(3):
        assert set(labels[place == split]) == {0, 1, 2, 3}


def test_groups_of_several_classes_do_not_hide_that_a_split_is_possible():
    groups = {0: "123", 1: "456", 2: "147"}
    labels, names = zip(*[(label, group) for label, own in groups.items() for group in own], strict=True)
    for seed in range(20):
        place = splitting.split(np.array(labels), names, [0.7, 0.1, 0.2], seed, "bcd")
        assert all(len(set(place[np.array(labels) == label])) == 3 for label in groups)


def test_where_no_split_is_possible_the_message_says_what_is_in_the_way():
    groups = {0: "123", 1: "345", 2: "1245", 3: "135"}
    labels, names = zip(*[(label, group) for label, own in groups.items() for group in own], strict=True)
    try:
        place = splitting.split(np.array(labels), names, [0.7, 0.1, 0.2], 0, "abcd")
    except UserError as error:
        assert "no way was found" in str(error) and "split.seed" in str(error)
    else:
        assert all(len(set(place[np.array(labels) == label])) == 3 for label in groups)


def test_pictures_without_groups_are_split_in_their_shares():
    labels = np.repeat([0, 1, 2], [1000, 100, 10])
    place = splitting.split(labels, list(map(str, range(1110))), [0.7, 0.1, 0.2], 3, "abc")
    for label, n in enumerate((1000, 100, 10)):
        counts = np.bincount(place[labels == label], minlength=3)
        assert np.abs(counts - np.array([0.7, 0.1, 0.2]) * n).max() < 1
    assert not np.array_equal(place, splitting.split(labels, list(map(str, range(1110))), [0.7, 0.1, 0.2], 4, "abc"))


CONFIG_FAULTS = {
    "flag": ({"flag": "breastmnist"}, "datasets.own.flag: for files alone; set flag: ~"),
    "hash": ({"sha256": "0" * 64}, "datasets.own.sha256: for files alone; set sha256: ~"),
    "labels": ({"task": "multi-label"}, "datasets.own.task: a folder gives each picture one label"),
    "shares": ({"split": {"shares": [0.7, 0.2, 0.2]}}, "datasets.own.split.shares: sum to 1.1; expected 1"),
    "no group": ({"split": {"groups": "p."}}, r"datasets.own.split.groups: 'p.' has no group; expected \(…\)"),
    "no expression": ({"split": {"groups": "("}}, r"datasets.own.split.groups: '\(' is no regular expression"),
    "groups in groups": ({"split": {"groups": "(" * 5000 + ")" * 5000}}, "is no regular expression"),
    "a picture without a group": ({"split": {"groups": "^(Q)"}}, r"split.groups: .* finds no group in '"),
    "no folder": ({"path": "gone"}, r"datasets.own.path: gone: there is no such folder; relative paths start at"),
    "no path": ({"path": None}, "datasets.own: source 'file' or 'folder' and path go together"),
    "no label": ({"label": None}, "datasets.own.label: required with source 'folder'"),
    "names": ({"label_names": ["one"]}, "datasets.own.label_names: 1 names; expected 2, one a class in label order"),
    "positive": ({"positive": 2}, "datasets.own.positive: 2 is no label of the data set; expected 0 to 1"),
}


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_a_fault_of_the_configuration_is_named_before_any_job(by_class, fault):
    folders.look.cache_clear()
    changes, message = CONFIG_FAULTS[fault]
    own = {"source": "folder", "path": str(by_class), "label": "Own"}
    complete({**BASE, "datasets": {"own": own}})
    with pytest.raises(UserError, match=message):
        complete({**BASE, "datasets": {"own": {**own, **changes}}})


def test_groups_are_not_for_folders_that_are_split(tmp_path):
    for split in SPLITS:
        for name in "ab":
            put(tmp_path / f"own/{split}/{name}/p1_x.png")
    own = {"source": "folder", "path": str(tmp_path / "own"), "label": "Own", "split": {"groups": "^(p.)"}}
    with pytest.raises(UserError, match="datasets.own.split.groups: the folder says what is train, val and test"):
        complete({**BASE, "datasets": {"own": own}})


def test_the_configuration_knows_the_classes_and_numbers_of_a_folder(by_class):
    folders.look.cache_clear()
    own = {"source": "folder", "path": str(by_class), "label": "Own", "split": {"seed": 4}}
    entry = complete({**BASE, "datasets": {"own": own}})["datasets"]["own"]
    assert data_sets.classes(entry) == 2
    assert entry["split"] == {"shares": [0.7, 0.1, 0.2], "seed": 4, "groups": None}
    assert any("28 training images" in sentence for sentence in entry["by_default"])


# -- order of classes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        [str(number) for number in range(1, 12)],
        ["grade 1", "Grade 2", "grade 9", "grade 10", "grade 11"],
        ["T1a", "T1b", "T2", "T10"],
        ["-10", "-2", "-1", "0", "3"],
        ["score \u22122", "score 0", "score 1"],
        ["0.25", "0.5", "1", "1.5", "12"],
        ["0-10", "11-20", "100-200"],
        ["KL-0", "KL-1", "KL-2", "KL-10"],
        ["01", "2", "010"],
        ["1 none", "2 mild", "10 severe"],
    ],
    ids=lambda names: names[-1],
)
def test_numbers_in_names_are_sorted_as_numbers(tmp_path, names):
    for name in reversed(names):
        put(tmp_path / f"own/{name}/x.png")
    folders.look.cache_clear()
    assert list(folders.look(str(tmp_path / "own")).label_names) == names
    assert is_numbered(names) == ("T1b" not in names)


def test_a_folder_says_its_order_and_an_ordinal_task_over_words_asks_for_it(tmp_path):
    grades = ["none", "mild", "moderate", "severe"]
    for number, name in enumerate(grades):
        for count in range(6):
            put(tmp_path / f"own/{name}/{count}.png")
            put(tmp_path / f"numbers/stage {9 + number}/{count}.png")
    folders.look.cache_clear()

    def filled(place="own", **more):
        own = {"source": "folder", "path": str(tmp_path / place), "label": "Own", **more}
        return complete({**BASE, "datasets": {"own": own}})["datasets"]["own"]["by_default"][0]

    assert filled().endswith("names: 0 = mild, 1 = moderate, 2 = none, 3 = severe")
    assert filled(label_names=["A", "B", "C", "D"]).endswith(
        "0 = A (folder mild), 1 = B (folder moderate), 2 = C (folder none), 3 = D (folder severe)"
    )
    with pytest.raises(UserError, match=r"label_names: \[mild, moderate, none, severe\]"):
        filled(task="ordinal-regression")
    for names in (["None", "Mild", "Moderate", "Severe"], ["A", "B", "C", "D"]):  # they would stand for others
        with pytest.raises(UserError, match="own.label_names: the folders' names give no order"):
            filled(task="ordinal-regression", label_names=names)
    assert "0 = none, 1 = mild, 2 = moderate" in filled(task="ordinal-regression", label_names=grades)
    assert "0 = stage 9, 1 = stage 10, 2 = stage 11" in filled("numbers", task="ordinal-regression")
    with pytest.raises(UserError, match="'None' is the name of another class's folder"):
        filled(label_names=["None", "Mild", "Moderate", "Severe"])


# -- what is passed over ----------------------------------------------------------------------------------------------

LEFT = [
    "@eaDir",
    "__MACOSX",
    ".ipynb_checkpoints",
    ".thumbnails",
    "lost+found",
    "$RECYCLE.BIN",
    ".@__thumb",
    "#recycle",
]
LEFT += ["@Recycle", "#snapshot", "System Volume Information", ".Trash-1000", ".AppleDouble", "@EADIR"]


@pytest.mark.parametrize("name", LEFT)
def test_leftovers_are_passed_over_at_every_level_and_counted(by_class, name, capsys):
    for place in (".", "ant", "zebra", "ant/more"):
        put(by_class / place / name / "p.png")
    (by_class / "ant/._a.png").write_bytes(b"no picture")
    for file in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        (by_class / "zebra" / file).write_bytes(b"x")
        (by_class / file).write_bytes(b"x")
    assert len(rows(made(by_class))) == 40
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "passed over" in line)
    assert "1 files that are no pictures" in line and f"4 {name!r}" in line and "2 'Thumbs.db'" in line
    assert "11 leftovers of other systems" in line
    found, said = [], []
    found = list(inputs.items([str(by_class)], Form("", 28, 3), said.append))
    assert len(found) == 40 and not any(item.refusal for item in found) and f"4 {name!r}" in said[0]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("*_mask*", 40),
        (["*_mask.png", "*_mask_1.png"], 40),
        ("ant/*_mask*", 60),
        ("masks", 80),
        (["cow", "*_mask*"], 40),
        ("./ant/", 40),
    ],
)
def test_what_is_excluded_is_no_picture(by_class, exclude, left):
    for path in [*by_class.glob("*/*.png"), *by_class.glob("*/*.jpg")]:
        put(path.with_name(f"{path.stem}_mask{'_1' * (path.stem[-1] == '3')}.png"))
    put(by_class / "extra/only.png")
    put(by_class / "extra/two.png")
    folders.look.cache_clear()
    patterns = ("extra", exclude) if isinstance(exclude, str) else ("extra", *exclude)
    if exclude == "./ant/":
        patterns = exclude, "nothing"
        found = folders.look(str(by_class), patterns)
        assert found.label_names == ("extra", "zebra") and len(found.pictures) == 42
        assert "1 that match './ant/' (exclude); 0 that match 'nothing' (exclude)" in found.passed
        return
    assert len(folders.look(str(by_class), patterns).pictures) == left


def test_exclude_is_a_setting_that_tells_folders_apart(by_class):
    put(by_class / "ant/x_mask.png")
    own = {"source": "folder", "path": str(by_class), "label": "Own"}
    for written, patterns in (("*_mask*", ("*_mask*",)), (["x_*", "b"], ("x_*", "b")), (None, ())):
        folders.look.cache_clear()
        entry = complete({**BASE, "datasets": {"own": {**own, "exclude": written}}})["datasets"]["own"]
        assert data_sets.excluded(entry) == patterns
        assert len(data_sets.pictures(entry).pictures) == (40 if written else 41)
    for name, value in (("bits", 12), ("exclude", "x")):
        with pytest.raises(UserError, match=f"datasets.own.{name}: for source 'folder' alone"):
            complete({**BASE, "datasets": {"own": {"flag": "breastmnist", name: value}}})


MASKS = {
    "BUSI": ("a ({}).png", "a ({})_mask.png", "'*_mask.*'"),
    "BUSI's second masks": ("a ({}).png", "a ({})_mask_1.png", "'*_mask*'"),
    "segmentation": ("{}.jpg", "{}_Segmentation.png", "'*_Segmentation.*'"),
    "hyphen": ("{}.png", "{}-seg.png", "'*-seg.*'"),
    "ground truth": ("{}.png", "{}_gt.png", "'*_gt.*'"),
    "in front": ("{}.png", "mask_{}.png", "'mask_*'"),
    "in a folder": ("images/{}.png", "masks/{}.png", "'masks'"),
    "in a folder, named": ("{}.png", "GT/{}_gt.png", "'GT'"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_names_that_pair_up_as_masks_are_told(tmp_path, kind, capsys):
    picture, mask, pattern = MASKS[kind]
    for label in ("a", "b"):
        for number in range(1, 6):
            put(tmp_path / f"own/{label}" / picture.format(number))
            put(tmp_path / f"own/{label}" / mask.format(number))
    own = {"source": "folder", "path": str(tmp_path / "own"), "label": "Own"}
    folders.look.cache_clear()
    (said,) = (line for line in _by_default(own) if "masks" in line)
    assert said.startswith("10 pictures that are named like masks") and f"exclude: {pattern}" in said
    made(tmp_path / "own")
    assert "10 pictures that are named like masks" in capsys.readouterr().out
    assert not any("masks" in line for line in _by_default({**own, "exclude": pattern.strip("'")}))
    assert len(folders.look(str(tmp_path / "own"), (pattern.strip("'"),)).pictures) == 10


def _by_default(own):
    return complete({**BASE, "datasets": {"own": own}})["datasets"]["own"]["by_default"]


def test_names_that_only_sound_like_masks_are_not_told(by_class):
    for name in ("segment_1", "x_label", "gt"):
        put(by_class / f"ant/{name}.png")
    assert folders.look(str(by_class)).masks() == ""


def test_classes_that_are_masks_are_told(tmp_path):
    for number in range(4):
        for label in ("images", "masks"):
            put(tmp_path / f"own/{label}/{number}.png")
    folders.look.cache_clear()
    assert "exclude: 'masks'" in folders.look(str(tmp_path / "own")).masks()


# -- depths and damage ------------------------------------------------------------------------------------------------


def deep(folder, most, shallow=0):
    """Twelve pictures of 16 bits a class whose values end at `most`, and some of 8 bits of the same scene."""
    for label in ("n", "p"):
        for number in range(12 + shallow):
            values = RNG.integers(0, most, (28, 28), endpoint=True)
            values[0, 0] = most
            path = folder / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            dtype = np.uint16 if number < 12 else np.uint8
            Image.fromarray(values.astype(dtype) if number < 12 else (values * 255 // most).astype(dtype)).save(path)


@pytest.mark.parametrize(("most", "bits"), [(255, 8), (1023, 10), (4095, 12), (4000, 12), (16383, 14), (5000, 14)])
@pytest.mark.parametrize("shallow", [0, 6])
def test_a_set_of_16_bits_that_uses_fewer_asks_how_many(tmp_path, most, bits, shallow):
    deep(tmp_path / "own", most, shallow)
    with pytest.raises(
        UserError, match=f"none of 24 pictures of 16 bits has a value above {most:,}, .* say bits: {bits},"
    ):
        made(tmp_path / "own")
    out = made(tmp_path / "own", bits=bits)
    assert images.describe(out / "images/train.h5").bits == bits
    brightest = {255, round(255 * most / (2**bits - 1))} if shallow else {round(255 * most / (2**bits - 1))}
    assert set(read(out)["train"][0][:, 0, 0, 0].tolist()) == brightest
    made(tmp_path / "own", bits=16)


def test_a_set_of_16_bits_that_uses_them_is_taken_as_it_is(tmp_path):
    deep(tmp_path / "own", 16384)
    assert images.describe(made(tmp_path / "own") / "images/train.h5").bits == 16
    deep(tmp_path / "own", 4095)
    with pytest.raises(UserError, match="24 pictures that cannot be taken|the first 20 pictures"):
        made(tmp_path / "own", bits=11)


def test_all_damaged_pictures_are_named_in_one_message_up_to_20(by_class):
    damaged = sorted(by_class.glob("zebra/*.png"))[:6]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:300])
    (by_class / "ant/a0_0.jpg").write_text("no picture")  # by its name the first of all
    with pytest.raises(UserError, match="own: 7 pictures that cannot be taken:") as caught:
        made(by_class)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(": ")[0].strip() for line in lines] == [str(by_class / "ant/a0_0.jpg"), *map(str, damaged)]
    for path in [*by_class.glob("*/*.png"), *by_class.glob("*/*.jpg")]:
        path.write_bytes(b"x")
    with pytest.raises(UserError, match="the first 20 pictures that cannot be taken") as caught:
        made(by_class)
    assert len(str(caught.value).splitlines()) == 21


def test_damaged_jpegs_are_refused_in_folders(by_class):
    path = by_class / "ant/a0_0.jpg"
    data = path.read_bytes()
    start = data.index(b"\xff\xda") + 14
    path.write_bytes(data[:start] + bytes(200) + data[start + 200 :])
    with pytest.raises(UserError, match="a0_0.jpg: damaged"):
        made(by_class)


def test_images_of_one_colour_are_counted(by_class, capsys):
    Image.new("RGB", (40, 40), (3, 5, 7)).save(by_class / "ant/a0_0.jpg")
    said = images.describe(made(by_class) / "images/train.h5").remarks
    assert len(said) == 1 and "1 of " in said[0] and "images are one colour" in said[0]
    assert said[0] in capsys.readouterr().out
