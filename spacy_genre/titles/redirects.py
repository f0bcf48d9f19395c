"""Resolution of redirects."""

from typing import Container, Dict, Mapping, Tuple

REDIRECTS_TO_ITSELF = "it redirects to itself"


def resolve_redirects(
    redirects: Mapping[str, str], names: Container[str]
) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Follow each redirect, through other redirects, to a name.

    redirects (Mapping[str, str]): Redirect -> target, a name or another redirect.
    names (Container[str]): The names.
    RETURNS (Tuple[Dict[str, str], Dict[str, str]]): Redirect -> name; and redirect -> reason for
        those that can't be resolved.
    """
    resolved: Dict[str, str] = {}
    unresolved: Dict[str, str] = {}
    for redirect, target in redirects.items():
        if redirect in names:
            unresolved[redirect] = "it is a name as well"
            continue
        if target not in names:  # the target of most redirects is a name
            target = _follow(redirect, redirects, names)
        if target in names:
            resolved[redirect] = target
        elif target in redirects:
            unresolved[redirect] = REDIRECTS_TO_ITSELF
        else:
            unresolved[redirect] = f"its target {target!r} is not a name of the set"
    return resolved, unresolved


def _follow(redirect: str, redirects: Mapping[str, str], names: Container[str]) -> str:
    """The end of a chain of redirects: a name, an unknown title, or a redirect of a cycle."""
    visited = {redirect}
    target = redirects[redirect]
    while target not in names and target in redirects and target not in visited:
        visited.add(target)
        target = redirects[target]
    return target
