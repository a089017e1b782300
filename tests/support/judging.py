"""Claims, records and evidence for tests of verdicts: models `s` and `r`, three protocols, four spreads."""

from stylenat.claims.evidence import Evidence
from stylenat.claims.rules import judge
from stylenat.core.cards import ProtocolCard
from stylenat.core.claim_cards import ClaimCard, Published
from stylenat.core.records import Measurement

COUNT = ProtocolCard(name="count", title="t", metric="parameters", needs="model", version=1, changes="1", reference="r")
FID = COUNT.model_copy(update={"name": "fid", "metric": "fid", "needs": "features"})
SPEED = COUNT.model_copy(update={"name": "speed", "metric": "throughput", "timed": True})
DIRECTION = {"count": "none", "fid": "lower", "speed": "higher"}
NOISY = [2.00, 2.10, 1.95, 2.15]  # mean 2.05, 95 % interval 1.90 to 2.20
TIGHT = [2.04, 2.05, 2.06]  # mean 2.05, 95 % interval 2.025 to 2.075
HIGH = [2.20, 2.21, 2.22]


def claim(kind, protocol=FID, **fields):
    """A claim about `s`, complete for its kind but for the numbers given."""
    given = {"name": "c", "title": "t", "quote": "q", "place": "p", "versions": ["v1"], "kind": kind}
    if kind != "arithmetic":
        given |= {"subject": "s", "protocol": protocol.name}
    if kind in ("value", "ratio"):
        given |= {"tolerance_reason": "because"}
    return ClaimCard.model_validate(given | fields)


def record(value, seed=0, model="s", protocol=FID, **fields):
    """A measurement with everything filled in."""
    return Measurement.model_validate(
        {
            "protocol": protocol.name,
            "protocol_version": 1,
            "metric": protocol.metric,
            "metric_version": 1,
            "model": model,
            "seed": seed,
            "status": "ok",
            "value": value,
            "unit": "u",
            "direction": DIRECTION[protocol.name],
            "comparable": True,
            "demo": False,
            "device": {"name": "GPU A"},
            "code": "c",
            "created": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 1.0,
        }
        | fields
    )


def evidence(protocol=FID, **values):
    """Evidence of each model from its values over seeds."""
    return {
        model: Evidence(model, [record(v, i, model, protocol) for i, v in enumerate(found)])
        for model, found in values.items()
    }


def published(key):
    """Published numbers of several grades; one names its hardware."""
    values = {"p/a": (2.19, "A"), "p/b": (2.05, "A"), "p/weak": (2.05, "S"), "p/figure": (2.0, "A-fig")}
    value, grade = values[key]
    hardware = "GPU A" if key == "p/a" else ""
    fields = {"id": "x", "method": "M", "metric": "FID", "unit": "u", "place": "t", "hardware": hardware}
    return Published(value=value, grade=grade, **fields)


def verdict(card, found, protocol=FID, **options):
    """The verdict on a claim by its evidence."""
    return judge(card, found, published, protocol, **options)
