"""Looking at one study: finding it, contact sheets, films."""
