"""Messages about the service and the page (codes V)."""


class ServiceErrors:
    """Requests that a service refuses, and why one can't be started."""

    V050 = (
        "[V050] The components of the pipeline {path} have different title sets ({names}), but a "
        "service has one. Give the set that all of them should use: --titles FILE."
    )
    V051 = (
        "[V051] The request has no 'mentions', and the pipeline of this service has no component "
        'that finds entities. Give the offsets of the mentions, as in "mentions": '
        '[{"start": 0, "end": 8}], or start the service with a pipeline that has a named entity '
        "recognizer: python -m spacy genre serve --pipeline en_core_web_sm"
    )
    V052 = (
        "[V052] This service has no {component!r}, so it can't {task} texts: {reason}. Start it "
        "with a pipeline that has one: python -m spacy genre serve --pipeline PIPELINE"
    )
    V053 = (
        "[V053] {path}, line {line}: {reason}. This file has the names that were added to a "
        "service and removed from it. Correct or remove the line, or give another file: "
        "--names FILE."
    )
    V054 = (
        "[V054] The file {path} is in use by another service. Stop it, or give this one another "
        "file: --names FILE. (Several services can't share a file: each would miss the names that "
        "are added to the others.)"
    )
    V055 = (
        "[V055] {path} can't be written: {reason}. The title set was not changed, so that no name "
        "is lost at the next start. Make space, or make the file writable."
    )
    V056 = '[V056] The package {package!r} is missing. Install it: pip install "{extra}"'
    V057 = (
        "[V057] The mention from {start} to {end} is outside the text, empty or blank. 'start' and "
        "'end' are offsets in characters (Unicode code points) of a text of {length}, with 0 <= "
        "start < end <= {length}."
    )
    V058 = "[V058] The {what} has {found} {unit}; the limit of this service is {limit}."
    V059 = (
        "[V059] The service has {tokens} tokens of other requests to read first; the limit is "
        "{limit}. Try again later."
    )
    V060 = (
        "[V060] {n} requests of this client are waiting already; the limit is {limit}. Wait for "
        "their results before sending more."
    )
    V061 = (
        "[V061] There was no result within {seconds:g} seconds, which is the limit of this "
        "service. Send a shorter text, or try again later."
    )
    V062 = "[V062] The service is stopping. Try again when it has been started again."
    V063 = (
        "[V063] The API key is missing or wrong. Send it in the header 'Authorization: Bearer KEY'."
    )
    V064 = "[V064] The body was not complete within {seconds:g} seconds. Send it faster."
    V065 = "[V065] The request can't be read: {reason}. Correct it and send it again."
    V066 = (
        "[V066] No mention is marked, and the pipeline finds no entities. Mark mentions with "
        "double brackets (She lives in [[Paris]].), or start the page with a pipeline that has a "
        "named entity recognizer: python -m spacy genre serve --page --pipeline PIPELINE"
    )
