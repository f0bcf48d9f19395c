"""Files as Wikimedia publishes them, written from given rows: for tests, and for trials at the size
of Wikipedia."""

import gzip
from html import escape
from pathlib import Path
from typing import Dict, Iterable, Optional, Sequence, Tuple, Union

Value = Union[int, float, bytes, None]

HEAD = """\
/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.5.26-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: db1206    Database: enwiki
-- ------------------------------------------------------
-- Server version\t10.6.19-MariaDB-log

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Table structure for table `{table}`
--

DROP TABLE IF EXISTS `{table}`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8 */;
CREATE TABLE `{table}` (
{columns}
) ENGINE=InnoDB DEFAULT CHARSET=binary ROW_FORMAT=COMPRESSED;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `{table}`
--

/*!40000 ALTER TABLE `{table}` DISABLE KEYS */;
"""
TAIL = """\
/*!40000 ALTER TABLE `{table}` ENABLE KEYS */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2025-06-01 12:03:11
"""
COLUMNS = {
    "page": """\
  `page_id` int(8) unsigned NOT NULL AUTO_INCREMENT,
  `page_namespace` int(11) NOT NULL DEFAULT 0,
  `page_title` varbinary(255) NOT NULL DEFAULT '',
  `page_is_redirect` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `page_is_new` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `page_random` double unsigned NOT NULL DEFAULT 0,
  `page_touched` varbinary(14) NOT NULL,
  `page_links_updated` varbinary(14) DEFAULT NULL,
  `page_latest` int(8) unsigned NOT NULL DEFAULT 0,
  `page_len` int(8) unsigned NOT NULL DEFAULT 0,
  `page_content_model` varbinary(32) DEFAULT NULL,
  `page_lang` varbinary(35) DEFAULT NULL,
  PRIMARY KEY (`page_id`),
  UNIQUE KEY `page_name_title` (`page_namespace`,`page_title`),
  KEY `page_random` (`page_random`),
  KEY `page_len` (`page_len`),
  KEY `page_redirect_namespace_len` (`page_is_redirect`,`page_namespace`,`page_len`)""",
    "redirect": """\
  `rd_from` int(8) unsigned NOT NULL DEFAULT 0,
  `rd_namespace` int(11) NOT NULL DEFAULT 0,
  `rd_title` varbinary(255) NOT NULL DEFAULT '',
  `rd_interwiki` varbinary(32) DEFAULT NULL,
  `rd_fragment` varbinary(255) DEFAULT NULL,
  PRIMARY KEY (`rd_from`),
  KEY `rd_ns_title` (`rd_namespace`,`rd_title`,`rd_from`)""",
    "page_props": """\
  `pp_page` int(8) unsigned NOT NULL,
  `pp_propname` varbinary(60) NOT NULL,
  `pp_value` blob NOT NULL,
  `pp_sortkey` float DEFAULT NULL,
  PRIMARY KEY (`pp_page`,`pp_propname`),
  UNIQUE KEY `pp_propname_page` (`pp_propname`,`pp_page`),
  UNIQUE KEY `pp_propname_sortkey_page` (`pp_propname`,`pp_sortkey`,`pp_page`)""",
}
ESCAPES = {
    b"\\": b"\\\\",
    b"\0": b"\\0",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"'": b"\\'",
    b'"': b'\\"',
    b"\x1a": b"\\Z",
}
# As a dump of English Wikipedia begins, with some of its namespaces.
SITEINFO = """
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>enwiki</dbname>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.27.0-wmf.22</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="-1" case="first-letter">Special</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Talk</namespace>
      <namespace key="2" case="first-letter">User</namespace>
      <namespace key="3" case="first-letter">User talk</namespace>
      <namespace key="4" case="first-letter">Wikipedia</namespace>
      <namespace key="5" case="first-letter">Wikipedia talk</namespace>
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="7" case="first-letter">File talk</namespace>
      <namespace key="8" case="first-letter">MediaWiki</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="12" case="first-letter">Help</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
      <namespace key="100" case="first-letter">Portal</namespace>
      <namespace key="118" case="first-letter">Draft</namespace>
      <namespace key="710" case="first-letter">TimedText</namespace>
      <namespace key="828" case="first-letter">Module</namespace>
    </namespaces>
  </siteinfo>"""


def siteinfo_xml(dbname: str, namespaces: Dict[int, str], base: str = "") -> str:
    """The start of a dump of another wiki.

    namespaces (Dict[int, str]): Number -> local name of its namespaces.
    base (str): The address of its main page.
    """
    lines = [
        f'      <namespace key="{number}" case="first-letter">{name}</namespace>'
        for number, name in namespaces.items()
    ]
    lines.append('      <namespace key="0" case="first-letter" />')
    names = "\n".join(lines)
    return f"""
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{dbname}</dbname>
    <base>{base}</base>
    <generator>MediaWiki 1.43.0-wmf.28</generator>
    <case>first-letter</case>
    <namespaces>
{names}
    </namespaces>
  </siteinfo>"""


# mysqldump begins another INSERT when the statement would become longer.
STATEMENT_BYTES = 1_000_000


def write_table(
    path: Path,
    table: str,
    rows: Iterable[Sequence[Value]],
    *,
    statement_bytes: int = STATEMENT_BYTES,
    between: bytes = b"",
) -> None:
    """Write a table as `mysqldump` does.

    rows (Iterable[Sequence[Value]]): All columns of each row.
    statement_bytes (int): An INSERT is ended when it is longer.
    between (bytes): What stands in front of each row: a newline in the latest versions.
    """
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEAD.format(table=table, columns=COLUMNS[table]).encode())
        start = f"INSERT INTO `{table}` VALUES ".encode()
        statement: list[bytes] = []
        size = 0
        for row in rows:
            statement.append(between + b"(" + b",".join(map(literal, row)) + b")")
            size += len(statement[-1]) + 1
            if size > statement_bytes:
                file.write(start + b",".join(statement) + b";\n")
                statement, size = [], 0
        if statement:
            file.write(start + b",".join(statement) + b";\n")
        file.write(TAIL.format(table=table).encode())


def literal(value: Value) -> bytes:
    """A value as mysqldump writes it."""
    if value is None:
        return b"NULL"
    if not isinstance(value, bytes):
        return repr(value).encode()
    if any(char in value for char in ESCAPES):
        value = b"".join(ESCAPES.get(value[i : i + 1], value[i : i + 1]) for i in range(len(value)))
    return b"'" + value + b"'"


def page_row(
    page_id: int, title: str, *, namespace: int = 0, redirect: bool = False
) -> Tuple[Value, ...]:
    """A row of the table of pages, most of it as in every other row."""
    key = title.replace(" ", "_").encode("utf8")
    changed = b"20250520064312"
    return (
        *(page_id, namespace, key, int(redirect), 0, 0.33167112649574004, changed, changed),
        *(1219062925, 111, b"wikitext", None),
    )


def redirect_row(
    page_id: int,
    target: str,
    *,
    namespace: int = 0,
    interwiki: Optional[bytes] = b"",
    fragment: bytes = b"",
) -> Tuple[Value, ...]:
    """A row of the table of redirects."""
    return (page_id, namespace, target.replace(" ", "_").encode("utf8"), interwiki, fragment)


def write_title_list(path: Path, titles: Iterable[str]) -> None:
    """The list of all titles of the main namespace."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"page_title\n")
        for title in titles:
            file.write(title.replace(" ", "_").encode("utf8") + b"\n")


def articles_xml(
    pages: Sequence[Tuple[str, int, Optional[str], str]], siteinfo: str = SITEINFO
) -> bytes:
    """A dump of articles.

    pages (Sequence[Tuple[str, int, Optional[str], str]]): Title, namespace, the target if it is a
        redirect, and wikitext. Their numbers begin at 10.
    """
    namespace = "http://www.mediawiki.org/xml/export-0.11/"
    body = "".join(page_xml(number, *page) for number, page in enumerate(pages, start=10))
    head = f'<mediawiki xmlns="{namespace}" version="0.11" xml:lang="en">'
    return f"{head}{siteinfo}{body}\n</mediawiki>\n".encode()


def page_xml(number: int, title: str, namespace: int, redirect: Optional[str], text: str) -> str:
    """One page of such a dump."""
    n_bytes, sha1 = len(text.encode("utf8")), "kmysdltgexdwkv2xsml3j44jb56dxvn"
    target = "" if redirect is None else f'\n    <redirect title="{escape(redirect)}" />'
    return f"""
  <page>
    <title>{escape(title)}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>{target}
    <revision>
      <id>{number + 1000}</id>
      <parentid>{number + 100}</parentid>
      <timestamp>2024-04-15T14:38:04Z</timestamp>
      <contributor>
        <username>Asparagusus</username>
        <id>43603280</id>
      </contributor>
      <minor />
      <comment>/* See also */ &lt;ref&gt;</comment>
      <origin>{number + 1000}</origin>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{n_bytes}" sha1="{sha1}" xml:space="preserve">{escape(text)}</text>
      <sha1>{sha1}</sha1>
    </revision>
  </page>"""
