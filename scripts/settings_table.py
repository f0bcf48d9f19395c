"""Print the settings of a component as a Markdown table, or write it into a page of the docs."""

import json
from pathlib import Path
from typing import Annotated, Dict, Optional, Type

import typer

from spacy_genre.tasks.annotator.settings import AnnotatorSettings
from spacy_genre.tasks.linker.settings import LinkerSettings
from spacy_genre.tasks.retriever.settings import RetrieverSettings
from spacy_genre.tasks.settings import SearchSettings, allowed_values, default_config

SETTINGS: Dict[str, Type[SearchSettings]] = {
    "genre_annotator": AnnotatorSettings,
    "genre_linker": LinkerSettings,
    "genre_retriever": RetrieverSettings,
}
HEADER = ("setting", "default", "allowed", "description")


def settings_table(kind: Type[SearchSettings]) -> str:
    """The table: one row for each setting."""
    rows = [HEADER, ("---",) * len(HEADER)]
    for key, default in default_config(kind).items():
        field = kind.model_fields[key]
        description = field.description or ""
        rows.append((f"`{key}`", f"`{json.dumps(default)}`", allowed_values(field), description))
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def replace_table(page: str, component: str, table: str) -> str:
    """Replace the table of a component in a page, between its two comments."""
    start, end = (f"<!-- {word} of the settings of {component} -->\n" for word in ("begin", "end"))
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{table}\n{end}{after}"


def main(
    component: Annotated[str, typer.Argument(help="The component's factory.")] = "genre_linker",
    write: Annotated[
        Optional[Path], typer.Option(help="Write the table into this page instead.")
    ] = None,
) -> None:
    """Print the settings of a component as a Markdown table."""
    table = settings_table(SETTINGS[component])
    if write is None:
        print(table, end="")
    else:
        page = write.read_text(encoding="utf8")
        write.write_text(replace_table(page, component, table), encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
