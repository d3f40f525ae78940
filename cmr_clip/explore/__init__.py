"""Looking at what an encoder learnt: a UMAP, its picture, and a page on which every point is a beating heart."""
