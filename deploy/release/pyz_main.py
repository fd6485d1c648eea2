"""The start of listenwatch.pyz. Older Pythons read this file too, to say that they are too old."""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write("listenwatch: cannot start: it needs Python 3.11 or later, and this is %d.%d\n" % sys.version_info[:2])
    sys.exit(3)

import unpacking

sys.exit(unpacking.main("@BUILD@"))
