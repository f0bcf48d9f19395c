"""Document retrieval beside BM25 over the same titles: recall@1, recall@5, R-precision, memory and
texts per second.

    python benchmarks/retrieval.py DATA... [--titles TITLES] [--pages PAGES] [--model MODEL]

DATA are files of texts that lead to pages (see `spacy_genre.PagesCorpus.v1`). Passages from a page
(rows with its title as `page`) are measured as they are and with the page's name masked. PAGES is
a file of pages with text, whose first paragraphs BM25 reads beside the titles. If passages of DATA
are in PAGES, BM25 finds them by their own text: such figures are marked with a star.

The systems: the model; BM25 over titles; BM25 over titles and first paragraphs; and the fusion of
the model with each of them by reciprocal rank. Memory is what each adds to the process.
"""

import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Optional, Set, Tuple

import spacy
import torch
import typer
from machine import memory
from spacy.language import Language
from spacy.tokens import Doc

from spacy_genre import TitleSet
from spacy_genre.corpora.pages import OPTIONS, find_own_name
from spacy_genre.corpora.readers import texts_in
from spacy_genre.corpora.texts import GoldText
from spacy_genre.extensions import set_masked
from spacy_genre.tasks.retriever.component import GenreRetriever
from spacy_genre.tasks.retriever.encoding import unmasked_parts
from spacy_genre.tasks.retriever.lexical import BM25Ranker, fuse
from spacy_genre.tasks.retriever.metrics import mean_scores, retrieval_scores

TOP_K = 10
KEYS = {"recall_at_1": "recall@1", "recall_at_5": "recall@5", "r_precision": "R-prec."}
MODEL, TITLES, PAGES = "genre_retriever", "BM25, titles", "BM25, titles + text"


@dataclass
class System:
    """What a system needs and how fast it is."""

    megabytes: float = 0.0
    seconds: float = 0.0
    texts: int = 0
    results: Dict[str, List[List[str]]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, ranked: List[List[str]]) -> None:
        self.seconds += seconds
        self.texts += len(ranked)
        self.results[name] = ranked


@dataclass
class DataSet:
    """Texts as docs, with masked parts, and their gold titles; whether they are passages of these
    pages; and whether BM25 has read most of them."""

    docs: List[Doc]
    gold: List[List[List[str]]]
    are_passages: bool
    is_indexed: bool = False


def main(
    data: Annotated[List[Path], typer.Argument(help="Files of texts that lead to pages.")],
    titles: Annotated[Optional[Path], typer.Option(help="A title set.")] = None,
    pages: Annotated[Optional[Path], typer.Option(help="A file of pages with text.")] = None,
    model: Annotated[Optional[str], typer.Option(help="The folder of a model.")] = None,
    beams: Annotated[int, typer.Option(help="The number of beams.")] = TOP_K,
    limit: Annotated[int, typer.Option(help="The most texts of each data set; 0 for all.")] = 200,
    threads: Annotated[int, typer.Option(help="The threads of torch.")] = 2,
) -> None:
    """Print the figures of all systems."""
    torch.set_num_threads(threads)
    nlp = spacy.blank("en")
    before = memory()
    retriever = make_retriever(nlp, titles, model, beams)
    systems = {MODEL: System(memory() - before)}
    sets = dict(read_sets(nlp, data, retriever.titles, limit))
    for name, data_set in sets.items():
        start = time.perf_counter()
        docs = list(retriever.pipe(data_set.docs, batch_size=32))
        ranked = [[page.title for page in doc._.genre_pages] for doc in docs]
        systems[MODEL].add(name, time.perf_counter() - start, ranked)
    for label, path in ((TITLES, None), (PAGES, pages)):
        if path is not None or label == TITLES:
            systems[label] = measure_bm25(retriever, sets, path)
            systems[f"{MODEL} + {label}"] = fused(retriever.titles, systems, label, sets)
    if pages is not None:
        indexed = {text.page or text.titles[0] for text in read_texts(pages)}
        mark_indexed(sets, indexed)
    show(systems, sets)


def make_retriever(
    nlp: Language, titles: Optional[Path], model: Optional[str], beams: int
) -> GenreRetriever:
    """Make a retriever and load all that it needs."""
    path = None if titles is None else str(titles)
    config = {
        "model": {"name": model},
        "titles": {"@misc": "spacy_genre.TitleSet.v1", "path": path},
        "num_beams": beams,
    }
    retriever: Any = nlp.add_pipe("genre_retriever", config=config)
    retriever(nlp.make_doc("Where is Paris?"))
    return retriever


def read_texts(path: Path) -> Iterator[GoldText]:
    """The texts of a file that lead to pages."""
    return (text for text in texts_in(path, options=OPTIONS) if text.evidence)


def read_sets(
    nlp: Language, paths: List[Path], titles: TitleSet, limit: int
) -> Iterator[Tuple[str, DataSet]]:
    """The data sets by name; passages also with the page's name masked."""
    for path in paths:
        texts = list(islice(read_texts(path), limit or None))
        gold = [[[titles.resolve(t) or t for t in s] for s in text.evidence] for text in texts]
        name = path.name.partition(".")[0]
        are_passages = all(text.page in text.titles for text in texts)
        yield name, DataSet([nlp.make_doc(text.text) for text in texts], gold, are_passages)
        if are_passages:
            yield f"{name}, masked", DataSet([mask(nlp, text) for text in texts], gold, True)


def mask(nlp: Language, text: GoldText) -> Doc:
    doc = nlp.make_doc(text.text)
    set_masked(doc, find_own_name(text.text, text.page))
    return doc


def mark_indexed(sets: Dict[str, DataSet], indexed: Set[str]) -> None:
    """Mark sets of passages of which most pages have a text that BM25 has read."""
    for data_set in sets.values():
        n_indexed = sum(gold[0][0] in indexed for gold in data_set.gold)
        data_set.is_indexed = data_set.are_passages and n_indexed > len(data_set.gold) / 2


def measure_bm25(
    retriever: GenreRetriever, sets: Dict[str, DataSet], pages: Optional[Path]
) -> System:
    before = memory()
    ranker = BM25Ranker(pages)
    ranker.index(retriever.titles)
    system = System(memory() - before)
    for name, data_set in sets.items():
        start = time.perf_counter()
        texts = [" ".join(unmasked_parts(doc[:], 96)) for doc in data_set.docs]
        ranked = ranker(retriever.titles, texts, TOP_K)
        system.add(name, time.perf_counter() - start, ranked)
    return system


def fused(
    titles: TitleSet, systems: Dict[str, System], label: str, sets: Dict[str, DataSet]
) -> System:
    """The fusion of the model with a ranking by BM25."""
    model, bm25 = systems[MODEL], systems[label]
    system = System(model.megabytes + bm25.megabytes, model.seconds + bm25.seconds, bm25.texts)
    for name, data_set in sets.items():
        found = (tuple(doc._.genre_pages) for doc in data_set.docs)
        both = zip(found, bm25.results[name], strict=True)
        system.results[name] = [[p.title for p in fuse(*pair, titles)] for pair in both]
    return system


def show(systems: Dict[str, System], sets: Dict[str, DataSet]) -> None:
    """Print two tables as Markdown."""
    print("\n| data set | texts | system |", " | ".join(KEYS.values()), "|")
    print("| --- " * (3 + len(KEYS)) + "|")
    for name, data_set in sets.items():
        for label, system in systems.items():
            pairs = zip(system.results[name], data_set.gold, strict=True)
            scores = mean_scores(retrieval_scores(*pair) for pair in pairs)
            star = "\\*" if data_set.is_indexed and PAGES in label else ""
            cells = " | ".join(f"{scores[key]:.3f}"[1:] if scores[key] < 1 else "1" for key in KEYS)
            print(f"| {name} | {scores['texts']:,} | {label}{star} | {cells} |")
    print("\n| system | memory, MB | texts per second |\n| --- | --- | --- |")
    for label, system in systems.items():
        print(f"| {label} | {system.megabytes:,.0f} | {system.texts / system.seconds:.1f} |")


if __name__ == "__main__":
    typer.run(main)
