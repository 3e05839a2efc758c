"""Tests of the galleries of single test images: what they show and say, nothing to show, sizes."""

import struct

import matplotlib.pyplot as plt
import numpy as np
import pytest
from synthetic import maps, selection

from medfusion.figures import drawing, example_figures
from medfusion.naming import DisplayNames

SHOWN = DisplayNames("Own images", ("malignant", "normal, benign"))
NOTHING = {"errors": [], "confused": [], "wrong": 0}


@pytest.fixture(autouse=True)
def _style():
    with drawing.style("whitegrid"):
        yield
    plt.close("all")


def pictures(side=28, channels=1, indices=range(5)):
    rng = np.random.default_rng(0)
    return {index: rng.integers(0, 256, (side, side, channels), dtype=np.uint8) for index in indices}


def texts(figure):
    return [text.get_text() for text in figure.texts]


def flat(figure):
    return " ".join(" ".join(texts(figure)).split())


def size(path):
    return struct.unpack(">II", path.read_bytes()[16:24])


def drawn(examples, display=SHOWN, side=28, channels=1):
    images = pictures(side, channels)
    return {
        "errors": example_figures.errors(examples, images, display),
        "confused": example_figures.confused(examples, images, display),
        "disagreements": example_figures.disagreements(examples, images, display),
        "saliency": example_figures.saliency(examples, images, maps(side), display),
    }


def test_galleries_say_what_the_images_are_and_what_they_were_taken_for():
    figures = drawn(selection())
    said = {kind: flat(figure) for kind, figure in figures.items()}
    assert "net/svm (seed 1), errors: all 2, test n = 5" in said["errors"]
    assert "malignant as normal, benign 0.95" in said["errors"]
    assert "malignant taken for normal, benign: 1 of 2 images" in said["confused"]
    assert "network right, SVM wrong: 1 image, fusion right on 1" in said["disagreements"]
    assert "SVM right, network wrong: no image" in said["disagreements"]
    assert "network 0.80: normal, benign SVM 0.80: malignant fusion 0.80: normal, benign" in said["disagreements"]
    assert "Grad-CAM on 4 × 4 positions" in said["saliency"] and "no right example" in said["saliency"]
    assert "hiding a part: −0.50 to +0.25" in said["saliency"]
    assert all("Own images" in words for words in said.values())
    assert [len(figure.axes) for figure in figures.values()] == [2, 2, 1, 5]  # the legend is one


def test_a_backbone_has_no_gradcam_beside_its_occlusion():
    images = pictures(28, 1)
    figure = example_figures.saliency(selection(), images, maps(gradcam=False), SHOWN)
    said = flat(figure)
    assert "From the left: test image, fall of probability where hidden" in said and "Grad-CAM" not in said
    assert "hiding a part: −0.50 to +0.25" in said
    whole = example_figures.saliency(selection(), images, maps(), SHOWN)
    assert len(figure.axes) == len(whole.axes)


def test_some_of_many_errors_are_said_to_be_some():
    figure = example_figures.errors({**selection(), "wrong": 1234}, pictures(), SHOWN)
    assert "the 2 most confident of 1,234" in flat(figure)


def test_red_is_what_the_fusion_gets_wrong():
    examples = selection()
    figure = example_figures.disagreements(examples, pictures(), SHOWN)
    assert "firebrick" not in {text.get_color() for text in figure.texts}
    examples["disagreements"]["network_right"][0]["fusion"]["predicted"] = 0
    figure = example_figures.disagreements(examples, pictures(), SHOWN)
    assert "firebrick" in {text.get_color() for text in figure.texts}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        (NOTHING, "errors", "No errors: net/svm (seed 1) is right on all 5 test images."),
        (NOTHING, "confused", "No errors"),
        ({"disagreements": None}, "disagreements", "There is no SVM to compare the network with."),
        ({"disagreements": "none"}, "disagreements", "Network and SVM are right on the same images"),
    ],
)
def test_nothing_to_show_is_a_figure_that_says_so(changes, kind, words, tmp_path):
    examples = selection()
    if changes.get("disagreements") == "none":
        changes = {"disagreements": {**examples["disagreements"], "network_right": []}}
    figure = drawn({**examples, **changes})[kind]
    assert words in flat(figure) and not figure.axes
    drawing.save(figure, tmp_path / "a.png")
    assert size(tmp_path / "a.png")[0] >= 760


def test_a_model_without_a_fusion_shows_two_opinions():
    examples = selection()
    examples["studied"]["fusion"] = None
    for row in examples["disagreements"]["table"]:
        row["fusion"] = None
    examples["disagreements"]["network_right"][0]["fusion"] = None
    assert "fusion" not in flat(example_figures.disagreements(examples, pictures(), SHOWN))


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (28, 3), (64, 3), (100, 1), (224, 3)])
def test_images_of_any_size_are_drawn_at_a_sensible_one(side, channels, tmp_path):
    for kind, figure in drawn(selection(), side=side, channels=channels).items():
        drawing.save(figure, tmp_path / f"{kind}.png")
        width, height = size(tmp_path / f"{kind}.png")
        assert 700 < width < 1300 and height < 1300


def test_a_dot_of_an_image_of_28_is_a_square_of_whole_dots():
    image = np.zeros((28, 28, 1), np.uint8)
    image[3, 4] = 255
    enlarged = example_figures.overlay(image, None)
    assert enlarged.shape == (112, 112, 3)
    assert (enlarged[12:16, 16:20] == 255).all() and enlarged.astype(int).sum() == 16 * 3 * 255


def test_a_map_keeps_its_own_positions_and_negative_values_are_as_none():
    image = np.full((28, 28, 1), 100, np.uint8)
    values = np.array([[2.0, 0.0], [-5.0, 1.0]])
    over = example_figures.overlay(image, values)
    corners = [over[:56, :56], over[:56, 56:], over[56:, :56], over[56:, 56:]]
    assert all((part == part[0, 0]).all() for part in corners)
    highest, nothing, negative, half = (part[0, 0].tolist() for part in corners)
    assert nothing == negative != half != highest
    # viridis ends in (253, 231, 36); 0.6 of it and 0.4 of the grey
    assert highest == [round(0.6 * part + 40) for part in (253, 231, 36)]
    assert (
        example_figures.overlay(image, values, least=4) == example_figures.overlay(image, values / 2, least=2)
    ).all()
    assert example_figures.overlay(image, values, least=4)[0, 0].tolist() == half
    assert (example_figures.overlay(image, np.zeros((2, 2))) == nothing).all()


def test_long_names_of_classes_are_wrapped_and_eight_classes_stay_small(tmp_path):
    names = tuple(f"class {number} {'of a long name ' * 3}and{'x' * 40}" for number in range(8))
    rng = np.random.default_rng(0)
    images = {index: rng.integers(0, 256, (28, 28, 3), dtype=np.uint8) for index in range(18)}

    def example(index, predicted):
        return {"index": index, "true": index % 8, "predicted": predicted, "probability": 0.5}

    examples = selection() | {"errors": [example(index, (index + 1) % 8) for index in range(18)], "wrong": 18}
    figure = example_figures.errors(examples, images, DisplayNames("Own images", names))
    assert max(len(line) for text in figure.texts for line in text.get_text().splitlines()) < 70
    captions = [text.get_text() for text in figure.texts[1:]]
    assert max(len(line) for text in captions for line in text.splitlines()) <= 16
    drawing.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 400_000  # of noise, which is the most that images can take


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        drawing.save(drawn(selection())["saliency"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
