import spacy, sys, time
nlp = spacy.blank("en")
m = sys.argv[1]
a = nlp.add_pipe("genre_annotator", config={"model": {"name": m}})
for t in ["In 1503 Leonardo began painting the Mona Lisa in Florence.", "Apple was founded by Steve Jobs and Steve Wozniak in Cupertino, California.", "Barack Obama met Angela Merkel in Berlin to discuss the war in Ukraine. The president said Germany was an important ally.",
  "Tesla's shares fell after Elon Musk said he would buy Twitter.", "My neighbour John Smith bought a new car at the garage in our street.", "Paris Hilton flew from Paris to New York on Monday."]:
    d = nlp(t); print(t, [(e.text, e.kb_id_, round(e._.genre_candidates[0].probability, 2)) for e in d.ents])
nlp = spacy.blank("en"); r = nlp.add_pipe("genre_retriever", config={"model": {"name": m}})
for t in ["Who painted the Mona Lisa?", "What is the capital of Australia?", "Which company makes the iPhone?", "Who was the first man on the moon?", "The war between Rome and Carthage in which Hannibal crossed the Alps"]:
    d = nlp(t); print(t, [(p.title if hasattr(p, 'title') else p.name, round(p.probability, 2)) for p in d._.genre_pages[:4]])
