"""HTTP in, the log inside, an answer in time."""

from importlib.metadata import version
from typing import Final

__version__: Final = version("rendezvous-gateway")
