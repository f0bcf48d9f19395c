"""What the English model in the package does with other languages.

    python benchmarks/languages.py

The same 20 sentences in four languages, written for this program (`languages.jsonl`), with one
mention each, in brackets. Right is the English title. Mentions that are written as in English are
counted apart from others. This is a small sample, not a benchmark of these languages.
"""

from pathlib import Path
from typing import Any, Dict, List, Tuple

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, Span

LANGUAGES = ("en", "de", "fr", "es")
SENTENCES = Path(__file__).with_name("languages.jsonl")


def main() -> None:
    """Print the accuracy for each language."""
    rows = list(srsly.read_jsonl(SENTENCES))
    nlp = spacy.blank("xx")
    linker: Any = nlp.add_pipe("genre_linker", config={"dtype": "float32"})
    missing = [row["title"] for row in rows if row["title"] not in linker.titles]
    print(f"titles that the set lacks: {', '.join(missing) or 'none'}")
    for language in LANGUAGES:
        docs = nlp.pipe(make_doc(nlp, row[language]) for row in rows)
        counts: Dict[str, List[Tuple[bool, float]]] = {"as in English": [], "other": []}
        for doc, row in zip(docs, rows, strict=True):
            (ent,) = doc.ents
            english = row["en"].partition("[")[2].partition("]")[0]
            kind = "as in English" if ent.text == english else "other"
            candidate = ent._.genre_candidates[0]
            counts[kind].append((candidate.title == row["title"], candidate.probability))
        for kind, found in counts.items():
            if found:
                right = sum(is_right for is_right, _ in found)
                mean = sum(probability for _, probability in found) / len(found)
                print(f"{language}, {kind}: {right} of {len(found)}, mean probability {mean:.2f}")


def make_doc(nlp: Language, marked: str) -> Doc:
    """A Doc with one entity, which is in brackets in the marked text."""
    doc = nlp.make_doc(marked.replace("[", "").replace("]", ""))
    before, _, rest = marked.partition("[")
    end = len(before) + len(rest.partition("]")[0])
    span = doc.char_span(len(before), end, label="MISC", alignment_mode="expand")
    assert isinstance(span, Span)
    doc.ents = [span]
    return doc


if __name__ == "__main__":
    typer.run(main)
