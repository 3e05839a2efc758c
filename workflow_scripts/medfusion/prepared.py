"""What a figure says of the prepared splits that it was drawn from."""

from collections.abc import Sequence

from medfusion.artifacts import open_hdf5
from medfusion.images import Description
from medfusion.naming import described_name


def data_line(paths: Sequence[str]) -> str:
    """The name of a data set, and of each of its prepared splits its number of images.

    Parameters
    ----------
    paths : prepared splits of one data set
    """
    parts = []
    for path in paths:
        with open_hdf5(path) as file:
            name = described_name(Description.of(file.attrs))
            parts.append(f"{file.attrs['split']} n = {len(file['images']):,}")
    return " · ".join([name, *parts])
