"""`python -m cmr_clip` is `cmr-clip`."""

import sys

from cmr_clip.cli import main

sys.exit(main())
