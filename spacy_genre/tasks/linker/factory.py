"""The registered factories: the settings of the components, and their defaults."""

from typing import Callable, List, Optional

from spacy.language import Language
from thinc.api import Config, Model

from ...decoding import EarlyStopping
from ...titles import TitleSet
from ...training.settings import TrainingSettings
from .component import GenreLinker

DEFAULT_CONFIG = Config().from_str("""
[genre_linker]
num_beams = 5
top_k = null
length_penalty = 1.0
search = "beam"
early_stopping = false
batch_tokens = 4096
context_tokens = null
kb_id = "title"
overwrite = true
labels_discard = ["CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY", "TIME", "DATE"]
use_gold_ents = true
threshold = null
longest_forms = ["PERSON", "PER"]
dtype = "auto"
cache_size = 0
candidates = null

[genre_linker.model]
@architectures = "spacy_genre.Seq2Seq.v1"
name = null

[genre_linker.titles]
@misc = "spacy_genre.TitleSet.v1"
path = null

[genre_linker.training]
@misc = "spacy_genre.Training.v1"

[genre_linker.scorer]
@scorers = "spacy_genre.links_scorer.v1"
""")["genre_linker"]


@Language.factory(
    "genre_linker",
    requires=["doc.ents"],
    assigns=["token.ent_kb_id", "span._.genre_candidates"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"nel_micro_f": 1.0, "nel_micro_r": None, "nel_micro_p": None},
)
def make_genre_linker(
    nlp: Language,
    name: str,
    model: Model,
    titles: Callable[[], TitleSet],
    num_beams: int,
    top_k: Optional[int],
    length_penalty: float,
    search: str,
    early_stopping: EarlyStopping,
    batch_tokens: int,
    context_tokens: Optional[int],
    kb_id: str,
    overwrite: bool,
    labels_discard: List[str],
    use_gold_ents: bool,
    threshold: Optional[float],
    longest_forms: List[str],
    dtype: str,
    cache_size: int,
    candidates: Optional[Callable],
    training: TrainingSettings,
    scorer: Optional[Callable],
) -> GenreLinker:
    """Make a `GenreLinker`; its `__init__` describes the settings."""
    return GenreLinker(
        nlp.vocab,
        model,
        name,
        titles=titles,
        num_beams=num_beams,
        top_k=top_k,
        length_penalty=length_penalty,
        search=search,
        early_stopping=early_stopping,
        batch_tokens=batch_tokens,
        context_tokens=context_tokens,
        kb_id=kb_id,
        overwrite=overwrite,
        labels_discard=labels_discard,
        use_gold_ents=use_gold_ents,
        threshold=threshold,
        longest_forms=longest_forms,
        dtype=dtype,
        cache_size=cache_size,
        candidates=candidates,
        training=training,
        scorer=scorer,
    )
