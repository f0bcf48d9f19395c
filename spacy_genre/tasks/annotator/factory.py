"""The factory of `genre_annotator`."""

from typing import Any, Callable, Optional

from spacy.language import Language
from thinc.api import Model

from ...titles import TitleSet
from ...training.settings import TrainingSettings
from ..availability import warn_of_missing_files
from ..settings import default_config, make_settings, with_settings
from ..shared_model import connect_model
from .component import GenreAnnotator
from .settings import AnnotatorSettings

DEFAULT_CONFIG = {
    **default_config(AnnotatorSettings),
    "model": {"@architectures": "spacy_genre.Seq2Seq.v1", "name": None},
    "titles": {"@misc": "spacy_genre.TitleSet.v1", "path": None},
    "training": {"@misc": "spacy_genre.Training.v2"},
    "scorer": {"@scorers": "spacy_genre.annotations_scorer.v1"},
}


@Language.factory(
    "genre_annotator",
    assigns=["doc.ents", "token.ent_kb_id", "span._.genre_candidates"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"nel_micro_f": 1.0, "nel_micro_r": None, "nel_micro_p": None},
)
@with_settings(AnnotatorSettings)
def make_genre_annotator(
    nlp: Language,
    name: str,
    model: Model,
    titles: Callable[[], TitleSet],
    training: TrainingSettings,
    scorer: Optional[Callable],
    **settings: Any,
) -> GenreAnnotator:
    """Make a `GenreAnnotator`.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model): `spacy_genre.Seq2Seq.v1`, or `spacy_genre.SharedSeq2Seq.v1`.
    titles (Callable[[], TitleSet]): Opens the title set: `spacy_genre.TitleSet.v1`.
    training (TrainingSettings): How it is trained: `spacy_genre.Training.v2`.
    scorer (Optional[Callable]): The scoring method: `spacy_genre.annotations_scorer.v1`.
    settings (Any): The fields of `AnnotatorSettings`.
    RAISES (ValueError): If a setting is not allowed, or the model that is to be shared is missing.
    """
    warn_of_missing_files(nlp, name, model, titles)
    training = connect_model(nlp, name, model, training)
    return GenreAnnotator(
        nlp.vocab,
        model,
        name,
        titles=titles,
        settings=make_settings(AnnotatorSettings, name, settings),
        training=training,
        scorer=scorer,
    )
