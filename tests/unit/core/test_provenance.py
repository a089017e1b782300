import shutil

import pytest

from stylenat.core import provenance, registry
from stylenat.core.catalog import Catalog
from stylenat.core.errors import InputError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in ("stylenat", "baselines", "config"):
        shutil.copytree(registry.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    return tmp_path


def codes(tree):
    catalog = Catalog(tree / "config")
    net, control = catalog.model("stylenat-demo-32"), catalog.model("noise-photographs-32")
    return {
        "fid": provenance.metric_code(catalog.protocol("fid-demo"), net),
        "kid": provenance.metric_code(catalog.protocol("kid-demo"), net),
        "parameters": provenance.metric_code(catalog.protocol("parameters"), net),
        "samples": provenance.model_code(net),
        "control": provenance.model_code(control),
        "timing": provenance.metric_code(catalog.protocol("throughput-demo"), net),
        "session": provenance.timing_code([net]),
        "statistics": provenance.detector_code(),
        "maps": provenance.maps_code(),
        "simulation": provenance.simulation_code(),
        "claims": provenance.claims_code(),
        "report": provenance.report_code(),
    }


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("stylenat/metrics/fid.py", {"fid"}),
        ("stylenat/metrics/parameters.py", {"parameters"}),
        ("stylenat/network/generator.py", {"samples", "parameters", "session"}),
        ("stylenat/attention/reference.py", {"samples", "parameters", "control", "session"}),
        ("baselines/controls.py", {"control"}),
        ("stylenat/claims/rules.py", {"claims"}),
        ("stylenat/core/controls.py", {"claims", "report"}),
        ("stylenat/features/inception_clean.py", {"statistics"}),
        ("stylenat/frechet/moments.py", {"fid", "statistics", "simulation"}),
        ("stylenat/frechet/distance.py", {"fid", "simulation"}),
        ("stylenat/frechet/rivals.py", {"simulation"}),
        ("stylenat/stages/maps.py", {"maps"}),
        ("stylenat/core/simulated.py", {"simulation"}),
        ("stylenat/metrics/throughput.py", {"timing"}),
        ("stylenat/timing/rounds.py", {"session"}),
        ("stylenat/timing/session.py", {"session", "timing"}),
        ("stylenat/report/report.html.j2", {"report"}),
        ("stylenat/report/report.js", {"report"}),
        ("stylenat/training/step.py", set()),
        ("stylenat/objectives/losses.py", set()),
        ("stylenat/network/objective.py", set()),
    ],
)
def test_a_change_moves_exactly_the_numbers_that_it_decides(tree, file, changed):
    before = codes(tree)
    (tree / file).write_text((tree / file).read_text() + "\n")
    after = codes(tree)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_family_outside_the_two_packages_is_refused():
    with pytest.raises(InputError, match="outside the packages"):
        registry.load_family("os.path")
    with pytest.raises(InputError, match="neither the package"):
        registry.family_path("baselines.nothing")


def test_versions_and_git_are_always_filled():
    assert provenance.versions()["torch"].startswith("2.11.0")
    assert set(provenance.git_state()) == {"revision", "dirty"}


def test_one_planning_takes_each_fingerprint_once(monkeypatch):
    catalog, taken = Catalog(registry.ROOT / "config"), []
    models = [catalog.model(name) for name in ("stylenat-ffhq-256", "stylenat-demo-32", "hit-l-ffhq-256")]
    protocols = [catalog.protocol(name) for name in ("stylenat-50k", "kid50k-full", "parameters", "latency-fp32")]
    pairs = [(protocol, model) for protocol in protocols for model in models]
    expected = [provenance.metric_code(*pair) for pair in pairs], [provenance.model_code(model) for model in models]
    lists = [models, models[::-1], models[1:], models[:1], models[:2]]
    timings, detector = [provenance.timing_code(those) for those in lists], provenance.detector_code()
    fingerprint = provenance.fingerprint
    monkeypatch.setattr(provenance, "fingerprint", lambda files: taken.append(1) or fingerprint(files))
    codes = provenance.Codes()
    for _ in range(3):
        assert ([codes.metric(*pair) for pair in pairs], [codes.model(model) for model in models]) == expected
        assert [codes.timing(those) for those in lists] == timings
        assert codes.detector() == detector
    assert len(taken) < 25
