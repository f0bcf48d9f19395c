"""Title sets from the database of the package spacy-entity-linker."""

import sqlite3
from pathlib import Path
from typing import Any, Dict, List, Tuple
from urllib.parse import quote

from ..errors import Errors
from ..titles import TitleSet

ENTITIES = "SELECT item_id, en_label, en_description, views FROM joined WHERE en_label <> ''"
ALIASES = "SELECT en_alias, item_id FROM aliases WHERE en_alias <> ''"


def titles_from_wikidb(path: Path, tokenizer: Any, *, progress: bool = False) -> TitleSet:
    """Make a title set of the database of spacy-entity-linker (`wikidb_filtered.db`).

    path (Path): The SQLite database.
    tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The model's tokenizer.
    progress (bool): Whether to show a progress bar.
    RETURNS (TitleSet): The labels as names, with Wikidata ids ("Q64"), descriptions, page views as
        priors, and aliases. Of several items with one label, the one with the most views keeps it,
        and the others have their id in parentheses.
    RAISES (FileNotFoundError, ValueError): If the file does not exist or is no such database.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.F001.format(path=path))
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True)
        try:
            # The most viewed item of a label comes first.
            items = connection.execute(f"{ENTITIES} ORDER BY views DESC, item_id").fetchall()
            pairs = connection.execute(ALIASES).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as err:
        raise ValueError(Errors.X058.format(path=path, reason=err)) from err
    if not items:
        raise ValueError(Errors.X058.format(path=path, reason="it has no items with a label"))
    name_of: Dict[int, str] = {}
    taken: Dict[str, int] = {}
    for item, label, _, _ in items:
        is_first = taken.setdefault(str(label), item) == item
        name_of[item] = str(label) if is_first else f"{label} (Q{item})"
    aliases: Dict[Tuple[str, str], int] = {}
    for alias, item in pairs:
        if item in name_of and str(alias) != name_of[item]:
            aliases[str(alias), name_of[item]] = 1
    descriptions: List[Any] = [description for _, _, description, _ in items]
    return TitleSet.build(
        [name_of[item] for item, *_ in items],
        tokenizer,
        ids=[f"Q{item}" for item, *_ in items],
        prior=[float(views or 0) for *_, views in items],
        descriptions=[None if text is None else str(text) for text in descriptions],
        aliases=aliases,
        on_invalid="skip",
        progress=progress,
    )
