"""A network of keras.applications without its classes, pretrained or not; the mean over places gives the features.

application : its name, such as EfficientNetV2B0
weights : what it starts from: "imagenet", a file, or None for random ones
sha256 : of that file; None: not checked
input_size : pixels a side that it sees, enlarged from those of the images; None for the images' own
fine_tune : what is trained after the new last layer (`training.phases`); None: nothing of a pretrained network, and all
    of one with random weights at once
pretrained_on : for page and model card; None for what `weights` says
"""

from typing import Any

OPTIONS = {
    "application": None,
    "weights": "imagenet",
    "sha256": None,
    "input_size": None,
    "fine_tune": None,
    "dropout": 0.2,
    "pretrained_on": None,
}
LAYERS: list[str] = []


def network(images: Any, options: dict[str, Any], blocks: Any) -> Any:
    x = blocks.enlarged(images, options["input_size"])
    x = blocks.application(x, options["application"], options.get("file"), options["sha256"])
    x = blocks.layers.GlobalAveragePooling2D(name="features")(x)
    return blocks.layers.Dropout(options["dropout"])(x)
