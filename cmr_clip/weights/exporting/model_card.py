"""The model card: what the weights are, how to load and feed them; no identifiers and no places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cmr_clip.encoders.registry import read_description
from cmr_clip.models.head_registry import heads_from_description

__all__ = ["model_card"]

_MADE_FROM = {
    "cmr_clip": "trained with cmr-clip",
    "authors_contrastive": "converted from the contrastive checkpoint of the paper's authors",
    "authors_finetuned": "converted from a fine-tuned checkpoint of the paper's authors, whose published code does not "
    "train the attention head",
}


def model_card(
    config: Mapping[str, Any], preprocessing: Mapping[str, Any], licence: str | None, notes: str | None
) -> str:
    """The card as Markdown with the front matter that model hubs read.

    Args:
        config: content of `config.json`.
        preprocessing: content of `preprocessing.json`.
        licence: identifier or name; None says that it was not stated.
        notes: what the maker says of training data and limits.
    """
    views = preprocessing["views"] or ["all that the study store knows (4CH, 3CH, 2CH, SAX)"]
    sections = [
        f"---\nlicense: {licence or 'unknown'}\nlibrary_name: cmr-clip\ntags:\n- cardiac-mri\n- video\n---\n",
        "# Cardiac MRI video encoder\n",
        _what(config),
        "## Input\n",
        "\n".join(f"{number}. {step}" for number, step in enumerate(preprocessing["steps"], start=1)),
        f"\nViews: {', '.join(views)}.\n",
        _output(config, preprocessing),
        _loading(config),
        "## Training data and limits\n",
        (notes or "Not stated by whoever exported these weights.").strip() + "\n",
        "Not a medical device; for research.\n",
    ]
    return "\n".join(section for section in sections if section)


def _what(config: Mapping[str, Any]) -> str:
    encoder = read_description(config["video_encoder"], "config.json")
    frames, rows, columns = encoder.clip_shape
    made = _MADE_FROM.get(config["made_from"], config["made_from"])
    text = config["text_encoder"]
    tower = f" Text tower: BERT ({text['source']}), pooling {text['pooling']}." if text else ""
    legacy = (
        " Spatial and temporal positional embeddings are those of the Kinetics-400 file, as in the published results."
        if config["legacy_positional_embeddings"]
        else ""
    )
    return (
        f"{encoder.summary()}, for clips of {frames} frames of {rows} × {columns} pixels, "
        f"{encoder.empty().out_features} features, {config['embed_dim']}-dimensional embeddings; {made} "
        f"(cmr-clip {config['cmr_clip_version']}).{legacy}{tower}\n"
    )


def _output(config: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> str:
    lines = ["## Output\n", f"- L2-normalised embedding of a clip, {config['embed_dim']} numbers"]
    for head in heads_from_description(config["heads"], "the exported model"):
        lines.append(f"- `{head.target}` of a study: {head.prediction}, with the attention over its clips")
    tokenizer = preprocessing["tokenizer"]
    if tokenizer:
        lines.append(f"- L2-normalised embedding of a report; tokenizer {tokenizer['source']}")
    return "\n".join(lines) + "\n"


def _loading(config: Mapping[str, Any]) -> str:
    calls = ["model, receipt = load_pretrained(folder)  # model(clips): [B, 1 or 3, T, H, W] to embeddings"]
    names = ["load_pretrained"]
    if config["heads"]:
        calls.append("study_model, receipt = load_study_model(folder)  # study_model.results(clips of one study)")
        names.append("load_study_model")
    if config["text_encoder"]:
        calls.append("pair, preprocessing, tokenizer = load_contrastive(folder)")
        names.append("load_contrastive")
    code = "\n".join([f"from cmr_clip import {', '.join(sorted(names))}", "", *calls])
    return f"## Loading\n\n```python\n{code}\n```\n"
