"""The page: `python -m spacy genre serve --page` runs this file with Streamlit."""

import argparse
from pathlib import Path
from typing import Any, Dict, Optional

import streamlit as st

from spacy_genre import TitleSet
from spacy_genre.serve import rendering
from spacy_genre.serve.analysis import Analysis, Analyzer, Settings, find_pipeline, parse_marked
from spacy_genre.serve.engine import ANNOTATE, LINK, RETRIEVE, load_engine
from spacy_genre.titles.loaders import EMBEDDED
from spacy_genre.tokenization import NameTokenizer
from spacy_genre.user_data import title_set_names, title_set_path

TASKS = {
    LINK: "Link entities",
    ANNOTATE: "Find and link mentions",
    RETRIEVE: "Retrieve pages",
}
# For a pipeline that finds no entities, the mentions are marked.
SAMPLE = (
    "[[Einstein]] received the [[Nobel Prize]] in 1921, while he lived in [[Berlin]]. [[Marie "
    "Curie]] was born in [[Warsaw]] and studied at the [[Sorbonne]] in [[Paris]]. [[Paris, Texas]],"
    " has an Eiffel Tower too. [[Apple]] and [[Microsoft]] compete with [[Google]] and [[IBM]]."
)
MAX_CHARACTERS = 5000
TITLE_OF = "title of "  # the keys of the widgets that choose a candidate
PACKAGE, OWN = "in the package", "your names"


def main(pipeline: Optional[str], model: Optional[str], titles: Optional[str]) -> None:
    """Show the page."""
    st.set_page_config("spacy_genre", layout="wide")
    st.title("Entity linking by generating names")
    try:
        analyzer = load_analyzer(pipeline, model)
        settings, title_set = show_sidebar(analyzer, titles)
        finds_entities = analyzer.engine.finds_entities
        text = show_input(parse_marked(SAMPLE)[0] if finds_entities else SAMPLE)
        analysis = analyze(analyzer, text, title_set, settings)
    except (OSError, ValueError) as err:
        st.error(str(err))
        return
    if settings.task == LINK and not finds_entities:
        st.caption("Mark mentions with double brackets: She lives in [[Paris]].")
    show_results(analyzer, analysis, title_set, settings)


@st.cache_resource(show_spinner="Loading the model …")
def load_analyzer(pipeline: Optional[str], model: Optional[str]) -> Analyzer:
    """The pipeline of all visitors."""
    return Analyzer(load_engine(pipeline or find_pipeline(), model=model))


# Input


def show_sidebar(analyzer: Analyzer, path: Optional[str]) -> tuple[Settings, TitleSet]:
    """The settings, the title set, and names to add."""
    with st.sidebar:
        tasks = list(analyzer.engine.components)
        task = st.radio("Task", tasks, format_func=TASKS.get, key="task")
        task = task or tasks[0]
        if missing := [TASKS[other].lower() for other in TASKS if other not in tasks]:
            st.caption(f"The model was not trained to {' or to '.join(missing)}.")
        component = analyzer.engine.components[task]
        default_beams, default_threshold = load_defaults(component)
        beams = st.slider("Beams", 1, 20, default_beams, key="beams")
        threshold = st.slider("Threshold", 0.0, 1.0, default_threshold, 0.05, key="threshold")
        title_set = choose_titles(analyzer, path)
        show_names(title_set)
    return Settings(task, beams, threshold), title_set


def load_defaults(component: Any) -> tuple[int, float]:
    """The number of beams and the threshold of a component, before visitors change them."""
    key = f"defaults of {component.name}"
    if key not in st.session_state:
        threshold = component.threshold
        st.session_state[key] = component.num_beams, 0.4 if threshold is None else threshold
    return st.session_state[key]


def choose_titles(analyzer: Analyzer, path: Optional[str]) -> TitleSet:
    """The title set that is chosen. Each visitor has sets of their own, on the same files."""
    sets: Dict[str, TitleSet] = st.session_state.setdefault("sets", {})
    files = {name: title_set_path(name) for name in title_set_names()}
    files = {**({Path(path).name: Path(path)} if path else {}), PACKAGE: EMBEDDED, **files}
    names = [*([OWN] if OWN in sets else []), *files]
    name = st.selectbox("Title set", names, key="titles") or names[0]
    if name not in sets:
        sets[name] = TitleSet.open(files[name], tokenizer=name_tokenizer(analyzer))
    with st.expander("Use your own names"):
        st.text_area("One name a line", key="own_names")
        st.button("Build a title set", on_click=build_titles, args=(analyzer,), key="build")
        if problem := st.session_state.pop("own_problem", ""):
            st.error(problem)
    return sets[name]


def name_tokenizer(analyzer: Analyzer) -> NameTokenizer:
    """The model's tokenizer."""
    component = next(iter(analyzer.engine.components.values()))
    tokenizer: NameTokenizer = component.shim.name_tokenizer
    return tokenizer


def build_titles(analyzer: Analyzer) -> None:
    """Build a title set of the names of the visitor, and choose it."""
    names = [line.strip() for line in st.session_state.own_names.splitlines() if line.strip()]
    try:
        if not names:
            raise ValueError("Write at least one name.")
        built = TitleSet.build(names, name_tokenizer(analyzer), on_invalid="skip")
    except ValueError as err:
        st.session_state.own_problem = str(err)
        return
    st.session_state.sets[OWN] = built
    st.session_state.titles = OWN
    changed()


def show_names(titles: TitleSet) -> None:
    """A form to add a name."""
    st.caption(f"{len(titles):,} names")
    with st.form("add", clear_on_submit=True):
        st.text_input("Add a name", key="new_name")
        st.form_submit_button("Add", on_click=add_name, args=(titles,))
    if message := st.session_state.pop("added", ""):
        st.success(message)
    if problem := st.session_state.pop("add_problem", ""):
        st.error(problem)


def add_name(titles: TitleSet) -> None:
    """Add the name of the form. It can be generated at once."""
    name = st.session_state.new_name.strip()
    try:
        titles.add(name)
        st.session_state.added = f"“{name}” can be generated now."
        changed()
    except ValueError as err:
        st.session_state.add_problem = str(err)


def changed() -> None:
    """Note that a title set has changed, so that the text is read again."""
    st.session_state.version = st.session_state.get("version", 0) + 1


def show_input(sample: str) -> str:
    """The text: at first a sample, then what is written or uploaded."""
    st.session_state.setdefault("text", sample)
    st.text_area("Text", key="text", height=140, max_chars=MAX_CHARACTERS)
    st.file_uploader("or a text file", type=["txt", "md"], key="file", on_change=read_file)
    if problem := st.session_state.pop("file_problem", ""):
        st.error(problem)
    return str(st.session_state.text)


def read_file() -> None:
    """Put the beginning of an uploaded file into the text area."""
    file = st.session_state.file
    if file is None:
        return
    try:
        st.session_state.text = file.getvalue().decode("utf-8-sig")[:MAX_CHARACTERS]
    except UnicodeDecodeError as err:
        st.session_state.file_problem = f"{file.name} is not UTF-8 (byte {err.start})."


# Results


def analyze(analyzer: Analyzer, text: str, titles: TitleSet, settings: Settings) -> Analysis:
    """The analysis of the text. That of the last run is used again if nothing has changed."""
    key = (text, st.session_state.titles, st.session_state.get("version", 0), settings)
    if st.session_state.get("analysis_key") != key:
        st.session_state.analysis = analyzer.analyze(text, titles, settings)
        st.session_state.analysis_key = key
        # The best candidate is explained again.
        for widget in [key for key in st.session_state if str(key).startswith(TITLE_OF)]:
            del st.session_state[widget]
    found: Analysis = st.session_state.analysis
    return found


def show_results(
    analyzer: Analyzer, analysis: Analysis, titles: TitleSet, settings: Settings
) -> None:
    """The text with its entities and, for one of them, the candidates and the way of a name."""
    entities = analysis.entities
    choices = [i for i, entity in enumerate(entities) if entity.candidates]
    if not choices:
        st.info("Nothing to link was found in this text.")
        return
    if st.session_state.get("entity") not in choices:
        st.session_state.entity = choices[0]
    if settings.task != RETRIEVE:
        show_text(analysis)
        label = "Entity (or click on it in the text)"
        st.pills(
            label,
            choices,
            format_func=lambda i: analysis.text[entities[i].start : entities[i].end],
            key="entity",
            required=True,
        )
    index = st.session_state.entity
    entity = entities[index]
    named = [candidate.title for candidate in entity.candidates]
    left, right = st.columns([2, 1])
    with right:
        title = st.selectbox("Explain the name", named, key=f"{TITLE_OF}{index}") or named[0]
    with left:
        st.subheader("Candidates")
        st.html(rendering.render_candidates(entity, title, settings.threshold))
    st.subheader(f"How “{title}” was generated")
    try:
        explanation = analyzer.explain(analysis, index, title, titles, settings)
    except ValueError as err:
        st.info(str(err))
        return
    st.html(rendering.render_path(explanation))
    st.caption(
        "Each box is a step: its choices are tokens with which a name of the title set continues; "
        "the blue one was generated. The rest of the probability is that of tokens that lead to no "
        f"name. log-probability {explanation.logprob:.2f}, score {explanation.score:.2f}."
    )
    with st.expander("What the model read"):
        st.code(explanation.input, language=None, wrap_lines=True)


def show_text(analysis: Analysis) -> None:
    """The text, in which entities can be clicked."""
    view = st.components.v2.component(
        "genre_text", html='<div class="box"></div>', css=rendering.CSS, js=rendering.CLICKS
    )
    html = rendering.render_text(analysis, st.session_state.entity)
    view(data={"html": html}, key="text_view", on_clicked_change=select_clicked)


def select_clicked() -> None:
    """Select the entity that was clicked."""
    clicked = st.session_state.text_view.get("clicked")
    if clicked is not None:
        st.session_state.entity = int(clicked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--pipeline", "--model", "--titles"):
        parser.add_argument(option)
    main(**vars(parser.parse_known_args()[0]))
