"""
A whole system of services in one test: virtual time, an in-memory log, and the services' real handlers.

Nothing waits and nothing is random unless a seed is given, so a failing run can be repeated exactly.
"""

from rendezvous_runtime.testing.clock import VirtualClock
from rendezvous_runtime.testing.log import MemoryLog, MemoryRecord
from rendezvous_runtime.testing.member import Member
from rendezvous_runtime.testing.system import System

__all__ = ["Member", "MemoryLog", "MemoryRecord", "System", "VirtualClock"]
