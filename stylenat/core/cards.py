"""The cards: what is data, not code. The class is the truth; YAML fills it.

One card a file under `config/`; the file's stem is the card's name. `catalog` loads them and checks that the
names they mention exist.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from stylenat.core.strict import Strict

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1)]
NonNegative = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha256Start = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]  # all of it, or as much as is known
Md5 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
ResizeFilter = Literal["none", "tfrecord", "box", "bilinear-aa", "bicubic", "lanczos"]  # defined in data/resize.py


class RawFile(Strict):
    """A file of a data set that the user brings: what it must be, and where it comes from."""

    path: Text  # below the run's folder of data
    bytes: PositiveInt
    md5: Md5
    url: str = ""


class Source(Strict):
    """Where a data set's raw images come from: files that the user brings, or the bundled photographs."""

    kind: Literal["files", "photographs"]
    # files: below the run's folder of data; a folder of images, a zip, TFRecords, LMDB or parquet
    path: Text | None = None
    checklist: RawFile | None = None  # what each image must be: FFHQ's official list, or a manifest
    archive: RawFile | None = None  # what the one file that holds the images must be
    crops: PositiveInt | None = None  # photographs: how many crops are cut
    crop_px: PositiveInt | None = None  # photographs: side of a crop

    @model_validator(mode="after")
    def _complete(self) -> "Source":
        if self.kind == "files" and self.path is None:
            raise ValueError("a source of files needs 'path'")
        if self.kind == "photographs" and (self.crops is None or self.crop_px is None):
            raise ValueError("a photographs source needs 'crops' and 'crop_px'")
        if self.kind == "photographs" and (self.checklist or self.archive):
            raise ValueError("the photographs are bundled: 'checklist' and 'archive' are for files that a user brings")
        if self.archive is not None and self.archive.path != self.path:
            raise ValueError("'archive' describes the file at 'path': give them the same path")
        return self


class Subset(Strict):
    """Some of a set's images, drawn without replacement from a seed: the reals of a protocol."""

    count: PositiveInt
    seed: NonNegative


class DatasetCard(Strict):
    """A prepared set: raw source, number of images, resolution and the resize operator."""

    name: Name
    title: Text
    source: Source
    licence: Text
    reference: Text
    count: PositiveInt  # how many raw images must be there
    resolution: PositiveInt  # px, square
    resize_filter: ResizeFilter
    flips: bool  # whether training may mirror the images
    fingerprint: Sha256 | None = None  # of the prepared set, once somebody has made it
    splits: dict[Name, tuple[NonNegative, PositiveInt]] = Field(default_factory=dict)  # first image, one past the last
    subsets: dict[Name, Subset] = Field(default_factory=dict)
    note: str = ""

    @model_validator(mode="after")
    def _inside(self) -> "DatasetCard":
        for name, (start, stop) in self.splits.items():
            if not start < stop <= self.count:
                raise ValueError(f"split '{name}' is {start} to {stop}, expected a range within 0 to {self.count}")
        for name, subset in self.subsets.items():
            if subset.count > self.count:
                raise ValueError(f"subset '{name}' has {subset.count} images, the set {self.count}")
        return self


class ImportedWeights(Strict):
    """A published checkpoint: the user supplies the file; sha256, where known, must match."""

    file: Text
    sha256: Sha256 | None = None
    url: str = ""


class Weights(Strict):
    """How a model's weights are had: exactly one way."""

    train: Name | None = None  # a training card
    imported: ImportedWeights | None = Field(default=None, alias="import")
    dataset: Name | None = None  # a control that draws from a prepared set
    none: Text | None = None  # why there are none; networks can still be counted and timed

    @model_validator(mode="after")
    def _one(self) -> "Weights":
        given = [key for key, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of train, import, dataset, none is needed, found {given or 'none'}")
        return self


class ModelCard(Strict):
    """A generative model: network family, architecture, and how its weights are had."""

    name: Name
    title: Text
    method: Text  # as in the papers' tables: StyleNAT, StyleSwin, ...
    family: Text | None = None  # dotted path to a Family; none: published numbers only
    arch: dict[str, Any] = Field(default_factory=dict)
    dataset: Name | None = None
    weights: Weights
    initial: Name | None = None  # progressive growing: the model whose weights its training starts from
    inferred: str = ""  # which part of the architecture no source states, and what it was inferred from
    reference: Text
    licence: Text
    control: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _family(self) -> "ModelCard":
        if self.family is None and self.weights.none is None:
            raise ValueError("a model without a family has published numbers only: give weights.none with the reason")
        if self.initial is not None and self.weights.train is None:
            raise ValueError("'initial' is where a training starts: give weights.train, or leave it out")
        return self


class DetectorWeights(Strict):
    """A detector's weights: a file that the user supplies, or seeded random numbers."""

    file: Text | None = None
    sha256: Sha256Start | None = None
    url: str = ""
    random_seed: NonNegative | None = None

    @model_validator(mode="after")
    def _one(self) -> "DetectorWeights":
        if (self.file is None) == (self.random_seed is None):
            raise ValueError("exactly one of file and random_seed is needed")
        return self


# Extractor -> its layers. By library: compat torch-fidelity, pytorch clean-fid's own network, clean clean-fid's resize.
_POOLED = ("64", "192", "768", "2048")
LAYERS: dict[str, tuple[str, ...]] = {
    "inception-v3-compat": _POOLED,
    "inception-v3-pytorch": _POOLED,
    "inception-v3-clean": _POOLED,
    "dinov2-vit-l14": ("cls",),
    "vgg16": ("fc2",),
}


class DetectorCard(Strict):
    """A feature extractor with its preprocessing, layer and weights."""

    name: Name
    title: Text
    extractor: Literal[tuple(LAYERS)]
    layer: Text  # one of the extractor's
    # Detectors of one class see the same pixels: with the same weights they give the same features.
    preprocessing: Literal["pytorch-fid", "tensorflow", "clean", "dinov2", "vgg16"]
    weights: DetectorWeights
    comparable: bool  # whether its numbers may stand beside published ones
    reason: str = ""  # why not
    reference: Text

    @model_validator(mode="after")
    def _honest(self) -> "DetectorCard":
        if self.layer not in LAYERS[self.extractor]:
            raise ValueError(f"layer is '{self.layer}', expected one of {', '.join(LAYERS[self.extractor])}")
        if self.comparable and self.weights.random_seed is not None:
            raise ValueError("random weights never give comparable numbers: set comparable to false")
        if not self.comparable and not self.reason:
            raise ValueError("a detector that is not comparable must give its reason")
        return self


class ProtocolCard(Strict):
    """A metric with frozen parameters: a number without a protocol does not exist."""

    name: Name
    title: Text
    metric: Name  # a module in stylenat/metrics
    needs: Literal["moments", "features", "model"]  # what the metric reads: of images, or the network itself
    version: PositiveInt
    changes: Text  # what each version changed
    detector: Name | None = None
    real_count: PositiveInt | None = None  # none: all prepared images
    real_seed: NonNegative = 0  # which random subset of the reals
    real_draw: Literal["fixed", "each-seed"] = "fixed"  # each-seed: the generation seed is added to real_seed
    fake_count: PositiveInt | None = None
    seeds: list[NonNegative] = Field(default_factory=lambda: [0], min_length=1)  # of generation, a measurement each
    parameters: dict[str, Any] = Field(default_factory=dict)  # the metric's own
    timed: bool = False  # a timing: the device stands in the record's path
    implemented: bool = True  # false: the definition is written down, the harness can't run it yet
    comparable: bool = True
    reason: str = ""
    reference: Text

    @model_validator(mode="after")
    def _complete(self) -> "ProtocolCard":
        if self.on_images and (self.detector is None or self.fake_count is None) and self.implemented:
            raise ValueError("a protocol on images needs 'detector' and 'fake_count'")
        if (not self.comparable or not self.implemented) and not self.reason:
            raise ValueError("a protocol that is not comparable or not implemented must give its reason")
        return self

    @property
    def on_images(self) -> bool:
        """Whether it compares generated images with real ones; else it measures the network itself."""
        return self.needs != "model"

    def reals_seed(self, seed: int) -> int:
        """The seed of the random subset of reals that goes with a generation seed."""
        return self.real_seed + (seed if self.real_draw == "each-seed" else 0)


class MatrixRow(Strict):
    """Models and the protocols that each of them is measured under."""

    models: Annotated[list[Name], Field(min_length=1)]
    protocols: Annotated[list[Name], Field(min_length=1)]
    datasets: list[Name] = Field(default_factory=list)  # sets of reals; none: each model's own


Pictures = Literal["inside", "beside", "fit"]


class RunCard(Strict):
    """One run of the workflow: what it measures and what it judges."""

    run: Name
    title: Text
    demo: bool  # every number is then labelled a demo number
    results: Text = "results"
    weights: Text = "weights"  # folder where supplied weights are looked for
    data: Text = "data"  # folder where supplied data are looked for
    raw: dict[Text, Text] = Field(default_factory=dict)  # a card's path -> where it lies on this machine instead
    keep_features: bool = True  # false: only where a metric reads them; standard errors are then the jackknife's
    batch_size: PositiveInt = 16  # images generated and seen at once
    device: Literal["cpu", "cuda"] = "cpu"
    machine: Name = "cpu"  # names the machine in the path of every timing
    pictures: Pictures = "fit"  # of the report: in its page, beside it, or in it as long as it stays small
    measure: Annotated[list[MatrixRow], Field(min_length=1)]
    claims: Annotated[list[Text], Field(min_length=1)]  # shell patterns over claim names
