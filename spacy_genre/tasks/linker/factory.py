"""The factory of `genre_linker`."""

from typing import Any, Callable, Optional

from spacy.language import Language
from thinc.api import Model

from ...titles import TitleSet
from ...training.settings import TrainingSettings
from ..availability import warn_of_missing_files
from ..settings import (
    DEPRECATED_SETTINGS,
    default_config,
    make_settings,
    upgrade_settings,
    with_settings,
)
from ..shared_model import connect_model
from .component import GenreLinker
from .settings import LinkerSettings

DEFAULT_CONFIG = {
    **default_config(LinkerSettings),
    "model": {"@architectures": "spacy_genre.Seq2Seq.v1", "name": None},
    "titles": {"@misc": "spacy_genre.TitleSet.v1", "path": None},
    "training": {"@misc": "spacy_genre.Training.v2"},
    "scorer": {"@scorers": "spacy_genre.links_scorer.v1"},
}


@Language.factory(
    "genre_linker",
    requires=["doc.ents"],
    assigns=["token.ent_kb_id", "span._.genre_candidates"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"nel_micro_f": 1.0, "nel_micro_r": None, "nel_micro_p": None},
)
@with_settings(LinkerSettings, deprecated=DEPRECATED_SETTINGS)
def make_genre_linker(
    nlp: Language,
    name: str,
    model: Model,
    titles: Callable[[], TitleSet],
    training: TrainingSettings,
    scorer: Optional[Callable],
    **settings: Any,
) -> GenreLinker:
    """Make a `GenreLinker`.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model): `spacy_genre.Seq2Seq.v1`, or `spacy_genre.SharedSeq2Seq.v1`.
    titles (Callable[[], TitleSet]): Opens the title set: `spacy_genre.TitleSet.v1`.
    training (TrainingSettings): How it is trained: `spacy_genre.Training.v2`.
    scorer (Optional[Callable]): The scoring method: `spacy_genre.links_scorer.v1`.
    settings (Any): The fields of `LinkerSettings`.
    RAISES (ValueError): If a setting is not allowed, or the model that is to be shared is missing.
    """
    warn_of_missing_files(nlp, name, model, titles)
    training = connect_model(nlp, name, model, training)
    return GenreLinker(
        nlp.vocab,
        model,
        name,
        titles=titles,
        settings=make_settings(LinkerSettings, name, upgrade_settings(name, settings)),
        training=training,
        scorer=scorer,
    )
