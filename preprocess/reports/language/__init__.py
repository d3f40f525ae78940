"""What the rules for reports know of a language: words and patterns, one module for each language."""
