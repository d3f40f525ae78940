"""Weights in and out: files, receipts, loaders, exports."""
