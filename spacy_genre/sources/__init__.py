"""Sources of names: Wikimedia's files and the user's own lists."""

from .build import Options, build_from_sources

__all__ = ["Options", "build_from_sources"]
