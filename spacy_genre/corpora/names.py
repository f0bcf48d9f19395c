"""From titles and ids as data has them to the names of a title set."""

from ..sources.mediawiki import NotAnArticle, Wiki
from ..titles import TitleSet


def find_name(titles: TitleSet, title: str, kb_id: str = "") -> str:
    """The name that a title or an id stands for in a title set, or "" if it has none.

    title (str): A name, a redirect, a title as MediaWiki writes it in links and keys, or an id.
    kb_id (str): An id, if it is known beside the title.
    """
    found = _exact_name(titles, title) or _exact_name(titles, kb_id)
    if found or not title:
        return found
    try:  # titles in data are often keys ("Paris,_Texas") or begin with a small letter
        return _exact_name(titles, Wiki().article_title(title))
    except NotAnArticle:
        return ""


def _exact_name(titles: TitleSet, title_or_id: str) -> str:
    if not title_or_id:
        return ""
    return titles.resolve(title_or_id) or next(iter(titles.names_of(title_or_id)), "")
