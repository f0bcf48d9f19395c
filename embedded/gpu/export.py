import sys, json, shutil
from pathlib import Path
import numpy as np, torch
sys.path.insert(0, "/work/wt/house")
from transformers import BartForConditionalGeneration, BartConfig
run, out = Path(sys.argv[1]), Path(sys.argv[2])
P = {}
for f in sorted(run.glob("final-*.npz")):
    z = np.load(f); P.update({k: torch.from_numpy(z[k]).float() for k in z.files})
W = torch.load("/work/gpu/send1/warm.pt"); E = (W["shared"]["q"].float() * W["shared"]["s"].float())
ids = json.load(open("/work/gpu/send1/ids.json")); sp = [ids[k] for k in ("start", "end", "ret", "ann", "om", "cm", "on", "cn", "bar")]
E[sp] = P.pop("special")
src = Path("/work/wt/house/spacy_genre/assets/genre_mini")
if out.exists(): shutil.rmtree(out)
out.mkdir()
for n in ("added_tokens.json", "generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"): shutil.copy(src / n, out / n)
cfg = json.load(open(src / "config.json"))
cfg["genre"] = {"context_tokens": 32, "opening_tokens": 16, "temperature": 0.5, "nil_score": -1.7, "tasks": ["linking", "retrieval", "annotation"],
  "retrieval": {"marker": "[unused2]", "max_tokens": 96},
  "annotation": {"marker": "[unused3]", "open_mention": "[unused4]", "close_mention": "[unused5]", "open_name": "[unused6]", "close_name": "[unused7]", "window_tokens": 126}}
m = BartForConditionalGeneration(BartConfig(**{k: v for k, v in cfg.items() if k not in ("architectures", "torch_dtype", "transformers_version")}))
sd = {"model." + k: v for k, v in P.items()}; sd["model.shared.weight"] = E
for s in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"): sd[s] = E
sd["final_logits_bias"] = torch.zeros(1, len(E))
print(m.load_state_dict(sd, strict=True)); m.tie_weights(); m = m.half()
m.save_pretrained(out, safe_serialization=True)
json.dump(cfg, open(out / "config.json", "w"), indent=2); shutil.copy(src / "generation_config.json", out)
