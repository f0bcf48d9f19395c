"""Warnings about a missing model or title set when a component is made, without loading either."""

import warnings
from typing import Any, Callable

from spacy.language import Language
from thinc.api import Model

from ..errors import Warnings
from ..model.loading import find_folder
from ..titles import TitleSet
from ..titles.loaders import TitleSetFile


def warn_of_missing_files(
    nlp: Language, name: str, model: Model, titles: Callable[[], TitleSet]
) -> None:
    """Warn if a component's model or title set is missing.

    There is an error only when they are needed (`initialize` or the first Doc): with
    `Language.from_config`, a factory does not know whether `from_bytes` or `from_disk` follows and
    brings both. There is no warning in `spacy.load`.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model): `spacy_genre.Seq2Seq.v1`.
    titles (Callable[[], TitleSet]): `spacy_genre.TitleSet.v1`. Other functions are not checked.
    """
    if _is_in_saved_pipeline(nlp, name):
        return
    source = model.attrs.get("source")  # none of a shared model
    if source is not None:
        try:
            if find_folder(source) is None:
                _warn(Warnings.W013.format(component=name, name=source))
        except ValueError as err:
            _warn(Warnings.W016.format(component=name, reason=err))
    if isinstance(titles, TitleSetFile) and not titles.path.is_file():
        _warn(Warnings.W016.format(component=name, reason=titles.missing_message()))


def _is_in_saved_pipeline(nlp: Language, name: str) -> bool:
    """Whether `spacy.load` is making this component: the meta.json of the pipeline lists it.

    `nlp.meta` would replace the list by the components that there are already.
    """
    meta: Any = getattr(nlp, "_meta", {})
    return name in meta.get("components", ()) and name not in nlp.component_names


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)
