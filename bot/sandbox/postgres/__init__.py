"""PostgreSQL from PyPI: a private copy of its tree, and servers run from it."""

from bot.sandbox.postgres.account import ServerFailed
from bot.sandbox.postgres.server import Server
from bot.sandbox.postgres.tree import Tree, WheelMissing

__all__ = ["Server", "ServerFailed", "Tree", "WheelMissing"]
