"""What a figure says of the prepared splits that it was drawn from."""

from collections.abc import Sequence

from medfusion.files.hdf5 import open_hdf5
from medfusion.files.images import Description
from medfusion.naming import data_name


def data_line(name: str, paths: Sequence[str]) -> str:
    """The name of a data set, and of each of its prepared splits its number of images.

    Parameters
    ----------
    name : what the configuration calls the data set
    paths : prepared splits of one data set
    """
    parts = []
    for path in paths:
        with open_hdf5(path) as file:
            generated = Description.of(file.attrs).generated
            parts.append(f"{file.attrs['split']} n = {len(file['images']):,}")
    return " · ".join([data_name(name, generated), *parts])
