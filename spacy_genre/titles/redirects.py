"""Where redirects lead."""

from typing import Container, Dict, Mapping, Tuple

LEADS_TO_ITSELF = "it leads to itself"


def resolve_redirects(
    redirects: Mapping[str, str], names: Container[str]
) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Follow each redirect, and redirects to redirects, to a name.

    redirects (Mapping[str, str]): Redirect to target.
    names (Container[str]): The names at which they may end.
    RETURNS (Tuple[Dict[str, str], Dict[str, str]]): Redirect to name; and for each redirect
        that leads to none, why.
    """
    resolved: Dict[str, str] = {}
    lost: Dict[str, str] = {}
    for redirect in redirects:
        target, seen = redirect, {redirect}
        while target in redirects and (target == redirect or target not in names):
            target = redirects[target]
            if target in seen:
                break
            seen.add(target)
        if redirect in names:
            lost[redirect] = "it is a name as well"
        elif target in names:
            resolved[redirect] = target
        elif target in redirects:
            lost[redirect] = LEADS_TO_ITSELF
        else:
            lost[redirect] = f"its target {target!r} is no name of the set"
    return resolved, lost
