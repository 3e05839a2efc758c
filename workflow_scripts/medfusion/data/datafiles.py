"""What the data files are called and where users keep theirs; light, because the Snakefile reads it."""

from medfusion.tasks import BINARY, MULTI_CLASS, MULTI_LABEL, ORDINAL

# The environment variable that names a folder to look in before anything is downloaded.
FOLDER_VARIABLE = "MEDMNIST_DATA"

# What MedMNIST says of its 2-D data sets, for the Snakefile, which must not wait for the import of medmnist; a test
# holds the tables against it.
NAMES = {
    "pathmnist": "PathMNIST",
    "chestmnist": "ChestMNIST",
    "dermamnist": "DermaMNIST",
    "octmnist": "OCTMNIST",
    "pneumoniamnist": "PneumoniaMNIST",
    "retinamnist": "RetinaMNIST",
    "breastmnist": "BreastMNIST",
    "bloodmnist": "BloodMNIST",
    "tissuemnist": "TissueMNIST",
    "organamnist": "OrganAMNIST",
    "organcmnist": "OrganCMNIST",
    "organsmnist": "OrganSMNIST",
}
# Classes that exclude each other; of a multi-label task its labels.
CLASSES = {
    "pathmnist": 9,
    "chestmnist": 14,
    "dermamnist": 7,
    "octmnist": 4,
    "pneumoniamnist": 2,
    "retinamnist": 5,
    "breastmnist": 2,
    "bloodmnist": 8,
    "tissuemnist": 8,
    "organamnist": 11,
    "organcmnist": 11,
    "organsmnist": 11,
}
TASKS = {flag: BINARY if classes == 2 else MULTI_CLASS for flag, classes in CLASSES.items()} | {
    "chestmnist": MULTI_LABEL,
    "retinamnist": ORDINAL,
}
COUNTS = {
    "pathmnist": {"train": 89996, "val": 10004, "test": 7180},
    "chestmnist": {"train": 78468, "val": 11219, "test": 22433},
    "dermamnist": {"train": 7007, "val": 1003, "test": 2005},
    "octmnist": {"train": 97477, "val": 10832, "test": 1000},
    "pneumoniamnist": {"train": 4708, "val": 524, "test": 624},
    "retinamnist": {"train": 1080, "val": 120, "test": 400},
    "breastmnist": {"train": 546, "val": 78, "test": 156},
    "bloodmnist": {"train": 11959, "val": 1712, "test": 3421},
    "tissuemnist": {"train": 165466, "val": 23640, "test": 47280},
    "organamnist": {"train": 34561, "val": 6491, "test": 17778},
    "organcmnist": {"train": 12975, "val": 2392, "test": 8216},
    "organsmnist": {"train": 13932, "val": 2452, "test": 8827},
}


def file_name(flag: str, size: int, source: str) -> str:
    """The file name of a data set, as MedMNIST writes it; a surrogate file says so.

    >>> file_name("bloodmnist", 64, "official"), file_name("bloodmnist", 28, "surrogate")
    ('bloodmnist_64.npz', 'bloodmnist_surrogate.npz')
    """
    suffix = "" if size == 28 else f"_{size}"
    return f"{flag}{suffix}{'_surrogate' if source == 'surrogate' else ''}.npz"
