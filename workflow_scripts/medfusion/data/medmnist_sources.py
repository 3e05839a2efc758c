"""What is published of where MedMNIST's images come from and who labelled them (Yang et al. 2023, and papers named)."""

from typing import NamedTuple


class Source(NamedTuple):
    """Where the images of a data set come from, and what its labels rest on; with the paper that says so."""

    images: str
    labels: str
    paper: str


KERMANY = "Kermany et al. 2018, Cell 172"
LIVER = "Bilic et al. 2023, Medical Image Analysis 84; Xu et al. 2019, IEEE TMI 38 (boxes around organs)"
ORGANS = Source(
    "slices of abdominal CT from the Liver Tumor Segmentation Benchmark, cropped to one organ each",
    "which organ a box was drawn around by other researchers",
    LIVER,
)
SOURCES = {
    "pathmnist": Source(
        "patches of stained sections of colorectal cancer and normal tissue; the test split from another centre",
        "tissue classes annotated by pathologists",
        "Kather et al. 2019, PLOS Medicine 16",
    ),
    "chestmnist": Source(
        "frontal chest X-rays of the NIH Clinical Center (ChestX-ray14)",
        "mined from radiology reports by a program: not read from the images again",
        "Wang et al. 2017, CVPR",
    ),
    "dermamnist": Source(
        "dermatoscopic images of pigmented lesions from two sites (HAM10000); several may show one lesion",
        "histopathology for more than half of the lesions, else follow-up, expert consensus or confocal microscopy",
        "Tschandl et al. 2018, Scientific Data 5",
    ),
    "octmnist": Source("optical coherence tomography of the retina", "graded in tiers by experts", KERMANY),
    "pneumoniamnist": Source(
        "chest X-rays of children of one hospital in Guangzhou",
        "two physicians; the test split checked by a third",
        KERMANY,
    ),
    "retinamnist": Source(
        "fundus photographs of the DeepDRiD challenge",
        "five grades of diabetic retinopathy by ophthalmologists",
        "Liu et al. 2022, Patterns 3",
    ),
    "breastmnist": Source(
        "breast ultrasound of 600 women of 25 to 75 years, from one hospital in Cairo (BUSI)",
        "radiologists; MedMNIST joins normal and benign, and patients are not named",
        "Al-Dhabyani et al. 2020, Data in Brief 28",
    ),
    "bloodmnist": Source(
        "single normal cells from peripheral blood smears of one hospital in Barcelona, of people without infection, "
        "hematologic or oncologic disease",
        "clinical pathologists",
        "Acevedo et al. 2020, Data in Brief 30",
    ),
    "tissuemnist": Source(
        "cells of human kidney cortex in fluorescence microscopy (BBBC051)",
        "segmented and classified in three dimensions",
        "Woloshuk et al. 2021, Cytometry Part A 99; Ljosa et al. 2012, Nature Methods 9",
    ),
    "organamnist": ORGANS,
    "organcmnist": ORGANS,
    "organsmnist": ORGANS,
}
