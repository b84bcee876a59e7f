"""The Web API as a whole: importing this module registers every method with `call`."""

from bot.sandbox.slack.api import auth, conversations, files, messages, reactions, users, views
from bot.sandbox.slack.api.dispatch import call

__all__ = ["auth", "call", "conversations", "files", "messages", "reactions", "users", "views"]
