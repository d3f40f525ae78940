"""`python -m preprocess` is `cmr-preprocess`."""

import sys

from preprocess.cli import main

sys.exit(main())
