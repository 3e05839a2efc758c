"""What MedMNIST-C is made of: the corruptions of each data set with their severities, and how an AlexNet fared.

Figures of Di Salvo, Doerrich & Ledig (2024), MedMNIST-C: Comprehensive benchmark and improved classifier robustness by
simulating realistic image corruptions (arXiv:2406.17536), as its package medmnistc 0.1.0 (Apache-2.0) has them in
corruptions/registry.py and utils/baselines.py. The package itself is not used: it imports torch, torchvision and Wand,
which needs ImageMagick's headers, in every module that corrupts; `data.corruptions` computes the same from NumPy,
OpenCV and Pillow.
"""

from typing import Any

SEVERITIES = (1, 2, 3, 4, 5)
SIDE = 224  # pixels a side of the images that severities are meant for

# What a severity's number, or pair of numbers, means is said where it is used, in `data.corruptions`.
Severities = list[Any]

_ORGANS: dict[str, Severities] = {
    "pixelate": [0.7, 0.6, 0.5, 0.4, 0.35],
    "jpeg_compression": [50, 30, 15, 10, 7],
    "gaussian_noise": [0.04, 0.08, 0.12, 0.16, 0.2],
    "speckle_noise": [0.05, 0.1, 0.2, 0.3, 0.4],
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.08],
    "shot_noise": [200, 100, 50, 25, 15],
    "gaussian_blur": [11, 13, 15, 17, 21],
    "brightness_up": [1.2, 1.3, 1.4, 1.5, 1.6],
    "brightness_down": [0.8, 0.75, 0.7, 0.65, 0.6],
    "contrast_up": [1.3, 1.4, 1.6, 1.7, 1.8],
    "contrast_down": [0.8, 0.7, 0.6, 0.55, 0.5],
    "gamma_corr_up": [1.3, 1.4, 1.6, 1.8, 2],
    "gamma_corr_down": [0.9, 0.8, 0.7, 0.6, 0.4],
}

CORRUPTIONS: dict[str, dict[str, Severities]] = {
    "pathmnist": {
        "pixelate": [0.8, 0.6, 0.4, 0.3, 0.25],
        "jpeg_compression": [50, 30, 15, 10, 7],
        "defocus_blur": [(3, 0.1), (4, 0.1), (5, 0.2), (6, 0.2), (7, 0.3)],
        "motion_blur": [(5, 5), (10, 5), (15, 5), (15, 8), (15, 12)],
        "brightness_up": [1.1, 1.15, 1.2, 1.22, 1.25],
        "brightness_down": [0.85, 0.8, 0.75, 0.72, 0.7],
        "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "contrast_down": [0.8, 0.7, 0.6, 0.55, 0.5],
        "saturate": [0.05, 0.1, 0.15, 0.2, 0.25],
        "stain_deposit": [(1, 24), (2, 24), (3, 24), (4, 24), (5, 32)],
        "bubble": [(7, 15), (10, 15), (12, 15), (15, 20), (17, 25)],
    },
    "bloodmnist": {
        "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
        "jpeg_compression": [50, 30, 15, 10, 7],
        "defocus_blur": [(2, 0.01), (3, 0.1), (4, 0.1), (5, 0.1), (6, 0.1)],
        "motion_blur": [(3, 3), (5, 5), (10, 5), (10, 7), (10, 9)],
        "brightness_up": [1.1, 1.2, 1.3, 1.35, 1.4],
        "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "contrast_up": [1.1, 1.15, 1.2, 1.25, 1.3],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "saturate": [0.05, 0.1, 0.15, 0.17, 0.2],
        "stain_deposit": [(1, 24), (2, 24), (3, 24), (3, 24), (3, 32)],
        "bubble": [(5, 10), (7, 10), (10, 10), (12, 12), (15, 12)],
    },
    "dermamnist": {
        "pixelate": [0.7, 0.5, 0.4, 0.3, 0.25],
        "jpeg_compression": [30, 20, 15, 10, 7],
        "gaussian_noise": [0.04, 0.08, 0.12, 0.18, 0.26],
        "speckle_noise": [0.05, 0.15, 0.2, 0.35, 0.45],
        "impulse_noise": [0.01, 0.03, 0.06, 0.09, 0.17],
        "shot_noise": [60, 25, 18, 10, 5],
        "defocus_blur": [(4, 0.1), (5, 0.2), (6, 0.3), (7, 0.4), (8, 0.5)],
        "motion_blur": [(10, 5), (15, 5), (15, 8), (15, 12), (20, 15)],
        "zoom_blur": [(1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)],
        "brightness_up": [1.1, 1.2, 1.3, 1.4, 1.5],
        "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "contrast_down": [0.8, 0.7, 0.6, 0.5, 0.4],
        "black_corner": [1.1, 1.05, 1, 0.9, 0.95],
        "characters": [(1, 6, 0.14), (2, 7, 0.15), (3, 8, 0.16), (4, 9, 0.17), (6, 10, 0.18)],
    },
    "retinamnist": {
        "pixelate": [0.8, 0.6, 0.5, 0.4, 0.35],
        "jpeg_compression": [30, 25, 20, 10, 5],
        "gaussian_noise": [0.04, 0.08, 0.12, 0.16, 0.2],
        "speckle_noise": [0.1, 0.15, 0.2, 0.25, 0.3],
        "defocus_blur": [(4, 0.1), (5, 0.2), (6, 0.3), (7, 0.4), (8, 0.5)],
        "motion_blur": [(8, 5), (15, 5), (15, 8), (15, 12), (20, 15)],
        "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
    },
    "tissuemnist": {
        "pixelate": [0.4, 0.3, 0.2, 0.15, 0.1],
        "jpeg_compression": [25, 20, 15, 10, 7],
        "impulse_noise": [0.01, 0.015, 0.02, 0.025, 0.03],
        "gaussian_blur": [13, 15, 17, 21, 25],
        "brightness_up": [1.3, 1.4, 1.5, 1.6, 1.7],
        "brightness_down": [0.8, 0.7, 0.6, 0.5, 0.4],
        "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
    },
    "octmnist": {
        "pixelate": [0.3, 0.25, 0.2, 0.15, 0.1],
        "jpeg_compression": [30, 15, 10, 7, 5],
        "speckle_noise": [0.15, 0.3, 0.4, 0.5, 0.6],
        "defocus_blur": [(0.5, 0.6), (1, 0.5), (1.5, 0.1), (2, 0.5), (2.5, 0.1)],
        "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
        "contrast_down": [0.6, 0.4, 0.3, 0.2, 0.15],
    },
    "breastmnist": {
        "pixelate": [0.3, 0.25, 0.2, 0.15, 0.1],
        "jpeg_compression": [50, 30, 15, 10, 7],
        "speckle_noise": [0.1, 0.15, 0.2, 0.25, 0.3],
        "motion_blur": [(5, 5), (9, 7), (9, 10), (13, 10), (17, 12)],
        "brightness_up": [1.4, 1.5, 1.6, 1.8, 2],
        "brightness_down": [0.55, 0.5, 0.45, 0.4, 0.3],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
    },
    "chestmnist": {
        "pixelate": [0.3, 0.25, 0.2, 0.15, 0.1],
        "jpeg_compression": [50, 30, 15, 10, 7],
        "gaussian_noise": [0.04, 0.08, 0.12, 0.18, 0.26],
        "speckle_noise": [0.05, 0.15, 0.2, 0.35, 0.45],
        "impulse_noise": [0.01, 0.03, 0.06, 0.09, 0.17],
        "shot_noise": [60, 25, 18, 10, 5],
        "gaussian_blur": [3, 5, 7, 9, 11],
        "brightness_up": [1.1, 1.2, 1.3, 1.4, 1.5],
        "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
        "gamma_corr_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "gamma_corr_down": [0.9, 0.8, 0.7, 0.6, 0.4],
    },
    "pneumoniamnist": {
        "pixelate": [0.8, 0.7, 0.6, 0.5, 0.4],
        "jpeg_compression": [50, 30, 15, 10, 7],
        "gaussian_noise": [0.04, 0.05, 0.06, 0.07, 0.08],
        "speckle_noise": [0.05, 0.07, 0.1, 0.15, 0.2],
        "impulse_noise": [0.005, 0.01, 0.013, 0.017, 0.02],
        "shot_noise": [300, 200, 150, 100, 80],
        "gaussian_blur": [3, 5, 7, 9, 11],
        "brightness_up": [1.1, 1.2, 1.3, 1.4, 1.5],
        "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
        "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
        "gamma_corr_up": [1.1, 1.2, 1.3, 1.4, 1.6],
        "gamma_corr_down": [0.9, 0.8, 0.7, 0.6, 0.4],
    },
    **dict.fromkeys(("organamnist", "organcmnist", "organsmnist"), _ORGANS),
}

# For images that are none of MedMNIST's: what most of its sets have in common, by severities that several of them have.
GENERAL: dict[str, Severities] = {
    "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
    "jpeg_compression": [50, 30, 15, 10, 7],
    "gaussian_noise": [0.04, 0.08, 0.12, 0.16, 0.2],
    "defocus_blur": [(3, 0.1), (4, 0.1), (5, 0.2), (6, 0.2), (7, 0.3)],
    "motion_blur": [(5, 5), (10, 5), (15, 5), (15, 8), (15, 12)],
    "brightness_up": [1.1, 1.2, 1.3, 1.4, 1.5],
    "brightness_down": [0.9, 0.8, 0.7, 0.6, 0.5],
    "contrast_up": [1.1, 1.2, 1.3, 1.4, 1.6],
    "contrast_down": [0.9, 0.8, 0.7, 0.6, 0.4],
}

CLEAN = "clean"  # images as they are
# The balanced error of an AlexNet trained and tested at 224 px: on clean images, and of each corruption the mean over
# its five severities.
ALEXNET: dict[str, dict[str, float]] = {
    "pathmnist": {
        CLEAN: 0.0884,
        "pixelate": 0.2093,
        "jpeg_compression": 0.2471,
        "defocus_blur": 0.4621,
        "motion_blur": 0.3689,
        "brightness_up": 0.4155,
        "brightness_down": 0.2812,
        "contrast_up": 0.2339,
        "contrast_down": 0.1372,
        "saturate": 0.3341,
        "stain_deposit": 0.2493,
        "bubble": 0.1082,
    },
    "bloodmnist": {
        CLEAN: 0.0184,
        "pixelate": 0.0598,
        "jpeg_compression": 0.1398,
        "defocus_blur": 0.2240,
        "motion_blur": 0.1845,
        "brightness_up": 0.0695,
        "brightness_down": 0.0790,
        "contrast_up": 0.0522,
        "contrast_down": 0.0797,
        "saturate": 0.0348,
        "stain_deposit": 0.1854,
        "bubble": 0.1290,
    },
    "dermamnist": {
        CLEAN: 0.3986,
        "pixelate": 0.5105,
        "jpeg_compression": 0.4772,
        "gaussian_noise": 0.7702,
        "speckle_noise": 0.7689,
        "impulse_noise": 0.7996,
        "shot_noise": 0.8392,
        "defocus_blur": 0.7008,
        "motion_blur": 0.6266,
        "zoom_blur": 0.5278,
        "brightness_up": 0.4474,
        "brightness_down": 0.5773,
        "contrast_up": 0.4304,
        "contrast_down": 0.5398,
        "black_corner": 0.7591,
        "characters": 0.4462,
    },
    "retinamnist": {
        CLEAN: 0.5582,
        "pixelate": 0.6017,
        "jpeg_compression": 0.6795,
        "gaussian_noise": 0.7041,
        "speckle_noise": 0.6135,
        "defocus_blur": 0.6883,
        "motion_blur": 0.7076,
        "brightness_down": 0.5845,
        "contrast_down": 0.6093,
    },
    "tissuemnist": {
        CLEAN: 0.3918,
        "pixelate": 0.4927,
        "jpeg_compression": 0.5081,
        "impulse_noise": 0.7971,
        "gaussian_blur": 0.4805,
        "brightness_up": 0.4618,
        "brightness_down": 0.5198,
        "contrast_up": 0.5026,
        "contrast_down": 0.5369,
    },
    "octmnist": {
        CLEAN: 0.2020,
        "pixelate": 0.3124,
        "jpeg_compression": 0.2964,
        "speckle_noise": 0.3860,
        "defocus_blur": 0.3084,
        "motion_blur": 0.4892,
        "contrast_down": 0.4196,
    },
    "breastmnist": {
        CLEAN: 0.1454,
        "pixelate": 0.4613,
        "jpeg_compression": 0.2986,
        "speckle_noise": 0.3871,
        "motion_blur": 0.2590,
        "brightness_up": 0.3198,
        "brightness_down": 0.2113,
        "contrast_down": 0.1586,
    },
    "chestmnist": {
        CLEAN: 0.2839,
        "pixelate": 0.4490,
        "jpeg_compression": 0.3458,
        "gaussian_noise": 0.4769,
        "speckle_noise": 0.4569,
        "impulse_noise": 0.4855,
        "shot_noise": 0.4927,
        "gaussian_blur": 0.3177,
        "brightness_up": 0.2994,
        "brightness_down": 0.2971,
        "contrast_up": 0.2875,
        "contrast_down": 0.2955,
        "gamma_corr_up": 0.2875,
        "gamma_corr_down": 0.2892,
    },
    "pneumoniamnist": {
        CLEAN: 0.1009,
        "pixelate": 0.2210,
        "jpeg_compression": 0.2798,
        "gaussian_noise": 0.4415,
        "speckle_noise": 0.3457,
        "impulse_noise": 0.4581,
        "shot_noise": 0.4107,
        "gaussian_blur": 0.2731,
        "brightness_up": 0.1465,
        "brightness_down": 0.2782,
        "contrast_up": 0.0953,
        "contrast_down": 0.2374,
        "gamma_corr_up": 0.0961,
        "gamma_corr_down": 0.1664,
    },
    "organamnist": {
        CLEAN: 0.0501,
        "pixelate": 0.0759,
        "jpeg_compression": 0.1023,
        "gaussian_noise": 0.5589,
        "speckle_noise": 0.5009,
        "impulse_noise": 0.6005,
        "shot_noise": 0.5705,
        "gaussian_blur": 0.2334,
        "brightness_up": 0.1476,
        "brightness_down": 0.2646,
        "contrast_up": 0.1098,
        "contrast_down": 0.1268,
        "gamma_corr_up": 0.1036,
        "gamma_corr_down": 0.1058,
    },
    "organcmnist": {
        CLEAN: 0.0760,
        "pixelate": 0.1216,
        "jpeg_compression": 0.1075,
        "gaussian_noise": 0.5737,
        "speckle_noise": 0.5131,
        "impulse_noise": 0.5998,
        "shot_noise": 0.5492,
        "gaussian_blur": 0.3169,
        "brightness_up": 0.1601,
        "brightness_down": 0.2324,
        "contrast_up": 0.0999,
        "contrast_down": 0.1533,
        "gamma_corr_up": 0.1426,
        "gamma_corr_down": 0.1239,
    },
    "organsmnist": {
        CLEAN: 0.2430,
        "pixelate": 0.3126,
        "jpeg_compression": 0.2700,
        "gaussian_noise": 0.5889,
        "speckle_noise": 0.5450,
        "impulse_noise": 0.6010,
        "shot_noise": 0.5519,
        "gaussian_blur": 0.4467,
        "brightness_up": 0.3599,
        "brightness_down": 0.3593,
        "contrast_up": 0.2872,
        "contrast_down": 0.3128,
        "gamma_corr_up": 0.3025,
        "gamma_corr_down": 0.3116,
    },
}


def corruptions(flag: str | None) -> dict[str, Severities]:
    """The corruptions of a data set by name, each with its five severities, the mildest first.

    Parameters
    ----------
    flag : MedMNIST's name of the data set; None for images of one's own

    >>> list(corruptions("breastmnist"))[:3], len(corruptions(None))
    (['pixelate', 'jpeg_compression', 'speckle_noise'], 9)
    """
    return CORRUPTIONS[flag] if flag else GENERAL


def other_corruptions(flag: str | None) -> dict[str, Severities]:
    """The corruptions that a data set is not tried with, each with its severities for the first set that has it.

    >>> list(other_corruptions("bloodmnist"))[:3]
    ['gaussian_noise', 'speckle_noise', 'impulse_noise']
    """
    own = corruptions(flag)
    every = {name: levels for of in reversed(CORRUPTIONS.values()) for name, levels in of.items()}
    ordered = {name: every[name] for of in CORRUPTIONS.values() for name in of}
    return {name: levels for name, levels in ordered.items() if name not in own}
