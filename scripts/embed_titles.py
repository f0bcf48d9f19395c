"""Make the title set that comes with the package from the list of `default_titles.py`.

python scripts/embed_titles.py NAMES.jsonl [OUT]
"""

from pathlib import Path
from typing import Annotated

import srsly
import typer

from spacy_genre import TitleSet
from spacy_genre.loading import load_name_tokenizer
from spacy_genre.titles.loaders import EMBEDDED

# A vital article is better known than anything that is merely linked to in a hundred pages.
VITAL_PRIOR = 1000


def main(
    names: Annotated[Path, typer.Argument(help="The list that default_titles.py wrote.")],
    out: Annotated[Path, typer.Argument(help="The title set to write.")] = EMBEDDED,
) -> None:
    """Make the title set that comes with the package."""
    rows = list(srsly.read_jsonl(names))
    titles = TitleSet.build(
        [row["name"] for row in rows],
        load_name_tokenizer(None),
        prior=[row["count"] + VITAL_PRIOR * ("vital" in row["sources"]) for row in rows],
        redirects={r: row["name"] for row in rows for r in row["redirects"]},
    )
    titles.save(out)
    print(f"{titles!r} in {out.name}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    typer.run(main)
