"""Evaluation of document retrieval: KILT's data sets and predictions, and its scores."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

import srsly
from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.formats.kilt import is_task_row, outputs_of, provenance_of
from ..corpora.names import find_name
from ..corpora.pages import OPTIONS
from ..corpora.readers import texts_in
from ..corpora.reading import open_gold
from ..corpora.texts import text_of
from ..errors import Errors
from ..tasks.retriever.component import GenreRetriever
from ..tasks.retriever.metrics import DEFAULT_KS, mean_scores, retrieval_scores
from ..titles import TitleSet
from ..types import Page

# The eleven data sets of KILT, by the beginning of their files' names ("fever-dev-kilt.jsonl").
KILT_SETS = {
    "fever": "fact verification",
    "aidayago2": "entity linking",
    "wned": "entity linking",
    "cweb": "entity linking",
    "trex": "slot filling",
    "structured_zeroshot": "slot filling",
    "nq": "questions",
    "hotpotqa": "questions",
    "triviaqa": "questions",
    "eli5": "questions",
    "wow": "dialogue",
}
# What may identify a page in KILT's provenance.
WIKIPEDIA_ID, TITLE = "wikipedia_id", "title"
RANK_KEYS = (WIKIPEDIA_ID, TITLE)


@dataclass(frozen=True)
class RetrievalItem:
    """A text of a data set.

    id (str): Its id.
    text (str): The text.
    outputs (Optional[List[List[str]]]): Of each gold output the keys of its pages (see `page_key`),
        with repetitions as in the data; None if the data has no gold outputs.
    """

    id: str
    text: str
    outputs: Optional[List[List[str]]]


def default_rank_keys(titles: TitleSet) -> Tuple[str, ...]:
    """KILT's own key, `wikipedia_id`, for a title set with ids, and else the title."""
    return (WIKIPEDIA_ID,) if titles.has_ids else (TITLE,)


def page_key(values: Mapping[str, Any], rank_keys: Sequence[str]) -> str:
    """What identifies a page in the scores, as in KILT's script: the values of the rank keys.

    RAISES (ValueError): If a value is missing.
    """
    for key in rank_keys:
        if values.get(key) in (None, ""):
            raise ValueError(f"a provenance has no {key!r}; its keys are {', '.join(values)}")
    return "+".join(str(values[key]).strip() for key in rank_keys)


def data_sets(path: Path) -> Dict[str, Path]:
    """The data sets of a path: those of KILT in a folder, by name, or the file or corpus itself."""
    if path.is_dir():
        files = sorted(path.glob("*-kilt.jsonl*"))
        found = [(file.name.partition("-")[0], file) for file in files]
        kilt = {file.name.partition(".")[0]: file for name, file in found if name in KILT_SETS}
        if kilt:
            return kilt
    return {str(path): path}


# Reading


def read_items(
    path: Path, titles: TitleSet, rank_keys: Sequence[str] = (TITLE,)
) -> Iterator[RetrievalItem]:
    """Read the texts of a data set.

    path (Path): A file in KILT's format, or any file or folder of texts that lead to pages (see
        `spacy_genre.PagesCorpus.v1`).
    titles (TitleSet): Gold titles that are its redirects are replaced by their targets.
    rank_keys (Sequence[str]): What identifies a page. Other data than KILT's has titles only.
    YIELDS (RetrievalItem): The texts that lead to a page; of KILT, all.
    RAISES (OSError, ValueError): If a file can't be read, or a line is not valid.
    """
    if path.is_file() and _is_kilt(path):
        for number, row in read_rows(path):
            try:
                yield _kilt_item(row, titles, rank_keys)
            except ValueError as err:
                raise ValueError(Errors.D002.format(path=path, line=number, reason=err)) from err
        return
    if [*rank_keys] != [TITLE]:
        raise ValueError(Errors.D039.format(path=path, keys=", ".join(rank_keys)))
    for number, text in enumerate(texts_in(path, options=OPTIONS), start=1):
        if text.evidence:
            named = [[find_name(titles, title) or title for title in s] for s in text.evidence]
            yield RetrievalItem(str(number), text.text, named)


def read_rows(path: Path) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """The JSON objects of a file, with their lines. RAISES (OSError, ValueError): If it can't be
    read, or a line is no object."""
    with open_gold(path) as source:
        for number, line in enumerate(source.stream, start=1):
            if not line.strip():
                continue
            try:
                row = srsly.json_loads(line.decode("utf-8-sig"))
                if not isinstance(row, dict):
                    raise ValueError("it is no object")
            except ValueError as err:
                raise ValueError(Errors.D002.format(path=path, line=number, reason=err)) from err
            yield number, row


def _is_kilt(path: Path) -> bool:
    with open_gold(path) as source:
        line = source.stream.readline()
    try:
        row = srsly.json_loads(line.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(row, dict) and is_task_row(row)


def _kilt_item(row: Dict[str, Any], titles: TitleSet, rank_keys: Sequence[str]) -> RetrievalItem:
    if "input" not in row:
        raise ValueError("it has no 'input' (KILT's TriviaQA gets it by a script of its own)")
    outputs = None
    if row.get("output"):
        with_pages = [output for output in outputs_of(row) if "provenance" in output]
        outputs = [[_gold_key(p, titles, rank_keys) for p in provenance_of(o)] for o in with_pages]
    return RetrievalItem(_id_of(row), text_of(row, "input", required=True), outputs)


def _id_of(row: Mapping[str, Any]) -> str:
    if row.get("id") in (None, ""):
        raise ValueError("it has no 'id'")
    return str(row["id"]).strip()


def _gold_key(provenance: Dict[str, Any], titles: TitleSet, rank_keys: Sequence[str]) -> str:
    if TITLE in rank_keys:
        title = text_of(provenance, TITLE)
        provenance = {**provenance, TITLE: find_name(titles, title) or title}
    return page_key(provenance, rank_keys)


# Predictions


def find_pages(
    nlp: Language, retriever: GenreRetriever, texts: Iterable[str], batch_size: int = 64
) -> Iterator[List[Page]]:
    """The pages of some texts, best first."""
    docs: Iterator[Doc] = map(nlp.make_doc, texts)
    for doc in retriever.pipe(docs, batch_size=batch_size):
        yield list(doc._.genre_pages)


def prediction_row(item: RetrievalItem, pages: Sequence[Page]) -> Dict[str, Any]:
    """A prediction in KILT's format: one output, with the pages as its provenance."""
    provenance = [
        {**({WIKIPEDIA_ID: page.id} if page.id else {}), TITLE: page.title, "score": page.score}
        for page in pages
    ]
    return {"id": item.id, "input": item.text, "output": [{"provenance": provenance}]}


def read_predictions(path: Path, rank_keys: Sequence[str]) -> Dict[str, List[str]]:
    """Read predictions in KILT's format.

    RETURNS (Dict[str, List[str]]): For the id of each text the keys of its pages, best first. Pages
        without a rank key are left out, as by KILT's script.
    RAISES (OSError, ValueError): If a line is not valid, or an id occurs twice.
    """
    predictions: Dict[str, List[str]] = {}
    for number, row in read_rows(path):
        try:
            key, outputs = _id_of(row), outputs_of(row)
            if key in predictions:
                raise ValueError(f"the id {key!r} occurs twice")
            if len(outputs) != 1:
                raise ValueError(f"it has {len(outputs)} outputs; a prediction has one")
            pages = provenance_of(outputs[0])
        except ValueError as err:
            raise ValueError(Errors.D002.format(path=path, line=number, reason=err)) from err
        complete = (p for p in pages if all(p.get(key) not in (None, "") for key in rank_keys))
        predictions[key] = [page_key(p, rank_keys) for p in complete]
    return predictions


# Scores


def score_items(
    items: Iterable[RetrievalItem],
    predictions: Iterable[Sequence[str]],
    ks: Iterable[int] = DEFAULT_KS,
) -> Dict[str, Any]:
    """The mean scores of a data set: see `retrieval_scores`. Items without gold outputs are not
    counted.

    items (Iterable[RetrievalItem]): The texts.
    predictions (Iterable[Sequence[str]]): For each the keys of the pages that were found.
    """
    ks = list(ks)
    return mean_scores(
        retrieval_scores(ranked, item.outputs, ks)
        for item, ranked in zip(items, predictions, strict=True)
        if item.outputs is not None
    )


def evaluate_retrieval(
    nlp: Language,
    retriever: GenreRetriever,
    path: Path,
    *,
    rank_keys: Optional[Sequence[str]] = None,
    ks: Iterable[int] = DEFAULT_KS,
    limit: int = 0,
    batch_size: int = 64,
) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
    """Retrieve the pages of a data set and score them.

    nlp (Language): The pipeline whose tokenizer is used.
    retriever (GenreRetriever): The component.
    path (Path): The data set.
    rank_keys (Optional[Sequence[str]]): What identifies a page; None for `default_rank_keys` if the
        data is KILT's, else the title.
    ks (Iterable[int]): The sizes of the beginnings of rankings that are scored.
    limit (int): Maximum number of texts, 0 for all.
    batch_size (int): Number of texts per batch.
    RETURNS (Tuple[Dict[str, Any], List[Dict[str, Any]]]): The scores, and the predictions in KILT's
        format.
    RAISES (ValueError): If a text is not valid, or there is none.
    """
    if rank_keys is None:
        is_kilt = path.is_file() and _is_kilt(path)
        rank_keys = default_rank_keys(retriever.titles) if is_kilt else (TITLE,)
    items = list(islice(read_items(path, retriever.titles, rank_keys), limit or None))
    if not items:
        raise ValueError(Errors.D038.format(path=path))
    found = list(find_pages(nlp, retriever, (item.text for item in items), batch_size))
    rows = [prediction_row(item, pages) for item, pages in zip(items, found, strict=True)]
    keys = [_keys_of(pages, rank_keys) for pages in found]
    return score_items(items, keys, ks), rows


def _keys_of(pages: Sequence[Page], rank_keys: Sequence[str]) -> List[str]:
    values = ({WIKIPEDIA_ID: page.id, TITLE: page.title} for page in pages)
    return [page_key(v, rank_keys) for v in values if all(v[key] for key in rank_keys)]


def score_predictions(
    gold: Path,
    guess: Path,
    titles: TitleSet,
    *,
    rank_keys: Sequence[str],
    ks: Iterable[int] = DEFAULT_KS,
) -> Dict[str, Any]:
    """Score predictions in KILT's format.

    gold (Path): The data set.
    guess (Path): The predictions, in any order.
    titles (TitleSet): As for `read_items`.
    rank_keys (Sequence[str]): What identifies a page.
    RAISES (OSError, ValueError): If a file can't be read, or a prediction is missing.
    """
    items = list(read_items(gold, titles, rank_keys))
    predictions = read_predictions(guess, rank_keys)
    if missing := [item.id for item in items if item.id not in predictions]:
        message = Errors.D040.format(path=guess, n=len(missing), gold=gold, first=missing[0])
        raise ValueError(message)
    return score_items(items, [predictions[item.id] for item in items], ks)
