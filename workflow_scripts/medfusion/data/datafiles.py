"""What the data files are called and where users keep theirs; light, because the Snakefile reads it."""

# The environment variable that names a folder to look in before anything is downloaded.
FOLDER_VARIABLE = "MEDMNIST_DATA"

# Classes, names and images of each data set, for the Snakefile, which must not wait for the import of medmnist; a test
# holds them against it.
CLASSES = {"breastmnist": 2, "bloodmnist": 8}
NAMES = {"breastmnist": "BreastMNIST", "bloodmnist": "BloodMNIST"}
COUNTS = {
    "breastmnist": {"train": 546, "val": 78, "test": 156},
    "bloodmnist": {"train": 11959, "val": 1712, "test": 3421},
}


def file_name(flag: str, size: int, source: str) -> str:
    """The file name of a data set, as MedMNIST writes it; a surrogate file says so.

    >>> file_name("bloodmnist", 64, "official"), file_name("bloodmnist", 28, "surrogate")
    ('bloodmnist_64.npz', 'bloodmnist_surrogate.npz')
    """
    suffix = "" if size == 28 else f"_{size}"
    return f"{flag}{suffix}{'_surrogate' if source == 'surrogate' else ''}.npz"
