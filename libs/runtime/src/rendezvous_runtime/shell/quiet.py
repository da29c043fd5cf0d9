"""The logger that the shell's services give to mode, which tells of every start and stop of every part."""

import logging
from typing import Final

MODE_LOG: Final = logging.getLogger("mode.shell")
