"""All cards of a configuration folder, checked against one another, and the jobs that a run asks for."""

import fnmatch
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

from stylenat.core import cards, claim_cards, training_cards
from stylenat.core.errors import InputError, nearest
from stylenat.core.strict import Strict, parse, read_yaml

KINDS: dict[str, type[Strict]] = {
    "datasets": cards.DatasetCard,
    "models": cards.ModelCard,
    "training": training_cards.TrainingCard,
    "detectors": cards.DetectorCard,
    "protocols": cards.ProtocolCard,
    "claims": claim_cards.ClaimCard,
    "published": claim_cards.PublishedCard,
}
Card = TypeVar("Card", bound=Strict)


@dataclass(frozen=True, order=True)
class Job:
    """One measurement: a model under a protocol with one generation seed, against the images of a set."""

    protocol: str
    model: str
    seed: int
    dataset: str = ""  # none where the network itself is measured


class Catalog:
    """The cards under `root`, by kind and name; every cross-reference is checked on loading."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(f"{root}: no such folder of cards")
        self._cards: dict[str, dict[str, Strict]] = {kind: self._load(kind, cls) for kind, cls in KINDS.items()}
        self._check_references()

    def _load(self, kind: str, cls: type[Strict]) -> dict[str, Strict]:
        found: dict[str, Strict] = {}
        for path in sorted((self.root / kind).glob("*.yaml")):
            data = read_yaml(path)
            card = parse({"name": path.stem, **data}, cls, str(path))
            if card.name != path.stem:
                raise InputError(f"{path}: name '{card.name}' differs from the file's name '{path.stem}'")
            found[path.stem] = card
        return found

    def names(self, kind: str) -> list[str]:
        """The names of all cards of a kind, sorted."""
        return sorted(self._cards[kind])

    def get(self, kind: str, name: str, where: str = "") -> Strict:
        """The card `name` of `kind`; an unknown name raises InputError with the nearest one."""
        if name not in self._cards[kind]:
            prefix = f"{where}: " if where else ""
            hint = nearest(name, self._cards[kind])
            raise InputError(f"{prefix}no card '{name}' in {self.root / kind}; {hint}")
        return self._cards[kind][name]

    def dataset(self, name: str) -> cards.DatasetCard:
        """The dataset card `name`."""
        return self.get("datasets", name)

    def model(self, name: str) -> cards.ModelCard:
        """The model card `name`."""
        return self.get("models", name)

    def training(self, name: str) -> training_cards.TrainingCard:
        """The training card `name`."""
        return self.get("training", name)

    def detector(self, name: str) -> cards.DetectorCard:
        """The detector card `name`."""
        return self.get("detectors", name)

    def protocol(self, name: str) -> cards.ProtocolCard:
        """The protocol card `name`."""
        return self.get("protocols", name)

    def claim(self, name: str) -> claim_cards.ClaimCard:
        """The claim card `name`."""
        return self.get("claims", name)

    def published(self, key: str, where: str = "") -> claim_cards.Published:
        """The published number `card/id`."""
        card_name, _, number_id = key.partition("/")
        card = self.get("published", card_name, where)
        numbers = {number.id: number for number in card.numbers}
        if number_id not in numbers:
            prefix = f"{where}: " if where else ""
            raise InputError(f"{prefix}no number '{number_id}' in card '{card_name}'; {nearest(number_id, numbers)}")
        return numbers[number_id]

    def _check_references(self) -> None:
        for name in self.names("models"):
            self._check_model(self.model(name), f"{self.root}/models/{name}.yaml")
        for name in self.names("training"):
            quick = self.training(name).quick_fid
            if quick is not None:
                self.get("detectors", quick.detector, f"{self.root}/training/{name}.yaml")
        for name in self.names("protocols"):
            protocol = self.protocol(name)
            if protocol.detector is not None:
                self.get("detectors", protocol.detector, f"{self.root}/protocols/{name}.yaml")
        for name in self.names("claims"):
            self._check_claim(self.claim(name), f"{self.root}/claims/{name}.yaml")
        for name in self.names("published"):
            for number in self.get("published", name).numbers:
                if number.model is not None:
                    self.get("models", number.model, f"{self.root}/published/{name}.yaml")

    def _check_model(self, model: cards.ModelCard, where: str) -> None:
        if model.weights.train is not None:
            self.get("training", model.weights.train, where)
        for dataset in (model.dataset, model.weights.dataset):
            if dataset is not None:
                self.get("datasets", dataset, where)
        if model.weights.train is not None and model.dataset is None:
            raise InputError(f"{where}: a model that is trained needs 'dataset'")
        seen = [model.name]
        while model.initial is not None:
            seen.append(model.initial)
            model = self.get("models", model.initial, where)
            if model.name in seen[:-1]:
                raise InputError(f"{where}: 'initial' goes round in a circle: {' <- '.join(seen)}")
            if model.weights.train is None and model.weights.imported is None:
                raise InputError(f"{where}: 'initial' names '{model.name}', which has no weights to start from")

    def _check_claim(self, claim: claim_cards.ClaimCard, where: str) -> None:
        for model in [claim.subject, *claim.reference]:
            if model is not None:
                self.get("models", model, where)
        if claim.protocol is not None:
            self.get("protocols", claim.protocol, where)
        for key in [claim.published, *(key for reading in claim.readings for key in reading.inputs.values())]:
            if key is not None:
                self.published(key, where)


class Run:
    """A run card resolved against a catalog: the jobs and the claims, in a stable order."""

    def __init__(self, catalog: Catalog, data: dict, where: str = "run configuration") -> None:
        self.catalog = catalog
        self.card = parse(dict(data), cards.RunCard, where)
        self._check_raw(where)
        self.jobs = self._jobs(where)
        self.claims = self._claims(where)

    def supplied(self, path: str) -> Path:
        """Where a file or folder of a data set that the user brings lies on this machine."""
        return Path(self.card.raw[path]) if path in self.card.raw else Path(self.card.data) / path

    def _check_raw(self, where: str) -> None:
        sources = [self.catalog.dataset(name).source for name in self.catalog.names("datasets")]
        known = {
            path for source in sources for path in (source.path, source.checklist and source.checklist.path) if path
        }
        for path in self.card.raw:
            if path not in known:
                raise InputError(f"{where}: raw: no data set takes '{path}'; {nearest(path, known)}")

    def _jobs(self, where: str) -> list[Job]:
        jobs = set()
        for row in self.card.measure:
            for model_name in row.models:
                for protocol_name in row.protocols:
                    self.catalog.get("models", model_name, where)
                    protocol = self.catalog.get("protocols", protocol_name, where)
                    self._check_pair(self.catalog.model(model_name), protocol, where)
                    datasets = self._datasets(row, self.catalog.model(model_name), protocol, where)
                    pairs = product(protocol.seeds, datasets)
                    jobs |= {Job(protocol_name, model_name, seed, dataset) for seed, dataset in pairs}
        return sorted(jobs)

    def _datasets(
        self, row: cards.MatrixRow, model: cards.ModelCard, protocol: cards.ProtocolCard, where: str
    ) -> list[str]:
        """The sets whose images are the reals of a row's pair; all of the model's own resolution."""
        if not protocol.on_images or model.dataset is None:
            return [""]
        own = self.catalog.dataset(model.dataset)
        for name in row.datasets:
            card = self.catalog.get("datasets", name, where)
            if card.resolution != own.resolution:
                sizes = f"{card.resolution} px, '{model.name}' makes {own.resolution} px"
                raise InputError(f"{where}: measure: data set '{name}' has {sizes}")
        return row.datasets or [model.dataset]

    @staticmethod
    def _check_pair(model: cards.ModelCard, protocol: cards.ProtocolCard, where: str) -> None:
        pair = f"{where}: measure: '{model.name}' under '{protocol.name}'"
        if not protocol.implemented:
            raise InputError(f"{pair}: this protocol can't be run yet: {protocol.reason}")
        if model.family is None:
            raise InputError(f"{pair}: this model has published numbers only: {model.weights.none}")
        if protocol.on_images and model.weights.none is not None:
            raise InputError(f"{pair}: this model has no weights: {model.weights.none}")
        if protocol.on_images and model.dataset is None:
            raise InputError(f"{pair}: the model names no dataset to compare with")

    def _claims(self, where: str) -> list[str]:
        chosen = set()
        for pattern in self.card.claims:
            found = fnmatch.filter(self.catalog.names("claims"), pattern)
            if not found:
                hint = nearest(pattern, self.catalog.names("claims"))
                raise InputError(f"{where}: claims: no claim matches '{pattern}'; {hint}")
            chosen |= set(found)
        return sorted(name for name in chosen if self._belongs(name))

    def _belongs(self, name: str) -> bool:
        """A claim of the paper always; a check of the harness only where this run measures for it."""
        return self.catalog.claim(name).about == "paper" or bool(self.jobs_of_claim(name))

    def jobs_of_claim(self, name: str) -> list[Job]:
        """The jobs of this run that the claim rests on; empty when the run does not measure it."""
        claim = self.catalog.claim(name)
        models = {claim.subject, *claim.reference}
        return [job for job in self.jobs if job.protocol == claim.protocol and job.model in models]

    def jobs_beside(self, name: str) -> list[Job]:
        """The jobs that a claim can be judged without: its models against other sets than their own, and the controls.

        A control of any set that the claim's models are compared with belongs here, unless the claim is about it.
        """
        about = self.jobs_of_claim(name)
        sets = {(job.protocol, job.dataset) for job in about if job.dataset}
        controls = [j for j in self.jobs if (j.protocol, j.dataset) in sets and self.catalog.model(j.model).control]
        own = {job for job in about if job.dataset in ("", self.catalog.model(job.model).dataset)}
        return sorted({*about, *controls} - own)
