"""Checkpoints for programs that know nothing of us.

- `run`                 what `pet-mtl export` does
- `possible`            which tasks can be exported, and why others cannot
- `onnx_folder`         `model.onnx`, `tokenizer.json`, `labels.json` and `run.py`
- `label_graph`         a task's scoring as one graph
- `writing`             how a row becomes token ids, as plain values
- `standalone`          the `run.py` of an export: onnxruntime, tokenizers and numpy alone
- `transformers_folder` a plain fill-mask model that answers with the labels
"""
