"""Finding a component of this package in a pipeline."""

from typing import Any, Tuple

from spacy.language import Language

from ..errors import Errors


def find_component(nlp: Language, kind: Any) -> Tuple[str, Any]:
    """The first component of a kind in a pipeline.

    nlp (Language): The pipeline.
    kind (type): A class, or a Protocol that is `runtime_checkable`.
    RETURNS (Tuple[str, Any]): Its name and the component.
    RAISES (ValueError): If there is none.
    """
    for name, component in nlp.pipeline:
        # Python 3.11 asks for the attributes of a Protocol, and some load the model: a subclass of
        # the Protocol is recognized by its bases.
        if kind in type(component).__mro__ or isinstance(component, kind):
            return name, component
    path, names = nlp.path or nlp.meta["name"], ", ".join(nlp.pipe_names) or "none"
    raise ValueError(Errors.D014.format(path=path, names=names))
