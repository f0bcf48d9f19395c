"""What the search found for the latest inputs."""

import threading
from collections import OrderedDict
from typing import Any, Dict, Hashable, Iterable, List, Mapping

from ..decoding import Hypothesis

Found = Dict[Hashable, List[Hypothesis]]


class SearchCache:
    """Keeps paths of the latest inputs for as long as the search would find the same ones again.

    Whatever else the paths depend on is the state; with another one all is dropped. Other threads
    may ask at the same time. Nothing of it goes into pickles and copies, which begin empty.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: Any = None
        self._paths: OrderedDict[Hashable, List[Hypothesis]] = OrderedDict()

    def __reduce__(self) -> Any:
        return SearchCache, ()

    def __len__(self) -> int:
        return len(self._paths)

    def look_up(self, state: Any, inputs: Iterable[Hashable]) -> Found:
        """The paths of those inputs that are known."""
        with self._lock:
            if state != self._state:
                self._state = state
                self._paths.clear()
            found = {key: self._paths[key] for key in inputs if key in self._paths}
            for key in found:
                self._paths.move_to_end(key)
        return found

    def remember(self, state: Any, found: Mapping[Hashable, List[Hypothesis]], size: int) -> None:
        """Add paths, and forget those that were not asked for the longest, down to a size."""
        with self._lock:
            if state != self._state:
                return  # while these were sought, something has changed
            self._paths.update(found)
            while len(self._paths) > size:
                self._paths.popitem(last=False)
