"""The shipped claims and published numbers, held against the audit of the paper's arithmetic."""

import pytest

from stylenat.claims.arithmetic import compute_reading
from stylenat.claims.rules import judge
from stylenat.core.catalog import Catalog, Run
from stylenat.core.claim_cards import ClaimKind
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml

CATALOG = Catalog(ROOT / "config")
ALL_CLAIMS = [CATALOG.claim(name) for name in CATALOG.names("claims")]
CLAIMS = [claim for claim in ALL_CLAIMS if claim.about == "paper"]
NUMBERS = {
    f"{card}/{number.id}": number
    for card in CATALOG.names("published")
    for number in CATALOG.get("published", card).numbers
}

# claim -> (value, does it give the printed figure?) of each reading, in the card's order
AUDIT = {
    "fid-gain-percent": [(6.58, False), (6.39, True), (7.04, False)],
    "fid-gain-percent-v3": [(6.39, True), (6.58, False), (7.04, False)],
    "parameters-saving-percent": [(27.98, True), (-43.88, False), (79.03, False)],
    "throughput-gain-percent": [(127.85, False), (56.11, True)],
    "throughput-factor-v3": [(4.19, True), (2.28, False), (3.18, False)],
}
WEAK = {
    "stylenat-v1/stylegan-xl-throughput-256": (14.29, "A-fig"),
    "stylenat-v1/hit-l-throughput-256": (20.67, "A-fig"),
    "stylenat-v1/styleswin-throughput-256": (30.20, "A-fig"),
    "stylenat-v1/hit-l-parameters-256": (97.5, "A-fig"),
    "stylenat-v1/parameters-1024": (49.45, "unconfirmed"),
    "stylenat-v3/throughput-256": (59.90, "S"),
    "stylenat-v3/stylegan-xl-parameters-256": (67.93, "S"),
    "styleswin/throughput-1024": (11.05, "S"),
}


def test_every_arithmetic_claim_is_audited():
    assert {claim.name for claim in CLAIMS if claim.kind == ClaimKind.ARITHMETIC} == set(AUDIT)


@pytest.mark.parametrize("name", AUDIT)
def test_the_readings_of_a_printed_figure_agree_with_the_audit(name):
    claim = CATALOG.claim(name)
    results = [compute_reading(r, claim.expected, claim.printed_decimals, CATALOG.published) for r in claim.readings]
    assert [(round(result.value, 2), result.fits) for result in results] == AUDIT[name]
    assert judge(claim, {}, CATALOG.published).status == "reproduced"


@pytest.mark.parametrize(
    ("name", "rests_on"),
    [
        ("fid-gain-percent", []),
        ("parameters-saving-percent", ["67.93", "grade S"]),
        ("throughput-gain-percent", ["14.29", "grade A-fig"]),
        ("throughput-factor-v3", ["59.9", "grade S", "14.29", "grade A-fig"]),
    ],
)
def test_a_figure_on_weak_ground_says_so(name, rests_on):
    reason = judge(CATALOG.claim(name), {}, CATALOG.published).reason
    assert ("It rests on" in reason) == bool(rests_on)
    assert all(part in reason for part in rests_on)


@pytest.mark.parametrize("key", WEAK)
def test_a_weak_grade_stays_with_its_number(key):
    assert (NUMBERS[key].value, NUMBERS[key].grade) == WEAK[key]
    assert NUMBERS[key].note


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.published], ids=lambda claim: claim.name)
def test_an_expected_number_is_the_published_one(claim):
    number = NUMBERS[claim.published]
    scale = 1e6 if number.unit == "M parameters" else 1
    assert claim.expected == pytest.approx(number.value * scale, rel=1e-12)
    assert claim.subject.removesuffix("-scratch") == number.model or claim.kind == ClaimKind.AT_MOST


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.subject], ids=lambda claim: claim.name)
def test_the_full_run_measures_whatever_a_claim_needs_and_can_be_built(claim):
    run = Run(CATALOG, read_yaml(ROOT / "config/paper.yaml"))
    needed = {name for name in (claim.subject, *claim.reference) if CATALOG.model(name).family is not None}
    assert {job.model for job in run.jobs_of_claim(claim.name)} == needed


def test_a_judged_metric_is_declared_in_the_unit_of_its_claim():
    units = {"fid": "1", "parameters": "parameters", "throughput": "images/s"}
    for claim in CLAIMS:
        if claim.protocol and claim.kind != ClaimKind.RATIO:
            assert claim.unit == units[CATALOG.protocol(claim.protocol).metric], claim.name


def test_every_part_of_the_abstract_has_its_claim():
    printed = {claim.expected for claim in CLAIMS}
    assert {2.046, 2.05, 2.10, 4.174, 6.4, 6, 28, 56, 4, 32.56, 48.92e6, 49.45e6} <= printed
    assert {version for claim in CLAIMS for version in claim.versions} == {"v1", "v2", "v3", "repository"}


@pytest.mark.parametrize("card", ["dgm-eval", "fused-na", "mmgeneration", "r3gan"])
def test_third_party_numbers_are_marked(card):
    assert CATALOG.get("published", card).elsewhere


@pytest.mark.parametrize("card", ["stylenat-v1", "stylenat-v3", "stylegan-xl", "styleswin"])
def test_the_papers_own_numbers_are_not_third_party(card):
    assert not CATALOG.get("published", card).elsewhere
