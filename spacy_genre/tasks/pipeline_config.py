"""The config.cfg of a saved pipeline: without paths of the machine that saved it."""

from pathlib import Path
from typing import Any, Dict

from spacy.util import registry
from thinc.api import Config

from ..model.loading import is_folder
from .settings import DEPRECATED_SETTINGS

PACKAGE = __name__.partition(".")[0]


def clean_pipeline_config(folder: Path) -> None:
    """Remove from the config.cfg of a saved pipeline what components of this package no longer
    need: the title set's path and the model's folder, since the saved pipeline contains both, and
    settings of earlier versions.

    `nlp.to_disk` writes the config before the components, so each component calls this. It cleans
    all components in the config, since a component does not know its name there: spaCy renames one
    that another pipeline sources.

    folder (Path): The folder of a component. Nothing is done if it is not part of a saved pipeline
        whose config.cfg is as spaCy has written it.
    """
    path = folder.parent / "config.cfg"
    if not path.is_file() or not (folder.parent / "meta.json").is_file():
        return
    text = path.read_text(encoding="utf8")
    try:
        config = Config().from_str(text, interpolate=False)
    except ValueError:
        return
    components = config.get("components", {})
    if folder.name not in components or config.to_str(interpolate=False) != text:
        return
    for block in components.values():
        if _is_of_this_package(block):
            _clean(block)
    if config.to_str(interpolate=False) != text:
        config.to_disk(path, interpolate=False)


def _is_of_this_package(block: Any) -> bool:
    """Whether the factory of a component's block in a config is one of this package."""
    name = block.get("factory") if isinstance(block, dict) else None
    if not isinstance(name, str) or not registry.has("factories", name):
        return False
    return registry.get("factories", name).__module__.partition(".")[0] == PACKAGE


def _clean(block: Dict[str, Any]) -> None:
    """Clean a component's block of a config."""
    titles, model = block.get("titles"), block.get("model")
    if isinstance(titles, dict) and "path" in titles:
        titles["path"] = None
    if isinstance(model, dict) and isinstance(model.get("name"), str):
        is_variable = "$" in model["name"]
        model["name"] = None if is_variable or is_folder(model["name"]) else model["name"]
    for old, new in DEPRECATED_SETTINGS.items():
        if old not in block:  # the component never had it
            continue
        value = block.pop(old)
        if new is not None and block.get(new) is None:
            block[new] = value
