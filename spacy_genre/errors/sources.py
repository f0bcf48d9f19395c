"""Messages about source files of names (codes F) and their download (codes N)."""


class SourceErrors:
    """Files that can't be read, written or downloaded."""

    # Source files of names
    F001 = "[F001] Can't read {path}: there is no such file. Nothing was written."
    F002 = (
        "[F002] {path} is truncated or damaged at byte {offset}: {reason}. Nothing was written. "
        "Download or copy it again, and compare its checksum with the one that is published with "
        "it."
    )
    F003 = (
        "[F003] {path} is a web page, not a list of names: perhaps the error page of a failed "
        "download. Nothing was written. Look at it in a browser, and download the file again."
    )
    F004 = (
        "[F004] {path} can't be read: {reason}. Nothing was written. Names are read from "
        "Wikimedia's *-page.sql.gz, *-redirect.sql.gz, *-page_props.sql.gz, "
        "*-all-titles-in-ns0.gz and *-pages-articles*.xml.bz2, and from your own lists as plain "
        "text, CSV, TSV or JSONL."
    )
    F005 = (
        "[F005] {path}, line {line}, byte {offset} of the decompressed file: {reason}. Nothing was "
        "written. Download the dump again, and compare its checksum with the one that is "
        "published with it."
    )
    F006 = (
        "[F006] {path} is not well-formed XML, or is truncated, before byte {offset}: {reason}. "
        "Nothing was written. Download the dump again, and compare its checksum with the one that "
        "is published with it."
    )
    F007 = (
        "[F007] {path} does not begin with a <siteinfo> that lists namespaces, so articles can't "
        "be distinguished from other pages. Nothing was written. Give an unmodified dump of "
        "Wikimedia."
    )
    F008 = (
        "[F008] {path} holds the table {table!r}, which has no names. Nothing was written. Names "
        "are read from the tables page, redirect and page_props."
    )
    F009 = (
        "[F009] {path} holds the table {table!r}, which refers to pages by id only. Nothing was "
        "written. Give a dump with the titles of these ids, too: *-page.sql.gz of the same wiki "
        "and date (or its *-pages-articles*.xml.bz2)."
    )
    F010 = (
        "[F010] {path}, line {line}: {reason}. Nothing was written. Correct the line (files are "
        "read as UTF-8) or remove it."
    )
    F011 = (
        "[F011] {path} can't be written: {reason}. Nothing was written, and an existing file was "
        "not changed. {size} bytes are needed."
    )
    F016 = (
        "[F016] {path} looks like a table, but {reason}. Nothing was written. Its first rows:\n"
        "{rows}\nName its columns: --name-column COLUMN and --id-column COLUMN, each a name of its "
        "header, or a number (from 1) if it has no header. If each line is a name, write it as "
        'JSON: {{"name": "..."}}.'
    )
    F017 = (
        "[F017] {path} is a file of pageviews of all wikis, so the wiki must be named: "
        "--pageviews-of LANGUAGE, as in the address of the Wikipedia (en for en.wikipedia.org)."
    )
    F018 = (
        "[F018] --most-read needs pageviews, but the sources have no views of any title. Nothing "
        "was written. Give hourly files of pageviews (pageviews-*.gz) with views of this wiki, and "
        "--pageviews-of LANGUAGE, or leave out --most-read."
    )

    # Missing packages
    F012 = (
        "[F012] The package {package!r} is missing, and without it Wikipedia's XML can't be read. "
        'Install what title sets need: pip install "spacy_genre[titles]"'
    )
    F014 = (
        "[F014] The package 'accelerate' is missing: pip install \"spacy_genre[accelerate]\". "
        "Without it a model can be trained by one process: python -m spacy genre train."
    )
    F015 = (
        "[F015] The package 'matplotlib' is missing, and without it plots can't be drawn. Install "
        'it: pip install "spacy_genre[evaluation]", or use --html, which needs nothing.'
    )
    F019 = (
        "[F019] The package 'bm25s' is missing, and without it pages can't be ranked by BM25. "
        'Install it: pip install "spacy_genre[bm25]"'
    )

    # Downloads
    N001 = (
        "[N001] {url} can't be read: {reason}. Completed downloads are kept: the same command "
        "resumes. If it fails again, try another mirror (--mirror URL)."
    )
    N002 = (
        "[N002] {url} does not exist: the mirror has no Wikipedia {language!r}. Give the language "
        "as in the address of the Wikipedia: 'de' for de.wikipedia.org, 'simple' for "
        "simple.wikipedia.org. The URL of a mirror (--mirror URL) is that of the folder that "
        "contains the folders of the wikis, such as https://dumps.wikimedia.org."
    )
    N003 = (
        "[N003] {url} is a web page, not {expected}. It may come from a proxy or a network login, "
        "or the URL of the mirror may be wrong. Open it in a browser, or try another mirror "
        "(--mirror URL). Completed downloads are kept."
    )
    N004 = (
        "[N004] No dump of {wiki} at {url} has all files that are needed: {reasons}. Try an "
        "earlier date (--date YYYYMMDD), another mirror (--mirror URL), or wait until the dump is "
        "finished."
    )
    N005 = (
        "[N005] {url} does not exist. The mirror may not have this file (yet): try another one "
        "(--mirror URL) or another date (--date YYYYMMDD)."
    )
    N006 = (
        "[N006] {url} is not the file that the dump describes: its {what} is {found} instead of "
        "{expected}. The file was not used. Try again later, or another mirror (--mirror URL)."
    )
    N007 = (
        "[N007] There is not enough space in {folder}: {needed} are needed, and {free} are free. "
        "Make space, or give a folder on another disk (--data-dir FOLDER, or the environment "
        "variable SPACY_GENRE_DATA). Completed downloads are kept."
    )
    N008 = (
        "[N008] The mirror has none of the pageviews files {url}, which --most-read needs. Give "
        "the folder of another mirror (--pageviews-url URL), or leave out --most-read."
    )
    N009 = "[N009] {option} is {value!r}; it must be {allowed}."
    N010 = (
        "[N010] Another process is downloading {wiki} to {folder}. Wait until it has ended, or "
        "give another folder (--data-dir FOLDER)."
    )
    N011 = (
        "[N011] {path} exists; nothing was downloaded. Replace it with --force, or give the new "
        "set another name (--name NAME)."
    )
