"""Tests of pictures that anybody may hand in: what is taken, as what, and what is refused with which words."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from medfusion.data import pictures
from medfusion.data.pictures import Form
from medfusion.data.preprocessing import crop_box, described
from medfusion.errors import UserError
from medfusion.package import inputs

GREY, COLOUR = Form("breastmnist", 28, 1), Form("bloodmnist", 28, 3)
RNG = np.random.default_rng(0)


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def png(values, **options):
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG", **options)
    return stream.getvalue()


def huge_png(side):
    """A PNG of side × side white pixels in a few hundred kB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def animated(kind, **options):
    stream = io.BytesIO()
    frames = [Image.fromarray(noise(30, 30, 3)) for _ in range(3)]
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], **options)
    return stream.getvalue()


def jpeg(values, mode=None, **options):
    stream = io.BytesIO()
    picture = Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(stream, "JPEG", **options)
    return stream.getvalue()


HOSTILE = {
    "truncated.jpg": (jpeg(noise(200, 200, 3))[:4000], "damaged .Premature end of JPEG file"),
    "truncated.png": (png(noise(200, 200, 3))[:4000], "cut short"),
    "huge.png": (huge_png(10_000), r"10000 × 10000 pixels; expected at most 64,000,000"),
    "vast.png": (huge_png(20_000), "more than 64,000,000 pixels"),
    "text.png": (b"I am no picture.\n" * 99, "no picture that can be read, whatever its name says"),
    "empty.png": (b"", "an empty file"),
    "animated.gif": (animated("GIF"), "GIF; expected PNG or JPEG"),
    "animated.png": (animated("PNG"), "animated, 3 pictures"),
    "still.webp": (animated("WEBP", lossless=True), "WEBP; expected PNG or JPEG"),
    "alpha.png": (png(noise(30, 30, 4)), "has transparent pixels"),
    "header only.png": (png(noise(30, 30))[:33], "no picture that can be read"),
    "wrong crc.png": (png(noise(90, 90, 3)).replace(b"IDAT", b"IDAX", 1), "no picture that can be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_or_too_much_is_refused_in_a_line(tmp_path, name, recwarn):
    content, words = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        pictures.read(tmp_path / name, COLOUR)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
    assert not recwarn.list, "one line, and no warning of Pillow's beside it"


def test_what_is_no_file_is_refused(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.png")
    for name, words in (("none.png", "there is no such file"), ("pipe.png", "not a file"), (".", "not a file")):
        with pytest.raises(UserError, match=words):
            pictures.read(tmp_path / name, GREY)


def read(tmp_path, content, form):
    (tmp_path / "picture").write_bytes(content)
    return pictures.read(tmp_path / "picture", form)


@pytest.mark.parametrize(("form", "shape"), [(GREY, (28, 28)), (COLOUR, (28, 28, 3))])
def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path, form, shape):
    values = noise(*shape)
    found = read(tmp_path, png(values), form)
    np.testing.assert_array_equal(found.image, values.reshape(28, 28, form.channels))
    assert found.notes == ()


def test_opaque_alpha_is_dropped(tmp_path):
    values = noise(28, 28, 4)
    values[..., 3] = 255
    np.testing.assert_array_equal(read(tmp_path, png(values), COLOUR).image, values[..., :3])


def test_a_palette_is_looked_up(tmp_path):
    picture = Image.fromarray(noise(28, 28, 3)).quantize(16)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    np.testing.assert_array_equal(read(tmp_path, stream.getvalue(), COLOUR).image, np.asarray(picture.convert("RGB")))


def test_16_bits_are_scaled(tmp_path):
    values = noise(28, 28, dtype=np.uint16)
    values[0, :2] = 0, 65535
    found = read(tmp_path, png(values), GREY)
    np.testing.assert_array_equal(found.image[..., 0], np.rint(values / 257))
    assert "16 bits scaled to 8" in found.notes


def test_cmyk_becomes_colour(tmp_path):
    values = np.full((40, 40, 3), (200, 30, 90), np.uint8)
    found = read(tmp_path, jpeg(values, "CMYK", quality=100), COLOUR)
    assert np.abs(found.image.astype(int) - (200, 30, 90)).max() <= 6
    assert "CMYK converted" in found.notes
    grey = read(tmp_path, jpeg(values, "CMYK", quality=100), GREY)
    luma = 0.299 * 200 + 0.587 * 30 + 0.114 * 90
    assert np.abs(grey.image.astype(float) - luma).max() <= 6


def test_colour_and_grey_become_each_other_and_say_so(tmp_path):
    colour = read(tmp_path, png(np.full((28, 28, 3), (10, 200, 60), np.uint8)), GREY)
    assert np.unique(colour.image).tolist() == [round(0.299 * 10 + 0.587 * 200 + 0.114 * 60)]
    assert colour.notes == ("colour turned to grey",)
    values = noise(28, 28)
    grey = read(tmp_path, png(values), COLOUR)
    np.testing.assert_array_equal(grey.image, np.repeat(values[..., None], 3, axis=2))
    assert grey.notes == ("grey: no colour to go by",)
    same = read(tmp_path, png(np.repeat(values[..., None], 3, axis=2)), GREY)
    np.testing.assert_array_equal(same.image[..., 0], values)
    assert same.notes == ()


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_pictures_are_turned_upright(tmp_path, orientation):
    values = noise(28, 28)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {3: 2, 6: 3, 8: 1}[orientation]
    found = read(tmp_path, png(values, exif=exif), GREY)
    np.testing.assert_array_equal(found.image[..., 0], np.rot90(values, turns))
    assert "turned upright" in found.notes


def test_the_middle_square_is_resized(tmp_path):
    values = np.zeros((56, 80), np.uint8)
    values[:, 12:68] = 100  # the middle 56 columns
    found = read(tmp_path, png(values), GREY)
    assert (found.image == 100).all()
    assert found.notes == ("cropped to its middle 56 × 56",)


def test_resizing_averages_over_what_a_pixel_covers(tmp_path):
    checks = np.indices((280, 280)).sum(axis=0) % 2 * 255
    found = read(tmp_path, png(checks.astype(np.uint8)), GREY).image
    assert np.abs(found.astype(int) - 127.5).max() < 3


def test_a_small_picture_is_enlarged_and_says_so(tmp_path):
    assert "enlarged: smaller than what the networks saw" in read(tmp_path, png(noise(5, 5)), GREY).notes


def test_source_pictures_of_blood_are_cropped_as_medmnist_did():
    assert crop_box(360, 363, "bloodmnist") == (80, 81, 280, 281)
    assert crop_box(360, 363, "breastmnist") == (0, 1, 360, 361)
    assert any("middle 200 × 200" in sentence for sentence in described("bloodmnist", 28, 3, None))


# -- folders and .npz files -------------------------------------------------------------------------------------------


def names(paths, form=COLOUR):
    said = []
    found = list(inputs.items([str(path) for path in paths], form, said.append))
    return [item.name for item in found if item.image is not None], [item for item in found if item.refusal], said


def test_a_hostile_folder_is_gone_through_to_its_end(tmp_path):
    for name, (content, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "zz").mkdir()
    (tmp_path / "zz/sound.JPG").write_bytes(jpeg(noise(90, 60, 3)))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture")
    sound, refused, said = names([tmp_path])
    assert sound == [str(tmp_path / "zz/sound.JPG")]
    assert sorted(item.name for item in refused) == sorted(str(tmp_path / name) for name in HOSTILE)
    assert said == [
        f"{tmp_path}: passed over: 1 files that are no pictures by their names; 1 leftovers of other systems and "
        "hidden names (1 '.hidden.png')"
    ]


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    sound, refused, _ = names([tmp_path])
    assert sound == [] and "a folder without pictures" in refused[0].refusal


def test_images_of_an_npz_file_are_taken_by_their_index(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "BLOCK", 5000)  # two images at once
    images = noise(5, 28, 28, 3)
    np.savez_compressed(tmp_path / "x.npz", train_images=images[:1], test_images=images)
    found = list(inputs.items([str(tmp_path / "x.npz")], COLOUR, print))
    assert [item.name for item in found] == [f"{tmp_path}/x.npz[{n}]" for n in range(5)]
    np.testing.assert_array_equal(np.stack([item.image for item in found]), images)
    np.savez(tmp_path / "grey.npz", images=noise(2, 60, 60), test_images=images)
    assert [item.notes for item in inputs.items([str(tmp_path / "grey.npz")], GREY, print)] == [(), ()]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"pixels": noise(2, 28, 28)}, "holds no array images or test_images"),
        ({"images": np.array([{}], dtype=object)}, "Python objects"),
        ({"images": noise(2, 28, 28).astype(float)}, "expected uint8"),
        ({"images": noise(2, 28, 28, 4)}, "expected uint8"),
        ({"images": np.asfortranarray(noise(2, 28, 28))}, "row by row"),
    ],
)
def test_an_npz_file_without_images_is_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    sound, refused, _ = names([tmp_path / "x.npz"])
    assert sound == [] and words in refused[0].refusal


def test_a_damaged_npz_file_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK no zip")
    assert "not a readable .npz file" in names([tmp_path / "x.npz"])[1][0].refusal
    assert "there is no such file" in names([tmp_path / "none.npz"])[1][0].refusal


def test_batches_hold_everything_in_order():
    assert list(inputs.batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(inputs.batches(iter([]), 3)) == []
