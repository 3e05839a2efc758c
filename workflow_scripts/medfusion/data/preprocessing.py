"""How a picture of any size becomes an image like those that the networks were trained on.

What MedMNIST did with the pictures of its sources is taken from the descriptions in `medmnist.INFO`: those of
BreastMNIST were resized, those of BloodMNIST, 360 × 363 pixels, first cropped to their middle, 200 × 200. Nothing is
said there of how pixels were interpolated; here it is bicubic, over all pixels that an output pixel covers (Pillow's).
"""

# By data set: the size in pixels (width, height) of its source's own pictures, and the side of the middle that MedMNIST
# cut out of them.
SOURCE_CROPS = {"bloodmnist": ({(360, 363), (363, 360)}, 200)}


def crop_box(width: int, height: int, flag: str) -> tuple[int, int, int, int]:
    """The part of a picture that is used: its middle square, of the shorter side or as MedMNIST cut it out.

    Parameters
    ----------
    width, height : of the picture in pixels
    flag : MedMNIST's name of the data set

    Returns
    -------
    left, upper, right, lower : in pixels, the last two excluded

    >>> crop_box(500, 400, "breastmnist"), crop_box(360, 363, "bloodmnist")
    ((50, 0, 450, 400), (80, 81, 280, 281))
    """
    sizes, side = SOURCE_CROPS.get(flag, (set(), 0))
    if (width, height) not in sizes:
        side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def described(flag: str, size: int, channels: int, bits: int | None) -> list[str]:
    """What `predict` does with a picture, in sentences."""
    if bits in (None, 16):
        deep = "16 bits a pixel are divided by 257"
    else:
        deep = f"Of 16 bits a pixel the lowest {bits} hold values, 0 to {2**bits - 1}, which are scaled to 0 to 255"
    sentences = [
        "PNG or JPEG, turned upright as its EXIF data say; one still picture without transparent pixels.",
        f"{deep}; other numbers of bits, palettes and CMYK become 8-bit "
        f"{'RGB' if channels == 3 else 'grey (ITU-R 601 luma)'}.",
    ]
    sentences.append("A grey picture gets three equal channels." if channels == 3 else "Colour becomes grey.")
    if flag in SOURCE_CROPS:
        sides, side = SOURCE_CROPS[flag]
        width, height = min(sides)
        sentences.append(
            f"A picture of {width} × {height} pixels, as in the source of {flag}, is cropped to its middle "
            f"{side} × {side}, as MedMNIST did; any other to its middle square."
        )
    else:
        sentences.append("It is cropped to its middle square.")
    sentences.append(
        f"Then it is resized to {size} × {size}, bicubic, averaging over what a pixel covers; a picture of that size "
        f"is taken as it is.{' How MedMNIST interpolated is not said in its package: this is assumed.' if flag else ''}"
    )
    return sentences
