"""``python -m perdure_devnet DIRECTORY``: what `perdure_devnet.serve.detach` starts. People use ``perdure devnet up``."""

import argparse
import logging
import sys
from pathlib import Path

from perdure_anchor.errors import PerdureError

from perdure_devnet.serve import LOOPBACK, serve


def main() -> int:
    """Serve until a signal; the exit code is 2 for whatever stands in the way."""
    parser = argparse.ArgumentParser(prog="perdure_devnet")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int)
    parser.add_argument("--period", type=int)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        serve(
            options.directory,
            host=options.host,
            port=options.port,
            period=options.period,
            on_ready=lambda url: logging.getLogger(__name__).info("ready at %s", url),
        )
    except PerdureError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - people read this line, not a traceback
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
