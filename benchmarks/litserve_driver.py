"""Serve one task with LitServe over a transformers fill-mask pipeline, on 127.0.0.1.

Started by `litserve_pair.py`, whose task (prompt, pieces of the label words) comes as a JSON file;
needs torch, transformers and litserve, and nothing of pet_mtl.
"""

import json
import sys
from pathlib import Path
from typing import Any

import litserve
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, FillMaskPipeline


class LabelWords(FillMaskPipeline):
    """A fill-mask pipeline that gives label words of several pieces: the mean of their pieces'
    log-probabilities at the masks, of a label the mean of its words."""

    def postprocess(self, model_outputs: Any, labels: Any = None, **more: Any) -> dict[str, float]:
        at = model_outputs["input_ids"][0] == self.tokenizer.mask_token_id
        log_probs = model_outputs["logits"][0, at].float().log_softmax(-1)
        names, words, owners = labels
        of_word = log_probs[torch.arange(words.shape[-1]), words].mean(-1)
        scores = torch.zeros(len(names)).index_add(0, owners, of_word) / owners.bincount()
        return dict(zip(names, scores.softmax(-1).tolist(), strict=True))

    def _sanitize_parameters(self, labels: Any = None, **more: Any) -> Any:
        before, forward, after = super()._sanitize_parameters(**more)
        return before, forward, {**after, "labels": labels}


class Predict(litserve.LitAPI):
    """Rows of a request to labels; requests are batched together by LitServe, rows by the
    pipeline."""

    def __init__(self, task: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.task = task

    def setup(self, device: str) -> None:
        torch.set_num_threads(self.task["threads"])
        kind = getattr(torch, self.task["dtype"])
        mlm = AutoModelForMaskedLM.from_pretrained(self.task["model"], dtype=kind).eval()
        tokenizer = AutoTokenizer.from_pretrained(self.task["model"])
        self.pipeline = LabelWords(model=mlm, tokenizer=tokenizer, device=device)
        words, owners = (torch.tensor(self.task[name]) for name in ("words", "owners"))
        self.words = self.task["labels"], words, owners

    def decode_request(self, request: dict[str, Any]) -> list[str]:
        field = self.task["field"]
        texts = [row if isinstance(row, str) else row[field] for row in request["rows"]]
        return [self.task["before"] + text + self.task["behind"] for text in texts]

    def batch(self, inputs: list[list[str]]) -> list[list[str]]:
        return inputs

    def predict(self, x: list[list[str]]) -> list[list[dict[str, float]]]:
        prompts = [prompt for request in x for prompt in request]
        cut = {"truncation": True, "max_length": self.task["max_length"]}
        found = self.pipeline(
            prompts, labels=self.words, batch_size=self.task["rows"], tokenizer_kwargs=cut
        )
        rest = iter(found if len(prompts) > 1 else [found])  # of one it returns what is in the list
        return [[next(rest) for _ in request] for request in x]

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: list[dict[str, float]]) -> dict[str, Any]:
        predictions = []
        for probabilities in output:
            label = max(probabilities, key=lambda name: probabilities[name])
            only = {label: probabilities[label]}
            predictions.append({"label": label, "probability": only[label], "probabilities": only})
        return {"task": self.task["task"], "predictions": predictions}


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    api = Predict(
        task, max_batch_size=task["requests"], batch_timeout=0.002, api_path="/v1/predict"
    )
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=task["port"], generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
