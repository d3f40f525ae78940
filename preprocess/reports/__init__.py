"""From reports to the sentence index: layout, sentences, tokens."""
