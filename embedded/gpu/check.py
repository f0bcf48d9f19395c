# python check.py : compares with transformers and with the linker's encoding, on the CPU
import sys, runpy, os, json
sys.argv = ["gtrain.py", "/work/gpu/all", "/work/wt/house/spacy_genre/assets/genre_mini/model.safetensors", "/tmp/gcheck", "--device", "cpu", "--max-steps", "0", "--batch", "16", "--neg-batch", "8", "--ret", "4", "--ann", "4", "--evalsize", "0", "--endsize", "0", "--seconds", "1e-9"]
os.environ["OMP_NUM_THREADS"] = "2"
g = runpy.run_path("/work/gpu/gtrain.py")
import torch
torch.manual_seed(1)
P, cast, encode, decode, cross_kv = (g[k] for k in ("P", "cast", "encode", "decode", "cross_kv"))
from transformers import BartForConditionalGeneration
m = BartForConditionalGeneration.from_pretrained("/work/wt/house/spacy_genre/assets/genre_mini", torch_dtype=torch.float32).eval()
sd = m.state_dict()
with torch.no_grad():
    for k, p in P.items():
        if k != "special": sd["model." + k].copy_(p)
    sd["model.shared.weight"][g["SPECIAL"]] = P["special"]; 
m.tie_weights()
ix = torch.randint(0, len(g["m_doc"]), (12,)); S = int(g["lengths"](ix).max()); inp, mask = g["link_inputs"](ix, S, 0)
lab = g["names"](g["m_title"][ix][:, None], 20)
with torch.no_grad():
    w = cast(); h = decode(w, cross_kv(w, encode(w, inp, mask, False)), mask, g["shift"](lab), False)
    mine = torch.nn.functional.linear(h[:, 0], w["E"])
    ref = m(input_ids=inp, attention_mask=mask.long(), decoder_input_ids=g["shift"](lab)[:, 0]).logits
print("max difference", (mine - ref).abs().max(), ref.abs().max())
tok = __import__("transformers").AutoTokenizer.from_pretrained("/work/gpu/warm")
for i in range(12): print(g["CL"][g["m_class"][ix[i]]], "|", tok.decode(inp[i][mask[i]]), "=>", tok.decode([x for x in lab[i, 0].tolist() if x >= 0]))
rx = g["draw"](g["ret_cum"], 4); ri, rm = g["ret_inputs"](rx, 0)
for i in range(4): print("RET", tok.decode(ri[i][rm[i]]), "=>", tok.decode([x for x in g["names"](g["r_title"][rx[i]][None], 20)[0].tolist() if x >= 0]))
ai, am, al, aw = g["ann_batch"](4)
for i in range(4):
    print("ANN", tok.decode(ai[i][am[i]])); print("  =>", " ".join((t if k else f"({t})") for t, k in zip(tok.convert_ids_to_tokens(al[i][al[i] >= 0].tolist()), aw[i][al[i] >= 0].tolist())))
