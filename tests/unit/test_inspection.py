"""Tests of the description of a data set: counts, pixel values, mean images, examples, and the figures' bytes."""

import argparse

import numpy as np
import pandas as pd
import pytest

import inspect_images
from medfusion.data import inspection
from medfusion.errors import UserError
from medfusion.figures import drawing, montage
from medfusion.files.images import Description, write_labels, write_split
from medfusion.naming import display_names
from medfusion.report import page_tables

NAMES = ("apple", "pear", "a fruit with a name that needs more than one line", "absent")


FRUIT = {"name": "Fruit", "label_names": None}


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def data(request, tmp_path):
    """Three splits on disk, and their arrays; the last class has no images."""
    rng = np.random.default_rng(2)
    description = Description("fruit", "multi-class", NAMES, "0" * 64, True)
    images = {
        name: rng.integers(3, 250, (n, 10, 12, request.param), dtype=np.uint8)
        for name, n in (("train", 31), ("val", 7), ("test", 11))
    }
    labels = {name: rng.integers(0, 3, len(values), dtype=np.uint8) for name, values in images.items()}
    paths = {name: tmp_path / f"{name}.h5" for name in images}
    for name, path in paths.items():
        write_split(path, name, description, images[name], None if name == "test" else labels[name])
    write_labels(tmp_path / "test_labels.h5", "test", description, labels["test"])
    return description, paths, images, labels


def test_samples_are_the_same_number_of_each_class_and_sharp(data):
    _, paths, images, labels = data
    picture = inspection.samples(paths["train"], labels["train"], len(NAMES), seed=0)
    times, each = montage.CELL // 12, inspection.SAMPLES // len(NAMES)
    assert picture.shape[0] == 10 * times and picture.dtype == np.uint8
    small = picture[::times, ::times]
    members = images["train"][labels["train"] == 0]
    first = small[:, :12] if members.shape[-1] == 3 else small[:, :12, :1]
    assert any(np.array_equal(first, member) for member in members)
    assert (picture[:, -12 * times * each :] == 255).all()  # the class without images


def test_of_many_classes_the_first_are_shown(data):
    _, paths, _, _ = data
    labels = np.arange(31) % 20
    picture = inspection.samples(paths["train"], labels, 20, seed=0)
    times, gap = montage.CELL // 12, picture.shape[1] - 12 * (montage.CELL // 12) * inspection.SAMPLED_CLASSES
    assert picture.shape[0] == 10 * times and 0 < gap < 12 * times


def test_large_images_are_the_means_of_blocks():
    image = np.arange(224 * 224, dtype=np.uint32).reshape(1, 224, 224, 1) % 251
    small = montage.strip(image.astype(np.uint8))
    assert small.shape == (112, 112, 3)
    assert small[3, 5, 0] == round(image[0, 6:8, 10:12, 0].mean())


def test_counts_list_every_class_of_every_split(data):
    _, _, _, labels = data
    table = inspection.class_counts(labels, NAMES)
    assert list(table.columns) == ["split", "label", "name", "n"]
    assert len(table) == 3 * len(NAMES)
    assert table.groupby("split")["n"].sum().to_dict() == {"train": 31, "val": 7, "test": 11}
    assert (table.loc[table["name"] == "absent", "n"] == 0).all()


def test_of_several_labels_images_count_to_each(data, tmp_path):
    _, paths, images, _ = data
    labels = np.zeros((31, 3), np.uint8)
    labels[:4, 0] = labels[2:9, 1] = 1
    table = inspection.class_counts({"train": labels}, NAMES[:3])
    rows = table.set_index("label")["n"].to_dict()
    assert rows == {0: 4, 1: 7, 2: 0, inspection.NO_LABEL: 22, inspection.ALL_IMAGES: 31}
    means = inspection.class_means(paths["train"], labels, 3)
    for label, chosen in ((0, slice(0, 4)), (1, slice(2, 9))):
        assert np.array_equal(means[label], np.rint(images["train"][chosen].mean(axis=0)))
    assert (means[2] == 255).all()
    assert [
        set(found) <= set(range(*rows))
        for found, rows in zip(inspection.examples(labels, 3, 2, 0)[:2], ((0, 4), (2, 9)), strict=True)
    ] == [True, True]
    assert page_tables.images(table.assign(split="train")) == {"train": 31}
    shown_table = page_tables.counts(table, "Counts")
    assert [row.cells[0].text for row in shown_table.bodies[0].rows] == [*NAMES[:3], "no label", "all images"]


@pytest.mark.parametrize("block", [1, 4, 4096])
def test_pixel_statistics_are_numpys_whatever_the_block(data, block):
    _, paths, images, _ = data
    table = inspection.pixel_statistics(paths, block)
    channels = images["train"].shape[-1]
    assert list(table["channel"][:channels]) == (["grey"] if channels == 1 else ["red", "green", "blue"])
    for split, part in table.groupby("split"):
        values = images[split].reshape(-1, channels).astype(float)
        assert part["mean"].to_numpy() == pytest.approx(values.mean(axis=0), abs=1e-4)
        assert part["sd"].to_numpy() == pytest.approx(values.std(axis=0), abs=1e-4)
        assert part["minimum"].to_numpy() == pytest.approx(values.min(axis=0))
        assert part["maximum"].to_numpy() == pytest.approx(values.max(axis=0))


@pytest.mark.parametrize("block", [1, 4, 4096])
def test_class_means_are_numpys_whatever_the_block(data, block):
    _, paths, images, labels = data
    means = inspection.class_means(paths["train"], labels["train"], len(NAMES), block)
    for label in range(3):
        members = images["train"][labels["train"] == label]
        np.testing.assert_array_equal(means[label], np.rint(members.mean(axis=0)).astype(np.uint8))
    assert (means[3] == 255).all()


def test_examples_are_of_their_class_and_follow_the_seed(data):
    _, _, _, labels = data
    chosen = inspection.examples(labels["train"], 4, 5, seed=1)
    assert [len(group) for group in chosen] == [5, 5, 5, 0]
    for label, group in enumerate(chosen):
        assert (labels["train"][group] == label).all()
        assert len(set(group)) == len(group)
    again, other = (inspection.examples(labels["train"], 4, 5, seed) for seed in (1, 2))
    assert all(map(np.array_equal, chosen, again))
    assert not all(map(np.array_equal, chosen, other))


def test_the_stage_writes_the_same_bytes_twice_and_names_generated_images(data, tmp_path):
    description, paths, _, labels = data
    contents = []
    for run in ("first", "second"):
        outputs = {
            key: tmp_path / run / name
            for key, name in (
                ("counts", "c.csv"),
                ("pixels", "p.csv"),
                ("samples", "samples.png"),
                ("montage", "montage.png"),
                ("means", "means.svg"),
            )
        }
        args = argparse.Namespace(images=list(paths.values()), test_labels=tmp_path / "test_labels.h5", **outputs)
        inspect_images.main(args, {"style": "ticks", "seed": 0, **FRUIT})
        contents.append([path.read_bytes() for path in outputs.values()])
    assert contents[0] == contents[1]
    assert pd.read_csv(tmp_path / "first" / "c.csv")["n"].sum() == 49
    figure = inspection.draw_examples(paths["train"], labels["train"], display_names(description, FRUIT), seed=0)
    assert any("generated images" in text.get_text() for text in figure.texts)
    drawing.save(figure, tmp_path / "figure.png")


def test_a_picture_holds_its_images_pixel_by_pixel():
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    picture = montage.beside(images)
    assert picture.shape == (4, 9, 3)
    np.testing.assert_array_equal(picture[:, :4, 1], images[0, ..., 0])
    np.testing.assert_array_equal(picture[:, 5:, 2], images[1, ..., 0])
    assert (picture[:, 4] == 255).all()


def test_rows_of_different_length_and_a_header_fit_one_figure():
    rows = [("original and copies", np.zeros((3, 6, 6, 3), np.uint8)), ("$5 apples", np.zeros((1, 6, 6, 3), np.uint8))]
    figure = montage.montage_rows(rows, "Title", header=["original", "copy 1", "copy 2"])
    texts = [text.get_text() for text in figure.texts]
    assert {"Title", "original", "copy 2", "$5 apples"} <= set(texts)
    assert len(figure.axes) == len(rows)


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="whitegrid"), drawing.style("gridwhite"):
        pass


def test_a_figure_that_fails_to_save_leaves_nothing(tmp_path, monkeypatch):
    figure = montage.message("Nothing", "Title")

    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        drawing.save(figure, tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())
