"""Strict YAML: unknown and repeated keys stop with file, key and the nearest valid key."""

import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stylenat.core.errors import InputError, nearest

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Base of every card and record: no unknown keys, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # libyaml's, seven times as fast, where it is
    """A safe loader that refuses a repeated key instead of taking the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; anything else raises InputError with the file's name and line."""
    try:
        data = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a mapping of keys to values, found {type(data).__name__}")
    return data


def parse(data: dict[str, Any], model: type[Model], where: str) -> Model:
    """Validate `data` as `model`; the first fault becomes one line that starts with `where`."""
    _check_keys(data, model, where, ())
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in fault["loc"]) or "card"
        found = "" if fault["type"] == "missing" else f" (found {_short(fault['input'])})"
        raise InputError(f"{where}: {key}: {fault['msg']}{found}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models that an annotation like `Weights | None` or `list[Reading]` names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (list, tuple, typing.Union, types.UnionType):
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return []


@cache
def _keys_of(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """A model's keys, each with the one model that its value holds, if it holds one."""
    fields = {field.alias or name: _models_in(field.annotation) for name, field in model.model_fields.items()}
    return {name: inner[0] if len(inner) == 1 else None for name, inner in fields.items()}


def _check_keys(data: Any, model: type[BaseModel], where: str, trail: tuple[str, ...]) -> None:
    """Raise InputError at the first unknown key, at any depth, with the nearest valid one."""
    if not isinstance(data, dict):
        return
    names = _keys_of(model)
    for key, value in data.items():
        if key not in names:
            place = ".".join((*trail, str(key)))
            raise InputError(f"{where}: unknown key '{place}'; {nearest(str(key), names)}")
        inner = names[key]
        for item in (value if isinstance(value, list) else [value]) if inner else ():
            _check_keys(item, inner, where, (*trail, str(key)))
