"""``python -m listenwatch``."""

import sys

from listenwatch.cli import main

sys.exit(main())
