"""``python -m perdure_cli`` is the `perdure` command."""

import sys

from perdure_cli.entry import main

sys.exit(main())
