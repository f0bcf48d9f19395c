"""Components of a pipeline that share one model: `spacy_genre.SharedSeq2Seq.v1`."""

from typing import Any

from spacy.language import Language
from thinc.api import Model

from ..errors import Errors
from ..model.seq2seq import SHARED, Seq2SeqShim
from ..training.settings import TrainingSettings

# Settings of a training that concern the model, which its own component decides.
OF_THE_MODEL = ("frozen", "learn_rates", "gradient_checkpointing")


def is_shared(model: Model) -> bool:
    """Whether a component's model belongs to another component, which saves it."""
    return SHARED in model.attrs


def connect_model(
    nlp: Language, name: str, model: Model, training: TrainingSettings
) -> TrainingSettings:
    """Connect a component's model to that of another component, if it is to be shared.

    nlp (Language): The pipeline so far.
    name (str): The component's name in it.
    model (Model): Its model. If it is a `spacy_genre.SharedSeq2Seq.v1`, it gets the other's shim.
    training (TrainingSettings): Its settings.
    RETURNS (TrainingSettings): The settings, with those of the model from its own component.
    RAISES (ValueError): If there is no component with this name that has a model of its own.
    """
    if not is_shared(model):
        return training
    owners = {key: pipe for key, pipe in nlp.components if key == model.attrs[SHARED]}
    owner: Any = next(iter(owners.values()), None)
    shims = getattr(getattr(owner, "model", None), "shims", [])
    if not shims or not isinstance(shims[0], Seq2SeqShim) or is_shared(owner.model):
        names = ", ".join(nlp.component_names) or "none"
        message = Errors.M050.format(component=name, name=model.attrs[SHARED], names=names)
        raise ValueError(message)
    model.shims[0], model.init = owner.model.shims[0], owner.model.init
    own = {key: getattr(owner.training, key) for key in OF_THE_MODEL}
    return training.model_copy(update=own)
