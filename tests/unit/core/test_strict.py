import pytest

from stylenat.core.cards import DatasetCard, ModelCard
from stylenat.core.claim_cards import ClaimCard
from stylenat.core.errors import InputError
from stylenat.core.strict import parse, read_yaml
from stylenat.core.training_cards import TrainingCard

DATASET = {
    "name": "d",
    "title": "t",
    "source": {"kind": "files", "path": "x"},
    "licence": "l",
    "reference": "r",
    "count": 3,
    "resolution": 32,
    "resize_filter": "box",
    "flips": True,
}
MODEL = {"name": "m", "title": "t", "method": "M", "reference": "r", "licence": "l", "weights": {"none": "why"}}
TRAINING = {
    "name": "t",
    "title": "t",
    "hardware": "h",
    "hours": "1",
    "total_nimg": 100,
    "batch_size": 4,
    "generator": {"lr": 1e-3},
    "discriminator": {"lr": 1e-3},
    "objective": {"r1_gamma": 1},
    "ema_half_life_nimg": 10,
    "log_nimg": 4,
    "state_nimg": 4,
}


def test_a_misspelt_key_names_file_key_and_nearest():
    data = {**DATASET, "cuont": 3}
    with pytest.raises(InputError, match=r"^d\.yaml: unknown key 'cuont'; did you mean 'count'\?$"):
        parse(data, DatasetCard, "d.yaml")


def test_a_misspelt_nested_key_is_found():
    data = {**DATASET, "source": {"kind": "files", "pth": "x"}}
    with pytest.raises(InputError, match=r"unknown key 'source\.pth'; did you mean 'path'"):
        parse(data, DatasetCard, "d.yaml")


def test_an_aliased_key_counts_as_valid_and_its_field_name_does_not():
    imported = {"import": {"file": "x.pt"}}
    assert parse({**MODEL, "family": "stylenat.network", "weights": imported}, ModelCard, "m").weights.imported
    with pytest.raises(InputError, match=r"unknown key 'weights\.imported'"):
        parse({**MODEL, "family": "stylenat.network", "weights": {"imported": {"file": "x"}}}, ModelCard, "m")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("count", 0, "greater than 0"),
        ("count", "many", "integer"),
        ("resize_filter", "nearest", "lanczos"),
        ("source", {"kind": "files"}, "needs 'path'"),
    ],
)
def test_a_bad_value_names_key_and_what_was_found(key, value, says):
    with pytest.raises(InputError, match=rf"^d\.yaml: {key}: .*{says}.*found"):
        parse({**DATASET, key: value}, DatasetCard, "d.yaml")


def test_a_missing_key_is_named():
    data = {key: value for key, value in DATASET.items() if key != "licence"}
    with pytest.raises(InputError, match=r"^d\.yaml: licence: Field required$"):
        parse(data, DatasetCard, "d.yaml")


@pytest.mark.parametrize("change", [{"ema_decay_per_step": 0.9}, {"ema_half_life_nimg": None}])
def test_a_recipe_has_exactly_one_ema_constant(change):
    with pytest.raises(InputError, match="exactly one of ema_decay_per_step"):
        parse({**TRAINING, **change}, TrainingCard, "t.yaml")


def test_a_claim_of_a_kind_needs_its_keys():
    claim = {"name": "c", "title": "t", "quote": "q", "place": "p", "versions": ["v1"], "kind": "value"}
    with pytest.raises(InputError, match="kind 'value' needs subject, protocol, expected"):
        parse(claim, ClaimCard, "c.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "stands twice"),
        ("a: [1\n", "not valid YAML"),
        ("- 1\n", "expected a mapping"),
        ("!!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_broken_yaml_is_one_line_with_the_file(tmp_path, text, says):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
