"""Weights out: a folder of safetensors with its description, a model card, ONNX."""
