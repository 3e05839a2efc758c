"""The sections on networks: how they are built, trained and seen by classifiers."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from medfusion.learning.architectures.registry import OPTIONS
from medfusion.learning.keras_applications import APPLICATIONS, FORMATS, IMAGENET
from medfusion.planning import backbones
from medfusion.planning.config_models.common import (
    Distinct,
    NotEmpty,
    Section,
    Sha256,
    Share,
    SomeDistinct,
    T,
    Text,
    Whole,
    key,
    optional,
)
from medfusion.planning.config_values import hint

KERAS = "keras_application"
ARCHITECTURES = [*OPTIONS, backbones.ARCHITECTURE]
Symmetry = Literal["horizontal_flip", "vertical_flip", "transpose"]
Angle = Annotated[float, Field(ge=0, le=180)]
View = Literal["horizontal_flip", "vertical_flip", "transpose", "shifts"]
ClassWeight = Literal["balanced", None]
PerChannel = Annotated[list[T], Field(min_length=1, max_length=3)]
Positive = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(gt=0, le=1000)]
Width = Annotated[int, Field(ge=2, le=4096)]
Stride = Annotated[int, Field(ge=1, le=16)]


class Affine(Section):
    rotation: Angle = key("± degrees")
    scale: Share = key("± share")


class EarlyStopping(Section):
    patience: int = key("epochs without a better validation loss", ge=1)


class ReduceLr(Section):
    factor: float = key("by which the learning rate is multiplied", gt=0, lt=1)
    patience: int = key("epochs without a better validation loss", ge=1)


class Training(Section):
    images: Literal["augmented", "original", "both"] = optional("what an epoch draws from; both: in turn")
    original_epochs: int = optional("epochs at the end that draw the images as they are", ge=0, le=100000)
    affine: Affine | None = optional("rotation and scaling, drawn at each step but in original_epochs; ~ for none")
    corruptions: Share = optional(
        "share of images that noise, blur, brightness and the like corrupt, drawn at each step but in original_epochs"
    )
    symmetries: Distinct[Symmetry] = optional("exact, drawn at each step")
    shift: int = optional("± pixels, drawn at each step", ge=0, le=223)
    batch_size: int = optional("images a step", ge=1, le=1000000)
    epochs: int = optional("epochs at most", ge=1, le=100000)
    min_steps: int = optional("steps at least: more epochs are trained to reach it", ge=0, le=10000000)
    optimizer: Literal["adam", "adamw", "muon"] = optional("muon: kernels by Muon, all else by AdamW")
    learning_rate: float = optional("the highest of the schedule", gt=0, le=1)
    weight_decay: float = optional("of adamw and muon", ge=0, le=10)
    schedule: Literal["constant", "one_cycle"] = optional("one_cycle: linear warm-up, then cosine to zero")
    warm_up: Share = optional("of one_cycle: share of all steps")
    label_smoothing: Share = optional("share of the target that is spread over all classes")
    loss: Literal["cross_entropy", "focal"] = optional("focal: images that the network is sure of count less")
    class_weight: ClassWeight = optional("balanced: in the loss an image weighs the more, the rarer its class")
    early_stopping: EarlyStopping | None = optional("the best weights are kept; ~ for none")
    reduce_lr: ReduceLr | None = optional("lowers the learning rate when validation loss stops falling; ~ for none")


class Features(Section):
    layers: SomeDistinct[NotEmpty] = optional("that classifiers see, side by side; rescaling: the image, 0 to 1")
    test_time_augmentation: Distinct[View] = optional(
        "that features and probabilities are averaged over; shifts: nine, by a pixel"
    )


class Input(Section):
    size: int = key("pixels a side", ge=8, le=1024)
    layout: Literal["NCHW", "NHWC"] = optional("order of the axes: images, channels, height, width")
    channels: Annotated[Literal[1, 3], Whole] = optional("grey images get three equal ones")
    scale: Literal["1/255"] | Factor = optional("by which pixels of 0 to 255 are multiplied first")
    mean: float | PerChannel[float] = optional("subtracted then: one number, or one a channel")
    std: Positive | PerChannel[Positive] = optional("divided by then: one number, or one a channel")


class FineTune(Section):
    last_stage: int = key(
        "epochs of the last stage, after training.epochs of the new last layer alone", ge=0, le=100000
    )
    all: int = key("epochs of the whole network after them", ge=0, le=100000)
    learning_rate: float = key("of both, the highest of the schedule", gt=0, le=1)


class Options(Section, extra="allow", json_schema_extra={"additionalProperties": False}):
    """The options of all architectures; `Network.faults` checks which of them an architecture has."""

    dropout: Share = optional("share of units dropped in training")
    dense_dropout: Share = optional("the same before the dense layer")
    l2: float = optional("weight of the penalty on squared weights", ge=0, le=1)
    batch_norm: bool = optional("whether to use batch normalisation")
    batch_norm_momentum: Share = optional("share of the running averages kept at each step")
    blocks: int = optional("blocks a stage", ge=1, le=20)
    widths: list[Width] = optional("channels of each block; growth halves the image", min_length=1, max_length=20)
    stem_stride: Literal["auto"] | Stride = optional("of the first convolution; auto: by the size of the images")
    application: str | None = optional(
        "a network of keras.applications", json_schema_extra={"enum": [*APPLICATIONS, None]}
    )
    weights: NotEmpty | None = optional("that it starts from: imagenet, or a file; ~ for random ones")
    input_size: int | None = optional("pixels a side that it sees; ~ for those of the images", ge=32, le=1024)
    fine_tune: FineTune | None = optional(
        "what is trained after the new last layer; ~: nothing more (with random weights, the whole network)"
    )
    path: NotEmpty = optional("an ONNX file that turns images into features")
    sha256: Sha256 = optional("of the file; ~: not checked")
    input: Input = optional("what the file takes")
    output: NotEmpty | None = optional("name of the output that holds the features; ~ for the only one")
    in_package: bool = optional("false: its licence does not allow passing the file on; `predict` then asks for it")
    pretrained_on: Text | None = optional("for the page and the model card")


class Network(Section):
    architecture: str = key("keras_application, onnx: docs/pretrained.md", json_schema_extra={"enum": ARCHITECTURES})
    options: Options = optional("those that the architecture has")
    training: Training = optional("where it differs from defaults.training")
    features: Features = optional("where they differ from defaults.features")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.architecture == backbones.ARCHITECTURE:
            known = list(backbones.OPTIONS)
            yield from self._out_of_place()
        elif self.architecture in OPTIONS:
            known = list(OPTIONS[self.architecture])
        else:
            yield "architecture", f"unknown {self.architecture!r}{hint(self.architecture, ARCHITECTURES)}"
            return
        for option in self.options.model_fields_set if self.options else ():
            if option not in known:
                yield "options", f"{self.architecture} has no option {option!r}{hint(option, known)}"
        if self.architecture == KERAS:
            yield from self._unknown_application()

    def _unknown_application(self) -> Iterator[tuple[str, str]]:
        given = self.options or Options()
        if not given.application:
            yield "options.application", "required: a network of keras.applications, such as EfficientNetV2B0"
        elif given.application not in APPLICATIONS:
            known = list(APPLICATIONS)
            yield "options.application", f"unknown {given.application!r}{hint(given.application, known)}"
        if given.weights not in (None, IMAGENET) and not given.weights.endswith(FORMATS):
            yield (
                "options.weights",
                f"{given.weights!r}; expected imagenet, or a file that ends in {', '.join(FORMATS)}",
            )
        if given.fine_tune and not given.fine_tune.last_stage and not given.fine_tune.all:
            yield (
                "options.fine_tune",
                "no epochs of last_stage nor of all; set fine_tune: ~ for the last layer alone",
            )

    def _out_of_place(self) -> Iterator[tuple[str, str]]:
        """What a backbone lacks, and what only trainings have."""
        if self.training and self.training.model_fields_set:
            yield "training", "a frozen backbone is not trained; leave training out"
        if self.features and "layers" in self.features.model_fields_set:
            yield "features.layers", "a frozen backbone has one output, options.output; leave layers out"
        if not self.options or not self.options.path:
            yield "options.path", "required: an ONNX file that turns images into features"
        if not self.options or not self.options.input:
            yield "options.input", "required: what the file takes, such as {size: 224, layout: NCHW}"
