"""The encoder's hot spots: pooling, attention and linear layers, each with a plain path of equal output."""
